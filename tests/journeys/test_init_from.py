"""`wk init DIR --from FILE...`: a team's own documents become an ops repo that works, and nothing of them is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.core.inventory.loading import load
from watchkeeper.core.runbooks.attributes import read_front_matter
from watchkeeper.faces.cli.program import main

FIXTURES = Path(__file__).parents[1] / "fixtures" / "importing"
DOCUMENTS = sorted(path.name for path in FIXTURES.glob("*.md"))
SECRET = "tok-91f7d2c05e3ab846"


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WATCHKEEPER_OPS", "WATCHKEEPER_STATE"):
        monkeypatch.delenv(name, raising=False)


def wk(*words: object) -> int:
    return main([str(word) for word in words])


def answer(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> dict[str, Any]:
    """What a command says with --json."""
    capsys.readouterr()
    assert wk("--json", *words) == code, capsys.readouterr().err
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def bring(capsys: pytest.CaptureFixture[str], *names: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """Import fixtures into ./ops."""
    return answer(capsys, "init", "ops", "--from", *(FIXTURES / name for name in names), *options)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of the ops repo but git's."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts[:-1])
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def parts_of(text: str) -> list[tuple[int, str]]:
    """(line, kind) of every heading, fence, table and checkbox, found without any Markdown parser."""
    found: list[tuple[int, str]] = []
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(```+)", line)
        if fence:
            fence = "" if line.strip() == fence else fence
        elif mark:
            fence = mark[1]
            found.append((number, "fence"))
        elif re.match(r"#{1,6} ", line):
            found.append((number, "heading"))
        elif re.match(r"\s*- \[[ x]\] ", line):
            found.append((number, "checkbox"))
        elif re.match(r"\|[-| ]+\|$", line):
            found.append((number - 1, "table"))
    return found


# ---- every document --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*DOCUMENTS, "all"])
def test_what_comes_out_works_without_an_edit(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, *(DOCUMENTS if name == "all" else [name]))
    assert said["counts"]["services"] >= 1 and said["by_hand"] == [] and said["kept"] == []
    mistakes = answer(capsys, "--ops", "ops", "lint")["mistakes"]
    assert [each for each in mistakes if each["level"] == "error"] == []
    assert [each for each in mistakes if not each["file"].startswith(("runbooks/", "docs/"))] == []
    for path in sorted(Path("ops/runbooks").rglob("*.md")):
        shown = answer(capsys, "runbook", "show", path)["runbook"]
        assert any(procedure["steps"] for procedure in shown["procedures"])
    capsys.readouterr()
    if said["counts"]["checks"]:
        assert wk("--ops", "ops", "--json", "check") in (0, 1, 6)
        assert len(json.loads(capsys.readouterr().out)["checks"]) == said["counts"]["checks"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_part_is_accounted_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, name)
    text = (FIXTURES / name).read_bytes().decode()
    expected = parts_of(text)
    assert len(expected) >= 6
    assert sorted((each["line"], each["part"]) for each in said["parts"]) == sorted(expected)
    assert all(each["became"] for each in said["parts"])
    report = Path("ops/imported/REPORT.md").read_text()
    rows = re.findall(r"(?m)^\| (\d+) \| (heading|fence|table|checkbox) \|", report)
    assert sorted((int(line), part) for line, part in rows) == sorted(expected)
    for each in said["parts"]:  # each file that is named as its new place holds its text
        place = re.search(r"(?:docs|runbooks|routines)/[\w./-]+\.md", each["became"])
        if place and each["part"] == "heading":
            assert each["text"].split("`")[0].rstrip("…. ")[:20] in Path("ops", place[0]).read_text()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_copies_and_cuts_are_byte_for_byte(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, name)
    original = (FIXTURES / name).read_bytes()
    copy = Path("ops", said["documents"][0]["copied_to"]).read_bytes()
    assert copy == original.replace(SECRET.encode(), b"[redacted]")
    lines = original.splitlines(keepends=True)
    cuts = [path for path in content(Path("ops")).items() if b"<!-- Cut by wk init" in path[1]]
    for path, data in cuts:
        head, _, rest = data.partition(b"<!-- Cut by wk init from " + name.encode() + b", lines ")
        assert head == b"" or path.startswith("routines/")
        ranges = [tuple(map(int, part.split(b"-"))) for part in rest[: rest.index(b". ")].split(b", ")]
        end = b"\r\n" if b"\r\n" in original else b"\n"
        expected = b"".join(b"".join(lines[each[0] - 1 : each[-1]]) for each in ranges)
        assert rest.partition(b"-->" + end + end)[2] == expected


# ---- what is understood ----------------------------------------------------------------------------------------------


def test_a_manual_becomes_runbooks_and_its_checks_wait_for_their_host(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, "worker-manual.md")
    assert sorted(path.name for path in Path("ops/runbooks/worker-manual").iterdir()) == [
        "backup-recovery.md", "disk-full.md", "labels-stuck-in-the-queue.md", "worker-not-running.md",
    ]  # fmt: skip
    service = Path("ops/services/bay-worker.yaml").read_text()
    assert "checks: []" in service and "#   systemd: bay-worker.service" in service and "[bay1]" in service
    hosts = Path("ops/hosts.yaml").read_text()
    assert "# bay1: named in worker-manual.md:20" in hosts and "bay1: {ssh: deploy@bay1.example.org}" in hosts
    loaded = load(content(Path("ops")), 0.0)
    assert loaded.inventory is not None and "bay1" not in loaded.inventory.hosts
    told = {each["where"]: each["sentence"] for each in said["not_understood"]}
    assert "MAX_JOBS" in told["worker-manual.md:66"] and "without a verdict" in told["worker-manual.md:66"]
    assert "no read command (destroy)" in told["worker-manual.md:67"]
    assert "rm -rf" not in service


def test_an_active_host_makes_what_waited_for_it_active(capsys: pytest.CaptureFixture[str]) -> None:
    bring(capsys, "worker-manual.md")
    hosts = Path("ops/hosts.yaml")
    hosts.write_text(hosts.read_text().replace("hosts: {}\n", "hosts:\n  bay1: {ssh: deploy@bay1.example.org}\n"))
    said = bring(capsys, "worker-manual.md")
    assert "services/bay-worker.yaml" in said["files"]
    loaded = load(content(Path("ops")), 0.0)
    assert loaded.inventory is not None, loaded.errors
    service = loaded.inventory.services["bay-worker"]
    rules = {check.name: check.ok.text for check in service.checks if check.ok is not None}
    assert {check.host for check in service.checks} == {"bay1"}
    assert rules["disk-space"] == "free > 15%" and rules["label-queue"] == "exit_code == 0 and value <= 40"
    assert rules["answer"] == "status == 200 and latency < 300ms"
    answered = {each.runbook.rpartition("/")[2]: each for each in service.respond}
    assert {"unit", "container"} <= set(answered["worker-not-running.md"].to)
    assert answered["labels-stuck-in-the-queue.md"].to == ("label-queue", "printer-jobs")
    assert answered["disk-full.md"].to == ("disk-space",)
    assert {each.mode for each in service.respond} == {"propose"}
    assert bring(capsys, "worker-manual.md")["files"] == []


def test_issues_become_answers(capsys: pytest.CaptureFixture[str]) -> None:
    bring(capsys, "issues-and-fixes.md")
    loaded = load(content(Path("ops")), 0.0)
    assert loaded.inventory is not None
    web = loaded.inventory.services["tidebook-web"]
    assert [(each.runbook, each.to, each.mode) for each in web.respond] == [
        ("runbooks/issues-and-fixes/booking-page-down.md", ("healthz", "container"), "propose")
    ]
    assert {check.probe.kind for check in loaded.inventory.services["tidebook-db"].checks} == {"tcp", "container"}
    queries = {path.name: path.read_text() for path in Path("ops/queries").glob("*.sql")}
    assert (
        "it reads" in queries["open-connections.sql"]
        and "it changes data" in queries["old-bookings-stay-pending-2.sql"]
    )
    planned = answer(capsys, "--ops", "ops", "runbook", "show", "ops/runbooks/issues-and-fixes/booking-page-down.md")
    assert [step["phase"] for procedure in planned["runbook"]["procedures"] for step in procedure["steps"]] == [
        "diagnose", "fix", "verify",
    ]  # fmt: skip


def test_daily_work_becomes_routines_with_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, "daily-procedures.md")
    due = {}
    for path in Path("ops/routines").glob("*.md"):
        front = read_front_matter(path.read_text().split("\n"))
        assert front.own["routine"] == path.stem
        due[path.stem] = front.own.get("schedule")
    assert due == {
        "morning-round": "30 7 * * 1-5", "evening-round": "0 18 * * *", "weekly": "0 9 * * 1", "month-end": "0 9 1 * *",
        "cron-nightly-backup": "30 1 * * *", "cron-purge-old-passages": "15 3 * * 0",
    }  # fmt: skip
    guesses = [each["where"] for each in said["not_understood"] if "a guess" in each["sentence"]]
    assert guesses == ["daily-procedures.md:35", "daily-procedures.md:40"]
    team = Path("ops/watchkeeper.yaml").read_text()
    assert "# - P1; within 15 min; when: Gate does not open; who: duty officer   (daily-procedures.md:61)" in team
    service = Path("ops/services/gatehouse.yaml").read_text()
    assert (
        '  #   heartbeat: {cron: "30 1 * * *", grace: 1h}' in service and "wk ping gatehouse/nightly-backup" in service
    )
    assert "gate: {sqlite: /srv/gatehouse/gate.db}" in Path("ops/databases.yaml").read_text()


def test_a_log_is_kept_and_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, "operations-log.md", "shift-log.md")
    assert [each["form"] for each in said["documents"]] == ["log", "log"]
    assert not list(Path("ops").glob("runbooks/*.md")) and Path("ops/docs/shift-log.md").is_file()
    loaded = load(content(Path("ops")), 0.0)
    assert loaded.inventory is not None
    assert list(loaded.inventory.checks) == ["status.example.org/health"], "what was is not asked, a public address is"


def test_no_secret_enters_the_ops_repo(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, "operations-log.md")
    assert SECRET in (FIXTURES / "operations-log.md").read_text()
    assert not [path for path, data in content(Path("ops")).items() if SECRET.encode() in data]
    assert SECRET not in json.dumps(said)
    assert "press-api-token: {env: PRESS_API_TOKEN}" in Path("ops/secrets.yaml").read_text()
    assert any(each["where"] == "operations-log.md:57" for each in said["not_understood"])


def test_damaged_encoding_is_named_and_mended_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, "operations-log.md")
    assert "Mac Roman" in said["documents"][0]["damage"] and not said["documents"][0]["repaired"]
    assert any("--repair-encoding" in each["sentence"] for each in said["not_understood"])
    assert "‚úÖ" in Path("ops/docs/operations-log.md").read_text()
    again = answer(capsys, "init", "mended", "--from", FIXTURES / "operations-log.md", "--repair-encoding")
    assert again["documents"][0]["repaired"]
    mended = Path("mended/docs/operations-log.md").read_text()
    assert "✅ Done" in mended and "status.example.org → press1" in mended and "‚úÖ" not in mended


# ---- again -----------------------------------------------------------------------------------------------------------


def test_a_second_import_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bring(capsys, *DOCUMENTS)
    before = content(Path("ops"))
    said = bring(capsys, *DOCUMENTS)
    assert said["files"] == [] and not any(each["new"] for each in said["findings"])
    assert content(Path("ops")) == before
    wk("init", "ops", "--from", *(FIXTURES / name for name in DOCUMENTS))
    assert "Nothing new: ops has all of it." in capsys.readouterr().out


def test_a_newer_document_adds_what_is_new_and_leaves_what_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    source = Path("issues-and-fixes.md")
    source.write_bytes((FIXTURES / "issues-and-fixes.md").read_bytes())
    answer(capsys, "init", "ops", "--from", source)
    mine = Path("ops/runbooks/issues-and-fixes/booking-page-down.md")
    mine.write_text(mine.read_text() + "\nOur own words.\n")
    service = Path("ops/services/tidebook-web.yaml")
    service.write_text(
        service.read_text().replace("description", "").replace("hosts: [here]", "hosts: [here]\nowner: Ines")
    )
    Path("ops/routines/after.md").unlink()
    newer = source.read_text().replace("docker restart tidebook-web", "docker restart --time 5 tidebook-web")
    newer = newer.replace("1. Ask who runs a report", "1. Ask Ines who runs a report")
    added = "### Issue: Certificate Expired\n\n**Symptoms**: certificate warning\n\n**Diagnosis**:\n```bash\n"
    added += "openssl s_client -connect tidebook.example.org:443\n```\n\n**Resolution**:\n```bash\n"
    added += "docker restart tidebook-web\n```\n\n"
    source.write_text(newer.replace("## Rollback\n", added + "## Rollback\n"))
    said = answer(capsys, "init", "ops", "--from", source)
    assert {each["file"]: each["why"] for each in said["kept"]}.keys() == {
        "runbooks/issues-and-fixes/booking-page-down.md", "routines/after.md",
    }  # fmt: skip
    assert "Our own words." in mine.read_text() and not Path("ops/routines/after.md").exists()
    assert Path("ops/runbooks/issues-and-fixes/certificate-expired.md").is_file()
    assert "Ask Ines" in Path("ops/runbooks/issues-and-fixes/database-connections-exhausted.md").read_text()
    text = service.read_text()
    assert "owner: Ines" in text and "  - name: certificate\n    tls:" in text
    assert text.count("name: healthz\n") == 1 and "certificate-expired.md" in text
    assert answer(capsys, "--ops", "ops", "lint", "--quiet")["mistakes"] == []
    unmoved = "runbooks/issues-and-fixes/old-bookings-stay-pending.md"
    assert unmoved not in said["files"], "it only moved within its document"


def test_a_service_that_is_there_gets_what_is_new(capsys: pytest.CaptureFixture[str]) -> None:
    wk("init", "ops")
    theirs = "service: bay-worker\nhosts: [here]\nchecks:\n"
    theirs += "  - name: unit\n    systemd: {unit: bay-worker.service, enabled: true}\n"
    Path("ops/services/bay-worker.yaml").write_text(theirs)
    Path("ops/hosts.yaml").write_text("hosts:\n  here: {local: true}\n  bay1: {ssh: deploy@bay1.example.org}\n")
    bring(capsys, "worker-manual.md")
    text = Path("ops/services/bay-worker.yaml").read_text()
    assert text.startswith(theirs) and text.count("name: unit") == 1 and "  - name: label-queue\n" in text
    assert not list(Path("ops/services").glob("bay-worker-*"))
    assert answer(capsys, "--ops", "ops", "lint", "--quiet")["mistakes"] == []


def test_with_a_host_the_services_of_both_are_one(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, "daily-procedures.md", options=("--host", "local", "--name", "gate1"))
    assert said["host"] == "gate1" and "discovered/gate1.md" in said["files"]
    loaded = load(content(Path("ops")), 0.0)
    assert loaded.inventory is not None and list(loaded.inventory.hosts) == ["gate1"]
    assert loaded.inventory.services["gatehouse-api"].hosts == ("gate1",)


# ---- nothing half done -----------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said = bring(capsys, *DOCUMENTS, options=("--dry-run",))
    assert said["dry_run"] and "services/bay-worker.yaml" in said["files"]
    assert not Path("ops").exists() and list(Path().iterdir()) == []
    assert wk("init", "ops", "--dry-run") == 2 and "--from" in capsys.readouterr().err


def bad(kind: str) -> Path:
    path = Path(f"{kind}.md")
    data = {
        "empty": b" \n", "binary": b"\x7fELF\0\0\1\2", "large": b"# Words\n" * 700_000, "latin": "# Tür\n".encode("latin-1"),
    }.get(kind)  # fmt: skip
    if kind == "directory":
        path.mkdir()
    elif data is not None:
        path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("missing", 4, "missing.md does not exist"),
        ("directory", 2, "directory.md is a directory"),
        ("empty", 2, "empty.md is empty"),
        ("binary", 2, "binary.md is not text"),
        ("large", 2, "large.md has 5.6 MB, more than the 1 MB that are read"),
        ("latin", 2, "latin.md is not UTF-8 (line 1, byte 0xfc)"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    kind: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bad(kind)
    assert wk("init", "ops", "--from", FIXTURES / "shift-log.md", path) == code
    shown = capsys.readouterr()
    assert said in shown.err and "nothing was written" in shown.err and "Traceback" not in shown.err
    assert shown.out == "" and not Path("ops").exists()


def test_a_document_in_another_encoding_is_converted_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    path = bad("latin")
    assert answer(capsys, "init", "ops", "--from", path, "--repair-encoding")["documents"][0]["repaired"]
    assert Path("ops/docs/latin.md").read_text() == "# Tür\n"


def test_a_document_without_any_command_is_kept_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("words.md").write_text("# Who is who\n\nInes looks after the gate.\n")
    said = answer(capsys, "init", "ops", "--from", "words.md")
    assert said["not_understood"] == [
        {"where": "words.md:1", "sentence": "no command is in it: it is kept as a document"}
    ]
    assert Path("ops/docs/words.md").is_file() and wk("--ops", "ops", "lint") == 0


def test_a_place_that_cannot_be_written_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("mine")
    assert wk("init", "file", "--from", FIXTURES / "shift-log.md") == 5
    assert wk("init", "file/ops", "--from", FIXTURES / "shift-log.md") == 3
    assert "cannot be written" in capsys.readouterr().err and Path("file").read_text() == "mine"
