import json
from dataclasses import replace

import pytest

from coreecho.errors import CheckpointError
from coreecho.models import WeightsCard


def test_what_is_written_is_read_back(card: WeightsCard) -> None:
    assert WeightsCard.from_json(card.to_json()) == card
    imported = replace(card, kind="encoder", model_input=None, trained_on=None, source_sha256="ab" * 32)
    assert WeightsCard.from_json(imported.to_json()) == imported


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "decoder"}, "its kind is 'decoder'"),
        ({"surprise": 1}, "surprise"),
        ({"model_input": {"num_frames": -4}}, "num_frames must be a whole number of at least 1"),
        ({"trained_on": {"dataset": "echonet"}}, "is_phantom"),
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


@pytest.mark.parametrize("text", ["", "not JSON", "[1, 2]", "3"])
def test_not_a_card_at_all(text: str) -> None:
    with pytest.raises(CheckpointError, match="card of these weights cannot be read"):
        WeightsCard.from_json(text)


def test_a_card_from_before_the_median_frame_rate_was_kept_is_read(card: WeightsCard) -> None:
    entries = json.loads(card.to_json())
    del entries["trained_on"]["fps_median"]
    restored = WeightsCard.from_json(json.dumps(entries))
    assert restored.trained_on is not None
    assert restored.trained_on.fps_median is None
