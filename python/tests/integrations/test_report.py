"""`h5flac report` draws what it is asked for."""

import re

import h5py
import matplotlib.image
import numpy as np
import pytest
from h5flac import Flac
from h5flac.command import main


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(1)
    data = (rng.normal(size=(8, 5000)) + np.linspace(0, 9, 5000)).astype("f4")
    with h5py.File(tmp_path / "data.h5", "w") as f:
        f.create_dataset("x", data=data)
        f.create_dataset("pairs", data=data + 1j * data)
        gaps = data.copy()
        gaps[:, 100] = np.nan
        f.create_dataset("gaps", data=gaps)
        f.create_dataset("i", data=(data * 100).astype("i2"))
    with h5py.File(tmp_path / "small.h5", "w") as f:
        f.create_dataset("x", data=data, chunks=(3, 1000), **Flac(quanta=0.5))
        f.create_dataset("short", data=data[:, :1000], chunks=(3, 1000), **Flac(quanta=0.5))
    return tmp_path / "data.h5"


@pytest.mark.parametrize("name", ["x", "pairs", "gaps", "i"])
def test_it_draws_what_options_would_do(path, tmp_path, name):
    out = tmp_path / "out.png"
    assert main(["report", str(path), name, "--noise", "4", "-o", str(out)]) == 0
    picture = matplotlib.image.imread(out)
    assert picture.shape[1] > 1000 and np.ptp(picture[..., :3]) == 1


def test_a_page_has_the_numbers_and_the_picture(path, tmp_path):
    out = tmp_path / "out.html"
    small = str(tmp_path / "small.h5")
    assert main(["report", str(path), "x", "--decoded", small, "-o", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert "Flac(quanta=0.5)" in page and "data:image/png;base64," in page
    (largest,) = re.findall(r"largest error</th><td>([0-9.]+)", page)
    assert 0.24 < float(largest) <= 0.25


def test_what_it_cannot_draw_is_told_in_words(path, tmp_path, capsys):
    small = str(tmp_path / "small.h5")
    assert main(["report", str(path), "x", "-o", "out.pdf"]) == 2
    assert "out.pdf is neither .html nor .png" in capsys.readouterr().err
    assert main(["report", str(path), "x", "--decoded", f"{small}:short"]) == 2
    assert "x has the shape (8, 5000)" in capsys.readouterr().err
    assert main(["report", str(path), "x", "--decoded", str(path)]) == 2
    assert "dataset /x is not compressed with h5flac" in capsys.readouterr().err
