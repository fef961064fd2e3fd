"""Our own backup and unit as rules: what stays, when one is due or late, how far numbers jump, what a unit denies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core import backups
from watchkeeper.core.backups import Backup, Manifest, Versions
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.units import Installation, profile, unit

NOW = 1_763_000_000.0
DAY_S = 86_400.0


def backup(at: float, installation: str = "a") -> Backup:
    return Backup(f"/b/{at}", Manifest(at, "1", installation, "h", Versions(), {"main.db": (10, "d")}, 0, ""))


@pytest.mark.parametrize(
    ("ages", "keep", "gone"),
    [([1, 2, 3], 3, []), ([1, 2, 3], 1, [3, 2]), ([3, 1, 2], 2, [3]), ([1, 2], 0, [2]), ([], 5, [])],
)
def test_the_oldest_go_first_and_one_always_stays(ages: list[float], keep: int, gone: list[float]) -> None:
    others = [backup(NOW - 99, "another"), backup(NOW + 99, "another")]
    found = backups.surplus([*(backup(NOW - age) for age in ages), *others], "a", keep)
    assert [NOW - each.manifest.made_at for each in found] == gone
    newest = backups.newest([*(backup(NOW - age) for age in ages), *others], "a")
    assert (newest.manifest.made_at if newest else None) == (NOW - min(ages) if ages else None)


@pytest.mark.parametrize(
    ("last", "tried", "due"),
    [
        (None, None, True),
        (NOW - DAY_S, None, True),
        (NOW - DAY_S + 1, None, False),
        (None, NOW - 60, False),
        (None, NOW - 901, True),
        (NOW + 5 * DAY_S, None, True),
    ],
    ids=["never", "a day ago", "just under", "failed a minute ago", "failed long ago", "the clock was set back"],
)
def test_when_one_is_due(last: float | None, tried: float | None, due: bool) -> None:
    assert backups.is_due(last, tried, DAY_S, NOW) is due


def test_late_is_said_with_both_numbers() -> None:
    assert backups.lateness(NOW - 1.4 * DAY_S, DAY_S, NOW) == ""
    assert "2 days old" in backups.lateness(NOW - 2 * DAY_S, DAY_S, NOW)
    assert "every 24 h" in backups.lateness(NOW - 2 * DAY_S, DAY_S, NOW)
    assert "no backup" in backups.lateness(None, DAY_S, NOW)


def test_numbers_jump_further_than_automation_can_have_counted() -> None:
    from watchkeeper.core.inventory.values import Team

    count, period_s = Team().budget_all
    for days in (0.0, 0.9, 1.0, 13.5):
        assert backups.jump(days * DAY_S) > days * DAY_S / period_s * count
    assert backups.jump(-5.0) == backups.NUMBERS_A_DAY, "a backup from the future"


def test_names() -> None:
    assert backups.name_of(NOW) == "watchkeeper-20251113T021320Z"
    assert backups.is_name(backups.name_of(NOW, 3))
    assert not any(map(backups.is_name, ("watchkeeper", ".watchkeeper-20251113T021320Z.7.partial", "watchkeeper-x")))


# ---- the unit ------------------------------------------------------------------------------------------------------


def needed(hosts: str, runbook: str = "ls", user: str = "wk") -> str:
    files = {
        "watchkeeper.yaml": "team: T\n",
        "hosts.yaml": f"hosts:\n{hosts}\n",
        "services/web.yaml": "service: web\nhosts: [a]\nrespond:\n  - {runbook: runbooks/web.md}\n",
        "runbooks/web.md": f"# Web\n\n**Fix**\n\n```bash\n{runbook}\n```\n",
    }
    loaded = load({name: text.encode() for name, text in files.items()}, NOW)
    assert loaded.inventory is not None, loaded.errors
    return profile(loaded.inventory, user)


def test_how_far_a_unit_goes_follows_from_what_commands_on_this_machine_need() -> None:
    assert needed("  a: {ssh: deploy@app1.example.org, become: sudo -n}") == "remote"
    assert needed("  a: {local: true}") == "local"
    assert needed("  a: {local: true, become: sudo -n}") == "sudo"
    assert needed("  a: {local: true}", user="root") == "sudo"
    assert needed("  a: {local: true}", "sudo systemctl restart web") == "sudo"
    assert needed("  a: {local: true}", "echo pseudo sudoku") == "local"


INSTALLED = Installation(
    ("/opt/wk", "--ops", "/srv/our ops", "up"), "wk", "remote", "/var/lib/wk", "wk", ("/backup/100%",)
)


def lines(made: Installation) -> list[str]:
    return unit(made).splitlines()


def test_places_with_blanks_and_percent_signs_reach_systemd_as_they_are() -> None:
    assert 'ExecStart=/opt/wk --ops "/srv/our ops" up' in lines(INSTALLED)
    assert "ReadWritePaths=-/var/lib/wk -/var/tmp -/backup/100%%" in lines(INSTALLED)
    odd = replace(INSTALLED, command=('/a"b', "$HOME", "back\\slash"))
    assert 'ExecStart="/a\\"b" $$HOME back\\\\slash' in lines(odd)


@pytest.mark.parametrize("name", ["remote", "local", "sudo"])
def test_every_unit_keeps_commands_alive_and_the_spool_in_place(name: str) -> None:
    said = lines(replace(INSTALLED, profile=name))  # type: ignore[arg-type]
    assert {"KillMode=process", "Type=notify", f"Environment=WATCHKEEPER_UNIT={name}"} <= set(said)
    assert not [line for line in said if line.startswith(("PrivateTmp=", "DynamicUser=", "ProcSubset="))]
    implying = (
        "NoNewPrivileges",
        "Restrict",
        "SystemCall",
        "LockPersonality",
        "Protect",
        "PrivateDevices",
        "MemoryDeny",
    )
    assert bool([line for line in said if line.startswith(implying)]) is (name != "sudo")
