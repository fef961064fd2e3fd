"""Taking secrets out of output before anything of it is written, also where a secret lies across two chunks.

Two kinds are replaced by ``[redacted]``: first the known values of the team's secrets (also percent-encoded, in
base64 and as JSON text), then what looks like a secret (``password=...``, ``Authorization: ...``, private key blocks,
passwords in URLs, tokens of well-known form). What stands before a value stays, so a reader sees what was taken out.

The result does not depend on how the stream is cut: a position is decided only when all bytes that the decision may
look at have arrived, or at the end of the stream. Only that many bytes are held back.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left
from collections.abc import Iterable
from copy import copy
from urllib.parse import quote

MARK = b"[redacted]"
SHORTEST = 4
"""Known values with fewer characters are left alone: replacing every "1" hides the output, not the secret."""
_SHORTEST_LINE = 8

_NAME = (
    rb"(?i:pass(?:word|wd|phrase)|pwd(?![ \t]{0,2}=[\"']?/)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    rb"|auth[_-]?key|credential)"
)
_TELLING = re.compile(_NAME)
"""A known value that is itself such a word ("password") is left alone: hiding it would hide what tells of others."""
_OPENER = rb"(?:\\{0,2}[\"']|(?=[^\s\"']))"
_STARTS = (
    ("block", rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"),
    ("line", rb"(?i:authorization|cookie|x-api-key)\\{0,2}[\"']?[ \t]{0,4}:[ \t]{0,4}" + _OPENER),
    ("value", _NAME + rb"(?:[_-][A-Za-z0-9]{1,16})?\\{0,2}[\"']?[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}" + _OPENER),
    ("value", rb"(?<=-)" + _NAME + rb"[ \t]{1,4}(?!-)" + _OPENER),
    ("word", rb"(?i:bearer|basic)[ \t]{1,4}(?=[\w.~+/=-]{12})(?![A-Za-z]{12,40}(?:[^\w.~+/=-]|\Z))"),
    ("word", rb"(?<![A-Za-z0-9])(?:gh[pousr]_(?=[A-Za-z0-9]{30})|github_pat_(?=\w{20})|glpat-(?=[\w-]{20}))"),
    (
        "word",
        rb"(?<![A-Za-z0-9])(?:xox[abprs]-(?=[\w-]{16})|sk-(?=[\w-]{20})|npm_(?=[A-Za-z0-9]{30})|hvs\.(?=[\w-]{20}))",
    ),
    ("word", rb"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)(?=[0-9A-Z]{16})|eyJ(?=[\w-]{12}))"),
    ("url", rb"://[^\s:/@\"'<>]{0,64}:(?=[^\s/\"'<>]{1,256}@)"),
)
_START = re.compile(b"|".join(b"(?P<%s%d>%s)" % (kind.encode(), n, text) for n, (kind, text) in enumerate(_STARTS)))
_BEGINNINGS = tuple(
    b"-----begin auth cookie x-api-key password passwd passphrase pwd secret token api access private credential "
    b"bearer basic ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox sk- npm_ hvs. akia asia eyj ://".split()
)
"""Every start begins with one of these, in any case. Looking for them first is several times as fast as the pattern."""
_LONGEST_BEGINNING = max(map(len, _BEGINNINGS))
_WINDOW = 400
"""More bytes than any start, with what it looks ahead at."""
_CONTEXT = 1
"""Bytes before a position that a start may look back at."""

_URL_PASSWORD = re.compile(rb"[^\s/\"'<>]{1,256}(?=@)")
_BLOCK_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_END_LENGTH = 80
_BLOCK_LIMIT = 65_536
"""A key block without an end hides at most this much, so that one line cannot hide the rest of an output."""

_ENDLESS = {
    "line": re.compile(rb"[^\r\n]*"),
    "value": re.compile(rb"[^\s\"'`<>]*"),
    "word": re.compile(rb"[\w.~+/=%-]*"),
    "escaped": re.compile(rb"[^\\\"'\r\n]*"),
    '"': re.compile(rb"(?:[^\"\\\r\n]|\\[^\r\n])*"),
    "'": re.compile(rb"(?:[^'\\\r\n]|\\[^\r\n])*"),
}


class Redactor:
    """Redacts one stream of bytes. secrets: the known values, as text.

    `feed` gives back what can be told so far, `flush` the rest; after it the next stream may begin.
    """

    def __init__(self, secrets: Iterable[str] = ()):
        self._known = _Known(_spellings(secrets))
        self._looks = _Looks()

    def fresh(self) -> Redactor:
        """One for another stream: all spellings of the same values are not worked out again."""
        made = Redactor()
        made._known = self._known.fresh()
        return made

    def feed(self, data: bytes) -> bytes:
        """The redacted bytes that are certain after `data`."""
        return self._looks.feed(self._known.feed(data))

    def flush(self) -> bytes:
        """The rest of the stream, redacted."""
        return self._looks.feed(self._known.flush()) + self._looks.flush()

    def text(self, text: str) -> str:
        """A whole text redacted, for messages and errors. Not to be mixed with a stream under way."""
        data = text.encode("utf-8", "surrogateescape")
        return self._looks.whole(self._known.whole(data)).decode("utf-8", "surrogateescape")


def _spellings(secrets: Iterable[str]) -> list[bytes]:
    """Every form in which the values are looked for, longest first."""
    found: set[bytes] = set()
    for secret in secrets:
        lines = [line for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE]
        for value in {secret, secret.strip(), *lines, *(line.strip() for line in lines)}:
            raw = value.encode("utf-8", "surrogateescape")
            if len(value) < SHORTEST or _TELLING.fullmatch(raw):
                continue
            found |= {raw, quote(raw).encode(), quote(raw, safe="").encode(), *_base64(raw)}
            found |= {
                json.dumps(value, ensure_ascii=ascii_).encode("utf-8", "replace")[1:-1] for ascii_ in (True, False)
            }
    return sorted(found, key=lambda form: (-len(form), form))


def _base64(raw: bytes) -> tuple[bytes, bytes]:
    """With padding and without."""
    padded = base64.b64encode(raw)
    return padded, padded.rstrip(b"=")


class _Known:
    """Replaces known values. Values that overlap in the stream are hidden together."""

    def __init__(self, forms: list[bytes]):
        self._pattern = re.compile(b"|".join(map(re.escape, forms))) if forms else None
        self._forms = forms
        self._firsts = frozenset(form[0] for form in forms)
        self._window = len(forms[0]) if forms else 0
        self._buffer = b""
        self._hidden = 0  # so many bytes at the start of the buffer belong to a value that is marked already

    def fresh(self) -> _Known:
        made = copy(self)
        made._buffer, made._hidden = b"", 0
        return made

    def feed(self, data: bytes) -> bytes:
        return self._take(data, self._certain(self._buffer + data))

    def _certain(self, buffer: bytes) -> int:
        """The first position at which a value may have begun that has not arrived as a whole; lines flow up to there."""
        for position in range(max(len(buffer) - self._window + 1, 0), len(buffer)):
            if buffer[position] in self._firsts:
                rest = buffer[position:]
                if any(form.startswith(rest) for form in self._forms):
                    return position
        return len(buffer)

    def flush(self) -> bytes:
        rest = self._take(b"", len(self._buffer))
        self._buffer, self._hidden = b"", 0
        return rest

    def whole(self, data: bytes) -> bytes:
        """A stream of one piece: nothing is held back for what may still come."""
        if self._pattern is None:
            return data
        rest = self._take(data, len(self._buffer) + len(data))
        self._buffer, self._hidden = b"", 0
        return rest

    def _take(self, data: bytes, until: int) -> bytes:
        """Decides the positions before `until`."""
        if self._pattern is None:
            return data
        buffer = self._buffer + data
        until = max(until, 0)
        out: list[bytes] = []
        position, done = 0, self._hidden
        while (found := self._pattern.search(buffer, position)) and found.start() < until:
            if found.start() >= done:
                out += (buffer[done : found.start()], MARK)
            done = max(done, found.end())
            position = found.start() + 1
        out.append(buffer[done:until])
        self._buffer, self._hidden = buffer[until:], max(done - until, 0)
        return b"".join(out)


class _Looks:
    """Replaces what looks like a secret. Between two calls it is either looking for a start or dropping a value."""

    def __init__(self) -> None:
        self._buffer = b""
        self._context = 0  # so many bytes at the start of the buffer are decided, kept to be looked back at
        self._dropping = ""  # name of what is dropped: "block" or a key of _ENDLESS; empty: looking for a start
        self._dropped = 0
        self._candidates: list[int] = []

    def feed(self, data: bytes) -> bytes:
        return self._take(data, final=False)

    def flush(self) -> bytes:
        return self.whole(b"")

    def whole(self, data: bytes) -> bytes:
        """The last piece of a stream; of a stream of one piece all of it."""
        rest = self._take(data, final=True)
        self._buffer, self._context, self._dropping, self._dropped = b"", 0, "", 0
        return rest

    def _take(self, data: bytes, final: bool) -> bytes:
        self._buffer += data
        self._candidates = _candidates(self._buffer)
        out: list[bytes] = []
        position = self._context
        while True:
            step = self._drop if self._dropping else self._look
            reached = step(position, final, out)
            if reached is None:
                break
            position = reached
        return b"".join(out)

    def _look(self, position: int, final: bool, out: list[bytes]) -> int | None:
        """Passes text on up to the next start and begins to drop; None when more bytes are needed."""
        buffer = self._buffer
        until = len(buffer) if final else len(buffer) - _WINDOW
        found = self._next_start(position, until)
        if found is None:
            passed = max(until if final else self._certain(max(until, position)), position)
            out.append(buffer[position:passed])
            self._keep(passed)
            return None
        out += (buffer[position : found.end()], MARK)
        kind = (found.lastgroup or "").rstrip("0123456789")
        if kind == "url":
            password = _URL_PASSWORD.match(buffer, found.end())
            return password.end() if password else found.end()
        self._dropping, self._dropped = _ending(kind, found.group()), 0
        return found.end()

    def _certain(self, since: int) -> int:
        """The first place from `since` on where a start may begin, also one that has only begun to arrive."""
        index = bisect_left(self._candidates, since)
        if index < len(self._candidates):
            return self._candidates[index]
        lowered = self._buffer[-_LONGEST_BEGINNING:].lower()
        for length in range(min(len(lowered), len(self._buffer) - since), 0, -1):
            if any(beginning.startswith(lowered[-length:]) for beginning in _BEGINNINGS):
                return len(self._buffer) - length
        return len(self._buffer)

    def _next_start(self, position: int, until: int) -> re.Match[bytes] | None:
        """The first start in position .. until."""
        for index in range(bisect_left(self._candidates, position), len(self._candidates)):
            place = self._candidates[index]
            if place >= until:
                break
            if found := _START.match(self._buffer, place):
                return found
        return None

    def _drop(self, position: int, final: bool, out: list[bytes]) -> int | None:
        """Skips the value that began before; None when its end has not arrived."""
        if self._dropping == "block":
            return self._drop_block(position, final)
        found = _ENDLESS[self._dropping].match(self._buffer, position)
        end = found.end() if found else position
        waits = len(self._buffer) - end
        if not final and (not waits or (waits == 1 and self._buffer[end:] == b"\\" and self._dropping in "\"'")):
            self._keep(end)
            return None
        if final and not waits:
            return None
        self._dropping = ""
        return end

    def _drop_block(self, position: int, final: bool) -> int | None:
        found = _BLOCK_END.search(self._buffer, position)
        left = _BLOCK_LIMIT - self._dropped
        if found and found.start() - position <= left:
            self._dropping = ""
            return found.end()
        until = len(self._buffer) if final else max(len(self._buffer) - _BLOCK_END_LENGTH, position)
        if until - position > left:
            self._dropping = ""
            return position + left
        self._dropped += until - position
        self._keep(until)
        return None

    def _keep(self, position: int) -> None:
        """Lets go of the bytes before `position`, but for those to be looked back at."""
        start = max(position - _CONTEXT, 0)
        self._buffer, self._context = self._buffer[start:], position - start


def _candidates(buffer: bytes) -> list[int]:
    """Places where a start may begin, in order."""
    lowered = buffer.lower()
    places = []
    for beginning in _BEGINNINGS:
        place = lowered.find(beginning)
        while place >= 0:
            places.append(place)
            place = lowered.find(beginning, place + 1)
    return sorted(places)


def _ending(kind: str, start: bytes) -> str:
    """Which bytes belong to the value after a start: up to the closing quote, or what its kind takes."""
    if kind in ("line", "value") and start[-1:] in (b'"', b"'"):
        return "escaped" if start[-2:-1] == b"\\" else start[-1:].decode()
    return kind
