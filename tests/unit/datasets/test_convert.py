import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from tests.unit.datasets.converting import disc, real_dicom, rows

from coreecho.datasets import convert as convert_module
from coreecho.datasets import is_phantom_root, load_recordings
from coreecho.datasets.anonymous_notes import anonymous
from coreecho.datasets.convert import UNFINISHED, convert
from coreecho.datasets.converted_tables import ConvertedClip
from coreecho.errors import BusyError, DatasetError
from coreecho.video import read_video
from coreecho.video.resizing import resize_frames
from coreecho.video.temporal import resample_fps
from coreecho.video.writing import write_mjpeg_avi

PLANTED = ("Ziegelbart", "Hildegunde", "19341127", "PAT-77341", "1.2.826.0.1.9988776655", "Sanatorium", "Quackenbrueck")


def test_clips_become_small_grey_videos_of_one_rate(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    converted = convert(clips, out, fps=50, workers=1)
    assert [clip.number for clip in converted] == [1, 2, 3, 4]
    assert {path.name for path in (out / "Videos").iterdir()} == {f"{clip.id}.avi" for clip in converted}
    assert all(re.fullmatch("0X[0-9A-F]{16}", str(clip.id)) for clip in converted)
    first = read_video(out / "Videos" / f"{converted[0].id}.avi")
    assert (first.fps, first.frames.shape, first.is_phantom) == (50.0, (39, 112, 112), False)
    expected = resample_fps(read_video(clips / "a/1.avi").frames, 25, 50)
    assert np.abs(first.frames.astype(int) - expected).mean() < 4
    with av.open(str(out / "Videos" / f"{converted[0].id}.avi")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("mjpeg", "yuvj420p")
        assert dict(container.metadata) == {}
    table = rows(out / "converted.csv")
    assert [row["source"] for row in table] == ["1", "2", "3", "4"]
    assert table[0]["note"].endswith("; resampled from 25 to 50 frames per second")
    assert (table[1]["num_frames"], table[1]["fps"], table[1]["status"]) == ("20", "50", "taken")
    # A list of EF needs an EF; and nothing else is left behind.
    assert {path.name for path in out.iterdir()} == {"Videos", "converted.csv", ".converted"}


def test_a_real_dicom_is_cropped_to_its_sector(tmp_path: Path) -> None:
    path = real_dicom(tmp_path / "in" / "IM0001")
    (clip,) = convert(tmp_path / "in", tmp_path / "out", fps=30, workers=1)
    expected = read_video(path)
    frames = read_video(tmp_path / "out" / "Videos" / f"{clip.id}.avi").frames
    resized = resize_frames(expected.frames, 112)
    assert frames.shape[1:] == (112, 112)
    assert "cropped to its sector" in clip.note
    # Burned-in text lies outside of the sector, which is black but for what the JPEG coding smears over its border.
    outside = (resized == 0).all(axis=0)
    assert outside.mean() > 0.2
    assert frames[:, outside].mean() < 2
    assert np.abs(frames[0].astype(int) - resized[0]).mean() < 5


def test_no_name_date_identifier_or_path_is_carried_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "Sanatorium" / "Ziegelbart_Hildegunde_19341127"
    real_dicom(folder / "PAT-77341" / "Hildegunde.dcm")
    # Refusals whose reasons quote the file: a modality, a value that is no number, a suffix, a missing codec.
    real_dicom(folder / "PAT-77341" / "a.dcm", Modality="ZIEGELBART", SOPClassUID="1.2.826.0.1.9988776655")
    broken = real_dicom(folder / "b.dcm")
    frame_time = re.compile(rb"(\x18\x00\x63\x10DS\x06\x00).{6}", re.DOTALL)
    content, changes = frame_time.subn(rb"\1Zieg()", real_dicom(folder / "b.dcm", FrameTime="33.333").read_bytes())
    assert changes == 1
    broken.write_bytes(content.replace(b"YBR_FULL_422", b"Ziegelbart)("))
    content = real_dicom(folder / "c.dcm", CineRate="30").read_bytes()
    (folder / "c.dcm").write_bytes(content.replace(b"YBR_FULL_422", b"Hildegunde)("))
    (folder / "IM.Ziegelbart").write_bytes(b"neither this nor that")
    (folder / "d.mhd").write_text("NDims = 3\nDimSize = 4 4 9\nElementType = MET_UCHAR\nElementDataFile = Zieg.raw\n")
    content = real_dicom(folder / "e.dcm").read_bytes()
    assert content.count(b"1.2.840.10008.1.2.4.50") == 1
    (folder / "e.dcm").write_bytes(content.replace(b"1.2.840.10008.1.2.4.50", b"Ziegelbart.10008.12450"))
    (folder / "Quackenbrueck.avi").write_bytes(b"RIFF\xff\x00\x00\x00AVI LIST Ziegelbart")
    labels = tmp_path / "labels.csv"
    labels.write_text("path,ef_percent,patient\nPAT-77341/Hildegunde.dcm,55,Ziegelbart\nb.dcm,60,Hildegunde\n")
    converted = convert(folder, tmp_path / "out", labels=labels, workers=1, show_progress=True)
    plain = convert(folder, tmp_path / "plain", workers=1)
    assert sum(clip.id is not None for clip in converted) >= 1
    assert sum(clip.id is None for clip in plain) >= 7
    captured = capfd.readouterr()
    logged = captured.out + captured.err + caplog.text + "".join(clip.note for clip in [*converted, *plain])
    files = [path for name in ("out", "plain") for path in (tmp_path / name).rglob("*")]
    written = b"".join(path.read_bytes() for path in files if path.is_file()) + "".join(map(str, files)).encode()
    for planted in (*PLANTED, "Zieg", "Doe", "IM."):
        assert planted.encode().lower() not in written.replace(str(tmp_path).encode(), b"").lower(), planted
        assert planted.lower() not in logged.lower(), planted


@pytest.mark.parametrize(
    ("message", "note"),
    [
        ("/in/jane/a.dcm: a still: it has one frame.", "a still: it has one frame."),
        ("/in/jane/a.dcm: its modality is 'JA'NE'. Expected a clip.", "its modality is. Expected a clip."),
        ("/in/jane/a.dcm: damaged (ValueError: ) jane (). Export it.", "damaged. Export it."),
        ("/in/jane/a.dcm: not a video although it is named .dcm. Give clips.", "not a video. Give clips."),
        ("/in/jane/a.dcm: the clip of JANE", "the clip of ..."),
        ("/in/jane/a.dcm: its coding, 1.2.840.113619.2, is not read", "its coding, ..., is not read"),
    ],
)  # fmt: skip
def test_a_note_keeps_the_reason_alone(message: str, note: str) -> None:
    assert anonymous(message, Path("/in/jane/a.dcm")) == note


def test_words_of_the_readers_stay_whatever_a_file_is_called() -> None:
    told = "has 5 frames; finding the moving sector takes at least 8. Export the whole clip."
    for path in ("/export/clip.dcm", "/the/moving/sector/frames.dcm", "/Export/Clip.dcm"):
        assert anonymous(f"{path}: {told}", Path(path)) == told
    # What no reader says may be a name, in whatever capitals.
    named = "JANE has 5 frames, Clip and export"
    assert anonymous(f"/Jane/clip.dcm: {named}", Path("/Jane/clip.dcm")) == "... has 5 frames, ... and export"


def test_bad_files_are_refused_with_a_reason_and_stop_nobody(clips: Path, tmp_path: Path) -> None:
    (clips / "a" / "0.avi").write_bytes((clips / "a" / "1.avi").read_bytes()[:900])
    write_mjpeg_avi(clips / "b" / "9.avi", disc(1), 50.0)
    write_mjpeg_avi(clips / "c" / "8.avi", disc(4), 50.0)
    np.save(clips / "c" / "9.npy", np.zeros((20, 200, 300), np.uint8))
    write_mjpeg_avi(clips / "c" / "99.avi", disc(), 3.0)
    converted = convert(clips, tmp_path / "out", workers=2)
    reasons = {clip.number: clip.note for clip in converted if clip.id is None}
    assert [clip.number for clip in converted] == list(range(1, 10))
    assert reasons.keys() == {1, 5, 7, 8, 9}
    expected = {1: "cut off", 5: "a still", 7: "has 4 frames", 8: "no sector is searched", 9: "likely wrong"}
    for number, words in expected.items():
        assert words in reasons[number]
    assert rows(tmp_path / "out" / "converted.csv")[0]["status"] == "failed"


def test_what_nobody_foresaw_is_one_files_refusal(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_or_fall(path: Path) -> Any:
        if path.name == "2.avi":
            raise MemoryError("Jane Doe's heart")
        return read_video(path)

    monkeypatch.setattr(convert_module, "read_video", read_or_fall)
    converted = convert(clips, tmp_path / "out", workers=1)
    assert [clip.note for clip in converted if clip.id is None] == ["cannot be read: unexpected MemoryError"]


def test_an_unknown_rate_is_taken_frame_by_frame_and_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", np.stack(disc(20)))
    (clip,) = convert(tmp_path / "in", tmp_path / "out", fps=40, frame_size=64, workers=1)
    assert (clip.num_frames, clip.fps, clip.frame_size) == (20, 40, 64)
    assert "frame rate unknown: taken frame by frame, and written as 40 frames per second" in clip.note


def test_the_mapping_is_written_only_where_it_is_asked_for(clips: Path, tmp_path: Path) -> None:
    converted = convert(clips, tmp_path / "out", mapping=tmp_path / "key.csv", workers=1)
    key = rows(tmp_path / "key.csv")
    assert [(row["id"], row["path"]) for row in key] == [
        (clip.id, str(clips / name))
        for clip, name in zip(converted, ("a/1.avi", "a/2.avi", "b/1.avi", "c/1.avi"), strict=True)
    ]
    assert (tmp_path / "key.csv").stat().st_mode & 0o077 == 0


def test_ids_are_new_each_time(clips: Path, tmp_path: Path) -> None:
    first, second = (convert(clips, tmp_path / name, workers=1) for name in ("one", "two"))
    assert not {clip.id for clip in first} & {clip.id for clip in second}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mapping": "out/key.csv"}, "would tell whoever gets the data set"),
        ({"mapping": "out/deep/../key.csv"}, "would tell whoever gets the data set"),
        ({"mapping": "labels.csv"}, "is there already"),
        ({"mapping": "nowhere/key.csv"}, "its folder does not exist"),
        ({"out": "clips/out"}, "Write to a folder apart"),
        ({"out": "."}, "Write to a folder apart"),
        ({"out": "full"}, "is not an empty folder"),
        ({"folder": "gone"}, "is not a folder"),
        ({"folder": "empty"}, "holds no file that could be a clip"),
        ({"fps": float("nan")}, "Frames per second must be"),
        ({"frame_size": 113}, "must be even"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    clips: Path, labels: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    request = {"folder": clips, "out": tmp_path / "out"}
    request |= {name: tmp_path / value if isinstance(value, str) else value for name, value in options.items()}
    with pytest.raises(DatasetError, match=message):
        convert(**request)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_phantoms_stay_marked(phantom_root: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for path in sorted((phantom_root / "Videos").iterdir())[:2]:
        (tmp_path / "in" / path.name).write_bytes(path.read_bytes())
    converted = convert(tmp_path / "in", tmp_path / "out", workers=1)
    assert is_phantom_root(tmp_path / "out")
    assert "show no patient" in json.loads((tmp_path / "out" / "phantom.json").read_text())["statement"]
    assert all(read_video(tmp_path / "out" / "Videos" / f"{clip.id}.avi").is_phantom for clip in converted)


def test_phantoms_among_others_are_refused(clips: Path, phantom_root: Path, tmp_path: Path) -> None:
    phantom = next((phantom_root / "Videos").iterdir())
    (clips / "b" / "0.avi").write_bytes(phantom.read_bytes())
    with pytest.raises(DatasetError, match="Source 3 is a simulated heart and source 1 is not"):
        convert(clips, tmp_path / "out", workers=1)
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {".lock"}


def test_a_full_disk_keeps_nothing_and_says_so(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def write_or_fail(path: Path, *arguments: Any, **options: Any) -> int:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return write_mjpeg_avi(path, *arguments, **options)

    with monkeypatch.context() as context:
        context.setattr(convert_module, "write_mjpeg_avi", write_or_fail)
        with pytest.raises(DatasetError, match=r"No space left on device.*Nothing was kept"):
            convert(clips, tmp_path / "out", workers=1)
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {".lock"}
    assert len(convert(clips, tmp_path / "out", workers=1)) == 4


def test_a_disk_that_is_full_from_the_first_file_on_leaves_a_folder_that_can_be_taken(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(Path, "write_text", fail)
        with pytest.raises(DatasetError, match="No space left on device"):
            convert(clips, tmp_path / "out", workers=1)
    assert len(convert(clips, tmp_path / "out", workers=1)) == 4


KILLED = """
import sys, time
from pathlib import Path
from coreecho.datasets import convert as module
write = module.write_mjpeg_avi
def slowly(path, *arguments, **options):
    write(path, *arguments, **options)
    time.sleep(60)
module.write_mjpeg_avi = slowly
module.convert(Path(sys.argv[1]), Path(sys.argv[2]), workers=1)
"""


def test_a_killed_conversion_is_noticed_and_begun_anew(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(clips), str(out)])
    deadline = time.monotonic() + 60
    while not list(out.glob("Videos/0X*.avi")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (out / UNFINISHED).is_file()
    with pytest.raises(DatasetError, match=r"FileList\.csv"):
        load_recordings("echonet", out)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="is not an empty folder"):
        convert(clips, out, workers=1)
    (out / "mine.txt").unlink()
    converted: list[ConvertedClip] = convert(clips, out, workers=1)
    assert {path.stem for path in (out / "Videos").iterdir()} == {clip.id for clip in converted}
    assert not (out / UNFINISHED).exists()


def test_the_order_of_threads_changes_nothing(clips: Path, tmp_path: Path) -> None:
    one, many = (convert(clips, tmp_path / str(workers), workers=workers) for workers in (1, 4))
    assert [(clip.num_frames, clip.note) for clip in one] == [(clip.num_frames, clip.note) for clip in many]


def test_two_at_once_do_not_take_each_others_work(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: list[str] = []
    write = convert_module.write_tables

    def meanwhile(*given: Any) -> None:
        with pytest.raises(BusyError, match="Another process is converting in") as raised:
            convert(clips, tmp_path / "out", workers=1)
        refusals.append(str(raised.value))
        write(*given)

    monkeypatch.setattr(convert_module, "write_tables", meanwhile)
    converted = convert(clips, tmp_path / "out", workers=1)
    assert len(refusals) == 1
    written = {path.stem for path in (tmp_path / "out" / "Videos").iterdir()}
    assert written == {clip.id for clip in converted}
    assert len(written) == 4
    assert not (tmp_path / "out" / ".lock").exists()


def test_names_that_are_not_utf8_take_no_other_along(clips: Path, tmp_path: Path) -> None:
    odd = os.fsencode(clips / "a") + b"/M\xfcller.avi"
    Path(os.fsdecode(odd)).write_bytes((clips / "a" / "1.avi").read_bytes())
    converted = convert(clips, tmp_path / "out", mapping=tmp_path / "key.csv", workers=1)
    assert all(clip.id is not None for clip in converted)
    assert len(converted) == 5
    key = {row["id"]: row["path"] for row in rows(tmp_path / "key.csv")}
    assert sum(path.endswith("M\\xfcller.avi") for path in key.values()) == 1


def test_the_mapping_is_private_before_it_says_anything(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    write_bytes = Path.write_bytes

    def watch(path: Path, content: bytes) -> int:
        if "key.csv" in path.name:
            modes.append(path.stat().st_mode & 0o777)
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", watch)
    convert(clips, tmp_path / "out", mapping=tmp_path / "key.csv", workers=1)
    assert modes == [0o600]
    assert (tmp_path / "key.csv").stat().st_mode & 0o777 == 0o600


def single_frames(folder: Path) -> list[Path]:
    """The first twelve frames of a real clip, each as a file of one series."""
    files = []
    whole = pydicom.dcmread(str(get_testdata_file("examples_ybr_color.dcm")))
    for number, frame in enumerate(list(generate_frames(whole.PixelData, number_of_frames=30))[:12]):
        path = real_dicom(folder / f"IM{number:02d}", SeriesInstanceUID="1.2.3.4", InstanceNumber=number + 1)
        dataset = pydicom.dcmread(path)
        dataset.PixelData, dataset.NumberOfFrames = encapsulate([frame]), 1
        dataset.save_as(path)
        files.append(path)
    return files


def test_single_frames_of_a_series_become_one_clip_where_that_is_asked_for(tmp_path: Path) -> None:
    files = single_frames(tmp_path / "clips" / "Quackenbrueck")
    table = tmp_path / "labels.csv"
    table.write_text("path,ef_percent,patient\nQuackenbrueck/IM03,55,P1\n")
    (refused,) = convert(tmp_path / "clips", tmp_path / "not", workers=1)
    assert refused.id is None
    assert "12 single frames of one DICOM series" in refused.note
    (clip,) = convert(
        tmp_path / "clips", tmp_path / "out", labels=table, joins_series=True, mapping=tmp_path / "key.csv", workers=1
    )
    assert "joined from single frames" in clip.note
    whole = read_video(real_dicom(tmp_path / "whole.dcm"))
    video = read_video(tmp_path / "out" / "Videos" / f"{clip.id}.avi")
    expected = resample_fps(resize_frames(whole.frames, 112), whole.fps or 0, 50)
    assert np.abs(video.frames.astype(float) - expected).mean() < 3
    assert load_recordings("echonet", tmp_path / "out")[0].ef_percent == 55
    assert rows(tmp_path / "key.csv")[0]["path"] == f"{files[0]} and 11 more frames"
    written = "".join(path.read_text() for path in (tmp_path / "out").glob("*.csv"))
    assert not any(word in written for word in (*PLANTED, "IM00"))


def test_arrays_whose_pixels_lie_elsewhere_and_black_clips_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 112 112 20\nencoding: raw\n"
    pixels = np.stack(disc()).tobytes()
    (folder / "1.nrrd").write_bytes(f"{header}\n".encode() + pixels)
    (folder / "2.nhdr").write_text(f"{header}data file: secret.bin\n\n")
    (folder / "3.npy").write_bytes(b"")
    np.save(folder / "3.npy", np.full((20, 112, 112), 4, np.uint8))
    (tmp_path / "secret.bin").write_bytes(pixels)
    taken, detached, black = convert(folder, tmp_path / "out", workers=1)
    assert taken.id is not None
    assert detached.note.startswith("an NRRD header whose pixels lie in another file")
    assert black.note.startswith("its picture is black")
