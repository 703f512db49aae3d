"""Loaders: which clip, crop and order every step sees is a pure function of (seed, stage, epoch, recording, view)."""

from collections.abc import Iterator, Sequence

from torch.utils.data import DataLoader, Sampler

from coreecho.datasets.clip_dataset import ClipBatch, TrainingClips, ValidationClips
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.errors import RecipeError


class TrainingBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, recording) for a whole stage, from any step on; the last incomplete batch of an epoch is
    dropped.

    One pass over this sampler is what remains of the stage, so the place in the training is one number, the step.

    Args:
        recordings: ids of the training split, in the order in which their positions count.
        batch_size: videos in a step over all processes together.
        seed: of the run.
        stage: of the training, from 1.
        epochs: of the stage.
        first_step: steps already done.
        rank: of this process; it gets its own share of each batch.
        world_size: number of processes.

    Raises:
        RecipeError: fewer recordings than one batch, or a batch that does not split evenly over the processes.
    """

    def __init__(
        self,
        recordings: Sequence[str],
        *,
        batch_size: int,
        seed: int,
        stage: int = 1,
        epochs: int,
        first_step: int,
        rank: int,
        world_size: int,
    ) -> None:
        check_batch(len(recordings), batch_size)
        if batch_size % world_size:
            raise RecipeError(
                f"`batch_size` {batch_size} counts the videos of all processes and does not split over {world_size}."
            )
        self.recordings = tuple(recordings)
        self.batch_size = batch_size
        self.seed = seed
        self.stage = stage
        self.epochs = epochs
        self.first_step = first_step
        self.share = slice(rank * batch_size // world_size, (rank + 1) * batch_size // world_size)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return len(self.recordings) // self.batch_size

    def __len__(self) -> int:
        return self.epochs * self.steps_per_epoch - self.first_step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        first_epoch, batch = divmod(self.first_step, self.steps_per_epoch)
        for epoch in range(first_epoch, self.epochs):
            order = self._order(epoch)
            for start in range(batch * self.batch_size, self.steps_per_epoch * self.batch_size, self.batch_size):
                yield [(epoch, recording) for recording in order[start : start + self.batch_size][self.share]]
            batch = 0

    def _order(self, epoch: int) -> list[int]:
        """Positions of all recordings in an epoch's order. Each draws its place by its id; one more moves no other."""
        drawn = [
            generator_for(self.seed, Purpose.ORDER, stage=self.stage, epoch=epoch, recording=recording).random()
            for recording in self.recordings
        ]
        return sorted(range(len(drawn)), key=lambda position: (drawn[position], self.recordings[position]))


def check_batch(num_recordings: int, batch_size: int) -> None:
    """See that an epoch has a batch. Raises RecipeError."""
    if num_recordings < batch_size:
        raise RecipeError(
            f"The training split has {num_recordings} recordings, fewer than one batch of {batch_size}: "
            "set a smaller `batch_size`."
        )


def training_loader(
    clips: TrainingClips, batches: TrainingBatches, *, workers: int, pin_memory: bool
) -> DataLoader[ClipBatch]:
    """Loader of what remains of a stage."""
    return DataLoader(clips, batch_sampler=batches, num_workers=workers, pin_memory=pin_memory)


def validation_loader(clips: ValidationClips, *, batch_size: int, rank: int, world_size: int) -> DataLoader[ClipBatch]:
    """Loader of this process's share of the validation split: every `world_size`-th recording."""
    return DataLoader(clips, batch_size=batch_size, sampler=range(rank, len(clips), world_size))
