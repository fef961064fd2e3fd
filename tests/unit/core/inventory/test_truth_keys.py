"""The keys about recovery, flapping, groups and our own network: what they mean, and every mistake at its place."""

from __future__ import annotations

import pytest

from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Check, Flapping, Inventory, Loaded

BASE = {"watchkeeper.yaml": "team: t\n", "hosts.yaml": "hosts:\n  a: {local: true}\n  b: {ssh: b.example.org}\n"}
PROBE = "    command: echo 1\n"


def read(checks: str, team: str = "", **services: str) -> Loaded:
    files = {**BASE, "watchkeeper.yaml": BASE["watchkeeper.yaml"] + team}
    files |= {f"services/{name}.yaml": text for name, text in services.items()}
    files["services/s.yaml"] = "service: s\nhosts: [a]\nchecks:\n" + checks
    return load({path: text.encode() for path, text in files.items()}, 0.0)


def sound(loaded: Loaded) -> Inventory:
    assert loaded.inventory is not None and not loaded.mistakes, loaded.mistakes
    return loaded.inventory


def one(lines: str, team: str = "") -> Check:
    return sound(read(f"  - name: c\n{PROBE}{lines}", team)).checks["s/c"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("    recover: 2 in a row\n", (2, 0.0, None)),
        ("    recover: 3\n", (3, 0.0, None)),
        ("    recover: 5m\n", (1, 300.0, None)),
        ("    recover: {when: value < 80, for: 3 in a row}\n", (3, 0.0, "value < 80")),
        ("    recover: {when: value < 80, for: 90s}\n", (1, 90.0, "value < 80")),
        ("    recover: {when: value < 80}\n", (1, 0.0, "value < 80")),
        ("", (1, 0.0, None)),
    ],
)
def test_what_a_recovery_takes(lines: str, expected: tuple[int, float, str | None]) -> None:
    check = one(lines)
    assert (check.recover, check.recover_s, check.recover_when and check.recover_when.text) == expected


@pytest.mark.parametrize(
    ("rule", "hits", "window", "hold_s"),
    [
        ("value > 5 for 5m", 1, 1, 300.0), ("value > 5 for 3 in a row", 3, 3, 0.0), ("value > 5 for 2 of 3", 2, 3, 0.0),
        ("{when: value > 5, for: 1h30m}", 1, 1, 5400.0), ("{when: value > 5, for: 4 in a row}", 4, 4, 0.0),
    ],
)  # fmt: skip
def test_what_stands_behind_for(rule: str, hits: int, window: int, hold_s: float) -> None:
    crit = one(f"    crit: {rule}\n").crit
    assert crit is not None and (crit.hits, crit.window, crit.hold_s) == (hits, window, hold_s)
    assert crit.text.startswith("value > 5 for ")


def test_flapping_of_the_check_goes_before_that_of_the_team() -> None:
    assert one("").flapping == Flapping()
    assert one("    flapping: false\n").flapping is None
    assert one("", "defaults: {flapping: false}\n").flapping is None
    assert one("    flapping: {flips: 4, quiet: 5m}\n", "defaults: {flapping: false}\n").flapping == Flapping(
        4, 3600.0, 300.0
    )


def test_the_hash_covers_what_is_new_and_only_where_it_is_used() -> None:
    plain = one("    crit: value > 5\n").rule_hash
    assert one("    crit: value > 5\n    flapping: {flips: 6, within: 1h, quiet: 10m}\n").rule_hash == plain
    lines = (
        "    crit: value > 5 for 5m\n", "    crit: value > 5\n    recover: {when: value < 3}\n",
        "    crit: value > 5\n    recover: 5m\n", "    crit: value > 5\n    flapping: false\n",
    )  # fmt: skip
    hashes = {plain, *(one(each).rule_hash for each in lines)}
    assert len(hashes) == 5


MISTAKES = [
    (PROBE + "    recover: {when: valeu < 80}\n", 6, "value"),
    (PROBE + "    recover: {wen: value < 80}\n", 6, "'when' and 'for'"),
    (PROBE + "    recover: 8d\n", 6, "a time up to 7d"),
    (PROBE + "    recover: 0 in a row\n", 6, "from 1 to 100"),
    (PROBE + "    flapping: true\n", 6, "'false', or its limits"),
    (PROBE + "    flapping: {flips: 2}\n", 6, "a whole number from 3 to 60"),
    (PROBE + "    crit: value > 5 for 8d\n", 6, "a time up to 7d"),
    (PROBE + "    crit: value > 5 for 3 in a line\n", 6, "'in a row'"),
    (PROBE + "    ok: value < 5 for 5m\n", 6, "'for' in warn and crit only"),
    ("    http: http://127.0.0.1/\n    from: here\n    recover: {when: body contains \"x\"}\n", 7, "a value that proves"),
    ("    group: {of: [s/d, s/gone]}\n", 5, "gone"),
    ("    group: {of: [nowhere/web]}\n", 5, "service"),
    ("    group: {of: [host:zz]}\n", 5, "host"),
    ("    group: {of: [s, s]}\n", 5, "each member once"),
    ("    group: {of: [s], at_least: 2}\n", 5, "a number from 1 to 1"),
    ("    group: {of: [], at_least: 1}\n", 5, "a list of checks"),
    ("    group: {of: [s/c]}\n", 5, "do not contain each other"),
    ("    connectivity: {any_of: [\"nowhere\"]}\n", 5, "host:port"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "line", "words"), MISTAKES)
def test_mistakes_stand_at_their_place(lines: str, line: int, words: str) -> None:
    found = read(f"  - name: c\n{lines}").errors
    assert found, "no mistake was found"
    assert any(words in f"{each.found} {each.expected} {each.example} {each.did_you_mean}" for each in found), found
    assert found[0].file == "services/s.yaml" and found[0].line == line


def test_groups_of_other_services_that_go_in_a_circle() -> None:
    other = "service: o\nchecks:\n  - name: g\n    group: {of: [s/c]}\n"
    found = read("  - name: c\n    group: {of: [o/g]}\n", o=other).errors
    assert {each.file for each in found} == {"services/o.yaml", "services/s.yaml"}
    assert all("contain" in each.found for each in found)


def test_a_check_on_two_hosts_is_two_members_and_a_host_is_one() -> None:
    web = "service: web\nhosts: [a, b]\nchecks:\n  - name: up\n    command: echo 1\n"
    lines = "  - name: c\n    group: {of: [web/up, host:b, s]}\n  - name: d\n    command: echo 1\n"
    members = sound(read(lines, web=web)).checks["s/c"].probe.options["members"]
    assert members == {
        "web/up@a": ["web/up@a"], "web/up@b": ["web/up@b"], "host:b": ["web/up@b"], "s": ["s/d"],
    }  # fmt: skip


def test_our_own_network_is_a_check_like_any_other() -> None:
    team = 'connectivity: {any_of: ["https://www.example.org", "b.example.org:53"], every: 20s, timeout: 2s}\n'
    inventory = sound(read(f"  - name: c\n{PROBE}", team))
    check = inventory.checks["watchkeeper/connectivity"]
    assert (check.every_s, check.timeout_s, check.recover, check.where) == (20.0, 2.0, 2, "here")
    assert inventory.services["watchkeeper"].checks == (check,)
    taken = "service: watchkeeper\nchecks:\n  - name: connectivity\n    tcp: b.example.org:53\n"
    assert (
        sound(read(f"  - name: c\n{PROBE}", team, watchkeeper=taken)).checks["watchkeeper/connectivity"].probe.kind
        == "tcp"
    )
