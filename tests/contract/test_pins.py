"""What acts of people hold fast comes back as it was kept, and rows from before it are read as nothing held fast."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.test_store import NOW, run, server, store

from watchkeeper.core.runs.values import Approval, Given, Grant, Pins, ScriptFile
from watchkeeper.store.writer import Store

__all__ = ["server", "store"]
PINS = Pins(
    {"app1": "ssh deploy@app1.example.org sudo -n", "é": ""},
    (ScriptFile("app1", "/srv/x/a b'c.sh", "a" * 64), ScriptFile("app1", "$DIR/x", "", "its path is known only then")),
)


def test_pins_and_yeses_come_back_on_runs_approvals_and_grants(store: Store) -> None:
    asked = Approval(0, 1, 1, "b", NOW, NOW + 9, needs="two approvers", given=(Given("ada", NOW + 1),), pins=PINS)
    grant = Grant(0, "shop/web", "d1", ("app1",), False, "ana", NOW, NOW + 9, pins=PINS)

    def work(session):
        return (
            session.add_approval(asked),
            session.add_grant(grant),
            session.add_run(run(pins=PINS, askers=("ada", "ben"))),
        )

    approval, given, made = store.write(work)
    with store.read() as session:
        assert session.approvals() == [approval] and approval == replace(asked, id=approval.id)
        assert session.grants() == [given] and type(session.grants()[0].pins) is Pins
        assert session.run(made.id) == made and session.run(made.id).pins == PINS


def test_rows_without_them_hold_nothing_fast(store: Store) -> None:
    def work(session):
        session.add_approval(Approval(0, 1, 1, "b", NOW, NOW + 9))
        return session.add_run(run())

    made = store.write(work)
    with store.read() as session:
        [asked] = session.approvals()
        assert (asked.pins, asked.given, asked.needs) == (None, (), "")
        assert (session.run(made.id).pins, session.run(made.id).askers) == (None, ())
