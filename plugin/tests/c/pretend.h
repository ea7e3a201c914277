/* Pretends to be a libhdf5 that watches its plugin: whose memory it uses, on which thread it calls,
 * what it says last, and how much it asks of malloc. Link with -rdynamic -ldl -lpthread. */
#undef NDEBUG
#include "h5flac.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <hdf5.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ what is watched */

static const H5Z_class2_t *filter_class; /* the plugin's */
static uintptr_t plugin_start, plugin_end;
static pthread_t owner;       /* the only thread that may call while `owned` */
static int owned;
static const char *last_call; /* into this library */
static int pushes;
static char pushed[512];
static int paused; /* what H5Eis_paused says */
static int getenvs; /* how often anyone read the environment */

static void called(const char *function) {
    assert(!owned || pthread_equal(owner, pthread_self()));
    last_call = function;
}

/* ------------------------------------------------------------------ memory
 *
 * HDF5's begins in the middle of malloc's, so that one given to the other's free is an abort. */

#define MARGIN 64
#define MAGIC 0x48444635u

static int hdf5_blocks;           /* not yet freed */
static size_t most_hdf5 = SIZE_MAX; /* in one block */

void *H5allocate_memory(size_t size, hbool_t clear) {
    unsigned *start;
    called("H5allocate_memory");
    if (size > most_hdf5 || (start = malloc(size + MARGIN)) == NULL)
        return NULL;
    memset(start, clear ? 0 : 0xa5, size + MARGIN);
    *start = MAGIC;
    __sync_fetch_and_add(&hdf5_blocks, 1);
    return (char *)start + MARGIN;
}

static unsigned *start_of(void *memory) {
    unsigned *start = (unsigned *)(void *)((char *)memory - MARGIN);
    assert(*start == MAGIC);
    return start;
}

void *H5resize_memory(void *memory, size_t size) {
    called("H5resize_memory");
    return (char *)realloc(start_of(memory), size + MARGIN) + MARGIN;
}

herr_t H5free_memory(void *memory) {
    unsigned *start = start_of(memory);
    called("H5free_memory");
    *start = 0;
    free(start);
    __sync_fetch_and_sub(&hdf5_blocks, 1);
    return 0;
}

/* malloc, for the plugin with a limit on what it holds at once. Small blocks always fit: HDF5 itself
 * would not come far without them. */

#define SMALL 4096
static size_t held, most_held = SIZE_MAX;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
extern size_t malloc_usable_size(void *);

static int by_plugin(void *address) {
    return (uintptr_t)address >= plugin_start && (uintptr_t)address < plugin_end;
}
#define BY_PLUGIN by_plugin(__builtin_return_address(0))

static int fits(size_t size) {
    size_t now = __sync_fetch_and_add(&held, 0);
    return size < SMALL || (now <= most_held && size <= most_held - now);
}

static void *counted(void *memory) {
    __sync_fetch_and_add(&held, malloc_usable_size(memory));
    return memory;
}

void *malloc(size_t size) {
    if (!BY_PLUGIN)
        return __libc_malloc(size);
    return fits(size) ? counted(__libc_malloc(size)) : NULL;
}

void *calloc(size_t count, size_t size) {
    if (!BY_PLUGIN)
        return __libc_calloc(count, size);
    return size == 0 || fits(count * size) ? counted(__libc_calloc(count, size)) : NULL;
}

void *realloc(void *memory, size_t size) {
    size_t before = malloc_usable_size(memory);
    if (!BY_PLUGIN)
        return __libc_realloc(memory, size);
    if (size > before && !fits(size))
        return NULL;
    __sync_fetch_and_sub(&held, before);
    return counted(__libc_realloc(memory, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (BY_PLUGIN && !fits(size))
        return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    if (BY_PLUGIN)
        counted(*memory);
    return 0;
}

void free(void *memory) {
    if (BY_PLUGIN)
        __sync_fetch_and_sub(&held, malloc_usable_size(memory));
    __libc_free(memory);
}

/* ------------------------------------------------------------------ errors */

hid_t H5E_ERR_CLS_g = 1, H5E_PLINE_g = 2, H5E_CALLBACK_g = 3;

herr_t H5Epush2(hid_t stack, const char *file, const char *func, unsigned line, hid_t class,
                hid_t major, hid_t minor, const char *format, ...) {
    va_list rest;
    (void)file, (void)func, (void)line;
    called("H5Epush2");
    assert(stack == (paused ? 77 : H5E_DEFAULT));
    assert(class == 1 && major == 2 && minor == 3 && strcmp(format, "%s") == 0);
    va_start(rest, format);
    snprintf(pushed, sizeof pushed, "%s", va_arg(rest, const char *));
    va_end(rest);
    pushes++;
    return 0;
}

herr_t H5Eis_paused(hid_t stack, hbool_t *is_paused);
herr_t H5Eis_paused(hid_t stack, hbool_t *is_paused) {
    called("H5Eis_paused");
    assert(stack == H5E_DEFAULT);
    *is_paused = paused != 0;
    return 0;
}

hid_t H5Ecreate_stack(void) {
    called("H5Ecreate_stack");
    return 77;
}

herr_t H5Eset_current_stack(hid_t stack) {
    called("H5Eset_current_stack");
    assert(stack == 77);
    return 0;
}

/* ------------------------------------------------------------------ the rest is there, never asked */

herr_t H5get_libversion(unsigned *major, unsigned *minor, unsigned *release) {
    *major = 1, *minor = 14, *release = 6;
    return 0;
}

#define NEVER_ASKED(name)                                                                          \
    void pretended_##name(void) __asm__(#name);                                                    \
    void pretended_##name(void) { abort(); }

NEVER_ASKED(H5Tget_class)
NEVER_ASKED(H5Tget_size)
NEVER_ASKED(H5Tget_order)
NEVER_ASKED(H5Tget_sign)
NEVER_ASKED(H5Tget_precision)
NEVER_ASKED(H5Tencode)
NEVER_ASKED(H5Tget_super)
NEVER_ASKED(H5Tget_nmembers)
NEVER_ASKED(H5Tget_member_name)
NEVER_ASKED(H5Tget_member_type)
NEVER_ASKED(H5Tget_member_offset)
NEVER_ASKED(H5Tclose)
NEVER_ASKED(H5Sget_simple_extent_ndims)
NEVER_ASKED(H5Sget_simple_extent_dims)
NEVER_ASKED(H5Pget_nfilters)
NEVER_ASKED(H5Pget_filter2)
NEVER_ASKED(H5Pget_filter_by_id2)
NEVER_ASKED(H5Pmodify_filter)
NEVER_ASKED(H5Pfill_value_defined)
NEVER_ASKED(H5Pget_fill_value)

char *getenv(const char *name) {
    extern char **environ;
    size_t length = strlen(name);
    char **entry;
    getenvs++;
    for (entry = environ; *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

/* ------------------------------------------------------------------ the plugin */

static void *plugin;

static void *function(const char *name) {
    void *found = dlsym(plugin, name);
    assert(found != NULL);
    return found;
}

/* Loads it as libhdf5 does. */
static void load(const char *path) {
    const H5Z_class2_t *(*info)(void);
    int (*type)(void);
    char line[4096];
    FILE *maps;
    plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert(plugin != NULL);
    *(void **)&type = function("H5PLget_plugin_type");
    *(void **)&info = function("H5PLget_plugin_info");
    assert(type() == 0);
    filter_class = info();
    assert(filter_class->id == H5FLAC_FILTER_ID);
    maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "libh5flac.so") != NULL) {
            unsigned long start, end;
            assert(sscanf(line, "%lx-%lx", &start, &end) == 2);
            if (plugin_start == 0)
                plugin_start = start;
            plugin_end = end;
        }
    fclose(maps);
    assert(plugin_start < plugin_end);
}

/* A chunk of rows, and its words. */
#define ROWS 24
#define COLUMNS 5000
#define SHORT 8 /* columns, where rows are many */
#define COUNT (ROWS * COLUMNS)
#define BYTES (COUNT * 4)

typedef struct chunk {
    h5flac_layout layout;
    unsigned words[H5FLAC_COMPLETE_WORDS];
    int samples[COUNT];
} chunk;

static void complete(chunk *c, unsigned class, uint64_t columns, const unsigned *params) {
    int (*completes)(unsigned *, const unsigned *, uint64_t, const h5flac_layout *, const void *);
    const h5flac_layout layout = {class, 4, 0, 0, COUNT / columns, columns, 1};
    *(void **)&completes = function("h5flac_params_complete");
    c->layout = layout;
    assert(completes(c->words, params, H5FLAC_PARAM_WORDS, &layout, NULL) == H5FLAC_OK);
}

/* Integers that compress, and rows that follow each other. */
static void fill_waves(chunk *c) {
    const unsigned params[H5FLAC_PARAM_WORDS] = {5};
    int i;
    for (i = 0; i < COUNT; i++)
        c->samples[i] = (i % COLUMNS * 37) % 1009 * 50 + i % 7 + i / COLUMNS;
    complete(c, H5FLAC_SIGNED, COLUMNS, params);
}

/* Bits that do not compress. */
static void fill_noise(chunk *c) {
    const unsigned params[H5FLAC_PARAM_WORDS] = {5};
    unsigned x = 1;
    int i;
    for (i = 0; i < COUNT; i++)
        c->samples[i] = (int)(x = x * 1664525u + 1013904223u);
    complete(c, H5FLAC_UNSIGNED, COLUMNS, params);
}

/* Floats within 0.01, with gaps. */
static void fill_floats(chunk *c, uint64_t columns) {
    const unsigned params[H5FLAC_PARAM_WORDS] = {5, 2, 2, 2, 0};
    int i;
    for (i = 0; i < COUNT; i++) {
        float x = (float)((i * 37) % 1009) / 7 + (float)(i / COLUMNS);
        if (i % 97 == 0)
            x = 1e30f;
        memcpy(&c->samples[i], &x, sizeof x);
    }
    complete(c, H5FLAC_FLOAT, columns, params);
}

static void fill_long_rows(chunk *c) { fill_floats(c, COLUMNS); }
static void fill_short_rows(chunk *c) { fill_floats(c, SHORT); }

/* Memory of this library, `room` bytes longer than what is in it. */
static void *hdf5_memory(const void *bytes, size_t length, size_t room) {
    size_t limit = most_hdf5;
    void *memory;
    most_hdf5 = SIZE_MAX;
    memory = H5allocate_memory(length + room, 0);
    most_hdf5 = limit;
    assert(memory != NULL);
    memcpy(memory, bytes, length);
    return memory;
}

/* Calls the filter on it; a refusal must leave everything as it was. */
static size_t call(unsigned flags, const unsigned *words, size_t length, size_t *size, void **memory) {
    void *before = __libc_malloc(length), *start = *memory;
    size_t had = *size, result;
    memcpy(before, start, length);
    result = filter_class->filter(flags, H5FLAC_COMPLETE_WORDS, words, length, size, memory);
    if (result == 0)
        assert(*memory == start && *size == had && memcmp(before, start, length) == 0);
    else
        assert(*size >= result);
    __libc_free(before);
    return result;
}
