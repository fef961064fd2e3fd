"""Charts as drawings: what is known becomes a line, what nobody saw does not, and the size stays small."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.checks.values import State
from watchkeeper.faces.web.charts import graph
from watchkeeper.faces.web.charts.limits import Line
from watchkeeper.faces.web.charts.scale import LEFT, TOP, Scale, nice, ticks
from watchkeeper.faces.web.charts.spread import Drawing, Story, pictures, spread_of, unseen_spans, words_of
from watchkeeper.services.series import SeriesPoint

T0 = 1_790_000_000.0
CRIT = Line(0.8, "crit", "critical", "800 ms", True)


def point(
    at: float, p50: float | None, p99: float | None = None, counts: tuple[int, int, int, int] = (6, 0, 0, 0)
) -> SeriesPoint:
    top = p50 if p99 is None else p99
    middle = None if p50 is None or top is None else (p50 + top) / 2
    return SeriesPoint(at, sum(counts), p50, middle, top, p50, p50, top, counts)


def story(points: list[SeriesPoint], slot_s: float = 60.0, **more: Any) -> Story:
    given_: dict[str, Any] = {"lines": (CRIT,), "since": T0, "until": T0 + 3600, "every_s": 10.0} | more
    return Story("latency", "duration", slot_s=slot_s, points=tuple(points), **given_)


def wide(told: Story) -> Drawing:
    return pictures(told, UTC)[0]


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    minutes = [*range(20), *range(40, 60)]
    drawn = wide(story([point(T0 + 60 * each, 0.1) for each in minutes]))
    assert drawn.line.count("M") == 2
    assert wide(story([point(T0 + 60 * each, 0.1) for each in range(60)])).line.count("M") == 1


def test_time_that_nobody_saw_is_known_by_its_pause_and_by_unknown() -> None:
    seen = [point(T0 + 60 * each, 0.1) for each in (*range(10), *range(20, 30))]
    blind = [point(T0 + 60 * each, None, counts=(0, 0, 0, 6)) for each in range(30, 35)]
    after = [point(T0 + 60 * each, 0.1) for each in range(35, 60)]
    assert unseen_spans([*seen, *blind, *after], 60, 10, T0 + 3600) == [(T0 + 600, T0 + 1200), (T0 + 1800, T0 + 2100)]


def test_the_end_counts_too_and_before_the_first_reading_nothing_does() -> None:
    points = [point(T0 + 60 * each, 0.1) for each in range(10, 20)]
    assert unseen_spans(points, 60, 10, T0 + 3600) == [(T0 + 1200, T0 + 3600)]
    assert unseen_spans([], 60, 10, T0 + 3600) == []


def test_what_is_asked_seldom_has_pauses_that_are_no_gaps() -> None:
    points = [point(T0 + 900 * each, 0.1, counts=(1, 0, 0, 0)) for each in range(4)]
    told = story(points, every_s=900.0)
    assert unseen_spans(points, 60, 900, T0 + 3600) == []
    assert wide(told).line.count("M") == 1


def test_a_band_is_drawn_only_where_numbers_differ() -> None:
    flat, wavy = [point(T0 + 60 * n, 0.1) for n in range(60)], [point(T0 + 60 * n, 0.1, 0.3) for n in range(60)]
    assert not spread_of(flat) and wide(story(flat)).outer == wide(story(flat)).inner == ""
    assert spread_of(wavy) and wide(story(wavy)).outer and wide(story(wavy)).inner


def test_a_far_limit_does_not_flatten_the_line() -> None:
    far = Line(60.0, "crit", "critical", "1 min", True)
    drawn = wide(story([point(T0 + 60 * n, 0.1) for n in range(60)], lines=(far,)))
    assert drawn.limits == [] and drawn.last is not None and drawn.last[1] < 100
    near = wide(story([point(T0 + 60 * n, 0.1) for n in range(60)]))
    assert [limit[2] for limit in near.limits] == ["800 ms"]


def test_marks_of_flips_have_the_shape_of_their_state_and_too_many_are_none() -> None:
    points = [point(T0 + 60 * n, 0.1) for n in range(60)]
    flips = ((T0 + 600, State.CRIT), (T0 + 1200, State.OK), (T0 + 1500, State.WARN), (T0 + 1800, State.UNKNOWN))
    assert [css for css, _ in wide(story(points, flips=flips)).flips] == ["crit", "ok", "warn", "unknown"]
    assert wide(story(points, flips=flips * 5)).flips == []


def test_the_strip_shows_the_worst_verdict_of_each_slot() -> None:
    points = [point(T0 + 60 * n, 0.1, counts=(5, 0, 1, 0) if 20 <= n < 30 else (6, 0, 0, 0)) for n in range(60)]
    strips = dict(wide(story(points)).strips)
    assert set(strips) == {"ok", "crit"} and strips["crit"].count("M") == 1 and strips["ok"].count("M") == 2


def test_the_words_tell_what_the_drawing_shows() -> None:
    points = [point(T0 + 60 * n, 0.1, 0.4) for n in range(60)]
    told = story(points, flips=((T0 + 60, State.CRIT),), windows=((T0, T0 + 600),), changes=((T0 + 5, "shop 2.14"),))
    said = words_of(told, UTC)
    for words in ("360 readings of latency", "usually 100 ms", "p99 at most 400 ms", "critical limit 800 ms", "CRIT at",
                  "1 windows of maintenance", "changed: shop 2.14", "last 100 ms"):  # fmt: skip
        assert words in said, (words, said)


def places(path: str) -> list[tuple[int, int]]:
    """Every place that a path goes through; it must be nothing but moves and relative lines in whole units."""
    words, found, letter, x, y = re.findall(r"[Mlh]|-?\d+", path), [], "", 0, 0
    assert re.fullmatch(
        r"(?:M\d+ \d+(?:h4|(?:l-?\d+(?: |(?=-))-?\d+(?:(?: |(?=-))-?\d+(?: |(?=-))-?\d+)*)?))*", path
    ), path
    while words:
        if words[0] in "Mlh":
            letter = words.pop(0)
            continue
        right = int(words.pop(0))
        down = 0 if letter == "h" else int(words.pop(0))
        x, y = (right, down) if letter == "M" else (x + right, y + down)
        found.append((x, y))
    return found


@given(st.randoms(use_true_random=False), st.integers(1, 97), st.sampled_from([60.0, 3600.0, 86_400.0, 345_600.0]))
def test_any_past_is_drawn_within_its_frame_and_stays_small(chance: Random, count: int, slot_s: float) -> None:
    size = 10 ** chance.uniform(-6, 12)
    points = []
    for number in range(count):
        low = None if chance.random() < 0.2 else chance.uniform(-size / 5, size)
        points.append(point(T0 + slot_s * number, low, None if low is None else low + chance.uniform(0, size)))
    for drawn in pictures(story(points, slot_s, until=T0 + slot_s * len(points)), ZoneInfo("Europe/Berlin")):
        paths = drawn.line + drawn.inner + drawn.outer
        assert len(paths) < 3000
        for x, y in places(drawn.line):
            assert LEFT - 2 <= x <= drawn.right + 2 and TOP - 1 <= y <= drawn.base + 1


DAYS, MONTHS = r"[A-Z][a-z]{2} \d+", r"[A-Z][a-z]{2}( \d{4})?"


@pytest.mark.parametrize(
    ("length_s", "shown"),
    [(3600, r"\d\d:\d\d"), (86_400, r"\d\d:\d\d"), (7 * 86_400, DAYS), (30 * 86_400, DAYS), (365 * 86_400, MONTHS)],
)
@pytest.mark.parametrize("most", [3, 6])
def test_ticks_stand_on_the_clock_or_the_calendar_of_the_zone(length_s: float, shown: str, most: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    end = datetime(2026, 11, 3, 12, tzinfo=zone).timestamp()
    scale = Scale(end - length_s, end, 0, 1, 704, 200)
    found = ticks(scale, zone, most)
    assert 2 <= len(found) <= most + 1
    assert all(re.fullmatch(shown, words) for _, words in found), found
    assert [x for x, _ in found] == sorted(x for x, _ in found)


def test_days_of_a_changing_clock_have_their_midnights() -> None:
    zone = ZoneInfo("Europe/Berlin")
    end = datetime(2026, 10, 28, 12, tzinfo=zone).timestamp()
    words = [words for _, words in ticks(Scale(end - 7 * 86_400, end, 0, 1, 704, 200), zone, 8)]
    assert words == ["Thu 22", "Fri 23", "Sat 24", "Sun 25", "Mon 26", "Tue 27", "Wed 28"]


@given(st.floats(1e-6, 1e15))
def test_a_round_edge_is_not_below_and_not_far_above(value: float) -> None:
    assert value * 0.99 <= nice(value) <= value * 2.1


# ---- dependencies ----------------------------------------------------------------------------------------------------


def fleet(**needs: tuple[str, ...]) -> Any:
    return SimpleNamespace(services={name: SimpleNamespace(name=name, depends_on=on) for name, on in needs.items()})


def test_what_is_needed_stands_left_and_what_needs_it_right() -> None:
    inventory = fleet(disk=(), db=("disk",), shop=("db",), mail=("shop",), report=("mail",))
    drawn, narrow = graph.drawings(inventory, "shop", {"db": State.CRIT})
    at = {node.name: node.x for node in drawn.nodes}
    assert at["disk"] < at["db"] < at["shop"] < at["mail"] < at["report"]
    assert {node.name for node in narrow.nodes} == {"db", "shop", "mail"}
    assert next(node for node in drawn.nodes if node.name == "db").css == "crit"
    assert drawn.path.count("M") == 4 and narrow.path.count("M") == 2


def test_a_service_alone_and_a_circle_are_no_trouble() -> None:
    assert graph.drawings(fleet(shop=()), "shop", {}) == ()
    assert graph.drawings(fleet(shop=("db",), db=("shop",)), "shop", {})


def test_many_dependents_are_counted_and_stay_in_the_frame() -> None:
    inventory = fleet(db=(), **{f"shop{number}": ("db",) for number in range(30)})
    drawn, _ = graph.drawings(inventory, "db", {})
    assert [node.more for node in drawn.nodes if node.more] == [23]
    assert all(0 < node.y < drawn.height for node in drawn.nodes)
