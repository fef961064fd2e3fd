"""The kinds of failure that every face can show.

    WatchkeeperError
    |- Usage         the request itself is wrong               (exit 2, HTTP 400)
    |- Invalid       files or values do not hold               (exit 2, HTTP 422)
    |- Forbidden     this actor may not do that                (exit 3, HTTP 403)
    |  |- NeedsFactor  a second factor must be shown first   (exit 3, HTTP 403)
    |  |- TooMany      too often within a short time         (exit 3, HTTP 429)
    |- NotFound      no such thing                             (exit 4, HTTP 404)
    |- Locked        somebody else holds it, or it runs        (exit 5, HTTP 409)
    |- NoAnswer      a host or service gave no answer          (exit 6, HTTP 502)
    |- StoreAway     the database of the store cannot be reached (exit 6, HTTP 502)
    |- Outcast       this node was declared dead by the others (exit 5, HTTP 409)

A sentence says what failed, on what, against what and why; the hint is the next step. Neither ever holds a secret.
Anything that is not a WatchkeeperError is our own bug and shows its trace in the log, never to the person.
"""

from __future__ import annotations


class WatchkeeperError(Exception):
    """A failure that a person can act on: one sentence and the next step."""

    kind = "problem"

    def __init__(self, sentence: str, hint: str = "", **details: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".strip()


class Usage(WatchkeeperError):
    """The request itself is wrong."""

    kind = "usage"


class Invalid(WatchkeeperError):
    """Files or values do not hold."""

    kind = "invalid"


class Forbidden(WatchkeeperError):
    """This actor may not do that."""

    kind = "forbidden"


class NeedsFactor(Forbidden):
    """This person may, once a second factor was shown."""

    kind = "second_factor"


class TooMany(Forbidden):
    """Too often within a short time; ``details["retry_after_s"]`` says when again."""

    kind = "too_many"


class NotFound(WatchkeeperError):
    """No such thing."""

    kind = "not_found"


class Locked(WatchkeeperError):
    """Somebody else holds it, or it is already running."""

    kind = "locked"


class NoAnswer(WatchkeeperError):
    """A host or service gave no answer."""

    kind = "no_answer"


class StoreAway(WatchkeeperError):
    """The database of the store cannot be reached. No `NoAnswer`: it says nothing about a host or a step."""

    kind = "store_away"


class Outcast(WatchkeeperError):
    """This node was declared dead by the others: it may write nothing any more, and ends."""

    kind = "outcast"


def told(error: Exception) -> str:
    """What people are told of any failure: its own sentence, or the kind of a fault that is ours."""
    return error.sentence if isinstance(error, WatchkeeperError) else f"fault of watchkeeper: {type(error).__name__}"
