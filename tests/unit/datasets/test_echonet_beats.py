from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets import LAYOUTS, load_recordings, read_tracings, video_files
from coreecho.datasets.echonet_beats import beat_about
from coreecho.datasets.tracings import ed_es
from coreecho.errors import DatasetError
from coreecho.video.reading import read_video


@pytest.mark.parametrize(
    ("ed", "es", "num_frames", "beat"),
    [
        # Systole is two fifths of a beat.
        (10, 18, None, (10, 30)),
        (10, 18, 64, (10, 30)),
        (10, 18, 25, (10, 24)),
        # Its table declares fewer frames than are traced.
        (10, 18, 15, (10, 18)),
        # ES first: the way from it to ED is three fifths.
        (40, 28, 64, (20, 40)),
        (12, 3, 64, (0, 12)),
    ],
)
def test_a_beat_reaches_as_far_as_its_traced_part_says(
    ed: int, es: int, num_frames: int | None, beat: tuple[int, int]
) -> None:
    assert beat_about(ed, es, num_frames) == beat


def test_a_beat_of_one_frame_is_refused() -> None:
    with pytest.raises(DatasetError, match="Frame 7 is traced as end-diastole and as end-systole"):
        beat_about(7, 7)


def test_recordings_are_the_traced_beats_of_the_videos(phantom_root: Path) -> None:
    whole, beats = load_recordings("echonet", phantom_root), load_recordings("echonet-beats", phantom_root)
    assert [each.id for each in beats] == [each.id for each in whole]
    assert [(each.ef_percent, each.split) for each in beats] == [(each.ef_percent, each.split) for each in whole]
    traced = read_tracings(phantom_root)
    files = video_files("echonet-beats", beats[:3])
    for recording in beats[:3]:
        assert recording.beat is not None
        first, last = recording.beat
        assert first <= min(ed_es(traced[recording.id])) < max(ed_es(traced[recording.id])) <= last
        file = files[recording.id]
        frames = file.prepare(recording.path, 112).frames
        np.testing.assert_array_equal(frames, read_video(recording.path).frames[first : last + 1])
        assert str(recording.beat) in file.preparation


def test_without_tracings_there_are_no_beats(phantom_root: Path, tmp_path: Path) -> None:
    for name in ("FileList.csv", "Videos"):
        (tmp_path / name).symlink_to(phantom_root / name)
    with pytest.raises(DatasetError, match=r"VolumeTracings\.csv: not found.*`--dataset echonet` takes whole videos"):
        load_recordings("echonet-beats", tmp_path)


def test_a_video_with_one_traced_frame_is_left_out_and_outlines_are_not_of_the_beats(
    phantom_root: Path, tmp_path: Path
) -> None:
    for name in ("FileList.csv", "Videos"):
        (tmp_path / name).symlink_to(phantom_root / name)
    header, *rows = (phantom_root / "VolumeTracings.csv").read_text().splitlines()
    first, frame = rows[0].split(",")[0], rows[0].split(",")[5]
    kept = [row for row in rows if row.split(",")[0] != first or row.split(",")[5] == frame]
    (tmp_path / "VolumeTracings.csv").write_text("\n".join([header, *kept]) + "\n")
    names = [each.id for each in load_recordings("echonet-beats", tmp_path)]
    assert len(names) == len(load_recordings("echonet", tmp_path)) - 1
    assert first.removesuffix(".avi") not in names
    layout = LAYOUTS.get("echonet-beats")
    assert not layout.has_tracings(tmp_path)
    with pytest.raises(DatasetError, match="has no outlines of the left ventricle"):
        layout.outlines(tmp_path)
