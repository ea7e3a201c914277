//! HDF5 filter plugin and C interface of h5flac.
