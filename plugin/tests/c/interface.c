/* Every function of h5flac.h once as it is meant, and with arguments that must be refused. */
#include "expect.h"

#include <math.h>

#define STREAMS 5
#define LENGTH 20000

static void params(void) {
    unsigned w[H5FLAC_PARAM_WORDS], all[H5FLAC_COMPLETE_WORDS];
    h5flac_layout layout = {H5FLAC_FLOAT, 4, 0, 0, 3, 1000, 1};
    float fill = -1;
    accepts(h5flac_params_lossless(w, 5, 0));
    assert(w[0] == 5 && w[1] == 0 && w[2] == 0 && w[3] == 0 && w[4] == 0);
    accepts(h5flac_params_decimal(w, 4, 2, 3, H5FLAC_STREAM_AXIS(1)));
    assert(w[0] == 4 && w[1] == 2 && w[2] == 2 && w[3] == 3 && w[4] == 1);
    accepts(h5flac_params_precision(w, 8, 3, H5FLAC_DITHER));
    assert(w[0] == 8 && w[1] == 3 && w[2] == 3 && w[3] == 0 && w[4] == 256);
    accepts(h5flac_params_noise(w, 0, 16.0, 0));
    assert(w[1] == 4 && w[2] == 0 && w[3] == 0x40300000u);
    accepts(h5flac_params_quanta(w, 5, 0.1, 0));
    assert(w[1] == 1 && w[2] == 0x9999999au && w[3] == 0x3fb99999u);
    refuses(h5flac_params_quanta(w, 5, 0.0, 0), H5FLAC_ERROR_INVALID, "quanta is 0");
    refuses(h5flac_params_quanta(w, 5, NAN, 0), H5FLAC_ERROR_INVALID, "quanta is NaN");
    refuses(h5flac_params_lossless(w, 9, 0), H5FLAC_ERROR_INVALID, "level 9");
    refuses(h5flac_params_lossless(w, 5, 0x400), H5FLAC_ERROR_INVALID, "option bits");
    refuses(h5flac_params_lossless(NULL, 5, 0), H5FLAC_ERROR_INVALID, "cd_values is null");
    accepts(h5flac_params_complete(all, w, 5, &layout, &fill));
    assert(memcmp(all, w, sizeof w) == 0 && all[5] == 0xf1ac1442u);
    accepts(h5flac_params_complete(all, all, H5FLAC_COMPLETE_WORDS, &layout, NULL));
    refuses(h5flac_params_complete(all, w, 6, &layout, NULL), H5FLAC_ERROR_INVALID, "6 parameter");
    refuses(h5flac_params_complete(all, w, 5, NULL, NULL), H5FLAC_ERROR_INVALID, "layout is null");
    layout.length = UINT64_MAX;
    refuses(h5flac_params_complete(all, w, 5, &layout, NULL), H5FLAC_ERROR_TOO_LARGE, "size");
    layout.length = 0;
    refuses(h5flac_params_complete(all, w, 5, &layout, NULL), H5FLAC_ERROR_INVALID, "no elements");
    layout.length = 1000, layout.size = 3;
    refuses(h5flac_params_complete(all, w, 5, &layout, NULL), H5FLAC_ERROR_UNSUPPORTED, "type");
}

static float data[STREAMS][LENGTH], back[STREAMS][LENGTH];

static void chunks(unsigned threads) {
    unsigned w[H5FLAC_PARAM_WORDS];
    double quanta[STREAMS];
    h5flac_layout layout = {H5FLAC_FLOAT, 4, 0, 0, STREAMS, LENGTH, 1}, found;
    void *chunk = NULL;
    uint64_t length = 0;
    int s, i;
    for (s = 0; s < STREAMS; s++) {
        quanta[s] = 0.01 * (s + 1);
        for (i = 0; i < LENGTH; i++)
            data[s][i] = (float)(rand() % 2000) * 0.1f + 0.25f * (float)(i % 77);
    }
    accepts(h5flac_params_lossless(w, 5, 0));
    accepts(h5flac_compress(data, sizeof data, &layout, NULL, w, 5, quanta, STREAMS, threads,
                            &chunk, &length));
    accepts(h5flac_describe(chunk, length, &found));
    assert(found.number_class == H5FLAC_FLOAT && found.size == 4 && !found.big_endian);
    assert(found.outer == STREAMS && found.length == LENGTH && found.inner == 1);
    accepts(h5flac_decompress(chunk, length, back, sizeof back, threads));
    for (s = 0; s < STREAMS; s++)
        for (i = 0; i < LENGTH; i++)
            assert(fabs((double)back[s][i] - (double)data[s][i]) <= quanta[s] / 2);

    {
        /* Samples 5000 to 8999 of streams 3 and 1, from the chunk and from its byte ranges. */
        const uint64_t streams[] = {3, 1};
        h5flac_selection wanted = {streams, 2, 5000, 4000};
        static float part[2][4000], again[2][4000];
        uint64_t head_length, count, i2, fetched = 0;
        h5flac_range *ranges;
        void **bytes;
        accepts(h5flac_decompress_streams(chunk, length, &wanted, part, sizeof part, threads));
        assert(memcmp(part[0], &back[3][5000], sizeof part[0]) == 0);
        assert(memcmp(part[1], &back[1][5000], sizeof part[1]) == 0);
        accepts(h5flac_head_length(chunk, h5flac_prefix_length(), &head_length));
        assert(head_length <= length);
        accepts(h5flac_byte_ranges(chunk, head_length, &wanted, NULL, 0, &count));
        ranges = calloc(count, sizeof *ranges);
        bytes = calloc(count, sizeof *bytes);
        assert(ranges != NULL && bytes != NULL);
        accepts(h5flac_byte_ranges(chunk, head_length, &wanted, ranges, count, &count));
        for (i2 = 0; i2 < count; i2++) {
            assert(ranges[i2].start + ranges[i2].length <= length);
            bytes[i2] = malloc(ranges[i2].length);
            memcpy(bytes[i2], (char *)chunk + ranges[i2].start, ranges[i2].length);
            fetched += ranges[i2].length;
        }
        assert(fetched < length);
        accepts(h5flac_decompress_ranges(chunk, head_length, &wanted, ranges,
                                         (const void *const *)bytes, count, again, sizeof again,
                                         threads));
        assert(memcmp(part, again, sizeof part) == 0);
        assert(h5flac_decompress_ranges(chunk, head_length, &wanted, ranges, NULL, 0, again,
                                        sizeof again, threads) != H5FLAC_OK);
        for (i2 = 0; i2 < count; i2++)
            free(bytes[i2]);
        free(bytes);
        free(ranges);
        wanted.first_sample = LENGTH - 1;
        refuses(h5flac_decompress_streams(chunk, length, &wanted, part, sizeof part, threads),
                H5FLAC_ERROR_INVALID, "samples");
        wanted.first_sample = UINT64_MAX;
        refuses(h5flac_decompress_streams(chunk, length, &wanted, part, sizeof part, threads),
                H5FLAC_ERROR_TOO_LARGE, "size");
        wanted.first_sample = 0;
        refuses(h5flac_decompress_streams(chunk, length, &wanted, part, 4, threads),
                H5FLAC_ERROR_INVALID, "out has 4 bytes");
        wanted.streams = NULL;
        refuses(h5flac_decompress_streams(chunk, length, &wanted, part, 4, threads),
                H5FLAC_ERROR_INVALID, "streams is null");
        refuses(h5flac_decompress_streams(chunk, length, NULL, part, 4, threads),
                H5FLAC_ERROR_INVALID, "selection is null");
    }

    refuses(h5flac_decompress(chunk, length, back, sizeof back - 1, threads),
            H5FLAC_ERROR_INVALID, "out has");
    assert(h5flac_decompress(chunk, length - 1, back, sizeof back, threads) != H5FLAC_OK);
    assert(h5flac_decompress(chunk, 3, back, sizeof back, threads) != H5FLAC_OK);
    refuses(h5flac_decompress(NULL, length, back, sizeof back, threads), H5FLAC_ERROR_INVALID,
            "chunk is null");
    ((unsigned char *)chunk)[length / 2] ^= 0x10;
    assert(h5flac_decompress(chunk, length, back, sizeof back, threads) == H5FLAC_ERROR_CORRUPT);
    h5flac_free(chunk);
    h5flac_free(NULL);

    refuses(h5flac_compress(data, sizeof data - 4, &layout, NULL, w, 5, NULL, 0, threads, &chunk,
                            &length),
            H5FLAC_ERROR_INVALID, "");
    refuses(h5flac_compress(data, sizeof data, &layout, NULL, w, 5, quanta, 2, threads, &chunk,
                            &length),
            H5FLAC_ERROR_INVALID, "2 quanta for 5 streams");
    quanta[2] = -1;
    assert(h5flac_compress(data, sizeof data, &layout, NULL, w, 5, quanta, STREAMS, threads,
                           &chunk, &length) == H5FLAC_ERROR_INVALID);
    refuses(h5flac_compress(data, sizeof data, &layout, NULL, w, 5, NULL, 0, threads, NULL,
                            &length),
            H5FLAC_ERROR_INVALID, "chunk is null");
    layout.outer = (uint64_t)1 << 40, layout.inner = (uint64_t)1 << 40;
    refuses(h5flac_compress(data, sizeof data, &layout, NULL, w, 5, NULL, 0, threads, &chunk,
                            &length),
            H5FLAC_ERROR_TOO_LARGE, "overflow");
}

/* FLAC files of integers of `size` bytes: whole, in part, out of order, damaged. */
static void files(unsigned size, unsigned threads) {
    const uint64_t total = (uint64_t)STREAMS * LENGTH;
    uint64_t starts[STREAMS], lengths[STREAMS], again, some[2], i, start = 0;
    char *integers = malloc(total * size), *found = malloc(total * size);
    void *bytes = NULL;
    assert(integers != NULL && found != NULL);
    for (i = 0; i < total; i++) {
        /* Of more than 32 bits, below zero, and of few bits. */
        int64_t wide = ((int64_t)(rand() % 2000) - 1000) << (i / LENGTH * 10);
        int32_t narrow = (int32_t)wide;
        memcpy(integers + i * size, size == 4 ? (void *)&narrow : (void *)&wide, size);
    }
    accepts(h5flac_flac_compress(integers, size, STREAMS, LENGTH, 5, threads, &bytes, &again,
                                 lengths));
    for (i = 0; i < STREAMS; i++) {
        assert(memcmp((char *)bytes + start, "fLaC", 4) == 0);
        starts[i] = start, start += lengths[i];
    }
    assert(start == again);
    accepts(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size, LENGTH, 0, LENGTH,
                                   found, threads));
    assert(memcmp(found, integers, total * size) == 0);
    /* Samples 12345 to 12444 of streams 3 and 1. */
    some[0] = starts[3], some[1] = starts[1];
    {
        const uint64_t of_some[2] = {lengths[3], lengths[1]};
        accepts(h5flac_flac_decompress(bytes, again, some, of_some, 2, size, LENGTH, 12345, 100,
                                       found, threads));
        assert(memcmp(found, integers + (3 * LENGTH + 12345) * size, 100 * size) == 0);
        assert(memcmp(found + 100 * size, integers + (LENGTH + 12345) * size, 100 * size) == 0);
    }
    accepts(h5flac_flac_decompress(bytes, again, starts, lengths, 0, size, LENGTH, 0, 1, NULL,
                                   threads));
    accepts(h5flac_flac_decompress(bytes, again, starts, lengths, 2, size, LENGTH, 5, 0, NULL,
                                   threads));

    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, 12 - size, LENGTH, 0,
                                   LENGTH, found, threads),
            H5FLAC_ERROR_CORRUPT, "channels of 32 bits");
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, 2, LENGTH, 0, 1, found,
                                   threads),
            H5FLAC_ERROR_INVALID, "integers of 2 bytes; use 4 or 8");
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size, LENGTH, LENGTH, 1,
                                   found, threads),
            H5FLAC_ERROR_INVALID, "samples 20000..20001 of streams of 20000");
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size, LENGTH,
                                   UINT64_MAX, 2, found, threads),
            H5FLAC_ERROR_TOO_LARGE, "size");
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size,
                                   (uint64_t)1 << 40, 0, 1, found, threads),
            H5FLAC_ERROR_CORRUPT, "expected 1099511627776");
    refuses(h5flac_flac_decompress(bytes, again - 1, starts, lengths, STREAMS, size, LENGTH, 0, 1,
                                   found, threads),
            H5FLAC_ERROR_TRUNCATED, "stream 4: ");
    refuses(h5flac_flac_decompress(bytes, again, starts, NULL, STREAMS, size, LENGTH, 0, 1, found,
                                   threads),
            H5FLAC_ERROR_INVALID, "lengths is null");
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size, LENGTH, 0, 1, NULL,
                                   threads),
            H5FLAC_ERROR_INVALID, "out is null");
    lengths[2]--;
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size, LENGTH, 0, LENGTH,
                                   found, threads),
            H5FLAC_ERROR_TRUNCATED, "stream 2: frame 4: ");
    lengths[2]++;
    ((unsigned char *)bytes)[starts[3] + lengths[3] / 2] ^= 0x10;
    refuses(h5flac_flac_decompress(bytes, again, starts, lengths, STREAMS, size, LENGTH, 0, LENGTH,
                                   found, threads),
            H5FLAC_ERROR_CORRUPT, "stream 3: frame 2: ");
    h5flac_free(bytes);

    refuses(h5flac_flac_compress(integers, size, STREAMS, LENGTH, 9, threads, &bytes, &again,
                                 lengths),
            H5FLAC_ERROR_INVALID, "level 9; use 0 to 8");
    refuses(h5flac_flac_compress(integers, 3, STREAMS, LENGTH, 5, threads, &bytes, &again, lengths),
            H5FLAC_ERROR_INVALID, "integers of 3 bytes; use 4 or 8");
    refuses(h5flac_flac_compress(integers, size, STREAMS, 0, 5, threads, &bytes, &again, lengths),
            H5FLAC_ERROR_INVALID, "one integer at least");
    refuses(h5flac_flac_compress(integers, size, STREAMS, UINT64_MAX, 5, threads, &bytes, &again,
                                 lengths),
            H5FLAC_ERROR_TOO_LARGE, "");
    refuses(h5flac_flac_compress(NULL, size, STREAMS, LENGTH, 5, threads, &bytes, &again, lengths),
            H5FLAC_ERROR_INVALID, "integers is null");
    refuses(h5flac_flac_compress(integers, size, STREAMS, LENGTH, 5, threads, NULL, &again,
                                 lengths),
            H5FLAC_ERROR_INVALID, "bytes is null");
    accepts(h5flac_flac_compress(NULL, size, 0, LENGTH, 5, threads, &bytes, &again, NULL));
    assert(again == 0);
    h5flac_free(bytes);
    free(integers);
    free(found);
}

static void described(void) {
    /* Steps of a hundredth, with a gap in the last stream. */
    unsigned w[H5FLAC_PARAM_WORDS];
    h5flac_layout layout = {H5FLAC_FLOAT, 4, 0, 0, STREAMS, LENGTH, 1};
    h5flac_stream found[STREAMS + 1];
    uint64_t length, head_length, count, sum = 0;
    void *chunk;
    int s, i;
    for (s = 0; s < STREAMS; s++)
        for (i = 0; i < LENGTH; i++)
            data[s][i] = (float)(rand() % 2000) * 0.1f;
    for (i = 700; i < 750; i++)
        data[STREAMS - 1][i] = NAN;
    accepts(h5flac_params_quanta(w, 5, 0.01, 0));
    accepts(h5flac_compress(data, sizeof data, &layout, NULL, w, 5, NULL, 0, 1, &chunk, &length));
    accepts(h5flac_streams(chunk, length, NULL, 0, &count));
    assert(count == STREAMS);
    memset(found, 0x55, sizeof found);
    accepts(h5flac_streams(chunk, length, found, 2, &count));
    assert(count == STREAMS && found[2].bytes == 0x5555555555555555u);
    accepts(h5flac_streams(chunk, length, found, STREAMS + 1, &count));
    assert(count == STREAMS && found[STREAMS].bytes == 0x5555555555555555u);
    for (s = 0; s < STREAMS; s++) {
        assert(found[s].coding == H5FLAC_CODING_QUANTA && found[s].quanta == 0.01);
        /* Tenths, of which 2000 fit 11 bits, or 12 off their middle. */
        assert(found[s].factor == 10 && found[s].width <= 12 && found[s].frames > 0);
        assert(found[s].exceptions == (s == STREAMS - 1 ? 50 : 0));
        assert(found[s].predicted <= 1 && found[s].reference <= 1);
        assert(found[s].low_bits == 0 && found[s].offset == 0);
        sum += found[s].bytes;
    }
    accepts(h5flac_head_length(chunk, length, &head_length));
    assert(head_length + sum + 4 == length);
    refuses(h5flac_streams(chunk, length - 1, found, STREAMS, &count), H5FLAC_ERROR_TRUNCATED,
            "bytes of");
    refuses(h5flac_streams(chunk, length, NULL, 1, &count), H5FLAC_ERROR_INVALID,
            "streams is null");
    refuses(h5flac_streams(chunk, length, found, STREAMS, NULL), H5FLAC_ERROR_INVALID,
            "count is null");
    h5flac_free(chunk);
}

static void affine(unsigned threads) {
    /* Integers that another program made, in steps that no decimal names. */
    h5flac_layout layout = {H5FLAC_FLOAT, 4, 0, 0, STREAMS, LENGTH, 1};
    h5flac_stream found[STREAMS];
    double steps[STREAMS], offsets[STREAMS];
    uint64_t length, count;
    void *chunk;
    int s, i;
    for (s = 0; s < STREAMS; s++) {
        float step = 1 / (300.7f + (float)s), offset = 17.3f * (float)s;
        steps[s] = step, offsets[s] = offset;
        for (i = 0; i < LENGTH; i++) {
            volatile float product = step * (float)(rand() % 2000 - 1000);
            data[s][i] = product + offset;
        }
    }
    accepts(h5flac_compress_affine(data, sizeof data, &layout, steps, offsets, STREAMS, 5, threads,
                                   &chunk, &length));
    assert(length < sizeof data * 12 / 32);
    accepts(h5flac_decompress(chunk, length, back, sizeof back, threads));
    assert(memcmp(data, back, sizeof data) == 0);
    accepts(h5flac_streams(chunk, length, found, STREAMS, &count));
    for (s = 0; s < STREAMS; s++) {
        assert(found[s].coding == H5FLAC_CODING_AFFINE && found[s].exceptions == 0);
        assert(found[s].quanta == steps[s] && found[s].offset == offsets[s]);
    }
    h5flac_free(chunk);
    refuses(h5flac_compress_affine(data, sizeof data, &layout, steps, offsets, 2, 5, threads,
                                   &chunk, &length),
            H5FLAC_ERROR_INVALID, "2 steps and offsets for 5 streams");
    refuses(h5flac_compress_affine(data, sizeof data, &layout, steps, offsets, STREAMS, 9, threads,
                                   &chunk, &length),
            H5FLAC_ERROR_INVALID, "level 9");
    refuses(h5flac_compress_affine(data, sizeof data, &layout, steps, NULL, STREAMS, 5, threads,
                                   &chunk, &length),
            H5FLAC_ERROR_INVALID, "offsets is null");
    steps[1] = 0;
    refuses(h5flac_compress_affine(data, sizeof data, &layout, steps, offsets, STREAMS, 5, threads,
                                   &chunk, &length),
            H5FLAC_ERROR_INVALID, "stream 1: step is 0");
    steps[1] = 1, offsets[3] = INFINITY;
    refuses(h5flac_compress_affine(data, sizeof data, &layout, steps, offsets, STREAMS, 5, threads,
                                   &chunk, &length),
            H5FLAC_ERROR_INVALID, "stream 3: offset is inf");
}

int main(void) {
    unsigned size;
    assert(strcmp(h5flac_last_error(), "") == 0);
    assert(h5flac_version()[0] != '\0');
    params();
    chunks(1);
    chunks(3);
    chunks(0);
    for (size = 4; size <= 8; size += 4) {
        files(size, 1);
        files(size, 3);
        files(size, 0);
    }
    described();
    affine(1);
    affine(3);
    puts("PASS");
    return 0;
}
