"""What the routes mean and answer: tasks, shifts, heartbeats, keys, alerts, links, the drill."""

from __future__ import annotations

from watchkeeper.faces.api.schemas import work
from watchkeeper.faces.api.schemas.routes import Route
from watchkeeper.faces.api.schemas.shapes import Time
from watchkeeper.services.log.unlogged import Prefilled

SECTIONS: dict[str, dict[str, Route]] = {
    "Tasks": {
        "GET /tasks": Route(
            "what is open, of entries, incidents and shifts. `mine`: the caller's; `owner`: of this one; "
            "`due`: only what is due; `ended`: what ended in the last 30 days instead; `entry`: all of this "
            "entry, also what ended",
            "`tasks`: list of tasks, due first; what has ended: the last ended first",
            {"tasks": [work.Task]},
        ),
        "POST /tasks": Route(
            "something to do; an operator or an agent. `due`: a date, a length such as `48h`, or words such "
            "as `next monday`; `check` with `stays_s`: done by itself once that check stayed OK so long, 1 "
            "minute to 366 days",
            "`task`: the task",
            {"task": work.Task},
        ),
        "GET /tasks/{number}": Route(
            "one task",
            "`task`: a task",
            {"task": work.Task},
        ),
        "GET /tasks/{number}/draft": Route(
            "the entry that would tell of it, to be sent to `/log`; refused when the task is over",
            "`draft`: the entry",
            {"draft": Prefilled},
        ),
        "POST /tasks/{number}/done": Route(
            "tick it; an operator, and for a task of no incident an agent too. `entry`: the one that tells "
            "how it ended; `done` false takes the tick back",
            "`task`",
            {"task": work.Task},
        ),
        "POST /tasks/{number}/drop": Route(
            "nobody will do it; an operator only, and it needs `why`",
            "`task`",
            {"task": work.Task},
        ),
        "POST /tasks/{number}/assign": Route(
            "say whose it is; the caller's when `owner` is empty. An operator, and an agent may take one",
            "`task`",
            {"task": work.Task},
        ),
        "POST /tasks/{number}/due": Route(
            "another date, written as above, or none when empty; an operator only",
            "`task`",
            {"task": work.Task},
        ),
        "POST /tasks/{number}/check": Route(
            "the check that is shown with it, none when empty; with `stays_s` it is done once that check "
            "stayed OK so long. An operator only",
            "`task`",
            {"task": work.Task},
        ),
    },
    "Shifts": {
        "GET /shifts": Route(
            "`limit`: at most 200; `before`: only numbers below; `person`: only of this one",
            "`shifts`: list of shifts, newest first",
            {"shifts": [work.Shift]},
        ),
        "POST /shifts": Route(
            "begin the caller's shift and answer its checklist; an operator or an agent. 409 when he has one",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "GET /shifts/current": Route(
            "the caller's own shift, and the hand-over that waits for him",
            "`shift`: a shift, or null; `waiting`: the shift that was handed over, or null",
            {"shift": work.WholeShift | None, "waiting": work.Shift | None},
        ),
        "GET /shifts/{number}": Route(
            "one shift",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "GET /shifts/evidence/{number}": Route(
            "the full text of some evidence, as the `evidence` of items and notes says",
            "plain text. Header `X-Digest`: `sha256=` and its digest",
            "text/plain",
        ),
        "POST /shifts/look": Route(
            "answer the checklist anew; what was signed stays, unless what it was signed for has changed. "
            "`shift`, here and below: the caller's own without it, and an approver may act in another's",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "POST /shifts/tick": Route(
            "sign an item that people answer, counted from 1; or say of any why it is `missing`",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "POST /shifts/sign": Route(
            "sign off the checklist; refused while an item is open",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "POST /shifts/notes": Route(
            "report. `kind`: progress, blocker, next, ready or note; `evidence`: its full text is kept; "
            "`ready_for`: what the caller stands by for",
            "`note`: the note",
            {"note": work.Note},
        ),
        "POST /shifts/notes/{number}/over": Route(
            "a blocker is over",
            "`note`: the note",
            {"note": work.Note},
        ),
        "POST /shifts/standby": Route(
            "stand by, ready for these; `standby` false: at work again. It counts as a report",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "POST /shifts/tasks": Route(
            "work on a task: on the open one of number `task`, or on a new one of these words. The one before"
            " is paused",
            "`task`: the task",
            {"task": work.Task},
        ),
        "POST /shifts/tasks/finish": Route(
            "the `task` is done; without a number the one at work",
            "`task`: the task",
            {"task": work.Task},
        ),
        "POST /shifts/end": Route(
            "hand over `to` somebody, or to whoever comes next; writes an entry with all that was done and is"
            " open. `said`: last words",
            "`shift`: a shift",
            {"shift": work.WholeShift},
        ),
        "POST /shifts/accept": Route(
            "take the hand-over that waits for the caller, or that of `shift`; writes an entry",
            "`shift`: the shift that was handed over",
            {"shift": work.Shift},
        ),
    },
    "Heartbeats, keys, alerts": {
        "GET /heartbeats": Route(
            "every job that must report, with its newest ping",
            "`heartbeats`: list of heartbeats",
            {"heartbeats": [work.Heartbeat]},
        ),
        "GET /heartbeats/show/{check}": Route(
            "one job with its newest pings, at most 200",
            "`heartbeat`: a heartbeat",
            {"heartbeat": work.Heartbeat},
        ),
        "GET /heartbeats/url/{check}": Route(
            "where the job reports over HTTP, the key in it; an operator only",
            "`url`",
            {"url": str},
        ),
        "POST /heartbeats/rotate/{check}": Route(
            "a new URL for the job; the old one is refused from now on. An operator only",
            "`url`",
            {"url": str},
        ),
        "POST /pings": Route(
            "a ping of a job. `status`: success, start, fail or log; an exit code says it too, 0 is success",
            "`ping`: `check`, `status`, `at`",
            {"ping": work.TakenPing},
        ),
        "GET /keys/{purpose}": Route(
            "a key that holds until it is replaced; an operator only. `purpose`: ping, alerts, metrics, "
            "health or calendar; `subject`: of a ping key its check",
            "`key`",
            {"key": str},
        ),
        "POST /keys/{purpose}/rotate": Route(
            "a new key; the old one is refused from now on. An operator only",
            "`key`",
            {"key": str},
        ),
        "POST /alerts/alertmanager": Route(
            "the webhook of Alertmanager, version 4, at most 1 MiB, with the key of `wk keys show alerts`. "
            "Prometheus itself posts to `/api/v2/alerts`",
            "`alerts`: `taken`, how many",
            {"alerts": {"taken": int}},
        ),
    },
    "Links, the drill": {
        "POST /links": Route(
            "socket only",
            '`{"link": {"url"}}`, a one-time link to the page',
            {"link": {"url": str}},
        ),
        "POST /drill/boundary": Route(
            "what fails next is not the same trouble coming back",
            "`boundary`: `at`; only for the drill of the sample fleet",
            {"boundary": {"at": Time}},
        ),
    },
}
