"""The command line as a contract: argument positions, exit codes, cheap start, empty states, words.

The other side is a small real HTTP server on a Unix socket, with answers in the shape of the API.
"""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from watchkeeper import __version__
from watchkeeper.core import errors
from watchkeeper.faces.cli import client as client_module
from watchkeeper.faces.cli import program, render
from watchkeeper.faces.cli.client import Client
from watchkeeper.faces.cli.places import find_ops, find_state

Answer = tuple[int, dict[str, str], bytes]
Routes = dict[tuple[str, str], Any]

NOW = "2026-11-21T03:16:40.000Z"
RUNNING = {"running": True, "pid": 1}


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that another test opened in this process leaves its state directory in the environment."""
    for name in ("WATCHKEEPER_STATE", "WATCHKEEPER_OPS"):
        monkeypatch.delenv(name, raising=False)


def check(name: str, state: str = "OK", reason: str = "200, ok: status == 200") -> dict[str, Any]:
    return {
        "check": name,
        "state": state,
        "reason": reason,
        "since": "2026-11-21T03:12:40.000Z",
        "at": NOW,
        "values": {},
    }


def status(*checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    service = {"name": "shop", "state": "OK", "held_under": None, "checks": list(checks)}
    return {
        "status": {
            "team": "harbour",
            "state": "OK",
            "sentence": "All 2 checks are OK.",
            "now": NOW,
            "services": [service],
            "incidents": [],
            "undelivered": [],
            "fault": "",
            "mistakes": [],
            "watch": RUNNING,
            "automation": {"on": True, "why": ""},
            "waiting": [],
            **more,
        }
    }


def step(index: int = 0, state: str = "planned", **plan: Any) -> dict[str, Any]:
    return {
        "run": 4,
        "index": index,
        "state": state,
        "exit_code": None,
        "message": "",
        "decided_by": "",
        "started_at": None,
        "ended_at": None,
        "plan": {
            "index": index,
            "id": f"s{index}",
            "phase": "fix",
            "title": "Restart the worker",
            "text": "systemctl restart worker\n",
            "risk": "change",
            "host": "app1",
            "why": "",
            "alternatives": "",
            "environment": {},
            "missing": [],
            "manual": False,
            **plan,
        },
    }


def run_of(state: str, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "run": {
            "id": 4,
            "incident": 12,
            "state": state,
            "mode": "manual",
            "actor": "local",
            "created_at": NOW,
            "ended_at": None,
            "plan": {"runbook": "runbooks/worker.md", "service": "shop", "digest": "d1"},
            "steps": list(steps),
            "message": "",
            "parked_why": "",
            "approvals": [],
            **more,
        }
    }


class Daemon:
    """A real server on STATE/main.sock. routes: (method, path) -> object, (status, object) or a callable."""

    def __init__(self, state: Path) -> None:
        self.routes: Routes = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.path = state / "main.sock"
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                code, headers, data = daemon.answer(self.command, self.path, body)
                daemon.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_: object) -> None:
                return

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(str(self.path), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        sent = json.loads(body) if body else None
        self.asked.append((method, path.removeprefix("/api/v1"), sent))
        found = self.routes.get((method, path.removeprefix("/api/v1").partition("?")[0]))
        if callable(found):
            found = found(path, sent)
        if found is None:
            found = (404, {"kind": "not_found", "detail": f"No route {path}.", "hint": ""})
        if isinstance(found, tuple) and len(found) == 3:
            return found
        code, value = found if isinstance(found, tuple) else (200, found)
        return code, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "watchkeeper.yaml").write_text("team: harbour\n")
    state = tmp_path / "ops" / ".watchkeeper"
    state.mkdir()
    running = Daemon(state)
    running.routes[("GET", "/status")] = status(check("shop/web"), check("shop/disk"))
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def wk(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.delenv("WATCHKEEPER_OPS", raising=False)
    monkeypatch.delenv("WATCHKEEPER_STATE", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return lambda *words: program.main(list(words))


# global flags and usage


@pytest.mark.parametrize(
    "words",
    [
        ["--ops", "ops", "--json", "status"],
        ["status", "--ops", "ops", "--json"],
        ["--json", "status", "--ops=ops"],
        ["--ops=ops", "status", "--json"],
    ],
)
def test_global_flags_stand_before_or_after_the_verb(wk: Any, words: list[str], capsys: Any) -> None:
    assert wk(*words) == 0
    assert json.loads(capsys.readouterr().out)["status"]["team"] == "harbour"


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "incidents"],
        ["incidents", "--json"],
        ["incidents", "list", "--json"],
        ["incidents", "--json", "list"],
        ["incidents", "--status", "open", "--json"],
    ],
)
def test_a_group_without_an_action_lists(wk: Any, daemon: Daemon, words: list[str], capsys: Any) -> None:
    daemon.routes[("GET", "/incidents")] = {"incidents": []}
    assert wk(*words) == 0
    assert json.loads(capsys.readouterr().out) == {"incidents": []}


def test_a_value_that_looks_like_a_global_flag_stays_a_value(wk: Any, daemon: Daemon) -> None:
    daemon.routes[("POST", "/pings")] = {"ping": {}}
    assert wk("ping", "shop/backup", "--note=--json") == 0
    assert daemon.asked[-1][2] == {"check": "shop/backup", "status": "success", "note": "--json"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "Did you mean 'wk status'"),
        (["status", "--jsno"], "Did you mean '--json'"),
        (["incidents", "shwo", "1"], "Did you mean 'show'"),
        (["incidents", "show", "x"], "'x', which is not a whole number"),
        (["run"], "Missing: RUNBOOK"),
        (["run", "r.md", "--param", "novalue"], "not NAME=VALUE"),
        (["--ops"], "expected one argument"),
        (["up", "--port", "70000"], "not a port"),
        (["status", "--js"], "not understood"),
    ],
)
def test_wrong_usage_is_one_sentence_with_the_next_step_and_exit_2(
    wk: Any, words: list[str], said: str, capsys: Any
) -> None:
    assert wk(*words) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and "Traceback" not in err and len(err.splitlines()) <= 2


def test_help_version_and_no_verb(wk: Any, capsys: Any) -> None:
    assert wk("--version") == 0 and capsys.readouterr().out == f"watchkeeper {__version__}\n"
    assert wk("--help") == 0 and "Exit codes:" in capsys.readouterr().out
    assert wk() == 2
    assert wk("help", "runs") == 0 and "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for group in program.VERBS.values() for name, _, _ in group if name != "demo"])
def test_every_verb_has_help_with_the_global_flags(wk: Any, name: str, capsys: Any) -> None:
    assert wk(name, "--help") == 0
    out = capsys.readouterr().out
    assert "--ops DIR" in out and "--json" in out and "examples:" in out
    assert "None" not in out.split()
    assert max(len(line) for line in out.splitlines()) <= 110


# exit codes


@pytest.mark.parametrize(("kind", "code"), sorted(program.EXIT_CODES.items()))
def test_the_kind_of_a_refusal_decides_the_exit_code(
    wk: Any, daemon: Daemon, kind: str, code: int, capsys: Any
) -> None:
    told = {"kind": kind, "detail": "The door is shut.", "hint": "Knock."}
    daemon.routes[("GET", "/status")] = (409, told)
    assert wk("status") == code
    out, err = capsys.readouterr()
    assert out == "" and err == "wk: The door is shut.\n    Knock.\n"


def test_every_core_error_has_an_exit_code_and_comes_back_as_itself() -> None:
    kinds = {
        one.kind: one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.WatchkeeperError)
    }
    assert set(kinds) == set(program.EXIT_CODES) == set(client_module.ERRORS)
    for kind, raised in kinds.items():
        body = json.dumps({"kind": kind, "detail": "s", "hint": "h"}).encode()
        assert type(client_module.error_of(400, body, "GET /x")) is raised


def test_status_exits_1_while_a_check_is_critical(wk: Any, daemon: Daemon) -> None:
    for state, code in (("OK", 0), ("WARN", 0), ("UNKNOWN", 0), ("CRIT", 1)):
        daemon.routes[("GET", "/status")] = status(check("shop/web", state), check("shop/disk"))
        assert wk("status") == code


def test_an_exception_of_our_own_is_one_sentence_and_a_private_trace(
    wk: Any, daemon: Daemon, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    daemon.routes[("GET", "/status")] = {"status": {"sentence": "s"}}
    assert wk("status") == 1
    out, err = capsys.readouterr()
    assert out == "" and "fault of watchkeeper" in err and "Traceback" not in err
    trace = Path(re.search(r"The trace is in (\S+)\.\n", err).group(1))  # type: ignore[union-attr]
    assert "Traceback" in trace.read_text() and trace.stat().st_mode & 0o077 == 0


def test_ctrl_c_is_130(wk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "dispatch", interrupted)
    assert wk("status") == 130


def test_a_reader_that_goes_away_is_quiet(daemon: Daemon, tmp_path: Path) -> None:
    daemon.routes[("GET", "/status")] = status(*(check(f"shop/c{n}", "WARN", "x" * 80) for n in range(3000)))
    command = f"{sys.executable} -m watchkeeper.faces.cli.program --ops {tmp_path / 'ops'} status --all | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == "" and done.stdout.count("\n") == 1


# cost of the start


FORBIDDEN = {
    "asyncio",
    "click",
    "pydantic",
    "django",
    "ruamel",
    "http.client",
    "email",
    "ssl",
    "urllib.request",
    "shutil",
    "subprocess",
    "logging",
    "typing_extensions",
    "dataclasses",
    "inspect",
    "tempfile",
    "asyncssh",
    "yaml",
    "rich",
    "sqlite3",
    "concurrent",
}


def test_wk_status_imports_nothing_heavy(daemon: Daemon, tmp_path: Path) -> None:
    text = (
        "import sys\nfrom watchkeeper.faces.cli.program import main\n"
        f"code = main(['--ops', {str(tmp_path / 'ops')!r}, 'status'])\n"
        "print(code, ' '.join(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n" + text],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    code, *modules = done.stderr.split()
    heavy = {name for name in modules if name in FORBIDDEN or name.split(".")[0] in FORBIDDEN}
    assert code == "0" and not heavy
    ours = {name for name in modules if name.startswith("watchkeeper.")}
    assert not {
        name for name in ours if name.startswith(("watchkeeper.bootstrap", "watchkeeper.store", "watchkeeper.adapters"))
    }


# words


def test_all_well_is_one_line(wk: Any, capsys: Any) -> None:
    assert wk("status") == 0
    assert capsys.readouterr().out == "All 2 checks are OK.\n"


def test_status_shows_only_what_is_not_ok_the_worst_first_and_how_to_approve(
    wk: Any, daemon: Daemon, capsys: Any
) -> None:
    daemon.routes[("GET", "/status")] = status(
        check("shop/disk", "WARN", "free 18 %, warn: free < 20%"),
        check("shop/web", "CRIT", "status 500, crit: status != 200"),
        check("shop/tcp"),
        sentence="shop: web is CRIT for 4 min.",
        waiting=[
            {
                "run": 4,
                "step": 1,
                "text": "systemctl restart worker\n",
                "host": "app1",
                "binds": "ab",
                "expires_at": NOW,
                "risk": "change",
            }
        ],
        undelivered=[{"message": {"title": "P2 shop"}, "channels": ["push"], "last_error": "402 credit exhausted"}],
        incidents=[
            {
                "id": 12,
                "severity": "P2",
                "title": "shop: web",
                "opened_at": "2026-11-21T03:12:40.000Z",
                "why_not_acted": "no grant for shop/runbooks/web.md",
            }
        ],
        watch={"running": False, "sentence": "The watch does not answer."},
    )
    assert wk("status") == 1
    out = capsys.readouterr().out
    order = [
        "NOT DELIVERED",
        "402 credit",
        "shop: web is CRIT for 4 min.",
        "CRIT",
        "WARN",
        "12  P2",
        "no grant",
        "    | systemctl restart worker",
        "wk runs approve 4 --step 1",
        "The watch does not answer.",
    ]
    positions = [out.index(word) for word in order]
    assert positions == sorted(positions) and "shop/tcp" not in out


EMPTY: list[tuple[list[str], tuple[str, str], dict[str, Any], str]] = [
    (["runs"], ("GET", "/runs"), {"runs": []}, "No run yet."),
    (["runs", "list", "--active"], ("GET", "/runs"), {"runs": []}, "Nothing runs."),
    (["grant"], ("GET", "/grants"), {"grants": []}, "No grant. Every change waits for a person."),
    (["log"], ("GET", "/log"), {"entries": []}, "No entry yet."),
    (["log", "list", "--text", "zebra"], ("GET", "/log"), {"entries": []}, "No entry holds 'zebra'."),
    (["runbook"], ("GET", "/runbooks"), {"runbooks": []}, "No runbook yet. Put Markdown files into runbooks/"),
    (["incidents", "list", "--status", "closed"], ("GET", "/incidents"), {"incidents": []}, "No closed incident yet."),
]


@pytest.mark.parametrize(("words", "route", "answer", "said"), EMPTY)
def test_empty_lists_say_what_is_true(
    wk: Any, daemon: Daemon, words: list[str], route: tuple[str, str], answer: Any, said: str, capsys: Any
) -> None:
    daemon.routes[route] = answer
    assert wk(*words) == 0
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (["OK", "OK"], "No open incident. All 2 checks are OK."),
        (["OK", "UNKNOWN"], "No open incident. 1 of 2 checks are OK; 'wk status' shows the others."),
        ([], "No open incident, and no check is defined: nothing is watched."),
    ],
)
def test_no_open_incident_does_not_claim_more_than_is_known(
    wk: Any, daemon: Daemon, states: list[str], said: str, capsys: Any
) -> None:
    daemon.routes[("GET", "/incidents")] = {"incidents": []}
    daemon.routes[("GET", "/checks")] = {"checks": [check("shop/web", state) for state in states]}
    assert wk("incidents") == 0
    assert capsys.readouterr().out.strip() == said


def test_text_of_hosts_has_no_power_over_the_terminal(wk: Any, daemon: Daemon, capsys: Any) -> None:
    daemon.routes[("GET", "/status")] = status(check("shop/web", "CRIT", "\x1b]0;owned\x07\x1b[2J\u202etxt\x9b1m"))
    wk("status")
    out = capsys.readouterr().out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out) and "\\x1b" in out


def test_colour_only_on_a_terminal_and_never_with_no_color(daemon: Daemon, tmp_path: Path) -> None:
    daemon.routes[("GET", "/status")] = status(check("shop/web", "CRIT", "status 500"))
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(tmp_path / "ops"), "status"]
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")} | {"TERM": "xterm"}
    assert b"\x1b[31;1mCRIT" in on_terminal(command, plain)
    assert b"\x1b" not in on_terminal(command, plain | {"NO_COLOR": "1"})
    assert b"\x1b" not in subprocess.run(command, env=plain, capture_output=True, timeout=30, check=False).stdout


def on_terminal(command: list[str], environment: dict[str, str], typed: bytes = b"") -> bytes:
    """What a command writes to a real pseudo terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment, close_fds=True
    )
    os.close(follower)
    if typed:
        os.write(leader, typed)
    said = b""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        elif process.poll() is not None:
            break
    process.wait(5)
    os.close(leader)
    return said


def test_tables_fit_a_narrow_terminal_without_losing_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = render.table([("CRIT", "shop/web", "status 500 where status == 200 is asked, for 2 of 3 readings now")])
    assert max(len(line) for line in text.splitlines()) <= 60 and text.split()[-1] == "now"


def test_times_are_in_the_zone_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Africa/Johannesburg")
    time.tzset()
    at = render.parse_time("2026-11-21T03:12:40.000Z")
    assert at is not None and render.clock("2026-11-21T03:12:40.000Z", at + 60) == "05:12:40"
    assert render.clock("2025-11-21T03:12:40Z", at) == "2025-11-21 05:12" and render.clock(None) == ""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


# deciding


def test_what_needs_a_yes_is_not_done_without_a_person(wk: Any, daemon: Daemon, capsys: Any) -> None:
    daemon.routes[("POST", "/runs")] = run_of("ready", step())
    assert wk("run", "worker.md", "--service", "shop") == 2
    err = capsys.readouterr().err
    assert "systemctl restart worker" in err and "app1" in err and "changes" in err and "--yes" in err
    assert [sent["dry_run"] for _, _, sent in daemon.asked] == [True]


def test_run_shows_exact_text_follows_the_output_and_exits_by_proof(wk: Any, daemon: Daemon, capsys: Any) -> None:
    for state, code in (("proven", 0), ("unproven", 1), ("failed", 1), ("cancelled", 1), ("done", 1)):
        ended = {**step(state="done"), "exit_code": 0, "started_at": NOW, "ended_at": "2026-11-21T03:16:43.000Z"}
        daemon.routes[("POST", "/runs")] = lambda _, sent: run_of("ready", step(), id=0 if sent["dry_run"] else 4)
        daemon.routes[("GET", "/runs/4")] = run_of(state, ended)
        daemon.routes[("GET", "/runs/4/steps/0/output")] = output_of(b"Restarted worker\nsecond line\n")
        assert wk("run", "worker.md", "--service", "shop", "--param", "a=b=c", "--yes") == code
        out = capsys.readouterr().out
        assert "  | Restarted worker\n  | second line\n" in out and "exit 0 after 3 s" in out
        assert daemon.asked[0][2]["params"] == {"a": "b=c"}


def output_of(data: bytes) -> Callable[[str, Any], Answer]:
    """The output route: bytes from offset, at most 8 at a time."""

    def answer(path: str, _: Any) -> Answer:
        offset = int(path.partition("offset=")[2])
        part = data[offset : offset + 8]
        end = offset + len(part)
        return 200, {"X-Next-Offset": str(end), "X-Done": str(int(end >= len(data)))}, part

    return answer


def test_a_run_that_only_read_and_is_done_is_fine(wk: Any, daemon: Daemon) -> None:
    daemon.routes[("POST", "/runs")] = run_of("ready", step(risk="read"))
    daemon.routes[("GET", "/runs/4")] = run_of("done", step(state="done", risk="read"))
    assert wk("run", "look.md", "--yes") == 0


def test_a_run_that_waits_says_for_what_and_how(wk: Any, daemon: Daemon, capsys: Any) -> None:
    daemon.routes[("POST", "/runs")] = run_of("ready", step())
    daemon.routes[("GET", "/runs/4")] = run_of(
        "parked", step(state="waits"), approvals=[approval()], parked_why="step 0 destroys"
    )
    assert wk("run", "worker.md", "--yes") == 1
    out = capsys.readouterr().out
    assert "step 0 destroys" in out and "wk runs approve 4 --step 0" in out


def test_the_start_is_bound_to_the_plan_that_was_shown(wk: Any, daemon: Daemon) -> None:
    sent_bodies: list[dict[str, Any]] = []

    def start(_: str, sent: dict[str, Any]) -> dict[str, Any]:
        sent_bodies.append(sent)
        answer = run_of("done", step(state="done", risk="read"))
        answer["run"]["plan"]["digest"] = "d1"
        return answer

    daemon.routes[("POST", "/runs")] = start
    daemon.routes[("GET", "/runs/4")] = run_of("done", step(state="done", risk="read"))
    wk("run", "worker.md", "--yes")
    assert [(sent["dry_run"], sent.get("digest")) for sent in sent_bodies] == [(True, None), (False, "d1")]


def test_missing_values_are_said_all_at_once_before_anything_starts(wk: Any, daemon: Daemon, capsys: Any) -> None:
    menu = step(2, missing=["other"], alternatives="menu-1")
    daemon.routes[("POST", "/runs")] = run_of("ready", step(0, missing=["b"]), step(1, missing=["a"]), menu)
    assert wk("run", "worker.md", "--yes") == 2
    err = capsys.readouterr().err
    assert "a, b" in err and "--param a=... --param b=..." in err and "other" not in err and len(daemon.asked) == 1


def approval(step_index: int = 0, decided: str = "") -> dict[str, Any]:
    return {"id": 1, "run": 4, "step": step_index, "binds": "ab" * 32, "expires_at": NOW, "decided": decided}


def test_approve_sends_the_hash_of_what_was_shown(wk: Any, daemon: Daemon, capsys: Any) -> None:
    daemon.routes[("GET", "/runs/4")] = run_of("parked", step(), approvals=[approval()])
    daemon.routes[("POST", "/runs/4/approve")] = run_of("ready", step())
    assert wk("runs", "approve", "4", "--yes") == 0
    assert daemon.asked[-1][2] == {"step": 0, "binds": "ab" * 32}
    assert wk("runs", "approve", "4", "--yes", "--binds", "cd") == 0
    assert daemon.asked[-1][2] == {"step": 0, "binds": "cd"}


def test_approve_asks_on_the_terminal_and_a_destroying_step_asks_for_its_host(daemon: Daemon, tmp_path: Path) -> None:
    daemon.routes[("POST", "/runs/4/approve")] = run_of("ready", step())
    command = [
        sys.executable,
        "-m",
        "watchkeeper.faces.cli.program",
        "--ops",
        str(tmp_path / "ops"),
        "runs",
        "approve",
        "4",
    ]
    for risk, typed, posted in (
        ("change", b"n\n", False),
        ("change", b"y\n", True),
        ("destroy", b"y\n", False),
        ("destroy", b"app1\n", True),
    ):
        daemon.asked.clear()
        daemon.routes[("GET", "/runs/4")] = run_of("parked", step(risk=risk), approvals=[approval()])
        said = on_terminal(command, dict(os.environ), typed)
        assert b"systemctl restart worker" in said
        assert any(method == "POST" for method, _, _ in daemon.asked) is posted, (risk, typed)


def test_approve_without_a_waiting_step_or_with_several(wk: Any, daemon: Daemon, capsys: Any) -> None:
    daemon.routes[("GET", "/runs/4")] = run_of("proven", step(), approvals=[approval(decided="approved")])
    assert wk("runs", "approve", "4", "--yes") == 4
    daemon.routes[("GET", "/runs/4")] = run_of("parked", step(0), step(1), approvals=[approval(0), approval(1)])
    assert wk("runs", "approve", "4", "--yes") == 2
    assert "one of several steps: 0, 1" in capsys.readouterr().err


def test_log_verify_exits_1_when_the_chain_does_not_hold(wk: Any, daemon: Daemon, capsys: Any) -> None:
    for ok, code in ((True, 0), (False, 1)):
        daemon.routes[("GET", "/log/verify")] = {
            "verification": {"ok": ok, "sentence": "Entry 3 was changed.", "head": "ab"}
        }
        assert wk("log", "verify") == code
    assert "Entry 3 was changed." in capsys.readouterr().out


def test_log_export_passes_the_markdown_through_unchanged(wk: Any, daemon: Daemon, capsys: Any) -> None:
    daemon.routes[("GET", "/log/export")] = lambda *_: (200, {}, "# Log\n\n- \u00e4 entry\n".encode())
    assert wk("log", "export") == 0
    assert capsys.readouterr().out == "# Log\n\n- \u00e4 entry\n"


# the client


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-x\r\n", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", "cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cut off"),
        (b"HTTP/1.1 200 OK\r\n\r\n[1]", "not a JSON object"),
        (b"HTTP/1.1 502 Bad\r\n\r\n<html>", "answered 502 to GET /status"),
    ],
)
def test_broken_answers_are_sentences(tmp_path: Path, said: bytes, words: str) -> None:
    with one_answer(tmp_path / "s", said), pytest.raises(errors.WatchkeeperError, match=words):
        Client(str(tmp_path / "s")).get("/status")


class one_answer:
    """A socket that says these bytes to one caller, then closes; with hold, it says nothing more for a while."""

    def __init__(self, path: Path, said: bytes, hold_s: float = 0.0) -> None:
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        self.said, self.hold_s = said, hold_s

    def __enter__(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        caller, _ = self.listening.accept()
        with caller:
            caller.recv(65536)
            for byte in self.said if self.hold_s else ():
                try:
                    caller.sendall(bytes([byte]))
                except OSError:
                    return
                time.sleep(self.hold_s)
            if not self.hold_s:
                caller.sendall(self.said)

    def __exit__(self, *_: object) -> None:
        self.listening.close()


def test_the_deadline_holds_for_the_whole_request_not_for_each_byte(tmp_path: Path) -> None:
    begun = time.monotonic()
    with (
        one_answer(tmp_path / "s", b"HTTP/1.1 200 OK\r\n" * 20, 0.1),
        pytest.raises(errors.NoAnswer, match=r"within 0\.5 s"),
    ):
        Client(str(tmp_path / "s"), timeout_s=0.5).get("/status")
    assert time.monotonic() - begun < 2


def test_chunked_answers_and_the_actor_header(daemon: Daemon, tmp_path: Path) -> None:
    Client(str(daemon.path), actor="drill").get("/status")
    assert daemon.headers[-1]["x-watchkeeper-actor"] == "drill"
    body = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3;x=y\r\n:1}\r\n0\r\n\r\n'
    with one_answer(tmp_path / "s", body):
        assert Client(str(tmp_path / "s")).get("/x") == {"a": 1}


def test_query_values_are_escaped(daemon: Daemon) -> None:
    daemon.routes[("GET", "/log")] = {"entries": []}
    Client(str(daemon.path)).get("/log", text="a&b=c d/\u00e4", limit=3, before=None)
    assert daemon.asked[-1][1] == "/log?text=a%26b%3Dc%20d%2F%C3%A4&limit=3"


def test_a_socket_path_longer_than_the_kernel_allows(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / ("e" * 40)
    deep.mkdir(parents=True)
    here = os.getcwd()
    os.chdir(deep)
    try:
        listening = one_answer(Path("main.sock"), b'HTTP/1.1 200 OK\r\n\r\n{"ok": 1}')
    finally:
        os.chdir(here)
    with listening:
        assert Client(str(deep / "main.sock")).get("/x") == {"ok": 1}


def test_a_stale_socket_file_is_not_a_daemon(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.close()
    assert not client_module.answers(str(tmp_path / "s"))
    with pytest.raises(errors.NoAnswer, match="wk up"):
        Client(str(tmp_path / "s")).get("/status")


def test_stream_yields_every_byte_once_until_the_end(daemon: Daemon) -> None:
    daemon.routes[("GET", "/runs/4/steps/0/output")] = output_of(b"0123456789" * 5)
    assert b"".join(Client(str(daemon.path)).stream("/runs/4/steps/0/output")) == b"0123456789" * 5


# places, init, up, runbook show


def test_where_the_ops_repo_is_found(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    with pytest.raises(errors.NotFound, match="wk init"):
        find_ops("", {}, str(tmp_path))
    (tmp_path / "ops" / "watchkeeper.yaml").touch()
    assert find_ops("", {}, str(tmp_path)) == str(tmp_path / "ops")
    (tmp_path / "watchkeeper.yaml").touch()
    assert find_ops("", {}, str(tmp_path)) == str(tmp_path)
    assert find_ops("", {"WATCHKEEPER_OPS": str(tmp_path / "ops")}, str(tmp_path)) == str(tmp_path / "ops")
    assert find_ops(str(tmp_path), {"WATCHKEEPER_OPS": "/nowhere"}, "/") == str(tmp_path)
    for wrong, words in ((str(tmp_path / "absent"), "not a directory"), ("/", "holds no watchkeeper.yaml")):
        with pytest.raises(errors.NotFound, match=words):
            find_ops(wrong, {}, str(tmp_path))
    assert find_state("", "/o", {}) == "/o/.watchkeeper" and find_state("/s", "/o", {"WATCHKEEPER_STATE": "/e"}) == "/s"
    assert find_state("", "/o", {"WATCHKEEPER_STATE": "/e"}) == "/e"


def test_init_makes_a_repo_and_never_touches_what_is_there(wk: Any, tmp_path: Path, capsys: Any) -> None:
    assert wk("init", "new") == 0
    made = {str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert {"watchkeeper.yaml", "hosts.yaml", "services/example.yaml", "runbooks/disk-full.md", ".gitignore"} <= made
    assert ".watchkeeper/" in (tmp_path / "new" / ".gitignore").read_text()
    (tmp_path / "new" / "hosts.yaml").write_text("mine")
    assert wk("init", "new") == 5 and (tmp_path / "new" / "hosts.yaml").read_text() == "mine"
    (tmp_path / "file").touch()
    assert wk("init", "file") == 5
    for host in ("me@app1 example", "me@app1:99999", "-oProxyCommand=x", "a@b@c", "[::1"):
        assert wk("init", "other", f"--host={host}") == 2 and not (tmp_path / "other").exists()
        assert "is no host" in capsys.readouterr().err
    assert wk("init", "other", "--host", "a.example.org", "--accept-host-key", "SHA256:short") == 2
    assert "is no fingerprint" in capsys.readouterr().err
    assert wk("init", "other", "--accept-host-key", "new") == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert wk("init", "full", "--host", "local") == 5
    assert "is no ops repo" in capsys.readouterr().err


def test_up_refuses_a_second_daemon_and_names_the_supervisor(wk: Any, capsys: Any) -> None:
    from watchkeeper.core.network import Network
    from watchkeeper.faces.cli.up import command

    assert wk("up") == 5 and "already runs" in capsys.readouterr().err
    words = command("/o", "/s", Network(port=8080))
    assert words[1:] == ["-m", "watchkeeper.programs.supervisor", "--ops", "/o", "--state", "/s", "--port", "8080"]


def test_runbook_show_needs_no_ops_repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATCHKEEPER_OPS", raising=False)
    Path("stuck.md").write_text("# Stuck\n\n## Fix\n\n```bash\nsystemctl restart worker\n```\n")
    assert program.main(["runbook", "show", "stuck.md"]) == 0
    assert "  | systemctl restart worker" in capsys.readouterr().out
    assert program.main(["--json", "runbook", "show", "stuck.md"]) == 0
    steps = json.loads(capsys.readouterr().out)["runbook"]["procedures"][0]["steps"]
    assert {
        "id",
        "phase",
        "title",
        "text",
        "language",
        "risk",
        "manual",
        "why",
        "parameters",
        "alternatives",
        "host",
        "line",
    } <= set(steps[0])
    assert program.main(["runbook", "show", "absent.md"]) == 4
    Path("binary.md").write_bytes(b"ok\n\xff\xfe")
    assert program.main(["runbook", "show", "binary.md"]) == 2 and "binary.md:2" in capsys.readouterr().err


def test_a_list_that_fills_the_largest_page_is_read_to_its_end(daemon: Daemon) -> None:
    pages = {
        "": {"checks": [{"check": f"a/{each}"} for each in range(1000)], "next": "two"},
        "two": {"checks": [{"check": f"b/{each}"} for each in range(1000)], "next": "three"},
        "three": {"checks": [{"check": "c"}]},
    }

    class Pages:
        def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
            return 200, {}, json.dumps(pages[path.partition("cursor=")[2]]).encode()

    client = client_module.Client(transport=Pages())
    whole = client.get("/checks")
    assert len(whole["checks"]) == 2001 and "next" not in whole
    assert len(client.get("/checks", limit=1000)["checks"]) == 1000
