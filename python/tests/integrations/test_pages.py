"""Promise: the programs of the page for Zarr, xarray and Dask run, in order, as they stand."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/zarr.md"


@pytest.mark.filterwarnings("ignore")
def test_the_programs_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(programs) == 6
    names = {}
    for program in programs:
        exec(compile(program, PAGE.name, "exec"), names)
