import re
from pathlib import Path

import pytest
from tests.unit.datasets.converting import rows

from coreecho.datasets import load_recordings
from coreecho.datasets.convert import convert
from coreecho.datasets.doctor import examine
from coreecho.errors import DatasetError


def test_with_labels_the_folder_is_an_echonet_data_set(clips: Path, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    converted = convert(clips, out, labels=labels, workers=1)
    recordings = {recording.id: recording for recording in load_recordings("echonet", out)}
    assert set(recordings) == {clip.id for clip in converted}
    of = [recordings[str(clip.id)] for clip in converted]
    assert [recording.ef_percent for recording in of] == [60.123456, 61, 35, 50]
    assert [(recording.esv_ml, recording.edv_ml) for recording in of] == [
        (40, 100),
        (None, None),
        (80.5, 125),
        (None, None),
    ]
    # Anna's two clips are in one split, and from three patients on none is empty.
    assert of[0].split == of[1].split
    assert {recording.split for recording in of} == {"train", "val", "test"}
    table = rows(out / "FileList.csv")
    assert [row["FileName"] for row in table] == sorted(recordings)
    row = next(row for row in table if row["FileName"] == of[0].id)
    assert (row["FrameHeight"], row["FrameWidth"], row["FPS"], row["NumberOfFrames"]) == ("112", "112", "50", "39")


def test_splits_that_are_given_are_kept(clips: Path, labels: Path, tmp_path: Path) -> None:
    labels.write_text("path,ef_percent,split\na/1.avi,60,TEST\na/2.avi,61,test\nb/1.avi,35,train\nc/1.avi,50,val\n")
    converted = convert(clips, tmp_path / "out", labels=labels, workers=1)
    splits = {recording.id: recording.split for recording in load_recordings("echonet", tmp_path / "out")}
    assert [splits[str(clip.id)] for clip in converted] == ["test", "test", "train", "val"]


def test_a_clip_without_a_label_is_refused(clips: Path, labels: Path, tmp_path: Path) -> None:
    labels.write_text("path,ef_percent,patient\na/1.avi,60,anna\n")
    converted = convert(clips, tmp_path / "out", labels=labels, workers=1)
    assert [clip.note for clip in converted[1:]] == 3 * ["the labels have no EF for it"]
    assert len(load_recordings("echonet", tmp_path / "out")) == 1


def test_wrong_labels_are_all_named_by_line_before_any_work(clips: Path, labels: Path, tmp_path: Path) -> None:
    labels.write_text(
        "path,ef_percent,esv_ml,split,patient\na/1.avi,160,,,anna\na/1.avi,61,,,anna\ngone.avi,50,,,carl\n"
        "b/1.avi,30,-4,train,bert\nc/1.avi,30,,val,bert\na/2.avi,30,,tset,anna\n"
    )
    with pytest.raises(DatasetError, match="the data set has faults") as caught:
        convert(clips, tmp_path / "out", labels=labels)
    text = str(caught.value)
    for words in ("bad ef_percent .*\n  line 2", "came before:\n  line 3", "not in the folder:\n  line 4",
                  "bad esv_ml .*\n  line 5", "another split above:\n  line 6", "bad split .*\n  line 7"):  # fmt: skip
        assert re.search(words, text), words
    assert "gone" not in text
    assert "bert" not in text
    assert not (tmp_path / "out").exists()


def test_labels_must_say_who_is_who(clips: Path, labels: Path, tmp_path: Path) -> None:
    labels.write_text("path,ef_percent\na/1.avi,60\n")
    with pytest.raises(DatasetError, match="neither a column patient nor split"):
        convert(clips, tmp_path / "out", labels=labels)


@pytest.fixture
def converted(clips: Path, tmp_path: Path) -> Path:
    """The four clips with their labels, converted."""
    labels = tmp_path / "ef.csv"
    labels.write_text("path,ef_percent,patient\na/1.avi,60,a\na/2.avi,61,a\nb/1.avi,50,b\nc/1.avi,40,c\n")
    out = tmp_path / "converted"
    convert(clips, out, labels=labels, workers=1)
    return out


def test_the_doctor_finds_a_converted_set_clean(converted: Path) -> None:
    found = examine("echonet", converted, workers=1)
    assert found.faults == {}
    assert found.published == {}
    assert any("no tracings: train with `--no-require-two-traced-frames`" in remark for remark in found.remarks)
    # Tracings that are there are looked at, as in any data set.
    (converted / "VolumeTracings.csv").write_text("FileName,X1\n")
    assert not examine("echonet", converted, workers=1).is_clean


def test_tracings_that_a_converted_set_has_not_can_be_done_without(converted: Path) -> None:
    assert len(load_recordings("echonet", converted)) == 4
    with pytest.raises(DatasetError, match="`coreecho convert` writes none") as raised:
        load_recordings("echonet", converted, require_two_traced_frames=True)
    assert "`--no-require-two-traced-frames`, or `require_two_traced_frames: false` in the recipe" in str(raised.value)


def test_a_set_converted_without_labels_says_what_it_is_for(clips: Path, tmp_path: Path) -> None:
    convert(clips, tmp_path / "out", workers=1)
    with pytest.raises(DatasetError, match=r"made this without labels.*`coreecho predict` reads its Videos"):
        load_recordings("echonet", tmp_path / "out")


def test_labels_in_fractions_are_refused_or_scaled(clips: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path;ef_percent;patient\na\\1.avi;0,62;P1\na/2.avi;0,55;P1\nb/1.avi;0,41;P2\nc/1.avi;0,33;P3\n")
    with pytest.raises(DatasetError, match=r"these are fractions.*--label-scale 100"):
        convert(clips, tmp_path / "out", labels=table, workers=1)
    convert(clips, tmp_path / "out", labels=table, label_scale=100, workers=1)
    recordings = load_recordings("echonet", tmp_path / "out")
    assert sorted(recording.ef_percent or 0 for recording in recordings) == [33, 41, 55, 62]


@pytest.mark.parametrize("others", ["a/2.avi,55,P1\nb/1.avi,41,P2\nc/1.avi,33,P3\n", ""])
def test_a_fraction_among_percents_or_alone_is_named_by_line(clips: Path, tmp_path: Path, others: str) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(f"path,ef_percent,patient\na/1.avi,0.62,P1\n{others}")
    with pytest.raises(DatasetError, match=r"a fraction among percents\?\):\n  line 2"):
        convert(clips, tmp_path / "out", labels=table, workers=1)
    assert not (tmp_path / "out").exists()
