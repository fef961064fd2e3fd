"""`wk lint` of documents as a team uses it: an ops repo, one file, CI, and text that was garbled once."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.house import House

from watchkeeper.bootstrap.lint import lint_files
from watchkeeper.faces.cli.program import main

SOUND = """\
# The notes do not answer

See [the settings](../docs/settings.md#the-port).

## Diagnosis

```bash
ls /srv
```

## Fix

```bash {"name":"restart"}
touch /srv/flag
```

## Verification

```bash
test -e /srv/flag
```

## Rollback

None needed.
"""


@pytest.fixture
def ops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ops repo without a mistake; the present directory is beside it."""
    folder = tmp_path / "ops"
    for name, text in {
        "watchkeeper.yaml": "team: Test\n",
        "hosts.yaml": "hosts: {app1: {local: true}}\n",
        "services/notes.yaml": "service: notes\nhosts: [app1]\nchecks:\n  - {name: web, command: 'true', from: here}\n"
        "respond:\n  - {to: [web], runbook: runbooks/notes.md}\n",
        "runbooks/notes.md": SOUND,
        "docs/settings.md": "# Settings\n\n## The port\n\n[Back](../runbooks/notes.md)\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("WATCHKEEPER_OPS", "WATCHKEEPER_STATE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def wk(*words: str) -> int:
    return main([str(word) for word in words])


def rows(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[dict[str, object]]:
    capsys.readouterr()
    assert wk("--json", *words) == code
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["mistakes"]
    return found


def test_a_sound_ops_repo(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wk("lint") == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "No mistake in 4 files: 1 service, 1 check, 1 runbook." in shown.err
    assert wk("lint", "--strict") == 0


def test_errors_warnings_and_notes(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = ops / "runbooks/notes.md"
    book.write_text(SOUND.replace("## Rollback\n\nNone needed.\n", "").replace("#the-port", "#the-harbour"))
    (ops / "docs/settings.md").write_text("# Settings\n\n[gone](lost.md)\n")
    found = rows(capsys, "lint")
    assert [(one["file"], one["line"], one["level"], one["code"]) for one in found] == [
        ("docs/settings.md", 3, "warning", "dead-link"),
        ("runbooks/notes.md", 1, "warning", "no-rollback"),
        ("runbooks/notes.md", 3, "warning", "dead-link"),
    ]
    assert set(found[0]) == {
        "file", "line", "column", "level", "found", "expected", "example", "did_you_mean", "sentence", "code",
    }  # fmt: skip
    assert wk("lint", "--strict") == 1
    assert wk("lint", "--quiet") == 0
    capsys.readouterr()
    book.write_text(SOUND.replace('"name":"restart"', '"host":"ap1"').replace("ls /srv", "if true; then"))
    errors = [one["code"] for one in rows(capsys, "lint", code=1) if one["level"] == "error"]
    assert errors == ["bash-refuses", "unknown-host"]
    assert wk("lint") == 1
    out = capsys.readouterr().out
    assert "runbooks/notes.md:8:1: error:" in out
    assert "[bash-refuses]" in out


def test_mistakes_of_yaml_have_a_code_too(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ops / "services/notes.yaml").write_text("service: notes\nhosts: [nowhere]\n")
    found = rows(capsys, "lint", code=1)
    assert {one["code"] for one in found if one["file"].endswith(".yaml")} == {"definition"}  # type: ignore[attr-defined]


def test_one_document_outside_any_ops_repo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "queue.md").write_text(SOUND.replace("ls /srv", "ls <folder> && cat <file> | | wc"))
    found = rows(capsys, "lint", "queue.md", code=1)
    told = [(one["file"], one["line"], one["code"]) for one in found]
    assert told == [("queue.md", 3, "dead-link"), ("queue.md", 8, "bash-refuses")]
    (tmp_path / "queue.md").write_text(SOUND.replace("../docs/settings.md#the-port", "queue.md#fix"))
    assert rows(capsys, "lint", "queue.md") == []
    assert wk("lint", "nothing.md") == 4


def test_one_document_of_an_ops_repo_knows_its_names(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ops / "runbooks/notes.md").write_text(SOUND.replace('"name":"restart"', '"host":"app7"'))
    (ops / "runbooks/other.md").write_text("# Other\n\n## Fix\n\n```bash\ntouch /srv/x\n```\n")
    found = rows(capsys, "lint", "ops/runbooks/notes.md", code=1)
    assert [one["code"] for one in found] == ["unknown-host"]
    assert "'app1'" in str(found) or "app1" in str(found[0]["sentence"])


def test_garbled_text_is_shown_asked_about_and_repaired(ops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = ops / "runbooks/notes.md"
    right = SOUND.replace("# The notes do not answer", "# The café – naïve “notes – do not answer\r\n\r\nTrailing  ")
    garbled = right.encode().decode("cp1252", "replace").encode()
    book.write_bytes(garbled)
    book.chmod(0o640)
    (one,) = [one for one in rows(capsys, "lint") if one["code"] == "damaged-encoding"]
    assert "--repair-encoding" in str(one["sentence"])
    program = "import sys; from watchkeeper.faces.cli.program import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "lint", "--repair-encoding", str(book)]
    asked = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert asked.returncode == 2
    assert "Ã©" in asked.stderr
    assert "->  é" in asked.stderr
    assert book.read_bytes() == garbled, "never without a yes"
    assert wk("lint", "--repair-encoding", book, "--yes") == 0
    assert book.read_bytes() == right.encode()
    assert book.stat().st_mode & 0o777 == 0o640
    assert os.listdir(book.parent) == ["notes.md"]
    assert wk("lint", "--repair-encoding", book) == 0
    assert "no damaged encoding" in capsys.readouterr().out


def test_who_says_no_keeps_the_file(ops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = ops / "runbooks/notes.md"
    garbled = "# CafÃ© â€“ CafÃ©\n".encode()
    book.write_bytes(garbled)
    monkeypatch.setattr("watchkeeper.faces.cli.render.confirm", lambda *_: False)
    assert wk("lint", "--repair-encoding", book) == 3
    assert book.read_bytes() == garbled


def test_two_hundred_documents_are_quick(tmp_path: Path) -> None:
    table = "\n| Check | Command | Healthy Range |\n|---|---|---|\n| a | `ls` | < 3 |\n"
    text = (SOUND.replace("../docs/settings.md", "x0.md") + table) * 2
    documents = {f"x{number}.md": text.replace("/srv/flag", f"/srv/{number}").encode() for number in range(200)}
    for path, data in documents.items():
        (tmp_path / path).write_bytes(data)

    def spent() -> float:
        both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return sum(each.ru_utime + each.ru_stime for each in both)

    before = spent()
    lint_files(tmp_path, documents)
    assert spent() - before < 20.0, "a bound for a very slow machine; about 2 s are usual"


def test_what_was_never_proven_is_known_while_the_watch_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path / "house")
    house.service("lamp", mode="propose")
    house.service("bell", mode="observe")
    flags = ("--ops", str(house.ops), "--state", str(house.state))
    try:
        assert [one for one in rows(capsys, "lint", *flags) if one["code"] == "never-proven"] == []
        house.start()
        (one,) = [one for one in rows(capsys, "lint", *flags) if one["code"] == "never-proven"]
        assert (one["file"], one["level"]) == ("runbooks/lamp.md", "note")
        house.until(house.all_ok, 20, "every check is OK")
        house.break_("lamp")
        run = house.until(lambda: (found := house.incident("lamp")) and found["runs"] and found["runs"][0], 20, "a run")
        house.until(lambda: house.get(f"/runs/{run['id']}")["run"]["state"] == "parked", 20, "it waits")
        house.post(f"/runs/{run['id']}/approve")
        house.closed("lamp")
        assert [one for one in rows(capsys, "lint", *flags) if one["code"] == "never-proven"] == []
    finally:
        house.stop()
