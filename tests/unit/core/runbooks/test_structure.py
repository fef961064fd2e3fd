"""Structure: what becomes a procedure, a phase, a step, a check, a task."""

from __future__ import annotations

import json

import pytest

from watchkeeper.core.runbooks import Runbook, Step, lint, read_runbook, show
from watchkeeper.core.runbooks.phases import role_of


def step_of(runbook: Runbook, identity: str) -> Step:
    return next(step for step in runbook.steps if step.id == identity)


def one(body: str, heading: str = "Resolution") -> Step:
    steps = read_runbook(f"# T\n\n## {heading}\n\n```bash\n{body}\n```\n", "t.md").steps
    assert len(steps) == 1, [step.text for step in steps]
    return steps[0]


def test_the_annotated_document_is_five_steps_one_check_table_one_task(spooler: Runbook) -> None:
    (procedure,) = spooler.procedures
    assert [step.id for step in procedure.steps] == ["spoolers", "give-back", "bounce", "depth", "old-settings"]
    assert [step.phase for step in procedure.steps] == ["diagnose", "fix", "fix", "verify", "rollback"]
    assert len(procedure.checks) == 1 and len(procedure.tasks) == 1
    assert procedure.title == "Print queue does not move"
    assert procedure.symptoms.startswith("labels stay in the tray list")


def test_attributes_and_front_matter_reach_the_steps(spooler: Runbook) -> None:
    depth, give_back = step_of(spooler, "depth"), step_of(spooler, "give-back")
    assert (depth.retries, depth.every_s, depth.expect) == (4, 5.0, "<= 40")
    assert (depth.host, depth.cwd) == ("print1", "/srv/printing")
    assert (give_back.timeout_s, give_back.approve) == (90.0, "operator")
    assert give_back.title == "Give back only labels whose spooler has gone."
    assert [(one.name, one.default) for one in give_back.parameters] == [("max_age_minutes", "30")]
    assert spooler.service == "printing" and dict(spooler.params) == {"max_age_minutes": "30"}


def test_risk_and_who_may_start(spooler: Runbook) -> None:
    assert {step.id: step.risk for step in spooler.steps} == {
        "spoolers": "read",
        "give-back": "change",
        "bounce": "change",
        "depth": "read",
        "old-settings": "change",
    }
    assert step_of(spooler, "spoolers").unattended and step_of(spooler, "bounce").unattended
    assert not step_of(spooler, "give-back").unattended and "approve=operator" in (
        step_of(spooler, "give-back").why or ""
    )


def test_the_check_table_holds_a_limit(spooler: Runbook) -> None:
    (row,) = spooler.procedures[0].checks[0].rows
    assert row.limit is not None
    assert (row.name, row.command, row.limit.operator, row.limit.value) == ("Tray depth", "./tray_depth.sh", "<=", 40.0)


def test_the_task_knows_owner_and_date(spooler: Runbook) -> None:
    (task,) = spooler.procedures[0].tasks
    assert (task.kind, task.owner, task.due, task.done) == ("task", "mara", "2026-03-01", False)


def test_problems_with_bold_labels_are_procedures_with_phases(bindery: Runbook) -> None:
    glue = next(one for one in bindery.procedures if one.title == "Issue: Glue runs dry")
    assert glue.symptoms == "pages fall out."
    assert [(step.phase, step.manual) for step in glue.steps] == [
        ("diagnose", False),
        ("diagnose", False),
        ("diagnose", False),
        ("fix", True),
        ("fix", False),
        ("verify", False),
    ]
    assert glue.steps[-1].proposed_expect == "ok"


def test_japanese_and_chinese_labels(bindery: Runbook) -> None:
    ink = next(one for one in bindery.procedures if one.title == "Issue: Ink smears")
    cutter = next(one for one in bindery.procedures if one.title == "Issue: Cutter stops")
    assert [step.phase for step in ink.steps] == ["diagnose", "fix", "rollback"]
    assert [step.phase for step in cutter.steps] == ["diagnose", "fix"]


@pytest.mark.parametrize(
    ("title", "role"),
    [
        ("3.2 Fix", "fix"),
        ("(b) Diagnosis:", "diagnose"),
        (("🔧 Troubleshooting pointers"), "diagnose"),
        ("Verify the result", "verify"),
        ("Step 3: Validation", "verify"),
        ("Rollback Procedures", "rollback"),
        ("Database Rollback", "rollback"),
        ("Pre-checks", "text"),
        ("**Possible Causes**", "diagnose"),
        (("Immediate actions (first 5 minutes)"), "fix"),
        ("Steps to check", "diagnose"),
        ("Steps to reproduce", "text"),
        (("Post-maintenance checklist"), "checklist"),
        ("Follow-up Actions", "followup"),
        ("Deployment", None),
        ("Fixtures", None),
        ("Checkout service", None),
        ("1. 確認手順", "diagnose"),
        ("问题发生时回滚", None),
        ("回滚步骤：", "rollback"),
        ("Escalation matrix", "escalation"),
        ("What to do", "fix"),
        ("", None),
        ("Issue", "symptom"),
        ("Issue: disk full", None),
    ],
)
def test_phase_words(title: str, role: str | None) -> None:
    assert role_of(title) == role


def test_a_note_does_not_end_a_section() -> None:
    text = "### Issue: A\n\n**Solution:**\n\n**Note:** takes a minute\n\n```bash\nsystemctl restart a\n```\n"
    assert [step.phase for step in read_runbook(text, "a.md").steps] == ["fix"]


def test_sub_headings_below_a_phase_stay_in_the_procedure_but_problems_do_not() -> None:
    text = (
        "# Press\n\n## Resolution\n\n### Ask the foreman\n\n```bash\nuptime\n```\n\n"
        "## Troubleshooting\n\n### High load\n\n```bash\nuptime\n```\n\n### Low ink\n\n```bash\nuptime\n```\n"
    )
    runbook = read_runbook(text, "press.md")
    assert [(one.title, len(one.steps)) for one in runbook.procedures] == [
        ("Press", 1),
        ("High load", 1),
        ("Low ink", 1),
    ]


def test_named_rollbacks_are_procedures_of_their_own() -> None:
    text = (
        "# Press\n\n## Rollback procedures\n\n### Data rollback\n\n```bash\nmv a b\n```\n\n"
        "### Code rollback\n\n```bash\nmv c d\n```\n"
    )
    assert [one.title for one in read_runbook(text, "press.md").procedures] == ["Data rollback", "Code rollback"]


def test_an_unknown_program_under_an_inherited_diagnosis_counts_as_change() -> None:
    direct = read_runbook("## Diagnosis\n\n```bash\n./look.sh\n```\n", "a.md").steps[0]
    inherited = read_runbook("## Diagnosis\n\n**Ink lines**\n\n```bash\n./look.sh\n```\n", "a.md").steps[0]
    assert (direct.risk, direct.unattended) == ("read", True)
    assert (inherited.risk, inherited.unattended) == ("change", False)


def test_the_fence_after_a_list_item_takes_its_title() -> None:
    steps = read_runbook("## Resolution\n\n1. **Copy settings**\n\n```bash\ncp a b\n```\n", "a.md").steps
    assert [(step.title, step.manual) for step in steps] == [("Copy settings", False)]


def test_lines_point_to_the_command() -> None:
    text = "---\ncwd: /srv\n---\n# T\n\n## Resolution\n\n```bash\n\n# first\ncp a b\n\n# second\ncp c d\n```\n"
    steps = read_runbook(text, "t.md").steps
    lines = text.split("\n")
    assert [lines[step.line - 1] for step in steps] == ["# first", "# second"]


def test_crlf_and_byte_order_mark_change_nothing_but_the_hash() -> None:
    text = "# T\n\n## Resolution\n\n```bash\ncp a b\n```\n"
    plain, dos = read_runbook(text, "t.md"), read_runbook("\ufeff" + text.replace("\n", "\r\n"), "t.md")
    assert plain.procedures == dos.procedures and plain.text_sha256 != dos.text_sha256


def test_show_is_json_with_the_promised_keys(spooler: Runbook) -> None:
    shown = json.loads(json.dumps(show(spooler)))["runbook"]
    (procedure,) = shown["procedures"]
    assert {"title", "steps", "checks", "tasks"} <= set(procedure)
    wanted = {
        "id",
        "phase",
        "title",
        "text",
        "language",
        "risk",
        "manual",
        "why",
        "parameters",
        "alternatives",
        "host",
        "line",
    }
    assert wanted <= set(procedure["steps"][0])


def test_ids_are_unique_and_names_win() -> None:
    text = (
        '## Resolution\n\n```bash\nuptime\n```\n\n```bash\nuptime\n```\n\n```bash {"name":"uptime"}\nuptime -p\n```\n'
    )
    assert [step.id for step in read_runbook(text, "a.md").steps] == ["uptime-2", "uptime-3", "uptime"]


def test_metadata_comment_gives_the_host() -> None:
    text = '## Diagnosis\n\n<!-- watchkeeper {"host":"db1"} -->\n```bash\nuptime\n```\n\n```bash\ndf -h\n```\n'
    assert [step.host for step in read_runbook(text, "a.md").steps] == ["db1", None]


def test_an_unclosed_fence_never_runs() -> None:
    runbook = read_runbook("## Resolution\n\n```bash\nrm -rf /srv/x\n\n## More\n\nText\n", "a.md")
    assert runbook.steps == () and runbook.fences[0].kind == "unknown"
    assert any(finding.level == "error" and "never closed" in finding.sentence for finding in runbook.findings)


def test_a_fence_hidden_in_html_is_listed() -> None:
    runbook = read_runbook("<details>\n```bash\nuptime\n```\n</details>\n", "a.md")
    assert [(fence.kind, fence.text) for fence in runbook.fences] == [("text", "uptime")]
    assert "empty line" in runbook.findings[0].sentence


def test_too_big_a_document_is_refused_with_a_sentence() -> None:
    runbook = read_runbook("# a\n" + "x" * 4_000_001, "big.md")
    assert runbook.procedures == () and "4000000" in runbook.findings[0].sentence


@pytest.mark.parametrize(
    "front",
    [
        "a: [",
        "- one",
        "a: &x [1]\nb: *x",
        "a: 1\na: 2",
        "watchkeeper: 3",
        "watchkeeper: {params: [1]}",
        "x: !!python/object:os.system 1",
        "\t- a: b",
    ],
)
def test_odd_front_matter_is_a_finding_never_a_trace(front: str) -> None:
    runbook = read_runbook(f"---\n{front}\n---\n## Resolution\n\n```bash\ncp a b\n```\n", "a.md")
    assert [step.text for step in runbook.steps] == ["cp a b"]


def test_a_rollback_section_of_prose_answers_the_question() -> None:
    text = "# Worker\n\n**Fix**\n\n```bash\nsystemctl restart worker\n```\n\n**Rollback**\n\nNone needed.\n"
    with_section = [finding.sentence for finding in lint(read_runbook(text, "x.md"))]
    without = [finding.sentence for finding in lint(read_runbook(text.partition("**Rollback**")[0], "x.md"))]
    assert not any("no rollback" in sentence for sentence in with_section)
    assert any("no rollback" in sentence for sentence in without)
