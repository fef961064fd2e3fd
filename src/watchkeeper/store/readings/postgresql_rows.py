"""Statements of the PostgreSQL writer, and values as the rows they take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from watchkeeper.core.checks import Flip, Judged, Settled
from watchkeeper.store.kept_connection import clean
from watchkeeper.store.readings.schema import NUMBERS, pack_values
from watchkeeper.store.readings.settled_text import text_of

# Rows travel as one JSON text: a third of the processor time of arrays, which the driver quotes in Python (measured).
ADD_READINGS = """
insert into watch.reading (check_id, at, latency, state, rule_id, vals, error, reason)
select * from json_to_recordset(%s) as r(
  c int4, t float8, l float8, s int2, h int4, v text, e text, r text)
"""
UPSERT_STATES = """
insert into watch.state as s (check_id, state, since, recent, good_in_row, reason, rule_hash,
  at, latency, verdict, verdict_reason, vals, error)
select * from json_to_recordset(%s) as r(
  c int4, s int2, i float8, n text, g int4, r text, h text, t float8, l float8, j int2, w text, v text, e text)
on conflict (check_id) do update set state = excluded.state, since = excluded.since, recent = excluded.recent,
  good_in_row = excluded.good_in_row, reason = excluded.reason,
  rule_hash = case when excluded.rule_hash = '' then s.rule_hash else excluded.rule_hash end,
  at = coalesce(excluded.at, s.at), latency = coalesce(excluded.latency, s.latency),
  verdict = coalesce(excluded.verdict, s.verdict), verdict_reason = coalesce(excluded.verdict_reason, s.verdict_reason),
  vals = case when excluded.at is null then s.vals else excluded.vals end,
  error = case when excluded.at is null then s.error else excluded.error end
"""
READING, STATE = tuple("ctlshver"), tuple("csingrhtljwve")
# The numbers come last in a transaction and from one row, so commits happen in their order, see the schema.
COUNT_FLIPS = "update watch.journal set newest = newest + %s returning newest"
ADD_FLIP = """
insert into watch.flip (seq, check_key, service, host, at, before_state, after_state, reason, vals, rule_hash, rule)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
PRUNE_PINGS = """
delete from watch.ping where check_key = %(check)s
  and id <= (select id from watch.ping where check_key = %(check)s order by id desc limit 1 offset 1000)
  and id != (select coalesce(max(id), 0) from watch.ping where check_key = %(check)s and status = 'success')
"""


def reading_row(judged: Judged, names: Mapping[str, int]) -> tuple[Any, ...]:
    """In the order of `ADD_READINGS`."""
    reading, verdict = judged.reading, judged.verdict
    reason = None if verdict.state.value == "OK" else clean(verdict.reason[:400])
    return (
        names[reading.check], float(reading.at), round(float(reading.latency_s), 6), NUMBERS[verdict.state],
        names[judged.rule_hash], _packed(reading.values), _cleaned(reading.error), reason,
    )  # fmt: skip


def state_row(number: int, settled: Settled, newest: tuple[Judged, tuple[Any, ...]] | None) -> tuple[Any, ...]:
    """In the order of `UPSERT_STATES`. newest: the newest reading of the check in this group, with its row."""
    head = (number, NUMBERS[settled.state], float(settled.since), text_of(settled), settled.good_in_row)
    reason = clean(settled.reason)
    if newest is None:
        return (*head, reason, "", None, None, None, None, None, None)
    judged, (_check, at, _latency, state, _rule, values, error, _reason) = newest
    latency_s = float(judged.reading.latency_s)
    return (*head, reason, judged.rule_hash, at, latency_s, state, clean(judged.verdict.reason), values, error)


def flip_row(flip: Flip) -> tuple[Any, ...]:
    """In the order of `ADD_FLIP`."""
    return (
        *(flip.seq, flip.check, flip.service, flip.host, float(flip.at), NUMBERS[flip.before], NUMBERS[flip.after]),
        *(clean(flip.reason), _packed(flip.values) or "{}", flip.rule_hash, clean(flip.rule)),
    )


def _packed(values: Mapping[str, Any]) -> str | None:
    return _cleaned(pack_values(values))


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)


def together(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    """Rows in the form in which one statement takes them all."""
    return _encode([dict(zip(names, row, strict=True)) for row in rows])


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
