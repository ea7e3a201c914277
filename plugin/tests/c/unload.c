/* HDF5 unloads its plugins at H5close: ours stays mapped, works again, and survives exit from a thread.
 * So does another copy of it in the same process. Arguments: two folders, each with a plugin. */
#include "dataset.h"

#include <dlfcn.h>
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

static void load_and_unload(const char *folder) {
    char path[4096];
    void *plugin;
    snprintf(path, sizeof path, "%s/libh5flac.so", folder);
    plugin = dlopen(path, RTLD_NOW);
    assert(plugin != NULL && dlclose(plugin) == 0);
}

int main(int argc, char **argv) {
    const unsigned words[] = {5};
    pthread_t id;
    int i;
    assert(argc == 3);
    for (i = 0; i < 12; i++) {
        const char *folder = argv[1 + i / 3 % 2];
        /* HDF5 reads it when it is opened. */
        assert(setenv("HDF5_PLUGIN_PATH", folder, 1) == 0 && H5open() >= 0);
        load_and_unload(folder);
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
