"""Commits: of the ops repo by the repository port, of service repositories by reading where they are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from watchkeeper.core.changes import Change
from watchkeeper.core.inventory.values import Inventory, Service
from watchkeeper.services.changes.source import FIRST_LOOK_S, HERE, Found, Look, Part, part, shown
from watchkeeper.services.ports import OpsRepositoryPort, Session

SEEN = "commits_seen_at"
MOST = 20
"""At most so many commits of one move are listed."""
_ID = re.compile(r"[0-9a-f]{40,64}")

# Settings that could start a program of the repository's choice are switched off; git itself refuses a repository that
# belongs to somebody else.
_SCRIPT = """\
LC_ALL=C; GIT_OPTIONAL_LOCKS=0; GIT_TERMINAL_PROMPT=0; export LC_ALL GIT_OPTIONAL_LOCKS GIT_TERMINAL_PROMPT
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
g() {{ git --no-pager -c log.showSignature=false -c core.fsmonitor=false -c core.hooksPath=/dev/null "$@" 2>&1; }}
p() {{
  h=$(g -C "$2" rev-parse --verify HEAD) || {{ {refused}; printf '%s\\n' "$h" | head -c 400; return; }}
  {head}
  [ "$h" = "$3" ] && return
  g -C "$2" reflog -1 --date=unix --format=%gd HEAD | head -c 200
  f='--format=%x1e%H%x1f%ct%x1f%an%x1f%s'
  if [ "$3" ] && g -C "$2" cat-file -e "$3"; then g -C "$2" log --no-color --no-decorate -n {most} "$f" "$3..HEAD" --
  else g -C "$2" log --no-color --no-decorate -n 1 "$f" --; fi | head -c 20000
}}
if command -v git >/dev/null; then
{calls}
else {no_git}; fi"""


class OpsCommits:
    """Commits of the ops repo since the last look."""

    def __init__(self, repository: OpsRepositoryPort) -> None:
        self._repository = repository

    def look(self, seen: float) -> list[Change]:
        """Those after `seen`, newest first. What watchkeeper committed itself is no suspect."""
        commits = [each for each in self._repository.commits(seen) if each[1] > seen]
        return [
            Change(
                0,
                at,
                "commit",
                f"commit {commit[:8]}: {shown(subject)}",
                shown(author, 60),
                own=author == "watchkeeper",
            )
            for commit, at, author, subject in commits
        ]

    @staticmethod
    def seen(session: Session) -> float:
        """Until when they were told; 0 before the first look."""
        return float(session.setting(SEEN) or 0.0)

    @staticmethod
    def note(session: Session, at: float) -> None:
        """They were told until then."""
        session.set_setting(SEEN, repr(at))


class ServiceCommits:
    """What is checked out of a service's repository. Marks: ``service path`` -> commit id.

    An absolute path lies on the hosts of the service (a service without hosts: here), HOST:/path on that host, a relative
    path in the ops repo. An address is shown, never asked.
    """

    name = "commits"
    every_s = 30.0

    def __init__(self, ops: str = "") -> None:
        self._ops = ops

    def places(self, inventory: Inventory) -> Iterable[str]:
        return [place for service in inventory.services.values() for place, _ in self._of(service, inventory)]

    def question(self, look: Look) -> str:
        calls = []
        for index, (service, path) in enumerate(self._here(look)):
            known = look.marks.get(f"{service.name} {path}", "")
            known = known if _ID.fullmatch(known) else "''"
            calls.append(f"p {index} {shlex.quote(path)} {known}")
        if not calls:
            return ""
        return _SCRIPT.format(
            most=MOST, calls="\n".join(calls), head=part("commits", "head", "$1", "$h"),
            refused=part("commits", "refused", "$1"), no_git=part("commits", "no-git"),
        )  # fmt: skip

    def answer(self, look: Look, parts: list[Part]) -> Found:
        found: list[Change] = []
        problems: list[str] = []
        marks = dict(look.marks)
        known = self._here(look)
        for each in parts:
            verb, words = each.head[1], each.head[2:]
            if verb == "no-git":
                problems.append("it has no program git, so the repositories of its services are not read")
            if not words or not words[0].isdigit() or int(words[0]) >= len(known):
                continue
            service, path = known[int(words[0])]
            if verb == "refused":
                problems.append(f"git does not tell about {shown(path)}: {shown(each.body)}")
            elif verb == "head" and len(words) == 2 and _ID.fullmatch(words[1]):
                found += self._moved(look, service, path, words[1], each.body)
                marks[f"{service.name} {path}"] = words[1]
        return Found(tuple(found), marks, tuple(problems))

    def _moved(self, look: Look, service: Service, path: str, head: str, body: str) -> list[Change]:
        before = look.marks.get(f"{service.name} {path}", "")
        if before == head:
            return []
        lines, _, records = body.partition("\x1e")
        match = re.search(r"@\{(\d{9,11})\}", lines)
        commits = [fields for each in records.split("\x1e") if len(fields := each.strip("\n").split("\x1f")) == 4]
        at = float(match.group(1)) if match else look.now
        at = min(at, look.now) if at > look.before - FIRST_LOOK_S else look.now
        if not commits or (not before and (match is None or look.now - at > FIRST_LOOK_S)):
            return []
        newest, several = commits[0], len(commits) > 1
        title = f"commit {newest[0][:8]}: {shown(newest[3])}"
        if several:
            count = f"{'at least ' if len(commits) == MOST else ''}{len(commits)}"
            title = f"{count} commits, the newest {newest[0][:8]}: {shown(newest[3])}"
        detail = f"{shown(path)}, {before[:8] or 'first seen'} to {head[:8]}"
        if several:
            detail += ": " + "; ".join(f"{each[0][:8]} {shown(each[3], 80)} ({shown(each[2], 40)})" for each in commits)
        return [Change(0, at, "commit", title, shown(newest[2], 60), service.name, look.place, detail[:2000])]

    def _here(self, look: Look) -> list[tuple[Service, str]]:
        services = look.inventory.services.values()
        return [
            (service, path) for service in services for place, path in self._of(service, look.inventory) if place == look.place
        ]  # fmt: skip

    def _of(self, service: Service, inventory: Inventory) -> list[tuple[str, str]]:
        """(place, path) of a service's repository; empty when it is an address or nothing."""
        text = service.repository.strip()
        host, colon, rest = text.partition(":")
        if not text or "://" in text or "@" in host or "\n" in text:
            return []
        if text.startswith("/"):
            return [(host, text) for host in service.hosts] or [(HERE, text)]
        if colon:
            return [(host, rest)] if host in inventory.hosts and rest.startswith("/") else []
        inside = ".." not in text.split("/") and not text.startswith(("-", "~"))
        return [(HERE, f"{self._ops}/{text}")] if self._ops and inside else []
