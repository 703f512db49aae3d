"""Hostile files of those kinds that this package writes or ships: weights, cards, recipes, stores, runs."""

import json
import pickle
import shutil
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from tests.hostile.target import Target, moving_disc, write_clips

if TYPE_CHECKING:
    from coreecho.training import RunFolder


def _write_weights(folder: Path) -> list[Path]:
    import torch

    from coreecho.models import ModelInput, build_model, save_weights
    from coreecho.models.card import WeightsCard

    model_input = ModelInput(num_frames=4, stride=2, frame_size=32)
    model = build_model("colearning_xs", model_input, last_bias=50.0)
    card = WeightsCard(
        kind="model", reads={"name": "ef"}, encoder="colearning_xs", source="hostile", licence="none",
        num_parameters=1, source_sha256=None, model_input=model_input, trained_on=None, coreecho_version="0",
    )  # fmt: skip
    save_weights(folder / "model.safetensors", model, card)
    torch.save({"state_dict": {"module.norm.weight": torch.ones(3)}}, folder / "published.pt")
    return [folder / "model.safetensors", folder / "published.pt"]


def _read_weights(folder: Path, damaged: Path) -> object:
    from coreecho.models import import_weights, load_model

    return load_model(damaged) if damaged.suffix == ".safetensors" else import_weights(damaged)


def _write_cards(folder: Path) -> list[Path]:
    from safetensors import safe_open

    [weights, _] = _write_weights(folder)
    with safe_open(weights, framework="pt") as file:
        card = file.metadata()["coreecho_card"]
    (folder / "card.json").write_text(card)
    return [folder / "card.json"]


def _read_card(folder: Path, damaged: Path) -> object:
    from coreecho.models.card import WeightsCard

    return WeightsCard.from_json(damaged.read_bytes().decode("utf-8", "replace"))


def _write_recipes(folder: Path) -> list[Path]:
    from coreecho.training import find_recipe, recipe_names

    for name in recipe_names():
        shutil.copy(find_recipe(name), folder / f"{name}.yaml")
    return sorted(folder.glob("*.yaml"))


def _read_recipe(folder: Path, damaged: Path) -> object:
    from coreecho.training import Recipe

    return Recipe.from_yaml(damaged)


def _write_paper_tables(folder: Path) -> list[Path]:
    from importlib.resources import files

    for entry in (files("coreecho.experiments") / "tables").iterdir():
        if entry.name != "trainings.yaml":
            table = yaml.safe_load(entry.read_text())
            # Every key, and few rows of each: YAML is read slowly.
            table["rows"] = table["rows"][:3]
            table.pop("comparisons", None)
            (folder / entry.name).write_text(yaml.safe_dump(table, sort_keys=False, width=120))
    return sorted(folder.glob("*.yaml"))


def _read_paper_table(folder: Path, damaged: Path) -> object:
    from coreecho.experiments.table_file import read_table

    return read_table(str(damaged))


def _write_starts(folder: Path) -> list[Path]:
    starts = {f"{number}.avi": np.array([1, 2, 3]) for number in range(4)}
    (folder / "starts.pkl").write_bytes(pickle.dumps(starts))
    (folder / "starts.json").write_text(json.dumps({name: value.tolist() for name, value in starts.items()}))
    return [folder / "starts.pkl", folder / "starts.json"]


def _read_starts(folder: Path, damaged: Path) -> object:
    from coreecho.video import read_start_index

    return read_start_index(damaged)


def _write_store(folder: Path) -> list[Path]:
    from coreecho.video.store import FrameStore

    write_clips(folder / "clips", [f"{number}.npy" for number in range(3)])
    files = {str(number): folder / "clips" / f"{number}.npy" for number in range(3)}
    FrameStore.build(folder / "store", files, frame_size=32, workers=1)
    return sorted(path for path in (folder / "store").iterdir() if path.suffix == ".json")


def _read_store(folder: Path, damaged: Path) -> object:
    from coreecho.video.store import FrameStore

    files: Any = {str(number): folder / "clips" / f"{number}.npy" for number in range(3)}
    store = FrameStore.build(folder / "store", files, frame_size=32, workers=1)
    return [np.asarray(store.frames(str(number))).sum() for number in range(3)]


def _write_archives(folder: Path) -> list[Path]:
    from coreecho.representation.embedding_files import save_embeddings
    from coreecho.representation.embedding_set import EmbeddingSet
    from coreecho.representation.references import References, save_references

    numbers = np.linspace(20.0, 70.0, 8)
    embedded = EmbeddingSet(
        ids=tuple("abcdefgh"), embeddings=np.ones((8, 4), np.float32), ef_percent=numbers, ef_predicted=numbers,
        source="hostile", is_phantom=True,
    )  # fmt: skip
    save_embeddings(folder / "embeddings.npz", embedded)
    references = References(embedded=embedded, thumbnails=moving_disc()[:8], weights_sha256="0" * 64)
    save_references(folder / "references.npz", references)
    return [folder / "embeddings.npz", folder / "references.npz"]


def _read_archive(folder: Path, damaged: Path) -> object:
    from coreecho.representation.embedding_files import load_embeddings
    from coreecho.representation.references import load_references

    return load_references(damaged) if damaged.name == "references.npz" else load_embeddings(damaged)


def _write_calibrations(folder: Path) -> list[Path]:
    from coreecho.trust import ModelCalibration, calibrate, calibration_to_json, know, make_gate

    rng = np.random.default_rng(0)
    predicted, others = rng.uniform(20, 70, 60), rng.normal(50, 2, 40)
    intervals = calibrate(
        predicted + rng.normal(0, 5, 60), predicted, spread=rng.gamma(2, size=60), method="normalised-by-range",
        calibrated_on="hostile", is_phantom=True, model="abc", made_on=date(2026, 2, 3),
    )  # fmt: skip
    known = know(rng.normal(size=(40, 5)), rng.uniform(20, 70, 40), words="40 recordings")
    whole = ModelCalibration(intervals=intervals, num_clips=3, gate=make_gate({"frame_rate": others}), known=known)
    (folder / "model.calibration.json").write_text(calibration_to_json(whole))
    return [folder / "model.calibration.json"]


def _read_calibration(folder: Path, damaged: Path) -> object:
    from coreecho.trust import read_calibration

    return read_calibration(damaged)


def _write_run(folder: Path) -> list[Path]:
    from coreecho.models.model_input import ModelInput
    from coreecho.phantom import PhantomSettings, write_echonet_phantoms
    from coreecho.training import Hardware, Recipe, train

    settings = PhantomSettings(min_frames=24, max_frames=24)
    write_echonet_phantoms(folder / "data", recordings=16, seed=7, settings=settings, workers=1)
    recipe = Recipe(
        encoder="colearning_xs", input=ModelInput(num_frames=4, stride=4, frame_size=32), crop_pad=2, batch_size=4,
        stage1_epochs=1, stage2=False,
    )  # fmt: skip
    train(recipe, data=folder / "data", out=folder / "run", hardware=Hardware(device="cpu"))
    return [folder / "run" / name for name in ("run.json", "recipe.yaml", "metrics.csv", "last.ckpt")]


def _read_run(folder: Path, damaged: Path) -> object:
    from coreecho.training import RunFolder
    from coreecho.training.state import load_state

    # The folder's recipe and facts are read again only where one of them is what was damaged: reading sound YAML takes
    # most of the time, and shows nothing.
    if damaged.name == "last.ckpt":
        return load_state(damaged)
    if damaged.name == "metrics.csv":
        return _sound_run(folder).metrics()
    return RunFolder.open(folder / "run").metrics()


@cache
def _sound_run(folder: Path) -> "RunFolder":
    """Opened while its recipe and facts are sound."""
    from coreecho.training import RunFolder

    return RunFolder.open(folder / "run")


OWN_FILES = (
    Target(name="weights", write=_write_weights, read=_read_weights),
    Target(name="cards", write=_write_cards, read=_read_card),
    Target(name="recipes", write=_write_recipes, read=_read_recipe),
    Target(name="paper-tables", write=_write_paper_tables, read=_read_paper_table),
    Target(name="start-index", write=_write_starts, read=_read_starts),
    Target(name="store", write=_write_store, read=_read_store),
    Target(name="archives", write=_write_archives, read=_read_archive),
    Target(name="calibrations", write=_write_calibrations, read=_read_calibration),
    Target(name="run", write=_write_run, read=_read_run),
)
