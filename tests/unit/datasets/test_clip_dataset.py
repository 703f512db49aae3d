from functools import partial
from pathlib import Path

import numpy as np
import pytest

from coreecho.datasets.clip_dataset import TrainingClips, ValidationClips
from coreecho.datasets.randomness import Purpose
from coreecho.datasets.recording import Recording
from coreecho.errors import DatasetError
from coreecho.video.augmentation import pad_and_crop
from coreecho.video.clips import ClipSampling
from coreecho.video.store import FrameStore

SAMPLING = ClipSampling(num_frames=4, stride=2)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    """Two videos whose frame t is filled with 10 t + 10, of 30 and of 5 frames."""
    folder = tmp_path_factory.mktemp("videos")
    made = []
    for name, num_frames in (("long", 24), ("short", 5)):
        values = (10 * np.arange(num_frames) + 10).astype(np.uint8)
        np.save(folder / f"{name}.npy", np.broadcast_to(values[:, None, None], (num_frames, 16, 16)))
        made.append(Recording(id=name, path=folder / f"{name}.npy", ef_percent=50.0 + num_frames, split="train"))
    return made


@pytest.fixture(scope="module")
def store(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> FrameStore:
    files = {recording.id: recording.path for recording in recordings}
    return FrameStore.build(tmp_path_factory.mktemp("store"), files, frame_size=16, workers=1)


def training(
    recordings: list[Recording], store: FrameStore, *, same: bool = False, pad: int = 0, seed: int = 0
) -> TrainingClips:
    return TrainingClips(
        recordings,
        store,
        SAMPLING,
        views=2,
        is_same_clip=same,
        augment=partial(pad_and_crop, pad=pad) if pad else None,
        seed=seed,
    )


def test_views_are_clips_of_the_video_at_the_stride(recordings: list[Recording], store: FrameStore) -> None:
    item = training(recordings, store)[(0, 0)]
    assert item.clips.shape == (2, 4, 16, 16)
    assert item.label == 74
    assert item.num_valid_frames.tolist() == [4, 4]
    steps = item.clips[:, :, 8, 8].int().diff(dim=1)
    assert (steps == 20).all()


def test_views_start_independently_or_together(recordings: list[Recording], store: FrameStore) -> None:
    def starts(*, same: bool) -> np.ndarray:
        clips = training(recordings, store, same=same)
        return np.array([clips[(epoch, 0)].clips[:, 0, 8, 8].tolist() for epoch in range(40)])

    independent, together = starts(same=False), starts(same=True)
    assert (independent[:, 0] != independent[:, 1]).mean() > 0.7
    assert (together[:, 0] == together[:, 1]).all()
    assert len(np.unique(together)) > 5


def test_same_clip_views_are_still_cropped_independently(recordings: list[Recording], store: FrameStore) -> None:
    clips = training(recordings, store, same=True, pad=4)
    differs = [not np.array_equal(*clips[(epoch, 0)].clips.numpy()) for epoch in range(20)]
    assert np.mean(differs) > 0.8


def test_a_draw_is_a_function_of_seed_epoch_and_recording(recordings: list[Recording], store: FrameStore) -> None:
    again = [training(recordings, store, pad=4, seed=3)[(2, 0)].clips for _ in range(2)]
    assert again[0].equal(again[1])
    others = [
        training(recordings, store, pad=4, seed=4)[(2, 0)].clips,
        training(recordings, store, pad=4, seed=3)[(3, 0)].clips,
    ]
    assert not any(again[0].equal(other) for other in others)


def test_a_short_video_is_padded_at_its_end(recordings: list[Recording], store: FrameStore) -> None:
    item = training(recordings, store)[(0, 1)]
    for clip, valid in zip(item.clips, item.num_valid_frames.tolist(), strict=True):
        assert 1 <= valid < 4
        assert (clip[:valid] > 0).all()
        assert (clip[valid:] == 0).all()


def test_validation_clips_are_even_and_always_the_same(recordings: list[Recording], store: FrameStore) -> None:
    clips = ValidationClips(recordings, store, SAMPLING, num_clips=3)
    first = clips[0].clips[:, 0, 8, 8].tolist()
    assert first == sorted(first)
    assert first[0] == 10
    assert first[-1] == 10 * (24 - 7) + 10
    assert clips[0].clips.equal(clips[0].clips)


def test_a_recording_without_ef_is_refused(recordings: list[Recording], store: FrameStore) -> None:
    unlabelled = Recording(id="unlabelled", path=Path("unlabelled.npy"))
    with pytest.raises(DatasetError, match=r"1 recordings have no EF.*unlabelled"):
        training([*recordings, unlabelled], store)


def test_a_draw_does_not_depend_on_the_other_recordings_and_does_on_the_stage(
    recordings: list[Recording], store: FrameStore
) -> None:
    alone, among_others = training(recordings[:1], store, pad=4), training(recordings[::-1], store, pad=4)
    assert alone[(0, 0)].clips.equal(among_others[(0, 1)].clips)
    stage2 = TrainingClips(
        recordings, store, SAMPLING, views=2, is_same_clip=False, augment=partial(pad_and_crop, pad=4), seed=0, stage=2
    )
    assert not all(stage2[(epoch, 0)].clips.equal(alone[(epoch, 0)].clips) for epoch in range(5))


def test_strides_spread_no_further_than_a_video_is_long(recordings: list[Recording], store: FrameStore) -> None:
    clips = TrainingClips(
        recordings, store, SAMPLING, views=2, is_same_clip=False, augment=None, seed=0, stride_spread=0.5
    )
    strides = [clips[(epoch, 0)].clips[:, :, 8, 8].int().diff(dim=1) // 10 for epoch in range(100)]
    assert all((each == each[:, :1]).all() for each in strides)
    drawn = [int(stride) for each in strides for stride in each[:, 0]]
    assert set(drawn) >= {1, 2, 3, 4}
    assert max(drawn) <= 24 // 4
    assert abs(np.median(drawn) - 2) <= 1
    # Five frames hold no clip of four at a stride of more than the usual two.
    assert all(clips[(epoch, 1)].num_valid_frames.min() >= 1 for epoch in range(20))


def test_distortions_grow_to_full_strength_and_have_random_numbers_of_their_own(
    recordings: list[Recording], store: FrameStore
) -> None:
    strengths, drawn = [], []

    def note(clip: np.ndarray, *, rng: np.random.Generator, strength: float) -> np.ndarray:
        strengths.append(strength)
        drawn.append(rng.random())
        return clip // 2

    clips = TrainingClips(
        recordings,
        store,
        SAMPLING,
        views=1,
        is_same_clip=False,
        augment=None,
        distortions={Purpose.CAMERA: note, Purpose.GREYS: note},
        ramp_epochs=4,
        seed=0,
    )
    plain = TrainingClips(recordings, store, SAMPLING, views=1, is_same_clip=False, augment=None, seed=0)
    for epoch in (0, 1, 3, 7):
        assert (clips[(epoch, 0)].clips == plain[(epoch, 0)].clips // 4).all()
    assert strengths == [0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert len(set(drawn)) == 8
