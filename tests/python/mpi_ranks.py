"""What each rank of test_mpi.py does: `mpi_ranks.py FUNCTION FOLDER`."""

import faulthandler
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from mpi4py import MPI
from mpi_cases import CASES, KINDS, creation, steps, times
from params import FILTER, LOSSLESS, QUANTA, assert_exact, assert_within

WORLD = MPI.COMM_WORLD
RANK, RANKS = WORLD.rank, WORLD.size


@contextmanager
def open_together(path, mode):
    file = h5py.File(path, mode, driver="mpio", comm=WORLD)
    with ends_all_ranks():  # Closing the file would wait for the others.
        yield file
    file.close()


@contextmanager
def ends_all_ranks():
    """After an error: the others may wait for this one."""
    try:
        yield
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        WORLD.Abort(1)


def transfer(call, dataset, part, array):
    """Calls HDF5's read or write collectively, also where a part is empty: h5py would not."""
    space = dataset.id.get_space()
    if array.size:
        steps = tuple(p.step or 1 for p in part)
        space.select_hyperslab(tuple(p.start for p in part), array.shape, steps)
    else:
        space.select_none()
    together = h5py.h5p.create(h5py.h5p.DATASET_XFER)
    together.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE)
    call(h5py.h5s.create_simple(array.shape), space, array, dxpl=together)


def write(dataset, part, samples):
    transfer(dataset.id.write, dataset, part, np.ascontiguousarray(samples[part]))


def read(dataset, part):
    shape = tuple(len(range(*p.indices(n))) for p, n in zip(part, dataset.shape, strict=True))
    out = np.empty(shape, dataset.dtype)
    transfer(dataset.id.read, dataset, part, out)
    return out


def whole(dataset):
    return tuple(slice(0, n) for n in dataset.shape)


def every_case(folder):
    """Writes each dataset, and reads it by other parts than those that were written."""
    arrays = {name: np.load(folder / f"{name}.npy") for name in KINDS}
    with open_together(folder / "together.h5", "w") as file:
        for case in CASES:
            dataset = file.create_dataset(str(case), **creation(case))
            for extent, region in steps(case):
                if dataset.shape != extent:
                    dataset.resize(extent)
                write(dataset, case.part(region, RANK, RANKS), arrays[case.kind])
    with open_together(folder / "together.h5", "r") as file, h5py.File(folder / "together.h5") as f:
        for case in CASES:
            dataset, alone = file[str(case)], f[str(case)][:]
            for _, region in steps(case):
                part = case.part(region, (RANK + 1) % RANKS, RANKS)
                assert_exact(read(dataset, part), alone[part], f"of {case}, rank {RANK}")
            assert_exact(read(dataset, whole(dataset)), alone, f"of {case}, rank {RANK}")
            if RANK == 0:
                assert_exact(dataset[whole(dataset)], alone, f"of {case}, read by one rank")


def every_case_on_unlike_machines(folder):
    """Each rank with threads of its own number, every other one without SIMD."""
    os.environ["H5FLAC_NUM_THREADS"] = str(RANK + 1)
    if RANK % 2 == 1:
        os.environ["H5FLAC_KERNELS"] = "scalar"
    every_case(folder)


def what_one_process_began(folder):
    """Adds a stretch of time to a dataset that one process created and wrote in part."""
    samples = np.load(folder / "noise.npy")
    # HDF5 does not look for it when it only writes.
    assert h5py.h5z.filter_avail(FILTER)
    with open_together(folder / "together.h5", "r+") as file:
        file["x"].resize((11, 4000))
        write(file["x"], times((slice(0, 11), slice(1000, 4000)), RANK, RANKS), samples)


def refusals(folder):
    """What HDF5 and the plugin refuse, one after the other, and then what they do not."""
    samples = np.load(folder / "quanta.npy")
    mine = slice(3 * RANK, 3 * RANK + 3), slice(0, 6000)
    with open_together(folder / "together.h5", "w") as file:
        options = {"shape": samples.shape, "dtype": "f4", "chunks": (3, 2500)}
        refused("level 77", file.create_dataset, "x", **LOSSLESS.at(level=77).create(**options))
        dataset = file.create_dataset("x", **QUANTA.create(**options))
        refused("independent", dataset.__setitem__, mine, samples[mine])
        if RANK == 0:
            refused("independent", dataset.__setitem__, mine, samples[mine])
        other = samples.astype("f8") if RANK == 0 else samples
        refused("datatype conversions", write, dataset, mine, other)
        assert (read(dataset, whole(dataset)) == 0).all()
        write(dataset, mine, samples)
    with h5py.File(folder / "together.h5") as file:
        assert_within(file["x"][mine], samples[mine], QUANTA, (3, 2500), f"of rank {RANK}")


def refused(told, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except (OSError, ValueError) as error:
        assert told in str(error), error
    else:
        raise AssertionError(f"{told} is not refused")


def one_with_damage(folder):
    """Reads a dataset one of whose chunks is damaged, each rank other chunks."""
    samples = np.load(folder / "i4.npy")
    mine = slice(3 * RANK, 3 * RANK + 3), slice(0, 6000)
    with open_together(folder / "damaged.h5", "r") as file:
        if RANK == 0:
            refused("does not match its CRC", read, file["x"], mine)
        else:
            assert_exact(read(file["x"], mine), samples[mine], f"of rank {RANK}")


def words_that_differ(folder):
    """Creates a dataset with a level and a step on each rank that the others do not have."""
    samples = np.load(folder / "quanta.npy")
    params = QUANTA.at(level=3 * RANK, value=0.01 / 2**RANK)
    mine = slice(3 * RANK, 3 * RANK + 3), slice(0, 6000)
    options = params.create(shape=samples.shape, dtype="f4", chunks=(3, 2500))
    with open_together(folder / "together.h5", "w") as file:
        write(file.create_dataset("x", **options), mine, samples)
    with h5py.File(folder / "together.h5") as file:
        assert_within(file["x"][mine], samples[mine], params, (3, 2500), f"of rank {RANK}")


if __name__ == "__main__":
    function, folder = sys.argv[1:]
    # Shows where a rank waits, before mpirun ends it.
    faulthandler.dump_traceback_later(40)
    with ends_all_ranks():
        globals()[function](Path(folder))
    print(f"rank {RANK} of {RANKS}: PASS")
