"""An agent of the real program, over standard input and output and over HTTP: every tool, its budget, its refusals."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from tests.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("mcp"))
    made.service("shop", mode="propose")
    made.service("desk", mode="propose")
    (made.ops / "docs").mkdir()
    made.write("docs/desk.md", "# The desk\n\n## Restart the desk\n\nIt takes ten seconds.\n")
    made.start()
    try:
        made.until(made.all_ok, 30, "all is well")
        made.break_("shop")
        made.until(lambda: (made.incident("shop") or {}).get("runs"), 30, "the incident has a run")
        yield made
    finally:
        made.stop()


def address(house: House) -> str:
    return str(json.loads((house.state / "web.url").read_text())["url"])


def over_stdio(house: House, token: str = "") -> StdioServerParameters:
    """What `wk mcp --print-config` says, with this interpreter."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    environment |= {"WATCHKEEPER_TOKEN": token} if token else {}
    return StdioServerParameters(command=house.command[0], args=[*house.command[1:], "mcp"], env=environment)


def told(server: Any, work: Callable[[Client], Awaitable[Any]]) -> Any:
    """What a client gets that speaks with this server."""

    async def talk() -> Any:
        async with Client(server) as client:
            return await work(client)

    return asyncio.run(talk())


def over_http(house: House, token: str, work: Callable[[Client], Awaitable[Any]]) -> Any:
    """The same over HTTP."""

    async def talk() -> Any:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as carrier,
            Client(streamable_http_client(f"{address(house)}/mcp", http_client=carrier)) as client,
        ):
            return await work(client)

    return asyncio.run(talk())


async def use_everything(client: Client) -> dict[str, Any]:
    """Every tool once, with arguments that fit; name -> result."""
    entry = await client.call_tool(
        "write_log_entry", {"title": "Looked at the desk", "text": "It is well.", "service": "desk"}
    )
    task = await client.call_tool("add_task", {"text": "Look again"})
    run = await client.call_tool("request_runbook", {"runbook": "desk.md", "service": "desk", "why": "to be sure"})
    found = {"write_log_entry": entry, "add_task": task, "request_runbook": run}
    number = run.structured_content["run"]["id"] if run.structured_content else 1
    given: dict[str, dict[str, Any]] = {
        "service": {"service": "shop"}, "ask_check": {"check": "shop"}, "incident": {"incident": 1}, "run": {"run": number},
        "search": {"words": "how do I restart the desk?"}, "runbook": {"runbook": "runbooks/shop.md"},
        "document": {"path": "docs/desk.md"}, "log_entry": {"entry": entry.structured_content["entry"]["number"]},
        "note": {"incident": 1, "text": "The flag is gone."}, "done_task": {"task": task.structured_content["task"]["id"]},
    }  # fmt: skip
    for tool in (await client.list_tools()).tools:
        if tool.name not in found:
            found[tool.name] = await client.call_tool(tool.name, given.get(tool.name, {}))
        if not found[tool.name].is_error:
            jsonschema.validate(found[tool.name].structured_content, tool.output_schema)
    await client.call_tool("note", {"incident": 1, "text": "bye"})
    return found


def assert_well(found: dict[str, Any]) -> None:
    for name, result in found.items():
        assert not result.is_error, (name, result.content[0].text)
    assert found["incident"].structured_content["diagnosis"], "what the read-only step printed"
    assert found["ask_check"].structured_content["checks"][0]["state"] == "CRIT"
    assert found["search"].structured_content["found"][0]["name"] == "docs/desk.md"
    assert all(step["state"] in ("planned", "waits") for step in found["request_runbook"].structured_content["steps"])


def test_before_accounts_an_agent_is_an_agent_all_the_same(house: House) -> None:
    found = told(over_stdio(house), use_everything)
    assert_well(found)
    assert found["write_log_entry"].structured_content["entry"]["actor"] == "agent"
    run = found["request_runbook"].structured_content["run"]["id"]
    house.until(lambda: house.get(f"/runs/{run}")["run"]["state"] == "parked", 20, "the run waits for a person")
    house.post(f"/runs/{run}/cancel")


def test_an_agent_with_a_token_by_both_ways(house: House) -> None:
    house.person("ana", "admin")
    token = house.agent("helper", limits={"calls_per_hour": 400}).transport.token
    for found in (told(over_stdio(house, token), use_everything), over_http(house, token, use_everything)):
        assert_well(found)
        assert found["write_log_entry"].structured_content["entry"]["actor"] == "helper"
        run = found["request_runbook"].structured_content["run"]["id"]
        waiting = _parked(house, run)
        assert waiting["steps"][0]["state"] == "waits" and not any(step["attempt"] for step in waiting["steps"])
        house.admin.post(f"/runs/{run}/cancel")
    acts = {each["act"] for each in house.admin.get("/audit", limit=200, actor="helper")["events"]}
    assert {"mcp.services", "mcp.request_runbook", "mcp.ask_check"} <= acts


def _parked(house: House, run: int) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = house.admin.get(f"/runs/{run}")["run"]
        return found if found["state"] == "parked" else None

    waiting: dict[str, Any] = house.until(look, 20, "the run waits for a person")
    return waiting


def test_the_budget_of_an_agent_is_told(house: House) -> None:
    token = house.agent("eager", limits={"calls_per_hour": 30}).transport.token

    async def work(client: Client) -> str:
        for _ in range(40):
            result = await client.call_tool("hosts", {})
            if result.is_error:
                return str(result.content[0].text)
        return ""

    said = told(over_stdio(house, token), work)
    assert "limit is 30" in said and "Again in" in said


def test_strangers_get_nothing_over_http(house: House) -> None:
    def ask(body: bytes = b"{}", method: str = "POST", **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{address(house)}/mcp", body if method == "POST" else None, named, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            assert "mcp-session-id" not in {name.lower() for name in error.headers}
            return error.code, error.read()

    json_type = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert ask(**json_type)[0] == 401
    assert ask(**json_type, Authorization="Bearer wk_unknown")[0] in (401, 403)
    token = house.agent("guest").transport.token
    good = {**json_type, "Authorization": f"Bearer {token}"}
    assert ask(**good, Host="evil.example.org")[0] in (400, 403, 421)
    assert ask(**good, Origin="http://evil.example.org")[0] == 403
    assert ask(method="GET", **good)[0] == 405 and ask(method="DELETE", **good)[0] == 405
    assert ask(b"x" * 300_000, **good)[0] == 413
    for body in (
        b"not json",
        b"[]",
        b"null",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":1,"method":"x/y"}',
        b"[" * 5000,
    ):
        status, answer = ask(body, **good)
        assert status < 500 and b"Traceback" not in answer and b"File " not in answer, (body, status, answer)
    listing = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
    status, answer = ask(listing, **good)
    assert status == 200 and len(json.loads(answer)["result"]["tools"]) == 30
    log = (house.root / "main.log").read_text()
    assert token not in log


def test_the_printed_configuration_is_complete(house: House) -> None:
    printed = subprocess.run(
        [*house.command, "mcp", "--print-config"], capture_output=True, text=True, check=True
    ).stdout
    server = json.loads(printed)["mcpServers"]["watchkeeper"]
    assert server["args"][-1] == "mcp" and str(house.state) in server["args"] and "TOKEN" not in printed
    by_http = subprocess.run(
        [*house.command, "mcp", "--print-config", "--http"], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(by_http)["mcpServers"]["watchkeeper"]["url"] == f"{address(house)}/mcp"
    nowhere = Path(house.root / "nowhere")
    ended = subprocess.run(
        [sys.executable, "-m", "watchkeeper.faces.cli.program", "--state", str(nowhere), "mcp"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.returncode == 6 and "wk up" in ended.stderr and ended.stdout == ""


def test_people_search_on_the_command_line(house: House) -> None:
    def wk(*words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"WATCHKEEPER_TOKEN": house.admin.transport.token}
        return subprocess.run([*house.command, *words], capture_output=True, text=True, env=environment)

    found = wk("search", "how", "do", "I", "restart", "the", "desk?")
    assert found.returncode == 0 and found.stdout.startswith("document docs/desk.md: The desk > Restart the desk")
    told_json = json.loads(wk("search", "--json", "flag", "--kind", "runbook").stdout)
    assert {each["kind"] for each in told_json["found"]} == {"runbook"}
    assert wk("search", "zebra").returncode == 1 and wk("search", "x", "--kind", "secrets").returncode == 2
