"""The whole chain, for real: both programs, a real host, real commands, real pages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House

from watchkeeper.core.errors import Forbidden, NotFound, Usage


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("chain")
    house = House(root)
    for name in ("fixed", "itself", "asked", "denied", "voided", "edited", "removed", "acked", "manual", "parent"):
        house.service(name)
    house.service("loops", fix="true")
    house.service("fails", fix="echo about to fail; exit 3")
    house.service("observed", mode="observe")
    house.service("proposed", mode="propose")
    house.service("menu", runbook=menu(house))
    house.service("unfilled", runbook=house.runbook("unfilled", "touch <which-file>"))
    house.service("nofix", runbook="# No fix\n\n**Diagnosis**\n\n```bash\nuptime\n```\n")
    house.service("secret", fix=f"echo password=hunter2secret; touch {house.flags / 'secret'}")
    house.service(
        "byhand",
        runbook=house.runbook("byhand").replace("**Diagnosis**", "**Diagnosis**\n\n```bash\ntail -f /dev/null\n```"),
    )
    house.service("child")
    text = (house.ops / "services/child.yaml").read_text()
    house.write("services/child.yaml", text.replace("hosts: [app1]", "hosts: [app1]\ndepends_on: [parent]"))
    pair(house)
    (house.ops / "services/lonely.yaml").write_text(
        f"service: lonely\nhosts: [app1]\nchecks:\n  - name: flag\n    command: test -e {house.flags / 'lonely'}\n"
        "    from: host\n    crit: exit_code != 0\n"
    )
    (house.flags / "lonely").touch()
    house.start()
    house.until(house.all_ok, 20, "every check is OK")
    yield house
    house.stop()


def pair(house: House) -> None:
    """Two checks, each with its own answer; the first answer cannot help the second check, and may take long to prove."""
    house.service("pair", fix="true")
    other = house.flags / "pair-other"
    other.touch()
    path = house.ops / "services/pair.yaml"
    check = f"  - {{name: other, command: test -e {other}, from: host, crit: exit_code != 0, recover: 2 in a row}}\n"
    respond = "  - to: [other]\n    runbook: runbooks/pair-other.md\n    mode: auto\n    at_most: 2 per hour\n"
    text = path.read_text().replace("prove_within: 4s", "prove_within: 10m").replace("respond:\n", check + "respond:\n")
    path.write_text(text + respond)
    house.write("runbooks/pair-other.md", house.runbook("pair", f"touch {house.flags / 'pair'} {other}"))


def menu(house: House) -> str:
    flag = house.flags / "menu"
    return (
        "# Menu\n\n**Diagnosis**\n\n```bash\nuptime\n```\n\n**Solution:**\n\n```bash\n"
        f"# Make the flag\ntouch {flag}\n\n# Or make it with content\necho yes > {flag}\n```\n"
    )


def kinds(incident: dict) -> list[str]:
    return [event["kind"] for event in incident["timeline"]]


def test_a_granted_response_fixes_proves_logs_and_tells(house: House) -> None:
    house.grant("fixed")
    house.break_("fixed")
    incident = house.closed("fixed")
    assert incident["ending"] == "fixed"
    assert (house.flags / "fixed").exists()
    assert incident["diagnosed_at"] <= incident["fix_started_at"] <= incident["last_change_at"] <= incident["closed_at"]
    run = incident["runs"][0]
    assert (run["mode"], run["state"]) == ("auto", "proven")
    assert [step["state"] for step in run["steps"]] == ["done", "done"]
    entry = house.get(f"/log/{incident['entry']}")["entry"]
    assert "touch" in json.dumps(entry["sections"])
    assert house.get("/log/verify")["verification"]["ok"]
    house.until(lambda: any('"closed"' in page and "fixed" in page for page in house.pages()), 5, "the closing is told")
    assert {"opened", "flip", "run", "diagnosis", "change", "proof", "closed"} <= set(kinds(incident))


def test_a_service_that_recovers_by_itself_is_not_counted_as_fixed(house: House) -> None:
    house.break_("itself")
    house.until(lambda: house.incident("itself"), 10, "the incident opens")
    (house.flags / "itself").touch()
    incident = house.closed("itself")
    assert incident["ending"] == "recovered_by_itself"
    assert incident["runs"][0]["state"] == "cancelled"


def test_auto_without_a_grant_asks_and_an_approval_runs_exactly_that(house: House) -> None:
    house.break_("asked")
    run = waiting(house, "asked")
    assert not (house.flags / "asked").exists()
    assert run["mode"] == "propose"
    incident = house.incident("asked")
    assert incident and "Nobody has granted" in incident["why_not_acted"]
    approval = run["approvals"][0]
    with pytest.raises(Usage, match="void"):
        house.post(f"/runs/{run['id']}/approve", binds="0" * 64)
    house.post(f"/runs/{run['id']}/approve", binds=approval["binds"])
    assert house.closed("asked")["ending"] == "fixed"


def waiting(house: House, service: str) -> dict:
    def look() -> dict | None:
        incident = house.incident(service)
        runs = incident["runs"] if incident else []
        return runs[0] if runs and runs[0]["state"] == "parked" else None

    return house.until(look, 15, f"a run of {service} waits")


def test_a_denied_step_never_runs_and_a_person_is_told(house: House) -> None:
    house.break_("denied")
    run = waiting(house, "denied")
    house.post(f"/runs/{run['id']}/deny", reason="not tonight")
    incident = house.escalated("denied")
    assert not (house.flags / "denied").exists()
    assert "denied" in incident["escalated_why"]
    with pytest.raises(Usage, match="waits for no approval"):
        house.post(f"/runs/{run['id']}/approve")


def test_one_changed_byte_voids_the_grant(house: House) -> None:
    house.grant("voided")
    path = house.ops / "runbooks/voided.md"
    path.write_text(path.read_text() + "\n")
    house.until(
        lambda: _digest(house, "voided") != house.get("/grants")["grants"][0]["runbook_digest"],
        5,
        "the change is loaded",
    )
    house.break_("voided")
    run = waiting(house, "voided")
    assert run["mode"] == "propose"
    incident = house.incident("voided")
    assert incident and "changed after it was granted" in incident["why_not_acted"]
    assert not (house.flags / "voided").exists()


def _digest(house: House, name: str) -> str:
    return house.get(f"/runbooks/runbooks/{name}.md")["runbook"]["digest"]


def test_editing_the_check_does_not_close_its_incident(house: House) -> None:
    house.break_("edited")
    waiting(house, "edited")
    path = house.ops / "services/edited.yaml"
    path.write_text(path.read_text().replace(f"test -e {house.flags / 'edited'}", "exit 0"))
    incident = house.until(
        lambda: (found := house.incident("edited")) and "edited while" in str(found["escalated_why"]) and found,
        15,
        "escalated",
    )
    assert incident["status"] == "open"


def test_deleting_the_check_does_not_close_its_incident(house: House) -> None:
    house.break_("removed")
    waiting(house, "removed")
    (house.ops / "services/removed.yaml").unlink()
    incident = house.until(
        lambda: (found := house.incident("removed")) and "deleted while" in str(found["escalated_why"]) and found,
        15,
        "escalated",
    )
    assert incident["status"] == "open"


def test_a_fix_that_does_not_hold_stops_at_its_budget_and_escalates(house: House) -> None:
    house.grant("loops")
    house.break_("loops")
    incident = house.escalated("loops", 40)
    assert "2 of 2" in incident["escalated_why"]
    assert [run["state"] for run in incident["runs"]] == ["unproven", "unproven"]
    assert incident["status"] == "open"


def test_an_answer_to_another_failing_check_does_not_wait_for_a_proof_that_cannot_come(house: House) -> None:
    house.grant("pair")
    house.post("/grants", response="pair/runbooks/pair-other.md")
    house.break_("pair", "pair-other")
    incident = house.closed("pair", 25)
    assert {run["state"] for run in incident["runs"]} <= {"unproven", "proven"}
    assert incident["runs"][0]["plan"]["runbook"] == "runbooks/pair-other.md" or len(incident["runs"]) == 1


def test_a_failing_step_stops_the_run_and_escalates(house: House) -> None:
    house.grant("fails")
    house.break_("fails")
    incident = house.escalated("fails")
    run = incident["runs"][0]
    assert (run["state"], run["steps"][1]["exit_code"]) == ("failed", 3)
    assert "exit code 3" in incident["escalated_why"]
    _headers, output = house.client.raw("GET", f"/runs/{run['id']}/steps/1/output")
    assert output == b"about to fail\n"


def test_observe_runs_nothing(house: House) -> None:
    house.break_("observed")
    incident = house.escalated("observed")
    assert incident["runs"] == []
    assert "observe" in incident["escalated_why"]


def test_propose_diagnoses_within_five_seconds_and_waits(house: House) -> None:
    house.break_("proposed")
    run = waiting(house, "proposed")
    incident = house.incident("proposed")
    assert incident
    assert run["steps"][0]["state"] == "done"
    assert run["steps"][0]["evidence"]["size"] > 0
    assert seconds(incident["diagnosed_at"]) - seconds(incident["checks"][0]["flipped_at"]) <= 5


def seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_alternatives_wait_for_a_pick_and_only_that_one_runs(house: House) -> None:
    house.grant("menu")
    house.break_("menu")
    run = waiting(house, "menu")
    picks = [approval["step"] for approval in run["approvals"] if not approval["decided"]]
    assert picks == [1, 2]
    with pytest.raises(Usage, match="choice"):
        house.post(f"/runs/{run['id']}/approve")
    house.post(f"/runs/{run['id']}/approve", step=picks[1])
    house.closed("menu")
    assert (house.flags / "menu").read_text() == "yes\n"
    states = {step["index"]: step["state"] for step in house.get(f"/runs/{run['id']}")["run"]["steps"]}
    assert states[picks[0]] == "skipped"


def test_an_unfilled_placeholder_never_runs(house: House) -> None:
    house.grant("unfilled")
    house.break_("unfilled")
    run = waiting(house, "unfilled")
    with pytest.raises(Usage, match="needs a value"):
        house.post(f"/runs/{run['id']}/approve")
    assert not any("which" in path.name for path in house.flags.iterdir())
    place = house.flags / "unfilled"

    def wk(*words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "watchkeeper.faces.cli.program",
            "--ops",
            str(house.ops),
            "--state",
            str(house.state),
        ]
        return subprocess.run([*command, *words], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    refused = wk("runs", "approve", str(run["id"]), "--yes")
    assert refused.returncode == 2 and "--param which_file=VALUE" in refused.stderr
    shown = wk("runs", "approve", str(run["id"]), "--param", f"which_file={place}")
    assert shown.returncode == 2 and f"| touch {place}" in shown.stderr, "nobody there to ask, the text was shown"
    assert f"Touches 1 host (app1): writes {place}" in shown.stderr
    assert not place.exists()
    assert "Approved" in wk("runs", "approve", str(run["id"]), "--param", f"which_file={place}", "--yes").stdout
    assert house.closed("unfilled")["ending"] == "fixed"
    assert f"writes {place}" in wk("runs", "show", str(run["id"])).stdout
    report = wk("automation", "report").stdout.partition("unfilled/runbooks/unfilled.md")[2].partition("\n\n")[0]
    assert "a value is missing (1)" in report and "1 fixed" in report


def test_an_endless_diagnosis_step_is_left_out_and_the_fix_goes_on(house: House) -> None:
    house.grant("byhand")
    house.break_("byhand")
    run = house.closed("byhand")["runs"][0]
    assert [step["state"] for step in run["steps"]] == ["skipped", "done", "done"]


def test_a_runbook_without_a_fix_is_escalated_after_its_diagnosis(house: House) -> None:
    house.grant("nofix")
    house.break_("nofix")
    incident = house.escalated("nofix")
    assert incident["runs"][0]["steps"][0]["state"] == "done"


def test_a_check_that_nothing_answers_is_escalated_at_once(house: House) -> None:
    house.break_("lonely")
    incident = house.escalated("lonely")
    assert "no runbook answers" in incident["escalated_why"]
    house.until(
        lambda: any('"escalated"' in page and "lonely" in page for page in house.pages()), 5, "somebody is told"
    )


def test_acknowledging_falls_back_to_asking(house: House) -> None:
    house.write("runbooks/acked.md", house.runbook("acked").replace("ls ", "sleep 2; ls "))
    house.until(lambda: "sleep 2" in str(house.get("/runbooks/runbooks/acked.md")), 5, "the change is loaded")
    house.grant("acked")
    house.break_("acked")
    incident = house.until(lambda: house.incident("acked"), 10, "the incident opens")
    house.post(f"/incidents/{incident['id']}/ack")
    run = waiting(house, "acked")
    assert "acknowledged" in run["parked_why"]
    assert not (house.flags / "acked").exists()


def test_secrets_in_outputs_are_redacted_before_they_are_kept(house: House) -> None:
    house.grant("secret")
    house.break_("secret")
    run = house.closed("secret")["runs"][0]
    _headers, output = house.client.raw("GET", f"/runs/{run['id']}/steps/1/output")
    assert b"hunter2secret" not in output
    assert b"redacted" in output


def test_a_run_by_hand_without_verification_says_so_and_is_logged(house: House) -> None:
    plan = house.post("/runs", runbook="runbooks/manual.md", service="manual", dry_run=True)["run"]
    assert plan["id"] == 0
    assert [step["plan"]["host"] for step in plan["steps"]] == ["app1", "app1"]
    with pytest.raises(Usage, match="has changed since its plan was shown"):
        house.post("/runs", runbook="runbooks/manual.md", service="manual", digest="0" * 64)
    run = house.post("/runs", runbook="runbooks/manual.md", service="manual", digest=plan["plan"]["digest"])["run"]
    done = house.until(
        lambda: (found := house.get(f"/runs/{run['id']}")["run"])["ended_at"] and found, 10, "the run ends"
    )
    assert done["state"] == "done"
    assert "not verified" in done["message"]
    assert house.get(f"/log/{done['entry']}")["entry"]["facts"]["run"] == run["id"]


def test_a_failing_child_is_held_under_its_parent_and_opens_when_the_parent_recovers(house: House) -> None:
    house.break_("parent")
    parent = house.until(lambda: house.incident("parent"), 10, "the parent's incident opens")
    house.break_("child")
    house.until(lambda: "held" in kinds(house.incident("parent") or {"timeline": []}), 10, "the child is held")
    assert house.incident("child") is None
    services = {each["name"]: each for each in house.get("/status")["status"]["services"]}
    assert services["child"]["state"] == "CRIT"
    assert services["child"]["held_under"] == parent["id"]
    (house.flags / "parent").touch()
    house.closed("parent")
    house.until(lambda: house.incident("child"), 10, "the child opens an incident of its own")
    (house.flags / "child").touch()
    house.closed("child")


def test_what_does_not_exist_is_said_with_what_does(house: House) -> None:
    with pytest.raises(NotFound, match="incident 9999"):
        house.get("/incidents/9999")
    with pytest.raises(NotFound, match="There is no runbook"):
        house.post("/runs", runbook="nothing.md")
    with pytest.raises(NotFound, match="There is no service"):
        house.post("/runs", runbook="runbooks/fixed.md", service="shoop")
    with pytest.raises(NotFound, match="There is no response"):
        house.post("/grants", response="fixed/nothing.md")
    with pytest.raises(Usage, match="needs a reason"):
        incident = house.incident("loops")
        assert incident
        house.post(f"/incidents/{incident['id']}/close", reason=" ")


def test_the_drill_is_nobody_outside_the_sample(house: House, tmp_path: Path) -> None:
    from watchkeeper.faces.cli.client import Client

    drill = Client(str(house.state / "main.sock"), actor="drill")
    with pytest.raises(Forbidden):
        drill.post("/grants", {"response": "fixed/runbooks/fixed.md"})


def test_the_kill_switch_stops_every_change(house: House) -> None:
    house.post("/automation", on=False, reason="migration tonight")
    try:
        house.break_("fixed")
        run = waiting(house, "fixed")
        assert "migration tonight" in run["parked_why"]
        assert not (house.flags / "fixed").exists()
    finally:
        house.post("/automation", on=True)
    house.post(f"/runs/{run['id']}/approve")
    incident = house.closed("fixed")
    assert incident["recurring"]


def test_a_page_that_nobody_took_is_shown_and_delivered_later_with_the_same_key(house: House) -> None:
    (house.root / "channel-broken").touch()
    house.break_("itself")
    status = house.until(lambda: (found := house.get("/status")["status"])["undelivered"] and found, 15, "it is shown")
    key = status["undelivered"][0]["message"]["key"]
    (house.root / "channel-broken").unlink()
    house.until(lambda: any(key in page for page in house.pages()), 30, "the page arrives")
    house.until(lambda: not house.get("/status")["status"]["undelivered"], 20, "nothing is undelivered")
    (house.flags / "itself").touch()
