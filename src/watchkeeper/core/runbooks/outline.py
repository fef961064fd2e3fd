"""The outline of a document while it is read: headings, labels, and which heading owns a block."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from watchkeeper.core.runbooks.phases import PHASES, is_container, is_named, plain, role_of
from watchkeeper.core.runbooks.values import Phase, Role

_NUMBERED_STEP = re.compile(r"^\W*(?:step|ステップ|步骤|手順)\s*\d+", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class Heading:
    """One heading. owns: labels or sub-headings of a phase stand directly below it."""

    title: str
    level: int
    line: int
    parent: Heading | None = None
    role: Role | None = None
    owns: bool = False
    is_title: bool = False


@dataclass(slots=True)
class Label:
    """A bold text that opens a section at one depth of lists. fresh: nothing followed it yet."""

    title: str
    role: Role | None
    depth: int
    line: int
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a block stands. inherited: an unknown heading or label lies between it and the word that decides."""

    role: Role | None
    inherited: bool
    title: str
    title_line: int


@dataclass(slots=True)
class Outline:
    """Headings and labels above the current block. named: every phase that a heading or label opened, and where."""

    root: Heading = field(default_factory=lambda: Heading("", 0, 0))
    heading: Heading | None = None
    labels: list[Label] = field(default_factory=list)
    title: Heading | None = None
    headings: int = 0
    named: list[tuple[Heading, Role]] = field(default_factory=list)

    @property
    def current(self) -> Heading:
        return self.heading or self.root

    def open_heading(self, title: str, level: int, line: int) -> Heading:
        """Take a heading: it ends every label and every heading of its level or below."""
        parent = self.current
        while parent.parent is not None and parent.level >= level:
            parent = parent.parent
        role = role_of(title)
        if role is None and _NUMBERED_STEP.match(plain(title)) and parent.role in (None, "fix"):
            role = "fix"
        heading = Heading(plain(title), level, line, parent, role)
        if role in PHASES and not is_container(title):
            parent.owns = True
        if role is not None:
            self.named.append((heading, role))
        self.heading, self.labels = heading, []
        self.headings += 1
        if self.title is None and self.headings == 1:
            heading.is_title, self.title = True, heading
        return heading

    def open_label(self, title: str, depth: int, line: int) -> Label:
        """Take a label: it ends labels of its depth or deeper."""
        self.labels = [label for label in self.labels if label.depth < depth]
        label = Label(plain(title).rstrip(":： "), role_of(title), depth, line)
        self.labels.append(label)
        if label.role in PHASES or label.role == "symptom":
            self.current.owns = True
        if label.role is not None:
            self.named.append((self.current, label.role))
        return label

    def settle(self, depth: int) -> None:
        """A block begins at this depth: deeper labels end, except one that has just been opened."""
        self.labels = [label for label in self.labels if label.depth <= depth or label.fresh]
        for label in self.labels:
            label.fresh = False

    def standing(self) -> Standing:
        """The role of a block that stands here: nearest label, then nearest heading, upwards."""
        title, line, inherited = "", 0, False
        for label in reversed(self.labels):
            title, line = title or label.title, line or label.line
            if label.role is not None:
                return Standing(label.role, inherited, title, line)
            inherited = True
        node: Heading | None = self.current
        while node is not None and node.parent is not None:
            title, line = title or node.title, line or node.line
            if node.role is not None:
                return Standing(node.role, inherited, title, line)
            inherited = True
            node = node.parent
        return Standing(None, False, title, line)

    def escalation_titles(self, depth: int) -> tuple[str, ...] | None:
        """Titles above a place, nearest first, down to the one that says escalation; None when none does, or when
        another word is nearer. Labels at `depth` or deeper do not count."""
        titles: list[str] = []
        for label in reversed(self.labels):
            if label.depth >= depth:
                continue
            titles.append(label.title)
            if label.role is not None:
                return tuple(titles) if label.role == "escalation" else None
        node: Heading | None = self.current
        while node is not None and node.parent is not None:
            titles.append(node.title)
            if node.role is not None:
                return tuple(titles) if node.role == "escalation" else None
            node = node.parent
        return None


def owner_of(heading: Heading) -> Heading:
    """The heading whose procedure a block below `heading` belongs to."""
    node = heading
    while node.parent is not None:
        if node.is_title and node.level == 1:
            return node
        if node.role is None:
            above = node.parent
            while above.parent is not None and above.role not in PHASES:
                above = above.parent
            if node.owns or above.parent is None or is_container(above.title) or is_container(node.parent.title):
                return node
        elif is_named(node.title) and (node.owns or node.parent.role == node.role):
            return node
        node = node.parent
    return node


def phase_of(role: Role | None) -> Phase:
    """The phase of a role; everything that is no phase is `text`."""
    return PHASES.get(role, "text") if role is not None else "text"
