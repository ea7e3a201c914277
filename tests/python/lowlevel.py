"""Datasets made by h5py's low level, which takes what its high level does not."""

import h5py
from h5py import h5d, h5p, h5s, h5z
from params import FILTER

MANDATORY, OPTIONAL = h5z.FLAG_MANDATORY, h5z.FLAG_OPTIONAL


def properties(params, chunks, flags=MANDATORY, before=()):
    """A property list with the filter, and others `before` it."""
    made = h5p.create(h5p.DATASET_CREATE)
    made.set_chunk(chunks)
    for filter in before:
        filter(made)
    made.set_filter(FILTER, flags, params.words())
    return made


def create(f, kind, shape, made, most=None, name="x"):
    """A dataset of an HDF5 type, of at most that shape: None is as far as one likes."""
    most = tuple(h5s.UNLIMITED if size is None else size for size in most or shape)
    space = h5s.create_simple(shape, most)
    return h5py.Dataset(h5d.create(f.id, name.encode(), kind, space, made))
