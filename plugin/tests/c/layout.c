/* Prints what HDF5's own header says about the structs and constants that abi.rs copies. */
#include <hdf5.h>
#include <stddef.h>
#include <stdio.h>

int main(void) {
    printf("class %zu %zu %zu %zu %zu %zu %zu %zu %zu\n", sizeof(H5Z_class2_t),
           offsetof(H5Z_class2_t, version), offsetof(H5Z_class2_t, id),
           offsetof(H5Z_class2_t, encoder_present), offsetof(H5Z_class2_t, decoder_present),
           offsetof(H5Z_class2_t, name), offsetof(H5Z_class2_t, can_apply),
           offsetof(H5Z_class2_t, set_local), offsetof(H5Z_class2_t, filter));
    printf("sizes %zu %zu %zu %zu %zu\n", sizeof(hid_t), sizeof(hsize_t), sizeof(hbool_t),
           sizeof(herr_t), sizeof(H5T_class_t));
    printf("constants %d %d %d %d %d %d %d\n", H5Z_CLASS_T_VERS, H5Z_FLAG_OPTIONAL,
           H5Z_FLAG_REVERSE, H5Z_FLAG_SKIP_EDC, H5S_MAX_RANK, H5D_FILL_VALUE_USER_DEFINED,
           H5PL_TYPE_FILTER);
    printf("types %d %d %d %d %d %d %d %d %d %d %d\n", H5T_INTEGER, H5T_FLOAT, H5T_TIME,
           H5T_STRING, H5T_BITFIELD, H5T_OPAQUE, H5T_COMPOUND, H5T_REFERENCE, H5T_ENUM, H5T_VLEN,
           H5T_ARRAY);
    printf("properties %d %d %d\n", H5T_ORDER_LE, H5T_ORDER_BE, H5T_SGN_2);
    printf("stack %d\n", (int)H5E_DEFAULT);
    return 0;
}
