import numpy as np
import pytest

from coreecho.datasets.randomness import Purpose
from coreecho.errors import RecipeError
from coreecho.training.data import AUGMENTATIONS, TrainingBatches, distortions_of
from coreecho.training.recipe import Recipe
from coreecho.training.recipe_files import find_recipe

RECORDINGS = [f"heart{number}" for number in range(10)]


def batches(
    *,
    first_step: int = 0,
    rank: int = 0,
    world_size: int = 1,
    seed: int = 0,
    batch_size: int = 4,
    keep_last: bool = False,
) -> TrainingBatches:
    return TrainingBatches(
        RECORDINGS,
        batch_size=batch_size,
        seed=seed,
        epochs=3,
        first_step=first_step,
        rank=rank,
        world_size=world_size,
        keep_last=keep_last,
    )


def test_each_epoch_takes_each_recording_at_most_once_and_drops_the_rest() -> None:
    taken = list(batches())
    assert len(taken) == len(batches()) == 6
    for epoch in range(3):
        recordings = [recording for batch in taken[2 * epoch : 2 * epoch + 2] for e, recording in batch if e == epoch]
        assert len(recordings) == len(set(recordings)) == 8


def test_epochs_and_seeds_differ_in_order() -> None:
    orders = [[recording for batch in list(batches(seed=seed)) for _, recording in batch] for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert orders[0][:8] != orders[0][8:16]


@pytest.mark.parametrize("first_step", range(7))
def test_from_any_step_on_it_is_the_rest_of_the_same_order(first_step: int) -> None:
    assert list(batches(first_step=first_step)) == list(batches())[first_step:]
    assert len(batches(first_step=first_step)) == 6 - first_step


def test_processes_share_each_batch_of_one_process() -> None:
    shares = [list(batches(rank=rank, world_size=2)) for rank in (0, 1)]
    assert [first + second for first, second in zip(*shares, strict=True)] == list(batches())


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(RecipeError, match="10 recordings, fewer than one batch of 11"):
        batches(batch_size=11)
    with pytest.raises(RecipeError, match="does not split over 3"):
        batches(world_size=3)


@pytest.mark.parametrize(("batch_size", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (3, [3, 3, 3]), (16, [10])])
def test_the_last_batch_is_kept_where_it_is_asked_for_and_holds_two(batch_size: int, sizes: list[int]) -> None:
    taken = list(batches(batch_size=batch_size, keep_last=True))
    assert [len(batch) for batch in taken] == 3 * sizes
    assert len(taken) == len(batches(batch_size=batch_size, keep_last=True))
    # From the middle on it is the rest of the same.
    assert list(batches(batch_size=batch_size, keep_last=True, first_step=1)) == taken[1:]


def test_an_incomplete_batch_is_not_shared_between_processes() -> None:
    with pytest.raises(RecipeError, match="`keep_last_batch` is true with 2 processes"):
        batches(keep_last=True, world_size=2)


def test_one_more_recording_leaves_the_order_of_the_others() -> None:
    def order(recordings: list[str]) -> list[str]:
        whole = TrainingBatches(
            recordings, batch_size=len(recordings), seed=3, epochs=1, first_step=0, rank=0, world_size=1
        )
        return [recordings[position] for batch in whole for _, position in batch]

    without, with_one_more = order(RECORDINGS), order(["first", *RECORDINGS])
    assert [recording for recording in with_one_more if recording != "first"] == without


def test_stages_have_orders_of_their_own() -> None:
    orders = [
        list(
            TrainingBatches(RECORDINGS, batch_size=5, seed=0, stage=stage, epochs=1, first_step=0, rank=0, world_size=1)
        )
        for stage in (1, 2)
    ]
    assert orders[0] != orders[1]


@pytest.mark.parametrize(
    ("settings", "fill", "last_offset"),
    [({}, 0, True), ({"padding": "mean", "crop_last_offset": False}, 33, False)],
)
def test_the_crops_border_is_padded_as_the_videos_end(
    settings: dict[str, object], fill: int, last_offset: bool
) -> None:
    augment = AUGMENTATIONS["crop"](Recipe.from_mapping({"crop_pad": 4} | settings, source="test"))
    clip = np.full((1, 32, 32), 200, np.uint8)
    assert augment is not None
    seen = [augment(clip, rng=np.random.default_rng(seed)) for seed in range(60)]
    assert {int(grey) for each in seen for grey in np.unique(each)} == {fill, 200}
    # The window's last place shows four rows of border at the bottom.
    assert any((each[0, -4:] == fill).all() for each in seen) == last_offset


def test_shipped_baselines_pad_with_the_mean_grey() -> None:
    for name in ("echocotr", "r2plus1d"):
        recipe = Recipe.from_yaml(find_recipe(name))
        augment = AUGMENTATIONS[recipe.augmentation](recipe)
        assert augment is not None
        cropped = augment(np.full((1, 112, 112), 200, np.uint8), rng=np.random.default_rng(0))
        assert np.unique(cropped).tolist() == [33, 200]


def test_recipes_of_the_paper_distort_nothing() -> None:
    assert all(distortions_of(Recipe.from_yaml(find_recipe(name))) == {} for name in ("echonet", "demo", "camus-probe"))


@pytest.mark.parametrize(
    ("settings", "purpose"), [({"camera_shift": 0.2}, Purpose.CAMERA), ({"gamma_spread": 0.5}, Purpose.GREYS)]
)
def test_a_recipe_distorts_by_what_it_says(settings: dict[str, float], purpose: Purpose) -> None:
    (found,) = distortions_of(Recipe.from_mapping(settings, source="test")).items()
    assert found[0] == purpose
    clip = np.random.default_rng(0).integers(0, 255, (6, 32, 32), dtype=np.uint8)
    assert (found[1](clip, rng=np.random.default_rng(1), strength=1.0) != clip).any()
    assert (found[1](clip, rng=np.random.default_rng(1), strength=0.0) == clip).all()
