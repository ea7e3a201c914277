/* HDF5 unloads its plugins at H5close: ours stays mapped, works again, and survives exit from a thread. */
#include "dataset.h"

#include <pthread.h>

static int mapped(void) {
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, "libh5flac.so") != NULL;
    if (maps != NULL)
        fclose(maps);
    return found;
}

static void *thread(void *unused) {
    (void)unused;
    read_dataset("unload.h5");
    H5close();
    return NULL;
}

int main(void) {
    const unsigned words[] = {5};
    pthread_t id;
    int i;
    for (i = 0; i < 5; i++) {
        assert(write_dataset("unload.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, words));
        assert(mapped());
        assert(H5close() >= 0);
        assert(mapped());
        assert(pthread_create(&id, NULL, thread, NULL) == 0 && pthread_join(id, NULL) == 0);
    }
    assert(read_dataset("unload.h5") < sizeof(int) * ROWS * COLUMNS);
    puts("PASS");
    return 0;
}
