"""Watching the watcher: what the files say of it, what a peer's answer means, figures, and a log without secrets."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest

from watchkeeper.adapters.known_secrets import KnownSecrets
from watchkeeper.adapters.probes.tools import Answer
from watchkeeper.adapters.probes.watchkeeper import read_health
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory, Loaded
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.watching import PingPlan, is_loopback
from watchkeeper.programs import logs
from watchkeeper.services.backups import BackupState
from watchkeeper.services.metrics import Family
from watchkeeper.services.vitals import VitalsReader

SHOP = b"service: shop\nchecks:\n  - {name: web, tcp: 'db1.example.org:5432'}\n"


def loaded(team: str, services: dict[str, bytes] | None = None) -> Loaded:
    files = {"watchkeeper.yaml": f"team: T\n{team}".encode(), "services/shop.yaml": SHOP, **(services or {})}
    return load(files, 0.0)


def inventory(team: str, services: dict[str, bytes] | None = None) -> Inventory:
    found = loaded(team, services)
    assert found.inventory is not None, found.mistakes
    return found.inventory


# ---- the files ----


def test_pings_off_loopback_need_tls_or_a_proxy() -> None:
    (mistake,) = loaded("pings: {listen: 0.0.0.0:8601}\n").mistakes
    assert "'tls' or 'trusted_proxies'" in mistake.expected and "in the open" in mistake.expected
    assert mistake.file == "watchkeeper.yaml" and mistake.line == 2
    plan = inventory("pings: {listen: '0.0.0.0:8601', trusted_proxies: ['::1', 10.0.0.7]}\n").team.pings
    assert plan == PingPlan("0.0.0.0", 8601, trusted=("::1", "10.0.0.7"))
    tls = inventory("pings: {listen: watch.example.org:8601, tls: {certificate: /c.pem, key: /k.pem}}\n").team.pings
    assert tls == PingPlan("watch.example.org", 8601, certificate="/c.pem", key="/k.pem")
    assert inventory("pings: {listen: 'off'}\n").team.pings == PingPlan(host="")
    assert inventory("").team.pings is None


@pytest.mark.parametrize("listen", ["8601", "'127.0.0.1'", "'127.0.0.1:0'", "'x y:80'", "true"])
def test_an_address_that_is_none(listen: str) -> None:
    assert any("an address and a port" in each.expected for each in loaded(f"pings: {{listen: {listen}}}\n").mistakes)


def test_loopback_is_what_only_this_machine_reaches() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"))
    assert not any(
        is_loopback(host)
        for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "127.0.0.1.example.org", "")
    )


def test_alerts_give_each_service_a_check_and_leave_declared_ones_alone() -> None:
    own = b"service: db\nchecks:\n  - {name: prom, alert: true, crit: firing > 3}\n"
    found = inventory("alerts: {service_label: job, default: shop}\n", {"services/db.yaml": own})
    kinds = {
        check.key: check.crit.text for check in found.checks.values() if check.probe.kind == "alert" and check.crit
    }
    assert kinds == {"shop/alerts": "critical > 0", "db/prom": "firing > 3"}
    (mistake,) = loaded("alerts: {default: shopp}\n").mistakes
    assert mistake.did_you_mean == "shop"


def test_peers_become_a_service() -> None:
    found = inventory("peers: {watch-b: {url: 'https://b.example.org/health', every: 5s}}\n")
    (check,) = found.services["watchkeepers"].checks
    assert (check.key, check.every_s, check.recover) == ("watchkeepers/watch-b", 5.0, 2)
    assert check.crit is not None and (check.crit.hits, check.crit.window) == (2, 3)
    taken = loaded(
        "peers: {b: {url: 'https://b.example.org/health'}}\n",
        {"services/watchkeepers.yaml": SHOP.replace(b"shop", b"watchkeepers")},
    )
    assert any("peers beside a service" in each.found for each in taken.mistakes)
    assert any("secret" in each.found for each in loaded("peers: {b: {url: 'secret:none'}}\n").mistakes)
    assert loaded("peers: {b: {url: 'b.example.org'}}\n").mistakes


# ---- the other one ----

URL = "https://b.example.org/health/the-key"


def answer(status: int, body: str) -> Answer:
    return Answer({"status": status, "body": body})


@pytest.mark.parametrize(
    ("given", "answers", "well", "told"),
    [
        (answer(200, '{"health": {"ok": true, "faults": []}}'), True, True, ""),
        (
            answer(503, '{"health": {"ok": false, "faults": ["The outbox is stuck."]}}'),
            True,
            False,
            "The outbox is stuck.",
        ),
        (answer(503, '{"health": {"ok": false, "faults": []}}'), True, False, "something is stuck"),
        (answer(200, "<html>login</html>"), False, False, "b.example.org gave 200, but no health"),
        (answer(200, '{"health": 1}'), False, False, "but no health"),
        (answer(200, '{"health": {"ok": "yes"}}'), False, False, "but no health"),
        (Answer({"status": 0, "problem": f"{URL} refused the connection."}), False, False, "refused the connection"),
    ],
)
def test_what_the_other_one_says(given: Answer, answers: bool, well: bool, told: str) -> None:
    values = read_health("watch-b", given, URL)
    assert (values["answers"], values["well"]) == (answers, well)
    problem = str(values.get("problem", ""))
    assert told in problem and "the-key" not in problem
    assert not told or problem.startswith("The other watchkeeper watch-b ")


# ---- how we are ----


class Around:
    """Store, watch, backups and health by hand."""

    def __init__(self) -> None:
        self.more: list[Any] = []
        self.answer: dict[str, object] = {"lateness_p99_s": 0.02}
        self.backup = BackupState(None)
        self.chain = Verification(True, 7, None, "it holds", "head")
        self.missing: list[str] = []
        self.now = 1000.0
        self.verified = 0
        self.current = inventory("")
        self.reader = VitalsReader(
            self, self, self, self, self, self.verify, lambda: self.missing, lambda: (5.0, 10.0), self.clock, self.clock,  # type: ignore[arg-type]
        )  # fmt: skip

    def verify(self) -> Verification:
        self.verified += 1
        return self.chain

    def clock(self) -> float:
        return self.now

    def status(self) -> dict[str, object]:
        return self.answer

    def state(self) -> BackupState:
        return self.backup

    def told(self) -> list[str]:
        return [sentence for look in self.more if (sentence := look())]


def test_the_log_is_verified_each_hour_and_its_triggers_each_minute() -> None:
    around = Around()
    for _ in range(2 * 3600 // 5):
        around.now += 5.0
        around.reader.look()
    assert around.verified == 2 and around.told() == []
    around.chain = Verification(False, 3, 4, "entry 4 was changed", "head")
    around.missing = ["log_no_update"]
    around.now += 60.0
    around.reader.look()
    assert around.told() == ["The operations log is not protected: log_no_update is missing in the database."]
    around.missing = []
    around.now += 3600.0
    around.reader.look()
    assert around.told() == ["The operations log does not hold: entry 4 was changed"]


def test_lateness_and_pings_that_nobody_can_send() -> None:
    around = Around()
    around.answer = {"lateness_p99_s": 7.0, "ping_fault": "Pings over HTTP are not taken: the port is taken."}
    assert around.told() == ["The watch cannot keep up: checks are asked 7 s late."], "nobody asked for a ping server"
    around.current = inventory("pings: {listen: 127.0.0.1:8601}\n")
    assert around.told()[1] == "Pings over HTTP are not taken: the port is taken."
    around.current, around.answer = inventory(""), {"ping_fault": "Pings are kept in a file: away"}
    assert around.told() == ["Pings are kept in a file: away"]


def test_a_backup_that_was_missed_three_times() -> None:
    around = Around()
    plan = inventory("backup: {to: /backup, every: 1h}\n").team.backup
    around.backup = BackupState(plan, None, True)
    around.now += 2.9 * 3600
    assert around.told() == []
    around.now += 0.2 * 3600
    assert around.told() == ["The last backup of watchkeeper itself is 3 h 6 min old."]


# ---- figures ----


def test_label_values_are_escaped_and_read_back_by_a_parser() -> None:
    pytest.importorskip("prometheus_client")
    from prometheus_client.openmetrics.exposition import generate_latest
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    from watchkeeper.faces.api.openmetrics import Collected

    odd = ['a"b', "back\\slash", "two\nlines", "Zoë", "{}=,", " ", "\ud800"]
    family = Family("odd", "gauge", 'Help with "quotes" and \n lines.')
    for number, name in enumerate(odd):
        family.add(number, check=name)
    family.add(None, check="left out").add(float("nan"), check="nan")
    text = generate_latest(Collected([family, Family("things", "counter", "Things.").add(3)])).decode()  # type: ignore[arg-type]
    found = {each.name: each for each in text_string_to_metric_families(text)}
    assert [sample.labels["check"] for sample in found["watchkeeper_odd"].samples] == [*odd[:-1], "?", "nan"]
    assert found["watchkeeper_things"].samples[0].name == "watchkeeper_things_total"


# ---- the log ----


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Any:
    stream, root = io.StringIO(), logging.getLogger()
    kept, level = root.handlers[:], root.level

    def begin(form: str) -> io.StringIO:
        monkeypatch.setattr(sys, "stderr", stream)  # pytest puts its own one there for each phase
        logs.set_up("watch", "info", form)
        return stream

    yield begin
    root.handlers[:] = kept
    root.setLevel(level)
    logs._hide.clear()


def test_json_lines_hold_one_event_each_also_a_fault(logged: Any) -> None:
    stream = logged("json")
    log = logging.getLogger("watchkeeper.test")
    log.info("two\nlines of %s", 'a "name"')
    log.debug("not asked for")
    try:
        raise ValueError("token=abcdefghijklmnop")
    except ValueError:
        log.exception("it failed")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first | {"at": ""} == {
        "at": "", "level": "info", "program": "watch", "logger": "watchkeeper.test", "message": 'two\nlines of a "name"',
    }  # fmt: skip
    assert second["error"] == "ValueError" and "abcdefghijklmnop" not in json.dumps(second)
    assert first["at"].endswith("Z")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_holds_a_secret(logged: Any, form: str) -> None:
    stream = logged(form)
    hidden = KnownSecrets(lambda: ["correct-horse"])
    hidden.redact("read them")
    logs.hide_by(hidden.redact_now)
    logging.getLogger("x").warning("it is %s, password=%s", "correct-horse", "something-else")
    assert "correct-horse" not in stream.getvalue() and "something-else" not in stream.getvalue()
    logs.hide_by(lambda text: 1 // 0)  # type: ignore[arg-type,return-value]
    logging.getLogger("x").warning("correct-horse")
    assert "correct-horse" not in stream.getvalue()


def test_level_and_form_come_from_the_environment_and_words_that_are_none_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import argparse

    monkeypatch.setenv(logs.LEVEL_VARIABLE, "DEBUG")
    monkeypatch.setenv(logs.FORM_VARIABLE, "xml")
    parser = argparse.ArgumentParser()
    logs.add_arguments(parser)
    chosen = parser.parse_args([])
    assert (chosen.log_level, chosen.log_format) == ("debug", "text")


def test_secrets_are_read_once_and_again_in_the_background() -> None:
    now, reads = [0.0], []

    def known() -> list[str]:
        reads.append(now[0])
        return [f"secret-number-{len(reads)}"]

    hidden = KnownSecrets(known, lambda: now[0])
    assert hidden.redact("secret-number-1") == "[redacted]"
    assert hidden.redact("secret-number-1") == "[redacted]" and len(reads) == 1
    hidden.forget()
    assert hidden.redact("secret-number-2") == "[redacted]"
