"""One planted fault a test, in a copy of a clean tree of phantoms."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets.doctor import Examination, examine
from coreecho.datasets.doctor_checks import count_recordings
from coreecho.datasets.recording import Recording
from coreecho.errors import DatasetError, RecipeError
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.video.reading import read_video

Edit = Callable[[dict[str, str]], None]


@pytest.fixture
def tree(phantom_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom_root, tmp_path / "tree"))


@pytest.fixture
def clips(tree: Path) -> list[Path]:
    return sorted((tree / "Videos").glob("*.avi"))


def edit_row(tree: Path, stem: str, **values: object) -> None:
    table = tree / "FileList.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["FileName"] == stem:
            row.update({column: str(value) for column, value in values.items()})
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def check(tree: Path) -> Examination:
    return examine("echonet", tree, workers=1)


def faults(tree: Path) -> dict[str, list[str]]:
    return {kind: list(cases) for kind, cases in check(tree).faults.items()}


def test_a_clean_tree_is_one_line(phantom_root: Path) -> None:
    examination = check(phantom_root)
    assert examination.is_clean
    text = examination.to_text()
    assert "\n" not in text
    assert text == f"{phantom_root}: clean; 16 recordings of simulated hearts (train 12, val 2, test 2), 384 frames."


def test_many_workers_find_what_one_finds(phantom_root: Path) -> None:
    together = examine("echonet", phantom_root, workers=4)
    assert json.loads(together.to_json()) == json.loads(check(phantom_root).to_json())


def test_missing_video(tree: Path, clips: list[Path]) -> None:
    clips[3].unlink()
    found = faults(tree)
    assert found["missing videos"] == [f"Videos/{clips[3].name} (line 5)"]
    assert found["tracings without a video"] == [f"VolumeTracings.csv: {clips[3].stem}"]


def test_extra_file(tree: Path) -> None:
    frames = (np.arange(24, dtype=np.uint8)[:, None, None] * 5 + np.eye(112, dtype=np.uint8)).astype(np.uint8)
    write_mjpeg_avi(tree / "Videos" / "0XEXTRA.avi", frames, 50)
    (tree / "Videos" / ".DS_Store").write_bytes(b"what a file manager leaves behind")
    assert faults(tree) == {"files in Videos that FileList.csv does not name": ["0XEXTRA.avi"]}


def test_unreadable_file(tree: Path, clips: list[Path]) -> None:
    clips[2].write_bytes(b"not a video at all")
    found = faults(tree)
    assert list(found) == ["clips that cannot be read, are cut off or damaged"]
    assert clips[2].name in next(iter(found.values()))[0]


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_file(tree: Path, clips: list[Path], share: float) -> None:
    data = clips[2].read_bytes()
    clips[2].write_bytes(data[: int(share * len(data))])
    found = faults(tree)
    assert list(found) == ["clips that cannot be read, are cut off or damaged"]
    assert len(next(iter(found.values()))) == 1


def test_declared_and_decoded_frames(tree: Path, clips: list[Path]) -> None:
    edit_row(tree, clips[0].stem, NumberOfFrames=25)
    kind = "clips with other than the declared number of frames"
    assert faults(tree) == {kind: [f"{clips[0].stem}: 25 declared, 24 decoded"]}


def test_sizes_are_remarked(tree: Path, clips: list[Path]) -> None:
    edit_row(tree, clips[0].stem, FrameHeight=768, FrameWidth=1024)
    frames = read_video(clips[1]).frames[:, :96, :96]
    write_mjpeg_avi(clips[1], frames, check(tree).clips[clips[1].stem].fps or 50)
    examination = check(tree)
    remarks = " ".join(examination.remarks)
    assert f"{clips[0].stem}: 768 x 1024 pixels declared, 112 x 112 decoded" in remarks
    assert "Not 112 x 112 pixels, to be resized: 1 of 96 x 96." in remarks
    assert examination.is_clean


def test_frame_rate(tree: Path, clips: list[Path]) -> None:
    fps = check(tree).clips[clips[0].stem].fps
    edit_row(tree, clips[0].stem, FPS=200)
    kind = "clips with another frame rate than declared"
    assert faults(tree) == {kind: [f"{clips[0].stem}: 200 frames per second declared, {fps:g} in the file"]}


def test_odd_frame_rate_is_remarked(tree: Path, clips: list[Path]) -> None:
    edit_row(tree, clips[0].stem, FPS=5)
    write_mjpeg_avi(clips[0], read_video(clips[0]).frames, 5)
    assert f"Frame rates outside of 15 to 150 frames per second: {clips[0].stem} (5)." in check(tree).remarks


def test_short_videos_are_remarked(phantom_root: Path) -> None:
    expected = (
        "16 clips (100.0 %) of fewer than 144 frames (2.9 s at 50 frames a second): filled up at the end with empty "
        "frames, as the paper does."
    )
    assert expected in check(phantom_root).remarks


def test_splits_that_do_not_add_up_say_how_many_have_none(clips: list[Path]) -> None:
    splits = ("train", "train", "test", None, None)
    recordings = [Recording(id=str(number), path=clips[0], split=split) for number, split in enumerate(splits)]
    assert count_recordings(recordings) == {"all": 5, "train": 2, "test": 1, "no split": 2}
    assert "no split" not in count_recordings(recordings[:3])
    assert count_recordings(recordings[3:]) == {"all": 2}


def test_ef_against_volumes(tree: Path, clips: list[Path]) -> None:
    edit_row(tree, clips[0].stem, EF=60, ESV=50, EDV=100)
    edit_row(tree, clips[1].stem, EF=50.4, ESV=50, EDV=100)
    edit_row(tree, clips[2].stem, ESV=120, EDV=100)
    assert faults(tree) == {
        "recordings with an EF that does not follow from the volumes": [
            f"{clips[0].stem}: EF 60, but 100 (EDV - ESV) / EDV is 50.0"
        ],
        "recordings with an ESV above the EDV, or an EDV of 0": [f"{clips[2].stem}: ESV 120 mL, EDV 100 mL"],
    }


@pytest.mark.parametrize("text", ["130", "-3", "high", "nan", ""])
def test_label_out_of_range(tree: Path, clips: list[Path], text: str) -> None:
    edit_row(tree, clips[0].stem, EF=text, ESV="", EDV="")
    kind = "rows with a bad EF (expected a number from 0 to 100)"
    assert faults(tree) == {kind: [f"line 2: {clips[0].stem} has EF {text!r}"]}


def test_bad_split_and_repeated_row(tree: Path, clips: list[Path]) -> None:
    edit_row(tree, clips[0].stem, Split="HOLDOUT")
    table = tree / "FileList.csv"
    rows = table.read_text().splitlines()
    other = rows[6].replace("TRAIN", "VAL").replace("TEST", "VAL")
    table.write_text("\n".join([*rows, rows[5], other, rows[7].split(",")[0]]) + "\n")
    found = faults(tree)
    assert found["rows with a bad Split (expected TRAIN, VAL or TEST)"][0].endswith("has Split 'HOLDOUT'")
    names = [row.split(",")[0] for row in rows]
    assert found["rows that are there already"] == [f"line 18: {names[5]!r} (as line 6)"]
    contradicting = found["rows whose FileName came before, with other values"]
    assert contradicting[0] == f"line 19: {names[6]!r} (line 7 has another Split)"
    assert found["rows with fewer cells than the header"] == [f"line 20: {names[7]}, whose Split is not there"]
    blamed = check(tree).blamed
    assert names[6] in blamed
    assert names[5] not in blamed, "the row before is sound"


@pytest.mark.parametrize("text", ["0", "-50", "fast", "inf"])
def test_a_frame_rate_that_cannot_be_is_a_fault(tree: Path, clips: list[Path], text: str) -> None:
    edit_row(tree, clips[0].stem, FPS=text)
    kind = "rows with a bad FPS (expected frames per second, above 0, or nothing)"
    assert faults(tree) == {kind: [f"line 2: {clips[0].stem} has FPS {text!r}"]}


def test_an_empty_file_is_one_fault(tree: Path, clips: list[Path]) -> None:
    clips[0].write_bytes(b"")
    assert check(tree).num_faults == 1


def test_duplicate_content_across_splits(tree: Path, clips: list[Path]) -> None:
    edit_row(tree, clips[0].stem, Split="TRAIN")
    edit_row(tree, clips[1].stem, Split="TEST")
    shutil.copy(clips[0], clips[1])
    cases = faults(tree)["clips with the same content"]
    assert cases == [f"{clips[0].stem} = {clips[1].stem}, across splits or folds"]


def test_duplicate_content_in_another_file(tree: Path, clips: list[Path]) -> None:
    """The same frames behind other bytes: content is what was decoded."""
    for name in clips[:2]:
        edit_row(tree, name.stem, Split="TRAIN", FPS="")
    clips[1].write_bytes(clips[0].read_bytes() + bytes(64))
    assert faults(tree)["clips with the same content"] == [f"{clips[0].stem} = {clips[1].stem}"]


def test_tracings_without_video(tree: Path) -> None:
    table = tree / "VolumeTracings.csv"
    table.write_text(table.read_text().replace(sorted((tree / "Videos").glob("*"))[0].name, "0XGHOST.avi"))
    examination = check(tree)
    assert examination.faults == {"tracings without a video": ["VolumeTracings.csv: 0XGHOST"]}
    assert any("Fewer than two traced frames in 1 video" in remark for remark in examination.remarks)


def test_videos_without_tracings(tree: Path) -> None:
    table = tree / "VolumeTracings.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:43]) + "\n")
    assert len(faults(tree)["videos with fewer than two traced frames"]) == 15


def test_tracing_beyond_the_last_frame(tree: Path, clips: list[Path]) -> None:
    table = tree / "VolumeTracings.csv"
    lines = table.read_text().splitlines()
    last = lines[-1].split(",")[0]
    moved = [line.rsplit(",", 1)[0] + ",900" for line in lines[-21:]]
    table.write_text("\n".join([*lines[:-21], *moved]) + "\n")
    expected = [f"{Path(last).stem}: frame 900, of 24 frames"]
    assert faults(tree) == {"tracings on frames that their videos do not have": expected}


def test_tracings_that_are_no_numbers(tree: Path) -> None:
    table = tree / "VolumeTracings.csv"
    table.write_text(table.read_text() + "0XABC.avi,1,2,three,4,5\n")
    assert list(faults(tree)) == ["VolumeTracings.csv: rows that are not a name and finite numbers"]


def test_missing_tracings(tree: Path) -> None:
    (tree / "VolumeTracings.csv").unlink()
    found = faults(tree)
    assert list(found) == ["tables that cannot be used"]
    assert "VolumeTracings.csv: not found" in found["tables that cannot be used"][0]


def test_pixel_statistics(tree: Path, clips: list[Path]) -> None:
    pixels = check(tree).pixels
    assert pixels is not None
    frames = np.concatenate([read_video(clip).frames for clip in clips]) / 255
    assert (pixels.mean, pixels.std) == pytest.approx((frames.mean(), frames.std()), abs=1e-6)
    for clip in clips:
        video = read_video(clip)
        write_mjpeg_avi(clip, 255 - video.frames, video.fps or 50)
    found = faults(tree)
    assert list(found) == ["pixel statistics far from the recipe's"]
    assert "the recipe normalises with 0.127 and 0.196" in found["pixel statistics far from the recipe's"][0]


def test_pictures_without_content(tree: Path, clips: list[Path]) -> None:
    first, second = (read_video(clip) for clip in clips[:2])
    write_mjpeg_avi(clips[0], np.zeros_like(first.frames), first.fps or 50)
    write_mjpeg_avi(clips[1], np.repeat(second.frames[:1], len(second.frames), axis=0), second.fps or 50)
    third = read_video(clips[2])
    write_mjpeg_avi(clips[2], third.frames // 64, third.fps or 50)
    assert faults(tree) == {
        "clips without a picture": sorted(
            [f"{clips[0].stem}: every pixel has the same grey level", f"{clips[2].stem}: black throughout"]
        ),
        "clips in which nothing moves": [f"{clips[1].stem}: 24 frames of one picture"],
    }


def test_published_counts_and_hidden_phantoms(tree: Path) -> None:
    (tree / "phantom.json").unlink()
    found = faults(tree)
    assert len(found.pop("simulated clips in a data set that has no phantom.json")) == 16
    (cases,) = found.values()
    assert cases == [
        "train: 12 recordings, 7465 published",
        "val: 2 recordings, 1288 published",
        "test: 2 recordings, 1277 published",
    ]
    own = examine("echonet", tree, is_own_data=True, workers=1)
    assert list(own.faults) == ["simulated clips in a data set that has no phantom.json"]


def test_all_faults_at_once_and_json_has_every_case(tree: Path, clips: list[Path]) -> None:
    for clip in clips:
        edit_row(tree, clip.stem, NumberOfFrames=99)
    clips[0].unlink()
    examination = check(tree)
    content = json.loads(examination.to_json())
    assert content["is_clean"] is False
    assert len(content["faults"]["clips with other than the declared number of frames"]) == 15
    assert content["faults"]["missing videos"]
    assert content["counts"]["all"] == 15
    assert len(content["clips"]) == 15
    assert examination.summary().startswith(f"{tree}: 17 faults of 3 kinds; 15 recordings")


def test_long_lists_are_cut_in_text_alone(tree: Path, clips: list[Path]) -> None:
    table = tree / "VolumeTracings.csv"
    ghosts = [f"0XGHOST{number}.avi,1,2,3,4,5" for number in range(30) for _ in range(2)]
    table.write_text(table.read_text() + "\n".join(ghosts) + "\n")
    text = check(tree).to_text()
    assert "30 tracings without a video:" in text
    assert "... and 10 more (--json and --html list all)" in text


def test_other_layouts_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no data set 'echonett'\. Did you mean 'echonet'\?"):
        examine("echonett", tmp_path)
    with pytest.raises(DatasetError, match="gone: no such folder"):
        examine("echonet", tmp_path / "gone")
    with pytest.raises(DatasetError, match=r"FileList\.csv: not found"):
        examine("echonet", tmp_path)


def test_names_that_are_not_utf8_are_written_out(tree: Path, tmp_path: Path) -> None:
    video = next((tree / "Videos").glob("*.avi"))
    (tree / "Videos" / "M\udcfcller.avi").write_bytes(video.read_bytes())
    odd = tree.rename(tmp_path / "Herz\udce4")
    examination = check(odd)
    assert "M\\xfcller.avi" in examination.to_text().encode().decode()
    assert "Herz\\xe4" in examination.summary().encode().decode()
    read = json.loads(examination.to_json().encode())
    assert read["faults"]["files in Videos that FileList.csv does not name"] == ["M\\xfcller.avi"]
