/* h5flac: error-bounded compression of time streams in HDF5.
 *
 * Three uses, one library (libh5flac.so, which is also the HDF5 filter plugin):
 *
 * 1. Parameter words for H5Pset_filter. A program that only writes and reads HDF5 files needs nothing but the
 *    filter id and five words; the h5flac_params_* functions fill them and check their values.
 *
 * 2. Chunks without HDF5: compress, decompress, and decode some samples of some streams from a chunk in
 *    memory or from the byte ranges that they need (what H5Dread_chunk gives, or an object store).
 *
 * 3. Streams of integers as FLAC files in memory.
 *
 * Functions that can fail return H5FLAC_OK or a negative H5FLAC_ERROR_*, and leave a message that
 * h5flac_last_error gives. On failure no output is to be used. All sizes are 64-bit. All functions may be called
 * from any thread at the same time. Compressed bytes depend on data and parameters only, never on
 * the number of threads or the machine.
 *
 * C99 and C++98 onwards.
 */
#ifndef H5FLAC_H
#define H5FLAC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Filter id for H5Pset_filter, H5Zfilter_avail and friends. */
#define H5FLAC_FILTER_ID 61868

/* Parameter words as passed to H5Pset_filter, and as the filter stores them. */
#define H5FLAC_PARAM_WORDS 5
#define H5FLAC_COMPLETE_WORDS 16

#define H5FLAC_OK 0
#define H5FLAC_ERROR_INVALID (-1)     /* an argument makes no sense */
#define H5FLAC_ERROR_UNSUPPORTED (-2) /* well formed, but not something this version can do */
#define H5FLAC_ERROR_CORRUPT (-3)     /* stored bytes contradict themselves or their checksum */
#define H5FLAC_ERROR_TRUNCATED (-4)   /* stored bytes end before what they promise */
#define H5FLAC_ERROR_TOO_LARGE (-5)   /* a size overflows, or memory could not be had */
#define H5FLAC_ERROR_INTERNAL (-6)
#define H5FLAC_ERROR_IO (-7) /* the system could not read a file */

/* Version of the library, like "0.1.0". */
const char *h5flac_version(void);

/* Message of the calling thread's last failure, empty before the first one; valid until the next. Failures of the
 * HDF5 filter on this thread are included, for callers that hide HDF5's error stack (netCDF, PyTables). */
const char *h5flac_last_error(void);

/* ------------------------------------------------------------------ parameter words
 *
 * Each fills cd_values[H5FLAC_PARAM_WORDS]. level: effort, 0 to 8, 5 is a good one; it never changes what is lost.
 * options: 0, or H5FLAC_STREAM_AXIS(n), or'ed with H5FLAC_DITHER. Integers are lossless in every mode.
 */

/* Time runs along the axis n places before the last; n from 0 (the last axis, default) to 255. */
#define H5FLAC_STREAM_AXIS(n) ((unsigned)(n))
/* Subtractive dither, for quanta, precision and noise. */
#define H5FLAC_DITHER 0x100u

/* Every bit comes back. */
int h5flac_params_lossless(unsigned *cd_values, unsigned level, unsigned options);

/* Every sample within quanta/2, quanta in the unit of the data, finite and above 0. */
int h5flac_params_quanta(unsigned *cd_values, unsigned level, double quanta, unsigned options);

/* As quanta = numerator / 10^power, values decoding to exactly those decimals; power 0 to 22. */
int h5flac_params_decimal(unsigned *cd_values, unsigned level, unsigned numerator, unsigned power,
                          unsigned options);

/* quanta = standard deviation of each stream / 10^digits; digits 1 to 17. */
int h5flac_params_precision(unsigned *cd_values, unsigned level, unsigned digits,
                            unsigned options);

/* quanta = each stream's noise / q, the noise estimated blind to drifts and glitches. */
int h5flac_params_noise(unsigned *cd_values, unsigned level, double q, unsigned options);

/* ------------------------------------------------------------------ chunks */

#define H5FLAC_SIGNED 0u
#define H5FLAC_UNSIGNED 1u
#define H5FLAC_FLOAT 2u

/* Type and shape of a chunk: an array of (outer, length, inner) elements in row-major order, whose streams run
 * along the middle axis. Stream number = index along outer * inner + index along inner. */
typedef struct h5flac_layout {
    unsigned number_class; /* H5FLAC_SIGNED, H5FLAC_UNSIGNED, H5FLAC_FLOAT */
    unsigned size;         /* bytes of a number: integers 1, 2, 4, 8; floats 2, 4, 8 */
    unsigned big_endian;   /* 0 or 1 */
    unsigned is_complex;   /* 0 or 1: elements are pairs (real, imaginary) of floats */
    uint64_t outer;        /* product of the axes before the stream axis, 1 if none */
    uint64_t length;       /* samples in each stream */
    uint64_t inner;        /* product of the axes after the stream axis, 1 if none */
} h5flac_layout;

/* Completes parameter words with what the filter otherwise asks HDF5 for at H5Dcreate: completed has
 * H5FLAC_COMPLETE_WORDS. Needed only in programs that link libhdf5 statically and do not export its functions. There
 * all words passed to H5Pset_filter must come from here. fill_value: NULL or one element in the chunk's byte order. */
int h5flac_params_complete(unsigned *completed, const unsigned *params, uint64_t param_count,
                           const h5flac_layout *layout, const void *fill_value);

/* Compresses a chunk. params: as passed or as completed; their stream axis is not used, the layout says it.
 * quanta: NULL with a count of 0, or one for each stream instead of the mode's (floats only). fill_value: NULL or
 * one element, which comes back exact and enters no statistic. threads: 0 for what H5FLAC_NUM_THREADS says.
 * On success *chunk has *chunk_length bytes, to be freed with h5flac_free. */
int h5flac_compress(const void *data, uint64_t data_length, const h5flac_layout *layout,
                    const void *fill_value, const unsigned *params, uint64_t param_count,
                    const double *quanta, uint64_t quanta_count, unsigned threads, void **chunk,
                    uint64_t *chunk_length);

/* Compresses a chunk of floats that others quantized to integers n: value = n * step + offset, n, product and sum
 * each rounded to the type, with a step and an offset for each stream; count is how many streams there are. Every bit
 * comes back, of values that are no such sum too: they cost more. */
int h5flac_compress_affine(const void *data, uint64_t data_length, const h5flac_layout *layout,
                           const double *steps, const double *offsets, uint64_t count,
                           unsigned level, unsigned threads, void **chunk, uint64_t *chunk_length);

/* Frees what h5flac_compress or h5flac_flac_compress gave; NULL is fine. */
void h5flac_free(void *chunk);

/* Type and shape of a chunk; its head (see h5flac_head_length) suffices. */
int h5flac_describe(const void *chunk, uint64_t length, h5flac_layout *layout);

#define H5FLAC_CODING_RAW 0u      /* as they are, since that is smallest */
#define H5FLAC_CODING_LOSSLESS 1u /* every bit comes back */
#define H5FLAC_CODING_QUANTA 2u
#define H5FLAC_CODING_DECIMAL 3u
#define H5FLAC_CODING_DITHERED 4u
#define H5FLAC_CODING_AFFINE 5u /* multiples of a step from an offset */

/* How a stream of a chunk is stored. Complex numbers have two for each stream: real and imaginary parts. */
typedef struct h5flac_stream {
    unsigned coding;     /* H5FLAC_CODING_* */
    unsigned width;      /* bits per sample of its FLAC frames, 0 without any */
    double quanta;       /* the step in the unit of the data, 0 where every bit comes back */
    double offset;       /* the value of integer 0, not 0 for H5FLAC_CODING_AFFINE only */
    uint64_t frames;     /* FLAC frames */
    uint64_t bytes;      /* of frames and exceptions; the chunk's head and checksum are not counted */
    uint64_t exceptions; /* samples that are stored bit for bit beside the frames */
    uint64_t predicted;  /* 1 where other streams of the chunk predict it, else 0 */
    uint64_t reference;  /* 1 where other streams of the chunk are predicted from it, else 0 */
    uint64_t factor;     /* common factor of the integers that are coded, 1 without one */
    uint64_t low_bits;   /* bits per sample beside the frames, at most: of integers too wide for FLAC, and floats */
} h5flac_stream;

/* Writes up to capacity streams of a chunk, in order, and sets *count to how many there are; call again with more
 * room if that is above capacity. capacity 0 with streams NULL only counts. Needs the whole chunk, decodes
 * nothing. */
int h5flac_streams(const void *chunk, uint64_t length, h5flac_stream *streams, uint64_t capacity,
                   uint64_t *count);

/* Decompresses a whole chunk; out_length must be outer * length * inner * size (* 2 if complex). */
int h5flac_decompress(const void *chunk, uint64_t length, void *out, uint64_t out_length,
                      unsigned threads);

/* ------------------------------------------------------------------ parts of a chunk */

/* Some samples of some streams. */
typedef struct h5flac_selection {
    const uint64_t *streams; /* stream numbers in the order wanted, or NULL for all */
    uint64_t stream_count;   /* how many numbers; 0 with NULL */
    uint64_t first_sample;
    uint64_t sample_count;
} h5flac_selection;

/* Bytes of a chunk, counted from its start. */
typedef struct h5flac_range {
    uint64_t start;
    uint64_t length;
} h5flac_range;

/* Decodes a selection of a chunk in memory, touching only the bytes it needs. out: selected streams * samples in
 * row-major order, elements in the chunk's type. */
int h5flac_decompress_streams(const void *chunk, uint64_t length,
                              const h5flac_selection *selection, void *out, uint64_t out_length,
                              unsigned threads);

/* Without the whole chunk: read its first h5flac_prefix_length bytes, ask for the head's length (prefix included),
 * read the head, ask for the ranges, read those, decode. Everything read is verified. */
uint64_t h5flac_prefix_length(void);
int h5flac_head_length(const void *prefix, uint64_t length, uint64_t *head_length);

/* Writes up to capacity ranges, ascending and disjoint, and sets *count to how many there are; call again with
 * more room if that is above capacity. capacity 0 with ranges NULL only counts. */
int h5flac_byte_ranges(const void *head, uint64_t head_length, const h5flac_selection *selection,
                       h5flac_range *ranges, uint64_t capacity, uint64_t *count);

/* Decodes a selection from bytes[i] = the bytes of ranges[i]; fewer and larger ranges that
 * contain those asked for serve too, as long as they do not overlap. */
int h5flac_decompress_ranges(const void *head, uint64_t head_length,
                             const h5flac_selection *selection, const h5flac_range *ranges,
                             const void *const *bytes, uint64_t count, void *out,
                             uint64_t out_length, unsigned threads);

/* A selection of a chunk in an open file, and where its samples go. */
typedef struct h5flac_piece {
    uint64_t address; /* first byte of the chunk in the file */
    uint64_t length;  /* bytes of the chunk, without the four of fletcher32 where that follows */
    h5flac_selection selection;
    /* For each selected stream (all outer * inner of them where selection.streams is NULL), where its
     * sample_count elements go, in the chunk's type and byte order; aligned or not. */
    void *const *rows;
} h5flac_piece;

/* Reads and decodes pieces of chunks of one layout; any number of them may be of the same chunk. Of each chunk the head
 * and the bytes that the selection needs are read and verified, or all where it is the whole chunk in order.
 * file: a POSIX file descriptor, whose position stays as it is. layout: what each chunk must be, else it is
 * corrupt; integers of one byte may be of either class, for booleans. Rows must not overlap; those that follow each
 * other without a gap are taken for one array. threads: how many work at the same time, 0 for what
 * H5FLAC_NUM_THREADS says. failed: NULL, or where the number of the first piece that failed is put, or count
 * if the error is about none. */
int h5flac_read_streams(int file, const h5flac_layout *layout, const h5flac_piece *pieces,
                        uint64_t count, unsigned threads, uint64_t *failed);

/* ------------------------------------------------------------------ FLAC files
 *
 * Streams of native integers, each as a whole FLAC file in memory, as the Python package flacarray stores them.
 * size 4: int32_t, one channel. size 8: int64_t, two channels: channel 0 has the low 32 bits, channel 1 the high
 * ones. 32 bits per sample. Any FLAC program reads these files (libFLAC 1.4 or later), but has no use for two channels.
 */

/* Compresses streams * length integers, one stream after another. level: 0 to 8. threads: 0 for what
 * H5FLAC_NUM_THREADS says. On success *bytes has *total bytes, all files one after another, to be freed with
 * h5flac_free, and lengths[i] is how many of them file i has. */
int h5flac_flac_compress(const void *integers, unsigned size, uint64_t streams, uint64_t length,
                         unsigned level, unsigned threads, void **bytes, uint64_t *total,
                         uint64_t *lengths);

/* Decodes samples first_sample to first_sample + sample_count - 1 of each of count files, whoever wrote them: file i
 * has lengths[i] bytes from bytes[starts[i]] on, and `length` samples. out: count * sample_count integers. Where all
 * samples are wanted, all bytes are verified; else those of the frames that hold them. */
int h5flac_flac_decompress(const void *bytes, uint64_t bytes_length, const uint64_t *starts,
                           const uint64_t *lengths, uint64_t count, unsigned size, uint64_t length,
                           uint64_t first_sample, uint64_t sample_count, void *out,
                           unsigned threads);

#ifdef __cplusplus
}
#endif

#endif
