"""Discovery: look at a host without changing it, and bring what is new into the ops repo without touching what is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from watchkeeper.core.discovery.doors import doors, secure_doors
from watchkeeper.core.discovery.findings import Facts
from watchkeeper.core.discovery.merging import Merge
from watchkeeper.core.discovery.questions import QUESTIONS, Question, knocking, shown_certificates
from watchkeeper.core.discovery.reading import read_facts
from watchkeeper.core.errors import Forbidden, Invalid, NoAnswer
from watchkeeper.core.inventory.loading import load
from watchkeeper.services.ports import HostPort

AT_ONCE = 4
"""Questions asked at the same moment: an sshd allows ten sessions, and the host has its own work."""
LIMIT = 4_194_304

Tell = Callable[[Question], None]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a host. root: who logs in is root. sudo: ``sudo -n`` let us in, and the questions were asked with it.

    commands: all that were run, in order. unanswered: about what nothing, or not all, could be learned, and why.
    """

    facts: Facts
    root: bool
    sudo: bool
    commands: tuple[str, ...]
    unanswered: tuple[str, ...] = ()


async def look_at(host: HostPort, tell: Tell) -> Look:
    """Ask a host everything. tell: called with each question before it is sent. Raises `NoAnswer` when unreachable."""
    asking = _Asking(host, tell)
    root, sudo = await asking.rights()
    await asking.ask(QUESTIONS)
    facts = asking.facts()
    await asking.ask((knocking(doors(facts)),))
    facts = asking.facts()
    await asking.ask((shown_certificates(secure_doors(facts)),))
    facts = asking.facts()
    facts = replace(facts, system=replace(facts.system, root=root))
    return Look(facts, root, sudo, tuple(asking.commands), tuple(asking.unanswered))


class _Asking:
    """Answers as they come."""

    def __init__(self, host: HostPort, tell: Tell) -> None:
        self._host = host
        self._tell = tell
        self._places = asyncio.Semaphore(AT_ONCE)
        self._become = False
        self._answers: dict[str, bytes] = {}
        self.commands: list[str] = []
        self.unanswered: list[str] = []

    def facts(self) -> Facts:
        return read_facts(self._answers, tuple(self.unanswered))

    async def rights(self) -> tuple[bool, bool]:
        """(logged in as root, sudo works without asking)."""
        question = Question("rights", "who we are there, and whether sudo -n lets us in", "id -u")
        self._tell(question)
        self.commands.append("id -u\nsudo -n /bin/sh  # then: id -u")
        said = await self._host.read(question.text, deadline_s=15.0, become=False, limit=4096)
        if said.output.strip() == b"0":
            return True, False
        try:
            said = await self._host.read(question.text, deadline_s=15.0, become=True, limit=4096)
            self._become = said.output.strip() == b"0"
        except Forbidden:
            self._become = False
        return False, self._become

    async def ask(self, questions: tuple[Question, ...]) -> None:
        """All of them, a few at once. A question that fails leaves its part of the facts empty and is named."""
        await asyncio.gather(*(self._one(question) for question in questions))

    async def _one(self, question: Question) -> None:
        async with self._places:
            self._tell(question)
            self.commands.append(question.text)
            try:
                said = await self._host.read(
                    question.text, deadline_s=question.deadline_s, become=self._become, limit=LIMIT
                )
            except (NoAnswer, Invalid, Forbidden) as error:
                if question.name == "system":
                    raise
                self.unanswered.append(f"{question.about}: {error.sentence}")
                return
        self._answers[question.name] = said.output
        if said.timed_out:
            self.unanswered.append(f"{question.about}: not finished within {question.deadline_s:g} s")
        elif said.truncated:
            self.unanswered.append(f"{question.about}: cut at {LIMIT // 1_048_576} MB")


def kept_sound(merge: Merge, existing: Mapping[str, bytes], now: float) -> Merge:
    """The merge without the changes that would break a file: those come back as text for a person.

    existing: the files of the ops repo. A repo that was broken before is not made worse either.
    """
    broken = {mistake.file for mistake in load(existing, now).errors}
    files = {path: text for path, text in merge.files.items() if not path.startswith("discovered/")}
    while True:
        after = load({**existing, **{path: text.encode() for path, text in files.items()}}, now).errors
        worse = {mistake.file for mistake in after} - broken
        touched = worse & set(files)
        if not touched:
            break
        for path in touched:
            merge.by_hand.append((path, merge.files.pop(path)))
            files.pop(path)
            merge.added = [each for each in merge.added if not each.startswith(f"{path}:")]
    return merge
