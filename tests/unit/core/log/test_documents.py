"""Strangers' logs: which entries are found, and that no line is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchkeeper.core.log.documents.drafting import draft_of, rebuilt
from watchkeeper.core.log.documents.reading import read
from watchkeeper.core.log.documents.values import Document, Options
from watchkeeper.core.log.vocabulary import Vocabulary

LOGS = Path(__file__).parents[3] / "fixtures" / "logs"
TOKYO = ("japanese.md", "korean.md", "japanese_lines.md", "korean_headings.md")


def read_file(name: str) -> Document:
    zone = "Asia/Tokyo" if name in TOKYO else "Asia/Shanghai" if name == "chinese.md" else "Africa/Johannesburg"
    return read((LOGS / name).read_text(encoding="utf-8"), Options(zone, {}, name))


def told(document: Document) -> list[tuple[str, str]]:
    return [
        (
            each.when.day.isoformat()
            if each.when.precision == "day"
            else datetime.fromtimestamp(each.when.at, UTC).strftime("%Y-%m-%dT%H:%M"),
            each.title,
        )
        for each in document.entries
    ]


EXPECTED = {
    "day_headings.md": [
        ("2025-03-04T21:30", "Moved the queue to the new disk"),
        ("2025-03-04T07:00", "Certificate renewed"),
        ("2025-03-03T14:05", "Restarted the proxy"),
    ],
    "titled_days.md": [
        ("2024-11-02", "New switch in rack 4"), ("2024-11-05", "Firmware update"), ("2024-11-09", "DNS moved (part 2)"),
    ],
    "role_stamps.md": [
        ("2025-08-01T22:05", "Night: START"), ("2025-08-01T23:10", "Night: TAPES CHANGED"), ("2025-08-01T23:00", "Night: END"),
    ],
    "hours_only_2025-06-07.md": [
        ("2025-06-07T06:10", "Coffee machine and router restarted."), ("2025-06-07T07:30", "Deployed shop 4.2"),
        ("2025-06-07T11:00", "Lunch deploy: none."),
    ],
    "bracket_lines.txt": [
        ("2026-01-02T10:00", "postfix restarted"), ("2026-01-02T11:15", "queue flushed"),
        ("2026-01-03T00:05", "cron mail for 2026-01-02 arrived late"),
    ],
    "dash_lines.md": [
        ("2026-01-02T08:00", "installed nginx"), ("2026-01-02T08:30", "opened port 443,"), ("2026-01-04", "changed the banner"),
        ("2026-02-10T16:00", "removed port 80"),
    ],
    "bullets.md": [
        ("2026-02-01T07:15", "swapped disk 3"), ("2026-02-01T08:40", "rebuild started"), ("2026-02-01", "checked temperatures"),
        ("2026-01-30", "upgraded the hypervisor"), ("2026-01-30", "moved two guests"),
        ("2026-01-28", "Long talk about backups. Nothing changed."),
    ],
    "table.md": [
        ("2026-01-02T08:00", "Raised the `a|b` limit"), ("2026-01-02T09:30", "Rotated keys | tokens"),
        ("2026-01-02T10:00", "Lowered it again"), ("2026-01-05", "Looked"),
    ],
    "objects.json": [("2026-01-02T08:00", "Added a node"), ("2026-01-03T04:05", "Removed a node")],
    "objects.jsonl": [("2026-01-02T10:00", "deploy"), ("2026-01-03T10:00", "rollback")],
    "labels.txt": [("2026-01-02T08:00", "Shop 4"), ("2026-01-03", "The shop was down.")],
    "labelled_headings.md": [("2026-01-02T10:00", "Shop 4.2 goes live"), ("2026-01-03", "Rollback of shop 4.2")],
    "chinese.md": [("2026-01-02T02:30", "升级数据库"), ("2026-01-02T07:20", "重启网关"), ("2026-01-05", "迁移存储")],
    "japanese.md": [
        ("2026-01-02T06:15", "サーバー再起動"), ("2026-01-02T09:30", "証明書更新"), ("2026-01-03T00:00", "障害対応"),
    ],
    "korean.md": [("2026-01-02T06:00", "배포"), ("2026-01-02T00:30", "백업 확인"), ("2026-01-03", "장애 조치")],
    "month_days.md": [("2025-12-23", "Moved mail"), ("2025-12-22", "Moved web"), ("2025-12-20T08:00", "x")],
    "underlined.md": [("2026-01-02", "Power work"), ("2026-01-01T06:00", "new year check")],
    "reviewed_sentence.md": [],
    "unclosed.md": [("2026-01-01T10:00", "One"), ("2026-01-02T10:00", "Two"), ("2026-01-03T10:00", "Three")],
    "us_dates.md": [("2026-01-13", "first"), ("2026-02-01", "second")],
    "ambiguous_dates.md": [("2026-01-02", "only")],
    "nested_archive.md": [
        ("2026-01-02T08:00", "new shape"), ("2025-01-05T10:00", "old shape"), ("2025-01-05T12:00", "old shape two"),
        ("2025-02-01T08:00", "old shape three"),
    ],
    "changelog_like.md": [("2026-01-09", "a"), ("2026-01-02", "c")],
    "day_with_titles.md": [
        ("2026-01-09", "Replaced the tape robot"), ("2026-01-09", "New VPN for the branch"), ("2026-01-08",
            "Patched everything"),
    ],
    "mixed_later.md": [
        ("2026-01-07T14:00", "Second gateway"), ("2026-01-07T12:30", "Power test"), ("2026-01-07", "Mail relay moved"),
        ("2026-01-06", "Autoscaler"), ("2026-01-05", "Queue drained"), ("2026-01-04", "Gateway outage"),
        ("2026-01-03T07:00", "Ticket sweep"), ("2026-01-02T08:00", "Tape robot"), ("2026-01-02", "Emergency fix"),
        ("2025-12-31T06:00", "Year end check"),
    ],
    "japanese_lines.md": [
        ("2026-01-02T01:00", "サーバー再起動（佐藤）"), ("2026-01-02T05:15", "監視アラート対応"),
            ("2026-01-05", "終日：棚卸し"),
    ],
    "korean_headings.md": [("2026-01-02T05:00", "배포 작업"), ("2026-01-03T00:00", "긴급 점검")],
    "chinese_table.md": [("2026-01-02", "更换硬盘"), ("2026-01-05", "系统升级<br>重启")],
    "incidents.md": [("2026-01-02T10:00", "Incident - DB down"), ("2026-01-09T22:00", "Incident - Disk")],
    "times_first.md": [
        ("2026-01-02T08:00", "Restart"), ("2026-01-03T11:00", "Stop"), ("2026-01-04T10:00", "Go"),
            ("2026-01-05T11:30", "Deploy"),
    ],
    "one_shift.md": [("2026-01-02T20:00", "took over"), ("2026-01-02T21:15", "alert on db1"), ("2026-01-02T22:30", "resolved")],
    "weeks.md": [("2026-01-05", "Week of"), ("2026-01-12", "Week of")],
    "runbook_with_history.md": [],
    "json_in_fence.md": [("2026-01-02", "x"), ("2026-01-03", "y")],
    "records_with_rules.md": [("2026-01-02", "Restarted"), ("2026-01-03", "Deployed")],
    "time_at_the_end.md": [("2026-01-02T12:00", "Deploy API"), ("2026-01-02T13:00", "Check")],
    "nested_dates.md": [("2026-01-05", "did a"), ("2026-01-05", "did b")],
    "empty.md": [],
    "incident_report.md": [("2026-01-02T10:00", "Outage of the shop")],
}  # fmt: skip


def test_every_fixture_has_its_truth() -> None:
    assert {path.name for path in LOGS.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_entries_of_each_shape(name: str) -> None:
    assert told(read_file(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_no_line_is_lost_and_every_entry_is_rebuilt(name: str, ends: str) -> None:
    text = (LOGS / name).read_text(encoding="utf-8").replace("\n", ends)
    zone = Options("Africa/Johannesburg", {}, name)
    document = read(text, zone)
    assert told(document) == told(read(text.replace("\r\n", "\n"), zone))
    covers(document, text)
    for each in document.entries:
        assert rebuilt(draft_of(each, name, Vocabulary())) == each.raw


def covers(document: Document, text: str) -> None:
    """Every line is in exactly one entry or span."""
    spans = sorted(
        [(each.first, each.last) for each in document.entries if each.last >= each.first]
        + [(each.first, each.last) for each in document.rest]
    )
    place = 1
    for first, last in spans:
        assert first == place
        place = last + 1
    assert place == document.lines + 1
