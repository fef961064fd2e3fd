"""The words that name a fence for people: the sentence that introduces it, or the heading it stands alone below.

A title is for reading. Ids are made from the list item, the comment or the first command, as they always were, so a
better sentence above a fence never changes an id that a grant, an approval or ``undo=`` names.
"""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.phases import is_label, is_phrase, normal, plain
from watchkeeper.core.runbooks.reader import FenceBlock

MAX_TITLE: Final = 100
_LINK: Final = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"(])|(?<=[。！？])\s*")
_REFERS: Final = re.compile(
    r"^(?:it|this|that|these|those|they|he|she|which|so|but|and|however|otherwise|for example|e\.g|i\.e|note|warning|"
    r"important|expected|output|example|see|これ|それ|这|那|注意|例)\b|^(?:also|never|do not|don't|if|"
    r"when|unless|mostly|usually)\b|^(?:then|next|finally|afterwards|after that)\W*$",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(
    r"^(?:please\s+|now\s+|first,?\s+|then,?\s+|next,?\s+|finally,?\s+|you can\s+)?(?:add|adjust|analy[sz]e|apply|ask|assign|"
    r"attach|back up|bring|build|call|change|check|clean|clear|compare|configure|confirm|connect|copy|count|create|decrease|"
    r"delete|deploy|determine|disable|download|drain|drop|edit|empty|enable|end|ensure|examine|execute|export|fetch|find|"
    r"follow|force|free|generate|get|give|identify|import|increase|inspect|install|kill|list|load|look|lower|make|mark|"
    r"migrate|monitor|move|open|perform|pull|purge|push|put|query|raise|read|rebuild|redeploy|release|reload|remove|rename|"
    r"renew|replace|request|rerun|rescue|reset|resize|restart|restore|resume|retry|return|revert|review|roll|rotate|run|save|"
    r"scale|search|send|set|show|shut|start|stop|switch|take|tell|test|trigger|truncate|try|turn|unlock|update|upgrade|"
    r"upload|use|vacuum|validate|verify|view|wait|watch|write)\b",
    re.IGNORECASE,
)


def _is_title(sentence: str) -> bool:
    """Whether a sentence can stand alone above a command: short, no remark, and not only a word such as "Solution"."""
    return (
        2 < len(sentence) <= MAX_TITLE
        and not _REFERS.match(sentence)
        and is_label(sentence)
        and not is_phrase(sentence)
        and bool(re.search(r"\w", sentence))
    )


def sentence_of(paragraph: str) -> str:
    """The short sentence of a paragraph that introduces what follows: the last one, when it ends with a colon, asks, or
    tells somebody to do something; "" when there is none."""
    text = plain(_LINK.sub(r"\1", " ".join(paragraph.split())))
    if not text or len(text) > 2000:
        return ""
    last = _END.split(text)[-1].strip()
    short = last.rstrip(" :：").strip()
    # a remark that only happens to stand above a command does not say what the command does
    introduces = not last.isascii() or last.endswith((":", "?")) or _ORDER.match(last)
    return short if introduces and _is_title(short) else ""


def heading_of(title: str) -> str:
    """A heading or label as a title, without its number; "" when it only says a phase, such as "3. Resolution"."""
    text = plain(title).rstrip(" :：").strip()
    if not normal(text) or is_phrase(text) or not is_label(text) or len(text) > MAX_TITLE:
        return ""
    return re.sub(r"^(?:\d+(?:\.\d+)*[.)、]?\s+|\([a-z0-9]\)\s*)", "", text)


def title_of(block: FenceBlock, *, alone: bool) -> str:
    """What introduces a fence, or "". alone: no other fence stands below the same heading or label."""
    return sentence_of(block.intro) or (heading_of(block.standing.title) if alone else "")
