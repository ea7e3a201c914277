/* One small dataset through whichever libhdf5 this program has. */
#undef NDEBUG
#include <assert.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 8
#define COLUMNS 3000

static int sample(int i) { return (i * 37) % 1009 - i / 5; }

/* Writes the dataset as this type with these words; returns whether HDF5 created it. */
static int write_dataset(const char *path, hid_t type, unsigned flags, size_t count,
                         const unsigned *words) {
    static int data[ROWS][COLUMNS];
    hsize_t dims[2] = {ROWS, COLUMNS}, chunk[2] = {4, 1000};
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, dims, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE), set;
    int i;
    for (i = 0; i < ROWS * COLUMNS; i++)
        data[0][i] = sample(i);
    assert(H5Pset_chunk(dcpl, 2, chunk) >= 0);
    assert(H5Pset_filter(dcpl, 61868, flags, count, words) >= 0);
    set = H5Dcreate2(file, "x", type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    if (set >= 0) {
        assert(H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
        assert(H5Dclose(set) >= 0);
    }
    assert(H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
    return set >= 0;
}

/* Reads it back, compares every value, and returns its stored size. */
static hsize_t read_dataset(const char *path) {
    static int data[ROWS][COLUMNS];
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "x", H5P_DEFAULT);
    hsize_t stored = H5Dget_storage_size(set);
    int i;
    memset(data, 0, sizeof data);
    assert(H5Dread(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    for (i = 0; i < ROWS * COLUMNS; i++)
        assert(data[0][i] == sample(i));
    assert(H5Dclose(set) >= 0 && H5Fclose(file) >= 0);
    return stored;
}
