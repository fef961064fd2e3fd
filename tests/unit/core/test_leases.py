"""The rules of leases, without a store."""

from __future__ import annotations

import random

from watchkeeper.core.leases import Lease, held_sentence, is_held_by, is_live, released, still_holds, taken

NOW = 1_700_000_000.0


def test_a_lease_ends_at_its_end_to_the_second() -> None:
    lease = taken(None, "host:app1", "run 1", NOW, 30)
    assert is_live(lease, NOW + 29.999) and not is_live(lease, NOW + 30)
    assert not is_held_by(lease, "run 2", NOW)


def test_the_fencing_number_only_grows_and_never_two_hold_one_lease() -> None:
    chance, now = random.Random(7), NOW
    current: Lease | None = None
    known: dict[str, Lease] = {}
    for _ in range(5000):
        now += chance.choice((0.0, 1.0, 20.0, 40.0))
        who, before = chance.choice("abc"), current
        if current is not None and current.holder == who and chance.random() < 0.2:
            current = released(current)
            continue
        current = taken(current, "x", who, now, 30)
        if current.holder == who:
            known[who] = current
        if before is not None:
            assert current.fencing >= before.fencing
            renewed = current.holder == before.holder and is_live(before, now)
            assert (current.fencing == before.fencing) == (renewed or current == before)
        assert sum(still_holds(each, current, now) for each in known.values()) <= 1


def test_the_sentence_names_the_holder_the_reason_and_the_end() -> None:
    lease = Lease("host:app1", "run 12", "ada, step restart of runbooks/web.md", 1, NOW, NOW + 300, 12)
    assert held_sentence(lease) == (
        "Run 12 (ada, step restart of runbooks/web.md) is changing app1 until about 22:18 UTC."
    )
    assert (
        held_sentence(Lease("deploy:shop", "ada", "", 1, NOW, NOW + 300))
        == "ada is deploying shop until about 22:18 UTC."
    )
    assert held_sentence(Lease("other", "ada", "", 1, NOW, NOW + 300)).startswith("ada holds other until")
