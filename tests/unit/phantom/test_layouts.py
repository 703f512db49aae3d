"""Cohorts on disk: EchoNet-Dynamic's layout, the same bytes each time, and no cohort taken for another."""

import csv
import json
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

from coreecho.errors import DatasetError
from coreecho.phantom import PhantomSettings, layouts, write_echonet_phantoms
from coreecho.phantom.avi import PHANTOM_COMMENT
from coreecho.phantom.simulation import Scene, plan_recording

_SHORT = PhantomSettings(min_frames=20, max_frames=20)


def _digest(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_echonet_phantoms(out, recordings=8, seed=4, settings=_SHORT, workers=1)
    return out


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_file_list_has_echonet_s_columns(cohort) -> None:
    rows = _rows(cohort / "FileList.csv")
    assert list(rows[0]) == [
        "FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split"
    ]  # fmt: skip
    assert len(rows) == 8
    for row in rows:
        assert (cohort / "Videos" / f"{row['FileName']}.avi").is_file()
        edv, esv = float(row["EDV"]), float(row["ESV"])
        assert float(row["EF"]) == pytest.approx(100 * (edv - esv) / edv, abs=1e-3)
        assert row["NumberOfFrames"] == "20"
        assert (row["FrameHeight"], row["FrameWidth"]) == ("112", "112")
    assert {row["Split"] for row in rows} == {"TRAIN", "VAL", "TEST"}


def test_more_test_recordings_come_after_the_same_others(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "larger"
    write_echonet_phantoms(out, recordings=8, seed=4, more_test=2, settings=_SHORT, workers=1)
    smaller, larger = _rows(cohort / "FileList.csv"), _rows(out / "FileList.csv")
    assert all(row in larger for row in smaller)
    assert [row["Split"] for row in larger if row not in smaller] == ["TEST", "TEST"]
    assert _digest(cohort / "Videos").items() < _digest(out / "Videos").items()


def test_cohorts_with_other_numbers_of_test_recordings_are_told_apart(cohort: Path) -> None:
    with pytest.raises(DatasetError, match="more_test is 0 there, 3 asked for"):
        write_echonet_phantoms(cohort, recordings=8, seed=4, more_test=3, settings=_SHORT)
    with pytest.raises(DatasetError, match="more_test is -1, expected at least 0"):
        write_echonet_phantoms(cohort, recordings=8, seed=4, more_test=-1, settings=_SHORT)


def test_tracings_have_a_long_axis_and_twenty_chords_on_two_frames(cohort) -> None:
    rows = _rows(cohort / "VolumeTracings.csv")
    assert list(rows[0]) == ["FileName", "X1", "Y1", "X2", "Y2", "Frame"]
    for name in {row["FileName"] for row in rows}:
        assert name.endswith(".avi")
        frames = [int(row["Frame"]) for row in rows if row["FileName"] == name]
        assert sorted(frames.count(frame) for frame in set(frames)) == [21, 21]
        assert 0 <= min(frames) < max(frames) < 20


def test_ef_of_the_written_tracings_agrees_with_the_list(cohort) -> None:
    labels = {row["FileName"]: float(row["EF"]) for row in _rows(cohort / "FileList.csv")}
    rows = _rows(cohort / "VolumeTracings.csv")
    differences = []
    for name, ef in labels.items():
        volumes = {}
        for row in rows:
            if row["FileName"] == f"{name}.avi":
                line = np.hypot(float(row["X2"]) - float(row["X1"]), float(row["Y2"]) - float(row["Y1"]))
                volumes.setdefault(row["Frame"], []).append(line)
        discs = sorted(np.sum(np.square(lines[1:])) * lines[0] for lines in volumes.values())
        differences.append(abs(100 * (discs[1] - discs[0]) / discs[1] - ef))
    assert np.mean(differences) < 1.5


def test_videos_are_motion_jpeg_as_echonet_s(cohort) -> None:
    for row in _rows(cohort / "FileList.csv"):
        with av.open(str(cohort / "Videos" / f"{row['FileName']}.avi")) as container:
            assert container.metadata["comment"] == PHANTOM_COMMENT
            stream = container.streams.video[0]
            assert stream.codec_context.name == "mjpeg"
            assert stream.codec_context.pix_fmt == "yuvj420p"
            assert float(stream.average_rate) == pytest.approx(float(row["FPS"]))
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == 20
        assert frames[0].shape == (112, 112, 3)
        assert np.ptp(frames[0].astype(int), axis=-1).max() <= 2


def test_card_is_the_last_word(cohort) -> None:
    card = json.loads((cohort / "phantom.json").read_text())
    assert card["seed"] == 4
    assert card["recordings"] == 8
    assert PhantomSettings(**card["settings"]) == _SHORT
    assert "Simulated" in card["statement"]
    assert not (cohort / "phantom-unfinished.json").exists()


def test_same_seed_same_bytes_with_any_number_of_workers(cohort, tmp_path) -> None:
    write_echonet_phantoms(tmp_path / "again", recordings=8, seed=4, settings=_SHORT, workers=2)
    assert _digest(tmp_path / "again") == _digest(cohort)


def test_another_seed_gives_other_hearts(cohort, tmp_path) -> None:
    write_echonet_phantoms(tmp_path / "other", recordings=2, seed=5, settings=_SHORT, workers=1)
    names = {path.name for path in (tmp_path / "other" / "Videos").iterdir()}
    assert not names & {path.name for path in (cohort / "Videos").iterdir()}


def test_a_complete_cohort_is_left_alone(cohort) -> None:
    before = {path: path.stat().st_mtime_ns for path in cohort.rglob("*")}
    write_echonet_phantoms(cohort, recordings=8, seed=4, settings=_SHORT)
    assert {path: path.stat().st_mtime_ns for path in cohort.rglob("*")} == before


def test_an_interrupted_cohort_is_continued_to_the_same_bytes(cohort, tmp_path, monkeypatch) -> None:
    real, written = layouts.write_mjpeg_avi, []

    def stop_after_three(path, frames, fps):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        return real(path, frames, fps)

    monkeypatch.setattr(layouts, "write_mjpeg_avi", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        write_echonet_phantoms(tmp_path, recordings=8, seed=4, settings=_SHORT, workers=1)
    assert (tmp_path / "phantom-unfinished.json").is_file()
    assert not (tmp_path / "phantom.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "Videos").glob("*.avi")}
    assert len(kept) == 3
    monkeypatch.setattr(layouts, "write_mjpeg_avi", real)
    write_echonet_phantoms(tmp_path, recordings=8, seed=4, settings=_SHORT, workers=1)
    assert _digest(tmp_path) == _digest(cohort)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_another_cohort_in_the_folder_is_refused(cohort) -> None:
    with pytest.raises(DatasetError, match="another phantom cohort: seed is 4 there, 6 asked for"):
        write_echonet_phantoms(cohort, recordings=8, seed=6, settings=_SHORT)
    with pytest.raises(DatasetError, match="scanner is 'A' there, 'B' asked for"):
        write_echonet_phantoms(
            cohort, recordings=8, seed=4, settings=PhantomSettings(scanner="B", min_frames=20, max_frames=20)
        )


def test_a_folder_with_something_else_is_refused(tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty and holds no phantom cohort"):
        write_echonet_phantoms(tmp_path, recordings=2, seed=0, settings=_SHORT)
    with pytest.raises(DatasetError, match="this is a file"):
        write_echonet_phantoms(tmp_path / "thesis.txt", recordings=2, seed=0, settings=_SHORT)


def test_missing_videos_of_a_complete_cohort_are_noticed(tmp_path) -> None:
    write_echonet_phantoms(tmp_path, recordings=3, seed=1, settings=_SHORT, workers=1)
    next((tmp_path / "Videos").iterdir()).unlink()
    with pytest.raises(DatasetError, match="3 recordings is complete, but there are 2 videos"):
        write_echonet_phantoms(tmp_path, recordings=3, seed=1, settings=_SHORT)


def test_a_damaged_card_is_refused(tmp_path) -> None:
    (tmp_path / "phantom.json").write_text("{")
    with pytest.raises(DatasetError, match=r"phantom\.json is not a phantom card"):
        write_echonet_phantoms(tmp_path, recordings=2, seed=0, settings=_SHORT)


@pytest.mark.parametrize(
    ("recordings", "seed", "text"),
    [(0, 0, "recordings is 0"), (10**20, 0, "expected at most 1,000,000"), (3, -1, "seed is -1")],
)
def test_impossible_numbers_are_refused(tmp_path, recordings, seed, text) -> None:
    with pytest.raises(DatasetError, match=text):
        write_echonet_phantoms(tmp_path / "new", recordings=recordings, seed=seed)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_with_advice_and_leaves_the_cohort_to_be_continued(tmp_path, workers) -> None:
    # A folder in the place of a video cannot be replaced by a file: the same OSError path as a full disk.
    write_echonet_phantoms(tmp_path / "model", recordings=3, seed=2, settings=_SHORT, workers=1)
    name = sorted((tmp_path / "model" / "Videos").iterdir())[1].name
    (tmp_path / "full" / "Videos" / name).mkdir(parents=True)
    (tmp_path / "full" / "Videos" / name / "in the way").touch()
    card = (tmp_path / "model" / "phantom.json").read_text()
    (tmp_path / "full" / "phantom-unfinished.json").write_text(card)
    with pytest.raises(DatasetError, match=r"cannot write .* run the same command again"):
        write_echonet_phantoms(tmp_path / "full", recordings=3, seed=2, settings=_SHORT, workers=workers)
    assert not (tmp_path / "full" / "phantom.json").exists()


def test_label_noise_moves_the_label_and_not_the_heart(cohort, tmp_path) -> None:
    settings = PhantomSettings(min_frames=20, max_frames=20, label_noise=5.0)
    write_echonet_phantoms(tmp_path, recordings=8, seed=4, settings=settings, workers=1)
    clean, noisy = _rows(cohort / "FileList.csv"), _rows(tmp_path / "FileList.csv")
    moved = [float(b["EF"]) - float(a["EF"]) for a, b in zip(clean, noisy, strict=True)]
    assert 1.0 < np.std(moved) < 12.0
    for row in noisy:
        edv, esv = float(row["EDV"]), float(row["ESV"])
        assert float(row["EF"]) == pytest.approx(100 * (edv - esv) / edv, abs=1e-3)
    assert _digest(cohort / "Videos") == _digest(tmp_path / "Videos")
    assert (cohort / "VolumeTracings.csv").read_bytes() == (tmp_path / "VolumeTracings.csv").read_bytes()


def test_truth_is_written_beside_the_same_videos(cohort, tmp_path) -> None:
    settings = PhantomSettings(min_frames=20, max_frames=20, truth=True)
    write_echonet_phantoms(tmp_path, recordings=8, seed=4, settings=settings, workers=1)
    assert _digest(cohort / "Videos") == _digest(tmp_path / "Videos")
    latents = _rows(tmp_path / "latents.csv")
    labels = {row["FileName"]: row for row in _rows(tmp_path / "FileList.csv")}
    assert [row["stem"] for row in latents] == list(labels)
    for row in latents:
        with np.load(tmp_path / "Truth" / f"{row['stem']}.npz") as truth:
            assert truth["labels"].shape == (20, 112, 112)
            assert set(np.unique(truth["labels"])) == {0, 1, 2}
            volume = truth["volume_ml"]
            ed, es = int(truth["ed_frame"]), int(truth["es_frame"])
        assert 100 * (volume[ed] - volume[es]) / volume[ed] == pytest.approx(float(row["ef_percent"]), abs=1e-3)
        assert float(row["ef_percent"]) == pytest.approx(float(labels[row["stem"]]["EF"]), abs=1e-3)
    wanted = {
        "mean_grey",
        "depth_mm",
        "heart_rate_bpm",
        "tilt_rad",
        "foreshortening_rad",
        "haze_db",
        "infarct_territory",
    }
    assert wanted <= set(latents[0])
    # A list survives the table, and the gain is the one that made the pictures.
    plan = plan_recording(settings, 4, int(latents[0]["index"]), labels[latents[0]["stem"]]["Split"])
    assert len(json.loads(latents[0]["beat_starts_s"])) >= 1
    assert float(latents[0]["gain_db"]) == pytest.approx(Scene(plan).gain(), rel=1e-4)


def test_masks_are_written_beside_the_same_videos(cohort, tmp_path) -> None:
    settings = PhantomSettings(min_frames=20, max_frames=20, masks=True)
    write_echonet_phantoms(tmp_path, recordings=8, seed=4, settings=settings, workers=1)
    assert _digest(cohort / "Videos") == _digest(tmp_path / "Videos")
    assert not (tmp_path / "Truth").exists()
    for row in _rows(tmp_path / "FileList.csv"):
        with np.load(tmp_path / "Masks" / f"{row['FileName']}.npz") as masks:
            labels, volume = masks["labels"], masks["volume_ml"]
            ed, es, pixel_mm = int(masks["ed_frame"]), int(masks["es_frame"]), float(masks["mm_per_pixel"])
        assert labels.dtype == np.uint8
        assert labels.shape == (20, 112, 112)
        assert 100 * (volume[ed] - volume[es]) / volume[ed] == pytest.approx(float(row["EF"]), abs=1e-3)
        # An ellipsoid of half-length a and radius b has V = 4/3 pi a b^2 and A = pi a b, so V / A^1.5 is 0.75 times the
        # root of b / a; hearts have b / a of 0.35 to 0.75.
        area_mm2 = np.sum(labels[ed] == 1) * pixel_mm**2
        assert 0.44 < 1000.0 * volume[ed] / area_mm2**1.5 < 0.66


def test_an_older_card_without_later_settings_is_the_same_cohort(cohort, tmp_path) -> None:
    assert "masks" not in json.loads((cohort / "phantom.json").read_text())["settings"]
    with pytest.raises(DatasetError, match="masks is False there, True asked for"):
        write_echonet_phantoms(
            cohort, recordings=8, seed=4, settings=PhantomSettings(min_frames=20, max_frames=20, masks=True)
        )
    left_out = PhantomSettings(min_frames=20, max_frames=20, difficulty="clinic", leave_out="motion")
    write_echonet_phantoms(tmp_path, recordings=1, seed=4, settings=left_out, workers=1)
    with pytest.raises(DatasetError, match="leave_out is 'motion' there, 'nothing' asked for"):
        write_echonet_phantoms(
            tmp_path, recordings=1, seed=4, settings=PhantomSettings(min_frames=20, max_frames=20, difficulty="clinic")
        )
