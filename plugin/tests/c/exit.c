/* A process may end in any state: what HDF5 writes at exit is written, and nothing crashes or waits.
 * Argument: the plugin. */
#include "dataset.h"
#include "h5flac.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const unsigned words[] = {5};
static const char *plugin;

/* Leaves the file and the dataset open, and all chunks in HDF5's cache. */
static void write_and_leave_open(void) {
    static int data[ROWS][COLUMNS];
    hsize_t dims[2] = {ROWS, COLUMNS}, chunk[2] = {4, 1000};
    hid_t file = H5Fcreate("exit.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), set;
    hid_t space = H5Screate_simple(2, dims, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    struct stat size;
    int i;
    for (i = 0; i < ROWS * COLUMNS; i++)
        data[0][i] = sample(i);
    assert(H5Pset_chunk(dcpl, 2, chunk) >= 0);
    assert(H5Pset_filter(dcpl, 61868, H5Z_FLAG_MANDATORY, 1, words) >= 0);
    set = H5Dcreate2(file, "x", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert(set >= 0 && H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    assert(stat("exit.h5", &size) == 0 && size.st_size < COLUMNS);
}

static void use(void) {
    assert(write_dataset("used.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, words));
    read_dataset("used.h5");
}

static void write_it(void) { write_dataset("exit.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, words); }

static void *in_thread(void *work) {
    (*(void (**)(void))work)();
    return NULL;
}

static void thread(void (*work)(void), int joined) {
    static void (*works)(void);
    pthread_t id;
    works = work;
    assert(pthread_create(&id, NULL, in_thread, &works) == 0);
    if (joined)
        assert(pthread_join(id, NULL) == 0);
}

/* An error is remembered, for each thread, until it ends. */
static void fail(void) {
    int (*decompress)(const void *, uint64_t, void *, uint64_t, unsigned), out;
    *(void **)&decompress = dlsym(dlopen(plugin, RTLD_NOW), "h5flac_decompress");
    assert(decompress("no chunk", 8, &out, sizeof out, 1) != H5FLAC_OK);
}

/* Chunks, without end, beside whoever ends the process. */
static void decode_for_ever(void) {
    static int data[1 << 16], out[1 << 16];
    const h5flac_layout layout = {H5FLAC_SIGNED, 4, 0, 0, 16, 1 << 12, 1};
    int (*compress)(const void *, uint64_t, const h5flac_layout *, const void *, const unsigned *,
                    uint64_t, const double *, uint64_t, unsigned, void **, uint64_t *);
    int (*decompress)(const void *, uint64_t, void *, uint64_t, unsigned);
    void *so = dlopen(plugin, RTLD_NOW), *chunk;
    uint64_t length;
    *(void **)&compress = dlsym(so, "h5flac_compress");
    *(void **)&decompress = dlsym(so, "h5flac_decompress");
    for (;;) {
        assert(compress(data, sizeof data, &layout, NULL, words, 1, NULL, 0, 3, &chunk, &length) ==
               H5FLAC_OK);
        assert(decompress(chunk, length, out, sizeof out, 3) == H5FLAC_OK);
        free(chunk);
    }
}

static void leave(void) { exit(0); }
static void leave_soon(void) {
    usleep(20000);
    exit(0);
}

/* Each ends its process, or returns from main. */

static void with_all_open(void) { write_and_leave_open(); }
static void after_an_error(void) { fail(), write_and_leave_open(); }
static void after_work(void) { use(), write_and_leave_open(); }
static void after_closing(void) { write_it(), H5close(); }
static void in_another_thread(void) { write_and_leave_open(), thread(leave, 1); }
static void after_a_thread_ended(void) { thread(fail, 1), thread(write_and_leave_open, 1); }
static void without_the_main_thread(void) {
    write_and_leave_open(), fail(), thread(leave_soon, 0), pthread_exit(NULL);
}
static void with_a_thread_at_work(void) {
    write_and_leave_open(), thread(decode_for_ever, 0), usleep(20000);
}
static void by_writing_once_more(void) { atexit(write_it), use(); }
/* What belongs to the thread, like its last error, is gone by then. */
static void with_an_error_at_the_end(void) { atexit(fail), fail(), write_and_leave_open(); }

int main(int argc, char **argv) {
    void (*const ends[])(void) = {with_all_open,        after_an_error,
                                  after_work,           after_closing,
                                  in_another_thread,    after_a_thread_ended,
                                  without_the_main_thread, with_a_thread_at_work,
                                  by_writing_once_more, with_an_error_at_the_end};
    const int count = sizeof ends / sizeof *ends;
    int i, status;
    assert(argc == 2);
    plugin = argv[1];
    for (i = 0; i <= count; i++) {
        pid_t id = fork();
        assert(id >= 0);
        if (id == 0) {
            alarm(60);
            if (i == count)
                write_and_leave_open(), use(), _exit(0);
            ends[i]();
            return 0;
        }
        assert(waitpid(id, &status, 0) == id);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "end %d: status %d\n", i, status);
            return 1;
        }
        if (i == count)
            break;
        /* HDF5 has not been used in this process, so that no child inherits it. */
        id = fork();
        if (id == 0) {
            assert(read_dataset("exit.h5") < sizeof(int) * ROWS * COLUMNS);
            _exit(0);
        }
        assert(waitpid(id, &status, 0) == id && status == 0);
        assert(unlink("exit.h5") == 0);
    }
    puts("PASS");
    return 0;
}
