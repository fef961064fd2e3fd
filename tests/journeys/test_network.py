"""Opened to others: TLS, a trusted proxy, the socket for agents, the first link, and the emergency, by the real programs."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House

from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.faces.cli.client import Client


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for ops.example.org and its key."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-keyout", str(key), "-out", str(chain), "-subj", "/CN=ops.example.org"]
    subprocess.run([*words, "-addext", "subjectAltName=DNS:ops.example.org"], check=True, capture_output=True)
    return chain, key


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("network"))
    house.service("shop")
    house.write("secrets.yaml", "secrets: {mail: {env: MAIL_PASSWORD}}\n")
    yield house
    house.stop()


def start(house: House, *words: str) -> int:
    """Start main with these words; the port it listens on."""
    command = [
        sys.executable,
        "-m",
        "watchkeeper.programs.main",
        "--ops",
        str(house.ops),
        "--state",
        str(house.state),
        *words,
    ]
    log = (house.root / "main.log").open("ab")
    house.programs["main"] = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | house.environment)
    house.until(lambda: house.get("/me"), 30, "main answers")
    return int(json.loads((house.state / "web.url").read_text())["port"])


class Outside:
    """Somebody on the network: asks by TLS, or plainly."""

    def __init__(self, port: int, chain: Path | None = None) -> None:
        self.port = port
        self.context = ssl.create_default_context(cafile=str(chain)) if chain else None

    def ask(self, path: str, host: str = "ops.example.org", **headers: str) -> tuple[int, dict[str, str], str]:
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_hostname="ops.example.org")
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        with connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()


def test_open_to_others_from_the_first_link_to_the_emergency(house: House) -> None:
    refused = subprocess.run(
        [*house.command, "up", "--listen", "0.0.0.0:0"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert refused.returncode == 2 and "--trusted-proxy" in refused.stderr
    chain, key = certificate(house.root)
    agents = house.root / "agents.sock"
    words = ["--listen", "0.0.0.0:0", "--tls-cert", str(chain), "--tls-key", str(key), "--host", "ops.example.org"]
    port = start(house, *words, "--agent-socket", str(agents), "--greet")
    outside = Outside(port, chain)

    before_anybody(house, outside)
    by_tls(house, outside)
    from_the_machine(house, agents)
    in_an_emergency(house, outside)


def before_anybody(house: House, outside: Outside) -> None:
    for path in ("/", "/health", "/metrics", "/api/v1/status", "/ack/x", "/log"):
        assert outside.ask(path)[0] == 403, path
    assert outside.ask("/", host="evil.example.org")[0] == 400
    found = re.search(r"(/enter\?key=[\w-]+)", (house.root / "main.log").read_text())
    assert found is not None
    status, headers, _ = outside.ask(found[1])
    assert status == 303 and "max-age" in headers["strict-transport-security"]
    cookie = headers["set-cookie"]
    assert "secure" in cookie.lower() and "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
    assert outside.ask("/", Cookie=cookie.partition(";")[0])[0] == 200
    assert outside.ask(found[1])[0] == 403, "it opens once"
    house.until(lambda: house.get("/me")["me"]["name"] == "local", 5, "the owner is local")


def by_tls(house: House, outside: Outside) -> None:
    ada = house.person("ada", "admin")
    token = ada.transport.token  # type: ignore[attr-defined]
    status, _, text = outside.ask("/api/v1/me", Authorization=f"Bearer {token}")
    assert status == 200 and json.loads(text)["me"]["name"] == "ada"
    for headers in (
        {}, {"Authorization": f"Basic {token}"}, {"Cookie": f"token={token}"}, {"X_Watchkeeper_Way": "state"},
        {"X-Watchkeeper-Way": "unix", "X-Watchkeeper-Peer": "0"}, {"X-Watchkeeper-Actor": "drill"},
    ):  # fmt: skip
        assert outside.ask("/api/v1/me", **headers)[0] == 403, headers
    assert outside.ask(f"/api/v1/me?token={token}&Authorization=Bearer%20{token}")[0] == 403
    for _ in range(11):
        last = outside.ask("/api/v1/me", Authorization="Bearer guess", X_Forwarded_For="203.0.113.9")
    assert last[0] == 429 and 0 < int(last[1]["retry-after"]) <= 60, "another address in a header is nobody else"
    assert outside.ask("/api/v1/me", Authorization=f"Bearer {token}")[0] == 200
    assert token not in (house.root / "main.log").read_text()


def from_the_machine(house: House, agents: Path) -> None:
    assert agents.stat().st_mode & 0o777 == 0o666 and (house.state / "main.sock").stat().st_mode & 0o777 == 0o600
    anybody = Client(str(agents), token="")
    assert anybody.get("/me")["me"]["kind"] == "agent" and "unix " in anybody.get("/me")["me"]["via"]
    with pytest.raises(Forbidden):
        anybody.post("/users", {"name": "eve", "role": "admin"})
    with pytest.raises(WatchkeeperError):
        Client(str(agents), actor="drill").get("/me")
    import pwd

    own = pwd.getpwuid(os.getuid()).pw_name
    house.admin.post("/users", {"name": "robo", "kind": "agent", "unix_user": own, "limits": {"requests_per_hour": 3}})
    assert anybody.get("/me")["me"]["name"] == house.get("/me")["me"]["name"] == "robo"


def in_an_emergency(house: House, outside: Outside) -> None:
    key = house.admin.get("/keys/metrics")["key"]
    assert outside.ask("/metrics", Authorization=f"Bearer {key}")[0] == 200
    environment = {**os.environ, "WATCHKEEPER_TOKEN": house.admin.transport.token}  # type: ignore[attr-defined]
    done = subprocess.run(
        [*house.command, "emergency", "--why", "laptop stolen", "--automation", "off", "--yes"],
        capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    assert "tokens revoked: " in done.stdout and "mail" in done.stdout and "automation switched off" in done.stdout
    with pytest.raises(Forbidden):
        house.admin.get("/me")
    assert outside.ask("/metrics", Authorization=f"Bearer {key}")[0] == 401
    assert house.get("/log", limit=1)["entries"][0]["title"].startswith("Emergency")
    house.kill("main")
    again = subprocess.run(
        [*house.command, "emergency", "--why", "no admin can be reached", "--yes"],
        capture_output=True, text=True, env={**os.environ, "WATCHKEEPER_TOKEN": ""}, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert again.returncode == 0 and "tokens revoked: 0" in again.stdout, again.stderr


def test_behind_a_proxy_only_its_word_counts(house: House) -> None:
    house.stop()
    port = start(house, "--listen", "0.0.0.0:0", "--trusted-proxy", "127.0.0.1", "--host", "ops.example.org")
    outside = Outside(port)
    said = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "ops.example.org"}
    status, headers, _ = outside.ask("/account/sign-in", host="127.0.0.1", **said)
    assert status == 200 and "strict-transport-security" in headers
    assert outside.ask("/account/sign-in", **{**said, "X-Forwarded-Host": "evil.example.org"})[0] == 400
    for _ in range(11):
        last = outside.ask("/api/v1/me", Authorization="Bearer guess", **said)
    assert last[0] == 429
    other = outside.ask("/api/v1/me", Authorization="Bearer guess", **(said | {"X-Forwarded-For": "198.51.100.1"}))
    assert other[0] == 403, "each caller behind the proxy is counted by himself"
