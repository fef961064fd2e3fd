"""A person writes the log, asks it, puts an entry right, and takes a file out again; by command, API and page."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house import House

from watchkeeper.core.errors import NotFound, Usage


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("written"))
    made.service("shop")
    made.environment["SHOP_KEY"] = "hunter2-hunter2"
    made.write("secrets.yaml", "secrets: {shop-key: {env: SHOP_KEY}}\n")
    made.start()
    yield made
    made.stop()


def wk(house: House, *words: str, code: int = 0, stdin: str = "", **environment: str) -> str:
    done = subprocess.run(
        [*house.command, *words], input=stdin, capture_output=True, text=True, env=os.environ | environment, timeout=120
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout + done.stderr if code else done.stdout


def entry(house: House, number: int) -> dict[str, Any]:
    return house.client.get(f"/log/{number}")["entry"]


def test_one_line_and_all_flags(house: House, tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text("step one\npassword: hunter2-hunter2\n")
    figures = tmp_path / "figures.csv"
    figures.write_text("what,before\nqueue,13|7\n")
    said = wk(
        house, "log", "add", "Raised the shop worker count", "--type", "Release", "--severity", "MAJOR", "--reason",
        "queue grew", "--change", "4 workers with hunter2-hunter2", "--section", "Own=kept", "--reviewed-by", "ben",
        "--tag", "q4", "--follow-up", "watch it for 48 h", "--table", str(figures), "--attach", str(plan),
        "--at", "2026-01-05 14:00", TZ="Africa/Johannesburg",
    )  # fmt: skip
    number = int(re.findall(r"\d+", said)[0])
    found = entry(house, number)
    assert found["at"] == "2026-01-05T12:00:00.000Z" and found["facts"] == {"service": "shop"}
    assert [part["heading"] for part in found["sections"]] == [
        "Reason",
        "Change",
        "Own",
        "Results",
        "Follow-up Actions",
    ]
    assert (found["severity"], found["words"]) == ("High", {"severity": "MAJOR", "type": "Release"})
    assert "hunter2" not in json.dumps(found) and "13\\|7" in found["sections"][3]["text"]
    shown = wk(house, "log", "show", str(number))
    assert "High (written MAJOR)" in shown and "plan.txt" in shown
    data = subprocess.run(
        [*house.command, "log", "attachment", str(number), "1"], capture_output=True, timeout=120
    ).stdout
    assert hashlib.sha256(data).hexdigest() == found["attachments"][0]["digest"] and b"hunter2" not in data
    assert str(number) in wk(
        house, "log", "list", "severity>=high", "tag:q4", "-host:x", "queue", "-canary", "service:shop"
    )
    assert "No entry is found" in wk(house, "log", "list", "tag:q4", "-service:shop")


def test_what_came_later_is_shown_on_the_entry(house: House) -> None:
    post = house.client.post
    first = post("/log", {"title": "Moved the disk", "severity": "Medium"})["entry"]["number"]
    for path, body in (
        ("status", {"status": "rolled back", "why": "slow"}), ("correct", {"body": "two disks"}), ("reply", {"title": "why?"}),
    ):  # fmt: skip
        post(f"/log/{first}/{path}", body)
    found = entry(house, first)
    assert (found["status"], found["status_now"]) == ("Complete", "Rolled Back")
    assert found["corrected_by"] == [first + 2] and found["answered_by"] == [first + 3]
    assert post(f"/log/{first + 3}/reply", {"title": "that is why"})["entry"]["thread"] == first
    with pytest.raises(Usage, match="is Rolled Back already"):
        post(f"/log/{first}/status", {"status": "Reverted"})
    with pytest.raises(NotFound, match="no entry 9999"):
        post("/log/9999/reply", {"title": "x"})


def test_the_editor_keeps_the_text_until_it_is_written(house: House, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/^#$/# Written in an editor/; s/^\\*\\*Severity\\*\\*:/& Hihg/" "$1"\n')
    editor.chmod(0o755)
    said = wk(house, "log", "add", "--edit", code=2, EDITOR=str(editor), VISUAL="")
    assert "Did you mean High?" in said
    kept = re.findall(r"--edit (\S+\.md)", said)[0]
    assert "# Written in an editor" in Path(kept).read_text()
    editor.write_text('#!/bin/sh\nsed -i "s/ Hihg/ High/" "$1"\n')
    assert "is written" in wk(house, "log", "add", "--edit", kept, EDITOR=str(editor), VISUAL="")
    assert house.client.get("/log", q='"written in an editor" severity:high')["total"] is None
    assert "is written" in wk(house, "log", "add", "From a pipe", "--stdin", stdin="## Reason\nbecause\n")


def test_what_is_refused(house: House) -> None:
    post = house.client.post
    key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nabc"
    before = house.client.get("/log", limit=1)["entries"][0]["number"]
    for body, said in (
        ({"title": ""}, "no title"), ({"title": "x", "severity": "odd"}, "'odd' is no severity"),
        ({"title": "x", "body": key}, "private key"), ({"title": "x", "service": "nope"}, "no service nope"),
        ({"title": "x", "attachments": [{"name": "../x", "content": ""}]}, "cannot be the name"),
        ({"title": "x", "attachments": [{"name": "x", "content": "%%"}]}, "base64"),
        ({"title": "x", "attachments": [{"name": "x", "content": base64.b64encode(key.encode()).decode()}]}, "private key"),
        ({"title": "x", "at": "2099-01-01"}, "future"), ({"markdown": "# T\n**bad\n"}, "Line 2"),
    ):  # fmt: skip
        with pytest.raises(Usage, match=said):
            post("/log", body)
    with pytest.raises(Usage, match="character 3"):
        house.client.get("/log", q="a sevrity:x")
    assert house.client.get("/log", limit=1)["entries"][0]["number"] == before


def test_saved_questions_digest_and_report(house: House) -> None:
    wk(house, "log", "save", "worst", "severity>=high", "since:10y")
    assert house.client.get("/log", q="@worst")["question"] == "severity>=high since:10y"
    assert "@worst" in wk(house, "log", "save")
    house.client.post("/log", {"title": "=cmd|x", "type": "Deployment", "severity": "High"})
    digest = house.client.get("/log/digest", period="week")["digest"]
    assert digest["by_severity"]["High"] >= 1 and "## Open follow-ups" in digest["markdown"]
    report = wk(house, "log", "report", "--compliance", code=1)
    assert "nobody approved or reviewed it" in report
    assert "'=cmd|x" in wk(house, "log", "report", "--compliance", "--csv")


def test_the_page_shows_and_writes_it(house: House) -> None:
    url = house.client.post("/links")["link"]["url"]
    base = url.partition("/enter")[0]
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def page(path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', forms[-1]) if form is not None else []
        data = urllib.parse.urlencode(form | {"csrfmiddlewaretoken": token[0]}).encode() if form is not None else None
        try:
            with visitor.open(urllib.request.Request(base + path, data)) as answer:
                text = answer.read().decode()
                return answer.geturl(), text
        except urllib.error.HTTPError as error:
            return base + path, error.read().decode()

    forms = [page(url.removeprefix(base))[1]]
    if 'name="key"' in forms[0]:
        page("/enter", {"key": urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["key"][0]})
    hostile = house.client.post(
        "/log", {"title": "<script>x</script>", "body": "<img src=x>\n\n| a |\n|---|\n| <b> |"}
    )["entry"]
    shown = page("/log?q=severity%3Alow")[1] + page(f"/log/{hostile['number']}")[1]
    assert "<script>x" not in shown and "<img" not in shown and "<td>&lt;b&gt;</td>" in shown
    assert "Did you mean severity" in page("/log?q=sevrity%3Ax")[1]
    forms.append(page("/log/new")[1])
    wrong = page("/log/new", {"title": "From the page", "change": "kept text", "at": "2099-01-01"})[1]
    assert "Nothing was written" in wrong and "kept text" in wrong and "From the page" in wrong
    where, written = page(
        "/log/new", {"title": "From the page", "change": "kept text", "tags": "a b", "follow_up": "look"}
    )
    assert re.search(r"/log/\d+$", where) and "kept text" in written and "Open: look" in written
