"""Who must agree to a step, who may, and what the hash of an approval covers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.actors import AGENT, ROLES, Actor, lower_of
from watchkeeper.core.approvals import (
    HIGHEST,
    Requirement,
    binds,
    moved,
    pins_digest,
    place,
    raised,
    refusal,
    requirement,
    rewritten,
    too_few,
)
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runs.values import Given, Pins, Plan, PlanStep, Run, RunState, ScriptFile

STEP = PlanStep(1, "fix", "fix", "Fix", "./fix.sh --age 3", "bash", "change", "app1", environment={"AGE": "3"})
SCRIPT = ScriptFile("app1", "fix.sh", "a" * 64)
PINS = Pins({"app1": "ssh deploy@app1.example.org"}, (SCRIPT,))
RUN = Run(4, None, "", Plan("x.md", "d", "shop", (STEP,), "p"), "manual", RunState.PARKED, "ada", 1.0)


@pytest.mark.parametrize(
    ("risk", "word", "role", "persons"),
    [
        ("change", "", "operator", 1), ("change", "operator", "operator", 1), ("change", "viewer", "operator", 1),
        ("change", "Approver", "approver", 1), ("change", "admin", "admin", 1), ("change", "two", "approver", 2),
        ("read", "two", "approver", 2), ("destroy", "", "approver", 1), ("destroy", "operator", "approver", 1),
        ("destroy", "viewer", "approver", 1), ("destroy", "no", "approver", 1), ("destroy", "false", "approver", 1),
        ("destroy", "admin", "admin", 1), ("change", "always", "operator", 1), ("change", "nobody", "admin", 2),
        ("change", "role: viewer", "admin", 2), ("change", "two viewers", "admin", 2), ("change", "0x0", "admin", 2),
    ],
)  # fmt: skip
def test_a_file_raises_and_never_lowers(risk: str, word: str, role: str, persons: int) -> None:
    needed = requirement(replace(STEP, risk=risk, approve=word))  # type: ignore[arg-type]
    assert (needed.role, needed.persons) == (role, persons)
    assert bool(needed.said) == (needed == replace(HIGHEST, said=needed.said))


def test_what_was_required_when_it_was_asked_is_never_less_later() -> None:
    every = [Requirement(role, persons) for role in ROLES for persons in (1, 2)]
    for asked in every:
        for now in every:
            both = raised(asked.words, now)
            assert ROLES.index(both.role) == max(ROLES.index(asked.role), ROLES.index(now.role))
            assert both.persons == max(asked.persons, now.persons)
    assert raised("nonsense", Requirement("operator")) == HIGHEST
    assert raised("", Requirement("operator")) == Requirement("operator")


def test_two_counts_people_not_yeses() -> None:
    two = Requirement("approver", 2)
    ben, cat = Actor("person", "ben", "approver"), Actor("person", "cat", "admin")
    assert refusal(Actor("person", "ada", "admin"), two, RUN, ()).startswith("You asked for run 4")
    assert refusal(ben, two, replace(RUN, askers=("ben",)), ()).startswith("You asked for run 4")
    assert refusal(ben, two, RUN, ()) == ""
    assert refusal(ben, two, RUN, (Given("ben", 1.0),)).startswith("You have approved it already")
    assert refusal(cat, two, RUN, (Given("ben", 1.0),)) == ""
    assert "not a person" in refusal(replace(AGENT, role="admin"), two, RUN, ())


def test_the_role_on_the_service_of_the_run_counts() -> None:
    one = Requirement("approver")
    assert refusal(Actor("person", "dan"), one, RUN, (), "approver") == ""
    said = refusal(Actor("person", "dan", "admin"), one, RUN, (), "operator")
    assert said == "You may not approve this on shop: it takes an approver or more, and you are an operator there."


def test_nobody_could_complete_it_is_said_with_the_way_out() -> None:
    two = Requirement("approver", 2)
    assert "nobody can here: wk user add NAME --role approver" in too_few(two, RUN, {})
    assert "only ben can here" in too_few(two, RUN, {"ada": "admin", "ben": "approver", "eve": "operator"})
    assert too_few(two, RUN, {"ben": "approver", "cat": "admin"}) == ""
    assert too_few(Requirement("admin"), RUN, {}) == ""


def test_every_byte_of_what_is_agreed_to_is_in_the_hash() -> None:
    base = binds(STEP, "d", PINS)
    others = [
        binds(replace(STEP, text=STEP.text + " "), "d", PINS), binds(replace(STEP, host="app2"), "d", PINS),
        binds(replace(STEP, environment={"AGE": "4"}), "d", PINS), binds(STEP, "e", PINS),
        binds(replace(STEP, language="sh"), "d", PINS), binds(STEP, "d", replace(PINS, scripts=())),
        binds(STEP, "d", replace(PINS, places={"app1": "local"})),
        binds(STEP, "d", replace(PINS, scripts=(replace(SCRIPT, digest="b" * 64),))),
        binds(STEP, "d", replace(PINS, scripts=(replace(SCRIPT, path="fix.sh "),))),
        binds(STEP, "d", replace(PINS, scripts=(replace(SCRIPT, digest="", note="it cannot be read"),))),
    ]  # fmt: skip
    assert len({base, *others}) == len(others) + 1
    assert binds(replace(STEP, title="Other", timeout_s=9.0), "d", PINS) == base
    assert pins_digest(PINS) != pins_digest(replace(PINS, scripts=()))


def test_a_host_is_where_it_is_reached() -> None:
    host = Host("app1", "ssh", "app1.example.org", "deploy", 22, True)
    same = replace(host, labels={"role": "app"})
    assert (
        place("app1", {"app1": host}) == place("app1", {"app1": same}) == "ssh deploy@app1.example.org port 22 sudo -n"
    )
    for other in (replace(host, address="app2.example.org"), replace(host, user="root"), replace(host, port=2222),
                  replace(host, become=False), Host("app1", "local")):  # fmt: skip
        assert place("app1", {"app1": other}) != place("app1", {"app1": host})
    inside = Host("web", "container", "shop-web", via="app1")
    here, there = {"web": inside, "app1": host}, {"web": inside, "app1": replace(host, address="app9.example.org")}
    assert place("web", here) != place("web", there), "a container moves with the host that runs it"
    assert place("web", {"web": replace(inside, via="web")}) == "container shop-web via web (unknown)"
    assert place("gone", here) == ""


def test_what_moved_or_was_rewritten_is_one_sentence_with_its_name() -> None:
    assert moved({"app1": "local"}, {"app1": "local"}, "approved") == ""
    assert moved({"app1": "local"}, {"app1": ""}, "approved") == "app1 is no longer in hosts.yaml."
    assert moved({}, {"app1": "local"}, "approved").startswith("app1 was not among the hosts")
    assert rewritten((SCRIPT,), (SCRIPT,), "approved") == ""
    changed = rewritten((SCRIPT,), (replace(SCRIPT, digest="b" * 64),), "granted")
    assert changed == f"fix.sh on app1 was changed since it was granted: sha256 {'a' * 12} then, sha256 {'b' * 12} now."
    unread = replace(SCRIPT, digest="", note="it cannot be read")
    assert rewritten((unread,), (unread,), "granted") == ""
    assert rewritten((unread,), (SCRIPT,), "granted") and rewritten((SCRIPT,), (unread,), "granted")
    silent = replace(SCRIPT, digest="", note="the host gave no answer")
    assert "gave no answer" in rewritten((silent,), (silent,), "approved"), "what was not seen was not agreed to"
    assert "was not looked at" in rewritten((), (SCRIPT,), "approved")


def test_roles_are_lowered_never_raised() -> None:
    assert lower_of("admin", "viewer") == "viewer" and lower_of("operator", "admin") == "operator"
    assert lower_of("admin", "boss") == "viewer"
