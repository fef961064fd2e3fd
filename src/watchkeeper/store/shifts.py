"""Shifts, their notes and their evidence."""

from __future__ import annotations

import dataclasses

from watchkeeper.core.errors import Locked, NotFound
from watchkeeper.core.shifts.values import Evidence, Note, Shift
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper, storable

_shifts = Mapper(Shift, models.Shift, json=("items", "ready_for"))
_notes = Mapper(Note, models.ShiftNote)
_evidence = Mapper(Evidence, models.ShiftEvidence)


class ShiftRows:
    """The methods of `services.ports.shifts.ShiftRows`."""

    _using: str

    def add_shift(self, shift: Shift) -> Shift:
        there = self.open_shift(shift.person)
        if there is not None:
            raise Locked(
                f"{shift.person} has shift {there.id} already.", "End it first: wk shift end; or go on in it: wk shift."
            )
        row = models.Shift.objects.using(self._using).create(**_shifts.row(shift))
        return dataclasses.replace(shift, id=row.pk)

    def save_shift(self, shift: Shift) -> None:
        if not models.Shift.objects.using(self._using).filter(pk=shift.id).update(**_shifts.row(shift)):
            raise _missing(shift.id)

    def shift(self, number: int) -> Shift:
        row = models.Shift.objects.using(self._using).filter(pk=number).values(*_shifts.columns).first()
        if row is None:
            raise _missing(number)
        return _shifts.value(row)

    def open_shift(self, person: str) -> Shift | None:
        query = models.Shift.objects.using(self._using).filter(person=storable(person), ended_at__isnull=True)
        row = query.values(*_shifts.columns).first()
        return None if row is None else _shifts.value(row)

    def open_shifts(self) -> list[Shift]:
        query = models.Shift.objects.using(self._using).filter(ended_at__isnull=True).order_by("id")
        return [_shifts.value(row) for row in query.values(*_shifts.columns)[:200]]

    def shifts(self, limit: int = 50, before: int | None = None, person: str = "") -> list[Shift]:
        query = models.Shift.objects.using(self._using).order_by("-id")
        query = query.filter(pk__lt=before) if before is not None else query
        query = query.filter(person=storable(person)) if person else query
        return [_shifts.value(row) for row in query.values(*_shifts.columns)[:limit]]

    def handed_over(self, person: str) -> Shift | None:
        ended = models.Shift.objects.using(self._using).filter(ended_at__isnull=False).order_by("-ended_at", "-id")
        own = ended.filter(handed_to=storable(person), accepted_at__isnull=True).values(*_shifts.columns).first()
        open_to_all = ended.filter(handed_to="").values(*_shifts.columns).first()
        found = [row for row in (own, open_to_all) if row is not None and row["accepted_at"] is None]
        return _shifts.value(max(found, key=lambda row: row["ended_at"])) if found else None

    def add_note(self, note: Note) -> Note:
        row = models.ShiftNote.objects.using(self._using).create(**_notes.row(note))
        return dataclasses.replace(note, id=row.pk)

    def save_note(self, note: Note) -> None:
        models.ShiftNote.objects.using(self._using).filter(pk=note.id).update(**_notes.row(note))

    def notes(self, shift: int) -> list[Note]:
        query = models.ShiftNote.objects.using(self._using).filter(shift=shift).order_by("id")
        return [_notes.value(row) for row in query.values(*_notes.columns)[:2000]]

    def open_blockers(self, limit: int = 100) -> list[Note]:
        query = models.ShiftNote.objects.using(self._using).filter(kind="blocker", over_at__isnull=True)
        return [_notes.value(row) for row in query.order_by("id").values(*_notes.columns)[:limit]]

    def add_evidence(self, shift: int, text: str, digest: str) -> Evidence:
        rows = models.ShiftEvidence.objects.using(self._using)
        known = rows.filter(shift=shift, digest=digest).values(*_evidence.columns).first()
        if known is not None:
            return _evidence.value(known)
        made = Evidence(0, shift, text, digest)
        return dataclasses.replace(made, id=rows.create(**_evidence.row(made)).pk)

    def evidence(self, number: int) -> Evidence:
        row = models.ShiftEvidence.objects.using(self._using).filter(pk=number).values(*_evidence.columns).first()
        if row is None:
            raise NotFound(f"There is no evidence {number} of a shift.", "See the shift: wk shift show N.")
        return _evidence.value(row)


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no shift {number}.", "`wk shift list` lists them.")
