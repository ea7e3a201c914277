/* Reads a hundred samples of every stream of a dataset with several threads, and no more of the file than they need.
 *
 * cc read_part.c -I../plugin/include $(pkg-config --cflags --libs hdf5-serial) -L/folder/of/plugin -l:libh5flac.so -o read_part
 * HDF5_PLUGIN_PATH=/folder/of/plugin LD_LIBRARY_PATH=/folder/of/plugin ./read_part
 */
#include "h5flac.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS 64
#define SAMPLES 300000
#define FIRST 99950 /* the hundred samples are in two chunks */
#define COUNT 100

static const hsize_t shape[] = {STREAMS, SAMPLES}, chunk[] = {16, 50000};
static int data[STREAMS][SAMPLES], part[STREAMS][COUNT];

static void write_file(const char *name) {
    const unsigned words[] = {5};
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, shape, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dataset;
    H5Pset_chunk(properties, 2, chunk);
    H5Pset_filter(properties, H5FLAC_FILTER_ID, H5Z_FLAG_MANDATORY, 1, words);
    dataset = H5Dcreate2(file, "x", H5T_NATIVE_INT, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    for (int s = 0; s < STREAMS; s++)
        for (int i = 1; i < SAMPLES; i++)
            data[s][i] = data[s][i - 1] + rand() % 21 - 10;
    if (H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        exit(1);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    H5Fclose(file);
}

/* The part of each chunk that is wanted. Returns how many. */
static uint64_t find(hid_t dataset, h5flac_piece *pieces, void **rows) {
    hid_t space = H5Dget_space(dataset);
    uint64_t found = 0;
    hsize_t chunks;
    if (H5Dget_num_chunks(dataset, space, &chunks) < 0)
        exit(1);
    for (hsize_t i = 0; i < chunks; i++) {
        hsize_t offset[2], length, from, to;
        unsigned mask;
        haddr_t address;
        if (H5Dget_chunk_info(dataset, space, i, offset, &mask, &address, &length) < 0)
            exit(1);
        if (mask != 0) {
            /* H5Dread_chunk gives its samples. */
            fprintf(stderr, "the chunk at %d, %d is not compressed\n", (int)offset[0],
                    (int)offset[1]);
            exit(1);
        }
        from = offset[1] > FIRST ? offset[1] : FIRST;
        to = offset[1] + chunk[1] < FIRST + COUNT ? offset[1] + chunk[1] : FIRST + COUNT;
        if (from < to) {
            h5flac_piece piece = {address, length, {NULL, 0, from - offset[1], to - from}, rows};
            for (hsize_t s = 0; s < chunk[0]; s++)
                *rows++ = &part[offset[0] + s][from - FIRST];
            pieces[found++] = piece;
        }
    }
    H5Sclose(space);
    return found;
}

int main(void) {
    const h5flac_layout layout = {H5FLAC_SIGNED, sizeof(int), 0, 0, 16, 50000, 1};
    static h5flac_piece pieces[2 * STREAMS / 16];
    static void *rows[2 * STREAMS];
    uint64_t count, failed;
    hid_t file, dataset;
    int *descriptor;

    write_file("streams.h5");
    file = H5Fopen("streams.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    dataset = H5Dopen2(file, "x", H5P_DEFAULT);
    /* That of the driver that HDF5 uses unless told otherwise. */
    if (dataset < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&descriptor) < 0)
        return 1;
    count = find(dataset, pieces, rows);
    if (h5flac_read_streams(*descriptor, &layout, pieces, count, 4, &failed) != H5FLAC_OK) {
        fprintf(stderr, "piece %d of %d: %s\n", (int)failed, (int)count, h5flac_last_error());
        return 1;
    }
    H5Dclose(dataset);
    H5Fclose(file);

    for (int s = 0; s < STREAMS; s++)
        if (memcmp(part[s], &data[s][FIRST], sizeof part[s]) != 0)
            return 1;
    printf("%d samples of each of %d streams from %d chunks\n", COUNT, STREAMS, (int)count);
    puts("PASS");
    return 0;
}
