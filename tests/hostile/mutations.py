"""Damage, at random and yet the same for the same seed: what a mutated file is a function of."""

import re
from collections.abc import Callable, Sequence

import numpy as np

Damage = Callable[[bytearray, np.random.Generator, Sequence[bytes]], bytearray]

# Numbers at which counts, sizes and offsets go wrong, as 2, 4 and 8 bytes of either order.
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**64 - 1)
_WORDS = (
    *(b"", b"0", b"-1", b"1e308", b"1e999", b"nan", b"inf", b"-inf", b"99999999999999999999", b"0.5", b"62,4"),
    *(b"null", b"true", b"[]", b"{}", b"[" * 2000, b"&a [*a]", b"!!python/object/apply:os.system [exit]"),
    *(b"\xff\xfe", b"\xe9", b"\x00", b"\x1b[31m", b"\xef\xbb\xbf", "héart".encode("latin-1")),
    *(b"=1+1", b'"', b"'", b",", b";", b"\n", b"\r", b"\t", b"../../x"),
)


def mutate(content: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Damage a file's content in one to four ways.

    Args:
        content: of a sound file.
        rng: decides all.
        others: contents of other files of the kind, of which parts may be put in.
    """
    damaged = bytearray(content)
    ways = _TEXT_WAYS if _is_text(content) else _BINARY_WAYS
    for _ in range(int(rng.integers(1, 5))):
        if not damaged:
            break
        damaged = ways[int(rng.integers(len(ways)))](damaged, rng, others)
    return bytes(damaged)


def _is_text(content: bytes) -> bool:
    return b"\x00" not in content[:4096]


def _flip_bits(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
        data[place] ^= 1 << int(rng.integers(8))
    return data


def _replace_bytes(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 17))
    data[place : place + length] = rng.bytes(length)
    return data


def _write_edge(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    # Headers hold what sizes and counts there are, and lie at a file's beginning.
    place = int(rng.integers(min(len(data), 512 if rng.random() < 0.7 else len(data))))
    size = int(rng.choice([1, 2, 4, 8]))
    value = int(_EDGES[int(rng.integers(len(_EDGES)))]) % 256**size
    data[place : place + size] = value.to_bytes(size, "little" if rng.random() < 0.7 else "big")
    return data


def _cut(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    return data[: int(rng.integers(len(data)))]


def _remove(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    place = int(rng.integers(len(data)))
    del data[place : place + int(rng.integers(1, 257))]
    return data


def _repeat(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    place = int(rng.integers(len(data)))
    part = data[place : place + int(rng.integers(1, 257))]
    data[place:place] = part * int(rng.integers(1, 9))
    return data


def _splice(data: bytearray, rng: np.random.Generator, others: Sequence[bytes]) -> bytearray:
    other = others[int(rng.integers(len(others)))] if others else bytes(data)
    if not other:
        return data
    place, start = int(rng.integers(len(data))), int(rng.integers(len(other)))
    return data[:place] + other[start:]


def _put_word(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    """Put an odd word in place of one that is there, such as a number."""
    words = [match.span() for match in re.finditer(rb"[^\s,;:\"'\[\]{}]+", bytes(data[:65536]))]
    start, end = words[int(rng.integers(len(words)))] if words else (0, 0)
    data[start:end] = _WORDS[int(rng.integers(len(_WORDS)))]
    return data


def _remove_line(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    lines = bytes(data).split(b"\n")
    del lines[int(rng.integers(len(lines)))]
    return bytearray(b"\n".join(lines))


def _repeat_line(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    lines = bytes(data).split(b"\n")
    place = int(rng.integers(len(lines)))
    lines[place:place] = [lines[place]] * int(rng.integers(1, 4))
    return bytearray(b"\n".join(lines))


_BINARY_WAYS: tuple[Damage, ...] = (
    _flip_bits, _flip_bits, _replace_bytes, _write_edge, _write_edge, _cut, _remove, _repeat, _splice,
)  # fmt: skip
_TEXT_WAYS: tuple[Damage, ...] = (
    _put_word, _put_word, _put_word, _flip_bits, _cut, _remove, _remove_line, _repeat_line, _splice, _replace_bytes,
)  # fmt: skip
