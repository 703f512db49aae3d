import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from coreecho import archives
from coreecho.archives import read_arrays


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "sound.npz"
    np.savez_compressed(path, numbers=np.arange(1000.0), words=np.array(["a", "b"]))
    return path


def test_what_is_written_is_read_back(archive: Path) -> None:
    assert read_arrays(archive, ["numbers"])["numbers"].sum() == 499500
    assert sorted(read_arrays(archive)) == ["numbers", "words"]


def test_an_array_that_is_missing_is_named(archive: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks an array: .*embeddings"):
        read_arrays(archive, ["embeddings"])


def test_a_file_that_unpacks_to_more_than_any_is_refused_before_it_is_unpacked(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_MAX_BYTES", 5000)
    with pytest.raises(ValueError, match="unpacks to"):
        read_arrays(archive)


def test_objects_are_not_made(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", values=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "objects.npz")


# Where it differs from a sound file, and by what: the coding of its first array in both heads; its compressed bytes.
@pytest.mark.parametrize("damage", ["coding", "encrypted", "content", "half"])
def test_every_kind_of_damage_is_one_kind_of_error(damage: str, archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    central = content.find(b"PK\x01\x02")
    if damage == "coding":
        content[8] = content[central + 10] = 99
    elif damage == "encrypted":
        content[6] |= 1
        content[central + 8] |= 1
    elif damage == "content":
        content[80:120] = bytes(40)
    else:
        del content[len(content) // 2 :]
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="it is damaged"):
        read_arrays(archive)


def test_an_array_whose_head_promises_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "promise.npz", "w") as file:
        file.writestr("numbers.npy", head.getvalue() + bytes(80))
    with pytest.raises(ValueError, match="it is damaged"):
        read_arrays(tmp_path / "promise.npz")
