"""What a clinic calls an EF, and how well readers agree on it: words and figures with their sources, to stand beside.

These are ranges of a guideline, not the ranges of predicted EF by which errors are grouped (`predicted_ranges.py`).
"""

import math
from dataclasses import dataclass
from typing import Literal

Sex = Literal["male", "female"]
Grade = Literal["above normal", "normal", "mildly abnormal", "moderately abnormal", "severely abnormal"]

GUIDELINE = "ASE/EACVI 2015"
GUIDELINE_SOURCE = (
    "Lang RM et al. Recommendations for cardiac chamber quantification by echocardiography in adults. "
    "J Am Soc Echocardiogr 2015;28:1-39, table 4"
)

# Lowest whole percent of each grade of biplane EF; above the last the EF is above the normal range.
_LOWEST_PERCENT: dict[Sex, tuple[tuple[Grade, int], ...]] = {
    "male": (
        ("above normal", 73),
        ("normal", 52),
        ("mildly abnormal", 41),
        ("moderately abnormal", 30),
        ("severely abnormal", 0),
    ),
    "female": (
        ("above normal", 75),
        ("normal", 54),
        ("mildly abnormal", 41),
        ("moderately abnormal", 30),
        ("severely abnormal", 0),
    ),
}


@dataclass(frozen=True, kw_only=True)
class ReaderVariability:
    """How far two readings of the same pictures lie apart.

    Attributes:
        what: was read twice, and by whom.
        sd_of_differences: EF points.
        num_recordings: that were read twice.
        source: publication.
    """

    what: str
    sd_of_differences: float
    num_recordings: int
    source: str

    @property
    def limits_of_agreement(self) -> float:
        """Half width that holds 95 % of normally distributed differences, EF points."""
        return 1.96 * self.sd_of_differences

    @property
    def words(self) -> str:
        """For a person."""
        return (
            f"{self.what}: 95 % of differences within ±{self.limits_of_agreement:.0f} EF points "
            f"({self.num_recordings} recordings; {self.source})"
        )


_AKIL = "Akil S et al. Clin Physiol Funct Imaging 2024, doi:10.1111/cpf.12918"
_COLE = "Cole GD et al. Int J Cardiovasc Imaging 2015;31:1303-14"
READER_VARIABILITY = (
    ReaderVariability(what="two experts, biplane Simpson", sd_of_differences=7.0, num_recordings=140, source=_AKIL),
    ReaderVariability(what="two experts, by eye", sd_of_differences=6.4, num_recordings=140, source=_AKIL),
    ReaderVariability(what="two beginners, by eye", sd_of_differences=9.8, num_recordings=140, source=_AKIL),
    ReaderVariability(
        what="the same reader again, by eye, apical four-chamber view",
        sd_of_differences=7.6,
        num_recordings=20,
        source=_COLE,
    ),
)


# One line for below a table.
READERS_WORDS = (
    "Readers of the same pictures differ, too, by up to "
    + " or ".join(f"±{each.limits_of_agreement:.0f} EF points ({each.what})" for each in READER_VARIABILITY[:2])
    + f" in 95 of 100; {_AKIL}"
)


def ef_grade(ef_percent: float, sex: Sex) -> Grade:
    """Name an EF as the guideline does. It has whole percents: the EF is rounded first, halves up.

    Raises:
        ValueError: an EF that is not from 0 to 100, or a sex that the guideline has no range for.
    """
    if not 0 <= ef_percent <= 100:
        raise ValueError(f"ef_percent: expected 0 to 100, got {ef_percent}")
    if sex not in _LOWEST_PERCENT:
        raise ValueError(f"sex: expected one of {', '.join(_LOWEST_PERCENT)}, or None, got {sex!r}")
    whole = math.floor(ef_percent + 0.5)
    return next(grade for grade, lowest in _LOWEST_PERCENT[sex] if whole >= lowest)


def ef_words(ef_percent: float, sex: Sex | None = None) -> str:
    """Say what the guideline calls an EF; where the sex is not known and matters, both.

    Raises:
        ValueError: as in `ef_grade`.
    """
    if sex is not None:
        return f"{ef_grade(ef_percent, sex)} for a {'man' if sex == 'male' else 'woman'} ({GUIDELINE})"
    of_men, of_women = ef_grade(ef_percent, "male"), ef_grade(ef_percent, "female")
    if of_men == of_women:
        return f"{of_men} ({GUIDELINE})"
    return f"{of_men} for a man, {of_women} for a woman ({GUIDELINE})"
