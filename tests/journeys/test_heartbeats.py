"""A job that is run by `wk ping`, one that never reports, alerts of another program, and figures for a scraper."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house import House

CHECKS = """\
  - name: dump
    heartbeat: {every: 1h, grace: 10m}
    every: 1s
  - name: never
    heartbeat: {every: 1s, grace: 1s}
    every: 1s
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("beats"))
    house.service("shop", more=CHECKS)
    house.write("watchkeeper.yaml", (house.ops / "watchkeeper.yaml").read_text() + "alerts: {default: shop}\n")
    house.write("secrets.yaml", "secrets: {word: {env: HEARTBEAT_WORD}}\n")
    house.environment["HEARTBEAT_WORD"] = "correct-horse-battery"
    try:
        house.start()
        yield house
    finally:
        house.stop()


def wk(house: House, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*house.command, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def job(house: House) -> dict[str, Any]:
    return json.loads(wk(house, "ping", "show", "shop/dump", "--json").stdout)["heartbeat"]


def check(house: House, name: str) -> dict[str, Any]:
    return next(each for each in house.get("/checks")["checks"] if each["check"] == name)


def asked(url: str, body: bytes | None = None, key: str = "", accept: str = "") -> tuple[int, str]:
    headers = ({"Authorization": f"Bearer {key}"} if key else {}) | ({"Accept": accept} if accept else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def address(house: House, name: str = "web") -> str:
    return str(json.loads((house.state / f"{name}.url").read_text())["url"])


def test_a_job_is_run_and_told_of(house: House) -> None:
    script = "echo to stdout; echo password is correct-horse-battery >&2; exit 3"
    done = wk(house, "ping", "shop/dump", "--rid", "n-1", "--", "sh", "-c", script, code=3)
    assert done.stdout == "to stdout\n" and "correct-horse" in done.stderr, "the job's own output is left alone"
    seen = job(house)
    assert [(each["status"], each["rid"]) for each in seen["pings"][:2]] == [("fail", "n-1"), ("start", "n-1")]
    ended = seen["pings"][0]
    assert ended["exit_code"] == 3 and ended["took_s"] is not None
    assert "to stdout" in ended["body"] and "correct-horse" not in json.dumps(seen)
    house.until(lambda: check(house, "shop/dump")["state"] == "CRIT", 10, "the failure is seen")
    wk(house, "ping", "shop/dump", "--", "true")
    house.until(lambda: check(house, "shop/dump")["state"] == "OK", 10, "the next run was well")
    assert wk(house, "ping", "shop/dump", "--", "no-such-program", code=127).stderr.startswith(
        "wk ping: no-such-program"
    )
    wk(house, "ping", "shop/dump", "--exit", "0")


def test_a_job_that_never_reports_is_an_incident(house: House) -> None:
    house.until(lambda: house.incident("shop"), 20, "an incident")
    house.until(lambda: check(house, "shop/never")["state"] == "CRIT", 20, "it is late")
    assert "No success was ever reported" in check(house, "shop/never")["reason"]


def test_its_address_is_good_until_it_is_replaced(house: House) -> None:
    url = wk(house, "ping", "url", "shop/dump").stdout.strip()
    assert asked(f"{url}/start?rid=web-1") == (200, "OK\n")
    assert asked(f"{url}/0?rid=web-1", b"12 rows\n")[0] == 200
    newest = job(house)["pings"][0]
    assert (newest["note"], newest["rid"], newest["took_s"] is not None) == ("12 rows", "web-1", True)
    new = wk(house, "ping", "rotate", "shop/dump").stdout.strip()
    assert new != url and asked(url)[0] == 404 and asked(new)[0] == 200
    logs = "".join((house.root / f"{name}.log").read_text() for name in ("watch", "main"))
    assert url.rpartition("/")[2] not in logs and new.rpartition("/")[2] not in logs
    page = asked(f"{address(house)}/services/shop")[1]
    assert new not in page


def test_an_alert_opens_and_its_sender_ends_it(house: House) -> None:
    key = wk(house, "keys", "show", "alerts").stdout.strip()
    alert = {
        "status": "firing", "labels": {"alertname": "DiskFull", "service": "shop", "severity": "critical"},
        "annotations": {"summary": "4 % left"}, "fingerprint": "f00", "startsAt": "2026-11-21T10:00:00Z",
    }  # fmt: skip
    url = f"{address(house)}/api/v1/alerts/alertmanager"
    body = json.dumps({"version": "4", "receiver": "wk", "alerts": [alert]}).encode()
    assert asked(url, body)[0] == 403 and asked(url, body, "wrong")[0] == 403
    assert asked(url, body, key) == (200, '{"alerts": {"taken": 1}}')
    house.until(lambda: check(house, "shop/alerts")["state"] == "CRIT", 10, "the alert is taken")
    assert "DiskFull by Alertmanager wk: 4 % left" in check(house, "shop/alerts")["reason"]
    over = json.dumps({"version": "4", "receiver": "wk", "alerts": [{**alert, "status": "resolved"}]}).encode()
    assert asked(f"{address(house, 'ping')}/alerts/{key}", over)[0] == 200, "the watch takes them too"
    house.until(lambda: check(house, "shop/alerts")["state"] == "OK", 10, "the sender ended it")
    assert "resolved by the word of Alertmanager wk" in check(house, "shop/alerts")["reason"]
    assert asked(f"{address(house)}/api/v2/alerts", b"[]", key) == (200, "")
    assert asked(f"{address(house)}/api/v2/alerts", b"{}", key)[0] == 400


def test_a_scraper_reads_figures_with_its_key_and_nothing_else(house: House) -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as plain

    url, key = f"{address(house)}/metrics", wk(house, "keys", "show", "metrics").stdout.strip()
    assert asked(url)[0] == 401 and asked(url, key=wk(house, "keys", "show", "alerts").stdout.strip())[0] == 401
    assert asked(f"{address(house)}/api/v1/status", key=key)[0] == 403, "the key opens the figures alone"
    for parse, accept in ((plain, ""), (openmetrics, "application/openmetrics-text; version=1.0.0")):
        found = {each.name: each for each in parse(asked(url, key=key, accept=accept)[1])}
        values = {sample.labels.get("check"): sample.value for sample in found["watchkeeper_check_state"].samples}
        assert values["shop/never"] == 3.0 and values["shop/flag"] == 0.0
        programs = {sample.labels["program"] for sample in found["watchkeeper_process_resident_memory_bytes"].samples}
        assert programs == {"main", "watch"}
        assert found["watchkeeper_watch_up"].samples[0].value == 1.0
        assert any(name.startswith("watchkeeper_probes") for name in found)


def test_main_and_the_watch_tell_whether_all_is_well(house: House) -> None:
    status, text = asked(f"{address(house)}/health")
    told = json.loads(text)["health"]
    assert status == 200 and told["ok"] and told["disk"]["free"] > 0 and "age_s" in told["outbox"]
    assert house.get("/status")["status"]["health"]["ok"]
    assert asked(f"{address(house, 'ping')}/health") == (200, '{"health": {"ok": true, "faults": []}}\n')


def test_while_main_is_away_the_watch_takes_pings_and_says_so(house: House) -> None:
    """Last in this file: main does not come back."""
    url = wk(house, "ping", "url", "shop/dump").stdout.strip()
    key = wk(house, "keys", "show", "health").stdout.strip()
    house.kill("main")
    assert asked(url, b"main is away\n")[0] == 200
    wk(house, "ping", "shop/dump", "--note", "by the socket")
    status, text = asked(f"{address(house, 'ping')}/health/{key}")
    assert status == 503 and "main does not answer" in text
    import sqlite3

    with sqlite3.connect(Path(house.state) / "readings.db") as connection:
        notes = [note for (note,) in connection.execute("select note from ping order by id desc limit 2")]
    assert notes == ["by the socket", "main is away"]
