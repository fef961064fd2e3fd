"""Escalation tables and lists become rules."""

from __future__ import annotations

import pytest

from watchkeeper.core.runbooks import EscalationRule, read_runbook, show
from watchkeeper.core.runbooks.escalations import level_of, within_seconds


def rules(body: str, heading: str = "Escalation") -> list[tuple[str, str, str, float | None]]:
    found = read_runbook(f"# T\n\n## {heading}\n\n{body}\n", "t.md").escalations
    return [(one.level, one.when, one.who, one.within_s) for one in found]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("- P2 if the press stops twice; P1 if paper burns.", [("P2", "the press stops twice"), ("P1", "paper burns")]),
        ("- It jams again within the hour: call Mara.", [("", "It jams again within the hour", "Mara")]),
        ("- If not back in 30 minutes, page the foreman.", [("", "not back in 30 minutes", "the foreman", 1800.0)]),
        (
            "- Contact the paper mill if the stock is below 3 rolls",
            [("", "the stock is below 3 rolls", "the paper mill")],
        ),
        ("- L1: shift lead (0-15 min)", [("L1", "", "shift lead (0-15 min)", 900.0)]),
        ("- **Level 2**: Ada, then Bo", [("Level 2", "", "Ada, then Bo")]),
        ("- Primary: Mara", [("Primary", "", "Mara")]),
        ("- SEV1 - immediately page the on-call engineer", [("SEV1", "", "the on-call engineer", 0.0)]),
        (
            "1. Foreman\n2. Team lead (after 2 hours)",
            [("", "Foreman", ""), ("2", "", "Team lead (after 2 hours)", 7200.0)],
        ),
        (
            "- 30分以内に復旧しない場合は、印刷チームに連絡する",
            [("", "30分以内に復旧しない場合", "印刷チーム", 1800.0)],
        ),
        ("- レベル2: 印刷責任者", [("レベル2", "", "印刷責任者")]),
        ("- 15分钟后联系值班经理", [("", "15分钟后", "值班经理", 900.0)]),
    ],
)
def test_sentences(line: str, wanted: list[tuple[str, ...]]) -> None:
    found = rules(line)
    assert [one[: len(want)] for one, want in zip(found, wanted, strict=True)] == wanted


def test_labels_and_headings_give_the_level_to_the_items_below() -> None:
    body = (
        "### When to escalate\n\n**Immediate escalation (P1):**\n- Paper burns\n- Nobody is there\n\n"
        "**Next day (P3):**\n- Ink is low\n"
    )
    assert rules(body) == [
        ("P1", "Paper burns", "", 0.0),
        ("P1", "Nobody is there", "", 0.0),
        ("P3", "Ink is low", "", None),
    ]


def test_contact_details_below_one_title_are_one_rule_and_open_ones_are_found() -> None:
    body = (
        "### Level 1: press hall\n\n- Contact: Mara\n- Phone: 0123\n- Response time: 15 minutes\n\n"
        "**Owner of the hall:**\n- Name: [CONFIGURE]\n- Phone: TBD\n"
    )
    runbook = read_runbook(f"## Escalation\n\n{body}", "t.md")
    assert [(one.level, one.who, one.within_s) for one in runbook.escalations] == [("Level 1", "Mara (0123)", 900.0)]
    assert any("Owner of the hall" in finding.sentence for finding in runbook.findings)


def test_a_table_below_the_word_or_with_graded_rows_is_rules() -> None:
    table = "| Severity | Condition | Notify | Response time |\n|---|---|---|---|\n| P1 | All presses stand | Mara | 15 min |\n"
    wanted = [("P1", "All presses stand", "Mara", 900.0)]
    assert rules(table) == wanted
    assert rules(table, "Severity levels") == wanted
    assert rules("| Level | When to use |\n|---|---|\n| `warn` | Something odd |\n", "Log levels") == []
    runbook = read_runbook(f"## Escalation\n\n{table}", "t.md")
    assert [one.kind for one in runbook.tables] == ["escalation"] and runbook.escalations[0].line == 5


def test_other_sections_and_checkboxes_are_no_rules() -> None:
    assert rules("- P1 if it burns", "Background") == []
    assert rules("- [ ] call Mara") == []


def test_bold_labels_below_escalation_still_open_phases_for_fences() -> None:
    text = "## Escalation\n\n### P1 (critical)\n- Down\n\n**Action**: Page Mara immediately\n\n```bash\nuptime\n```\n"
    runbook = read_runbook(text, "t.md")
    assert runbook.escalations[-1] == EscalationRule(
        6, "P1", "", "Mara immediately", 0.0, "**Action**: Page Mara immediately"
    )
    assert [step.phase for step in runbook.steps] == ["fix"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("within 90s", 90.0), ("15-30 minutes", 1800.0), ("2 hrs", 7200.0), ("at once", 0.0), ("3 天", 259200.0),
     ("version 3.5 months", None), ("24/7", None), ("10:30 daily", None)],
)  # fmt: skip
def test_time_limits(text: str, seconds: float | None) -> None:
    assert within_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("P1", "P1"),
        ("Sev 2 outage", "Sev 2"),
        ("Critical", "Critical"),
        ("Support level 3", "level 3"),
        ("MP3 file", ""),
        ("二级", "二级"),
    ],
)
def test_levels(text: str, level: str) -> None:
    assert level_of(text) == level


def test_rules_schedules_sections_and_tables_are_shown() -> None:
    text = (
        "# T\n\n## Escalation\n\n- P1 if it burns\n\n## Jobs\n\n```cron\n0 1 * * * /opt/a.sh\n```\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    shown = show(read_runbook(text, "t.md"))["runbook"]
    assert isinstance(shown, dict)
    assert shown["escalations"][0]["level"] == "P1" and shown["schedules"][0]["cron"] == "0 1 * * *"
    assert [one["title"] for one in shown["sections"]] == ["T", "Escalation", "Jobs"]
    assert shown["tables"] == [{"line": 13, "header": ("a", "b"), "rows": 1, "kind": "text"}]
