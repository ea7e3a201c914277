/* Pieces of chunks in an open file: h5flac_read_streams as it is meant, and what it must refuse. Argument: a
 * file to make. */
#define _XOPEN_SOURCE 700
#include "expect.h"

#include <fcntl.h>
#include <unistd.h>

#define CHUNKS 6
#define STREAMS 5
#define LENGTH 60000

static int32_t data[CHUNKS][STREAMS][LENGTH], back[CHUNKS][STREAMS][LENGTH];
static const h5flac_layout layout = {H5FLAC_SIGNED, 4, 0, 0, STREAMS, LENGTH, 1};
static uint64_t address[CHUNKS], length[CHUNKS], end;

/* Chunks with other bytes before each. The first is too wild to be coded. */
static int written(const char *path) {
    unsigned words[H5FLAC_PARAM_WORDS];
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), c, s, i;
    assert(file >= 0);
    accepts(h5flac_params_lossless(words, 5, 0));
    for (c = 0; c < CHUNKS; c++) {
        void *chunk;
        for (s = 0; s < STREAMS; s++)
            for (i = 0; i < LENGTH; i++)
                data[c][s][i] = c == 0 ? (int32_t)((unsigned)rand() << 16 ^ (unsigned)rand())
                                       : rand() % 2000 + i % (77 * c);
        accepts(h5flac_compress(data[c], sizeof data[c], &layout, NULL, words, H5FLAC_PARAM_WORDS,
                                NULL, 0, 1, &chunk, &length[c]));
        address[c] = end + 1 + (uint64_t)(c * 1000);
        assert(pwrite(file, chunk, length[c], (off_t)address[c]) == (ssize_t)length[c]);
        end = address[c] + length[c];
        h5flac_free(chunk);
    }
    return file;
}

static h5flac_piece piece(int chunk, const uint64_t *streams, uint64_t stream_count, uint64_t first,
                          uint64_t count, void *const *rows) {
    h5flac_piece made;
    made.address = address[chunk], made.length = length[chunk];
    made.selection.streams = streams, made.selection.stream_count = stream_count;
    made.selection.first_sample = first, made.selection.sample_count = count;
    made.rows = rows;
    return made;
}

/* All chunks, each into its place or, with `scattered`, stream by stream in reverse. */
static void whole(int file, unsigned threads, int scattered) {
    void *rows[CHUNKS][STREAMS];
    h5flac_piece pieces[CHUNKS];
    int c, s;
    for (c = 0; c < CHUNKS; c++) {
        for (s = 0; s < STREAMS; s++)
            rows[c][s] = scattered ? back[CHUNKS - 1 - c][STREAMS - 1 - s] : back[c][s];
        pieces[c] = piece(c, NULL, 0, 0, LENGTH, rows[c]);
    }
    memset(back, 0x55, sizeof back);
    accepts(h5flac_read_streams(file, &layout, pieces, CHUNKS, threads, NULL));
    for (c = 0; c < CHUNKS; c++)
        for (s = 0; s < STREAMS; s++)
            assert(memcmp(rows[c][s], data[c][s], sizeof data[c][s]) == 0);
}

/* Some samples of some streams, twice the same one, of each chunk and beside each other. */
static void parts(int file, unsigned threads) {
    static const uint64_t streams[] = {3, 1, 3};
    static const uint64_t firsts[] = {0, 16383, 31000, LENGTH - 10};
    int32_t found[CHUNKS][3][12];
    void *rows[CHUNKS][3];
    h5flac_piece pieces[CHUNKS];
    int f, c, s;
    for (f = 0; f < 4; f++) {
        memset(found, 0x55, sizeof found);
        for (c = 0; c < CHUNKS; c++) {
            for (s = 0; s < 3; s++)
                rows[c][s] = &found[c][s][1];
            pieces[c] = piece(c, streams, 3, firsts[f], 10, rows[c]);
        }
        accepts(h5flac_read_streams(file, &layout, pieces, CHUNKS, threads, NULL));
        for (c = 0; c < CHUNKS; c++)
            for (s = 0; s < 3; s++) {
                assert(memcmp(&found[c][s][1], &data[c][streams[s]][firsts[f]], 40) == 0);
                assert(found[c][s][0] == 0x55555555 && found[c][s][11] == 0x55555555);
            }
    }
}

/* Complex numbers with time along the middle axis: their streams are apart in the chunk, and together in the file's
 * pieces. */
static void apart(int file, unsigned threads) {
    enum { OUTER = 3, TIME = 2000, INNER = 2 };
    static const h5flac_layout middle = {H5FLAC_FLOAT, 4, 0, 1, OUTER, TIME, INNER};
    static float values[OUTER][TIME][INNER][2], found[OUTER * INNER][TIME][2];
    const uint64_t last = OUTER * INNER - 1;
    unsigned words[H5FLAC_PARAM_WORDS];
    void *chunk, *rows[OUTER * INNER];
    h5flac_piece pieces[2];
    int i, s;
    for (i = 0; i < OUTER * TIME * INNER * 2; i++)
        (&values[0][0][0][0])[i] = 0.25f * (float)(rand() % 1000);
    accepts(h5flac_params_lossless(words, 5, 0));
    pieces[0].address = end + 7;
    accepts(h5flac_compress(values, sizeof values, &middle, NULL, words, H5FLAC_PARAM_WORDS, NULL, 0,
                            1, &chunk, &pieces[0].length));
    assert(pwrite(file, chunk, pieces[0].length, (off_t)end + 7) == (ssize_t)pieces[0].length);
    h5flac_free(chunk);
    for (s = 0; s < OUTER * INNER; s++)
        rows[s] = found[s];
    pieces[0].selection.streams = NULL, pieces[0].selection.stream_count = 0;
    pieces[0].selection.first_sample = 0, pieces[0].selection.sample_count = TIME;
    pieces[0].rows = rows;
    accepts(h5flac_read_streams(file, &middle, pieces, 1, threads, NULL));
    for (s = 0; s < OUTER * INNER; s++)
        for (i = 0; i < TIME; i++)
            assert(memcmp(found[s][i], values[s / INNER][i][s % INNER], 8) == 0);
    memset(found, 0x55, sizeof found);
    pieces[0].selection.streams = &last, pieces[0].selection.stream_count = 1;
    pieces[0].selection.first_sample = 500, pieces[0].selection.sample_count = 7;
    pieces[1] = pieces[0], pieces[1].selection.first_sample = 507, pieces[1].rows = rows + 1;
    accepts(h5flac_read_streams(file, &middle, pieces, 2, threads, NULL));
    for (i = 0; i < 14; i++)
        assert(memcmp(found[i / 7][i % 7], values[OUTER - 1][500 + i][INNER - 1], 8) == 0);
}

static void refused(int file, unsigned threads) {
    uint64_t stream = 2, failed = 77;
    void *row = back[0][0], *nothing = NULL;
    h5flac_layout other = layout;
    h5flac_piece two[2];
    unsigned char byte, changed;
    int i;
#define READ(file, layout) h5flac_read_streams(file, layout, two, 2, threads, &failed)
#define AGAIN()                                                                                    \
    (two[0] = piece(1, &stream, 1, 100, 50, &row), two[1] = piece(2, &stream, 1, 100, 50, &row))

    row = back[0][0];
    AGAIN();
    refuses(READ(file, NULL), H5FLAC_ERROR_INVALID, "layout is null");
    assert(failed == 2);
    refuses(h5flac_read_streams(file, &layout, NULL, 1, threads, &failed), H5FLAC_ERROR_INVALID,
            "pieces is null");
    assert(failed == 1);
    accepts(h5flac_read_streams(file, &layout, NULL, 0, threads, &failed));
    accepts(h5flac_read_streams(file, &layout, NULL, 0, threads, NULL));
    refuses(READ(-1, &layout), H5FLAC_ERROR_INVALID, "file is -1");
    assert(failed == 2);
    refuses(READ(1 << 20, &layout), H5FLAC_ERROR_IO, "Bad file descriptor");
    assert(failed == 0);
    other.size = 3;
    refuses(READ(file, &other), H5FLAC_ERROR_UNSUPPORTED, "type");
    assert(failed == 2);
    other.size = 4, other.outer = (uint64_t)1 << 62, other.inner = 4;
    refuses(READ(file, &other), H5FLAC_ERROR_TOO_LARGE, "overflows");
    other.outer = 0;
    refuses(READ(file, &other), H5FLAC_ERROR_INVALID, "no elements");
    other = layout;
    other.size = 4, other.number_class = H5FLAC_UNSIGNED;
    refuses(READ(file, &other), H5FLAC_ERROR_CORRUPT,
            "holds int32 of shape (5, 60000, 1), and uint32 of shape (5, 60000, 1) was expected");
    other = layout, other.length++;
    refuses(READ(file, &other), H5FLAC_ERROR_CORRUPT, "of shape (5, 60001, 1) was expected");

    two[1].selection.stream_count = 0;
    accepts(READ(file, &layout));
    two[1].selection.stream_count = 1, two[1].selection.sample_count = 0;
    accepts(READ(file, &layout));
    two[1].selection.sample_count = LENGTH - 99;
    refuses(READ(file, &layout), H5FLAC_ERROR_INVALID, "samples 100..60001");
    assert(failed == 1);
    AGAIN(), stream = STREAMS;
    refuses(READ(file, &layout), H5FLAC_ERROR_INVALID, "stream 5, but the chunk has 5");
    assert(failed == 0);
    stream = 2, two[1].rows = NULL;
    refuses(READ(file, &layout), H5FLAC_ERROR_INVALID, "rows is null");
    two[1].rows = &nothing;
    refuses(READ(file, &layout), H5FLAC_ERROR_INVALID, "row 0 is null");
    assert(failed == 1);

    AGAIN(), two[1].address++;
    refuses(READ(file, &layout), H5FLAC_ERROR_CORRUPT, "begins with");
    assert(failed == 1);
    AGAIN(), two[1].address = (uint64_t)lseek(file, 0, SEEK_END);
    assert(lseek(file, 5, SEEK_SET) == 5);
    refuses(READ(file, &layout), H5FLAC_ERROR_TRUNCATED, "of the file, which ends before");
    /* The system counts to 2^63. */
    AGAIN(), two[1].address = UINT64_MAX - 5;
    refuses(READ(file, &layout), H5FLAC_ERROR_IO, "Invalid argument");
    AGAIN(), two[1].length = UINT64_MAX;
    refuses(READ(file, &layout), H5FLAC_ERROR_CORRUPT, "no chunk of its type and shape takes more");
    AGAIN(), two[1].length = sizeof data[1] + 4097;
    refuses(READ(file, &layout), H5FLAC_ERROR_CORRUPT, "no chunk of its type and shape takes more");
    AGAIN(), two[1].length--;
    refuses(READ(file, &layout), H5FLAC_ERROR_TRUNCATED, "bytes of a chunk of");
    AGAIN(), two[1].length += 4;
    refuses(READ(file, &layout), H5FLAC_ERROR_CORRUPT, "bytes for a chunk of");
    /* The first of two. */
    AGAIN(), two[1].length -= 10, two[0].length--;
    refuses(READ(file, &layout), H5FLAC_ERROR_TRUNCATED, "bytes of a chunk of");
    assert(failed == 0);
    AGAIN(), two[1].length = 30;
    refuses(READ(file, &layout), H5FLAC_ERROR_TRUNCATED, "within its head of");
    two[1].length = 3;
    refuses(READ(file, &layout), H5FLAC_ERROR_TRUNCATED, "3 bytes, and an h5flac chunk begins");
    two[1].length = 0;
    refuses(READ(file, &layout), H5FLAC_ERROR_TRUNCATED, "0 bytes, and an h5flac chunk begins");

    /* A changed byte anywhere in the frame that is read, or in a raw chunk. */
    for (i = 0; i < 2; i++) {
        const int chunk = i == 0 ? 0 : 2;
        const off_t at = (off_t)(address[chunk] + length[chunk] / 2);
        void *rows[STREAMS];
        int s;
        for (s = 0; s < STREAMS; s++)
            rows[s] = back[chunk][s];
        assert(pread(file, &byte, 1, at) == 1);
        changed = byte ^ 0x10;
        assert(pwrite(file, &changed, 1, at) == 1);
        AGAIN(), two[1] = piece(chunk, NULL, 0, 0, LENGTH, rows);
        refuses(READ(file, &layout), H5FLAC_ERROR_CORRUPT, "CRC-32");
        assert(failed == 1);
        two[1].selection.sample_count--;
        refuses(READ(file, &layout), H5FLAC_ERROR_CORRUPT, "CRC");
        assert(failed == 1);
        assert(pwrite(file, &byte, 1, at) == 1);
    }
    AGAIN();
    accepts(READ(file, &layout));
}

int main(int argc, char **argv) {
    int file, i;
    assert(argc == 2);
    file = written(argv[1]);
    /* A chunk that is stored as it is, and others that are coded. */
    assert(length[0] > sizeof data[0] && length[1] < sizeof data[1] / 2);
    assert(lseek(file, 5, SEEK_SET) == 5);
    for (i = 0; i < 3; i++) {
        const unsigned threads = (unsigned)(i * i * 2); /* 0, 2, 8: fewer and more than chunks */
        whole(file, threads, 0);
        whole(file, threads, 1);
        parts(file, threads);
        apart(file, threads);
        refused(file, threads);
    }
    assert(lseek(file, 0, SEEK_CUR) == 5);
    /* The file ends early, in the middle of a chunk: a part before is there, all are not. */
    assert(ftruncate(file, (off_t)end - 1) == 0);
    {
        uint64_t failed = 77, stream = 0;
        void *rows[STREAMS];
        h5flac_piece last = piece(CHUNKS - 1, &stream, 1, 0, 1, rows);
        for (i = 0; i < STREAMS; i++)
            rows[i] = back[0][i];
        accepts(h5flac_read_streams(file, &layout, &last, 1, 1, &failed));
        assert(back[0][0][0] == data[CHUNKS - 1][0][0]);
        last = piece(CHUNKS - 1, NULL, 0, 0, LENGTH, rows);
        refuses(h5flac_read_streams(file, &layout, &last, 1, 1, &failed), H5FLAC_ERROR_TRUNCATED,
                "of the file, which ends before");
        assert(failed == 0);
    }
    close(file);
    file = open(argv[1], O_WRONLY);
    {
        uint64_t failed = 77, stream = 0;
        void *row = back[0][0];
        h5flac_piece first = piece(0, &stream, 1, 0, 1, &row);
        refuses(h5flac_read_streams(file, &layout, &first, 1, 1, &failed), H5FLAC_ERROR_IO,
                "of the file from byte 1 on: Bad file descriptor");
        assert(failed == 0);
    }
    puts("PASS");
    return 0;
}
