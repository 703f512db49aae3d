import base64
import hashlib
import html
import re

import pytest
from jinja2 import UndefinedError

from coreecho.report.page_elements import Row, Table
from coreecho.report.rendering import render_page

HOSTILE = "<b>\x1b[2J\udcfc\u202e\0</b>"


def tables(title: str, note: str) -> str:
    table = Table(caption=title, header=("", note), rows=(Row(cells=(title, note), remark=note),))
    return render_page("tables.html", title=title, tables=[table], notes=[note])


def test_names_are_escaped_as_html_and_as_what_is_no_letter() -> None:
    page = tables(HOSTILE, HOSTILE)
    page.encode("utf-8")
    assert "<b>" not in page
    assert page.count(r"&lt;b&gt;\x1b[2J\xfc\u202e\x00&lt;/b&gt;") == 10
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)


def test_a_page_may_do_what_its_policy_says_and_no_more() -> None:
    page = tables("a", "b")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert html.unescape(policy) == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "<script" not in page


def test_every_page_says_that_it_is_no_medical_device_and_can_be_dark() -> None:
    page = tables("a", "b")
    assert "Not a medical device." in page
    assert "@media screen and (prefers-color-scheme: dark)" in page


def test_same_contents_give_the_same_bytes() -> None:
    assert tables("a", "b") == tables("a", "b")


def test_what_a_template_names_must_be_there() -> None:
    with pytest.raises(UndefinedError, match="tables"):
        render_page("tables.html", title="a", notes=[])
