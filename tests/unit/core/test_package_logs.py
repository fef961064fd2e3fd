"""dpkg.log and apt's history.log as written, torn, rotated and hostile."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.changes.packages import Act, acts_of, grouped, host_zone, transactions_of

DPKG = """\
2026-11-21 02:11:09 startup archives unpack
2026-11-21 02:11:09 upgrade libssl3:amd64 3.0.17-1~deb12u2 3.0.19-1~deb12u1
2026-11-21 02:11:09 status half-configured libssl3:amd64 3.0.17-1~deb12u2
2026-11-21 02:11:10 upgrade openssl:amd64 3.0.17-1~deb12u2 3.0.19-1~deb12u1
2026-11-21 02:11:12 configure openssl:amd64 3.0.19-1~deb12u1 <none>
2026-11-21 02:11:12 trigproc libc-bin:amd64 2.36-9 <none>
2026-11-21 03:40:00 install shop-agent:all <none> 2.4.0
2026-11-21 03:55:00 remove shop-agent:all 2.4.0 <none>
"""
APT = """
Start-Date: 2026-11-21  02:11:08
Commandline: apt-get -y upgrade
Requested-By: ann (1000)
Upgrade: libssl3:amd64 (3.0.17-1~deb12u2, 3.0.19-1~deb12u1), openssl:amd64 (3.0.17-1~deb12u2, 3.0.19-1~deb12u1)
End-Date: 2026-11-21  02:11:13

Start-Date: 2026-11-21  04:00:00
Commandline: /usr/bin/unattended-upgrade
Install: linux-image-6.1.0-30-amd64:amd64 (6.1.124-1, automatic)
"""


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_run_of_apt_is_one_change_and_dpkg_tells_the_rest() -> None:
    told = grouped(acts_of(DPKG, 0.0), transactions_of(APT, 0.0), 0.0)
    assert [each.title for each in told] == [
        "2 packages upgraded: libssl3 3.0.17-1~deb12u2 to 3.0.19-1~deb12u1, openssl 3.0.17-1~deb12u2 to 3.0.19-1~deb12u1",
        "package shop-agent 2.4.0 installed",
        "package shop-agent 2.4.0 removed",
        "package linux-image-6.1.0-30-amd64 6.1.124-1 installed",
    ]
    assert [each.by for each in told] == ["ann", "", "", ""]
    assert told[0].at == at("2026-11-21 02:11:08") and told[0].detail.startswith("apt-get -y upgrade: libssl3 ")


def test_what_was_told_before_is_not_told_again() -> None:
    acts, runs = acts_of(DPKG, 0.0), transactions_of(APT, 0.0)
    until = at("2026-11-21 02:11:13")
    assert len(grouped(acts[:1], (), until)) == 0, "lines that were read after the end of their run"
    assert grouped(acts, runs, until)[0].title == "package shop-agent 2.4.0 installed"


def test_dpkg_alone_is_cut_at_its_pauses() -> None:
    lines = "".join(f"2026-11-21 02:{minute:02d}:00 install p{minute}:amd64 <none> 1.0\n" for minute in (0, 1, 2, 9))
    told = grouped(acts_of(lines, 0.0), (), 0.0)
    assert [len(each.packages) for each in told] == [3, 1]
    assert told[0].title == "3 packages installed: p0 1.0, p1 1.0 and 1 more"


def test_times_are_those_of_the_hosts_zone() -> None:
    assert host_zone("+0200\n") == 7200.0 and host_zone("-0330") == -12_600.0 and host_zone("+9900") == 14 * 3600.0
    assert host_zone("") == host_zone("UTC") == 0.0
    assert acts_of(DPKG, host_zone("+0200"))[0].at == at("2026-11-21 00:11:09")


@pytest.mark.parametrize(
    "line",
    [
        "2026-02-30 02:11:09 upgrade a 1 2", "2026-11-21 25:00:00 upgrade a 1 2", "2026-11-21 02:11:09 upgrade a",
        "2026-11-21 02:11:09 upgrade " + "a" * 5000 + " 1 2", "\x00\x1b[2J", "upgrade a 1 2",
        "0000-00-00 00:00:00 install a 1 2",
        "2026-11-21 02:11:09 steal a 1 2",
    ],
)  # fmt: skip
def test_lines_of_another_form_are_passed_over(line: str) -> None:
    good = "2026-11-21 02:11:09 upgrade openssl:amd64 1 2\n"
    assert [each.packages[0].name for each in acts_of(f"{line}\n{good}{line}", 0.0)] == ["openssl"]


@pytest.mark.parametrize(
    "block",
    [
        "Start-Date: yesterday\nInstall: a (1)", "Start-Date: 2026-11-21  02:00:00\nInstall: ", "Install: a (1)",
        "Start-Date: 2026-11-21  02:00:00\nInstall: " + "(" * 10_000,
        "Start-Date: 2026-11-21  02:00:00\nUpgrade: a ((1, 2)",
    ],
)  # fmt: skip
def test_runs_that_cannot_be_read_are_passed_over(block: str) -> None:
    assert transactions_of(block, 0.0) in ((), transactions_of(block, 0.0))
    assert all(each.packages for each in transactions_of(block, 0.0))


def test_a_torn_log_costs_at_most_its_torn_line() -> None:
    whole = len(acts_of(DPKG, 0.0))
    for cut in range(0, len(DPKG), 7):
        assert len(acts_of(DPKG[:cut], 0.0)) + len(acts_of(DPKG[cut:], 0.0)) >= whole - 1


@given(st.text(max_size=400), st.integers(-50_000, 50_000))
def test_any_text_is_read_without_a_fault(text: str, zone_s: int) -> None:
    assert all(isinstance(each, Act) for each in acts_of(text, zone_s))
    transactions_of(text, zone_s)
    grouped(acts_of(text, zone_s), transactions_of(text, zone_s), 0.0)


def test_a_large_log_is_read_in_linear_time() -> None:
    random.seed(1)
    lines = "".join(f"2026-11-21 02:{n % 60:02d}:{n % 59:02d} install p{n}:amd64 <none> 1.{n}\n" for n in range(2000))
    assert sum(len(each.packages) for each in grouped(acts_of(lines, 0.0), (), 0.0)) == 2000
