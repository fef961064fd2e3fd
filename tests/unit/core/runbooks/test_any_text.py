"""Any text is a runbook: no exception, no fence lost, nothing unsafe left alone."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from watchkeeper.core.runbooks import bind, lint, missing, read_runbook, show
from watchkeeper.core.runbooks.shell import read_script

_LINE = st.sampled_from(
    [
        "# Title",
        "## Diagnosis",
        "### Issue: x",
        "**Solution:**",
        "**Note**",
        "1. Do it",
        "2. **Check** it",
        "- item",
        "- [ ] task",
        "   ```bash",
        "```",
        "```bash",
        '```sh {"name":"x"}',
        "~~~console",
        "$ ls -l",
        "# comment",
        "# Or",
        "rm -rf <x>",
        "cd /srv",
        "systemctl stop a",
        "systemctl start a",
        "cat <<EOF",
        "EOF",
        ("| Check | Command | Target |"),
        "|---|---|---|",
        "| a | `b` | < 3 |",
        "> quote",
        "> ```",
        "<details>",
        ('<!-- watchkeeper {"host":"a"} -->'),
        "---",
        "",
        "    ls",
        "\t```",
        'export A="1"',
        "if true; then",
        "fi",
        "echo 'x",
        "A=1",
        "````",
        "for",
        "tail -f x &",
        "\u3000対処",
        "cp $X ${Y:-1}",
        "}",
        "$(",
        "'",
        '"',
    ]
)


@given(
    st.one_of(
        st.text(max_size=400),
        st.lists(_LINE, max_size=40).map("\n".join),
        st.lists(st.one_of(_LINE, st.text(max_size=20)), max_size=20).map("\r\n".join),
    )
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_runbook_and_no_fence_is_lost(text: str) -> None:
    runbook = read_runbook(text, "any.md")
    json.dumps(show(runbook))
    lint(runbook)
    identities = [step.id for step in runbook.steps]
    assert len(identities) == len(set(identities))
    for step in runbook.steps:
        assert step.unattended == (step.why is None) and not (step.manual and step.unattended)
        if not missing(step, {}):
            bind(step, {})
    if not runbook.front_matter and not text.startswith("---"):
        tokens = (
            MarkdownIt("commonmark", {"maxNesting": 60})
            .enable("table")
            .parse(text.replace("\r\n", "\n").replace("\r", "\n"))
        )
        expected = sum(token.type in ("fence", "code_block") for token in tokens)
        assert sum(fence.why != "inside an HTML block" for fence in runbook.fences) == expected


@given(st.text(alphabet=st.characters(), max_size=100))
@settings(deadline=None)
def test_any_shell_text_can_be_judged(body: str) -> None:
    body = body.replace("`", "")
    for step in read_runbook(f"## Diagnosis\n\n```bash\n{body}\n```\n", "a.md").steps:
        assert step.risk in ("read", "change", "destroy")


@given(
    st.lists(
        st.sampled_from([*"abc$(){}[]<>|&;\"' \n\t#=`\\é漢\x01\r", "<<", "<<-EOF\n", "\nEOF\n", "$((", "\U000bc0a0"]),
        max_size=80,
    )
)
@settings(max_examples=500, deadline=None)
def test_here_documents_with_foreign_letters_do_not_end_the_process(pieces: list[str]) -> None:
    """tree-sitter-bash 0.25 crashes on these as they stand; the text is made plain before it is parsed."""
    text = "".join(pieces)
    script = read_script(text)
    for command in script.commands:
        assert command.row <= text.count("\n")


def test_words_keep_their_foreign_letters() -> None:
    (command,) = read_script("echo 'größe' 漢字 \"ü$X\"  # メモ").commands
    assert command.words == ("echo", "größe", "漢字", "ü$X")


def test_texts_that_would_take_the_parser_minutes_are_not_parsed() -> None:
    for text in ("a|" * 16_000, "cat " + "<<A " * 8_000, "x" * 40_000):
        assert read_script(text).broken


def test_deep_nesting_is_survived() -> None:
    for text in (
        "> " * 5000 + "x",
        "- " * 3000 + "x",
        "[" * 50000,
        "```bash\n" + "$(" * 3000 + "\n```\n",
        "```bash\n" + "(" * 5000 + "\n```\n",
        "**" * 20000,
        "# " + "1. " * 50000 + "\n\n## Escalation\n\n" + "- x\n" * 50,
        "## Escalation\n\n" + "if it stands, call P1; " * 20000,
        "    ```\n" + "\n" * 20000 + "    x\n",
        "```bash\n" + "a: b\n" * 5000 + "```\n",
    ):
        read_runbook(text, "deep.md")


def test_thousands_of_fences_are_read_in_time() -> None:
    runbook = read_runbook("## Resolution\n\n" + "```bash\ncp /a /b\n```\n\n" * 3000, "many.md")
    assert len(runbook.steps) == 3000
