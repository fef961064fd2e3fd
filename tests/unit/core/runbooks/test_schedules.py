"""Crontab lines become schedules."""

from __future__ import annotations

import pytest

from watchkeeper.core.runbooks import Schedule, read_runbook


def schedules(body: str, info: str = "bash") -> tuple[Schedule, ...]:
    return read_runbook(f"# T\n\n## Maintenance\n\n```{info}\n{body}\n```\n", "t.md").schedules


def test_a_system_crontab_names_the_user_and_the_comment_is_the_title() -> None:
    found = schedules("# /etc/cron.d/press\n\n# Count the sheets (at night)\n5 2 * * * paper /opt/press/count.sh --all")
    assert found == (Schedule(9, "5 2 * * *", "/opt/press/count.sh --all", "paper", "Count the sheets (at night)"),)


@pytest.mark.parametrize(
    ("line", "cron", "user", "command"),
    [
        ("0 */4 * * 1-5 /opt/a.sh", "0 */4 * * 1-5", "", "/opt/a.sh"),
        ("@daily cd /srv && ./b.sh", "@daily", "", "cd /srv && ./b.sh"),
        ("0 3 * * sun root /opt/a.sh", "0 3 * * sun", "root", "/opt/a.sh"),
        ("0  3\t* * *   curl -fsS https://ping.example.org/x", "0 3 * * *", "", "curl -fsS https://ping.example.org/x"),
        ("*/5 * * * * psql -c 'select 1'", "*/5 * * * *", "", "psql -c 'select 1'"),
        ("0 1,13 1-7 jan,jul * find /tmp -mtime +7 -delete", "0 1,13 1-7 jan,jul *", "", "find /tmp -mtime +7 -delete"),
    ],
)
def test_fields_user_and_command(line: str, cron: str, user: str, command: str) -> None:
    for info in ("bash", "", "cron", "text"):
        (found,) = schedules(line, info) if info != "text" else schedules(line, "crontab")
        assert (found.line, found.cron, found.user, found.command) == (6, cron, user, command)


def test_lines_below_crontab_e_are_schedules_even_as_comments_and_no_step() -> None:
    runbook = read_runbook(
        "## Steps\n\n```bash\nsudo crontab -u mara -e\n# Add:\n# 0 5 * * * /opt/water.sh\n```\n", "t.md"
    )
    assert runbook.schedules == (Schedule(6, "0 5 * * *", "/opt/water.sh", "mara", "Add"),)
    assert runbook.steps == () and runbook.fences[0].kind == "schedule"


def test_a_commented_crontab_line_alone_is_switched_off() -> None:
    assert schedules("# 0 5 * * * /opt/water.sh\nuptime") == ()


def test_a_command_that_installs_a_line_is_a_step_and_a_schedule() -> None:
    runbook = read_runbook(
        '## Steps\n\n```bash\n(crontab -l; echo "15 4 * * * /opt/a.sh >> /tmp/a.log 2>&1") | crontab -\n```\n', "t.md"
    )
    assert [(one.cron, one.command) for one in runbook.schedules] == [("15 4 * * *", "/opt/a.sh >> /tmp/a.log 2>&1")]
    assert len(runbook.steps) == 1


def test_numbers_are_no_schedule() -> None:
    assert schedules("1 2 3 4 5", "") == () and schedules("10 20 30\n1 2 3", "") == ()
