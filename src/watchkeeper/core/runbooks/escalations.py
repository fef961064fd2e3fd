"""Who is told when: rules out of the tables and lists below escalation words. Nothing here pages anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from watchkeeper.core.runbooks.phases import plain
from watchkeeper.core.runbooks.values import EscalationRule, Finding

MAX_SENTENCE: Final = 2000
_LEVEL: Final = re.compile(
    r"\b(?P<short>P[0-5]|SEV[- ]?[0-5]|S[0-5]|L[0-5]|T[1-4])\b|"
    r"\b(?P<long>(?:level|tier|severity|sev|priority|stage)\s*[-#:]?\s*[0-5])\b|"
    r"(?P<other>(?:レベル|优先级|級別|级别|優先度|重大度)\s*[0-5]|[一二三四]级|第[一二三四]级)",
    re.IGNORECASE,
)
_LEVEL_WORD: Final = re.compile(
    r"^(?P<word>critical|high|medium|low|major|minor|urgent|emergency|primary|secondary|tertiary|緊急|紧急|高|中|低)$",
    re.IGNORECASE,
)
_TIER: Final = re.compile(r"L\d|T\d|level|tier|stage|primary|secondary|tertiary|レベル", re.IGNORECASE)  # of people
_NUMBER: Final = r"(?P<number>\d{1,4}(?:\.\d{1,2})?)"
_UNIT: Final = (
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|秒|分钟|分鐘|分以内|分|小时|小時|時間|天|日)"
)
_TIME: Final = re.compile(
    rf"(?:(?<![\w.])\d{{1,4}}\s*(?:-|–|to|~|〜)\s*)?(?<![\w.:]){_NUMBER}\s*\+?\s*{_UNIT}(?![A-Za-z])"
)
_AT_ONCE: Final = re.compile(
    r"\bimmediate(?:ly)?\b|\bat once\b|\binstantly\b|\bright away\b|即時|即座|立即|立刻|马上", re.I
)
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "秒": 1.0, "分": 60.0, "小": 3600.0, "時": 3600.0,
                   "天": 86400.0, "日": 86400.0}  # fmt: skip
_COLUMN: Final = {
    "within": re.compile(
        r"^(?:(?:response|reaction|ack\w*)?\s*(?:time|within|sla|deadline|target)|after|respond|wait|時間|対応時間|"
        r"响应时间|时间|時限)",
        re.IGNORECASE,
    ),
    "who": re.compile(
        r"^(?:who|contact|call|notify|person|people|team|role|owner|escalat\w* to|on-?call|name|channel|responsible|"
        r"連絡先|担当|担当者|联系人|负责人|通知)",
        re.IGNORECASE,
    ),
    "level": re.compile(
        r"^(?:level|sev(?:erity)?|priority|tier|stage|p-level|class|レベル|重大度|優先度|级别|优先级|等级|严重程度)",
        re.IGNORECASE,
    ),
    "when": re.compile(
        r"^(?:when|condition|trigger|criteri\w+|symptom|issue|situation|scenario|description|definition|if|impact|"
        r"example|条件|状況|症状|场景|情况|影响|基準)",
        re.IGNORECASE,
    ),
}
_ACTION: Final = (
    r"(?:please\s+|immediately\s+)?(?:call|page|contact|notify|escalate\s+to|inform|tell|alert|reach\s+out\s+to|involve|engage|"
    r"wake|ping|ask|e-?mail|message|hand\s+over\s+to)"
)
_CONDITION: Final = r"(?:if|when|once|after|unless|in case(?: of)?|whenever|should)"
_FIRST_WHEN: Final = re.compile(
    rf"^(?P<when>{_CONDITION}\s.+?)(?:,|:|;|\s[-–—→]+|\s->|\sthen\b)\s*(?:then\s+)?{_ACTION}\s+(?P<who>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_FIRST_WHO: Final = re.compile(
    rf"^(?:{_ACTION})\s+(?P<who>.+?)\s+(?P<when>{_CONDITION}\s.+)$", re.IGNORECASE | re.DOTALL
)
_STATE_WHO: Final = re.compile(
    rf"^(?P<when>.{{3,200}}?)(?:\s*[:;,]|\s+[-–—→]+|\s+->)\s*{_ACTION}\s+(?P<who>.+)$", re.IGNORECASE | re.DOTALL
)
_ONLY_WHO: Final = re.compile(rf"^{_ACTION}\s+(?P<who>\S.*)$", re.IGNORECASE | re.DOTALL)
_EASTERN: Final = re.compile(r"^(?P<when>.{1,80}?(?:場合|とき|时|時|后|後))[はに、，,]*\s*(?P<rest>.*)$", re.DOTALL)
_EASTERN_WHO: Final = re.compile(
    r"^(?:联系|通知|呼叫)\s*(?P<a>.+)$|^(?P<b>.+?)(?:に|へ)(?:連絡|通知|エスカレーション).*$", re.DOTALL
)


def within_seconds(text: str) -> float | None:
    """The time limit a text names, in seconds: ``30 min``, ``15-30 minutes`` (the later end), ``immediately`` is 0."""
    text = text[:MAX_SENTENCE]
    match = _TIME.search(text)
    if match:
        unit = match.group("unit").lower()
        return float(match.group("number")) * _SECONDS["時" if unit == "時間" else unit[0]]
    return 0.0 if _AT_ONCE.search(text) else None


def level_of(text: str) -> str:
    """The level a text names, for example ``P1``, ``SEV2`` or ``Level 2``; "" without one."""
    text = text[:MAX_SENTENCE]
    match = _LEVEL.search(text)
    if match:
        return (match.group("short") or match.group("long") or match.group("other")).strip()
    word = _LEVEL_WORD.match(plain(text).strip(" :：()"))
    return word.group("word") if word else ""


def _clean(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" .。;,、:：")


def _sentence(text: str, line: int, level: str, context_when: str) -> EscalationRule:
    """One rule out of one sentence. What is neither who nor condition stays the condition."""
    said = _clean(text)
    who = when = ""
    for pattern in (_FIRST_WHEN, _FIRST_WHO, _STATE_WHO):
        match = pattern.match(said)
        if match:
            who, when = match.group("who"), match.group("when")
            break
    else:
        only, eastern = _ONLY_WHO.match(said), _EASTERN.match(said)
        if only:
            who, when = only.group("who"), context_when
        elif eastern and eastern.group("rest"):
            named = _EASTERN_WHO.match(_clean(eastern.group("rest")))
            when = eastern.group("when")
            who = (named.group("a") or named.group("b")) if named else ""
        else:
            when = said
    when = re.sub(r"^(?:if|when|whenever|in case(?: of)?)\s+", "", _clean(when), flags=re.IGNORECASE)
    return EscalationRule(line, level, when, _clean(who), within_seconds(said), text.strip())


def _key_value(text: str) -> tuple[str, str] | None:
    """(column, value) of ``Contact: the database team``; None for anything else."""
    match = re.match(r"^(?P<key>[^:：\n]{2,30})[:：]\s*(?P<value>\S.*)$", text, re.DOTALL)
    if match is None:
        return None
    key = plain(match.group("key")).strip()
    column = next((name for name, pattern in _COLUMN.items() if pattern.match(key)), None)
    if column is None and re.match(r"(?:phone|mobile|tel|e-?mail|slack|pager|電話|电话|邮箱)", key, re.IGNORECASE):
        column = "address"
    return (column, plain(match.group("value")).strip()) if column else None


def _is_open(value: str) -> bool:
    """Whether a value is only a form to fill in, such as ``[NAME]`` or ``TBD``."""
    return bool(re.fullmatch(r"[\[<{(].*[\]>})]|TBD|TODO|N/?A|-+|\?+|_+", value.strip(), re.IGNORECASE))


@dataclass(slots=True)
class Escalations:
    """Collects the rules of one document while it is read."""

    rules: list[EscalationRule] = field(default_factory=list)
    _open: tuple[str, int] | None = None

    def line(
        self, text: str, line: int, titles: tuple[str, ...], *, number: int | None = None, listed: bool = True
    ) -> None:
        """Take one list item or paragraph below an escalation word. titles: labels and headings above it, nearest
        first, down to the one that says escalation. number: its place in an ordered list. listed: False for a
        paragraph, which is a rule only when it names a level or somebody."""
        said = re.sub(r"^(?:actions?|response|対応|处理)\s*[:：]\s*", "", plain(text).strip(), flags=re.IGNORECASE)
        if len(said) > MAX_SENTENCE:
            return
        context = next((title for title in titles if level_of(title)), "")
        pair = _key_value(said)
        if pair is not None and not level_of(re.split("[:：]", said, maxsplit=1)[0]):
            self._detail(pair, line, text, titles[0] if titles else "", level_of(context))
            return
        self._open = None
        for part in re.split(r";\s+|；", said):
            level, rest = self._leading_level(part)
            if not _clean(rest):
                continue
            rule = _sentence(rest, line, level or level_of(context), "")
            limit = rule.within_s if rule.within_s is not None else within_seconds(context)
            rule = replace(rule, within_s=limit, text=text.strip())
            if not rule.who and level and (_TIER.match(level) or _names_people(rest)) and not _conditional(rest):
                rule = replace(rule, who=_clean(rest), when="")
            elif number is not None and not rule.level and not rule.who and _names_people(rest):
                rule = replace(rule, level=str(number), who=_clean(rest), when="")
            if listed or rule.level or rule.who:
                self.rules.append(rule)

    @staticmethod
    def _leading_level(part: str) -> tuple[str, str]:
        """(level, what follows) of ``P2 if ...`` and ``Level 1: the on-call person``."""
        match = _LEVEL.match(part.strip().lstrip("(["))
        if match is None:
            word = re.match(
                r"^(primary|secondary|tertiary|critical|high|medium|low)\b[^:：]{0,20}[:：]\s*(.+)$", part, re.I | re.S
            )
            return (word.group(1), word.group(2)) if word else (level_of(part), part)
        rest = part.strip().lstrip("([")[match.end() :]
        return level_of(match.group()), re.sub(r"^\s*(?:\([^)]*\))?\s*[\])]?\s*[:：–—=-]*>?\s*", "", rest)

    def _detail(self, pair: tuple[str, str], line: int, text: str, title: str, level: str) -> None:
        """``Contact: ...``, ``Response time: ...`` below one title are one rule."""
        column, value = pair
        if self._open is None or self._open[0] != title:
            self._open = (title, len(self.rules))
            label = level or (level_of(title) if title else "")
            self.rules.append(EscalationRule(line, label, "", "", None, title or text.strip()))
        place = self._open[1]
        rule = self.rules[place]
        if column == "within":
            rule = replace(rule, within_s=within_seconds(value))
        elif column == "when":
            rule = replace(rule, when=_clean(value))
        elif column == "level":
            rule = replace(rule, level=_clean(value))
        elif column == "who" and not _is_open(value):
            rule = replace(rule, who=f"{rule.who}, {_clean(value)}" if rule.who else _clean(value))
        elif not _is_open(value):
            rule = replace(rule, who=f"{rule.who} ({value})" if rule.who else value)
        self.rules[place] = rule

    def told(self) -> tuple[EscalationRule, ...]:
        """The rules that say something: a form with nothing filled in is none."""
        return tuple(rule for rule in self.rules if rule.when or rule.who or rule.within_s is not None)

    def findings(self) -> Iterator[Finding]:
        """A note for every contact that the document leaves open."""
        for rule in self.rules:
            if not (rule.when or rule.who or rule.within_s is not None):
                sentence = f'The contact "{rule.text}" is not filled in, so nobody can be told.'
                yield Finding(rule.line, "note", sentence, "empty-contact")

    def table(self, header: list[str], rows: list[tuple[int, list[str]]], *, below: bool) -> bool:
        """Take a table. below: it stands below an escalation word. True when its rows are rules."""
        columns = _columns(header)
        speaks = any("escalat" in cell.lower() or "エスカレ" in cell or "升级" in cell for cell in header)
        enough = {"who", "within"} & set(columns) and {"level", "when"} & set(columns)
        place = columns.get("level", len(header))
        graded = sum(bool(level_of(row[place])) for _, row in rows if place < len(row)) * 2 > len(rows)
        if not (enough and (below or speaks or graded)) and not (below and len(columns) > 1):
            return False
        self._open = None
        before = len(self.rules)
        for line, row in rows:
            cells = {name: plain(row[index]).strip() for name, index in columns.items() if index < len(row)}
            if not any(cells.values()):
                continue
            who = "" if _is_open(cells.get("who", "")) else cells.get("who", "")
            limit = (
                within_seconds(cells.get("within", "")) if "within" in cells else within_seconds(cells.get("when", ""))
            )
            level = cells.get("level", "") or level_of(" ".join(cells.values()))
            text = "| " + " | ".join(cell.strip() for cell in row) + " |"
            self.rules.append(EscalationRule(line, level, cells.get("when", ""), who, limit, text))
        return len(self.rules) > before


def _columns(header: list[str]) -> dict[str, int]:
    """Column name -> index. Each column of a table has one meaning, and the first one of a meaning wins."""
    found: dict[str, int] = {}
    for index, cell in enumerate(header):
        title = plain(cell).strip()
        name = next((name for name, pattern in _COLUMN.items() if pattern.match(title)), None)
        if name is not None:
            found.setdefault(name, index)
    return found


def _names_people(text: str) -> bool:
    """Whether a text names who is told rather than what happened."""
    people = (
        r"engineer|on-?call|team|lead|manager|admin|owner|officer|director|cto|ceo|ciso|dba|sre|ops|devops|vendor|"
        r"support|provider|developer|contact|head of|@|#\w|担当|責任者|チーム|管理者|负责人|工程师|经理|团队|主管"
    )
    return bool(re.search(rf"(?:\b|(?<=\W))(?:{people})", text, re.IGNORECASE)) and not _conditional(text)


def _conditional(text: str) -> bool:
    return bool(re.match(rf"{_CONDITION}\b", text.strip(), re.IGNORECASE)) or bool(_EASTERN.match(text.strip()))
