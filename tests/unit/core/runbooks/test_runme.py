"""Every attribute of Runme is honoured or kept: one test for each row of the table."""

from __future__ import annotations

import pytest

from watchkeeper.core.runbooks import Runbook, Step, read_runbook
from watchkeeper.core.runbooks.attributes import read_info


def document(info: str, body: str = "uptime", heading: str = "Diagnosis", front: str = "") -> Runbook:
    top = f"---\n{front}\n---\n" if front else ""
    return read_runbook(f"{top}## {heading}\n\n```{info}\n{body}\n```\n", "t.md")


def step(info: str, body: str = "uptime", heading: str = "Diagnosis", front: str = "") -> Step:
    (only,) = document(info, body, heading, front).steps
    return only


@pytest.mark.parametrize("info", ['sh {"name":"look","id":"01J"}', "sh { name=look id=01J }", "sh {name=look id=01J}"])
def test_name_is_the_step_and_id_is_kept(info: str) -> None:
    one = step(info)
    assert (one.id, one.attributes["id"]) == ("look", "01J")


def test_json_is_tried_first_and_every_value_is_text() -> None:
    assert read_info('sh {"a":1,"b":true,"c":"x y"}').attributes == {"a": "1", "b": "true", "c": "x y"}
    assert read_info("sh { a=1 b='x' }").attributes == {"a": "1", "b": "x"}


def test_interactive_needs_a_person() -> None:
    asked = step('sh {"interactive":"true"}')
    assert asked.manual and not asked.unattended
    assert step('sh {"interactive":"false"}').unattended
    assert step('sh {"interactive":"false"}', "vim a").manual


def test_background_is_supervised() -> None:
    assert step('sh {"background":"true"}').background and not step("sh").background
    assert step("sh", "./press &").background


def test_exclude_from_run_all_never_runs_by_itself() -> None:
    assert not step('sh {"excludeFromRunAll":"true"}').unattended
    assert step('sh {"excludeFromRunAll":"false"}').unattended


@pytest.mark.parametrize("info", ['sh {"ignore":"true"}', 'sh {"transform":"false"}', "mermaid"])
def test_ignored_blocks_are_documentation(info: str) -> None:
    runbook = document(info)
    assert runbook.steps == () and runbook.fences[0].kind == "text"


def test_transform_true_is_not_ignored() -> None:
    assert len(document('sh {"transform":"true"}').steps) == 1


@pytest.mark.parametrize("key", ["tag", "category"])
def test_tags_set_the_phase_and_other_words_are_labels(key: str) -> None:
    one = step(f'sh {{"{key}":"press,rollback"}}')
    assert (one.phase, one.attributes[key]) == ("rollback", "press,rollback")
    assert step(f'sh {{"{key}":"press"}}').phase == "diagnose"


def test_cwd_is_combined_with_that_of_the_document() -> None:
    assert step('sh {"cwd":".."}', front="cwd: /tmp/a").cwd == "/tmp"
    assert step('sh {"cwd":"/srv"}', front="cwd: /tmp/a").cwd == "/srv"
    assert step("sh", front="cwd: /tmp/a").cwd == "/tmp/a"


def test_interpreter_says_who_reads_the_text() -> None:
    python = step('sh {"interpreter":"/usr/bin/env python3"}', "import os")
    assert python.manual and "watchkeeper runs shell text only" in (python.why or "")
    assert document('text {"interpreter":"/bin/bash"}').fences[0].kind == "command"


@pytest.mark.parametrize("key", ["mimetype", "mimeType", "closeTerminalOnSuccess", "terminalRows", "unknownKey"])
def test_what_is_for_editors_is_kept(key: str) -> None:
    assert step(f'sh {{"{key}":"x/y"}}').attributes == {key: "x/y"}


@pytest.mark.parametrize(
    ("prompt", "body", "wanted"),
    [
        ("", "export A=Which tray\necho $A", [("A", None, "Which tray")]),
        ("yes", 'export A="tray 1"\necho $A', [("A", "tray 1", "")]),
        ("auto", 'export A="tray 1"\necho $A', [("A", "tray 1", "")]),
        ("no", "export A=tray\necho $A", []),
        ("false", "export A=tray\necho $A", []),
        ("0", "export A=tray\necho $A", []),
        ("never", "export A=tray\necho $A", []),
        ("", 'export A="tray 1"\necho $A', []),
    ],
)
def test_prompt_env_becomes_a_parameter(prompt: str, body: str, wanted: list[tuple[str, str | None, str]]) -> None:
    info = f'sh {{"promptEnv":"{prompt}"}}' if prompt else "sh"
    assert [(one.name, one.default, one.ask) for one in step(info, body).parameters] == wanted


def test_skip_prompts_holds_for_reading_steps_only() -> None:
    body = "export A=tray one\necho $A"
    assert step('sh {"skipPrompts":"true"}', body).parameters == ()
    assert step("sh", body, front="skipPrompts: true").parameters == ()
    assert len(step('sh {"skipPrompts":"false"}', body, front="skipPrompts: true").parameters) == 1
    changing = document('sh {"skipPrompts":"true"}', "export A=tray one\nrm $A", "Resolution")
    assert len(changing.steps[0].parameters) == 1
    assert any(finding.code == "skip-prompts" for finding in changing.findings)


def test_front_matter_is_read_and_kept() -> None:
    front = (
        "cwd: /srv\nshell: bash\ntag: verify\ncategory: press\nterminalRows: 20\nskipPrompts: true\n"
        "runme:\n  id: 01J\n  version: v3"
    )
    runbook = document("sh", front=front, heading="The press")
    assert runbook.front_matter["runme"] == {"id": "01J", "version": "v3"} and runbook.front_matter["shell"] == "bash"
    assert runbook.steps[0].phase == "verify"
    assert document("sh", front=front).steps[0].phase == "diagnose"


def test_reading_stops_at_the_first_brace_and_says_so() -> None:
    odd = document('sh {"name":"a","when":"{x}"}')
    assert odd.steps[0].attributes == {"name": "a", "when": "{x}"}
    assert any("first }" in finding.sentence for finding in odd.findings)
    assert any("cut at a space" in one for one in read_info('sh { expect="two words" }').oddities)
    assert read_info("sh { name=a").attributes == {}


def test_lines_that_runme_would_change_are_kept_with_a_note() -> None:
    runbook = document("sh", "$TRAY/look\n### a heading\nuptime")
    assert runbook.fences[0].text.startswith("$TRAY/look") and any("Runme" in one.sentence for one in runbook.findings)


def test_our_own_attributes_are_carried() -> None:
    one = step(
        'sh {"host":"p1","timeout":"2m","retries":"3","every":"5s","expect":"< 100","undo":"back",'
        '"capture":"N","approve":"two","serial":"2","idempotent":"true","risk":"change"}'
    )
    assert (one.host, one.timeout_s, one.retries, one.every_s, one.expect, one.undo) == (
        "p1",
        120.0,
        3,
        5.0,
        "< 100",
        "back",
    )
    assert (one.capture, one.approve, one.serial, one.idempotent, one.risk) == ("N", "two", 2, True, "change")
