/* Writes and reads chunks in a loop, as many times as told: what that takes does not grow. */
#include "dataset.h"

int main(int argc, char **argv) {
    const unsigned lossless[] = {5}, decimal[] = {5, 2, 2, 2, 0}, wrong[] = {9};
    H5E_auto2_t printer;
    void *data;
    int i;
    assert(argc == 2);
    H5Eget_auto2(H5E_DEFAULT, &printer, &data);
    for (i = 0; i < atoi(argv[1]); i++) {
        assert(write_dataset("loop.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, lossless));
        read_dataset("loop.h5");
        assert(write_dataset("loop.h5", H5T_IEEE_F64BE, H5Z_FLAG_MANDATORY, 5, decimal));
        read_dataset("loop.h5");
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
        assert(!write_dataset("loop.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, wrong));
        H5Eset_auto2(H5E_DEFAULT, printer, data);
    }
    puts("PASS");
    return 0;
}
