"""Pages of HTML from one set of templates: each is one file that loads nothing, from no network and no disk.

What a page may do is written into it and held by the browser: its own style sheet and, where it has one, its own
script, both by their hashes; pictures that lie inside it; nothing else. All texts are escaped, and so is in them what
is no letter. The same contents give the same bytes.
"""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import coreecho
from coreecho.names import printable


def render_page(template: str, *, styles: Sequence[str] = (), script: str = "", **contents: Any) -> str:
    """Lay out a page.

    Args:
        template: a file of `templates/` that extends `base.html`.
        styles: style sheets of that folder beside `base.css`, which every page has.
        script: a script of that folder that the template puts somewhere by `{{ script }}`; most pages have none.
        **contents: what the template names: `title` and more.
    """
    # Ours, and would not survive being escaped.
    style = Markup("\n".join(_part(name) for name in ("base.css", *styles)))
    code = Markup(_part(script) if script else "")
    return (
        _environment()
        .get_template(template)
        .render(contents, style=style, script=code, policy=_policy(style, code), version=coreecho.__version__)
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("coreecho.report", "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(style: str, script: str) -> str:
    rules = ["default-src 'none'", f"style-src {_hash(style)}"]
    rules += [f"script-src {_hash(script)}"] if script else []
    return "; ".join([*rules, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _part(name: str) -> str:
    return (resources.files("coreecho.report") / "templates" / name).read_text(encoding="utf-8")
