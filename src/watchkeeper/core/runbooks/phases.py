"""Which phase a heading or label stands for, in English, Japanese and Chinese."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

from watchkeeper.core.runbooks.values import Phase, Role

_PHRASES: Final[dict[Role, str]] = {
    "symptom": (
        "symptom, symptoms, possible symptoms, meaning, alert description, detection, 症状, 症狀, 现象, 現象, "
        "事象, 故障现象, 问题现象"
    ),
    "text": (
        "when to use, impact, user impact, business impact, 影響, 影响, prerequisite, prerequisites, before you start, "
        "before you begin, "
        "pre-check, pre-checks, requirements, pre-flight, preflight, 前提条件, 前提, prevention, preventive measures, "
        "next steps, lessons learned, 经验教训, steps to reproduce, overview, purpose, scope, background, references, "
        "related documentation, see also, glossary, table of contents, documentation updated, example output, "
        "expected output"
    ),
    "diagnose": (
        "diagnosis, diagnose, diagnostics, diagnostic steps, troubleshooting, troubleshooting pointers, "
        "troubleshooting steps, check, checks, "
        "possible checks, steps to check, investigation, investigate, investigation steps, isolate, when it breaks, "
        "root cause, cause, causes, "
        "likely cause, likely causes, possible cause, possible causes, reason, triage, "
        "確認手順, 确认步骤, 診断, 诊断, 排查, 排查步骤, "
        "調査, 根因, "
        "原因, 原因候補, 检查, 故障排查, 故障排除, 问题排查, "
        "トラブルシューティング, 切り分け, ログ確認, 状態確認, how to diagnose, debugging"
    ),
    "fix": (
        "resolution, resolve, resolution steps, fix, fixes, how to fix, solution, solutions, common solutions, "
        "mitigation, mitigate, repair, "
        "procedure, procedures, steps, implementation, immediate action, immediate actions, action, actions, "
        "response, recovery, "
        "recovery procedure, recovery procedures, recovery steps, corrective action, corrective actions, possible "
        "corrective actions, "
        "recommended actions, recommended action, remediation, remediate, workaround, what to do, "
        "対処, 対処手順, 対処方法, "
        "対応, 対応手順, 解決, "
        "解決方法, 解决, 解决方案, 解决方法, 处理, 处理步骤, 修复, 復旧手順, 手順, 步骤, 操作步骤, "
        "应急处理, 应急措施, 恢复步骤, "
        "応急処置, 暫定対応, 恒久対応, 作業手順, 実施手順, quick fix, quick fixes, common fixes, common quick fixes, "
        "how to resolve, workarounds, mitigations, remediations, manual steps"
    ),
    "verify": (
        "testing, acceptance criteria, success criteria, health check, health checks, post-check, post-checks, "
        "postchecks, 復旧確認, 動作確認, "
        "恢复确认, 验证, 検証, 正常性確認, 结果确认"
    ),
    "rollback": (
        "rollback, roll back, rolling back, rollback procedure, rollback procedures, rollback plan, rollback steps, "
        "emergency rollback, "
        "revert, back out, 回滚, 回滚步骤, ロールバック, 問題発生時のロールバック, 切り戻し, 切戻し, 回退"
    ),
    "escalation": (
        "escalation, escalate, escalation procedures, escalation matrix, escalation path, contacts, contact, "
        "on-call, on call, when to escalate, "
        "エスカレーション, 升级, 連絡先, 联系人"
    ),
    "checklist": "checklist, pre-checklist, post-checklist, checklist items, sign-off, チェックリスト, 检查清单",
    "followup": (
        "follow-up, follow-up actions, follow up, follow-ups, followup actions, action items, todo, to do, "
        "フォローアップ, 后续, 再発防止, 今後の対応"
    ),
}
_SUFFIXES: Final[dict[str, Role]] = {
    "rollback": "rollback",
    "verification": "verify",
    "validation": "verify",
    "recovery": "fix",
    "diagnosis": "diagnose",
    "troubleshooting": "diagnose",
    "resolution": "fix",
    "mitigation": "fix",
    "remediation": "fix",
    "checklist": "checklist",
    "escalation": "escalation",
}
_NOT_A_LABEL: Final = frozenset(
    [
        "note",
        "notes",
        "warning",
        "important",
        "tip",
        "caution",
        "attention",
        "danger",
        "info",
        "information",
        "hint",
        "example",
        "examples",
        "n.b",
        "nb",
        "注意",
        "警告",
        "提示",
        "重要",
        "⚠",
        "❗",
    ]
)
_CONTAINERS: Final = frozenset(
    (
        "troubleshooting",
        "common issues",
        "common problems",
        "known issues",
        "known problems",
        "issues",
        "problems",
        "common solutions",
        "solutions",
        "common issues and fixes",
        "common issues and solutions",
        "troubleshooting guide",
        "トラブルシューティング",
        "故障排除",
        "常见问题",
    )
)
_LEADING = re.compile(
    r"^(?:[\W_]+|(?:step|phase|part|section|ステップ|步骤|第)\s*\d+\s*(?:[.:)\]、-]|\s|步|步骤)\s*|\d+(?:\.\d+)*\s*(?:[.):、-]\s*|\s+)|\(?[a-z]\)\s*|[a-z]\.\s+)",
    re.IGNORECASE,
)
MAX_WORDS: Final = 300  # characters of a title that are looked at
_MARKUP = re.compile(r"\*\*|__|`|~~")
PHASES: Final[dict[Role, Phase]] = {"diagnose": "diagnose", "fix": "fix", "verify": "verify", "rollback": "rollback"}


@cache
def _table() -> tuple[tuple[str, Role], ...]:
    rows = [(word.strip(), role) for role, words in _PHRASES.items() for word in words.split(",")]
    return tuple(sorted(rows, key=lambda row: -len(row[0])))


def phrases(role: Role) -> tuple[str, ...]:
    """The words of a role, as they are compared."""
    return tuple(word.strip() for word in _PHRASES[role].split(","))


def plain(title: str) -> str:
    """A title without Markdown emphasis and surrounding space."""
    return _MARKUP.sub("", title).strip().strip("*_").strip()


def normal(title: str) -> str:
    """A title as it is compared: lower case, without leading numbers, letters, emoji, and without a final colon."""
    text = plain(title[:MAX_WORDS]).lower()
    while True:
        shorter = _LEADING.sub("", text, count=1)
        if shorter == text or not shorter:
            break
        text = shorter
    return re.sub(r"\s+", " ", text.rstrip(" :：.。").replace("–", "-").replace("—", "-"))


def _starts(text: str, phrase: str) -> bool:
    if not text.startswith(phrase):
        return False
    rest = text[len(phrase) :]
    return not rest or not phrase[-1].isascii() or not (rest[0].isalnum() or rest[0] in "_'’")


@lru_cache(maxsize=8192)
def role_of(title: str) -> Role | None:
    """The role of a heading or label, or None. The longest known phrase at its start decides, then its last word."""
    text = normal(title)
    if not text:
        return None
    if re.match(r"issue\b\s*$", text):
        return "symptom"
    if _starts(text, "pre-") or _starts(text, "post-"):
        last = text.split()[-1]
        if last in _SUFFIXES:
            return _SUFFIXES[last]
    for phrase, role in _table():
        if _starts(text, phrase):
            return role
    if re.match(r"(?:verif|valid|confirm)", text):
        return "verify"
    return _by_last_word(text)


def _by_last_word(text: str) -> Role | None:
    words = re.sub(r"\s*[(（].*?[)）]\s*$", "", text).split()
    return _SUFFIXES.get(words[-1]) if words else None


@lru_cache(maxsize=8192)
def is_named(title: str) -> bool:
    """True for a heading such as "Database rollback": its last word gives the role, the words before name a thing."""
    text = normal(title)
    first = any(_starts(text, phrase) for phrase, _ in _table()) or re.match(r"(?:verif|valid|confirm)", text)
    return not first and _by_last_word(text) is not None


def is_phrase(title: str) -> bool:
    """True for a title that is nothing but words of a role, such as "Resolution steps": it names no single thing."""
    text = normal(title)
    stem = re.fullmatch(r"(?:verif|valid|confirm)\w*", text)
    return stem is not None or any(text == phrase for phrase, _ in _table()) or text in _CONTAINERS


def is_container(title: str) -> bool:
    """True for a heading such as "Troubleshooting" whose sub-headings are problems of their own."""
    text = normal(title)
    return text in _CONTAINERS or text.startswith(
        ("common issues", "known issues", "common problems", "troubleshooting")
    )


def is_label(title: str) -> bool:
    """True when a bold text opens a section; a bold "Note" or "Warning" does not."""
    text = normal(title)
    return bool(text) and text.split()[0].strip(":!.") not in _NOT_A_LABEL
