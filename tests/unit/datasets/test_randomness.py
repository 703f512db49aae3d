import itertools

from coreecho.datasets.randomness import Purpose, generator_for


def test_the_same_coordinates_give_the_same_numbers() -> None:
    drawn = [
        generator_for(5, Purpose.AUGMENTATION, epoch=1, recording="a", view=1).random(8).tolist() for _ in range(2)
    ]
    assert drawn[0] == drawn[1]


def test_any_other_coordinate_gives_other_numbers() -> None:
    streams = {
        tuple(
            generator_for(seed, purpose, stage=stage, epoch=epoch, recording=recording, view=view).integers(
                2**63, size=4
            )
        )
        for seed, purpose, stage, epoch, recording, view in itertools.product(
            (0, 1), Purpose, (1, 2), (0, 1), ("a", "b"), (0, 1)
        )
    }
    assert len(streams) == 2 * len(Purpose) * 16
