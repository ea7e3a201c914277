"""Promise: the examples of the Python package run, check their own results and end with PASS."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "h5-examples"


@pytest.mark.parametrize("name", ["tutorial.py"])
def test_an_example_passes(name, tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and done.stdout.rstrip().endswith("PASS"), done.stdout + done.stderr


def test_the_tutorial_draws_its_pictures(tmp_path):
    subprocess.run(
        [sys.executable, str(EXAMPLES / "tutorial.py")], cwd=tmp_path, check=True, timeout=300
    )
    shown = {path.name for path in (EXAMPLES.parent / "docs" / "pictures").iterdir()}
    assert shown <= {path.name for path in tmp_path.iterdir()}
