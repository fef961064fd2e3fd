"""`bash -n` in few processes says the same as `bash -n` asked about each text alone, and runs nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from watchkeeper.adapters.shell_syntax import BashSyntax

TAKEN = (
    "echo hi", "# only a comment", "echo a \\", "case x in a) echo;; esac", "echo \"it's\" # don't", "x=(1 2)", "f() { echo; }",
    "[[ a =~ (b|c) ]] && x", "cat <<'EOF'\nit's\nEOF", "cat <<-EOF\n\thi\n\tEOF", "while read; do :; done < <(ls)", "foo }",
    "echo $((1<<3))", "cat <<<word", "echo `date`", "a; b; c", "if true\nthen\n  echo '\n}\n'\nfi", "exit 3", "#!/bin/sh\nls",
)  # fmt: skip
REFUSED = (
    "if true; then", "echo 'open", 'echo "open', "echo `open", "cat <<EOF\nhi", "a && ", "foo)", "{ echo", "( echo", "done",
    "fi", "echo $(", "echo ${x", "for i in 1 2", "case x in", "ls | | wc", "}", "echo 'open again", "x=(1", "cat <<'END'\nmore",
)  # fmt: skip


def alone(text: str) -> bool:
    """Whether bash takes this one text, as it says itself."""
    done = subprocess.run(["bash", "-n"], input=text + "\n", capture_output=True, text=True, env={"LC_ALL": "C"})
    return done.returncode == 0 and "delimited by end-of-file" not in done.stderr


def test_the_samples_are_what_they_say() -> None:
    assert [text for text in TAKEN if not alone(text)] == []
    assert [text for text in REFUSED if alone(text)] == []


@pytest.mark.parametrize("turn", [1, 3, 7])
def test_together_as_alone(turn: int) -> None:
    mixed = [text for pair in zip(TAKEN, REFUSED, strict=False) for text in pair]
    texts = mixed[turn:] + mixed[:turn] + list(reversed(mixed)) + [f"echo {number}" for number in range(100)]
    answers = BashSyntax().refusals(texts)
    assert answers is not None
    assert [
        text for text, answer in zip(texts, answers, strict=True) if (answer is None) != (text not in REFUSED)
    ] == []


def test_a_thousand_good_texts_need_one_process() -> None:
    syntax = BashSyntax()
    assert syntax.refusals([f"echo {number}\nif true; then echo 'a'; fi" for number in range(1000)]) == [None] * 1000
    assert syntax.processes == 1


def test_the_row_and_the_words_are_those_of_bash() -> None:
    (answer,) = BashSyntax().refusals(["echo one\necho two | | wc\necho three"]) or ()
    assert answer is not None
    assert answer.row == 1
    assert "unexpected token `|'" in answer.words


def test_nothing_runs_and_the_number_of_processes_is_bounded(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    texts = [
        f"touch {trap}",
        f"}}\ntouch {trap}\n{{",
        f")\n}}\ntouch {trap}\n{{\n(",
        f"'\ntouch {trap}\n",
        f"$(touch {trap})",
    ]
    syntax = BashSyntax()
    syntax.refusals(texts + [f"if {number}" for number in range(500)])
    assert not trap.exists()
    assert syntax.processes <= 210


def test_zero_bytes_and_no_bash() -> None:
    assert BashSyntax().refusals(["echo \0", "ls"]) == [None, None]
    assert BashSyntax("").refusals(["if"]) is None
