import json
import math
from dataclasses import asdict, replace

import pytest

from coreecho.errors import CheckpointError
from coreecho.models import ModelInput, WeightsCard
from coreecho.models.card import kind_of_card, origin_in_short

MODEL_INPUT = json.loads(json.dumps(asdict(ModelInput())))


def test_what_is_written_is_read_back(card: WeightsCard) -> None:
    assert WeightsCard.from_json(card.to_json()) == card
    imported = replace(card, kind="encoder", model_input=None, trained_on=None, source_sha256="ab" * 32)
    assert WeightsCard.from_json(imported.to_json()) == imported


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "decoder"}, "kind: 'decoder', expected 'encoder' or 'model'"),
        ({"surprise": 1}, "surprise: is not known here"),
        # Defaults would stand for what is missing, and another EF would be read.
        ({"model_input": {}}, "model_input: it lacks num_frames, stride, time, padding, frame_size, mean, std"),
        ({"model_input": MODEL_INPUT | {"num_frames": -4}}, "model_input: .*num_frames is -4, expected at least 1"),
        (
            {"model_input": MODEL_INPUT | {"num_frames": 10**12}},
            "model_input: .*num_frames is 1000000000000, expected at most 10,000",
        ),
        ({"model_input": MODEL_INPUT | {"frame_size": True}}, "model_input.frame_size: True, expected a whole number"),
        ({"model_input": MODEL_INPUT | {"std": [1, 1]}}, "model_input.std: a list of 2, expected 3 entries"),
        ({"trained_on": {"dataset": "echonet"}}, "trained_on: it lacks is_phantom"),
        ({"num_parameters": -1}, "num_parameters: -1, expected 0 to 1e\\+12"),
        ({"encoder": None}, "encoder: None, expected a text"),
        ({"encoder_settings": [1]}, "encoder_settings: a list, expected an object"),
        ({"reads": "ef"}, "reads: 'ef', expected an object"),
        ({"source": "x" * 20_000}, "source: 20,000 entries or characters"),
    ],
)
def test_a_card_that_is_not_understood_is_refused(card: WeightsCard, change: dict[str, object], message: str) -> None:
    entries = json.loads(card.to_json()) | change
    with pytest.raises(CheckpointError, match=f"cannot be read: .*{message}.*another version of coreecho"):
        WeightsCard.from_json(json.dumps(entries))


def test_a_card_lacks_an_entry(card: WeightsCard) -> None:
    entries = json.loads(card.to_json())
    del entries["licence"]
    with pytest.raises(CheckpointError, match="it lacks licence"):
        WeightsCard.from_json(json.dumps(entries))


@pytest.mark.parametrize(
    "text", ["", "not JSON", "[1, 2]", "3", "[" * 100_000, '{"a": "' + "x" * 2_000_000 + '"}', '{"kind": NaN}']
)
def test_not_a_card_at_all(text: str) -> None:
    with pytest.raises(CheckpointError, match="card of these weights cannot be read"):
        WeightsCard.from_json(text)


def test_a_card_from_before_the_median_frame_rate_was_kept_is_read(card: WeightsCard) -> None:
    entries = json.loads(card.to_json())
    del entries["trained_on"]["fps_median"]
    restored = WeightsCard.from_json(json.dumps(entries))
    assert restored.trained_on is not None
    assert restored.trained_on.fps_median is None


def test_a_card_from_before_encoders_had_settings_is_read(card: WeightsCard) -> None:
    entries = json.loads(card.to_json())
    del entries["encoder_settings"]
    assert WeightsCard.from_json(json.dumps(entries)).encoder_settings == {}


def test_a_frame_rate_that_no_file_said_stays_unknown(card: WeightsCard) -> None:
    assert card.trained_on is not None
    unknown = replace(card, trained_on=replace(card.trained_on, fps_range=(math.nan, math.nan)))
    text = unknown.to_json()
    assert "NaN" not in text
    restored = WeightsCard.from_json(text)
    assert restored.trained_on is not None
    assert all(math.isnan(fps) for fps in restored.trained_on.fps_range)


def test_equal_cards_are_equal_texts(card: WeightsCard) -> None:
    one = replace(card, encoder_settings={"depths": [1, 1], "dropout": 0.1})
    other = replace(card, encoder_settings={"dropout": 0.1, "depths": [1, 1]})
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize("reads", [{"name": "strain"}, {"name": "scalar"}, {"name": "ef", "surprise": 1}, {}])
def test_a_task_that_is_not_known_is_an_error_of_the_card(card: WeightsCard, reads: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="What these weights read is not known here"):
        _ = replace(card, reads=reads).task


def test_the_kind_is_told_of_sound_cards_alone(card: WeightsCard) -> None:
    assert kind_of_card(card.to_json()) == "model"
    for damaged in ("", "{", "[1]", '{"kind": "model", "kind": "segmenter"}', '{"source": NaN, "kind": "model"}'):
        assert kind_of_card(damaged) is None, damaged


def test_in_short_a_model_says_whose_hearts_taught_it(card: WeightsCard) -> None:
    assert card.trained_on is not None
    taught = replace(card.trained_on, recipe="lv", dataset="camus", is_phantom=True)
    assert origin_in_short("unet", taught) == "lv (unet), trained on simulated hearts (phantoms) alone"
    assert origin_in_short("unet", replace(taught, is_phantom=False)) == "lv (unet), trained on real hearts (camus)"
    assert origin_in_short("unet", taught, shipped_as="default-lv").startswith(
        "default-lv, trained on simulated hearts"
    )
    assert origin_in_short("unet", None) == "unet, imported weights"
