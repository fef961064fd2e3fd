"""The words of a team's log: types, severities (worst first) and statuses, with the other words people write for them.

A word is recognised in any case, with decoration taken off (an emoji before it, a remark in parentheses behind it). The
word that was written is never lost: whoever looks a word up gets it back when it differs.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from watchkeeper.core.errors import Usage


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the team. aliases: other words for it. means: when it is used, one line for people."""

    name: str
    aliases: tuple[str, ...] = ()
    means: str = ""


TYPES = (
    Word("Deployment", ("Deploy", "Release", "Rollout", "Hotfix", "デプロイ", "部署", "发布", "배포")),
    Word("Migration", ("Migrate", "Schema Change", "移行", "迁移", "마이그레이션")),
    Word("Incident", ("Outage", "Disruption", "障害", "故障", "事故", "장애")),
    Word("Configuration", ("Config", "Config Change", "設定変更", "配置", "구성")),
    Word("Maintenance", ("Maint", "Upgrade", "Update", "Patch", "Cleanup", "メンテナンス", "维护", "유지보수")),
    Word("Security", ("Vulnerability", "セキュリティ", "安全", "보안")),
    Word("Infrastructure", ("Infra", "Hardware", "Network", "基盤", "基础设施", "인프라")),
    Word("Backup", ("Restore", "Backup and Restore", "バックアップ", "备份", "백업")),
    Word("Access", ("Permission", "Permissions", "Access Change", "権限", "权限", "권한")),
    Word("Runbook", ("Run", "Procedure")),
    Word("Hand-over", ("Handover", "Handoff", "Hand-off", "Shift")),
    Word("Note", ("Other", "Info", "Observation", "Documentation", "メモ", "备注", "메모")),
)
SEVERITIES = (
    Word(
        "Critical",
        ("P1", "Sev1", "Sev-1", "Emergency", "Blocker", "Disaster", "致命的", "紧急", "严重", "긴급", "심각"),
        "production is down, data may be lost, or somebody broke in",
    ),
    Word(
        "High",
        ("Major", "P2", "Sev2", "Sev-2", "Severe", "高", "높음"),
        "production is degraded, or a large part of it does not work",
    ),
    Word(
        "Medium",
        ("Moderate", "Med", "Normal", "P3", "Sev3", "Sev-3", "中", "보통"),
        "only a part, or not production, is concerned",
    ),
    Word(
        "Low",
        ("Minor", "None", "Info", "Informational", "Trivial", "P4", "Sev4", "Sev-4", "N/A", "低", "낮음"),
        "small changes, documents, improvements",
    ),
)
STATUSES = (
    Word(
        "Complete",
        (
            "Completed",
            "Done",
            "Closed",
            "Resolved",
            "Fixed",
            "Success",
            "Successful",
            "Finished",
            "完了",
            "完成",
            "완료",
        ),
        "done",
    ),
    Word(
        "In Progress",
        (
            "In-Progress",
            "Ongoing",
            "Started",
            "Running",
            "Open",
            "Active",
            "WIP",
            "対応中",
            "进行中",
            "진행 중",
            "진행중",
        ),
        "under way",
    ),
    Word("Planned", ("Scheduled", "Pending", "Todo", "To do", "予定", "计划", "예정"), "not begun yet"),
    Word("Partial", ("Partially Complete", "Partly Done"), "some of it is done"),
    Word("Failed", ("Failure", "Unsuccessful", "失敗", "失败", "실패"), "it did not work"),
    Word("Rolled Back", ("Rollback", "Reverted", "Rolled-back", "Undone", "回滚", "롤백"), "it was undone"),
    Word("Cancelled", ("Canceled", "Abandoned", "Aborted", "中止", "取消", "취소"), "it will not be done"),
)

_AROUND = re.compile(r"^[\s*_`~\[\]|:.>#-]+|[\s*_`~\[\]|:.!]+$")
_SPACES = re.compile(r"[\s_]+")
_REMARK = re.compile(r"\s*[(（\[{【].*|\s+[-–—→|]+\s.*|\s*[,;，；、].*|\s*:\s.*", re.DOTALL)
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
"""What a database cannot hold."""
_KEPT = 40
"""Words up to so many characters are remembered: the same few hundred come again with every entry."""
_PARTS = re.compile(r"\s*(?:[/&+|,;]|\band\b)\s*")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one team. severities: the worst first."""

    types: tuple[Word, ...] = TYPES
    severities: tuple[Word, ...] = SEVERITIES
    statuses: tuple[Word, ...] = STATUSES

    def type_of(self, word: str) -> tuple[str, str]:
        """(the team's word, what was written when it differs). A type of several words counts by the last one known:

        ``Infrastructure Migration`` is a Migration.
        """
        found = _found(self.types, word)
        if found is None:
            segments = [segment for segment in _PARTS.split(bare(word)) if segment]
            found = next((name for name in (_last_known(self.types, each) for each in segments) if name), None)
        return _answer(found, word)

    def severity(self, word: str) -> tuple[str, str]:
        """(the team's word, what was written when it differs); a word that nobody knows stays as it was written."""
        return _answer(_found(self.severities, word), word)

    def status_of(self, word: str) -> tuple[str, str]:
        """(the team's word, what was written when it differs); a word that nobody knows stays as it was written."""
        return _answer(_found(self.statuses, word), word)

    def demand_type(self, word: str) -> tuple[str, str]:
        """As `type_of`, for people who can choose again. Raises `Usage` with the list for an unknown word."""
        return _demanded("type", self.types, word, self.type_of(word))

    def demand_severity(self, word: str) -> tuple[str, str]:
        """As `severity`. Raises `Usage` with the list for an unknown word."""
        return _demanded("severity", self.severities, word, self.severity(word))

    def demand_status(self, word: str) -> tuple[str, str]:
        """As `status_of`. Raises `Usage` with the list for an unknown word."""
        return _demanded("status", self.statuses, word, self.status_of(word))

    def rank(self, severity: str) -> int:
        """0 for the worst. A word that the team does not know ranks as the usual vocabulary has it, else last."""
        names = [word.name for word in self.severities]
        found = _found(self.severities, severity)
        if found is None:
            usual = _found(SEVERITIES, severity)
            place = [word.name for word in SEVERITIES].index(usual) if usual else len(names)
            return min(place, max(len(names) - 1, 0))
        return names.index(found)

    def spellings(self, kind: str, name: str) -> tuple[str, ...]:
        """Every folded spelling that means a word: its name and its aliases. kind: type, severity or status."""
        words = {"type": self.types, "severity": self.severities, "status": self.statuses}[kind]
        for word in words:
            if word.name == name:
                return tuple(dict.fromkeys(folded(each) for each in (word.name, *word.aliases)))
        return (folded(name),)


def folded(word: str) -> str:
    """A word as it is compared: any case, one form of its characters, single spaces."""
    return _folded_once(word) if len(word) <= _KEPT else _folded(word)


@lru_cache(maxsize=2048)
def _folded_once(word: str) -> str:
    return _folded(word)


def _folded(word: str) -> str:
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", word)).strip().casefold()
    return text if text.isprintable() else _UNKEPT.sub("\N{REPLACEMENT CHARACTER}", text)


def bare(word: str) -> str:
    """A word without what surrounds it: marks, emoji, emphasis, and a remark behind it."""
    return _bare_once(word) if len(word) <= _KEPT else _bare(word)


@lru_cache(maxsize=2048)
def _bare_once(word: str) -> str:
    return _bare(word)


def _bare(word: str) -> str:
    text = _undecorated(word)
    return _undecorated(_REMARK.sub("", text)) or text


def _undecorated(word: str) -> str:
    text = "".join(each for each in word if not _is_mark(each))
    previous = None
    while previous != text:
        previous, text = text, _AROUND.sub("", text)
    return _SPACES.sub(" ", text)


def _is_mark(character: str) -> bool:
    """Emoji, their selectors and joiners, check marks, arrows: what decorates and says nothing by itself."""
    return (
        unicodedata.category(character) in ("So", "Sk", "Cn", "Cf", "Co", "Cs", "Me")
        or "\ufe00" <= character <= "\ufe0f"
    )


def _readings(word: str) -> Iterator[str]:
    """What a word may mean, the surest first."""
    yield folded(word)
    yield folded(_undecorated(word))
    core = bare(word)
    yield folded(core)
    yield folded(_PARTS.split(core)[0])
    rest = core.split(" ")
    while len(rest) > 1 and not re.search(r"[A-Za-z]{2}", rest[0]):  # an emoji that an old tool turned into letters
        rest = rest[1:]
        yield folded(" ".join(rest))


@lru_cache(maxsize=64)
def _table(words: tuple[Word, ...]) -> dict[str, str]:
    """Folded spelling to name. Names win over aliases, earlier words over later ones."""
    table = {folded(word.name): word.name for word in words}
    for word in words:
        for alias in word.aliases:
            table.setdefault(folded(alias), word.name)
    return table


def _found(words: tuple[Word, ...], word: str) -> str | None:
    table = _table(words)
    return next((table[reading] for reading in _readings(word) if reading in table), None)


def _last_known(words: tuple[Word, ...], segment: str) -> str | None:
    table = _table(words)
    parts = folded(segment).split(" ")
    for start in range(len(parts) - 1, -1, -1):
        for end in range(len(parts), start, -1):
            name = table.get(" ".join(parts[start:end]))
            if name:
                return name
    return None


def _answer(found: str | None, word: str) -> tuple[str, str]:
    written = " ".join(word.split())
    if found is None:
        return written, ""
    return found, "" if written == found else written


def _demanded(kind: str, words: tuple[Word, ...], word: str, answer: tuple[str, str]) -> tuple[str, str]:
    names = [each.name for each in words]
    if answer[0] in names:
        return answer
    near = difflib.get_close_matches(folded(word), list(_table(words)), 1, 0.75)
    meant = f" Did you mean {_table(words)[near[0]]}?" if near else ""
    shown = " ".join(word.split())[:60]
    raise Usage(
        f"'{shown}' is no {kind} of your log.{meant}" if shown else f"The {kind} is empty.",
        f"One of: {', '.join(names)}. Your words are declared in watchkeeper.yaml under `log:`.",
    )


def with_usual_aliases(words: Iterable[Word], usual: tuple[Word, ...]) -> tuple[Word, ...]:
    """Words of a team; a name that is also a usual one keeps the usual aliases that no other word of the team takes."""
    declared = tuple(words)
    by_name = {folded(word.name): word for word in usual}
    taken = {folded(each) for word in declared for each in (word.name, *word.aliases)}
    found = []
    for word in declared:
        known = by_name.get(folded(word.name))
        if known is not None:
            more = tuple(alias for alias in known.aliases if folded(alias) not in taken)
            word = Word(word.name, (*word.aliases, *more), word.means or known.means)
        found.append(word)
    return tuple(found)
