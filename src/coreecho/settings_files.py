"""Files of settings that people write by hand, in YAML: plain values, every key once."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from coreecho.errors import RecipeError

# A seed, the largest number of all settings, has 64 bits.
_LARGEST = 2**64
_DEEPEST, _MOST_ALIASES, _MOST_BYTES = 20, 20, 2**20


class _EachKeyOnce(yaml.SafeLoader):
    """YAML's own loader takes the last of two equal keys without a word; some kilobytes keep it busy for minutes."""

    num_aliases = 0

    def fetch_flow_collection_start(self, token_class: type[yaml.Token]) -> None:
        """Begin a list or an object; at every token, all that are open are gone through."""
        if self.flow_level >= _DEEPEST:
            raise yaml.scanner.ScannerError(None, None, "too many lists in lists", self.get_mark())
        super().fetch_flow_collection_start(token_class)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Take what is named for itself; of names of names of names, a message would be without end."""
        if self.check_event(yaml.AliasEvent):
            self.num_aliases += 1
            if self.num_aliases > _MOST_ALIASES:
                raise yaml.composer.ComposerError(None, None, "too many aliases", None)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} stands twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read a whole number; of more digits than Python writes out, no message could tell."""
        value: int = super().construct_yaml_int(node)
        if abs(value) > _LARGEST:
            raise yaml.constructor.ConstructorError(None, None, "a number larger than any setting", node.start_mark)
        return value


_EachKeyOnce.add_constructor("tag:yaml.org,2002:int", _EachKeyOnce.construct_yaml_int)


def read_settings(path: Path, *, of: str) -> dict[str, Any]:
    """Read a file of `key: value` lines; what the keys and values should be is checked by who asks.

    Args:
        path: the file.
        of: what it holds, for messages: "recipe".

    Raises:
        RecipeError: it cannot be read, is not YAML of plain values, or has a key twice; it names file and line.
    """
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise RecipeError(f"{path}: has {size:,} bytes, and no {of} has more than {_MOST_BYTES:,}.")
        # A loader of plain values, as `yaml.safe_load`.
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader=_EachKeyOnce)
    except OSError as error:
        raise RecipeError(f"Cannot read the {of} {path}: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise RecipeError(f"{path} is not YAML of plain values: {error}.") from error
    if not isinstance(settings, dict):
        raise RecipeError(f"{path}: expected `key: value` lines, got {type(settings).__name__}.")
    return settings
