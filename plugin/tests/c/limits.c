/* No more memory, or no more room on the disk, in the middle of work: HDF5 gets an error, and what was
 * flushed before stays. Arguments: memory or disk, and the bytes of a step to the limit. */
#undef NDEBUG
#include <assert.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 300000 /* samples, too many bytes for HDF5's cache */
#define CHUNKS 10
#define STEPS 16

static const unsigned words[] = {5};
static int data[CHUNK], back[CHUNK];

static int value(int chunk, int i) { return chunk * 1000 + (i * 37) % 1009 + (i ^ i >> 7) % 61 + 1; }

/* Writes or reads samples of one chunk. */
static int transfer(hid_t set, int chunk, int writing) {
    hsize_t start = (hsize_t)chunk * CHUNK, count = CHUNK;
    hid_t inside = H5Dget_space(set), memory = H5Screate_simple(1, &count, NULL);
    int i, status = -1;
    if (inside >= 0 && memory >= 0 &&
        H5Sselect_hyperslab(inside, H5S_SELECT_SET, &start, NULL, &count, NULL) >= 0) {
        for (i = 0; writing && i < CHUNK; i++)
            data[i] = value(chunk, i);
        status = writing ? H5Dwrite(set, H5T_NATIVE_INT, memory, inside, H5P_DEFAULT, data)
                         : H5Dread(set, H5T_NATIVE_INT, memory, inside, H5P_DEFAULT, back);
    }
    if (inside >= 0)
        H5Sclose(inside);
    if (memory >= 0)
        H5Sclose(memory);
    return status >= 0;
}

/* Whether a chunk is as it was written; else it must never have been. */
static int is_there(hid_t set, int chunk) {
    int i;
    assert(transfer(set, chunk, 0));
    for (i = 0; i < CHUNK; i++)
        assert(back[i] == (back[0] == 0 ? 0 : value(chunk, i)));
    return back[0] != 0;
}

static rlim_t limit(int resource, rlim_t most) {
    struct rlimit now;
    rlim_t before;
    assert(getrlimit(resource, &now) == 0);
    before = now.rlim_cur;
    now.rlim_cur = most;
    assert(setrlimit(resource, &now) == 0);
    return before;
}

static rlim_t address_space(void) {
    unsigned long pages;
    FILE *statm = fopen("/proc/self/statm", "r");
    assert(statm != NULL && fscanf(statm, "%lu", &pages) == 1);
    fclose(statm);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A file with half of the chunks. */
static void prepare(void) {
    hsize_t dims = CHUNK * CHUNKS, chunk = CHUNK;
    hid_t file = H5Fcreate("limits.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(1, &dims, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE), set;
    int i;
    assert(H5Pset_chunk(dcpl, 1, &chunk) >= 0);
    assert(H5Pset_filter(dcpl, 61868, H5Z_FLAG_MANDATORY, 1, words) >= 0);
    set = H5Dcreate2(file, "x", H5T_STD_I32LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert(set >= 0);
    for (i = 0; i < CHUNKS / 2; i++)
        assert(transfer(set, i, 1));
    assert(H5Dclose(set) >= 0 && H5Pclose(dcpl) >= 0 && H5Sclose(space) >= 0);
    assert(H5Fclose(file) >= 0);
    exit(0);
}

/* Writes the rest until a limit that is so many bytes away. Where it is lifted then, as when
 * somebody makes room, all can be closed; otherwise the process ends at once, because HDF5 1.10.8
 * crashes when it cannot write what a file needs to be closed, with or without filters. */
static void work(int resource, rlim_t room, int lifted) {
    const int memory = resource == RLIMIT_AS;
    hid_t file = H5Fopen("limits.h5", H5F_ACC_RDWR, H5P_DEFAULT), set;
    int i, written = CHUNKS / 2;
    struct stat size;
    rlim_t before, now;
    assert(H5Zfilter_avail(61868) > 0);
    set = H5Dopen2(file, "x", H5P_DEFAULT);
    assert(set >= 0);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (!memory) {
        assert(transfer(set, written++, 1) && H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0);
        assert(stat("limits.h5", &size) == 0);
    }
    now = memory ? address_space() : (rlim_t)size.st_size;
    before = limit(resource, now + room);
    while (written < CHUNKS && transfer(set, written, 1))
        written++;
    for (i = 0; memory && i < CHUNKS / 2; i++)
        if (transfer(set, i, 0))
            assert(back[0] == value(i, 0) && back[CHUNK - 1] == value(i, CHUNK - 1));
    if (lifted) {
        limit(resource, before);
        for (i = 0; i < written; i++)
            assert(is_there(set, i));
        assert(H5Dclose(set) >= 0 && H5Fclose(file) >= 0);
    }
    _exit(written < CHUNKS ? 7 : 0);
}

/* In a process that has nothing to do with the one that wrote it. */
static void check(int flushed) {
    hid_t file = H5Fopen("limits.h5", H5F_ACC_RDONLY, H5P_DEFAULT), set;
    int i;
    assert(file >= 0);
    set = H5Dopen2(file, "x", H5P_DEFAULT);
    assert(set >= 0);
    for (i = 0; i < flushed; i++)
        assert(is_there(set, i));
    assert(H5Dclose(set) >= 0 && H5Fclose(file) >= 0);
    exit(0);
}

static int ended(pid_t id) {
    int status;
    assert(id > 0 && waitpid(id, &status, 0) == id);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 7)) {
        fprintf(stderr, "status %d\n", status);
        return -1;
    }
    return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    int resource, step, failures = 0;
    pid_t id;
    assert(argc == 3);
    resource = strcmp(argv[1], "memory") == 0 ? RLIMIT_AS : RLIMIT_FSIZE;
    signal(SIGXFSZ, SIG_IGN);
    for (step = 0; step < STEPS; step++) {
        const int lifted = step % 2;
        int result;
        if ((id = fork()) == 0)
            alarm(60), prepare();
        assert(ended(id) == 0);
        if ((id = fork()) == 0)
            alarm(60), work(resource, (rlim_t)step * (rlim_t)atol(argv[2]), lifted);
        result = ended(id);
        failures += result == 7;
        if ((id = fork()) == 0)
            alarm(60), check(CHUNKS / 2 + (resource == RLIMIT_FSIZE));
        if (ended(id) != 0 || result < 0) {
            fprintf(stderr, "%s, step %d, %s\n", argv[1], step, lifted ? "lifted" : "kept");
            return 1;
        }
    }
    assert(failures > 0 && failures < STEPS);
    puts("PASS");
    return 0;
}
