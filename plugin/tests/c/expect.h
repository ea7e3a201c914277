/* What calls of h5flac.h must answer. */
#undef NDEBUG
#include "h5flac.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuses(int status, int expected, const char *words) {
    if (status != expected || strstr(h5flac_last_error(), words) == NULL) {
        fprintf(stderr, "status %d, expected %d; message \"%s\", expected \"%s\"\n", status,
                expected, h5flac_last_error(), words);
        exit(1);
    }
}

static void accepts(int status) {
    if (status != H5FLAC_OK) {
        fprintf(stderr, "status %d: %s\n", status, h5flac_last_error());
        exit(1);
    }
}
