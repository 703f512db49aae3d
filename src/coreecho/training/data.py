"""Loaders: which clip, crop and order every step sees is a pure function of (seed, stage, epoch, recording, view)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from torch.utils.data import DataLoader, Sampler

from coreecho.datasets import Recording
from coreecho.datasets.clip_changes import Augmentation, ClipChanges, Distortion
from coreecho.datasets.randomness import Purpose, generator_for
from coreecho.errors import RecipeError
from coreecho.training.data_folder import DataFolder
from coreecho.training.lesson import Examples
from coreecho.training.recipe import Recipe
from coreecho.training.stages import Stage
from coreecho.video.affine import random_affine
from coreecho.video.augmentation import pad_and_crop, random_camera_motion
from coreecho.video.photometric import random_photometric
from coreecho.video.store import FrameStore


class TrainingBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, recording) for a whole stage, from any step on.

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
        keep_last: whether the incomplete batch at an epoch's end is taken; of a single recording it never is, since
            batch normalisation needs two.

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
        keep_last: bool = False,
    ) -> None:
        check_batch(len(recordings), batch_size, keep_last=keep_last)
        if batch_size % world_size:
            raise RecipeError(
                f"`batch_size` {batch_size} counts the videos of all processes and does not split over {world_size}."
            )
        if keep_last and world_size > 1:
            raise RecipeError(
                f"`keep_last_batch` is true with {world_size} processes, expected one: an incomplete batch does not "
                "split evenly."
            )
        self.recordings = tuple(recordings)
        self.batch_size = batch_size
        self.seed = seed
        self.stage = stage
        self.epochs = epochs
        self.first_step = first_step
        self.keep_last = keep_last
        self.share = slice(rank * batch_size // world_size, (rank + 1) * batch_size // world_size)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        whole, left = divmod(len(self.recordings), self.batch_size)
        return whole + (self.keep_last and left > 1)

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


def check_batch(num_recordings: int, batch_size: int, *, keep_last: bool = False) -> None:
    """See that an epoch has a batch. Raises RecipeError."""
    if num_recordings < (2 if keep_last else batch_size):
        raise RecipeError(
            f"The training split has {num_recordings} recordings, fewer than one batch of {batch_size}: "
            "set a smaller `batch_size`."
        )


def training_examples(stage: Stage, recordings: Sequence[Recording], store: FrameStore, data: DataFolder) -> Examples:
    """Recordings of the training split, and how a stage draws their clips."""
    recipe = stage.recipe
    return Examples(
        recordings=recordings,
        store=store,
        data=data,
        changes=ClipChanges(
            augment=AUGMENTATIONS[recipe.augmentation](recipe),
            distortions=distortions_of(recipe),
            # The second stage begins where the first has ended: at full strength.
            ramp_epochs=recipe.ramp_epochs if stage.number == 1 else 0,
        ),
        seed=recipe.seed,
        stage=stage.number,
    )


def distortions_of(recipe: Recipe) -> dict[Purpose, Distortion]:
    """What a recipe does to each clip after its augmentation; nothing in the paper's."""
    camera = partial(
        random_camera_motion,
        rotation_degrees=recipe.camera_rotation_degrees,
        zoom=recipe.camera_zoom,
        shift=recipe.camera_shift,
    )
    greys = {
        name: getattr(recipe, name)
        for name in ("gain_flicker", "gamma_spread", "shading_spread", "blur_pixels", "noise", "cutouts")
    }
    found: dict[Purpose, Distortion] = {}
    if any(camera.keywords.values()):
        found[Purpose.CAMERA] = camera
    if any(greys.values()):
        found[Purpose.GREYS] = partial(random_photometric, **greys)
    return found


def training_loader(
    stage: Stage, examples: Examples, batches: TrainingBatches, *, workers: int, pin_memory: bool
) -> DataLoader[Any]:
    """Loader of what remains of a stage."""
    lesson = stage.objective
    return DataLoader(
        lesson.training_examples(examples),
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=lesson.collate,
    )


def validation_loader(
    stage: Stage, examples: Examples, *, batch_size: int, rank: int, world_size: int
) -> DataLoader[Any] | None:
    """Loader of this process's share of the validation split, every `world_size`-th recording; None without one."""
    if not examples.recordings:
        return None
    lesson = stage.objective
    share = range(rank, len(examples.recordings), world_size)
    return DataLoader(
        lesson.validation_examples(examples), batch_size=batch_size, sampler=share, collate_fn=lesson.collate
    )


def _crop(recipe: Recipe) -> Augmentation | None:
    if not recipe.crop_pad:
        return None
    # Padded as the frames past a video's end are; the mean grey of bytes is right to half a step of 255.
    mean = round(255 * sum(recipe.input.mean) / len(recipe.input.mean))
    fill = 0 if recipe.input.pads_with_black else mean
    return partial(pad_and_crop, pad=recipe.crop_pad, fill=fill, last_offset=recipe.crop_last_offset)


def _affine(recipe: Recipe) -> Augmentation:
    return partial(
        random_affine,
        rotation_degrees=recipe.rotation_degrees,
        scale_range=recipe.scale_range,
        translation=recipe.translation,
    )


def _unchanged(recipe: Recipe) -> None:
    """Clips stay as they are."""


# What a recipe does to each clip at random.
AUGMENTATIONS: Mapping[str, Callable[[Recipe], Augmentation | None]] = {
    "crop": _crop,
    "affine": _affine,
    "none": _unchanged,
}
