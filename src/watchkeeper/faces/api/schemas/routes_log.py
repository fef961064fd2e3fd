"""What the routes mean and answer: the operations log, the log, kept and proven."""

from __future__ import annotations

from watchkeeper.core.log.chain import Verification
from watchkeeper.core.log.proof import Anchor
from watchkeeper.core.log.values import Entry
from watchkeeper.core.log.vocabulary import Vocabulary
from watchkeeper.faces.api.schemas import log, work
from watchkeeper.faces.api.schemas.routes import Route
from watchkeeper.faces.api.schemas.shapes import Time

SECTIONS: dict[str, dict[str, Route]] = {
    "The operations log": {
        "GET /log": Route(
            "`q`: a question such as `severity>=high since:30d`, or `@NAME` for a saved one; `text`: only "
            "entries that hold it; `limit`: at most 500; `before`: only numbers below",
            "`entries`: list of entries, newest first; `question`: as it was understood; `total`: "
            "how many there are, null when text is asked for; `more`: the number to go on `before`, null at "
            "the end",
            {"entries": [Entry], "question": str, "total": int | None, "more": int | None},
        ),
        "GET /log/{number}": Route(
            "one entry and what was said about it since",
            "`entry`: an entry, and in full those of its thread (`thread_entries`), `corrections` "
            "and `statuses`, oldest first",
            {"entry": Entry},
        ),
        "POST /log": Route(
            "write one; an operator or an agent. `body`: text of the section Change; `fields`: `label`, "
            "`text`; `sections`: `heading`, `text`; `attachments`: `name` and, in base64, `content`, at most "
            "10 MB each; `corrects`: the number of an earlier one; `at`: when it happened, now when empty; "
            "`markdown`: a filled template; `title`, `type`, `severity`, `status` and `at` go before its own,"
            " and lists add to it",
            "`entry`: as it was written",
            {"entry": Entry},
        ),
        "POST /log/{number}/correct": Route(
            "write one that puts an older one right, with the same fields; what it does not say is as it was there",
            "`entry`: the new one",
            {"entry": Entry},
        ),
        "POST /log/{number}/reply": Route(
            "write one into the thread of another, with the same fields",
            "`entry`: the new one",
            {"entry": Entry},
        ),
        "POST /log/{number}/status": Route(
            "another status of an entry, by a new one that says `why`; refused when it has that status",
            "`entry`: the new one",
            {"entry": Entry},
        ),
        "GET /log/{number}/attachments/{name}": Route(
            "a file that is attached to an entry, by its name or its place from 1, checked against its digest",
            "its bytes, to be kept as a file; 400 when the entry has no such file",
            "application/octet-stream",
        ),
        "GET /log/template": Route(
            "the template of an entry as Markdown, and the words of the team. `title`: what to fill in",
            "`template`: `text`, and the `vocabulary` with `types`, `severities` (worst first) and "
            "`statuses`, each with `name`, `aliases` and `means`",
            {"template": {"text": str, "vocabulary": Vocabulary}},
        ),
        "GET /log/queries": Route(
            "questions that are saved for the team",
            "`queries`: list of `name`, `question` and `by` (empty: it stands in watchkeeper.yaml), by name",
            {"queries": [work.SavedQuery]},
        ),
        "POST /log/queries": Route(
            "save a question for the team, or drop it when `question` is empty; an operator only. One of "
            "watchkeeper.yaml cannot be changed here",
            "`queries`: all of them",
            {"queries": [work.SavedQuery]},
        ),
        "POST /log/index": Route(
            "make what the log is asked by anew from the log itself; an operator only",
            "`index`: `entries`, how many there are",
            {"index": {"entries": int}},
        ),
        "POST /log/import": Route(
            "the body is the document as it is, at most 64 MiB; an operator or an agent. With `dry_run` "
            "nothing is written. `name`: under which it is known; `zone`: for times without one; `repair`: "
            "damaged characters; `redact`: known secrets, else a document that holds one is refused; "
            "`update`: what differs becomes corrections. A call writes at most 2000 entries: repeat it while "
            "`left` is not 0",
            "`import`: what was found and done",
            {"import": log.Import},
        ),
        "GET /log/daily": Route(
            "the operations document of a day of the team: `2026-11-21`, `yesterday`, or today without `date`",
            "`daily`: the document",
            {"daily": log.Daily},
        ),
        "GET /log/daily.md": Route(
            "the same document",
            "Markdown",
            "text/markdown",
        ),
        "GET /log/issues": Route(
            "the issues of a day, by number; a number that was given once stays",
            "`issues`: list of issues",
            {"issues": [log.Issue]},
        ),
        "GET /log/digest": Route(
            "what was logged in the `period` (day, week or month) in which `date` lies; now without it",
            "`digest`: the digest",
            {"digest": log.Digest},
        ),
        "GET /log/compliance": Route(
            "who changed what in the `period` in which `date` lies, approved by whom and proven how",
            "`compliance`: `name`, `since`, `until`, `changes`, list of changes as logged; "
            "how many have no gaps (`complete`), and the same as `markdown`",
            {"compliance": log.Compliance},
        ),
        "GET /log/compliance.csv": Route(
            "the same as a table with a header",
            "comma-separated values",
            "text/csv",
        ),
        "GET /log/export": Route(
            "the rendered log",
            "the whole log as Markdown",
            "text/markdown",
        ),
    },
    "The log, kept and proven": {
        "GET /log/verify": Route(
            "recompute the chain and compare it with what is known outside. `anchor`: one more, as `NUMBER "
            "HASH`, that you were told",
            "`verification`: what the chain says",
            {"verification": Verification},
        ),
        "GET /log/head": Route(
            "the last entry, which proves all before it",
            "`head`: `number` (0: the log is empty), `hash`, and as `trailer` the line for a commit that anchors it",
            {"head": {"number": int, "hash": str, "trailer": str}},
        ),
        "GET /log/anchors": Route(
            "heads of the chain that are kept outside: in commits, and the last one that the webhook took",
            "`anchors`: list of anchors, newest first",
            {"anchors": [Anchor]},
        ),
        "GET /log/chain": Route(
            "the entries behind number `after` as a file that proves itself; `limit`: at most 500",
            "JSON lines. Header `X-Next-After`: where to go on, 0 behind the last",
            "application/jsonl",
        ),
        "POST /log/chain/parts": Route(
            "a part of such a file that is to be imported; an admin only. `offset`: its first byte, 0 begins anew",
            "`received`: how many bytes are there now",
            {"received": int},
        ),
        "POST /log/chain/import": Route(
            "make the received file the log, which must be empty; an admin only. `digest`: sha256 of the "
            "whole. A chain that does not hold is refused, and nothing is kept",
            "`verification`: what the chain says",
            {"verification": Verification},
        ),
        "POST /log/archive": Route(
            "move what was kept long enough for its severity into `docs/archive` of the ops repo; an admin "
            "only, except with `dry_run`",
            "`archives`: list of archives; `dry_run`; `policy`: how long entries are kept, in words",
            {"archives": [log.Archive], "dry_run": bool, "policy": str},
        ),
        "GET /log/holds": Route(
            "legal holds, also those that ended: what they hold is neither archived nor purged",
            "`holds`: list of holds, oldest first",
            {"holds": [log.Hold]},
        ),
        "POST /log/holds": Route(
            "hold `entries` (`1-40,43`), all that `query` finds now and later, or both; an approver only",
            "`hold`: the hold",
            {"hold": log.Hold},
        ),
        "POST /log/holds/{number}/release": Route(
            "end a hold by the number of its entry; an admin only",
            "`hold`: the hold",
            {"hold": log.Hold},
        ),
        "GET /log/{number}/purge": Route(
            "what a purge would take away; an admin only. Refused under a hold, and for entries about the log itself",
            "`purge`: the `entry` with `number`, `at`, `title`, `digest` and `archived` (its file, or empty),"
            " and as `elsewhere` sentences about what a purge does not reach",
            {
                "purge": {
                    "entry": {"number": int, "at": Time, "title": str, "digest": str, "archived": str},
                    "elsewhere": [str],
                }
            },
        ),
        "POST /log/{number}/purge": Route(
            "take the text of an entry away for ever, also from the archive; an admin only, and it needs "
            "`why`. A new entry says so",
            "`purge`: the `entry` with `number`, `digest` and `named_by` (the new one), and `elsewhere` as before",
            {"purge": {"entry": {"number": int, "digest": str, "named_by": int}, "elsewhere": [str]}},
        ),
    },
}
