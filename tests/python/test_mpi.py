"""Promise: the processes of a parallel program write what one process would, and read it.

They run with Debian's Open MPI, Python and h5py.
"""

import os

import h5py
import numpy as np
import pytest
from conftest import HERE
from mpi_cases import CASES, CHUNKS, KINDS, creation, steps
from params import LOSSLESS, NOISE, assert_exact, assert_within


@pytest.fixture
def mpirun(tmp_path, run):
    """Runs a function of mpi_ranks.py on so many ranks, in the test's folder."""
    settings = {
        "PYTHONPATH": str(HERE),
        # Waiting ranks leave the processor to others, and all processors are everybody's.
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        # Containers often forbid a process to read another's memory.
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    }
    if os.geteuid() == 0:
        settings |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    def mpirun(ranks, function, **environment):
        start = ["mpirun", "--tag-output", "--timeout", 50, "-n", ranks, "/usr/bin/python3"]
        script = HERE / "mpi_ranks.py"
        output = run(*start, script, function, tmp_path, **settings, **environment)
        assert output.count("PASS") == ranks, output

    return mpirun


@pytest.fixture
def arrays(tmp_path, seed):
    """The samples of each kind, also as files for the ranks."""
    rng = np.random.default_rng(seed)
    made = {name: kind.array(rng) for name, kind in KINDS.items()}
    for name, array in made.items():
        np.save(tmp_path / f"{name}.npy", array)
    return made


def write_alone(path, arrays):
    # Without a cache, each write decodes, completes and encodes chunks, as the ranks' writes do.
    with h5py.File(path, "w", rdcc_nbytes=0) as file:
        for case in {case.alone: case for case in CASES}.values():
            dataset = file.create_dataset(case.alone, **creation(case))
            for extent, region in steps(case):
                if dataset.shape != extent:
                    dataset.resize(extent)
                where = KINDS[case.kind].along_time(region)
                dataset[where] = arrays[case.kind][where]


def chunks(dataset):
    """The stored bytes of each chunk, by its place."""
    infos = map(dataset.id.get_chunk_info, range(dataset.id.get_num_chunks()))
    corners = [info.chunk_offset for info in infos]
    return {corner: dataset.id.read_direct_chunk(corner) for corner in corners}


@pytest.mark.parametrize(
    "ranks, function, threads",
    [
        (2, "every_case", "2"),
        (3, "every_case", "1"),
        (4, "every_case_on_unlike_machines", "1"),
    ],
)
def test_ranks_write_the_chunks_that_one_process_writes(
    tmp_path, seed, arrays, mpirun, run, ranks, function, threads
):
    mpirun(ranks, function, H5FLAC_NUM_THREADS=threads)
    write_alone(tmp_path / "alone.h5", arrays)
    with h5py.File(tmp_path / "together.h5") as together, h5py.File(tmp_path / "alone.h5") as alone:
        for case in CASES:
            ours, expected = together[str(case)], alone[case.alone]
            assert_exact(ours[:], expected[:], f"{seed}, {case}")
            # HDF5 1.10 also stores chunks of nothing but fill values, where ranks share a file.
            stored = chunks(ours)
            for corner, bytes_and_mask in chunks(expected).items():
                assert stored[corner] == bytes_and_mask, f"seed {seed}, {case}, chunk at {corner}"
            if case.history == "once":
                kind, original = KINDS[case.kind], arrays[case.kind]
                assert_within(ours[:], original, kind.params, ours.chunks, seed, kind.fill)
    dump = ["h5dump", "-d", f"/{CASES[0]}", "-b", "LE", "-o", tmp_path / "dump"]
    run(*dump, tmp_path / "together.h5")
    assert (tmp_path / "dump").read_bytes() == arrays[CASES[0].kind].tobytes()


def test_ranks_go_on_where_one_process_stopped_and_it_where_they_did(
    tmp_path, seed, arrays, mpirun
):
    def add(name, start, end):
        with h5py.File(tmp_path / name, "a", rdcc_nbytes=0) as file:
            file["x"].resize(end, axis=1)
            file["x"][:, start:end] = arrays["noise"][:, start:end]

    for name in ("together.h5", "alone.h5"):
        # HDF5 1.10 has no other way to write chunks together that were not there.
        early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        with h5py.File(tmp_path / name, "w") as file:
            options = NOISE.create(chunks=CHUNKS, maxshape=(11, None), dcpl=early)
            file.create_dataset("x", shape=(11, 0), dtype=">f8", **options)
        add(name, 0, 1000)
    mpirun(3, "what_one_process_began")
    add("alone.h5", 1000, 4000)
    for name in ("together.h5", "alone.h5"):
        add(name, 4000, 6000)
    with h5py.File(tmp_path / "together.h5") as together, h5py.File(tmp_path / "alone.h5") as alone:
        assert_exact(together["x"][:], alone["x"][:], seed)
        assert chunks(together["x"]) == chunks(alone["x"]), f"seed {seed}"


def test_what_is_refused_is_refused_on_all_ranks_and_leaves_the_file_usable(arrays, mpirun):
    mpirun(3, "refusals")


def test_a_damaged_chunk_is_an_error_on_the_ranks_that_read_it(tmp_path, arrays, mpirun):
    with h5py.File(tmp_path / "damaged.h5", "w") as file:
        dataset = file.create_dataset("x", data=arrays["i4"], **LOSSLESS.create(chunks=(3, 2500)))
        _, bits = dataset.id.read_direct_chunk((0, 2500))
        damaged = bits[:40] + bytes([bits[40] ^ 1]) + bits[41:]
        dataset.id.write_direct_chunk((0, 2500), damaged)
    mpirun(3, "one_with_damage")


def test_chunks_keep_the_bound_of_the_rank_that_writes_them_where_words_differ(arrays, mpirun):
    mpirun(3, "words_that_differ")
