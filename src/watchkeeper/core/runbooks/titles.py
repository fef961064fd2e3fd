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
    r"important|expected|output|example|see|これ|それ|这|那|注意|例)\b",
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
    """The short sentence of a paragraph that introduces what follows: the one before a final colon, else its last; ""
    when there is none."""
    text = plain(_LINK.sub(r"\1", " ".join(paragraph.split())))
    if not text or len(text) > 2000:
        return ""
    last = _END.split(text)[-1].strip()
    short = last.rstrip(" :：").strip()
    return short if _is_title(short) else ""


def heading_of(title: str) -> str:
    """A heading or label as a title, without its number; "" when it only says a phase, such as "3. Resolution"."""
    text = plain(title).rstrip(" :：").strip()
    if not normal(text) or is_phrase(text) or not is_label(text) or len(text) > MAX_TITLE:
        return ""
    return re.sub(r"^(?:\d+(?:\.\d+)*[.)、]?\s+|\([a-z0-9]\)\s*)", "", text)


def title_of(block: FenceBlock, *, alone: bool) -> str:
    """What introduces a fence, or "". alone: no other fence stands below the same heading or label."""
    return sentence_of(block.intro) or (heading_of(block.standing.title) if alone else "")
