"""What lint says about a document, and what it keeps quiet about."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from watchkeeper.core import runbooks
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.runbooks import read_runbook
from watchkeeper.core.runbooks.lint import (
    CODES,
    Proof,
    Refusal,
    Surroundings,
    anchors,
    by_step,
    links,
    lint,
    shell_texts,
)
from watchkeeper.core.runbooks.values import Finding

DAY = 86400.0


def found(text: str, path: str = "runbooks/x.md", **known: object) -> list[Finding]:
    refusals = known.pop("refusals", None)
    return list(lint(read_runbook(text, path), text, Surroundings(**known), refusals))  # type: ignore[arg-type]


def codes(text: str, **known: object) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for finding in found(text, **known)]


def inventory(respond: str = "", hosts: str = "app1") -> Inventory:
    files = {
        "watchkeeper.yaml": b"team: Test\n",
        "hosts.yaml": f"hosts: {{{hosts}: {{local: true}}}}\n".encode(),
        "services/shop.yaml": (
            "service: shop\nhosts: [app1]\nchecks:\n  - {name: web, command: 'true', from: here}\n"
            f"  - {{name: queue-depth, command: 'true', from: here}}\n{respond}"
        ).encode(),
        "runbooks/x.md": b"# X\n",
    }
    loaded = load(files, 0.0)
    assert loaded.inventory is not None, loaded.mistakes
    return loaded.inventory


FIX = "# Title\n\n## Fix\n\n```bash\nsystemctl restart web\n```\n"
VERIFY = "\n## Verification\n\n```bash\ncurl -fsS http://127.0.0.1/\n```\n"
ROLLBACK = "\n## Rollback\n\nNone needed.\n"


def test_missing_sections_are_named_and_prose_counts() -> None:
    assert codes(FIX) == [("no-verification", 1), ("no-rollback", 1)]
    assert codes(FIX + VERIFY) == [("no-rollback", 1)]
    assert codes(FIX + VERIFY + ROLLBACK) == []
    assert codes(FIX + "\n## Verification\n\nLook at the page; no command can tell.\n" + ROLLBACK) == []


@pytest.mark.parametrize("below", ["", "\n## Escalation\n\n- P1: call Ada.\n", "\n# Other\n\n## Rollback\n\nNone.\n"])
def test_an_empty_section_says_nothing(below: str) -> None:
    assert codes(FIX + VERIFY + "\n## Rollback\n\n  \n" + below) == [("no-rollback", 1)]
    assert codes(FIX + VERIFY + "\nRollback\n--------\n\nNone needed.\n" + below) == []
    assert codes(FIX + VERIFY + "\n**Rollback:** none needed\n" + below) == []
    assert codes(FIX + VERIFY + "\n## Rollback\n\n### Why there is none\n\nIt has no state.\n" + below) == []


def test_what_destroys_needs_a_way_back() -> None:
    text = "# T\n\n## Fix\n\n```bash {}\nrm -rf /srv/cache\n```\n"
    assert ("destroy-without-undo", 6) in codes(text)
    assert codes(text + VERIFY + ROLLBACK) == []
    undone = text.replace("bash {}", 'bash {"name":"drop","undo":"again"}')
    assert ("unknown-undo", 6) in codes(undone + VERIFY)
    again = undone + VERIFY + '\n## Rollback\n\n```bash {"name":"again"}\nmkdir /srv/cache\n```\n'
    assert codes(again) == []


def test_two_fences_of_one_name() -> None:
    one = '```bash {"name":"look"}\nls\n```\n'
    twice = found(f"# T\n\n## Diagnosis\n\n{one}\n{one}")
    assert [(each.code, each.line) for each in twice] == [("duplicate-name", 9)]
    assert "line 5" in twice[0].sentence
    assert codes(f"# T\n\n## Diagnosis\n\n{one}") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('```bash {"host":"app1"}\nls\n```\n', []),
        ('```bash {"host":"ap1"}\nls\n```\n', [("unknown-host", 6)]),
        ('<!-- watchkeeper {"host":"db9"} -->\n\n| Check | Command | Healthy Range |\n|---|---|---|\n| a | `ls` | < 3 |\n',
         [("unknown-host", 7)]),
    ],
)  # fmt: skip
def test_hosts_that_are_not_there(text: str, expected: list[tuple[str, int]]) -> None:
    whole = f"# T\n\n## Diagnosis\n\n{text}"
    assert codes(whole, inventory=inventory()) == expected
    assert codes(whole) == [], "without an ops repo nothing is known about its hosts"


def test_front_matter_names_and_what_was_meant() -> None:
    text = "---\nwatchkeeper: {service: shp, host: ap1}\n---\n# T\n\n## Diagnosis\n\n```bash\nls\n```\n"
    sentences = {each.code: each.sentence for each in found(text, inventory=inventory())}
    assert set(sentences) == {"unknown-service", "unknown-host"}
    assert "did you mean shop?" in sentences["unknown-service"]
    assert "did you mean app1?" in sentences["unknown-host"]
    assert codes(text.replace("shp", "shop").replace("ap1", "app1"), inventory=inventory()) == []


def test_checks_in_the_prose() -> None:
    text = "# T\n\nSee `shop/wbe`, `shop/web`, `shop/queue-depth@app1`, `docs/x` and `shop/run.sh`.\n\n"
    text += "```text\n`shop/no`\n```\n"
    (one,) = found(text, inventory=inventory())
    assert (one.code, one.line, one.level) == ("unknown-check", 3, "warning")
    assert "shop/wbe" in one.sentence
    assert "did you mean web?" in one.sentence


CONDITION = (
    "---\nwatchkeeper: {params: {limit: 5, reason: {ask: Why}}}\n---\n# T\n\n## Diagnosis\n\n"
    '```bash {"name":"look","capture":"depth"}\ncat /srv/depth\n```\n\n'
    '```bash {"when":"depth > 3 and limit == 5 and reason != \'web down\' and look.state == done"}\nls\n```\n'
)


def test_conditions_on_values_that_nothing_gives() -> None:
    assert codes(CONDITION) == []
    (one,) = found(CONDITION.replace("depth > 3", "dept > 3"))
    assert (one.code, one.line, one.level) == ("unknown-value", 13, "error")
    assert "did you mean depth?" in one.sentence
    (one,) = found(CONDITION.replace("look.state", "lok.state"))
    assert one.code == "unknown-value"
    assert "did you mean look?" in one.sentence
    late = '```bash {"name":"first","when":"depth > 3"}\nls\n```\n\n```bash {"capture":"depth"}\ncat /srv/x\n```\n'
    (one,) = found(f"# T\n\n## Diagnosis\n\n{late}")
    assert "captured only later" in one.sentence


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ('"when":"depth >"', "bad-condition"), ('"when":"$(rm -rf /) == 1"', "bad-condition"),
        ('"capture":"PATH"', "bad-capture"), ('"capture":"a-b"', "bad-capture"), ('"expect":"(a+)+(?=b)"', "bad-expect"),
    ],
)  # fmt: skip
def test_what_a_run_would_refuse(attributes: str, code: str) -> None:
    assert codes("# T\n\n## Diagnosis\n\n```bash {" + attributes + "}\nls\n```\n") == [(code, 6)]


def test_values_that_an_automatic_answer_lacks() -> None:
    text = "# T\n\n## Fix\n\n```bash\nsystemctl restart $unit\n```\n" + VERIFY + ROLLBACK
    asks = "respond: [{to: [web], runbook: runbooks/x.md, mode: auto, at_most: 1 per hour}]\n"
    (one,) = found(text, inventory=inventory(asks))
    assert (one.code, one.line) == ("value-missing", 6)
    assert "services/shop.yaml" in one.sentence
    assert codes(text, inventory=inventory(asks.replace("}]", ", params: {unit: web}}]"))) == []
    assert codes(text, inventory=inventory(asks.replace("auto", "propose"))) == []
    assert codes(text, inventory=inventory(asks), path="runbooks/other.md") == []


def test_an_answer_that_can_never_start() -> None:
    by_hand = VERIFY.replace("curl -fsS http://127.0.0.1/", "vim /etc/hosts")
    text = "# T\n\n## Fix\n\n1. Call Ada.\n2. Walk over.\n" + by_hand + ROLLBACK
    asks = "respond: [{to: [web], runbook: runbooks/x.md, mode: propose}]\n"
    (one,) = found(text, inventory=inventory(asks))
    assert one.code == "never-by-itself"
    assert "no step of it" in one.sentence
    automatic = asks.replace("propose", "auto, at_most: 1 per hour")
    (one,) = found(text.replace("vim", "cat"), inventory=inventory(automatic))
    assert one.code == "never-by-itself"
    assert "no step of its fix" in one.sentence
    assert codes(text, inventory=inventory(asks.replace("propose", "observe"))) == []


def test_never_proven_is_said_only_when_somebody_knows() -> None:
    asks = inventory("respond: [{to: [web], runbook: runbooks/x.md}]\n")
    text = FIX + VERIFY + ROLLBACK
    name = "shop/runbooks/x.md"

    def said(at: float | None) -> list[str]:
        return [one.sentence for one in found(text, inventory=asks, proofs={name: Proof(at, 90 * DAY, 100 * DAY)})]

    assert codes(text, inventory=asks) == []
    (never,) = said(None)
    assert "was never proven" in never
    assert "wk run runbooks/x.md --service shop" in never
    (old,) = said(5 * DAY)
    assert "95 d" in old
    assert said(20 * DAY) == []
    reading = "# T\n\n## Diagnosis\n\n```bash\nls\n```\n"
    assert codes(reading, inventory=asks, proofs={name: Proof(None, DAY, DAY)}) == []


def test_links_that_lead_nowhere() -> None:
    text = (
        "# The title: a & b\n\n## The title: a & b\n\n[ok](#the-title-a--b) [second](#the-title-a--b-1) [no](#nothing)\n"
        "[file](../docs/here.md) [gone](../docs/gone.md) ![picture](pic%20ture.png) [folder](../docs/)\n"
        "[part](../docs/here.md#known) [part](../docs/here.md#unknown) [absolute](/docs/here.md)\n"
        "[web](https://example.org/x) [mail](mailto:a@example.org) `[code](nowhere.md)` [climbs](../../out.md)\n"
        "[ref]: ../docs/lost.md\n[^1]: a footnote\n<a href=\"../docs/html.md\">x</a> \\[not\\](a.md)\n\n"
        "```bash\necho [x](y.md)\n```\n\n<!-- [hidden](z.md) -->\n"
    )  # fmt: skip
    targets = {"docs/here.md": frozenset({"known"}), "runbooks/pic ture.png": None, "docs": None}
    dead = [
        (each.line, each.sentence.split('"')[1]) for each in found(text, targets=targets) if each.code == "dead-link"
    ]
    assert dead == [
        (5, "#nothing"),
        (6, "../docs/gone.md"),
        (7, "../docs/here.md#unknown"),
        (9, "../docs/lost.md"),
        (11, "../docs/html.md"),
    ]
    assert "dead-link" not in dict(codes(text)), "without files nothing is known about links"


def test_anchors_are_those_of_the_page() -> None:
    text = (
        "Setext *title*\n===\n\n## `wk runs`: list, [show](x.md) & more\n\n## 症状\n\n## snake_case_name\n\n"
        '<a id="Mine"></a>\n\n```\n# no heading\n```\n\n## Again\n\n## Again\n'
    )
    assert anchors(text) == {
        "setext-title", "wk-runs-list-show--more", "症状", "snake_case_name", "mine", "again", "again-1",
    }  # fmt: skip


def test_links_keep_their_lines_behind_front_matter_and_fences() -> None:
    text = "---\na: '[x](y.md)'\n---\n\n````\n```\n[no](no.md)\n````\n\n[yes](<a b.md> \"title\")\n"
    assert [(link.line, link.path) for link in links(text, "runbooks/x.md")] == [(10, "runbooks/a b.md")]


def test_what_bash_refuses() -> None:
    text = '# T\n\n## Diagnosis\n\n```bash {"name":"look"}\nls\nif true; then\n```\n\n```python {"name":"py"}\nx = (\n```\n'
    book = read_runbook(text, "x.md")
    asked = shell_texts(book)
    assert [(each.step, each.line) for each in asked] == [("look", 6)]
    answers = by_step(asked, [Refusal(1, "syntax error: unexpected end of file")])
    (one,) = [each for each in found(text, refusals=answers) if each.code in ("bash-refuses", "unreadable-shell")]
    assert (one.code, one.line, one.level) == ("bash-refuses", 7, "error")


def test_a_placeholder_is_a_plain_word_for_bash() -> None:
    text = "# T\n\n## Fix\n\n```bash\ncp <file name> /tmp && ssh <host> 'ls' <<EOF\n<a>\nEOF\n```\n"
    (one,) = shell_texts(read_runbook(text, "x.md"))
    assert "<file" not in one.text
    assert "<<EOF" in one.text


def test_text_that_only_we_cannot_read() -> None:
    text = "# T\n\n## Fix\n\n```bash\nfoo )) bar\n```\n" + VERIFY + ROLLBACK
    without = [each for each in found(text) if each.code == "unreadable-shell"]
    taken = [each for each in found(text, refusals={}) if each.code == "unreadable-shell"]
    assert [each.level for each in without] == ["error"]
    assert [each.level for each in taken] == ["warning"]
    assert "bash takes it" in taken[0].sentence


def test_a_comment_silences_one_kind_with_a_reason() -> None:
    off = "<!-- watchkeeper lint-off no-rollback, no-verification: it has no state -->\n\n"
    assert codes(off + FIX) == []
    assert codes("---\nwatchkeeper: {lint_off: {no-rollback: it has no state}}\n---\n" + FIX) == [
        ("no-verification", 4)
    ]
    assert "no-rollback" not in dict(codes(FIX + f"\n{off}"))


@pytest.mark.parametrize(
    "off", ["<!-- watchkeeper lint-off no-rollback -->", "<!-- watchkeeper lint-off no-rollback: -->"]
)
def test_without_a_reason_nothing_is_silenced(off: str) -> None:
    assert codes(f"{off}\n\n{FIX}{VERIFY}") == [("lint-off", 1), ("no-rollback", 3)]


def test_a_code_that_does_not_exist_and_an_example_in_a_fence() -> None:
    assert codes(f"<!-- watchkeeper lint-off no-rolback: x -->\n\n{FIX}{VERIFY}{ROLLBACK}") == [("lint-off", 1)]
    fenced = "```markdown\n<!-- watchkeeper lint-off no-rollback: x -->\n```\n\n"
    assert codes(fenced + FIX + VERIFY) == [("no-rollback", 5)]


def test_findings_from_outside_can_be_silenced_too() -> None:
    damaged = Finding(3, "warning", "garbled", "damaged-encoding")
    book = read_runbook("# T\n", "x.md")
    assert lint(book, more=(damaged,)) == (damaged,)
    quiet = read_runbook("<!-- watchkeeper lint-off damaged-encoding: it shows garbled text on purpose -->\n", "x.md")
    assert lint(quiet, more=(damaged,)) == ()


NASTY = (
    "[" * 5000,
    "](" * 3000,
    "](<" * 3000,
    "`" * 5000,
    "[a](" * 2000 + "\\",
    "<a href='" * 2000,
    "#" * 9000,
    "---\n" * 900,
)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_hostile_text_neither_fails_nor_takes_long(text: str) -> None:
    found(f"# T\n\n{text}\n", inventory=inventory(), targets={})
    anchors(text)


def test_every_code_that_is_used_is_in_the_table() -> None:
    used: set[str] = set()
    for path in Path(runbooks.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding" and len(node.args) > 3:
                assert isinstance(node.args[3], ast.Constant), f"{path}:{node.lineno}"
                used.add(str(node.args[3].value))
    assert used | {"reading", "damaged-encoding"} == set(CODES)
    assert all(row.meaning.endswith(".") and row.advice for row in CODES.values())
