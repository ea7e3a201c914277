/* After the filter has worked in the parent, forked children use it, and so do theirs. */
#include "dataset.h"

#include <sys/wait.h>

static void child(int depth, const char *path) {
    const unsigned words[] = {5};
    int status;
    pid_t id = fork();
    assert(id >= 0);
    if (id == 0) {
        alarm(60);
        read_dataset("fork.h5");
        assert(write_dataset(path, H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, words));
        read_dataset(path);
        if (depth > 0)
            child(depth - 1, "grandchild.h5");
        exit(0);
    }
    assert(waitpid(id, &status, 0) == id && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    const unsigned words[] = {5};
    assert(write_dataset("fork.h5", H5T_STD_I32LE, H5Z_FLAG_MANDATORY, 1, words));
    read_dataset("fork.h5");
    child(1, "child.h5");
    read_dataset("fork.h5");
    child(1, "child.h5");
    puts("PASS");
    return 0;
}
