/* The plugin with too little memory, in steps from none: it works, or says that it cannot, and
 * nothing has changed. Argument: the plugin. */
#include "pretend.h"

#include <sys/wait.h>
#include <unistd.h>

#define STEPS 16

static chunk c;
static void *stored;
static size_t stored_length;
static const char *(*last_error)(void);
static int (*compress)(const void *, uint64_t, const h5flac_layout *, const void *,
                       const unsigned *, uint64_t, const double *, uint64_t, unsigned, void **,
                       uint64_t *);
static int (*decompress)(const void *, uint64_t, void *, uint64_t, unsigned);
static int (*decompress_streams)(const void *, uint64_t, const h5flac_selection *, void *,
                                 uint64_t, unsigned);
static int (*read_streams)(int, const h5flac_layout *, const h5flac_piece *, uint64_t, unsigned,
                           uint64_t *);
static int (*flac_compress)(const void *, unsigned, uint64_t, uint64_t, unsigned, unsigned,
                            void **, uint64_t *, uint64_t *);
static int (*flac_decompress)(const void *, uint64_t, const uint64_t *, const uint64_t *, uint64_t,
                              unsigned, uint64_t, uint64_t, uint64_t, void *, unsigned);
static void (*release)(void *);

/* The chunk, in a file. */
static FILE *file;

/* The samples, as integers of 4 bytes, as FLAC files. */
static void *files;
static uint64_t files_length, file_starts[BYTES / 4], file_lengths[BYTES / 4];

/* Each kind of call; whether it worked. */

static int filter(unsigned flags, const void *bytes, size_t length, const void *expected) {
    void *memory = hdf5_memory(bytes, length, 0);
    size_t size = length, result = call(flags, c.words, length, &size, &memory);
    if (result > 0)
        assert(memcmp(memory, expected, result) == 0);
    else
        assert(strstr(last_error(), "no memory") != NULL);
    H5free_memory(memory);
    return result > 0;
}

static int refused(int status) {
    if (status == H5FLAC_OK)
        return 0;
    assert(status == H5FLAC_ERROR_TOO_LARGE && strstr(last_error(), "no memory") != NULL);
    return 1;
}

static int works(int kind, const void *decoded) {
    static char out[BYTES];
    const uint64_t streams[] = {3, 1, 20};
    const uint64_t columns = c.layout.length, samples = columns / 2;
    const h5flac_selection wanted = {streams, 3, columns / 4, samples};
    void *chunk;
    uint64_t length;
    switch (kind) {
    case 0:
        return filter(H5Z_FLAG_MANDATORY, c.samples, BYTES, stored);
    case 1:
        return filter(H5Z_FLAG_REVERSE, stored, stored_length, decoded);
    case 2:
        if (refused(compress(c.samples, BYTES, &c.layout, NULL, c.words, H5FLAC_COMPLETE_WORDS,
                             NULL, 0, 0, &chunk, &length)))
            return 0;
        assert(length == stored_length && memcmp(chunk, stored, length) == 0);
        release(chunk);
        return 1;
    case 3:
        if (refused(decompress(stored, stored_length, out, BYTES, 0)))
            return 0;
        assert(memcmp(out, decoded, BYTES) == 0);
        return 1;
    case 4:
        if (refused(flac_compress(c.samples, 4, c.layout.outer, columns, 5, 0, &chunk, &length,
                                  file_lengths)))
            return 0;
        assert(length == files_length && memcmp(chunk, files, length) == 0);
        release(chunk);
        return 1;
    case 5:
        if (refused(flac_decompress(files, files_length, file_starts, file_lengths, c.layout.outer,
                                    4, columns, 0, columns, out, 0)))
            return 0;
        assert(memcmp(out, c.samples, BYTES) == 0);
        return 1;
    case 6: {
        /* Of the same chunk a part and all, several times. */
        static char parts[6][BYTES];
        static void *rows[6][BYTES / 4];
        h5flac_piece pieces[6];
        uint64_t i, row;
        for (i = 0; i < 6; i++) {
            const h5flac_selection all = {NULL, 0, 0, columns};
            const h5flac_piece piece = {0, stored_length, i % 2 ? all : wanted,
                                        (void *const *)rows[i]};
            for (row = 0; row < (i % 2 ? c.layout.outer : 3); row++)
                rows[i][row] = &parts[i][row * (i % 2 ? columns : samples + 1) * 4];
            pieces[i] = piece;
        }
        if (refused(read_streams(fileno(file), &c.layout, pieces, 6, 0, NULL)))
            return 0;
        for (i = 0; i < 6; i++)
            assert(memcmp(parts[i],
                          (const char *)decoded + (i % 2 ? 0 : (3 * columns + columns / 4) * 4),
                          i % 2 ? BYTES : samples * 4) == 0);
        return 1;
    }
    default:
        if (refused(decompress_streams(stored, stored_length, &wanted, out, 3 * samples * 4, 0)))
            return 0;
        assert(memcmp(out, (const char *)decoded + (3 * columns + columns / 4) * 4, samples * 4) == 0);
        return 1;
    }
}

/* In a process of its own, with no buffers left and no threads started. */
static int works_with(size_t limit, int kind, const void *decoded) {
    int status;
    pid_t id = fork();
    assert(id >= 0);
    if (id == 0) {
        alarm(60);
        most_held = held + limit;
        _exit(works(kind, decoded) ? 0 : 7);
    }
    assert(waitpid(id, &status, 0) == id);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 7)) {
        fprintf(stderr, "call %d with %zu bytes: status %d\n", kind, limit, status);
        exit(1);
    }
    return WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
    void (*fills[])(chunk *) = {fill_waves, fill_noise, fill_long_rows, fill_short_rows};
    const char *counts[] = {"1", "3"};
    int fill, count, kind, step;
    assert(argc == 2);
    load(argv[1]);
    *(void **)&last_error = function("h5flac_last_error");
    *(void **)&compress = function("h5flac_compress");
    *(void **)&decompress = function("h5flac_decompress");
    *(void **)&decompress_streams = function("h5flac_decompress_streams");
    *(void **)&read_streams = function("h5flac_read_streams");
    *(void **)&flac_compress = function("h5flac_flac_compress");
    *(void **)&flac_decompress = function("h5flac_flac_decompress");
    *(void **)&release = function("h5flac_free");
    for (fill = 0; fill < 4; fill++) {
        static char decoded[BYTES];
        uint64_t length, i;
        fills[fill](&c);
        assert(compress(c.samples, BYTES, &c.layout, NULL, c.words, H5FLAC_COMPLETE_WORDS, NULL, 0,
                        1, &stored, &length) == H5FLAC_OK);
        stored_length = length;
        file = tmpfile();
        assert(file != NULL && fwrite(stored, 1, length, file) == length && fflush(file) == 0);
        assert(decompress(stored, length, decoded, BYTES, 1) == H5FLAC_OK);
        assert(c.layout.size == 4 && c.layout.inner == 1);
        assert(flac_compress(c.samples, 4, c.layout.outer, c.layout.length, 5, 1, &files,
                             &files_length, file_lengths) == H5FLAC_OK);
        for (i = 1; i < c.layout.outer; i++)
            file_starts[i] = file_starts[i - 1] + file_lengths[i - 1];
        for (count = 0; count < 2; count++) {
            setenv("H5FLAC_NUM_THREADS", counts[count], 1);
            for (kind = 0; kind < 8; kind++) {
                /* FLAC files keep more in each thread, and so do chunks side by side. */
                size_t most = (kind == 6 ? 32 : kind == 4 || kind == 5 ? 16 : 6) << 20;
                int failures = 0;
                for (step = 0; step < STEPS; step++)
                    failures += !works_with(step * most / STEPS, kind, decoded);
                assert(failures > 0 && failures < STEPS);
            }
        }
        release(stored);
        release(files);
        fclose(file);
    }
    puts("PASS");
    return 0;
}
