"""Every method of the paper's tables learns: its training loss falls on a few hearts that it sees again and again."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from coreecho.datasets import load_recordings, video_files
from coreecho.datasets.clip_dataset import ValidationClips
from coreecho.models.building import build_model
from coreecho.models.echo_model import EchoModel, ModelInput
from coreecho.training.loop import Learner
from coreecho.training.objectives import Objective, Refining, build_objective
from coreecho.training.optimisers import build_optimiser
from coreecho.training.recipe import Recipe, read_recipe_file
from coreecho.training.recipe_files import find_recipe
from coreecho.video.store import FrameStore

FRAMES, SIZE = 4, 32
SMALL: dict[str, Any] = {
    "encoder": "uniformer_xs",
    "init": "scratch",
    "dropout": 0.0,
    "head_dropout": 0.0,
    "num_frames": FRAMES,
    "frame_size": SIZE,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
}
# By method: the shipped recipe, and what makes it small or another method.
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "CoReEcho": ("echonet", {}),
    "L1 end to end": ("echonet", {"objective": "l1"}),
    "RnC as first published": ("rnc", {}),
    "EchoCoTr": ("echocotr", {}),
    "R(2+1)D": ("r2plus1d", {"encoder": "r2plus1d_10"}),
    "CAMUS, fine-tuned": ("camus-fine-tune", {}),
    "HMC-QU, fine-tuned": ("hmc-qu-fine-tune", {}),
}


@dataclass(frozen=True)
class Hearts:
    """Clips of phantoms (N, T, H, W) uint8, and what is to be read off them (N,)."""

    clips: Tensor
    ef_percent: Tensor
    has_mi: Tensor


@pytest.fixture(scope="module")
def hearts(phantom_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Hearts:
    """The same clip of each of ten phantoms; an infarction is an EF below the median."""
    recordings = load_recordings("echonet", phantom_root)[:10]
    sampling = ModelInput(num_frames=FRAMES, stride=4, frame_size=SIZE)
    store = FrameStore.build(
        tmp_path_factory.mktemp("store"), video_files("echonet", recordings), frame_size=SIZE, show_progress=False
    )
    clips = ValidationClips(recordings, store, sampling, num_clips=1)
    items = [clips[place] for place in range(len(recordings))]
    ef = torch.stack([item.label for item in items])
    return Hearts(torch.cat([item.clips for item in items]), ef, (ef < ef.median()).float())


def small(method: str) -> Recipe:
    shipped, settings = METHODS[method]
    return Recipe.from_mapping(read_recipe_file(find_recipe(shipped)) | SMALL | settings, source=method)


def new_model(recipe: Recipe) -> EchoModel:
    torch.manual_seed(0)
    return build_model(
        recipe.encoder,
        recipe.input,
        last_bias=recipe.task.bias_of([45.0]),
        dropout=recipe.dropout,
        head=recipe.head,
        head_dropout=recipe.head_dropout,
        task=recipe.task,
    )


def train(
    recipe: Recipe, model: EchoModel, hearts: Hearts, steps: int, objective: Objective | None = None
) -> list[float]:
    """Loss of each step on the same batch; two views are the clip twice."""
    labels = {"has_mi": hearts.has_mi, "ef_percent": hearts.ef_percent}[recipe.task.label]
    learner = Learner(model, objective or build_objective(recipe))
    views = learner.objective.num_views
    batch = (
        hearts.clips.repeat_interleave(views, dim=0),
        torch.full((len(labels) * views,), FRAMES),
        labels.repeat_interleave(views),
    )
    optimizer = build_optimiser(recipe, [each for each in model.parameters() if each.requires_grad])
    losses = []
    for _ in range(steps):
        loss = torch.stack(list(learner(*batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@dataclass(frozen=True)
class Contrasted:
    """What 40 steps of Rank-N-Contrast alone make of a model: it, as it was before, and the loss of each step."""

    model: EchoModel
    before: EchoModel
    losses: list[float]


@pytest.fixture(scope="module")
def contrasted(hearts: Hearts) -> Contrasted:
    recipe = small("RnC as first published")
    model = new_model(recipe)
    before = copy.deepcopy(model)
    return Contrasted(model, before, train(recipe, model, hearts, steps=40))


@pytest.mark.parametrize("method", METHODS)
def test_the_training_loss_falls(method: str, hearts: Hearts, request: pytest.FixtureRequest) -> None:
    recipe = small(method)
    if method == "RnC as first published":
        losses = request.getfixturevalue("contrasted").losses[:30]
    else:
        losses = train(recipe, new_model(recipe), hearts, steps=30)
    first, last = losses[0], sum(losses[-3:]) / 3
    # A squared error falls faster than an absolute one with the same steps.
    share = {"mse": 0.6, "bce": 0.3, "rnc": 0.5, "l1": 0.8, "rnc_l1": 0.8}[recipe.objective]
    assert last < share * first, losses


def test_the_baseline_learns_at_its_published_size(hearts: Hearts) -> None:
    """The gradients of the other two ResNets are compared with the plain formulas in `parity/`."""
    recipe = replace(small("R(2+1)D"), encoder="r2plus1d_18", learning_rate=1e-4)
    few = Hearts(hearts.clips[:4], hearts.ef_percent[:4], hearts.has_mi[:4])
    losses = train(recipe, new_model(recipe), few, steps=4)
    assert losses[-1] < 0.8 * losses[0], losses


def test_the_head_learns_on_an_encoder_that_contrast_alone_has_trained(hearts: Hearts, contrasted: Contrasted) -> None:
    recipe = small("RnC as first published")
    model = copy.deepcopy(contrasted.model)
    head = contrasted.before.head.state_dict()
    assert all(torch.equal(value, head[name]) for name, value in model.head.state_dict().items())
    encoder = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    losses = train(recipe, model, hearts, steps=30, objective=Refining(recipe))
    assert losses[-1] < 0.8 * losses[0], losses
    assert all(torch.equal(value, encoder[name]) for name, value in model.encoder.state_dict().items())
    assert any(not torch.equal(value, head[name]) for name, value in model.head.state_dict().items())


def test_an_untrained_encoder_orders_the_hearts_worse_than_a_contrasted_one(
    hearts: Hearts, contrasted: Contrasted
) -> None:
    def rank_agreement(model: EchoModel) -> float:
        with torch.no_grad():
            model.eval()
            embeddings = model.embed(hearts.clips, torch.full((len(hearts.clips),), FRAMES))
        between = torch.cdist(embeddings, embeddings).flatten()
        of_ef = (hearts.ef_percent[:, None] - hearts.ef_percent).abs().flatten()
        pairs = torch.stack([between.argsort().argsort().float(), of_ef.argsort(stable=True).argsort().float()])
        return float(torch.corrcoef(pairs)[0, 1])

    assert rank_agreement(copy.deepcopy(contrasted.model)) > max(rank_agreement(contrasted.before), 0.8)


def test_one_linear_layer_is_the_whole_head_of_the_baselines() -> None:
    for method in ("EchoCoTr", "R(2+1)D"):
        recipe = small(method)
        model = new_model(recipe)
        assert [name for name, _ in model.head.named_parameters()] == ["0.weight", "0.bias"]
        assert recipe.objective == "mse"
        assert recipe.input == ModelInput(
            num_frames=FRAMES, stride=4 if method == "EchoCoTr" else 2, frame_size=SIZE, padding="mean"
        )


# Trainable numbers with one output; torchvision's have 400.
@pytest.mark.parametrize(
    ("encoder", "parameters"),
    [
        ("r2plus1d_18", 31_505_325 - 399 * 513),
        ("mc3_18", 11_695_440 - 399 * 513),
        ("r3d_18", 33_371_472 - 399 * 513),
    ],
)
def test_a_video_resnet_has_as_many_parameters_as_the_published_one(encoder: str, parameters: int) -> None:
    with torch.device("meta"):
        model = build_model(encoder, ModelInput(), last_bias=55.6, head="linear")
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_echocotr_has_the_parameters_of_uniformer_s() -> None:
    with torch.device("meta"):
        model = build_model("uniformer_small", ModelInput(), last_bias=55.6, head="linear")
    # Published as 21.4 million, with the 400 outputs of Kinetics.
    with_400_outputs = sum(parameter.numel() for parameter in model.parameters()) + 399 * 513
    assert with_400_outputs / 1e6 == pytest.approx(21.4, abs=0.05)
