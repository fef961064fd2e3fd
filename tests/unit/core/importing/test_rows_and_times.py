"""Rows of check tables to checks, words to schedules, and sections to pieces that lose no byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.importing.limits import row_check
from watchkeeper.core.importing.routines import due_of, five_fields
from watchkeeper.core.importing.sections import piece, ranges_without, rows_of, without_origin
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.runbooks.tables import read_table


def row(name: str, command: str, healthy: str, container: str = "") -> tuple[str, str]:
    """(the check as YAML lines, the note)."""
    table = read_table(["Metric", "Command", "Healthy Range"], [(3, [name, f"`{command}`", healthy])], 1, None)
    assert table is not None
    check = row_check(table.rows[0], container)
    text = "".join(f"    {key}: {value}\n" for key, value in check.lines)
    if text:
        service = f"service: x\nhosts: [h]\nchecks:\n  - name: x\n{text}"
        files = {
            "watchkeeper.yaml": "team: x\n",
            "hosts.yaml": "hosts: {h: {local: true}}\n",
            "services/x.yaml": service,
        }
        assert not load({path: body.encode() for path, body in files.items()}, 0.0).errors, service
    return "; ".join(f"{key}: {value}" for key, value in check.lines), check.note


@pytest.mark.parametrize(
    ("name", "command", "healthy", "check"),
    [
        ("Disk", "df -h /", "> 20% free", "disk: /; ok: free > 20%"),
        ("Disk", "df -h /srv | tail -1", "< 80%", "disk: /srv; ok: used < 80%"),
        ("Disk used", "df /", "at most 85%", "disk: /; ok: used <= 85%"),
        ("CPU", "top", "< 80%", "cpu: true; ok: used < 80%"),
        ("Memory", "free -m", "< 90%", "memory: true; ok: used < 90%"),
        ("Load", "uptime", "< 4", "load: true; ok: load1 < 4"),
        ("Worker", "systemctl is-active bay", "active", "systemd: bay.service"),
        ("Queue", "./depth.sh", "< 100", 'command: "./depth.sh"; ok: exit_code == 0 and value < 100'),
        ("Queue", "./depth.sh", "0", 'command: "./depth.sh"; ok: exit_code == 0 and value == 0'),
        ("Cache", "redis-cli ping", "PONG", "command: \"redis-cli ping\"; ok: 'output contains \"PONG\"'"),
        ("Answer", "curl https://shop.example.org/health", "< 200ms",
         'http: "https://shop.example.org/health"; ok: status == 200 and latency < 200ms'),
        ("Answer", "curl localhost:80/health", "200 OK", 'http: "http://localhost:80/health"; from: host; ok: status == 200'),
        ("Certificate", "openssl s_client -connect shop.example.org:443", "> 14 days",
         'tls: "shop.example.org:443"; ok: days > 14'),
        ("Jobs", "./jobs.sh", "<= MAX_JOBS", 'command: "./jobs.sh"; ok: exit_code == 0'),
        ("Jobs", "./jobs.sh", "the usual", 'command: "./jobs.sh"; ok: exit_code == 0'),
        ("Size", "du -s /srv", "< 2GB", 'command: "du -s /srv"; ok: exit_code == 0'),
    ],
)  # fmt: skip
def test_a_row_becomes_a_check(name: str, command: str, healthy: str, check: str) -> None:
    assert row(name, command, healthy)[0] == check


@pytest.mark.parametrize(
    ("command", "healthy", "said"),
    [
        ("rm -rf /srv/x", "0", "no read command (destroy)"),
        ("systemctl restart x", "ok", "no read command (change)"),
        ("docker stats", "< 80%", "which container"),
        ("htop", "low", "cannot be asked again and again"),
        ("tail -f /var/log/x", "quiet", "cannot be asked again and again"),
        ("./depth.sh <queue>", "< 5", "cannot be asked again and again"),
        ("select count(*) from job", "< 5", "needs a connection"),
    ],
)
def test_a_row_that_is_no_check_says_why(command: str, healthy: str, said: str) -> None:
    text, note = row("X", command, healthy)
    assert text == "" and said in note


def test_docker_stats_is_asked_once_for_the_one_container() -> None:
    assert "docker stats --no-stream --format '{{.CPUPerc}}' bay" in row("CPU", "docker stats", "< 80%", "bay")[0]
    memory, note = row("Memory", "docker stats", "< 1.5GB", "bay")
    assert "numfmt" in memory and "value < 1.5GB" in memory and "asked once" in note
    assert "without a verdict" in row("Jobs", "./jobs.sh", "<= MAX_JOBS")[1]


@pytest.mark.parametrize(
    ("texts", "cron", "guessed"),
    [
        (("Morning (Start of Business Day)", "Frequency: Every business day at 8:00 AM"), "0 8 * * 1-5", False),
        (("Midday", "every weekday at 12:00 PM"), "0 12 * * 1-5", False),
        (("Backup, daily at 02:15",), "15 2 * * *", False),
        (("Daily, 12 am",), "0 0 * * *", False),
        (("Weekly on Mondays 09:30",), "30 9 * * 1", False),
        (("Every 4 hours",), "0 */4 * * *", False),
        (("Evening tasks, daily",), "0 18 * * *", True),
        (("Monthly Audit Checklist",), "0 9 1 * *", True),
        (("Quarterly review",), "0 9 1 1,4,7,10 *", True),
        (("毎日の確認",), "0 9 * * *", True),
    ],
)
def test_words_become_a_schedule(texts: tuple[str, ...], cron: str, guessed: bool) -> None:
    due = due_of(texts)
    assert due is not None and due.cron == cron and bool(due.guessed) is guessed


def test_no_rhythm_is_no_schedule() -> None:
    assert due_of(("Pre-Maintenance Checklist", "done by 10:00")) is None
    assert (
        five_fields("@daily") == "0 0 * * *"
        and five_fields("@reboot") == ""
        and five_fields("1 2 * * *") == "1 2 * * *"
    )


@given(
    st.text(alphabet="ab#\r\n |", max_size=80), st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4)), max_size=3)
)
def test_pieces_hold_exact_lines(text: str, holes: list[tuple[int, int]]) -> None:
    rows = rows_of(text)
    assert "".join(rows) == text
    whole = (1, max(len(rows), 1))
    kept = ranges_without(whole, [(first, first + more) for first, more in holes])
    covered = {line for first, last in kept for line in range(first, last + 1)}
    taken = {line for first, more in holes for line in range(first, first + more + 1)}
    assert covered == set(range(1, whole[1] + 1)) - taken
    made = piece("x.md", text, kept)
    body = "".join("".join(rows[first - 1 : last]) for first, last in kept)
    assert made.split("-->", 1)[1].strip("\r\n") == body.strip("\r\n") or any(row == rows[-1] for row in rows)
    moved = piece("x.md", "new first line\n" + text, [(first + 1, last + 1) for first, last in kept])
    if not (kept and rows and not rows[-1].endswith(("\n", "\r"))) and ("\r\n" in text) == ("\r\n" in made):
        assert without_origin(moved) == without_origin(made)
