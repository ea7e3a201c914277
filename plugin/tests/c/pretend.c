/* The plugin keeps to what a libhdf5 expects of it. Argument: the plugin. */
#include "pretend.h"

#include <dirent.h>

static const char *(*last_error)(void);

static int threads_now(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = -2; /* . and .. */
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count;
}

/* There and back, with room for more in each buffer. */
static void round_trip(const chunk *c) {
    size_t size = BYTES + 100, length;
    void *memory = hdf5_memory(c->samples, BYTES, 100), *roomy;
    length = call(H5Z_FLAG_MANDATORY, c->words, BYTES, &size, &memory);
    assert(length > 0);
    start_of(memory);
    roomy = hdf5_memory(memory, length, 5000);
    H5free_memory(memory);
    size = length + 5000;
    length = call(H5Z_FLAG_REVERSE, c->words, length, &size, &roomy);
    assert(length == BYTES);
    if (c->layout.number_class != H5FLAC_FLOAT)
        assert(memcmp(roomy, c->samples, BYTES) == 0);
    H5free_memory(roomy);
}

static void refuses(unsigned flags, const unsigned *words, const void *bytes, size_t length,
                    const char *told, const char *last) {
    void *memory = hdf5_memory(bytes, length, 0);
    size_t size = length;
    pushes = 0, last_call = NULL, pushed[0] = 0;
    assert(call(flags, words, length, &size, &memory) == 0);
    assert(strstr(last_error(), told) != NULL);
    if (last == NULL) {
        assert(pushes == 0);
    } else {
        assert(pushes == 1 && strcmp(pushed, last_error()) == 0);
        assert(strcmp(last_call, last) == 0);
    }
    H5free_memory(memory);
}

static void errors(const chunk *waves, const chunk *noise) {
    const char *lasts[] = {"H5Epush2", "H5Eset_current_stack"};
    unsigned wrong[H5FLAC_COMPLETE_WORDS];
    memcpy(wrong, waves->words, sizeof wrong);
    wrong[1] = 9;
    for (paused = 0; paused < 2; paused++) {
        const char *last = lasts[paused];
        refuses(H5Z_FLAG_REVERSE, waves->words, "no chunk at all", 15, "", last);
        refuses(H5Z_FLAG_REVERSE | H5Z_FLAG_OPTIONAL, waves->words, "nor this", 8, "", last);
        refuses(H5Z_FLAG_MANDATORY, wrong, waves->samples, BYTES, "unknown mode 9", last);
        refuses(H5Z_FLAG_MANDATORY, waves->words, waves->samples, 40, "announce", last);
        refuses(H5Z_FLAG_OPTIONAL, wrong, waves->samples, BYTES, "unknown mode 9", NULL);
        refuses(H5Z_FLAG_OPTIONAL, waves->words, waves->samples, 40, "announce", NULL);
        most_hdf5 = 1000;
        refuses(H5Z_FLAG_MANDATORY, noise->words, noise->samples, BYTES, "no memory", last);
        refuses(H5Z_FLAG_OPTIONAL, noise->words, noise->samples, BYTES, "no memory", NULL);
        most_hdf5 = SIZE_MAX;
    }
    paused = 0;
    pushes = 0;
    assert(filter_class->can_apply(-1, -1, -1) == -1 && pushes == 1);
    assert(filter_class->set_local(-1, -1, -1) == -1 && pushes == 2);
    assert(strstr(pushed, "links") != NULL && strcmp(last_call, "H5Epush2") == 0);
}

static void no_memory_to_decode(const chunk *c) {
    void *memory = hdf5_memory(c->samples, BYTES, 0);
    size_t size = BYTES, length = call(0, c->words, BYTES, &size, &memory);
    assert(length > 0 && length < BYTES);
    most_hdf5 = BYTES - 1;
    refuses(H5Z_FLAG_REVERSE, c->words, memory, length, "no memory", "H5Epush2");
    most_hdf5 = SIZE_MAX;
    H5free_memory(memory);
}

#define CHUNKS 4
static chunk chunks[CHUNKS];

static void *many(void *start) {
    int i;
    for (i = 0; i < CHUNKS; i++)
        round_trip(&chunks[(*(int *)start + i) % CHUNKS]);
    return NULL;
}

int main(int argc, char **argv) {
    const char *counts[] = {NULL, "3", "auto"};
    pthread_t ids[4];
    int starts[4], i, k;
    assert(argc == 2);
    load(argv[1]);
    assert(getenvs == 0 && threads_now() == 1);
    *(void **)&last_error = function("h5flac_last_error");
    fill_waves(&chunks[0]), fill_noise(&chunks[1]), fill_long_rows(&chunks[2]);
    fill_short_rows(&chunks[3]);
    owner = pthread_self();
    for (k = 0; k < 3; k++) {
        if (counts[k] != NULL)
            setenv("H5FLAC_NUM_THREADS", counts[k], 1);
        owned = 1;
        for (i = 0; i < CHUNKS; i++)
            round_trip(&chunks[i]);
        errors(&chunks[0], &chunks[1]);
        no_memory_to_decode(&chunks[0]);
        assert(hdf5_blocks == 0);
        assert(k > 0 || threads_now() == 1);
        owned = 0;
        for (i = 0; i < 4; i++) {
            starts[i] = i;
            assert(pthread_create(&ids[i], NULL, many, &starts[i]) == 0);
        }
        for (i = 0; i < 4; i++)
            assert(pthread_join(ids[i], NULL) == 0);
        assert(hdf5_blocks == 0);
    }
    puts("PASS");
    return 0;
}
