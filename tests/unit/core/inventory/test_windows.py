"""Windows in the files: what is taken, and every mistake with its place."""

from __future__ import annotations

import pytest

from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Loaded
from watchkeeper.core.recurrence import Plan
from watchkeeper.core.windows import Item

SHOP = "service: shop\nhosts: [app1]\nchecks:\n  - {name: web, tcp: 'example.org:80'}\n"


def loaded(windows: str = "", service: str = "") -> Loaded:
    files = {
        "watchkeeper.yaml": f"team: T\ntimezone: Europe/Berlin\n{windows}",
        "hosts.yaml": "hosts:\n  app1: {local: true}\n",
        "services/shop.yaml": SHOP + service,
    }
    return load({name: text.encode() for name, text in files.items()}, 0.0)


def one(entry: str) -> str:
    """The first mistake of a single window in watchkeeper.yaml, as ``line: found, expected``."""
    found = loaded("windows:\n  - {name: a, targets: [shop], why: w, " + entry + "}\n")
    return (
        f"{found.mistakes[0].line}: {found.mistakes[0].found}, {found.mistakes[0].expected}" if found.mistakes else ""
    )


def test_a_window_of_the_team_with_everything() -> None:
    found = loaded(
        "windows:\n  - name: patches\n    targets: [shop, 'host:app1', 'label:env=prod', shop/web]\n    why: weekly\n"
        "    cron: 30 2 * * sun\n    for: 2h\n    timezone: Asia/Tokyo\n    except: [2026-12-27]\n    until_green: true\n"
        "    remind: 0s\n    watch: 1h\n    before: [Users were told, {check: shop/web}]\n    after: [{ask: Thank you}]\n"
    )
    assert found.mistakes == () and found.inventory is not None
    assert found.inventory.team.windows == (
        Plan(
            "watchkeeper.yaml:patches", "patches", "window", ("shop", "host:app1", "label:env=prod", "shop/web"), "weekly",
            "watchkeeper.yaml", "Asia/Tokyo", 7200.0, cron="30 2 * * sun", excepted=("2026-12-27",), until_green=True,
            remind_s=0.0, watch_s=3600.0,
            items=(Item("Users were told", "before"), Item("shop/web", "before", "shop/web"), Item("Thank you", "after")),
        ),
    )  # fmt: skip


def test_a_window_of_a_service_covers_it_in_the_zone_of_the_team() -> None:
    found = loaded(
        service="windows:\n  - {name: a, from: 2026-12-01T02:00, to: 2026-12-01T04:00, why: w, after: [{check: web}]}\n"
        "  - {name: b, kind: silence, cron: 0 3 * * *, for: 30m, why: v, targets: [shop/web]}\n"
    )
    assert found.mistakes == () and found.inventory is not None
    first, second = found.inventory.services["shop"].windows
    assert (first.targets, first.timezone, first.lasts_s, first.watch_s) == (
        ("service:shop",),
        "Europe/Berlin",
        7200.0,
        1800.0,
    )
    assert first.items == (Item("shop/web", "after", "shop/web"),)
    assert (second.kind, second.targets, second.watch_s) == ("silence", ("shop/web",), 0.0)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("for: 1h", "no beginning"),
        ("cron: 0 2 * * *", "no end"),
        ("cron: 0 2 * * *, for: 0s", "1m to 30d"),
        ("cron: 0 2 * * *, for: 8d", "begins again|of 1 minute to 7 days"),
        ("cron: 0 2 * * *, for: 25h", "would never end"),
        ("cron: every day, for: 1h", "cron expression"),
        ("cron: 0 2 * * *, rrule: FREQ=DAILY, for: 1h", "'cron' beside another"),
        ("rrule: FREQ=DAILY, for: 1h", "no beginning"),
        ("rrule: FREQ=HOURLY, from: 2026-12-01T02:00, for: 1h", "FREQ is one of"),
        ("from: 2026-12-01, for: 1h", "a date and time"),
        ("from: 2026-12-01T02:00, to: 2026-12-01T01:00", "1 minute to 7 days"),
        ("from: 2026-12-01T02:00, to: 2026-12-01T03:00, for: 1h", "no end, or two"),
        ("cron: 0 2 * * *, for: 1h, timezone: Mars", "time zone"),
        ("cron: 0 2 * * *, for: 1h, except: [tomorrow]", "a date"),
        ("cron: 0 2 * * *, for: 1h, before: [{check: shop/wep}]", "unknown check 'shop/wep'"),
        ("cron: 0 2 * * *, for: 1h, before: [{check: shop/web, ask: x}]", "exactly one of"),
        ("cron: 0 2 * * *, for: 1h, every: 3", "unknown key 'every'"),
    ],
)
def test_every_mistake_has_its_line_and_says_what_was_expected(entry: str, said: str) -> None:
    import re

    text = one(entry)
    assert text.startswith("4: ") and re.search(said, text), text


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("shopp", "unknown service 'shopp'"), ("host:app9", "unknown host 'app9'"), ("shop/wob", "unknown check 'shop/wob'"),
        ("'label:env'", "no label with a value"), ("'which:x'", "names nothing"),
    ],
)  # fmt: skip
def test_a_target_that_is_not_there_is_an_error(target: str, said: str) -> None:
    found = loaded(f"windows:\n  - name: a\n    targets: [{target}]\n    cron: 0 2 * * *\n    for: 1h\n    why: w\n")
    assert [(each.line, said in each.found) for each in found.errors] == [(5, True)], found.errors


def test_a_second_one_of_a_name_and_one_without_targets_are_errors() -> None:
    each = "{name: a, targets: [shop], cron: 0 2 * * *, for: 1h, why: w}"
    twice = loaded(f"windows:\n  - {each}\n  - {each}\n")
    assert "a second time" in twice.errors[0].found and twice.errors[0].line == 5
    none = loaded("windows:\n  - {name: a, cron: 0 2 * * *, for: 1h, why: w}\n")
    assert "no 'targets'" in none.errors[0].found
    assert loaded("windows: {a: 1}\n").errors
