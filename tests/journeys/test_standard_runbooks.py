"""The standard runbooks as a user meets them: listed, shown, copied, never overwritten; and each of them well made."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from watchkeeper.bootstrap.lint import lint_files
from watchkeeper.core.runbooks import read_runbook
from watchkeeper.core.runbooks.attributes import declared_parameters
from watchkeeper.core.runbooks.values import SAFE_VALUE
from watchkeeper.faces.cli.library import names, text_of
from watchkeeper.faces.cli.program import main

ASKED = (
    "restart-service", "free-disk-space", "rescue-stuck-jobs-sqlite", "rescue-stuck-jobs-postgresql", "vacuum-sqlite",
    "vacuum-postgresql", "rotate-logs", "renew-certificate", "roll-back-last-change", "restart-host",
)  # fmt: skip


@pytest.fixture
def ops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "ops"
    folder.mkdir()
    (folder / "watchkeeper.yaml").write_text("team: Test\n")
    (folder / "hosts.yaml").write_text("hosts: {app1: {local: true}}\n")
    monkeypatch.chdir(tmp_path)
    for name in ("WATCHKEEPER_OPS", "WATCHKEEPER_STATE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_those_that_were_promised_are_there() -> None:
    assert sorted(ASKED) == names()


@pytest.mark.parametrize("name", ASKED)
def test_lint_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    assert lint_files(tmp_path, {f"{name}.md": text_of(name).encode()}) == []


@pytest.mark.parametrize("name", ASKED)
def test_it_is_written_as_a_good_team_writes(name: str) -> None:
    book = read_runbook(text_of(name), name)
    (procedure,) = book.procedures
    assert procedure.symptoms
    assert {"diagnose", "fix", "verify"} <= {step.phase for step in book.steps}
    assert "rollback" in procedure.named
    assert book.escalations
    for step in book.steps:
        assert step.attributes.get("name") == step.id, "approvals and --step need a name"
        assert step.unattended, (step.id, step.why)
        assert step.language == "bash"
        assert not step.sudo, "the right comes from the host, not from the text"
        assert step.risk == "read" or step.phase in ("fix", "rollback")
        assert step.risk == "read" or step.timeout_s
    rollback = text_of(name).partition("## Rollback\n\n")[2].partition("\n## ")[0]
    assert rollback.startswith("None: ") or "```bash" in rollback


@pytest.mark.parametrize("name", ASKED)
def test_every_value_is_declared_with_a_form_and_its_default_fits(name: str) -> None:
    book = read_runbook(text_of(name), name)
    own = book.front_matter["watchkeeper"]
    assert isinstance(own, dict)
    declared, findings = declared_parameters(own)
    assert findings == []
    used = {parameter.name for step in book.steps for parameter in step.parameters}
    assert used == set(declared), "what is declared is used, and what is used is declared"
    for parameter in declared.values():
        assert parameter.pattern != SAFE_VALUE
        assert parameter.default is None or re.fullmatch(parameter.pattern, parameter.default)
        for bad in (
            "$(id)",
            "a;id",
            "`id`",
            "a'b",
            'a"b',
            "a\nb",
            "-x",
            "../../etc",
            "/srv/../etc",
            "a|b",
            "a&b",
            "a>b",
        ):
            command = parameter.name in ("renew", "reload") and bad.startswith("/")
            assert command or not re.fullmatch(parameter.pattern, bad), (parameter.name, bad)


@pytest.mark.parametrize("name", ASKED)
def test_any_renderer_shows_it(name: str) -> None:
    text = text_of(name)
    body = text.split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark").parse(body)
    assert not [token for token in tokens if token.type in ("html_block", "html_inline")]
    assert all(line.isprintable() for line in text.splitlines())
    prose = re.sub(r"```.*?```|^---.*?^---$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert max(map(len, prose.splitlines())) < 130


def test_list_show_and_copy(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "list", "--library"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ASKED)
    assert main(["runbook", "list", "--library", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["runbooks"]}
    assert rows["restart-service"]["needed"] == ["unit"]
    assert set(rows["restart-service"]["params"]) == {"unit", "settle_s", "url"}
    assert main(["runbook", "show", "library:restart-service"]) == 0
    assert "systemctl restart" in capsys.readouterr().out


def test_copy_takes_the_very_text_and_says_what_comes_next(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "copy", "restart-service"]) == 0
    said = capsys.readouterr().out
    assert (ops / "runbooks/restart-service.md").read_text() == text_of("restart-service")
    assert "params: {unit: ...}" in said
    assert "wk run runbooks/restart-service.md --service NAME --param unit=... --dry-run" in said
    assert main(["runbook", "copy", "restart-service", "--to", "runbooks/web/hangs.md"]) == 0
    assert (ops / "runbooks/web/hangs.md").exists()
    assert main(["lint", "--strict"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["restart-servce"], 4, "Did you mean restart-service?"),
        (["restart-service", "--to", "notes.md"], 2, "below runbooks/"),
        (["restart-service", "--to", "runbooks/../notes.md"], 2, "below runbooks/"),
        (["restart-service", "--to", "/tmp/notes.md"], 2, "below runbooks/"),
        (["restart-service", "--to", "runbooks/notes.txt"], 2, "below runbooks/"),
        (["../sample/ops/README"], 4, "no standard runbook"),
        (["restart-service", "--to", "runbooks/there.md"], 2, "nothing is overwritten"),
    ],
)
def test_what_copy_refuses(
    ops: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (ops / "runbooks").mkdir()
    (ops / "runbooks/there.md").write_text("mine\n")
    assert main(["runbook", "copy", *words]) == code
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in ops.rglob("*.md")) == ["there.md"]
    assert (ops / "runbooks/there.md").read_text() == "mine\n"
