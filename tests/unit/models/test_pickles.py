"""Checkpoints are read without being run, and refused in words that are for their users."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from coreecho.models.pickles import read_pickle

# Programs of a pickle's machine, and what of them is told. In PyTorch each of the last six ends in another error.
_REFUSED = {
    b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R.": r"refused, since it asks for os\.system,.*was run\.",
    b"\x80\x02ca\x1b[31mb\nc\nX\x01\x00\x00\x00a\x85R.": r"asks for a\\x1b\[31mb\.c,",
    b"\x80\x02(X\x07\x00\x00\x00storagfK\x01tQ.": "it holds other things than weights",
    b"\x80\x02K\x05Q.": "saved_id must be a tuple, got int",
    b"\x80\x02(X\x07\x00\x00\x00storageK\x01K\x02K\x03K\x04tQ.": "'int' object has no attribute 'dtype'",
    b"\x80\x02J\x01.": "unpack requires a buffer of 4 bytes",
    b"\x80\x02h\x09.": r"\(KeyError: 9\)",
    b"\x80\x02X\x02\x00\x00\x00\xc3\xc3.": "'utf-8' codec can't decode",
    b"\x80\x02": "it ends too early",
}


def _checkpoint(path: Path, program: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("data.pkl", program), ("byteorder", b"little"), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", content)
    return path


@pytest.mark.parametrize("program", _REFUSED)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_whatever_a_damaged_program_does_is_told_and_no_advice_of_pytorch(program: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=_REFUSED[program]) as refused:
        read_pickle(_checkpoint(tmp_path / "last.ckpt", program))
    # PyTorch's own words advise to run what is in the file.
    assert "weights_only" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_tensors_and_numpy_scalars_are_read(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3), "best_error": np.float64(4.5)}, tmp_path / "best.pt")
    content = read_pickle(tmp_path / "best.pt")
    assert content["weight"].tolist() == [1, 1, 1]
    assert content["best_error"] == 4.5


def test_a_missing_file_is_no_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_pickle(tmp_path / "last.ckpt")
