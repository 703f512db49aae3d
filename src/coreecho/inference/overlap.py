"""Recordings that a model has met before, among those that it is asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coreecho.datasets.recording import Recording, Split, is_chosen_by, is_learned_from
from coreecho.errors import DatasetError
from coreecho.training.run_record import Met

OVERLAP_LABEL = "includes recordings the model was trained on"
_NAMED_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Recordings that a model has met before.

    Attributes:
        num_recordings: of those that were asked about.
        trained: ids of those that it was trained on, whatever they were called then.
        selected: ids of those by which its best epoch was chosen.
        asked: the split that was asked for by its name. Who asks for the training split knows what it is, and who asks
            for the validation split that by it the best epoch was chosen. None of recordings of any split.
    """

    num_recordings: int
    trained: tuple[str, ...]
    selected: tuple[str, ...]
    asked: Split | None = None

    @property
    def is_of_training(self) -> bool:
        """Whether the training split was asked for."""
        return is_learned_from(self.asked)

    @property
    def chosen_by(self) -> tuple[str, ...]:
        """Ids of those by which the best epoch was chosen, where that is not what their split is for."""
        return () if is_chosen_by(self.asked) else self.selected

    @property
    def label(self) -> str | None:
        """For every figure and table that is made of these recordings; None where there is nothing to say."""
        if not self.trained:
            return None
        return f"{OVERLAP_LABEL}: {len(self.trained)} of {self.num_recordings}"

    def refuse(self, *, model: Path, data: Path) -> None:
        """See that none was trained on, but where the training split was asked for.

        Args:
            model: what a person calls it by.
            data: root of the recordings.

        Raises:
            DatasetError: some were; names them.
        """
        if not self.trained or self.is_of_training:
            return
        more = len(self.trained) - _NAMED_AT_MOST
        named = ", ".join(self.trained[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
        where = "under" if self.asked is None else f"in the {self.asked.upper()} split of"
        raise DatasetError(
            f"{model} was trained on {len(self.trained)} of the {self.num_recordings} recordings {where} {data}: "
            f"{named}. Results on them say nothing about new patients. "
            "Were splits changed after the training? Restore them, or take these recordings out; or give "
            "`--allow-overlap`, which labels every figure."
        )


def met_in(
    places: Sequence[Met], recordings: Sequence[Recording], dataset: str, contents: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Ids of the recordings that lay in one of some places, whatever they were called there.

    Args:
        places: what was met.
        recordings: of a data set.
        dataset: its layout, in which ids are the same.
        contents: what tells the frames of each recording from others, by its id.
    """
    ids = {name for place in places if place.dataset == dataset for name in place.train}
    shown = {digest for place in places for digest in place.train.values()}
    return tuple(each.id for each in recordings if each.id in ids or not shown.isdisjoint(contents.get(each.id, ())))
