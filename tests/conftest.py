"""Data that many tests share: small trees of phantoms, and a run of every shipped recipe, made once."""

import gc
import json
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray

import coreecho.shipped
from coreecho.experiments.scales import QUICK, Scale, camus_phantoms, echonet_phantoms
from coreecho.files import sha256_of
from coreecho.models import (
    ModelInput,
    SegmenterInput,
    TrainedOn,
    WeightsCard,
    build_model,
    build_segmentation_network,
    save_segmenter,
    save_weights,
)
from coreecho.models.weights import save_state
from coreecho.phantom import PhantomSettings, write_camus_phantoms, write_echonet_phantoms, write_hmc_qu_phantoms
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.phantom.cohort_folder import CARD_NAME, UNFINISHED_NAME
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.representation.references import References, save_references
from coreecho.training import Hardware, RunFolder, find_recipe, recipe_names, train
from coreecho.training.recipe import Recipe, read_recipe_file
from coreecho.training.run_folder import find_data

NUM_RECORDINGS = 16
# Sizes at which the first ten losses of every recipe are stored (`tests/parity/stored_losses.json`).
LOSSES_SCALE = Scale(
    name="losses", seeds=(0,), transfer_seeds=(0,), settings=QUICK.settings, recordings=12, camus=14, hmc_qu=18
)
LOSSES_SIZES: dict[str, Any] = {"init": "scratch", "num_frames": 4, "frame_size": 32, "batch_size": 6, "seed": 5}


# Of recipes whose encoder is no UniFormer.
SMALL_ENCODERS = {
    "r2plus1d_18": "r2plus1d_10",
    "r2plus1d_18_grey": "r2plus1d_10_grey",
    "colearning": "colearning_xs",
    "lv_unet": "lv_unet_xs",
    "deeplab": "lv_unet_xs",
    "uvt": "uvt_xs",
    "efgcn_sd": "efgcn_sd_xs",
    "echographs_mobilenet2": "echographs_mobilenet2",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-losses",
        nargs="*",
        default=(),
        metavar="RECIPE",
        help="write the first losses of these recipes anew, after a change that is meant to change their training",
    )


# How long a case takes says more of the machine than of the code.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """One thread, before the fixtures of each test, whatever a test before it has left.

    Tests run side by side, so that more threads only slow each other down; and sums that two threads share differ in
    the last bit from one training to the next.
    """
    torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Take what the imports have made out of the search for garbage: it stays, and looking through it takes long."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def rough_pictures() -> Iterator[None]:
    """Charts whose parts lie where they come: to find each its place is half of the work of drawing it.

    For tests of what stands around charts, and of many recipes; others see to it that charts are as they should be.
    """
    from coreecho.report import pictures

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "ConstrainedLayoutEngine", lambda **_: None)
        yield


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of this run of the tests."""
    base = tmp_path_factory.getbasetemp()
    # The processes of pytest-xdist have a folder each, below one that they share.
    folder = (base.parent if base.name.startswith("popen-") else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def own_cohort(tmp_path_factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """A cohort that one process of this run of the tests has written, and each has a copy of: frames lie beside it."""
    return Path(
        shutil.copytree(shared_cohort(tmp_path_factory, name, write), tmp_path_factory.mktemp("phantoms") / "cohort")
    )


def shared_cohort(tmp_path_factory: pytest.TempPathFactory, name: str, write: Callable[[Path], object]) -> Path:
    """The same to be copied, and not to be touched."""
    root = shared_folder(tmp_path_factory) / name
    with FileLock(f"{root}.lock"):
        if not root.exists():
            write(root)
    return root


@pytest.fixture(scope="session")
def phantom_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen phantoms of 24 frames in the EchoNet-Dynamic layout."""
    settings = PhantomSettings(min_frames=24, max_frames=24)
    return own_cohort(
        tmp_path_factory,
        "sixteen",
        lambda root: write_echonet_phantoms(root, recordings=NUM_RECORDINGS, seed=7, settings=settings, workers=1),
    )


def camus_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cohort(
        tmp_path_factory, "camus", lambda root: write_camus_phantoms(root, recordings=12, seed=1, workers=1)
    )


def hmc_qu_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_cohort(
        tmp_path_factory, "hmc-qu", lambda root: write_hmc_qu_phantoms(root, recordings=18, seed=2, workers=1)
    )


@pytest.fixture(scope="session")
def camus_hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve patients in CAMUS's layout, of seed 1, which lie in all ten folds; to be copied, and not to be touched."""
    return camus_cohort(tmp_path_factory)


@pytest.fixture(scope="session")
def hmc_qu_hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen patients in HMC-QU's layout, of seed 2, twelve of them with masks; to be copied, not to be touched."""
    return hmc_qu_cohort(tmp_path_factory)


@pytest.fixture
def tiny_recipe() -> Recipe:
    """Both stages in a few seconds: two epochs of two steps, then one epoch."""
    return Recipe(
        name="tiny",
        encoder="uniformer_xs",
        input=ModelInput(num_frames=4, stride=4, frame_size=32),
        crop_pad=2,
        batch_size=4,
        learning_rate=1e-3,
        stage1_epochs=2,
        stage2_epochs=1,
        validation_clips=2,
    )


@pytest.fixture(scope="session")
def micro_scale() -> Scale:
    """Every table of the paper in seconds; two seeds."""
    sizes: dict[str, Any] = {"num_frames": 4, "frame_size": 32, "batch_size": 4, "validation_clips": 1}
    return replace(
        QUICK,
        name="micro",
        settings={**QUICK.settings, **sizes, "crop_pad": 2, "warmup_steps": 0},
        probe={**QUICK.probe, **sizes},
        fine_tune={**QUICK.fine_tune, **sizes},
        recordings=36,
        camus=12,
        hmc_qu=18,
    )


@pytest.fixture(scope="session")
def micro_phantoms(
    tmp_path_factory: pytest.TempPathFactory, micro_scale: Scale, camus_hearts: Path, hmc_qu_hearts: Path
) -> Path:
    """The folder `phantoms` of a reproduction at `micro_scale`: as it would write them itself."""
    shared = shared_cohort(tmp_path_factory, "micro", lambda root: echonet_phantoms(root, micro_scale))
    # A copy for each process: decoded frames are written beside the hearts.
    folder = Path(shutil.copytree(shared / "phantoms", tmp_path_factory.mktemp("reproduction") / "phantoms"))
    shutil.copytree(camus_hearts, folder / "camus")
    shutil.copytree(hmc_qu_hearts, folder / "hmc-qu")
    return folder


@pytest.fixture
def reproduction(tmp_path: Path, micro_phantoms: Path) -> Path:
    """An `--out` whose phantoms are written, and nothing else."""
    out = tmp_path / "reproduction"
    out.mkdir()
    (out / "phantoms").symlink_to(micro_phantoms)
    return out


def learned_from_phantoms(**other: Any) -> TrainedOn:
    """What a card says of a training on a dozen phantoms; keywords say it otherwise."""
    said = {
        "dataset": "echonet",
        "is_phantom": True,
        "num_recordings": 12,
        "fps_range": (30.0, 60.0),
        "label_range": (0.0, 100.0),
        "recipe": "tiny",
        "epoch": 1,
        "best_validation": 9.0,
    }
    return TrainedOn(**(said | other))


def small_card(model_input: ModelInput, *, trained_on: TrainedOn | None = None, **other: Any) -> WeightsCard:
    """The card of a small model that reads the EF; keywords say it otherwise."""
    said: dict[str, Any] = {
        "kind": "model",
        "reads": {"name": "ef"},
        "encoder": "uniformer_xs",
        "source": "a test",
        "licence": "Apache-2.0",
        "num_parameters": 1,
        "source_sha256": None,
        "coreecho_version": "0",
    }
    return WeightsCard(**(said | {"model_input": model_input, "trained_on": trained_on} | other))


@pytest.fixture
def untrained_run(tmp_path: Path, phantom_root: Path, tiny_recipe: Recipe) -> RunFolder:
    """The folder of a run whose weights are those that it began with."""
    data = find_data("echonet", phantom_root, tiny_recipe, None)
    run = RunFolder.create(tmp_path / "run", tiny_recipe, data, Hardware())
    model = build_model("uniformer_xs", tiny_recipe.input, last_bias=55.0)
    save_weights(run.best_weights, model, small_card(tiny_recipe.input))
    return run


class Shown(NamedTuple):
    """What a command leaves in a terminal."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    """Run a command line as `coreecho` does, in a terminal of 200 columns; gives exit code and what it showed.

    In this process: starting Python and importing PyTorch takes seconds, a test parts of one.
    """
    from coreecho.cli.main import main

    monkeypatch.setenv("COLUMNS", "200")

    def type_in(*words: object) -> Shown:
        monkeypatch.setattr(sys, "argv", ["coreecho", *map(str, words)])
        with warnings.catch_warnings():
            # The command line is read from sys.argv on purpose.
            warnings.filterwarnings("ignore", "Cyclopts application invoked without tokens")
            with pytest.raises(SystemExit) as ended:
                main()
        return Shown(int(ended.value.code or 0), *capsys.readouterr())

    return type_in


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny untrained models in the place of those that ship: the folder, with the EF model and its reference hearts."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(coreecho.shipped, "FOLDER", folder)
    model_input = ModelInput(num_frames=4, stride=2, frame_size=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model("uniformer_xs", model_input, last_bias=55.0).eval()
    card = small_card(model_input, trained_on=learned_from_phantoms(recipe="demo"))
    save_state(folder / "default-ef.safetensors", model.state_dict(), card, storage="float16")
    rng = np.random.default_rng(0)
    hearts = EmbeddingSet(
        ids=tuple(f"0X{number:02}" for number in range(8)),
        embeddings=rng.standard_normal((8, model.encoder.embedding_dim)).astype(np.float32),
        ef_percent=np.linspace(10, 80, 8),
        ef_predicted=np.linspace(15, 75, 8),
        source="tiny, TEST split of echonet, simulated hearts (phantoms)",
        is_phantom=True,
    )
    references = References(
        embedded=hearts,
        thumbnails=rng.integers(0, 255, (8, 32, 32), np.uint8),
        weights_sha256=sha256_of(folder / "default-ef.safetensors"),
    )
    save_references(folder / "default-ef.references.npz", references)
    save_segmenter(
        folder / "default-lv.safetensors",
        build_segmentation_network("lv_unet", widths=[4, 6]),
        SegmenterInput(frame_size=32),
        source="a test",
        licence="Apache-2.0",
        trained_on=card.trained_on,
    )
    return folder


class RecipeRuns(Mapping[str, RunFolder]):
    """A finished run of each shipped recipe, made small; trained when it is first asked for, by one process.

    An epoch is one step: eight of stage 1 and two of stage 2 where the recipe has one, else ten of stage 1.
    """

    def __init__(self, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = folder
        self.tmp_path_factory = tmp_path_factory

    def __iter__(self) -> Iterator[str]:
        return iter(recipe_names())

    def __len__(self) -> int:
        return len(recipe_names())

    def __getitem__(self, name: str) -> RunFolder:
        path = self.folder / name
        with FileLock(self.folder / f"{name}.lock"):
            if not (path / "run.json").exists():
                self._train(name, path)
        return RunFolder.open(path)

    def _train(self, name: str, path: Path) -> None:
        dataset = next((known for known in ("camus", "hmc-qu", "echonet-beats") if name.startswith(known)), "echonet")
        with FileLock(self.folder / "phantoms.lock"):
            if not (self.folder / "phantoms" / dataset).exists():
                self._write(dataset)
        train(
            small_recipe(name),
            data=self.folder / "phantoms" / dataset.removesuffix("-beats"),
            out=path,
            store=self.folder / f"store-{name}",
            dataset=dataset,
            options={} if dataset.startswith("echonet") else {"fold": 1},
            hardware=Hardware(device="cpu"),
        )

    def _write(self, dataset: str) -> None:
        """Write the hearts of `LOSSES_SCALE`; those of other layouts go on from the cohorts that are there."""
        root = self.folder / "phantoms" / dataset
        if dataset == "echonet":
            echonet_phantoms(self.folder, LOSSES_SCALE)
        elif dataset == "hmc-qu":
            shutil.copytree(hmc_qu_cohort(self.tmp_path_factory), root)
        else:
            shutil.copytree(camus_cohort(self.tmp_path_factory), root)
            card = json.loads((root / CARD_NAME).read_text())
            (root / UNFINISHED_NAME).write_text(json.dumps(card | {"recordings": LOSSES_SCALE.camus}))
            (root / CARD_NAME).unlink()
            camus_phantoms(self.folder, LOSSES_SCALE)


def small_recipe(name: str) -> Recipe:
    """The shipped recipe, with a small encoder and an epoch of one step."""
    settings = read_recipe_file(find_recipe(name))
    encoder = SMALL_ENCODERS.get(settings["encoder"], "uniformer_xs")
    epochs = {"stage1_epochs": 8, "stage2_epochs": 2} if settings.get("stage2", True) else {"stage1_epochs": 10}
    other = {"require_two_traced_frames": False, "validation_clips": 1, "warmup_steps": 0, "decay_every": 5}
    sizes = LOSSES_SIZES | ({"num_frames": settings["num_frames"]} if encoder.startswith("efgcn") else {})
    return Recipe.from_mapping(settings | sizes | other | epochs | {"encoder": encoder}, source=name)


@pytest.fixture(scope="session")
def run_of_every_recipe(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RunFolder]:
    """A finished run of each shipped recipe, by its name. To be read; who writes into one takes `copy_of_run`."""
    folder = shared_folder(tmp_path_factory) / "recipes"
    folder.mkdir(exist_ok=True)
    return RecipeRuns(folder, tmp_path_factory)


@pytest.fixture
def copy_of_run(run_of_every_recipe: Mapping[str, RunFolder], tmp_path: Path) -> Callable[[str], RunFolder]:
    """Copy the run of a recipe to a folder of the test's own; data and decoded frames stay shared."""

    def copy(name: str) -> RunFolder:
        return RunFolder.open(shutil.copytree(run_of_every_recipe[name].path, tmp_path / name))

    return copy


@dataclass(frozen=True, kw_only=True, eq=False)
class BrightHeart:
    """A cavity that is an ellipse of bright pixels, in a sector of dark speckle; its beats and volumes are known.

    frames (T, H, W); masks of the cavity; volumes in cubic rows, of a body turned about the long axis.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    volumes: NDArray[np.float64]
    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    ef_percent: float


@pytest.fixture(scope="session")
def bright_heart() -> Callable[..., BrightHeart]:
    """Draw one; `squeeze` is how many rows high a pixel is that is one wide."""

    def draw(
        *,
        height: int = 112,
        width: int = 112,
        beats: Sequence[int] = (20, 20, 20),
        lead: int = 5,
        ed: tuple[float, float] = (0.6, 0.32),
        es: tuple[float, float] = (0.5, 0.24),
        squeeze: float = 1.0,
        seed: int = 0,
    ) -> BrightHeart:
        # 1 at end-diastole, 0 at end-systole; `lead` frames of filling come first.
        phases = [np.cos(np.linspace(0, 2 * np.pi, beat, endpoint=False)) / 2 + 0.5 for beat in beats]
        phase = np.concatenate([0.7 + 0.3 * np.arange(lead) / max(lead, 1), *phases, [1.0, 0.98, 0.96]])
        share = phase[:, None] * ed + (1 - phase[:, None]) * es
        rows, columns = np.indices((height, width))
        across, down = (columns - 0.5 * width) * squeeze, rows - 0.5 * height
        long, short = share[:, 0, None, None] * height / 2, share[:, 1, None, None] * height / 2
        masks = (down / long) ** 2 + (across / short) ** 2 <= 1
        rng = np.random.default_rng(seed)
        speckle = rng.integers(15, 60, (len(phase), height, width))
        sector = (down / (0.46 * height)) ** 2 + (across / (0.42 * height)) ** 2 <= 1
        frames = np.where(masks, 200 + speckle // 2, speckle) * sector
        starts = np.cumsum([lead, *beats[:-1]])
        volumes = np.pi / 6 * (2 * long * (2 * short) ** 2)[:, 0, 0]
        return BrightHeart(
            frames=frames.astype(np.uint8),
            masks=masks,
            volumes=volumes,
            ed_frames=tuple(map(int, starts)),
            es_frames=tuple(int(start + beat / 2) for start, beat in zip(starts, beats, strict=True)),
            ef_percent=100 * (1 - es[0] * es[1] ** 2 / (ed[0] * ed[1] ** 2)),
        )

    return draw


@pytest.fixture(scope="session")
def bright_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network that takes what is brighter than half of full scale for the cavity; trained on phantoms."""
    network = build_segmentation_network("lv_unet", widths=[1, 1])
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "weight" in name and value.ndim == 4:
                # Each convolution passes its last channel on: on the way up, what lies beside.
                value.zero_()[:, -1, value.shape[2] // 2, value.shape[3] // 2] = 1
        network.head.weight[:] = torch.tensor([1.0, -1.0])[:, None, None, None]
        network.head.bias[:] = torch.tensor([-1.0, 0.5])
    path = tmp_path_factory.mktemp("segmenter") / "bright.safetensors"
    trained_on = TrainedOn(
        dataset="echonet",
        is_phantom=True,
        num_recordings=3,
        fps_range=(50.0, 50.0),
        label_range=None,
        recipe="bright",
        epoch=0,
        best_validation=None,
    )
    shown = SegmenterInput(frame_size=112, mean=(0.0,), std=(0.5,))
    save_segmenter(path, network.eval(), shown, source="a test", licence="MIT", trained_on=trained_on)
    return path


@pytest.fixture(scope="session")
def bright_root(tmp_path_factory: pytest.TempPathFactory, bright_heart: Callable[..., BrightHeart]) -> Path:
    """Three bright hearts in the layout of EchoNet-Dynamic, all TEST, with masks of every frame and a true EF.

    The first two beat twice; of the third no beat is complete.
    """
    root = tmp_path_factory.mktemp("bright") / "cohort"
    (root / "Videos").mkdir(parents=True)
    (root / "Masks").mkdir()
    rows = ["FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"]
    for number, es in enumerate([(0.5, 0.24), (0.55, 0.28), (0.5, 0.24)]):
        heart = bright_heart(beats=(22, 22), es=es, seed=number)
        last = 12 if number == 2 else len(heart.frames)
        write_mjpeg_avi(root / "Videos" / f"heart{number}.avi", heart.frames[:last], 50.0)
        labels = heart.masks[:last].astype(np.uint8)
        np.savez(
            root / "Masks" / f"heart{number}.npz",
            labels=labels,
            ed_frame=heart.ed_frames[0],
            es_frame=min(heart.es_frames[0], last - 1),
        )
        rows.append(f"heart{number},{heart.ef_percent:.4f},,,112,112,50,{last},TEST")
    (root / "FileList.csv").write_text("\n".join(rows) + "\n")
    return root
