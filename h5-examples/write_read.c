/* Writes a dataset with h5flac and reads it back.
 *
 * cc write_read.c $(pkg-config --cflags --libs hdf5-serial) -lm -o write_read
 * HDF5_PLUGIN_PATH=/folder/of/libh5flac.so ./write_read
 */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>

#define H5FLAC 61868
#define STREAMS 8
#define SAMPLES 50000

static float data[STREAMS][SAMPLES], back[STREAMS][SAMPLES];

/* Level 5, decimal quanta of 1/10^2: every sample within 0.005. A step that is no decimal is
 * easier to put into words with h5flac_params_quanta of h5flac.h. */
static const unsigned words[] = {5, 2, 1, 2};

int main(void) {
    const hsize_t shape[] = {STREAMS, SAMPLES}, chunk[] = {2, SAMPLES};
    hid_t file, space, properties, dataset;
    double largest = 0;
    int failed = 0;

    for (int s = 0; s < STREAMS; s++)
        for (int i = 0; i < SAMPLES; i++)
            data[s][i] = (float)(20 * sin(i / 300.0 + s) + 0.1 * (i * 7919 % 101) / 101);

    if (H5Zfilter_avail(H5FLAC) <= 0) {
        fprintf(stderr, "no h5flac: set HDF5_PLUGIN_PATH to the folder of libh5flac.so\n");
        return 1;
    }

    file = H5Fcreate("streams.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    space = H5Screate_simple(2, shape, NULL);
    properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 2, chunk);
    H5Pset_filter(properties, H5FLAC, H5Z_FLAG_MANDATORY, sizeof words / sizeof *words, words);
    dataset = H5Dcreate2(file, "streams", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties,
                         H5P_DEFAULT);
    if (dataset < 0) /* HDF5 has printed why. */
        return 1;
    failed |= H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0;
    failed |= H5Dclose(dataset) < 0;
    H5Pclose(properties);
    H5Sclose(space);
    failed |= H5Fclose(file) < 0;

    file = H5Fopen("streams.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    dataset = H5Dopen2(file, "streams", H5P_DEFAULT);
    failed |= H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, back) < 0;
    for (int s = 0; s < STREAMS; s++)
        for (int i = 0; i < SAMPLES; i++)
            largest = fmax(largest, fabs((double)back[s][i] - (double)data[s][i]));
    printf("%.1f times smaller, largest error %.5f\n",
           (double)sizeof data / (double)H5Dget_storage_size(dataset), largest);
    H5Dclose(dataset);
    H5Fclose(file);

    if (failed || largest > 0.005)
        return 1;
    puts("PASS");
    return 0;
}
