"""A real watchkeeper on a small ops repo of its own: the programs as a user starts them, hurt as a user's would be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.fixtures import totp
from tests.fixtures.empty_store import lay

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.cli.client import Client

PAGE = """#!/bin/sh
[ ! -e "{root}/channel-broken" ] || exit 7
cat >> "{root}/pages.jsonl"; echo >> "{root}/pages.jsonl"
"""

PATIENCE = 3
"""The limits of `until` are for a quiet machine; beside other tests everything takes longer, and nothing is proven by it."""


class House:
    """Files below `root`: ops/, state/, flags/, pages.jsonl. Each service NAME is healthy while flags/NAME exists."""

    def __init__(self, root: Path, every: str = "1s") -> None:
        self.root = root
        self.ops = root / "ops"
        self.state = root / "state"
        self.flags = root / "flags"
        for folder in (self.ops / "services", self.ops / "runbooks", self.ops / "tools", self.flags):
            folder.mkdir(parents=True)
        page = self.ops / "tools/page.sh"
        page.write_text(PAGE.format(root=root))
        page.chmod(0o755)
        self.write(
            "watchkeeper.yaml",
            "team: Test\ntimezone: UTC\ngroup_within: 0s\nchannels:\n  duty: {script: tools/page.sh, timeout: 10s}\n"
            f"defaults: {{every: {every}}}\n",
        )
        self.write("hosts.yaml", "hosts: {app1: {local: true}}\n")
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self.environment: dict[str, str] = {}
        self.port = "0"
        """Of the page; "0": a free one at each start."""
        self.client = Client(str(self.state / "main.sock"), timeout_s=20, token="")
        self.admin = self.client
        """Whoever can add people: the owner of the state, then the first person."""

    def write(self, path: str, text: str) -> None:
        """Write a file of the ops repo."""
        (self.ops / path).write_text(text)

    def service(
        self, name: str, fix: str = "", mode: str = "auto", more: str = "", respond: str = "", runbook: str = ""
    ) -> None:
        """A service that is healthy while its flag exists, and its runbook. `fix` defaults to making the flag again."""
        flag = self.flags / name
        flag.touch()
        self.write(
            f"services/{name}.yaml",
            f"service: {name}\nhosts: [app1]\nchecks:\n  - name: flag\n    command: test -e {flag}\n    from: host\n"
            f"    crit: exit_code != 0\n    recover: 2 in a row\n{more}"
            f"respond:\n  - to: [flag]\n    runbook: runbooks/{name}.md\n    mode: {mode}\n    at_most: 2 per hour\n"
            f"    prove_within: 4s\n{respond}",
        )
        self.write(f"runbooks/{name}.md", runbook or self.runbook(name, fix))

    def runbook(self, name: str, fix: str = "") -> str:
        """Markdown as a team writes it."""
        command = fix or f"touch {self.flags / name}"
        return (
            f"# {name} lost its flag\n\n**Symptoms:** the flag is gone.\n\n**Diagnosis**\n\n```bash\nls {self.flags}\n```\n\n"
            f"**Solution:**\n\n```bash\n{command}\n```\n"
        )

    # ---- programs ------------------------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start watch and main (or the named ones) and wait until main answers."""
        if "DATABASE_URL" not in self.environment:
            lay(self.state)
        for name in names or ("watch", "main"):
            command = [
                sys.executable,
                "-m",
                f"watchkeeper.programs.{name}",
                "--ops",
                str(self.ops),
                "--state",
                str(self.state),
            ]
            if name == "main":
                command += ["--port", self.port]
            log = (self.root / f"{name}.log").open("ab")
            self.programs[name] = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | self.environment)
        if "main" in (names or ("main",)):
            self.until(lambda: self.get("/status"), 30, "main answers")

    def kill(self, *names: str) -> None:
        """kill -9, and wait until they are gone."""
        for name in names:
            self.programs[name].send_signal(signal.SIGKILL)
        for name in names:
            self.programs[name].wait()

    def stop(self) -> None:
        """End in order."""
        for name in ("main", "watch"):
            program = self.programs.get(name)
            if program is not None and program.poll() is None:
                program.terminate()
                try:
                    program.wait(10)
                except subprocess.TimeoutExpired:
                    program.kill()
                    program.wait()

    @property
    def command(self) -> list[str]:
        """The command line of a person who works on this house; its words follow."""
        program = [sys.executable, "-m", "watchkeeper.faces.cli.program"]
        return [*program, "--ops", str(self.ops), "--state", str(self.state)]

    # ---- people --------------------------------------------------------------------------------------------------

    def person(self, name: str, role: str, on: Sequence[str] = (), factor: bool = True) -> Client:
        """A client that acts as a new person, whose second factor was shown just now; the first one must be an admin.

        on: services or ``label=value`` that the role is for; all when empty. The token is ``client.transport.token``.
        """
        token = self.admin.post("/users", {"name": name, "role": role, "on": list(on), "token": True})["token"]
        client = self.acting(token)
        if factor:
            begun = client.post("/me/second-factor")["second_factor"]
            client.post("/me/second-factor/confirm", {"code": totp.code(begun["secret"])})
        if self.admin is self.client:
            self.admin = client
        return client

    def agent(self, name: str, **more: object) -> Client:
        """A client that acts as a new agent, by its token. more: ``limits``, ``unix_user``, ``roles``."""
        made = self.admin.post("/users", {"name": name, "kind": "agent", "token": True, **more})
        return self.acting(made["token"])

    def acting(self, token: str) -> Client:
        """A client with this token, on the socket."""
        return Client(str(self.state / "main.sock"), timeout_s=20, token=token)

    # ---- asking --------------------------------------------------------------------------------------------------

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """GET from the API."""
        return self.client.get(path, **query)

    def post(self, path: str, **body: object) -> dict[str, Any]:
        """POST to the API."""
        return self.client.post(path, body)

    def grant(self, name: str) -> dict[str, Any]:
        """Grant the response of a service."""
        return self.post("/grants", response=f"{name}/runbooks/{name}.md")["grant"]

    def incident(self, service: str) -> dict[str, Any] | None:
        """The newest incident of a service, whole."""
        for each in self.get("/incidents", limit=100)["incidents"]:
            if each["service"] == service:
                return self.get(f"/incidents/{each['id']}")["incident"]
        return None

    def all_ok(self) -> bool:
        """Whether every check has been asked and is OK."""
        checks = self.get("/checks")["checks"]
        return bool(checks) and all(check["state"] == "OK" for check in checks)

    def pages(self) -> list[str]:
        """Every page that reached a person, as JSON lines."""
        path = self.root / "pages.jsonl"
        return [line for line in path.read_text().splitlines() if line] if path.exists() else []

    def until(self, holds: Callable[[], Any], limit_s: float, what: str) -> Any:
        """Wait until something is true and return it; fails with the logs of the programs."""
        deadline = time.monotonic() + limit_s * PATIENCE
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = holds()
            except WatchkeeperError as error:
                last = None
                reason = str(error)
            else:
                reason = repr(last)
            if last:
                return last
            time.sleep(0.1)
        logs = "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.root.glob("*.log"))
        raise AssertionError(f"not within {limit_s * PATIENCE:g} s: {what}; last: {reason}\n{logs}")

    def closed(self, service: str, limit_s: float = 20) -> dict[str, Any]:
        """Wait until the service's incident is closed and return it."""

        def look() -> dict[str, Any] | None:
            found = self.incident(service)
            return found if found and found["status"] == "closed" else None

        return self.until(look, limit_s, f"incident of {service} is closed")

    def escalated(self, service: str, limit_s: float = 30) -> dict[str, Any]:
        """Wait until the service's incident is escalated and return it."""

        def look() -> dict[str, Any] | None:
            found = self.incident(service)
            return found if found and found["escalated_at"] else None

        return self.until(look, limit_s, f"incident of {service} is escalated")

    def break_(self, *names: str) -> None:
        """Take the flags away."""
        for name in names:
            (self.flags / name).unlink()
