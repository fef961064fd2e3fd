"""Definitions through the API: read and written as the files they are, committed as their author, all or none."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.api_app import ApiApp, api_app

pytestmark = pytest.mark.needs("git")
WRONG = "service: fresh\nhosts: [nowhere]\nchekcs: []\n"
NEW = "service: fresh\nhosts: [app1]\nchecks:\n  - {name: up, tcp: '127.0.0.1:9'}\n"


@pytest.fixture
def app(short_path: Path) -> Iterator[ApiApp]:
    with api_app(short_path / "one") as opened:
        git(opened, "init", "-q", "-b", "main")
        (opened.house.ops / ".gitignore").write_text(".watchkeeper/\n")
        git(opened, "add", ".")
        git(opened, "-c", "user.name=ana", "-c", "user.email=ana@example.org", "commit", "-qm", "begin")
        yield opened


def git(app: ApiApp, *words: str) -> str:
    done = subprocess.run(["git", "-C", app.house.ops, *words], capture_output=True, text=True, check=True)
    return done.stdout


def problem(app: ApiApp, method: str, path: str, body: object = None) -> tuple[int, str]:
    status, _, answer = app.ask(method, path, body)
    told = json.loads(answer)
    return status, f"{told['detail']} {told.get('hint', '')}"


def put(app: ApiApp, path: str, text: str, **more: str) -> dict[str, object]:
    status, _, answer = app.ask("PUT", f"/definitions/{path}", {"text": text, **more})
    assert status == 200, answer
    return json.loads(answer)


def test_read_as_they_are(app: ApiApp) -> None:
    found = {each["path"]: each for each in app.get("/definitions")["definitions"]}
    assert {"watchkeeper.yaml", "hosts.yaml", "services/fixed.yaml", "runbooks/fixed.md"} <= set(found)
    assert not any(path.startswith(("tools/", ".git")) for path in found)
    whole = app.get("/definitions/services/fixed.yaml")["definition"]
    assert whole["text"].encode() == (app.house.ops / "services/fixed.yaml").read_bytes()
    assert whole["digest"] == found["services/fixed.yaml"]["digest"]


def test_written_is_in_force_committed_as_its_author_and_in_the_log(app: ApiApp) -> None:
    answer = put(app, "services/fresh.yaml", NEW, digest="", message="Watch the fresh one")
    assert (
        answer["left"] == ""
        and {"how": "added", "noun": "check", "name": "fresh/up", "what": []} in answer["plan"]["differences"]
    )
    assert (app.house.ops / "services/fresh.yaml").read_text() == NEW
    assert (
        git(app, "log", "-1", "--format=%an|%cn|%s", "--", "services/fresh.yaml")
        == "local|watchkeeper|Watch the fresh one\n"
    )
    assert git(app, "status", "--porcelain") == ""
    assert "fresh" in {each["name"] for each in app.get("/services")["services"]}
    entry = app.get(f"/log/{answer['entry']}")["entry"]
    assert entry["title"] == "Watch the fresh one" and entry["actor"] == "local"


def test_mistakes_refuse_everything_and_all_are_told(app: ApiApp) -> None:
    before = app.get("/export")["revision"]
    status, told = problem(app, "PUT", "/definitions/services/fresh.yaml", {"text": WRONG})
    assert status == 422 and "Nothing was written" in told and "more mistake" in told
    assert not (app.house.ops / "services/fresh.yaml").exists()
    plan = app.post("/plan", files=[{"path": "services/fresh.yaml", "text": WRONG}])["plan"]
    assert not plan["sound"] and len(plan["mistakes"]) >= 2 and plan["after"] == ""
    assert app.get("/export")["revision"] == before


def test_a_runbook_that_something_names_is_not_removed(app: ApiApp) -> None:
    status, told = problem(app, "DELETE", "/definitions/runbooks/fixed.md")
    assert status == 422 and "runbooks/fixed.md" in told
    assert (app.house.ops / "runbooks/fixed.md").exists()


def test_what_somebody_else_changed_is_not_overwritten(app: ApiApp) -> None:
    read = app.get("/definitions/services/fixed.yaml")["definition"]
    file = app.house.ops / "services/fixed.yaml"
    file.write_text(file.read_text() + "# by hand\n")
    status, told = problem(
        app, "PUT", "/definitions/services/fixed.yaml", {"text": read["text"] + "# by API\n", "digest": read["digest"]}
    )
    assert status == 409 and "changed meanwhile" in told
    assert file.read_text().endswith("# by hand\n")


def test_a_tree_that_people_work_in_is_written_but_not_committed(app: ApiApp) -> None:
    (app.house.ops / "hosts.yaml").write_text("hosts: {app1: {local: true}}\n# at work\n")
    answer = put(app, "services/fresh.yaml", NEW)
    assert "other files are changed" in answer["left"]
    assert "services/fresh.yaml" in git(app, "status", "--porcelain", "-uall")
    assert git(app, "show", "HEAD:hosts.yaml") == "hosts: {app1: {local: true}}\n"


@pytest.mark.parametrize(
    "path",
    ["tools/page.sh", "..%2F..%2Fetc%2Fpasswd.yaml", "services/..%2F..%2Fout.yaml", ".git/config", "runbooks/x.sh",
     "services/.yaml", "ssh_config", "services/a%00b.yaml"],
)  # fmt: skip
def test_no_path_leads_out_or_to_a_program(app: ApiApp, path: str) -> None:
    for method, body in (("GET", None), ("PUT", {"text": "x"}), ("DELETE", None)):
        status, _, _ = app.ask(method, f"/definitions/{path}", body)
        assert status in (400, 404, 422), (method, path, status)
    assert not (app.house.root / "out.yaml").exists()


def test_links_out_of_the_repo_are_neither_read_nor_written(app: ApiApp) -> None:
    outside = app.house.root / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("hidden words")
    os.symlink(outside, app.house.ops / "docs")
    os.symlink(outside / "secret.md", app.house.ops / "runbooks/link.md")
    assert "hidden words" not in json.dumps(app.get("/export"))
    status, _ = problem(app, "PUT", "/definitions/docs/new.md", {"text": "x"})
    assert status in (400, 404, 422) and not (outside / "new.md").exists()


def test_a_known_secret_is_not_written(app: ApiApp) -> None:
    key = app.house.root / "key"
    key.write_text("s3cr3t-value-77\n")
    key.chmod(0o600)
    put(app, "secrets.yaml", f"secrets:\n  shop-key: {{file: {key}}}\n")
    status, told = problem(app, "PUT", "/definitions/docs/notes.md", {"text": "the key is s3cr3t-value-77"})
    assert status == 400 and "known secret" in told and "s3cr3t" not in told
    assert not (app.house.ops / "docs/notes.md").exists()
    assert "s3cr3t-value-77" not in json.dumps(app.get("/export"))


def test_an_export_imported_into_an_empty_instance_is_identical(app: ApiApp, short_path: Path) -> None:
    put(app, "docs/notes.md", "# Notes\n\nümlaut, \u2603 and a tab\t\n")
    (app.house.ops / "runbooks/latin.md").write_bytes(b"# Caf\xe9\n\n```bash\ntrue\n```\n")
    app.local._app.holder.reload()
    bundle = app.get("/export")
    other_ops = short_path / "other"
    program = [*app.house.command[:3], "--ops", str(other_ops), "--state", str(short_path / "state")]
    other_ops.mkdir()
    (other_ops / "watchkeeper.yaml").write_text("team: Empty\n")
    (other_ops / "services").mkdir()
    (other_ops / "services/old.yaml").write_text("service: old\n")
    done = subprocess.run([*program, "import", "-", "--yes"], input=json.dumps(bundle), capture_output=True, text=True)
    assert done.returncode == 0, done
    again = subprocess.run([*program, "export"], capture_output=True, text=True, check=True)
    twin = json.loads(again.stdout)
    assert twin["definitions"] == bundle["definitions"] and twin["revision"] == bundle["revision"]
    assert not (other_ops / "services/old.yaml").exists()
    assert (other_ops / "runbooks/latin.md").read_bytes() == (app.house.ops / "runbooks/latin.md").read_bytes()
