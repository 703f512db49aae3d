"""Short codes in the rows of a table, and one line for each code under it, in place of whole sentences in every row."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coreecho.names import one_of

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Reasons, warnings, notes, and what is said of studies: in this order in rows and in the lines below them.
_LETTERS = "RWNS"
# More values than this of one sentence are told by the smallest and the largest of them.
_NAMED_VALUES = 3


@dataclass
class Legend:
    """Sentences by their codes; those that differ by their numbers alone share one.

    Attributes:
        rows: what the rows are, in words.
        entries: by letter and sentence with its numbers left out, the code, and the numbers of each time it was said.
        num_rows: by code, of how many rows it was said: of one row it may be said several times.
    """

    rows: str = "files"
    entries: dict[tuple[str, str], tuple[str, list[list[str]]]] = field(default_factory=dict)
    num_rows: Counter[str] = field(default_factory=Counter)

    def code(self, letter: str, sentence: str) -> str:
        """The code of a sentence that is said of a row, such as `W1`; a new one where it was not said before.

        Args:
            letter: of its kind, one of R, W, N and S.
            sentence: in words.
        """
        code = self._code(letter, sentence)
        self.num_rows[code] += 1
        return code

    def _code(self, letter: str, sentence: str) -> str:
        key = letter, _NUMBER.sub("\0", sentence)
        if key not in self.entries:
            number = 1 + sum(known == letter for known, _ in self.entries)
            self.entries[key] = f"{letter}{number}", []
        code, said = self.entries[key]
        said.append(_NUMBER.findall(sentence))
        return code

    def codes(self, kinds: Mapping[str, Sequence[str]]) -> list[str]:
        """The codes of all that is said of a row: R, W, N and S, each in the order of their numbers.

        Args:
            kinds: sentences by the letter of their kind.
        """
        codes = [
            code
            for letter in sorted(kinds, key=_LETTERS.index)
            for code in sorted({self._code(letter, words) for words in kinds[letter]}, key=_number_of)
        ]
        self.num_rows.update(codes)
        return codes

    def lines(self) -> list[str]:
        """One line for each code, in the order of a row's codes.

        A number that alone differs is shown by its values, or by the least and the largest of many. Of several that
        differ, these would put numbers of one file beside those of another: the first sentence is shown as it was said.
        """
        ordered = sorted(self.entries.items(), key=lambda entry: _LETTERS.index(entry[0][0]))
        return [f"{code}  {self._line(template, said, self.num_rows[code])}" for (_, template), (code, said) in ordered]

    def _line(self, template: str, said: list[list[str]], num_rows: int) -> str:
        several = sum(len(set(map(float, values))) > 1 for values in zip(*said, strict=True)) > 1
        sentence = _filled(template, said[:1] if several else said)
        if several and num_rows > 1:
            return f"{sentence} ({num_rows} {self.rows}; the numbers are those of the first)"
        if several:
            return f"{sentence} ({len(said)} times in one {one_of(self.rows)}; the numbers are those of the first)"
        return f"{sentence} ({num_rows} {self.rows})" if num_rows > 1 else sentence


def _number_of(code: str) -> int:
    return int(code[1:])


def _filled(template: str, said: list[list[str]]) -> str:
    parts = template.split("\0")
    numbers = [_span(values) for values in zip(*said, strict=True)]
    return parts[0] + "".join(number + part for number, part in zip(numbers, parts[1:], strict=True))


def _span(values: tuple[str, ...]) -> str:
    ordered = sorted(values, key=float)
    different = [value for at, value in enumerate(ordered) if at == 0 or float(value) != float(ordered[at - 1])]
    if len(different) <= _NAMED_VALUES:
        return " or ".join(part for part in (", ".join(different[:-1]), different[-1]) if part)
    # Not "to", which the sentence may say itself; nor a dash, which makes two moments, 0.60 s and 5.85 s, a duration.
    return f"{different[0]} … {different[-1]}"
