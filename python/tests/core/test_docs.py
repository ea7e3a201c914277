"""Promise: the programs of the pages for Python users run, in order, as they stand."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("page", ["python.md", "flacarray.md"])
def test_the_programs_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)
    assert programs
    names = {}
    for program in programs:
        # Of the packages' own pages: `enable` needs netCDF4, which is not among the oldest.
        if "enable(" not in program:
            exec(compile(program, page, "exec"), names)
