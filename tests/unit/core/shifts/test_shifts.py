"""Shifts: evidence in ten lines, counters, answers of the checklist, the hand-over as an entry."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.log.markdown import render_entry
from watchkeeper.core.log.values import Entry
from watchkeeper.core.shifts import answers
from watchkeeper.core.shifts.answers import Document, Tree
from watchkeeper.core.shifts.counters import counted, is_silent
from watchkeeper.core.shifts.evidence import LARGEST, LINES, bounded, notes_digest, shortened
from watchkeeper.core.shifts.handover import Material, hand_over
from watchkeeper.core.shifts.values import USUAL, Item, ItemPlan, Note, Shift

NOW = 1_763_000_000.0
HOUR = 3600.0
SHIFT = Shift(4, "ana", False, NOW)
ZONE = ZoneInfo("Europe/Berlin")


# ---- evidence ------------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=3000))
def test_evidence_is_ten_lines_at_most(text: str) -> None:
    short, whole = shortened(text)
    assert len(short.split("\n")) <= LINES
    if whole:
        assert [line.rstrip() for line in text.splitlines() if line.strip()] == [
            each for each in short.splitlines() if each
        ]


def test_the_middle_is_left_out_and_said() -> None:
    short, whole = shortened("\n".join(f"line {n}" for n in range(100)))
    assert not whole and short.splitlines()[0] == "line 0" and short.splitlines()[-1] == "line 99"
    assert "91 lines left out" in short
    assert shortened("x" * 500)[1] is False, "a long line is cut, so the full text is kept"
    assert bounded("x" * (LARGEST + 5)).endswith("5 more characters were given ...\n")


def test_the_digest_binds_every_word() -> None:
    notes = [
        Note(1, 4, NOW, "progress", "ana", "v74 is live", evidence_digest="d"),
        Note(2, 4, NOW, "next", "ana", "v75"),
    ]
    digests = {
        notes_digest(notes), notes_digest(notes[:1]), notes_digest(notes[::-1]),
        notes_digest([replace(notes[0], text="v75 is live"), notes[1]]),
        notes_digest([replace(notes[0], evidence_digest="e"), notes[1]]),
    }  # fmt: skip
    assert len(digests) == 5


# ---- counters ------------------------------------------------------------------------------------------------------------


def notes_at(*hours: float) -> list[Note]:
    return [Note(n, 4, NOW + each * HOUR, "progress", "ana", "x") for n, each in enumerate(hours)]


def test_the_longest_silence_counts_begin_and_end() -> None:
    ended = replace(SHIFT, ended_at=NOW + 8 * HOUR)
    found = counted(ended, notes_at(1, 2, 5), 2 * HOUR, 0.0)
    assert (found.reports, found.longest_silence_s, found.in_time) == (3, 3 * HOUR, False)
    assert counted(SHIFT, [], 2 * HOUR, NOW + HOUR).in_time and not counted(SHIFT, [], 2 * HOUR, NOW + 3 * HOUR).in_time
    assert counted(ended, [], 0.0, 0.0).in_time, "without a rule nothing is late"


def test_silence_is_asked_about_once_and_not_for_ever() -> None:
    asked = 0
    shift = SHIFT
    for minute in range(0, 24 * 60, 5):
        now = NOW + minute * 60
        if is_silent(shift, 2 * HOUR, now):
            asked += 1
            shift = replace(shift, reminded_at=now)
    assert asked == 3, "after 2, 4 and 6 hours; then nobody answers"
    heard = replace(shift, reported_at=NOW + 30 * HOUR)
    assert not is_silent(heard, 2 * HOUR, NOW + 31 * HOUR) and is_silent(heard, 2 * HOUR, NOW + 32 * HOUR)
    assert not is_silent(replace(SHIFT, ended_at=NOW), 2 * HOUR, NOW + 9 * HOUR) and not is_silent(
        SHIFT, 0.0, NOW + 9e9
    )


# ---- answers -------------------------------------------------------------------------------------------------------------


def test_trees() -> None:
    plan = ItemPlan("Tree", "git", (".",), branch="main")
    good = Tree(".", "main", "a" * 40)
    assert answers.trees(plan, [good], {}).state == "ok"
    dirty = answers.trees(plan, [replace(good, changed=(" M x",))], {})
    assert (dirty.state, dirty.text) == ("failed", ". has 1 uncommitted file") and " M x" in dirty.evidence
    assert answers.trees(plan, [replace(good, branch="wip")], {}).text == ". is on wip, not on main"
    assert answers.trees(plan, [Tree("/srv/x", fault="it is not there")], {}).state == "missing"
    assert "was bbbb" in answers.trees(plan, [good], {".": "b" * 40}).evidence


def test_documents_wait_for_a_signature_and_say_what_changed() -> None:
    found = answers.documents([Document("docs/a.md", "d" * 64, "c" * 40, "2026-11-01", " a.md | 2 +-")])
    assert found.state == "open" and "changed since you last signed: docs/a.md" in found.text
    assert "a.md | 2 +-" in found.evidence and found.versions == {"docs/a.md": f"{'d' * 64} {'c' * 40}"}
    assert answers.documents([Document("docs/b.md", fault="is not there")]).state == "missing"


def test_health_is_the_truth_of_the_checks() -> None:
    settled = {
        "a/x": Settled(State.OK, NOW),
        "a/y": Settled(State.WARN, NOW),
        "b/z": Settled(State.CRIT, NOW, reason="exit 1"),
    }
    assert answers.health(settled, ["a/x"], 1).state == "ok"
    assert answers.health(settled, ["a/x", "a/y"], 1).state == "ok", "WARN is said, and no failure"
    bad = answers.health(settled, ["a/x", "a/y", "b/z", "c/w"], 2)
    assert bad.state == "failed" and bad.text.startswith("1 of 4 checks OK on 2 hosts; 1 CRIT, 1 WARN, 1 UNKNOWN: b/z")
    assert bad.evidence.splitlines()[0].startswith("CRIT") and answers.health({}, ["a/x"], 0).state == "failed"
    assert answers.health({}, [], 0).state == "missing"


def test_tools_and_who_is_signed_in() -> None:
    assert answers.tool((0, "git version 2.40\n"), None).text == "git version 2.40"
    both = answers.tool((0, "fly 0.3"), (0, "ops@example.org\n"))
    assert both.state == "ok" and both.text == "fly 0.3; signed in as ops@example.org"
    assert answers.tool((0, "fly 0.3"), (1, "")).text == "fly 0.3; not signed in: exit code 1"
    assert answers.tool((127, "sh: fly: not found"), None).state == "missing"
    assert answers.tool((None, ""), None).text == "no version: no end in time"


def test_a_line_of_a_document() -> None:
    plan = ItemPlan("Phase", "line", ("docs/plan.md",), match="phase")
    text = "# Plan\n\n**Current phase: 3**\n"
    assert answers.line(plan, text, {}).text == "Current phase: 3"
    assert (
        answers.line(plan, text, {"docs/plan.md": "Current phase: 2"}).text
        == "Current phase: 3 (was: Current phase: 2)"
    )
    assert answers.line(plan, None, {}).state == "missing" and answers.line(plan, "x", {}).state == "failed"


def test_credentials_never_show_a_value() -> None:
    found = answers.credentials({"a": "", "b": "The secret b is empty (env: B)."})
    assert found.state == "missing" and found.text == "cannot be read: b" and answers.credentials({}).state == "ok"


# ---- files ---------------------------------------------------------------------------------------------------------------


def checklist(text: str) -> object:
    loaded = load(
        {
            "watchkeeper.yaml": b"team: T\nshift:\n  checklist:\n" + text.encode(),
            "hosts.yaml": b"hosts: {a: {local: true}}\n",
        },
        NOW,
    )
    return (
        loaded.inventory.team.shift.checklist
        if loaded.inventory is not None
        else [each.found for each in loaded.mistakes]
    )


def test_a_declared_checklist() -> None:
    items = checklist(
        "    - {name: Tree, git: ., branch: main, budget: 1m}\n    - {documents: [docs/a.md]}\n"
        "    - {line: {in: docs/p.md, match: Phase}}\n"
        "    - {tool: {version: git --version, signed_in: git config user.email}}\n"
        "    - {command: uptime, host: a, timeout: 5s}\n    - {checks: all}\n    - {secrets: all}\n    - {backups: true}\n"
        "    - {open: true}\n    - The alarm panel is green\n"
    )
    assert [(each.name, each.kind) for each in items][:3] == [  # type: ignore[attr-defined]
        ("Tree", "git"), ("Read docs/a.md", "documents"), ("Direction in docs/p.md", "line"),
    ]  # fmt: skip
    assert len(items) == 10 and items[-1].kind == "ask" and items[4].on == "a"  # type: ignore[arg-type,index]


@pytest.mark.parametrize(
    "text",
    [
        "    - {command: rm -rf /srv}\n", "    - {tool: sudo reboot}\n",
        "    - {tool: {version: x, signed_in: 'echo a > /tmp/b'}}\n",
        "    - {documents: [../secret]}\n", "    - {documents: [/etc/passwd]}\n", "    - {git: ~root}\n",
        "    - {git: x, ask: y}\n",
        "    - {checks: [shop]}\n", "    - {secrets: [x]}\n", "    - {command: uptime, host: nowhere}\n", "    - {}\n",
        "    - {command: uptime, timeout: 5m}\n",
    ],
)  # fmt: skip
def test_checklists_that_do_not_hold(text: str) -> None:
    found = checklist(text)
    assert found and isinstance(found[0], str)


def test_without_a_checklist_there_is_the_usual_one() -> None:
    loaded = load({"watchkeeper.yaml": b"team: T\nshift: {remind_after: 30m}\n"}, NOW)
    assert loaded.inventory is not None
    assert loaded.inventory.team.shift.checklist == USUAL and loaded.inventory.team.shift.remind_s == 1800


# ---- the hand-over -------------------------------------------------------------------------------------------------------


def test_the_hand_over_says_everything_and_stays_an_entry() -> None:
    notes = [
        Note(1, 4, NOW + 60, "progress", "ana", "v74 is live\n## not a heading", evidence_digest="e" * 64),
        Note(2, 4, NOW + 120, "blocker", "ana", "no rights on the registry"), Note(3, 4, NOW + 180, "next", "ana", "v75"),
    ]  # fmt: skip
    items = (Item("Tree", "git", 60.0, "failed", ". has 1 uncommitted file", at=NOW, used_s=0.2),)
    shift = replace(SHIFT, items=items, ready_for=("phase 3",), signed_at=NOW + 30, ended_at=NOW + HOUR)
    open_task = Task(12, 0, "delete it", NOW, "ana", "ben", NOW + 7200)
    ended = {"done_at": NOW + 60, "outcome": "done", "worked_s": 900.0, "estimate_s": 3600.0}
    done = Task(11, 0, "deploy", NOW, "ana", **ended)  # type: ignore[arg-type]
    material = Material(
        shift, notes, counted(shift, notes, 2 * HOUR, NOW + HOUR), notes_digest(notes), "ben", "all quiet",
        tasks_done=[done], tasks_open=[open_task], blockers=[notes[1]],
    )  # fmt: skip
    draft = hand_over(material, NOW + HOUR, ZONE)
    text = render_entry(Entry(9, draft, "d", "p", "h"), ZONE)
    assert draft.type == "Hand-over" and draft.title == "Hand-over of shift 4: ana to ben"
    assert dict(draft.fields)["Handed off to"] == "ben" and draft.facts["notes_digest"] == notes_digest(notes)
    sections = dict(draft.sections)
    assert "all quiet" in sections["Change"] and "Task 11, done in 15 min (estimated 1 h): deploy" in sections["Change"]
    assert (
        "no rights" in sections["Problem"] and "task 12: delete it (ben, due in 1 h)" in sections["Follow-up Actions"]
    )
    assert (
        "FAILED Tree" in sections["Verification"]
        and "v75" in sections["Next Steps"]
        and "phase 3" in sections["Next Steps"]
    )
    assert "\n## " not in text and text.count("\n### ") == 0 and "\n# " not in text


def test_an_empty_shift_says_so() -> None:
    ended = replace(SHIFT, ended_at=NOW + 60)
    draft = hand_over(Material(ended, (), counted(ended, (), HOUR, NOW), notes_digest(())), NOW + 60, ZONE)
    assert dict(draft.sections)["Change"] == "Nothing was reported and nothing happened."
    assert dict(draft.fields)["Handed off to"] == "whoever comes next"
