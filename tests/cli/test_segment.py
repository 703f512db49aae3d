"""`coreecho segment`, as a user types it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import coreecho
from coreecho.cli import segmenting
from coreecho.models.segmenter import load_segmenter
from coreecho.report.outline_film import film_lines, outline_pictures
from coreecho.report.segmentation_folder import FolderNames
from coreecho.report.volume_strip import ED_COLOUR, ES_COLOUR, VolumeStrip
from coreecho.ventricle.segmentation import Segmentation
from coreecho.ventricle.segmenting import segment_many
from coreecho.video import read_video
from coreecho.video.store import FrameStore

# The command line is read from sys.argv on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")
TypeIn = Callable[..., Any]


def film_of(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_files(run: TypeIn, bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path) -> None:
    heart = bright_heart(height=60, width=80, beats=(22, 22))
    clips, out = tmp_path / "clips", tmp_path / "lv"
    clips.mkdir()
    np.save(clips / "=heart 1.npy", heart.frames)
    (clips / "broken.avi").write_bytes(b"RIFFxxxxAVI ")
    shown = run("segment", clips, "--model", bright_segmenter, "--out", out, "--nifti", "--device", "cpu")
    assert shown.returncode == 1
    assert "No ventricle for" in shown.stderr
    assert "broken.avi" in shown.stderr
    assert "this EF must not guide the care of a patient" in shown.stdout

    folder = out / "heart_1"
    with np.load(folder / "masks.npz") as arrays:
        masks = arrays["lv_masks"]
        assert arrays["ef_percent"] == pytest.approx([heart.ef_percent] * 2, abs=2)
        assert np.abs(arrays["es_frames"] - heart.es_frames).max() <= 1
    assert (masks.shape, masks.dtype) == (heart.frames.shape, np.bool_)
    assert 2 * (masks & heart.masks).sum() / (masks.sum() + heart.masks.sum()) > 0.97
    image: Any = nib.load(folder / "masks.nii.gz")
    nifti = np.asarray(image.dataobj)
    np.testing.assert_array_equal(nifti.transpose(2, 1, 0), masks)

    film = film_of(folder / "outline.mp4")
    assert len(film) == len(heart.frames)
    # Words below the picture: model, caution, research use.
    assert (film[0][448:].max(axis=(1, 2)) > 150).sum() > 60
    # The outline is the only colour in the picture: yellow, or that of ED and ES.
    is_coloured = np.ptp(film[20][:448].astype(int), axis=2) > 80
    assert 300 < is_coloured.sum() < 6000
    assert Image.open(folder / "volume.png").size[0] > 1000

    table = pd.read_csv(out / "beats.csv")
    assert np.abs(table["es_frame"].dropna().to_numpy() - heart.es_frames).max() <= 1
    assert table["error"].notna().tolist() == [False, False, True]
    # Frames are whole numbers, also beside a file that has none.
    assert pd.read_csv(out / "beats.csv", dtype=str)["es_frame"][0] == str(int(table["es_frame"][0]))
    document = json.loads((out / "beats.json").read_text())
    (found,) = document["segmentations"]
    assert found["folder"] == "heart_1"
    assert found["ef_percent"] == pytest.approx(heart.ef_percent, abs=2)
    assert [Path(failure["file"]).name for failure in document["failures"]] == ["broken.avi"]
    assert "simulated hearts" in document["model"]


def test_a_film_shows_nothing_outside_the_sector(
    bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    frames = bright_heart(beats=(16,)).frames.copy()
    # A name in the corner of a clip that was cropped by someone.
    frames[:, 2:7, 2:20] = 255
    np.save(tmp_path / "a.npy", frames)
    (found,) = segment_many(load_segmenter(bright_segmenter), [tmp_path / "a.npy"], seconds_a_file=None)
    assert isinstance(found, Segmentation)
    assert found.sector[40:70, 40:70].all()
    unnamed = next(frame for frame in range(8) if frame not in (*found.ed_frames, *found.es_frames))
    (picture,) = outline_pictures(found, [unnamed])
    assert picture.shape == (448, 448, 3)
    assert picture[: 8 * 4, : 21 * 4].max() == 0
    assert picture[200:250, 200:250].max() > 0
    # When it was taken, by which it is found on the curve: in the corner beside the sector, another in each frame.
    assert picture[:40, -120:].max() == 0
    corners = [each[:40, -120:] for each in outline_pictures(found, [unnamed, unnamed, 9], tells_moment=True)]
    assert corners[0].max() > 0
    assert np.array_equal(corners[0], corners[1])
    assert not np.array_equal(corners[0], corners[2])


def test_a_film_says_for_a_while_when_end_systole_was_and_colours_its_frame_alone(
    bright_segmenter: Path, bright_heart: Callable[..., Any]
) -> None:
    heart = bright_heart(beats=(60,))
    found = coreecho.segment(heart.frames, model=bright_segmenter, fps=50)
    (es,) = found.es_frames
    shown = list(outline_pictures(found, [es - 1, es, es + 1, es + 19, es + 22], tells_moment=True))
    corner = [picture[:40, :200].reshape(-1, 3) for picture in shown]
    is_orange = [int((each == ES_COLOUR).all(axis=1).sum()) for each in corner]
    # Before it nothing is said; then the name on its colour, then the moment in letters, for 0.4 s.
    assert is_orange[0] == is_orange[4] == 0
    assert is_orange[1] > 3 * is_orange[2] > 0
    assert is_orange[3] == is_orange[2]
    outlined = [bool((picture[60:] == ES_COLOUR).all(axis=2).any()) for picture in shown]
    assert outlined == [False, True, False, False, False]
    # An outline beside the heart is told in its frame, in a colour of its own.
    frames = heart.frames.copy()
    frames[3:6] = np.roll(frames[3:6], 40, axis=2)
    found = coreecho.segment(frames, model=bright_segmenter, fps=50)
    told = [bool((picture == (230, 150, 195)).all(axis=2).any()) for picture in outline_pictures(found, [4, 12])]
    assert (4 in found.elsewhere, *told) == (True, True, False)


def test_below_a_film_a_line_moves_along_the_curve_on_which_ed_and_es_are_marked(
    bright_segmenter: Path, bright_heart: Callable[..., Any]
) -> None:
    found = coreecho.segment(bright_heart().frames, model=bright_segmenter, fps=50)
    strip = VolumeStrip(found, 448)
    lines = [int((strip.at(frame)[2] == 255).all(axis=-1).argmax()) for frame in range(found.num_frames)]
    assert np.all(np.diff(lines) > 0)
    # Where the line stands at an end there is its mark, and there are no others.
    for frames, colour in ((found.ed_frames, ED_COLOUR), (found.es_frames, ES_COLOUR)):
        has_mark = (strip.at(0)[:, lines[0] :] == colour).all(axis=-1).any(axis=0)
        assert all(has_mark[lines[frame] - lines[0]] for frame in frames)
        assert np.count_nonzero(np.diff(has_mark.astype(int), prepend=0) == 1) == len(frames) == 3
    words = film_lines(found)
    assert words[1] == "Model: bright (lv_unet), trained on simulated hearts (phantoms) alone"
    assert words[2:] == ["1 caution, in words in volume.png and beats.csv"]


def test_a_clip_without_a_sector_has_all_but_the_film(run: TypeIn, bright_segmenter: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 200, (10, 40, 40), dtype=np.uint8))
    shown = run("segment", tmp_path / "a.npy", "--model", bright_segmenter, "--out", tmp_path / "lv", "--device", "cpu")
    assert shown.returncode == 0
    assert "no film, since nothing may be shown that is not ultrasound" in shown.stderr
    assert (tmp_path / "lv" / "a" / "masks.npz").is_file()
    assert not (tmp_path / "lv" / "a" / "outline.mp4").exists()


def test_what_is_ready_is_kept_when_it_is_stopped(
    run: TypeIn, bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    np.save(tmp_path / "a.npy", bright_heart(height=48, width=48, beats=(16,)).frames)

    def stopped(*arguments: Any, **settings: Any) -> Any:
        yield from segment_many(*arguments, **settings, seconds_a_file=None)
        raise KeyboardInterrupt

    monkeypatch.setattr(segmenting, "segment_many", stopped)
    shown = run(
        "segment", tmp_path / "a.npy", "--model", bright_segmenter, "--out", tmp_path / "lv", "--no-film",
        "--device", "cpu",
    )  # fmt: skip
    assert shown.returncode == 130
    assert "The first 1 files are done" in shown.stderr
    assert len(pd.read_csv(tmp_path / "lv" / "beats.csv")) == 1


def test_a_data_set(run: TypeIn, bright_root: Path, bright_segmenter: Path, tmp_path: Path) -> None:
    shown = run(
        "segment", "--data", bright_root, "--model", bright_segmenter, "--out", tmp_path / "lv", "--store",
        tmp_path / "store", "--device", "cpu",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "Dice at ED" in shown.stdout
    assert "Beats by the rule `product`" in shown.stdout
    assert json.loads((tmp_path / "lv" / "lv.json").read_text())["num_recordings"] == 3
    # A row a beat, as of files; and no folder that nobody asked for.
    table = pd.read_csv(tmp_path / "lv" / "beats.csv")
    assert table["file"].tolist() == ["heart0", "heart0", "heart1", "heart1", "heart2"]
    assert table["folder"].isna().all()
    means = table.groupby("file")["ef_percent"].mean()
    measured = pd.read_csv(tmp_path / "lv" / "lv.csv").set_index("recording")["ef_percent"]
    assert means.to_numpy() == pytest.approx(measured.to_numpy(), nan_ok=True)
    assert table["notice"].str.contains("must not guide the care of a patient").all()
    assert sorted(path.name for path in (tmp_path / "lv").iterdir()) == ["beats.csv", "beats.json", "lv.csv", "lv.json"]


def test_of_each_recording_of_a_data_set_what_a_file_gets(
    run: TypeIn, bright_root: Path, bright_segmenter: Path, tmp_path: Path
) -> None:
    out = tmp_path / "lv"
    shown = run(
        "segment", "--data", bright_root, "--model", bright_segmenter, "--out", out, "--store", tmp_path / "store",
        "--folders", "--nifti", "--device", "cpu",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "of each recording, in the pixels of its prepared frames" in " ".join(shown.stdout.split())
    table = pd.read_csv(out / "beats.csv")
    assert table["folder"].tolist() == table["file"].tolist()
    frames = FrameStore.open(tmp_path / "store").frames("heart0")
    with np.load(out / "heart0" / "masks.npz") as arrays, np.load(bright_root / "Masks" / "heart0.npz") as known:
        masks, labels = arrays["lv_masks"], known["labels"] == 1
        assert arrays["es_frames"].tolist() == table["es_frame"][:2].tolist()
    # In the very pixels that the figures are of.
    assert masks.shape == frames.shape
    dice = 2 * (masks & labels).sum() / (masks.sum() + labels.sum())
    assert dice == pytest.approx(pd.read_csv(out / "lv.csv")["dice"][0], abs=1e-9)
    image: Any = nib.load(out / "heart0" / "masks.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), masks)
    assert len(film_of(out / "heart1" / "outline.mp4")) == len(frames)
    # Without a whole beat, too, there is a curve to be looked at.
    assert Image.open(out / "heart2" / "volume.png").size[0] > 1000


@pytest.mark.parametrize("words", [(), ("a.avi", "--data", ".")])
def test_files_or_a_data_set(run: TypeIn, words: tuple[str, ...]) -> None:
    shown = run("segment", *words)
    assert shown.returncode == 2
    assert "Say what to segment" in shown.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.avi", "--option", "view=A2C"), "`--option` is of the data set under `--data`, and files are to be"),
        (("a.avi", "--dataset", "camus", "--allow-overlap"), "`--dataset` and `--allow-overlap` are of the data set"),
        (("--data", ".", "--nifti", "--axes", "HWT"), "`--axes` is of files, and a data set is to be"),
        (
            ("--data", ".", "--nifti", "--no-film"),
            "`--nifti` and `--no-film` are of what is written for each clip",
        ),
        (("a.avi", "--folders"), "`--folders` is of the data set under `--data`"),
        (("--data", ".", "--option", "view"), "An option of a data set is NAME=VALUE"),
    ],
)
def test_what_would_be_passed_over_is_refused(run: TypeIn, words: tuple[str, ...], message: str) -> None:
    shown = run("segment", *words)
    assert shown.returncode == 2
    assert message in " ".join(shown.stderr.split())


def test_folders_of_files_have_plain_names_and_none_twice() -> None:
    names = FolderNames()
    given = [names(file) for file in ("a/x y.avi", "b/X_y.mp4", "../..", "/c/Müller\x1b.dcm", "x.nii.gz", ".hidden")]
    assert given == ["x_y", "X_y-2", "clip", "M_ller", "x", "clip-2"]
    # An id is no file's name: what follows its dots tells one recording from another.
    assert [names.of_recording(name) for name in ("1.2.840.1", "1.2.840.2")] == ["1_2_840_1", "1_2_840_2"]


def test_predict_has_the_ef_of_the_outline_beside(
    run: TypeIn, run_of_every_recipe: Any, bright_segmenter: Path, bright_heart: Callable[..., Any], tmp_path: Path
) -> None:
    heart = bright_heart(beats=(22, 22))
    np.save(tmp_path / "a.npy", heart.frames)
    model = run_of_every_recipe["demo"].path
    shown = run(
        "predict", tmp_path / "a.npy", "--model", model, "--segmenter", bright_segmenter, "--json", "--device", "cpu"
    )
    assert shown.returncode == 0, shown.stderr
    (said,) = json.loads(shown.stdout)["predictions"]
    assert said["segmentation_beats"] == 2
    assert said["segmentation_ef_percent"] == pytest.approx(heart.ef_percent, abs=2)
    is_far = abs(said["ef_percent"] - said["segmentation_ef_percent"]) > 10
    assert any("points away" in warning for warning in said["warnings"]) is is_far
    assert read_video(tmp_path / "a.npy").num_frames == said["num_frames"]
