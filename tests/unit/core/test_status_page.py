"""The rules of the public page, and the keys `status_page` and `availability` of the files."""

from __future__ import annotations

import pytest

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory, Loaded
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.status_page import (
    StatusPagePolicy,
    checks_of,
    day_of,
    first_words,
    key_of,
    last_words,
    listed,
    said,
)

SERVICE = (
    "service: shop\nhosts: [here]\nchecks:\n  - {name: web, disk: /, every: 10s}\n"
    "  - {name: disk, disk: /srv, every: 5m}\n"
)


def loaded(page: str, service: str = SERVICE) -> Loaded:
    files = {
        "watchkeeper.yaml": f"team: T\n{page}",
        "hosts.yaml": "hosts:\n  here: {local: true}\n",
        "services/shop.yaml": service,
    }
    return load({name: text.encode() for name, text in files.items()}, 0.0)


def policy(components: str) -> StatusPagePolicy:
    found = loaded(f"status_page:\n  title: S\n  components:\n{components}")
    assert found.inventory is not None, found.mistakes
    made = found.inventory.team.status_page
    assert made is not None
    return made


def inventory() -> Inventory:
    found = loaded("").inventory
    assert found is not None
    return found


def test_defaults_and_keys() -> None:
    assert loaded("").inventory.team.status_page is None  # type: ignore[union-attr]
    made = policy(
        "    - {name: Größe Ä/b, of: [shop]}\n    - {name: 注文, of: [shop/web], key: orders, hidden: true}\n"
    )
    assert [each.key for each in made.components] == ["groe-a-b", "orders"] or made.components[0].key == key_of(
        "Größe Ä/b"
    )
    assert [each.key for each in made.shown] == [key_of("Größe Ä/b")]
    assert made.publish == "manual" and made.after_s == 120.0 and made.severities == ("P1", "P2")
    assert checks_of(made.components[0], inventory()) == ("shop/web", "shop/disk")
    assert checks_of(made.components[1], inventory()) == ("shop/web",)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("  title: S\n", "components"),
        ("  title: S\n  components: []\n", "at least 1 item"),
        ("  components:\n    - {name: A, of: [shop]}\n", "title"),
        ("  title: S\n  components:\n    - {name: A, of: [shopp]}\n", "shop"),
        ("  title: S\n  components:\n    - {name: A, of: [shop/webb]}\n", "shop/web"),
        ("  title: S\n  components:\n    - {name: A, of: []}\n", "at least 1 item"),
        ("  title: S\n  components:\n    - {name: A, of: [shop], key: 'A/../B'}\n", "a key of small letters"),
        ("  title: S\n  components:\n    - {name: A, of: [shop]}\n    - {name: a, of: [shop]}\n", "each key once"),
        ("  title: S\n  publish: always\n  components:\n    - {name: A, of: [shop]}\n", "auto"),
        ("  title: S\n  severities: [P9]\n  components:\n    - {name: A, of: [shop]}\n", "P1 to P4"),
        ("  title: S\n  after: 31d\n  components:\n    - {name: A, of: [shop]}\n", "a duration from 0s to 30d"),
        ("  [x]\n", "a map"),
    ],
)
def test_each_mistake_is_told_with_its_place(page: str, expected: str) -> None:
    mistakes = loaded("status_page:\n" + page).mistakes
    assert any(expected in f"{each.expected} {each.found}" for each in mistakes), mistakes
    assert all(each.file == "watchkeeper.yaml" and each.line > 1 for each in mistakes)


def test_targets_of_availability() -> None:
    own = SERVICE + "availability: {target: 99.5%}\n"
    assert loaded("").inventory.services["shop"].target is None  # type: ignore[union-attr]
    assert loaded("availability: {target: 99.9%}\n").inventory.services["shop"].target == 0.999  # type: ignore[union-attr]
    assert loaded("availability: {target: 99.9%}\n", own).inventory.services["shop"].target == 0.995  # type: ignore[union-attr]
    for wrong in ("99.9", "0.999", "120%", "10%", "true"):
        assert any("percentage" in each.expected for each in loaded(f"availability: {{target: {wrong}}}\n").mistakes), (
            wrong
        )


def test_words() -> None:
    assert listed([]) == "" and listed(["A"]) == "A" and listed(["A", "B", "C"]) == "A, B and C"
    assert first_words(["A", "B"], "slow") == "A and B are late or slow. We are looking into it."
    assert first_words(["A"], "unknown") == "We cannot see whether A works. We are looking into it."
    assert last_words(["A"], True, "14:02 CET") == "A works again since 14:02 CET. Our checks have proven it."
    assert said("a\x00b\r\nc\x1b[31m") == "ab\nc[31m"
    with pytest.raises(Usage):
        said(" \x00\n")


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (Availability(10, 0, 0, 0, 0, 10, 10), None),
        (Availability(100, 90, 0, 0, 0, 10, 10), "works"),
        (Availability(1000, 880, 0, 0, 0, 120, 0), "unknown"),
        (Availability(1000, 940, 0, 0, 0, 60, 0), "works"),
        (Availability(1000, 900, 50, 0, 50, 0, 0), "slow"),
        (Availability(1000, 900, 49, 1, 50, 0, 0), "down"),
        (Availability(1000, 950, 0, 0, 50, 0, 0), "maintenance"),
    ],
)
def test_a_day_shows_its_worst(part: Availability, state: str | None) -> None:
    assert day_of(part) == state
