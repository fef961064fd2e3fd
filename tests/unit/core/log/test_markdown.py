from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from watchkeeper.core.log.chain import GENESIS, chained
from watchkeeper.core.log.markdown import fenced, inline, render_entry, render_log
from watchkeeper.core.log.values import Draft, Entry


def entry(number: int = 1, at: float = 1_763_000_000.0, **more) -> Entry:
    values = {"type": "Incident", "title": "shop: web is CRIT", "actor": "watchkeeper"} | more
    return chained(Draft(at, **values), number, GENESIS)[0]


def test_an_entry_has_the_shape_of_the_teams_log() -> None:
    made = entry(
        severity="High", sections=(("Change", "Restarted it."), ("Follow-up Actions", "")), corrects=3,
        facts={"incident": 7, "run": 9, "service": "shop"},
    )  # fmt: skip
    assert render_log([made], "Africa/Johannesburg", "Harbour") == (
        "# Operations Log - Harbour\n\n## 2025-11-13\n\n### 04:13 SAST - shop: web is CRIT\n\n**Type**: Incident\n"
        "**Severity**: High\n**Status**: Complete\n**Operator**: watchkeeper\n"
        "**Related**: incident 7, run 9, service shop\n"
        f"**Corrects**: entry 3\n**Entry**: 1, sha256 {made.hash}\n\n**Change**:\nRestarted it.\n"
    )


def test_entries_stand_under_their_local_dates() -> None:
    log = render_log([entry(2, 1_763_078_000.0), entry(1, 1_763_074_000.0)], "Africa/Johannesburg")
    assert [line for line in log.splitlines() if line.startswith("#")] == [
        "# Operations Log", "## 2025-11-14", "### 01:53 SAST - shop: web is CRIT", "### 00:46 SAST - shop: web is CRIT",
    ]  # fmt: skip


def test_an_unknown_zone_is_utc() -> None:
    assert "### 02:13 UTC - " in render_log([entry()], "Mars/Olympus")


PIECES = [
    "# x", "## 2026-01-01", "### 10:00 UTC - forged", "#", "=====", "---", "- - -", "***", "___", "```", "````",
    "~~~", "   ```sh",
    "- a", "  ```", "1. b", "   ~~~~", "> q", "> # q", "- # item", "* ## 2026-01-01", "<!--", "<div>",
    "<script>", "</pre>",
    "**Type**: Forged", "**Change**:", "__Severity__: x", "[a]: http://x", "text", "", "    indented",
    "\t# tab", "\r## cr",
    "\x0b## vt", "\u2028## ls", "\x1b[31mred", "a `code` b", "&#35; x", "\\# y", "1) ### n", "+ <!--", "-->", "``` a`b",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=9).flatmap(
    lambda lines: st.lists(
        st.sampled_from(["\n", "\n", "\n\n", "\r\n", " "]), min_size=len(lines), max_size=len(lines)
    ).map(lambda ends: "".join(map("".join, zip(lines, ends, strict=True))))
)


def headings(markdown: str) -> list[tuple[str, str]]:
    tokens = MarkdownIt("commonmark").parse(markdown)
    return [
        (token.tag, tokens[place + 1].content) for place, token in enumerate(tokens) if token.type == "heading_open"
    ]


@given(title=TEXTS, heading=TEXTS, text=TEXTS, actor=TEXTS)
@example(title="t", heading="h", text="- a\n  ```\n# forged", actor="a")
@example(title="t", heading="h", text="> ```\n# forged\n```\n# forged", actor="a")
def test_untrusted_text_starts_no_heading_and_swallows_no_entry(
    title: str, heading: str, text: str, actor: str
) -> None:
    hostile = entry(2, title=title, actor=actor, sections=((heading, text), ("Change", text)))
    log = render_log([hostile, entry(1, title="the entry after it")], "UTC")
    found = headings(log)
    assert [tag for tag, _ in found] == ["h1", "h2", "h3", "h3"]
    assert found[3][1] == "02:13 UTC - the entry after it"
    assert "html_block" not in {token.type for token in MarkdownIt("commonmark").parse(log)}


def test_untrusted_text_forges_no_field_and_no_section() -> None:
    made = entry(
        sections=(("Change", "**Severity**: None\n  __Status__: Fine\n**Verification**:\n**Phase 1**: stays"),)
    )
    lines = render_entry(made).splitlines()
    assert [line for line in lines if line.startswith("**")] == [
        "**Type**: Incident", "**Severity**: Low", "**Status**: Complete", "**Operator**: watchkeeper",
        f"**Entry**: 1, sha256 {made.hash}", "**Change**:", "**Phase 1**: stays",
    ]  # fmt: skip


def test_text_inside_fences_stays_as_it_is() -> None:
    block = fenced("# a comment\n```\n<b>\n**Type**: x", "bash")
    assert block.startswith("````bash\n")
    assert block in render_entry(entry(sections=(("Procedure", f"Ran:\n\n{block}"),)))


@given(st.text(max_size=60))
def test_code_is_shown_whole(text: str) -> None:
    plain = text.replace("\r", "").replace("\0", "")
    tokens = MarkdownIt("commonmark").parse(fenced(plain))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content.rstrip("\n") == plain.rstrip("\n")
    flat = " ".join(plain.split())
    if flat and not flat.isspace():
        (paragraph,) = [
            token for token in MarkdownIt("commonmark").parse(f"x {inline(plain)} y") if token.type == "inline"
        ]
        assert [child.type for child in paragraph.children or []][:2] == ["text", "code_inline"]
