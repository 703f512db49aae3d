import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from coreecho.documents import (
    MAY_BE_ABSENT,
    Limits,
    Within,
    build_document,
    document_text,
    parse_document,
    parse_entries,
    read_document,
    write_document,
)
from coreecho.errors import CheckpointError, CoReEchoError, RecipeError


@dataclass(frozen=True, kw_only=True)
class Part:
    size: Annotated[int, Within(1, 10)] = 3
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size == 7:
            raise RecipeError("size is 7, which brings bad luck.")


@dataclass(frozen=True, kw_only=True)
class Document:
    name: str
    kind: Literal["a", "b", 1]
    where: Path
    is_big: bool
    rate: Annotated[float, Within(0, or_unknown=True)]
    ends: tuple[float, float] | None
    part: Part | None
    counts: Mapping[str, int]
    rest: Any
    added: tuple[Part, ...] = field(default=(), metadata=MAY_BE_ABSENT)


DOCUMENT = Document(
    name="ü",
    kind="b",
    where=Path("a/b"),
    is_big=True,
    rate=2.5,
    ends=(1.0, 2.5),
    part=Part(size=2, words=["x"]),
    counts={"z": 1, "a": 2},
    rest={"deep": [1, None, "t", 0.5]},
    added=(Part(), Part(size=4)),
)


def changed(**changes: Any) -> str:
    return json.dumps(json.loads(document_text(DOCUMENT)) | changes)


def parse(text: str | bytes, limits: Limits | None = None) -> Document:
    return parse_document(text, Document, kind="thing", error=CheckpointError, limits=limits)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_document(tmp_path / "d.json", DOCUMENT)
    assert read_document(tmp_path / "d.json", Document, kind="thing") == DOCUMENT


def test_equal_documents_are_equal_texts() -> None:
    other = parse(changed(counts={"a": 2, "z": 1}))
    assert list(other.counts) != list(DOCUMENT.counts)
    assert document_text(other) == document_text(DOCUMENT)


def test_an_unknown_number_is_null_and_no_other_may_be() -> None:
    unknown = parse(changed(rate=None))
    assert math.isnan(unknown.rate)
    assert json.loads(document_text(unknown))["rate"] is None
    with pytest.raises(CheckpointError, match=r"ends\[1\]: None, expected a number"):
        parse(changed(ends=[1.0, None]))
    with pytest.raises(ValueError, match="not JSON compliant"):
        document_text(parse(changed()).__class__(**{**vars(DOCUMENT), "rate": math.inf}))


def test_what_older_files_lack_takes_its_default_and_nothing_else_does() -> None:
    entries = json.loads(document_text(DOCUMENT))
    del entries["added"]
    assert parse(json.dumps(entries)).added == ()
    del entries["part"]["size"], entries["name"]
    with pytest.raises(CheckpointError, match=r"it lacks name; part: it lacks size"):
        parse(json.dumps(entries))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 3}, r"name: 3, expected a text"),
        ({"name": None}, r"name: None, expected a text"),
        ({"kind": "c"}, r"kind: 'c', expected 'a' or 'b' or 1"),
        ({"kind": True}, r"kind: True, expected"),
        ({"where": 1}, r"where: 1, expected a path"),
        ({"where": "a\0b"}, r"where: .*expected a path"),
        ({"is_big": 1}, r"is_big: 1, expected true or false"),
        ({"rate": -0.5}, r"rate: -0\.5, expected at least 0"),
        ({"rate": True}, r"rate: True, expected a number"),
        ({"ends": [1]}, r"ends: a list of 1, expected 2 entries"),
        ({"ends": [1, "2"]}, r"ends\[1\]: '2', expected a number"),
        ({"ends": {}}, r"ends: an object, expected a list"),
        ({"part": {}}, r"part: it lacks size, words"),
        ({"part": {"size": 11, "words": []}}, r"part\.size: 11, expected 1 to 10"),
        ({"part": {"size": 2.0, "words": []}}, r"part\.size: 2\.0, expected a whole number"),
        ({"part": {"size": 7, "words": []}}, r"part: size is 7, which brings bad luck\. "),
        ({"part": {"size": 2, "words": [1, 2]}}, r"part\.words\[0\]: 1, expected a text; part\.words\[1\]: 2"),
        ({"counts": {"a": "1"}}, r"counts\.a: '1', expected a whole number"),
        ({"counts": []}, r"counts: a list, expected an object"),
        ({"nme": 1}, r"nme: is not known here; did you mean name"),
        ({"added": [{"size": 1, "words": [], "colour": 2}]}, r"added\[0\]\.colour: is not known here"),
        ({"name": "x" * 10_001}, r"name: 10,001 entries or characters, expected at most 10,000"),
        ({"rest": ["x" * 10_001]}, r"rest\[0\]: 10,001 entries"),
    ],
)
def test_every_fault_says_where_and_what_was_expected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"This thing cannot be read: .*{message}.*another version of coreecho"):
        parse(changed(**changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        ('{"a": 1', "it is no JSON"),
        ("[1, 2]", "a list, expected an object of name"),
        ("null", "None, expected an object of name"),
        ('{"name": "a", "name": "b"}', "the name 'name' comes twice"),
        ("[" * 50 + "]" * 50, "nested more than 16 deep"),
        ("[" * 200_000 + "]" * 200_000, "nested more than 16 deep"),
        ('{"a":' * 200_000, "nested more than 16 deep"),
        ('{"name": ' + "9" * 5_000 + "}", "it is no JSON"),
    ],
)
def test_damage_is_an_error_of_ours(text: str | bytes, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        parse(text)


@pytest.mark.parametrize("number", ["1e999", "-Infinity", "NaN"])
def test_numbers_are_finite(number: str) -> None:
    text = document_text(DOCUMENT)
    for old, at in (("2.5]", "ends"), ("0.5]", "rest")):
        assert old in text
        with pytest.raises(CheckpointError, match=rf"{at}.*expected a finite number"):
            parse(text.replace(old, f"{number}]"))


def test_sizes_are_limited_before_anything_is_read(tmp_path: Path) -> None:
    write_document(tmp_path / "d.json", DOCUMENT)
    small = Limits(max_bytes=100)
    with pytest.raises(CoReEchoError, match=r"d\.json: .*it has more than 100 bytes"):
        read_document(tmp_path / "d.json", Document, kind="thing", limits=small)
    with pytest.raises(CheckpointError, match="at most 1"):
        parse(changed(), Limits(max_entries=1))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.json: this thing cannot be read: No such file"):
        read_document(tmp_path / "none.json", Document, kind="thing", error=CheckpointError)


def test_entries_of_other_files_are_made_alike() -> None:
    part = build_document({"size": 3, "words": ["a"]}, Part, kind="part")
    assert part == Part(size=3, words=["a"])
    # YAML has names that are no texts, and lists that hold themselves.
    endless: list[Any] = []
    endless.append(endless)
    for entries, fault in (
        ({"size": 30, "words": []}, "size: 30, expected 1 to 10"),
        ({"size": 3, "words": endless}, r"words\[0\]: a list, expected a text"),
        ({"size": 3, "words": [], 1: 2}, "1: is not known here"),
        ([], "a list, expected an object"),
    ):
        with pytest.raises(RecipeError, match=f"This part cannot be read: {fault}") as refused:
            build_document(entries, Part, kind="part", error=RecipeError)
        # Nobody damaged what a person wrote.
        assert "damaged" not in str(refused.value)


def test_what_others_wrote_is_read_as_strictly_and_not_said_to_be_of_another_version() -> None:
    assert parse_entries(b'{"a": [1, 2]}', dict[str, list[int]], kind="list") == {"a": [1, 2]}
    for content in ('{"a": [1], "a": [2]}', '{"a": [NaN]}', "{", '{"a": "x"}'):
        with pytest.raises(RecipeError, match=r"^This list cannot be read: .*\.$") as caught:
            parse_entries(content, dict[str, list[int]], kind="list", error=RecipeError)
        assert "coreecho" not in str(caught.value)
