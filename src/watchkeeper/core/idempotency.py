"""A write that may be sent twice and is done once: what is kept of a request that came with a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KEPT_S = 24 * 3600.0
LARGEST_ANSWER = 64 * 1024
LONGEST_KEY = 255

Found = Literal["new", "other", "unknown", "answered", "unkept"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request with its key. digest: over method, address and body.

    done_at: None until its outcome was kept. status, content_type, answer: what was answered; answer None: it held a
    secret, or is too large to be kept.
    """

    actor: str
    key: str
    digest: str
    taken_at: float
    done_at: float | None = None
    status: int = 0
    content_type: str = ""
    answer: str | None = None


def judge(known: Request | None, digest: str, now: float) -> Found:
    """What a request with this key meets, when this process is not at it already.

    new: take it up. other: the key stands for another request. unknown: it was taken up and its outcome was not kept.
    answered: answer the same. unkept: it was done; the answer is not kept.
    """
    if known is None or known.taken_at <= now - KEPT_S:
        return "new"
    if known.digest != digest:
        return "other"
    if known.done_at is None:
        return "unknown"
    return "unkept" if known.answer is None else "answered"
