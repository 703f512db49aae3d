"""What a model reads from a heart."""

from typing import Literal

# Ejection fraction in percent; and whether a segment of the wall moves as after a myocardial infarction, as a logit.
Target = Literal["ef", "mi"]
