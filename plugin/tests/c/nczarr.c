/* Pretends to be a libnetcdf: loads the plugin, asks for its codec, and tells it of variables. What
 * it is given it frees, as netCDF does. Link with -rdynamic -ldl; without -rdynamic it has one
 * argument more. */
#undef NDEBUG
#include "h5flac.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As netCDF's netcdf_filter_build.h and netcdf_filter_hdf5_build.h have them. */
typedef struct NCZ_codec_t {
    int version;
    int sort;
    const char *codecid;
    unsigned int hdf5id;
    void (*initialize)(void);
    void (*finalize)(void);
    int (*codec_to_hdf5)(const char *codec, size_t *count, unsigned **words);
    int (*hdf5_to_codec)(size_t count, const unsigned *words, char **codec);
    int (*modify_parameters)(int ncid, int varid, size_t *visible_count, unsigned **visible,
                             size_t *working_count, unsigned **working);
} NCZ_codec_t;

typedef size_t (*filter_t)(unsigned flags, size_t count, const unsigned *words, size_t bytes,
                           size_t *size, void **buffer);

struct filter_class {
    int version, id;
    unsigned encoder, decoder;
    const char *name;
    void *can_apply, *set_local;
    filter_t filter;
};

enum { NOERR = 0, EPERM_ = -37, EBADID = -33, ELATEDEF = -123, EFILTER = -132, ENOMEM_ = -61 };
enum { BYTE = 1, CHAR, SHORT, INT, FLOAT, DOUBLE, UBYTE, USHORT, UINT, INT64, UINT64, STRING };
enum { NATIVE, LITTLE, BIG };
enum { CHUNKED, CONTIGUOUS };
enum { NCID = 65536, VARID = 3 };

/* ------------------------------------------------------------------ the variable */

static struct {
    int type, endian, rank, storage, no_fill, late, filters;
    size_t chunk[4];
    unsigned filter[4];
    unsigned char fill[8];
    int broken; /* every inquiry fails */
} variable;

static void variable_of(int type) {
    memset(&variable, 0, sizeof variable);
    variable.type = type;
    variable.rank = 2;
    variable.chunk[0] = 3, variable.chunk[1] = 1000;
    variable.no_fill = 1;
    variable.filters = 1;
    variable.filter[0] = H5FLAC_FILTER_ID;
}

static int inquiry(int ncid, int varid) {
    assert(ncid == NCID && varid == VARID);
    return variable.broken ? EBADID : NOERR;
}

const char *nc_strerror(int status) { return status == EBADID ? "Not a valid ID" : "?"; }

int nc_inq_varname(int ncid, int varid, char *name) {
    if (inquiry(ncid, varid))
        return EBADID;
    strcpy(name, "tide");
    return NOERR;
}

int nc_inq_vartype(int ncid, int varid, int *type) {
    *type = variable.type;
    return inquiry(ncid, varid);
}

int nc_inq_varndims(int ncid, int varid, int *rank) {
    *rank = variable.rank;
    return inquiry(ncid, varid);
}

int nc_inq_var_chunking(int ncid, int varid, int *storage, size_t *chunk) {
    *storage = variable.storage;
    if (variable.storage == CHUNKED)
        memcpy(chunk, variable.chunk, (size_t)variable.rank * sizeof *chunk);
    return inquiry(ncid, varid);
}

int nc_inq_var_endian(int ncid, int varid, int *endian) {
    *endian = variable.endian;
    return inquiry(ncid, varid);
}

int nc_def_var_endian(int ncid, int varid, int endian) {
    (void)inquiry(ncid, varid);
    assert(endian == variable.endian);
    return variable.late;
}

int nc_inq_var_fill(int ncid, int varid, int *none, void *value) {
    *none = variable.no_fill;
    if (!variable.no_fill)
        memcpy(value, variable.fill, sizeof variable.fill);
    return inquiry(ncid, varid);
}

int nc_inq_var_filter_ids(int ncid, int varid, size_t *count, unsigned *ids) {
    *count = (size_t)variable.filters;
    if (ids != NULL)
        memcpy(ids, variable.filter, (size_t)variable.filters * sizeof *ids);
    return inquiry(ncid, varid);
}

static char logged[2048];
static int logs;

void nclog(int tag, const char *format, ...) {
    va_list arguments;
    assert(tag == 1);
    va_start(arguments, format);
    vsnprintf(logged, sizeof logged, format, arguments);
    va_end(arguments);
    logs++;
}

/* ------------------------------------------------------------------ the plugin */

static const NCZ_codec_t *codec;
static const struct filter_class *filter_class;
static const char *(*last_error)(void);

static void *function(void *plugin, const char *name) {
    void *found = dlsym(plugin, name);
    assert(found != NULL);
    return found;
}

/* Expects an error in words, as last error and in netCDF's log. */
static void refused(int status, const char *words) {
    const int expected = strstr(words, "overflows") != NULL ? ENOMEM_ : EFILTER;
    if (status != expected || logs != 1 || strstr(last_error(), words) == NULL ||
        strncmp(logged, "h5flac: ", 8) != 0 || strcmp(logged + 8, last_error()) != 0) {
        fprintf(stderr, "status %d, expected %s; told \"%s\", logged \"%s\"\n", status, words,
                last_error(), logged);
        exit(1);
    }
    logs = 0;
}

/* Completes words; expects the refusal, or none. */
static size_t complete(size_t count, const unsigned *words, unsigned *all, const char *refusal) {
    size_t visible_count = count, working_count = 0;
    unsigned *visible = malloc(count * sizeof *words + 1), *before = visible, *working = NULL;
    int status;
    memcpy(visible, words, count * sizeof *words);
    status = codec->modify_parameters(NCID, VARID, &visible_count, &visible, &working_count, &working);
    assert(visible == before && visible_count == count);
    assert(memcmp(visible, words, count * sizeof *words) == 0);
    if (refusal != NULL) {
        refused(status, refusal);
        assert(working == NULL && working_count == 0);
    } else {
        if (status != NOERR) {
            fprintf(stderr, "%s\n", last_error());
            exit(1);
        }
        memcpy(all, working, working_count * sizeof *working);
    }
    free(visible);
    free(working);
    return working_count;
}

/* ------------------------------------------------------------------ what is promised */

static void types_and_shapes(void) {
    static const struct {
        int type;
        unsigned code; /* class, and bytes in bits 4 to 7 */
    } numbers[] = {{BYTE, 0x10},  {SHORT, 0x20},  {INT, 0x40},  {INT64, 0x80},  {FLOAT, 0x42},
                   {UBYTE, 0x11}, {USHORT, 0x21}, {UINT, 0x41}, {UINT64, 0x81}, {DOUBLE, 0x82}};
    const unsigned words[] = {5, 2, 1, 3};
    unsigned all[H5FLAC_COMPLETE_WORDS];
    size_t i;
    int endian;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (endian = NATIVE; endian <= BIG; endian++) {
            const unsigned big = endian == BIG ? 0x100 : 0;
            const unsigned size = numbers[i].code >> 4;
            const unsigned char fill[8] = {1, 2, 3, 4, 5, 6, 7, 8};
            unsigned char stored[8];
            unsigned j;
            variable_of(numbers[i].type);
            variable.endian = endian;
            assert(complete(4, words, all, NULL) == H5FLAC_COMPLETE_WORDS);
            assert(memcmp(all, words, sizeof words) == 0 && all[4] == 0);
            assert(all[5] == (0xf1ac1000u | numbers[i].code | big));
            assert(all[6] == 3 && all[8] == 1000 && all[10] == 1 && all[12] == 0);
            memcpy(variable.fill, fill, sizeof fill);
            variable.no_fill = 0;
            complete(4, words, all, NULL);
            assert(all[5] == (0xf1ac1400u | numbers[i].code | big));
            memcpy(stored, &all[12], sizeof stored);
            for (j = 0; j < 8; j++)
                assert(stored[j] == (j >= size ? 0 : fill[big ? size - 1 - j : j]));
        }
    variable_of(FLOAT);
    variable.rank = 4;
    variable.chunk[0] = 2, variable.chunk[1] = 3, variable.chunk[2] = 700, variable.chunk[3] = 5;
    {
        const unsigned inner[] = {5, 0, 0, 0, 1};
        unsigned again[H5FLAC_COMPLETE_WORDS];
        complete(5, inner, all, NULL);
        assert(all[6] == 6 && all[8] == 700 && all[10] == 5);
        /* Words of another dataset are completed afresh. */
        variable.chunk[2] = 800;
        complete(H5FLAC_COMPLETE_WORDS, all, again, NULL);
        assert(again[8] == 800 && memcmp(again, all, 8 * sizeof *all) == 0);
        complete(0, NULL, all, NULL);
        assert(all[0] == 5 && all[1] == 0 && all[8] == 5);
    }
}

static void refusals(void) {
    const unsigned lossless[] = {5}, unknown[] = {5, 7}, far[] = {5, 0, 0, 0, 2};
    const unsigned precision[] = {5, 3, 4}, many[70] = {5};
    const double fill = 9.9692099683868690e+36, six = 9.96921e36;
    const float large = 1e20f, seven = 1.234567f;
    unsigned all[H5FLAC_COMPLETE_WORDS];

    variable_of(CHAR);
    complete(1, lossless, NULL, "variable tide: cannot compress characters");
    variable_of(STRING);
    complete(1, lossless, NULL, "variable tide: cannot compress strings");
    variable_of(77);
    complete(1, lossless, NULL, "variable tide: cannot compress netCDF type 77");
    variable_of(INT);
    complete(2, unknown, NULL, "variable tide: unknown mode 7 in word 1; known are");
    complete(5, far, NULL, "variable tide: stream axis 2 from the last, but the chunk has 2");
    complete(70, many, NULL, "70 parameter words are not h5flac's");
    variable.storage = CONTIGUOUS;
    complete(1, lossless, NULL, "variable tide: it has no chunks; give it dimensions, and chunks");
    variable_of(INT);
    variable.rank = 0;
    complete(1, lossless, NULL, "variable tide: it has no chunks");
    variable_of(INT);
    variable.chunk[0] = (size_t)1 << 62;
    complete(1, lossless, NULL, "overflows");
    variable_of(INT);
    variable.filters = 2;
    variable.filter[0] = 2, variable.filter[1] = H5FLAC_FILTER_ID;
    complete(1, lossless, NULL, "variable tide: shuffle stands before h5flac");
    variable.filter[0] = 32015;
    complete(1, lossless, NULL, "variable tide: filter 32015 stands before h5flac");
    variable.filter[0] = H5FLAC_FILTER_ID, variable.filter[1] = 3;
    complete(1, lossless, all, NULL);
    variable.broken = 1;
    complete(1, lossless, NULL, "variable number 3: netCDF does not tell the variable's type: Not a");

    /* Fill values that netCDF writes otherwise, or forgets. */
    variable_of(DOUBLE);
    variable.no_fill = 0;
    memcpy(variable.fill, &fill, sizeof fill);
    complete(3, precision, NULL, "fill value 9.969209968386869e36 becomes 9.96921e36");
    complete(1, lossless, all, NULL);
    memcpy(variable.fill, &six, sizeof six);
    complete(3, precision, all, NULL);
    variable.type = FLOAT;
    memcpy(variable.fill, &seven, sizeof seven);
    complete(3, precision, NULL, "becomes 1.23457");
    memcpy(variable.fill, &large, sizeof large);
    complete(3, precision, all, NULL);
    variable.endian = BIG;
    complete(3, precision, NULL, "variable tide: netCDF fills Zarr's chunks in this machine's byte");
    variable.no_fill = 1;
    complete(3, precision, all, NULL);
    variable.no_fill = 0, variable.type = INT;
    complete(3, precision, all, NULL);

    /* What is only read needs no words that suit the encoder. */
    variable_of(INT);
    variable.late = ELATEDEF;
    complete(5, far, NULL, "stream axis 2");
    variable.late = EPERM_;
    assert(complete(5, far, all, NULL) == 5 && memcmp(all, far, sizeof far) == 0);
    complete(2, unknown, NULL, "unknown mode 7");
}

static void metadata(void) {
    const unsigned words[] = {5, 2, 25, 3}, unknown[] = {5, 0, 0, 0, 512};
    unsigned all[H5FLAC_COMPLETE_WORDS];
    const unsigned *none = NULL;
    size_t count = 99;
    unsigned *made = NULL;
    char *json = NULL;
    variable_of(DOUBLE);
    complete(4, words, all, NULL);
    assert(codec->hdf5_to_codec(4, words, &json) == NOERR);
    assert(strcmp(json, "{\"id\": \"h5flac\", \"quanta\": \"0.025\"}") == 0);
    assert(codec->codec_to_hdf5(json, &count, &made) == NOERR);
    assert(count == H5FLAC_PARAM_WORDS && memcmp(made, all, count * sizeof *made) == 0);
    free(made);
    free(json);
    assert(codec->hdf5_to_codec(H5FLAC_COMPLETE_WORDS, all, &json) == NOERR);
    assert(strcmp(json, "{\"id\": \"h5flac\", \"quanta\": \"0.025\"}") == 0);
    free(json);
    assert(codec->hdf5_to_codec(0, none, &json) == NOERR);
    assert(strcmp(json, "{\"id\": \"h5flac\"}") == 0);
    free(json);

    json = NULL, made = NULL, count = 99;
    refused(codec->hdf5_to_codec(5, unknown, &json), "unknown option bits 0x200");
    refused(codec->hdf5_to_codec(5, none, &json), "5 parameter words are not h5flac's");
    refused(codec->hdf5_to_codec(4, words, NULL), "null pointer");
    refused(codec->codec_to_hdf5("{\"id\": \"h5flac\", \"levle\": 5}", &count, &made),
            "codec {\"id\": \"h5flac\", \"levle\": 5}: unknown key \"levle\"; known are id, level");
    refused(codec->codec_to_hdf5("{\"id\": \"\xff\"}", &count, &made), "not JSON");
    refused(codec->codec_to_hdf5(NULL, &count, &made), "null pointer");
    refused(codec->codec_to_hdf5("{}", NULL, &made), "null pointer");
    refused(codec->codec_to_hdf5("{}", &count, NULL), "null pointer");
    refused(codec->modify_parameters(NCID, VARID, NULL, &made, &count, &made), "null pointer");
    refused(codec->modify_parameters(NCID, VARID, &count, &made, &count, NULL), "null pointer");
    assert(json == NULL && made == NULL && count == 99);
}

/* As NCZ_applyfilterchain does: buffers are malloc's, and a failure leaves them. */
static void chunks(void) {
    const unsigned words[] = {5};
    unsigned all[H5FLAC_COMPLETE_WORDS];
    const size_t bytes = 3000 * sizeof(int);
    int *samples = malloc(bytes), i;
    void *buffer = malloc(bytes), *before;
    size_t size = bytes, length, again;
    for (i = 0; i < 3000; i++)
        samples[i] = i * 37 % 1009;
    variable_of(INT);
    complete(1, words, all, NULL);
    memcpy(buffer, samples, bytes);

    before = buffer;
    assert(filter_class->filter(0, 1, words, bytes, &size, &buffer) == 0);
    assert(buffer == before && size == bytes && memcmp(buffer, samples, bytes) == 0);
    refused(EFILTER, "parameter words without the dataset's type and shape");

    length = filter_class->filter(0, H5FLAC_COMPLETE_WORDS, all, bytes, &size, &buffer);
    assert(length > 0 && length < bytes);

    /* The rest of an older, longer chunk follows. */
    buffer = realloc(buffer, length + 100);
    memset((char *)buffer + length, 0x5a, 100);
    size = length + 100;
    again = filter_class->filter(0x100, H5FLAC_COMPLETE_WORDS, all, size, &size, &buffer);
    assert(again == bytes && size == bytes && memcmp(buffer, samples, bytes) == 0);

    /* A changed bit, with and without such a rest. */
    length = filter_class->filter(0, H5FLAC_COMPLETE_WORDS, all, bytes, &size, &buffer);
    ((char *)buffer)[length - 10] ^= 4;
    size = length;
    before = buffer;
    assert(filter_class->filter(0x100, 5, all, length, &size, &buffer) == 0 && buffer == before);
    refused(EFILTER, "CRC-32");
    assert(filter_class->filter(0x100, 5, all, length - 1, &size, &buffer) == 0);
    refused(EFILTER, "bytes of a chunk of");
    free(buffer);
    free(samples);
}

/* Without -rdynamic nobody can be asked, and nothing is logged. */
static void nobody_to_ask(void) {
    const unsigned words[] = {5, 0, 0, 0, 0};
    unsigned all[H5FLAC_COMPLETE_WORDS];
    size_t count = 99;
    unsigned *made;
    variable_of(CHAR);
    assert(complete(5, words, all, NULL) == 5 && memcmp(all, words, sizeof words) == 0);
    assert(codec->codec_to_hdf5("{}", &count, &made) == EFILTER);
    assert(strstr(last_error(), "no id") != NULL);
}

int main(int count, char **arguments) {
    const void *(*info)(void), *(*codec_info)(void);
    void *plugin;
    assert(count >= 2);
    plugin = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
    assert(plugin != NULL);
    *(void **)&info = function(plugin, "H5PLget_plugin_info");
    *(void **)&codec_info = function(plugin, "NCZ_get_codec_info");
    *(void **)&last_error = function(plugin, "h5flac_last_error");
    filter_class = info();
    codec = codec_info();
    assert(codec->version == 1 && codec->sort == 1 && codec->hdf5id == H5FLAC_FILTER_ID);
    assert(strcmp(codec->codecid, "h5flac") == 0 && filter_class->id == H5FLAC_FILTER_ID);
    assert(codec->initialize == NULL && codec->finalize == NULL);
    if (count > 2) {
        nobody_to_ask();
    } else {
        types_and_shapes();
        refusals();
        metadata();
        chunks();
    }
    assert(logs == 0);
    dlclose(plugin);
    puts("PASS");
    return 0;
}
