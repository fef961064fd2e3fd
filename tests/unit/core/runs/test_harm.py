"""What keeps automation from doing harm: records and their order, quarantine, crash loops, patience."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.crash_loop import crash_loop
from watchkeeper.core.runs.quarantine import failures, made, sentence
from watchkeeper.core.runs.rate_limits import LEAST_S, MOST_S, Backoff, asked_for, merged
from watchkeeper.core.runs.results import Record, Result, promise, ranked, record, records, result_of
from watchkeeper.core.runs.values import Plan, Run, RunState, RunStep, StepState

NOW = 1_763_000_000.0


def result(run: int, outcome: str = "unproven", **more: object) -> Result:
    made_ = Result(run, NOW + run, "shop", "shop/a.md", "a.md", "d1", ("web",), outcome, "auto", False, 40.0, 7)  # type: ignore[arg-type]
    return replace(made_, **more)  # type: ignore[arg-type]


def response(name: str, to: tuple[str, ...] = ("web",)) -> Response:
    return Response(f"shop/{name}", "shop", to, name, "auto", None)


# ---- records -----------------------------------------------------------------------------------------------------------


def test_a_record_in_words() -> None:
    found = [result(n, "proven", took_s=10.0 * n) for n in range(1, 8)] + [result(8), result(9, "proven", held=False)]
    assert record(found).words == "proved 7 of 9 times, median 40 s"
    assert record([result(1)]).words == "proved 0 of 1 time" and record([]).words == ""


def test_records_are_kept_per_symptom() -> None:
    found = [
        result(1, "proven"),
        result(2, "proven", checks=("disk",)),
        result(3, runbook="b.md", checks=("disk", "web")),
    ]
    assert records(found, ["web"]) == {"a.md": Record(1, 1, 40.0), "b.md": Record(1, 0)}
    assert records(found, []) == {}


def test_what_is_proven_comes_first_and_what_only_failed_last() -> None:
    shown = {"often.md": Record(10, 9, 1.0), "once.md": Record(1, 1, 1.0), "failed.md": Record(3, 0)}
    names = ["failed.md", "new-wide.md", "new.md", "once.md", "often.md", "aside.md"]
    known = [response(name, () if name == "new-wide.md" else ("web",)) for name in names]
    shown["aside.md"] = Record(50, 50, 1.0)
    order = [each.runbook for each in ranked(known, shown, ["shop/aside.md"])]
    assert order == ["often.md", "once.md", "new.md", "new-wide.md", "failed.md", "aside.md"]
    assert [each.runbook for each in ranked(known, {})] == [
        "failed.md",
        "new.md",
        "once.md",
        "often.md",
        "aside.md",
        "new-wide.md",
    ]


def test_equal_records_go_by_the_more_specific() -> None:
    known = [response("wide.md", ()), response("narrow.md", ("web",)), response("two.md", ("web", "disk"))]
    same = {name: Record(4, 4, 2.0) for name in ("wide.md", "narrow.md", "two.md")}
    assert [each.runbook for each in ranked(known, same)] == ["narrow.md", "two.md", "wide.md"]


@given(st.integers(0, 200), st.integers(0, 200))
def test_more_proofs_are_never_worth_less(proven: int, failed: int) -> None:
    tried = proven + failed
    if tried:
        better = promise(Record(tried + 1, proven + 1))
        assert 0.0 <= promise(Record(tried, proven)) <= better <= 1.0


def test_only_runs_that_changed_something_for_an_incident_count() -> None:
    run = Run(3, 7, "shop/a.md", Plan("a.md", "d1", "shop", (), "d"), "auto", RunState.PROVEN, "watchkeeper", NOW,
              fix_started_at=NOW + 1, last_change_at=NOW + 2, ended_at=NOW + 9)  # fmt: skip
    kept = result_of(run, ["web", "disk", "web"])
    assert kept is not None and (kept.outcome, kept.took_s, kept.checks, kept.person) == (
        "proven",
        8.0,
        ("disk", "web"),
        False,
    )
    for other in (replace(run, incident=None), replace(run, last_change_at=None), replace(run, state=RunState.CANCELLED),
                  replace(run, state=RunState.DONE), replace(run, fix_started_at=None)):  # fmt: skip
        assert result_of(other, ["web"]) is None
    step = RunStep(3, 0, None, StepState.DONE, decided_by="ann")  # type: ignore[arg-type]
    assert result_of(replace(run, steps=(step,)), ["web"]).person  # type: ignore[union-attr]


# ---- quarantine --------------------------------------------------------------------------------------------------------


def test_two_failed_verifications_in_a_row_set_aside() -> None:
    assert made([result(1)], 0.0, NOW) is None
    due = made([result(2), result(1)], 0.0, NOW)
    assert due is not None and due.runs == (1, 2) and due.why == "2 runs of it in a row were not proven (runs 1, 2)"
    assert sentence(due).endswith("A person releases it: wk automation quarantine release shop/a.md.")


@pytest.mark.parametrize(
    ("newest_first", "count"),
    [
        ([result(3), result(2, "proven"), result(1)], 1),
        ([result(3), result(2, "failed"), result(1)], 2),
        ([result(3), result(2, "proven", held=False), result(1)], 2),
        ([result(3, "proven"), result(2), result(1)], 0),
        ([], 0),
    ],
)
def test_a_proof_that_held_ends_the_row(newest_first: list[Result], count: int) -> None:
    assert len(failures(newest_first, 0.0)) == count


def test_a_release_forgives_what_was_before() -> None:
    assert made([result(2), result(1)], NOW + 1.5, NOW) is None
    assert made([result(3), result(2), result(1)], NOW + 1.5, NOW) is not None


# ---- crash loop --------------------------------------------------------------------------------------------------------


def test_three_proofs_within_the_hour_that_did_not_hold_are_a_loop() -> None:
    found = [result(n, "proven", at=NOW - 60 * n, held=n == 1) for n in (1, 2, 3)]
    assert "shop was mended and proven 3 times within the last hour" in crash_loop("shop", found, NOW)
    assert crash_loop("shop", found[:2], NOW) == ""
    assert crash_loop("shop", [*found[:2], replace(found[2], at=NOW - 3601)], NOW) == ""
    assert crash_loop("shop", found, NOW, since=NOW - 100) == "", "what the drill set as a boundary"
    assert crash_loop("shop", [replace(each, outcome="unproven") for each in found], NOW) == ""


# ---- patience ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("HTTP/1.1 429 Too Many Requests\nRetry-After: 120\n", 120.0),
        ("< retry-after: 90", 90.0),
        ("retry-after: Thu, 13 Nov 2025 02:33:20 GMT", 1200.0),
        ("retry-after: Fri, 14 Nov 2025 02:33:20 GMT", 3600.0),
        ("Retry-After: 999999999", MOST_S),
        ("Retry-After: 0", LEAST_S),
        ("Retry-After: soon", 300.0),
        ("status 429, expected 200", 300.0),
        ("status_code=429", 300.0),
        ("curl: (22) The requested URL returned error: 429", 300.0),
        ("toomanyrequests: You have reached your pull rate limit.", 300.0),
        ("Error: rate limit exceeded, try later", 300.0),
        ("request was throttled", 300.0),
    ],
)
def test_who_asks_for_patience_is_heard(text: str, wait_s: float) -> None:
    assert asked_for(text, NOW) == pytest.approx(wait_s, abs=1.0)


@pytest.mark.parametrize(
    "text",
    ["", "429 files were removed", "pid 429", "status 502, expected 200", "port 4290", "the rate of limits",
     "line 429: syntax error",
     "X-RateLimit-Remaining: 59"],
)  # fmt: skip
def test_a_number_alone_asks_for_nothing(text: str) -> None:
    assert asked_for(text, NOW) is None


@given(st.text(max_size=300))
def test_any_output_asks_for_a_bounded_time(text: str) -> None:
    for shown in (text, f"Retry-After: {text}", f"429 Too Many Requests {text}"):
        wait = asked_for(shown, NOW)
        assert wait is None or LEAST_S <= wait <= MOST_S


def test_a_large_output_is_read_at_its_end() -> None:
    assert asked_for("Retry-After: 100\n" + "x" * 200_000, NOW) is None
    assert asked_for("x" * 200_000 + "\nRetry-After: 100\n", NOW) == 100.0


def test_the_longer_time_counts() -> None:
    short, long = Backoff("shop", NOW + 10, "a", NOW), Backoff("shop", NOW + 20, "b", NOW)
    assert merged(short, long) is long and merged(long, short) is long and merged(None, short) is short
