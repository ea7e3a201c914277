"""Runs the tests that come with the package flacarray on the modules of h5flac.flacarray.

Prints the number of tests that ran, and fails if one did not pass.
"""

import importlib
import importlib.util
import pkgutil
import sys
import unittest

import h5flac.flacarray as ours

MODULES = ("array", "bindings", "hdf5", "utils", "zarr")


def load():
    """The modules of tests, whose `from ..array import …` then means ours."""
    (folder,) = importlib.util.find_spec("flacarray").submodule_search_locations
    sys.modules["flacarray"] = ours
    for module in pkgutil.iter_modules(ours.__path__):
        name = module.name
        sys.modules[f"flacarray.{name}"] = importlib.import_module(f"{ours.__name__}.{name}")
    place = f"{folder}/tests/__init__.py"
    spec = importlib.util.spec_from_file_location(
        "flacarray.tests", place, submodule_search_locations=[f"{folder}/tests"]
    )
    # The package's own file runs the tests when it is imported; its modules do without it.
    sys.modules["flacarray.tests"] = importlib.util.module_from_spec(spec)
    return [importlib.import_module(f"flacarray.tests.{name}") for name in MODULES]


if __name__ == "__main__":
    modules = load()
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromModule, modules))
    result = unittest.TextTestRunner(verbosity=2, failfast=True).run(suite)
    print(f"{result.testsRun} ran, {len(result.skipped)} skipped", flush=True)
    sys.exit(not result.wasSuccessful())
