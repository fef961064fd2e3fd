"""Definitions as files: read, planned, written, taken over as a whole. What is written is what a person could have typed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchkeeper.core import definitions as rules
from watchkeeper.core.access import TEAM, assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.definitions import Definition, Plan
from watchkeeper.core.errors import Invalid, Locked, NotFound, Usage
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Draft
from watchkeeper.services.inventory import InventoryHolder, sentence
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.ports.definitions import DefinitionFilesPort, DocumentsPort
from watchkeeper.services.ports.repositories import OpsRepositoryPort

LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Written:
    """What was done. left: why it is not committed, "" when it is (or there is no git). entry: its number in the log."""

    plan: Plan
    left: str
    entry: int | None


class Definitions:
    """The definitions of this installation. Only the node that loads the ops repo may write them.

    loaded: what else goes by the inventory takes it over; called when a write has put another one in force.
    """

    def __init__(
        self, store: StorePort, holder: InventoryHolder, repository: OpsRepositoryPort, documents: DocumentsPort,
        files: DefinitionFilesPort, clock: Clock, redact: Callable[[str], str], leads: Callable[[], bool],
        loaded: Callable[[], None],
    ) -> None:  # fmt: skip
        self._store, self._holder, self._clock = store, holder, clock
        self._repository, self._documents, self._files = repository, documents, files
        self._redact, self._leads, self._loaded = redact, leads, loaded
        self._writing = threading.Lock()

    def all(self) -> list[Definition]:
        """Every definition and document, by path."""
        return [rules.definition_of(path, data) for path, data in sorted(self._now().items())]

    def one(self, path: str) -> tuple[Definition, bytes]:
        """One definition and its bytes. Raises `NotFound`, and `Usage` for a path that is no definition."""
        rules.kind_of(path)
        data = self._now().get(path)
        if data is None:
            raise NotFound(f"There is no definition {path}.", "List them: wk definitions.")
        return rules.definition_of(path, data), data

    def whole(self) -> dict[str, bytes]:
        """All of them with their bytes: what `take_over` takes elsewhere."""
        return dict(sorted(self._now().items()))

    def plan(self, changes: Mapping[str, bytes | None] | None = None) -> Plan:
        """What these changes would do to the files; None: what the files as they are would do to what is in force.

        Nothing is written. Every mistake that they would bring is in the plan.
        """
        now = self._now()
        return self._planned(now, now if changes is None else rules.overlaid(now, changes))

    def plan_whole(self, files: Mapping[str, bytes]) -> Plan:
        """What it would do if these were all definitions there are."""
        return self._planned(self._now(), rules.overlaid({}, files))

    def write(
        self, changes: Mapping[str, bytes | None], expected: Mapping[str, str], actor: Actor, message: str = ""
    ) -> Written:
        """Write, replace or remove (None) definitions, all or none, and commit them with the actor as author.

        expected: digest of the file each path was read as, "" for a file that is not there; a path without one may be
        anything. Raises `Invalid` with the first mistake they would bring (all of them in its details), `Locked` when a
        file was changed by somebody else meanwhile.
        """
        self._assert_may_write("definitions.write", actor)
        if not changes:
            raise Usage("No definition was given.", "Give at least one path with its text.")
        with self._writing:
            now = self._now()
            for path in changes:
                rules.kind_of(path)
                _assert_as_read(path, now.get(path), expected.get(path))
            changed = {path: data for path, data in changes.items() if now.get(path) != data}
            return self._written(now, rules.overlaid(now, changed), actor, message)

    def take_over(self, files: Mapping[str, bytes], actor: Actor, message: str = "") -> Written:
        """Make these all definitions there are: others are removed. For an export of another installation."""
        self._assert_may_write("instance.import", actor)
        if "watchkeeper.yaml" not in files:
            raise Usage("The export holds no watchkeeper.yaml, so it is not a whole one.", "Make it by: wk export.")
        with self._writing:
            return self._written(self._now(), rules.overlaid({}, files), actor, message)

    # ---- how ---------------------------------------------------------------------------------------------------------

    def _now(self) -> dict[str, bytes]:
        """Every file as it is on the disk now, also one that is faulty and not in force."""
        found = {**self._documents.files(), **self._repository.files()}
        return {path: data for path, data in found.items() if _is_definition(path)}

    def _assert_may_write(self, act: str, actor: Actor) -> None:
        assert_allowed(actor, act, TEAM)
        if not self._leads():
            raise Invalid(
                "Another node loads the ops repo, so nothing can be written here.", "Ask the one that leads: wk status."
            )

    def _planned(self, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Plan:
        loaded = load(_of_inventory(after), self._clock())
        running = self._running()
        found = rules.differences(running, loaded.inventory) if loaded.inventory is not None else ()
        in_force = running.revision if running is not None else ""
        new = loaded.inventory.revision if loaded.inventory is not None else ""
        return Plan(in_force, new, rules.file_changes(before, after), found, loaded.mistakes)

    def _running(self) -> Inventory | None:
        try:
            return self._holder.current
        except Invalid:
            return None

    def _written(self, now: Mapping[str, bytes], wanted: Mapping[str, bytes], actor: Actor, message: str) -> Written:
        for path in wanted:
            self._assert_no_secret(path, wanted[path])
        plan = self._planned(now, wanted)
        if not plan.sound:
            errors = [each for each in plan.mistakes if each.level == "error"]
            more = f" (and {len(errors) - 1} more mistakes)" if len(errors) > 1 else ""
            raise Invalid(
                f"{sentence(errors[0])}{more}. Nothing was written.", "POST /api/v1/plan, or wk plan, lists all of them.",
                mistakes=[sentence(each) for each in errors],
            )  # fmt: skip
        if not plan.files:
            return Written(plan, "", None)
        self._put(now, wanted, [path for _, path in plan.files])
        told = _message(message, plan, actor)
        left = self._files.commit([path for _, path in plan.files], self._redact(told), actor.name)
        entry = self._store.write(lambda session: self._noted(session, plan, told, left, actor))
        if self._holder.reload():
            self._loaded()
        return Written(plan, left, entry)

    def _put(self, now: Mapping[str, bytes], wanted: Mapping[str, bytes], paths: list[str]) -> None:
        """All files or none: what was written before one that fails is put back."""
        done: list[str] = []
        try:
            for path in paths:
                if not self._exchange(path, now.get(path), wanted.get(path)):
                    raise Locked(f"{path} was changed by somebody else just now.", "Read it again, then repeat.")
                done.append(path)
        except BaseException:
            for path in reversed(done):
                self._exchange(path, wanted.get(path), now.get(path))
            raise

    def _exchange(self, path: str, before: bytes | None, after: bytes | None) -> bool:
        if after is None:
            return before is None or self._files.remove(path, before)
        return self._files.replace(path, before, after)

    def _assert_no_secret(self, path: str, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        if self._redact(text) != text:
            raise Usage(
                f"The value of a known secret stands in {path}, so nothing was written.",
                "Name the secret by secrets.yaml instead: definitions are committed and exported.",
            )

    def _noted(self, session: Session, plan: Plan, told: str, left: str, actor: Actor) -> int:
        lines = [f"- {how} `{path}`" for how, path in plan.files[:50]]
        lines += [f"- and {len(plan.files) - 50} more files"] if len(plan.files) > 50 else []
        lines += [f"\nNot committed: {left}."] if left else []
        title = told.partition("\n")[0]
        sections = (("Change", "\n".join(lines)),)
        draft = Draft(self._clock(), "Configuration", self._redact(title), actor.name, "Medium", sections=sections)
        return session.append_entry(draft).number


def _of_inventory(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Without the documents, which are no part of the inventory."""
    return {path: data for path, data in files.items() if rules.kind_of(path) != "document"}


def _is_definition(path: str) -> bool:
    try:
        rules.kind_of(path)
    except Usage:
        return False
    return True


def _assert_as_read(path: str, data: bytes | None, digest: str | None) -> None:
    if digest is None:
        return
    found = rules.digest_of(data) if data is not None else ""
    if found != digest:
        what = (
            "is there already" if digest == "" else "is not there any more" if data is None else "was changed meanwhile"
        )
        raise Locked(f"{path} {what}.", "Read it again (wk definitions show), then repeat.", digest=found)


def _message(message: str, plan: Plan, actor: Actor) -> str:
    """What is written into git and the log: the person's words, else what was done."""
    first = " ".join(message.split())[:LONGEST_MESSAGE]
    if first:
        return first
    how, path = plan.files[0]
    more = f" and {len(plan.files) - 1} more" if len(plan.files) > 1 else ""
    verb = {"added": "Add", "changed": "Change", "removed": "Remove"}[how]
    return f"{verb} {path}{more}"
