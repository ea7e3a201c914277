/* Linked with libhdf5.a. With "exported" its functions can be found; otherwise creating needs completed
 * words, and reading needs nothing. */
#include "dataset.h"
#include "h5flac.h"

#include <dlfcn.h>

typedef int (*complete_t)(unsigned *, const unsigned *, uint64_t, const h5flac_layout *,
                          const void *);

int main(int argc, char **argv) {
    const unsigned words[] = {5, 0, 0, 0, 0};
    unsigned all[H5FLAC_COMPLETE_WORDS];
    const h5flac_layout layout = {H5FLAC_SIGNED, 4, 0, 0, 4, 1000, 1};
    complete_t complete;
    void *plugin;
    assert(argc == 3);
    if (strcmp(argv[1], "exported") == 0) {
        assert(write_dataset("hostless.h5", H5T_IEEE_F64BE, H5Z_FLAG_MANDATORY, 5, words));
        assert(read_dataset("hostless.h5") < sizeof(double) * ROWS * COLUMNS);
        assert(write_dataset("hostless.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 5, words));
    } else {
        H5E_auto2_t printer;
        void *data;
        H5Eget_auto2(H5E_DEFAULT, &printer, &data);
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
        assert(!write_dataset("hostless.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 5, words));
        H5Eset_auto2(H5E_DEFAULT, printer, data);
        plugin = dlopen(argv[2], RTLD_NOW);
        assert(plugin != NULL);
        *(void **)&complete = dlsym(plugin, "h5flac_params_complete");
        assert(complete(all, words, 5, &layout, NULL) == 0);
        assert(write_dataset("hostless.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY,
                             H5FLAC_COMPLETE_WORDS, all));
    }
    assert(read_dataset("hostless.h5") < sizeof(int) * ROWS * COLUMNS);
    puts("PASS");
    return 0;
}
