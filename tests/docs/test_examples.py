"""What the documentation shows is true: files load, runbooks are understood as said, commands parse, links lead somewhere.

A comment before each fence says how it is tested; a fence without one fails.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, WRITTEN, Fence, fences, of_kind, parse, prose, wk_commands

from watchkeeper.adapters.notifiers import webhook
from watchkeeper.adapters.notifiers.body import json_body
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.schema import schemas
from watchkeeper.core.notifications import Message
from watchkeeper.core.runbooks import read_runbook
from watchkeeper.core.units import Installation
from watchkeeper.core.units import unit as printed_unit
from watchkeeper.faces.cli.lint import as_data, text
from watchkeeper.programs.supervisor import REFUSED, WRONG
from watchkeeper.services.ports.notifiers import DeliveryError

TESTED = {
    "wk", "run", "background", "shell", "crontab", "file", "checks", "respond", "runbook", "output", "printed", "messages",
    "document", "mistakes", "message", "receiver", "refused", "sudoers", "yaml", "curl", "prove",
}  # fmt: skip
BASE = {
    "watchkeeper.yaml": "team: Test\nchannels:\n  duty: {script: tools/page.sh}\n",
    "hosts.yaml": "hosts:\n  app1: {local: true}\n  here: {local: true}\n",
    "services/example.yaml": "service: example\nchecks:\n  - {name: web, tcp: 'db1.example.org:5432'}\n",
    "databases.yaml": "databases:\n  shop: {sqlite: /srv/shop/shop.db}\n",
    "secrets.yaml": "secrets:\n  push-url: {env: PUSH_URL}\n  room-key: {env: ROOM_KEY}\n",
}
SERVICE = "service: shop\nhosts: [app1]\nchecks:\n"
EVERY = [fence for page in WRITTEN for fence in fences(page)]
HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:org|com|net|io|dev|de|edu|cloud|app|internal|local)\b", re.IGNORECASE)
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
NAMES = re.compile(r"\([^)]*\)|\S*example\.org\S*|/\S+")
ENOUGH = 0.45
"""Share of a message that must stand word by word in the source; the rest are names and values."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")


@pytest.mark.parametrize("fence", EVERY, ids=str)
def test_every_fence_says_how_it_is_tested(fence: Fence) -> None:
    assert fence.kind in TESTED, f"{fence}: put a comment before it, <!-- test: ... -->"


# ---- files -----------------------------------------------------------------------------------------------------------


def loads(files: dict[str, str]) -> None:
    """The ops repo of these files on top of BASE loads, with every runbook they name, without even a warning."""
    whole = {**BASE, **files}
    named = re.findall(r"runbooks/[\w/-]+\.md", "".join(whole.values()))
    result = load({**{path: text.encode() for path, text in whole.items()}, **dict.fromkeys(named, b"# R\n")}, 0.0)
    assert result.inventory is not None and not result.mistakes, result.mistakes


@pytest.mark.parametrize("fence", of_kind("file"), ids=str)
def test_files_of_the_ops_repo_load(fence: Fence) -> None:
    if fence.argument.endswith(".yaml"):
        loads({fence.argument: fence.text})
    else:
        assert fence.text.startswith("#!/bin/sh\n")
        shell_parses(fence.text)


@pytest.mark.parametrize("fence", of_kind("checks"), ids=str)
def test_checks_load(fence: Fence) -> None:
    loads({"services/shop.yaml": SERVICE + indented(fence.text)})


@pytest.mark.parametrize("fence", of_kind("respond"), ids=str)
def test_responses_load(fence: Fence) -> None:
    web = "  - {name: web, tcp: 'db1.example.org:5432'}\nrespond:\n"
    loads({"services/shop.yaml": SERVICE + web + indented(fence.text)})


def indented(block: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in block.splitlines())


@pytest.mark.parametrize("fence", of_kind("yaml"), ids=str)
def test_the_editor_line_names_a_schema_that_exists(fence: Fence) -> None:
    found = re.fullmatch(r"# yaml-language-server: \$schema=\.\./(\w+)\.schema\.json\n", fence.text)
    assert found and found[1] in schemas()


def test_the_mistakes_are_printed_like_that() -> None:
    shop = "service: shop\ndescription: x\nhosts: [hre]\ntier: 0755\nchecks:\n"
    shop += "  - name: web\n    http: http://x.example.org\n    crit: stauts != 200\n"
    hosts = "hosts:\n  here: {local: true}\n"
    printed = []
    for files in ({"hosts.yaml": hosts, "services/shop.yaml": shop}, {"hosts.yaml": hosts.replace("  ", "\t")}):
        result = load({"watchkeeper.yaml": b"team: T\n", **{path: text.encode() for path, text in files.items()}}, 0.0)
        printed += [text(as_data(one)) for one in result.mistakes]
    shown = [line for fence in of_kind("mistakes") for line in fence.text.splitlines()]
    assert shown
    assert not [line for line in shown if line not in printed], printed


# ---- runbooks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", of_kind("runbook"), ids=str)
def test_runbooks_are_understood_as_said(fence: Fence) -> None:
    book = read_runbook(fence.text, "runbooks/notes-down.md")
    steps = [f"{step.phase}:{step.risk}" for procedure in book.procedures for step in procedure.steps]
    assert steps == fence.argument.split(", ")


def test_the_menu_of_the_page_is_a_menu_and_needs_its_value() -> None:
    book = read_runbook(of_kind("runbook")[1].text, "runbooks/notes-down.md")
    first, second = book.procedures[0].steps
    assert first.alternatives and first.alternatives == second.alternatives
    assert not first.unattended and not second.unattended
    assert [parameter.name for parameter in second.parameters] == ["date"]


# ---- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", of_kind("wk", "run", "background", "shell"), ids=str)
def test_commands_parse(fence: Fence) -> None:
    shell_parses(fence.text)
    commands = list(wk_commands(fence.text))
    assert commands or fence.kind != "wk", "no wk command in it"
    for words in commands:
        parse(words)


def shell_parses(source: str) -> None:
    done = subprocess.run(["sh", "-n"], input=source, text=True, capture_output=True, check=False)
    assert not done.returncode, done.stderr


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_commands_in_the_prose_parse(page: Path) -> None:
    for code in INLINE.findall(prose(page)):
        if not re.match(r"(\./)?wk [a-z-]", code):
            continue
        filled = re.sub(r"\b(N|STEP|INDEX|HASH)\b", "1", code)
        for words in wk_commands(filled):
            try:
                parse(words)
            except Usage as error:
                assert error.sentence.startswith("Missing:"), code  # a verb may be named without what it takes


@pytest.mark.parametrize("fence", of_kind("crontab"), ids=str)
def test_crontab_lines_hold(fence: Fence) -> None:
    from cronsim import CronSim

    for line in fence.text.splitlines():
        if re.match(r"[A-Z_]+=", line):
            continue
        schedule, command = " ".join(line.split()[:5]), line.split(None, 5)[5]
        next(CronSim(schedule, datetime(2026, 1, 1)))
        shell_parses(command)
        assert [parse(words) for words in wk_commands(command)]


def test_a_flag_that_does_not_exist_is_found() -> None:
    with pytest.raises(Usage):
        parse(next(wk_commands("cd x && ./wk status --al | head")))
    assert list(wk_commands('wk log add "a | b" --corrects 7 > x; sudo -u me /opt/wk --json lint')) == [
        ["log", "add", "a | b", "--corrects", "7"],
        ["--json", "lint"],
    ]


# ---- messages --------------------------------------------------------------------------------------------------------


@cache
def literals() -> list[tuple[re.Pattern[str], list[str]]]:
    """Every text of the program as (pattern with its gaps, its constant parts); short ones are left out."""
    found = []
    for path in (ROOT / "src" / "watchkeeper").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts: list[str] = []
            if isinstance(node, ast.JoinedStr):
                parts = [str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [node.value]
            constants = [part for part in parts if part != "\0"]
            if sum(map(len, constants)) >= 10 and "\n" not in "".join(constants):
                pattern = "".join("(?:.*?)" if part == "\0" else f"({re.escape(part)})" for part in parts)
                found.append((re.compile(pattern), constants))
    return found


def said_by_the_program(message: str) -> float:
    """Share of the letters of a message, names of places left out, that stand in texts of the program which match it."""
    covered = [False] * len(message)
    for pattern, _constants in literals():
        match = pattern.search(message)
        for group in range(1, (match.lastindex or 0) + 1) if match else ():
            assert match
            covered[match.start(group) : match.end(group)] = [True] * (match.end(group) - match.start(group))
    names = {at for found in NAMES.finditer(message) for at in range(*found.span())}
    letters = [at for at, character in enumerate(message) if character.isalpha() and at not in names]
    return sum(covered[at] for at in letters) / max(len(letters), 1)


def messages() -> Iterator[str]:
    for fence in of_kind("messages"):
        yield from fence.text.splitlines()
    page = (DOCS / "how-to" / "let-it-act.md").read_text(encoding="utf-8")
    table = page.partition("| sentence |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) > 8
    for row in table:
        yield row.split("|")[1].strip()


@pytest.mark.parametrize("message", list(messages()))
def test_the_program_says_what_the_page_quotes(message: str) -> None:
    bare = re.sub(r"^wk(?: up)?: ", "", message)
    small = bare[:1].lower() + bare[1:]  # a reason gets its capital where it becomes a sentence
    share = max(said_by_the_program(each) for each in (bare, message, small))
    assert share > ENOUGH, f"{message}: the program says it in other words now ({share:.2f})"


def test_a_sentence_that_nobody_says_is_found() -> None:
    assert said_by_the_program("The harbour master refuses your vessel, because its papers ran out.") < ENOUGH / 2


# ---- telling, signing, running as a service --------------------------------------------------------------------------


def test_the_message_of_the_page_has_every_field() -> None:
    (fence,) = of_kind("message")
    shown = json.loads(fence.text)
    fields = {name: value for name, value in shown.items() if name != "at"}
    message = Message(**fields, at=datetime.fromisoformat(shown["at"]).timestamp())
    assert list(json.loads(json_body(message)).items()) == list(shown.items())


def test_a_webhook_that_is_not_there_is_told_like_that() -> None:
    (fence,) = of_kind("refused")

    class Nothing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        message = Message("k-1", "opened", "shop is down", "body")
        with pytest.raises(DeliveryError) as refused:
            webhook.deliver(f"http://127.0.0.1:{server.server_port}/", message, timeout_s=5)
        server.shutdown()
        thread.join()
    assert str(refused.value).replace("127.0.0.1", "chat.example.org") == fence.text.strip()
    assert refused.value.permanent, "the next channel is tried at once"


def test_the_receiver_of_the_page_knows_our_signature() -> None:
    (fence,) = of_kind("receiver")
    scope: dict[str, object] = {}
    exec(compile(fence.text, str(fence.page), "exec"), scope)
    is_ours = scope["is_ours"]
    assert callable(is_ours)
    heard: list[tuple[bytes, dict[str, str]]] = []

    class Room(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Room) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        message = Message("k-1", "opened", "shop is down", "body")
        webhook.deliver(f"http://127.0.0.1:{server.server_port}/", message, timeout_s=5, key="room key")
        server.shutdown()
        thread.join()
    body, headers = heard[0]
    assert headers["X-Watchkeeper-Key"] == "k-1"
    assert is_ours(body, headers, "room key")
    assert not is_ours(body + b" ", headers, "room key")
    assert not is_ours(body, headers, "another key")
    assert not is_ours(body, {}, "room key")


def test_the_unit_keeps_changing_commands_alive_and_starts_what_exists() -> None:
    made = Installation(
        ("/opt/watchkeeper/wk", "--ops", "/srv/ops", "up", "--port", "8600"), "watchkeeper", "sudo", "/s"
    )
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(printed_unit(made))
    service = unit["Service"]
    assert service["KillMode"] == "process"
    assert "PrivateTmp" not in service
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == {WRONG, REFUSED}
    for words in wk_commands(service["ExecStart"]):
        parse(words)


@pytest.mark.parametrize("fence", of_kind("sudoers"), ids=str)
def test_the_sudoers_line_is_what_the_host_asks_for(fence: Fence) -> None:
    assert re.fullmatch(r"\w+ ALL=\(root\) NOPASSWD: /bin/sh\n", fence.text)


# ---- form ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", EVERY, ids=str)
def test_no_example_names_a_real_place(fence: Fence) -> None:
    names = [name for name in HOST.findall(fence.text) if not name.lower().endswith("example.org")]
    assert not names
    assert set(ADDRESS.findall(fence.text)) <= {"127.0.0.1"}
    assert not re.search(r"/work/|/tmp/|/root\b|/home/(?!watchkeeper)", fence.text)


@pytest.mark.parametrize("page", sorted((DOCS / "how-to").glob("*.md")), ids=lambda page: page.name)
def test_each_how_to_says_what_you_get_and_where_to_look_things_up(page: Path) -> None:
    title, _, rest = page.read_text(encoding="utf-8").partition("\n\n")
    assert title.startswith("# ")
    assert rest.startswith("You get ")
    assert re.search(r"\nReference: \[[^\n]*(\n[^\n]+)*\n\Z", rest), "it ends with links to the reference"


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [*(DOCS / "how-to").glob("*.md"), *(DOCS / "reference").glob("*.md"), DOCS / "tutorial.md"]
    missing = [page.name for page in pages if f"({page.relative_to(DOCS)})" not in index]
    assert not missing


@pytest.mark.parametrize(
    "page", sorted([*DOCS.rglob("*.md"), ROOT / "CONTRIBUTING.md", *ROOT.glob("README.md")]), ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (page.parent / path).resolve() if path else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(target)
    assert not broken


def anchors(page: Path) -> set[str]:
    """The anchors that a Markdown host makes of the headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
