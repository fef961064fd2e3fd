"""Documents that others wrote, as a page shows them: readable, and nothing of theirs is markup, address or image."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.faces.web.prose import document

ALLOWED = {"p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "code", "pre", "blockquote", "hr", "br", "div",
           "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip
ATTRIBUTES = {"class", "tabindex", "role", "aria-label", "scope"}


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def assert_harmless(text: str) -> Tags:
    tags = Tags(document(text))
    for tag, attributes in tags.seen:
        assert tag in ALLOWED and set(attributes) <= ATTRIBUTES, (tag, attributes)
    return tags


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a <b onclick=alert(1)>c</b>", "<b onclick=alert(1)>"),
        ("[x](javascript:alert(1))", "javascript:alert(1)"),
        ("[x](data:text/html;base64,AAAA)", "data:text/html"),
        ("[there](https://example.org/a)", "there (https://example.org/a)"),
        ("<https://example.org/a>", "https://example.org/a"),
        ("![a picture](https://example.org/a.png)", "[image: a picture, https://example.org/a.png]"),
        ("[a **b** `c`](/x \"t\" )", "a b c (/x)"),
        ("[x]: https://example.org\n\n[x]", "x (https://example.org)"),
        ("```html\n<img src=x onerror=1>\n```", "<img src=x onerror=1>"),
        ("```\"><script>\nx\n```", "x"),
        ("| a |\n|:-:|\n| <i>b</i> |", "<i>b</i>"),
        ("# <u>Title</u>", "<u>Title</u>"),
        ("&lt;script&gt; &#60;script&#62;", "<script> <script>"),
    ],
)  # fmt: skip
def test_every_attack_is_shown_as_text(text: str, shown: str) -> None:
    assert shown in assert_harmless(text).words


def test_a_document_keeps_its_structure() -> None:
    tags = assert_harmless(
        "# One\n\n## Two\n\n- a\n- b\n\n1. c\n\n> said\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n    code\n"
    )
    names = [tag for tag, _ in tags.seen]
    for tag in ("h3", "h4", "ul", "ol", "li", "blockquote", "table", "th", "td", "pre"):
        assert tag in names, tag


@given(st.text(alphabet="<>[]()!#*_`~|-+&;:\"'=/\\ \nabjs01.", max_size=200))
def test_whatever_is_written_stays_text(text: str) -> None:
    assert_harmless(text)


def test_deep_nesting_and_great_length_end_in_time() -> None:
    assert_harmless("> " * 5000 + "x")
    assert_harmless("[" * 20_000)
    assert len(document("x " * 400_000)) < 400_000
