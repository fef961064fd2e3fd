"""What each route of the API means and answers, in the order of docs/reference/api.md.

An answer names its nouns first: every clause that begins with code names what stands at the top of the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """meaning: what asking it does. answer: what comes back. Both without a full stop."""

    meaning: str
    answer: str


SECTIONS: Mapping[str, Mapping[str, Words]] = {
    "How it stands": {
        "GET /health": Words(
            "whether watchkeeper is alive as a whole: checks, flips, outbox, disk, log, backups; needs no cookie",
            "`health`: [its own health](#health), with status 503 and an `error` beside it while `faults` is not empty",
        ),
        "GET /status": Words(
            "the whole truth of one moment",
            "`status`: [the status](#status); 503 with the same body while something of watchkeeper itself is stuck",
        ),
        "GET /checks": Words(
            "every check with its newest reading",
            "`checks`: list of [checks](#check)",
        ),
        "POST /checks/ask": Words(
            "ask now: keys (`shop/web`), services, or all",
            "`checks`: list of [checks](#check), asked now",
        ),
        "GET /checks/{key}/series": Words(
            "percentiles of one measured name in even slots, for charts; `points`: at most 2000. Without `name` the "
            "main number of its kind, else the latency",
            "`series`: list of [points](#series-point); `check`, `name`, `slot_s`, `since`, `until`",
        ),
        "GET /availability": Words(
            "how long services were up, degraded, down, under maintenance or unknown; `since`: `30d`, a date or a time",
            "`availability`: one for each service, with `service`, `checks` and [a split](#availability-split) of "
            "the time, each of the `checks` with `check` and its own; `since`, `until`",
        ),
        "GET /expiries": Words(
            "what ends within so many days or has ended: certificates, secrets, disks, grants, proofs, backups, "
            "dates of the team",
            "`expiries`: list of [expiries](#expiry), the first end on top",
        ),
        "GET /doctor": Words(
            "is watchkeeper itself well",
            "`doctor`: list of [findings](#finding)",
        ),
        "GET /backups": Words(
            "how our own backup stands",
            "`backups`: `plan`, `newest` with its manifest, `failed` and `failed_at` of the last try",
        ),
        "GET /metrics": Words(
            "OpenMetrics or Prometheus text, as the caller asks. Over TCP with the key of `wk keys show metrics`; "
            "also at `/metrics`",
            "text",
        ),
    },
    "What changed": {
        "GET /changes": Words(
            "what changed on the hosts, in the ops repo and by what was told. `service`: only on it, its hosts and "
            "what it needs; `hours`: at most 8784",
            "`changes`: list of [changes](#change), newest first; `skipped`: each `host` that is not looked at, and "
            "`why`",
        ),
        "POST /changes": Words(
            "tell of a change, as a deploy script does; an agent may. `kind`: deployment, configuration or "
            "migration; `service` or `host` is needed; `key`: told once, however often it is sent; `at`: now when "
            "empty, at most a year ago",
            "`change`: [the change](#change)",
        ),
    },
    "Who was told": {
        "GET /notifications": Words(
            "who was told what. `undelivered`: only what nobody has taken; `before`: only numbers below",
            "`notifications`: list of [notifications](#notification), newest first",
        ),
        "GET /notifications/{number}": Words(
            "one message and every try to deliver it",
            "`notification`: [a notification](#notification) with `attempts`, newest first, and `carries`: the "
            "numbers of those that go with it",
        ),
        "POST /notifications/{number}/retry": Words(
            "try it now, also on a channel that is down. `channel`: that one first",
            "`notification`",
        ),
        "GET /channels": Words(
            "how each declared channel is, by its last attempts",
            "`channels`: list of [channels](#channel), in the order of the file",
        ),
        "POST /doctor/channels": Words(
            "send a marked test message through the outbox: on one `channel`, or on all",
            "`tests`: one `channel`, `ok` (null: not known yet), `sentence`, `duration_s` for each",
        ),
    },
    "Incidents": {
        "GET /incidents": Words(
            "`status`: open, closed or merged; `before`: only numbers below",
            "`incidents`: list of [incidents](#incident), newest first",
        ),
        "GET /incidents/{number}": Words(
            "everything about one: timeline, clock, suspects, who is blocked, runs, tasks, messages",
            "`incident`: [an incident](#incident) with its story",
        ),
        "GET /incidents/{number}/similar": Words(
            "past incidents like this one, and what was proven to work then",
            "`similar`: list of [similar incidents](#similar-incident), the likest first; `remedies`: list of "
            "[remedies](#remedy)",
        ),
        "GET /incidents/{number}/postmortem": Words(
            "a draft from what is kept; a person finishes it",
            "`postmortem`: `incident` and `markdown`",
        ),
        "POST /incidents/{number}/ack": Words(
            "take it: steps of escalation pause, and nothing acts by itself any more",
            "`incident`",
        ),
        "POST /incidents/{number}/escalate": Words(
            "tell people now, again if need be",
            "`incident`",
        ),
        "POST /incidents/{number}/close": Words(
            "close without proof; needs a reason",
            "`incident`, closed as unproven",
        ),
        "POST /incidents/{number}/note": Words(
            "a line in its timeline",
            "`incident`",
        ),
        "POST /incidents/{number}/assign": Words(
            "say who has it; the caller when `owner` is empty. Also of a closed one",
            "`incident`",
        ),
        "POST /incidents/{number}/severity": Words(
            "P1 to P4, and why; no policy changes it after that",
            "`incident`",
        ),
        "POST /incidents/{number}/tasks": Words(
            "something to be done because of it, also after its end. `due_at`: UTC text with Z",
            "`task`: [a task](#task-of-an-incident)",
        ),
        "POST /incidents/{number}/links": Words(
            "`target`: a web address, or `run 12`, `entry 3`, `incident 7`; the same target again gives the link "
            "that is there",
            "`link`: [a link](#link)",
        ),
        "GET /incidents/tasks": Words(
            "what is still to be done because of incidents; `all`: also what is done",
            "`tasks`: list of [tasks](#task-of-an-incident), oldest first",
        ),
        "POST /incidents/tasks/{number}": Words(
            "tick a task by its own number; `done` false takes the tick back",
            "`task`",
        ),
        "GET /incidents/stages": Words(
            "medians per stage of the incidents closed from `since` to `until`, both UTC; without them the last 30 "
            "days",
            "`stages`: [figures](#stage-figures)",
        ),
    },
    "Windows and silences": {
        "GET /windows": Words(
            "windows of planned maintenance: now, next, and the last `limit` of the past (at most 200)",
            "`windows`: list of [windows](#window); `plans`: list of [recurring ones](#recurring-window)",
        ),
        "GET /silences": Words(
            "silences: they mute, and the time still counts as what it was",
            "`silences`: list of [silences](#window); `plans`: list of [recurring ones](#recurring-window)",
        ),
        "POST /windows": Words(
            "begin or plan a window; it needs a reason and an end. `cron` or `rrule` make it recur, for a year; "
            "`past` reclassifies time that is over (an approver only); `dry_run` only says what it would cover. "
            "Times without an offset are in the zone of the team",
            "`window`: [the window](#window), or `plan`: [a recurring one](#recurring-window), and `covered`: [what "
            "it mutes](#covered). With `past` instead of `covered`: `before` and `after`, lists of "
            "[figures](#reclassified-time)",
        ),
        "POST /silences": Words(
            "the same as a silence; it cannot be `past`",
            "`silence`: [the silence](#window), or `plan`, and `covered`",
        ),
        "GET /windows/{number}": Words(
            "one window",
            "`window`: [a window](#window)",
        ),
        "GET /silences/{number}": Words(
            "one silence",
            "`silence`: [a silence](#window)",
        ),
        "POST /windows/{number}/end": Words(
            "end it now; what still fails is told at once. One that has not begun does not take place",
            "`window`",
        ),
        "POST /silences/{number}/end": Words(
            "end it now; what still fails is told at once",
            "`silence`",
        ),
        "POST /windows/{number}/extend": Words(
            "`by_s`: longer than planned; or `ends_at`: the new end",
            "`window`",
        ),
        "POST /silences/{number}/extend": Words(
            "`by_s`: longer than planned; or `ends_at`: the new end",
            "`silence`",
        ),
        "POST /windows/{number}/check": Words(
            "ask the checks of its checklist now",
            "`window`, its `checklist` with what was measured",
        ),
        "POST /windows/{number}/tick": Words(
            "say that a line of the checklist, counted from 1, is done or not; a line that a check answers cannot be "
            "ticked",
            "`window`",
        ),
        "POST /windows/{number}/take-back": Words(
            "a reclassified time counts again as what it was; an approver only, with a reason",
            "`window`; `before`, `after`: lists of [figures](#reclassified-time)",
        ),
        "POST /windows/plans/{number}/end": Words(
            "a recurring one that was made by command takes place no more",
            "`plan`: [a recurring one](#recurring-window)",
        ),
    },
    "On call and escalation": {
        "GET /oncall": Words(
            "who is on call now, by schedule",
            "`oncall`: list of [schedules](#on-call), in the order of the file",
        ),
        "GET /oncall.ics": Words(
            "all shifts as a calendar, a month back and a year ahead",
            "iCalendar text",
        ),
        "GET /oncall/{name}.ics": Words(
            "the shifts of one schedule as a calendar",
            "iCalendar text",
        ),
        "GET /oncall/{name}/shifts": Words(
            "the shifts of one schedule for so many days (at most 732)",
            "`shifts`: list of [shifts](#on-call-shift)",
        ),
        "GET /oncall/gaps": Words(
            "when a schedule that a policy asks has nobody, within so many days (at most 400)",
            "`gaps`: list with `schedule`, `since`, `until` of each",
        ),
        "GET /oncall/calendar-address": Words(
            "the address to which calendar programs subscribe; an operator only, since it holds a key",
            "`calendar`: `url`",
        ),
        "GET /oncall/overrides": Words(
            "those of the files and those made by command that have not ended",
            "`overrides`: list of [overrides](#override)",
        ),
        "POST /oncall/{name}/overrides": Words(
            "put somebody on call for a while, with one of `until` and `lasts_s`. `since`, `until`: `2026-12-24 "
            "09:00` in the zone of the schedule, `18:00`, `now`, or a time with its offset; from now without `since`",
            "`override`: [the override](#override)",
        ),
        "POST /oncall/overrides/{number}/remove": Words(
            "take an override back",
            "`override`",
        ),
        "POST /oncall/{name}/swap": Words(
            "two people change their next turns with each other",
            "`overrides`: the two [overrides](#override) that do it",
        ),
        "GET /escalations": Words(
            "open incidents on their way through a policy, the next to be told first",
            "`escalations`: list of [escalations](#escalation)",
        ),
        "GET /escalations/preview": Words(
            "who would be told, step by step, if an incident of this `service` opened `at` a time. `kind`: of the "
            "message",
            "`preview`: `policy` (empty: the plain list of channels) and `steps`, list of [steps of "
            "escalation](#step-of-escalation)",
        ),
    },
    "Runbooks and runs": {
        "GET /runbooks": Words(
            "the runbooks of the ops repo",
            "`runbooks`: list of [runbooks](#runbook)",
        ),
        "GET /runbooks/{path}": Words(
            "how one is understood",
            "`runbook`: [a runbook](#runbook) with `procedures` and `steps`",
        ),
        "POST /runs": Words(
            "start a run by hand. `digest`, `pins`: of the plan that was shown; refused when it changed. `hosts`: "
            "only on these; `failed_of`: only where that run did not get through",
            "`run`: [a run](#run); of a dry run `id` is 0 and nothing is kept",
        ),
        "GET /runs": Words(
            "`active`: only those that have not ended",
            "`runs`: list of [runs](#run), newest first",
        ),
        "GET /runs/{number}": Words(
            "one run",
            "`run`: [a run](#run) with its `approvals`",
        ),
        "GET /runs/{number}/steps/{index}/output": Words(
            "the output of a step, also while it runs",
            "raw bytes from `offset`. Header `X-Next-Offset`: where to go on; `X-Done: 1`: the step has ended",
        ),
        "POST /runs/{number}/approve": Words(
            "`binds`: refused unless the step still has this hash",
            "`run`",
        ),
        "POST /runs/{number}/values": Words(
            "`params`: values for placeholders of what waits; nothing runs before its approval",
            "`run`; what waits is bound anew, see its `approvals`",
        ),
        "POST /runs/{number}/deny": Words(
            "the waiting step never runs",
            "`run`",
        ),
        "POST /runs/{number}/cancel": Words(
            "end it, on the host too",
            "`run`",
        ),
        "POST /runs/{number}/resume": Words(
            "let a parked run go on, or a failed one from its failed step",
            "`run`",
        ),
        "POST /runs/{number}/undo": Words(
            "take back what an ended run did, then verify again",
            "`run`",
        ),
    },
    "Grants and automation": {
        "GET /grants": Words(
            "all grants, revoked ones too",
            "`grants`: list of [grants](#grant), newest first",
        ),
        "POST /grants": Words(
            "`response`: `SERVICE/RUNBOOK`",
            "`grant`",
        ),
        "POST /grants/{number}/revoke": Words(
            "take it back",
            "`grant`",
        ),
        "GET /automation": Words(
            "the kill switch",
            '`{"automation": {"on": true, "why": ""}}`',
        ),
        "GET /automation/report": Words(
            "what acting by itself brought or would have brought; `days` up to 366",
            "`report`: [the report](#automation-report)",
        ),
        "POST /automation": Words(
            "switch it; off needs no right, on needs a person",
            "`automation`",
        ),
        "GET /proofs": Words(
            "when each response last changed something and was proven (null: never), and how long that counts",
            '`{"proofs": [{"response": "shop/runbooks/web-down.md", "runbook": "runbooks/web-down.md", "proven_at": '
            'null, "within_s": 7776000.0}]}`',
        ),
        "GET /automation/quarantine": Words(
            "responses that are set aside because they did not help; `released`: also those that are over",
            "`quarantines`: list of [quarantines](#quarantine), newest first",
        ),
        "POST /automation/quarantine/release": Words(
            "`response` may act again under its grant; an approver only",
            "`quarantines`: those that were released",
        ),
        "GET /automation/records": Words(
            "what a runbook has proven in the last year",
            "`records`: `runbook`, `tried`, `proven`, `median_s` and `sentence`; in `symptoms` the same for each "
            "`symptom`, as `service/check`",
        ),
        "GET /automation/month": Words(
            "the figures of a month such as `2026-10`; without one those of the month so far",
            "`month`: [the figures](#month)",
        ),
    },
    "Locks and people": {
        "GET /locks": Words(
            "who holds what",
            "`locks`: list of [locks](#lock), oldest first",
        ),
        "POST /locks": Words(
            "take or renew a deploy lock; a person only. `name`: `deploy:SERVICE`",
            "`lock`",
        ),
        "POST /locks/release": Words(
            "let go of a lock, also another's; a person only",
            "`lock`, as it was",
        ),
        "GET /users": Words(
            "the people who have a token",
            "`users`: list of [people](#person)",
        ),
        "POST /users": Words(
            "give a person a role and a new token; an admin only. Without `role`: what the team file says",
            "`user` and, this once, `token`",
        ),
        "POST /users/remove": Words(
            "end a token; an admin only",
            "`user`",
        ),
    },
    "The operations log": {
        "GET /log": Words(
            "`q`: a question such as `severity>=high since:30d`, or `@NAME` for a saved one; `text`: only entries that "
            "hold it; `limit`: at most 500; `before`: only numbers below",
            "`entries`: list of [entries](#entry), newest first; `question`: as it was understood; `total`: how many "
            "there are, null when text is asked for; `more`: the number to go on `before`, null at the end",
        ),
        "GET /log/{number}": Words(
            "one entry and what was said about it since",
            "`entry`: [an entry](#entry), and in full those of its thread (`thread_entries`), `corrections` and "
            "`statuses`, oldest first",
        ),
        "POST /log": Words(
            "write one; an operator or an agent. `body`: text of the section Change; `fields`: `label`, `text`; "
            "`sections`: `heading`, `text`; `attachments`: `name` and, in base64, `content`, at most 10 MB each; "
            "`corrects`: the number of an earlier one; `at`: when it happened, now when empty; `markdown`: a filled "
            "template; `title`, `type`, `severity`, `status` and `at` go before its own, and lists add to it",
            "`entry`: [as it was written](#written-entry)",
        ),
        "POST /log/{number}/correct": Words(
            "write one that puts an older one right, with the same fields; what it does not say is as it was there",
            "`entry`: [the new one](#written-entry)",
        ),
        "POST /log/{number}/reply": Words(
            "write one into the thread of another, with the same fields",
            "`entry`: [the new one](#written-entry)",
        ),
        "POST /log/{number}/status": Words(
            "another status of an entry, by a new one that says `why`; refused when it has that status",
            "`entry`: [the new one](#written-entry)",
        ),
        "GET /log/{number}/attachments/{name}": Words(
            "a file that is attached to an entry, by its name or its place from 1, checked against its digest",
            "its bytes, to be kept as a file; 400 when the entry has no such file",
        ),
        "GET /log/template": Words(
            "the template of an entry as Markdown, and the words of the team. `title`: what to fill in",
            "`template`: `text`, and the `vocabulary` with `types`, `severities` (worst first) and `statuses`, each "
            "with `name`, `aliases` and `means`",
        ),
        "GET /log/queries": Words(
            "questions that are saved for the team",
            "`queries`: list of `name`, `question` and `by` (empty: it stands in watchkeeper.yaml), by name",
        ),
        "POST /log/queries": Words(
            "save a question for the team, or drop it when `question` is empty; an operator only. One of "
            "watchkeeper.yaml cannot be changed here",
            "`queries`: all of them",
        ),
        "POST /log/index": Words(
            "make what the log is asked by anew from the log itself; an operator only",
            "`index`: `entries`, how many there are",
        ),
        "POST /log/import": Words(
            "the body is the document as it is, at most 64 MiB; an operator or an agent. With `dry_run` nothing is "
            "written. `name`: under which it is known; `zone`: for times without one; `repair`: damaged characters; "
            "`redact`: known secrets, else a document that holds one is refused; `update`: what differs becomes "
            "corrections. A call writes at most 2000 entries: repeat it while `left` is not 0",
            "`import`: [what was found and done](#import)",
        ),
        "GET /log/daily": Words(
            "the operations document of a day of the team: `2026-11-21`, `yesterday`, or today without `date`",
            "`daily`: [the document](#daily-document)",
        ),
        "GET /log/daily.md": Words(
            "the same document",
            "Markdown",
        ),
        "GET /log/issues": Words(
            "the issues of a day, by number; a number that was given once stays",
            "`issues`: list of [issues](#issue)",
        ),
        "GET /log/digest": Words(
            "what was logged in the `period` (day, week or month) in which `date` lies; now without it",
            "`digest`: [the digest](#digest)",
        ),
        "GET /log/compliance": Words(
            "who changed what in the `period` in which `date` lies, approved by whom and proven how",
            "`compliance`: `name`, `since`, `until`, `changes`, list of [changes as logged](#logged-change); "
            "how many have no gaps (`complete`), and the same as `markdown`",
        ),
        "GET /log/compliance.csv": Words(
            "the same as a table with a header",
            "comma-separated values",
        ),
        "GET /log/export": Words(
            "the rendered log",
            "the whole log as Markdown",
        ),
    },
    "The log, kept and proven": {
        "GET /log/verify": Words(
            "recompute the chain and compare it with what is known outside. `anchor`: one more, as `NUMBER HASH`, that "
            "you were told",
            "`verification`: [what the chain says](#verification)",
        ),
        "GET /log/head": Words(
            "the last entry, which proves all before it",
            "`head`: `number` (0: the log is empty), `hash`, and as `trailer` the line for a commit that anchors it",
        ),
        "GET /log/anchors": Words(
            "heads of the chain that are kept outside: in commits, and the last one that the webhook took",
            "`anchors`: list of [anchors](#anchor), newest first",
        ),
        "GET /log/chain": Words(
            "the entries behind number `after` as a file that proves itself; `limit`: at most 500",
            "JSON lines. Header `X-Next-After`: where to go on, 0 behind the last",
        ),
        "POST /log/chain/parts": Words(
            "a part of such a file that is to be imported; an admin only. `offset`: its first byte, 0 begins anew",
            "`received`: how many bytes are there now",
        ),
        "POST /log/chain/import": Words(
            "make the received file the log, which must be empty; an admin only. `digest`: sha256 of the whole. A chain "
            "that does not hold is refused, and nothing is kept",
            "`verification`: [what the chain says](#verification)",
        ),
        "POST /log/archive": Words(
            "move what was kept long enough for its severity into `docs/archive` of the ops repo; an admin only, except "
            "with `dry_run`",
            "`archives`: list of [archives](#archive); `dry_run`; `policy`: how long entries are kept, in words",
        ),
        "GET /log/holds": Words(
            "legal holds, also those that ended: what they hold is neither archived nor purged",
            "`holds`: list of [holds](#hold), oldest first",
        ),
        "POST /log/holds": Words(
            "hold `entries` (`1-40,43`), all that `query` finds now and later, or both; an approver only",
            "`hold`: [the hold](#hold)",
        ),
        "POST /log/holds/{number}/release": Words(
            "end a hold by the number of its entry; an admin only",
            "`hold`: [the hold](#hold)",
        ),
        "GET /log/{number}/purge": Words(
            "what a purge would take away; an admin only. Refused under a hold, and for entries about the log itself",
            "`purge`: the `entry` with `number`, `at`, `title`, `digest` and `archived` (its file, or empty), and as "
            "`elsewhere` sentences about what a purge does not reach",
        ),
        "POST /log/{number}/purge": Words(
            "take the text of an entry away for ever, also from the archive; an admin only, and it needs `why`. A new "
            "entry says so",
            "`purge`: the `entry` with `number`, `digest` and `named_by` (the new one), and `elsewhere` as before",
        ),
    },
    "Tasks": {
        "GET /tasks": Words(
            "what is open, of entries, incidents and shifts. `mine`: the caller's; `owner`: of this one; `due`: only "
            "what is due; `ended`: what ended in the last 30 days instead; `entry`: all of this entry, also what ended",
            "`tasks`: list of [tasks](#task), due first; what has ended: the last ended first",
        ),
        "POST /tasks": Words(
            "something to do; an operator or an agent. `due`: a date, a length such as `48h`, or words such as `next "
            "monday`; `check` with `stays_s`: done by itself once that check stayed OK so long, 1 minute to 366 days",
            "`task`: [the task](#task)",
        ),
        "GET /tasks/{number}": Words(
            "one task",
            "`task`: [a task](#task)",
        ),
        "GET /tasks/{number}/draft": Words(
            "the entry that would tell of it, to be sent to `/log`; refused when the task is over",
            "`draft`: [the entry](#draft-of-a-task)",
        ),
        "POST /tasks/{number}/done": Words(
            "tick it; an operator, and for a task of no incident an agent too. `entry`: the one that tells how it ended; "
            "`done` false takes the tick back",
            "`task`",
        ),
        "POST /tasks/{number}/drop": Words(
            "nobody will do it; an operator only, and it needs `why`",
            "`task`",
        ),
        "POST /tasks/{number}/assign": Words(
            "say whose it is; the caller's when `owner` is empty. An operator, and an agent may take one",
            "`task`",
        ),
        "POST /tasks/{number}/due": Words(
            "another date, written as above, or none when empty; an operator only",
            "`task`",
        ),
        "POST /tasks/{number}/check": Words(
            "the check that is shown with it, none when empty; with `stays_s` it is done once that check stayed OK so "
            "long. An operator only",
            "`task`",
        ),
    },
    "Shifts": {
        "GET /shifts": Words(
            "`limit`: at most 200; `before`: only numbers below; `person`: only of this one",
            "`shifts`: list of [shifts](#shift), newest first",
        ),
        "POST /shifts": Words(
            "begin the caller's shift and answer its checklist; an operator or an agent. 409 when he has one",
            "`shift`: [a shift](#whole-shift)",
        ),
        "GET /shifts/current": Words(
            "the caller's own shift, and the hand-over that waits for him",
            "`shift`: [a shift](#whole-shift), or null; `waiting`: [the shift that was handed over](#shift), or null",
        ),
        "GET /shifts/{number}": Words(
            "one shift",
            "`shift`: [a shift](#whole-shift)",
        ),
        "GET /shifts/evidence/{number}": Words(
            "the full text of some evidence, as the `evidence` of items and notes says",
            "plain text. Header `X-Digest`: `sha256=` and its digest",
        ),
        "POST /shifts/look": Words(
            "answer the checklist anew; what was signed stays, unless what it was signed for has changed. `shift`, here "
            "and below: the caller's own without it, and an approver may act in another's",
            "`shift`: [a shift](#whole-shift)",
        ),
        "POST /shifts/tick": Words(
            "sign an item that people answer, counted from 1; or say of any why it is `missing`",
            "`shift`: [a shift](#whole-shift)",
        ),
        "POST /shifts/sign": Words(
            "sign off the checklist; refused while an item is open",
            "`shift`: [a shift](#whole-shift)",
        ),
        "POST /shifts/notes": Words(
            "report. `kind`: progress, blocker, next, ready or note; `evidence`: its full text is kept; `ready_for`: "
            "what the caller stands by for",
            "`note`: [the note](#note-of-a-shift)",
        ),
        "POST /shifts/notes/{number}/over": Words(
            "a blocker is over",
            "`note`: [the note](#note-of-a-shift)",
        ),
        "POST /shifts/standby": Words(
            "stand by, ready for these; `standby` false: at work again. It counts as a report",
            "`shift`: [a shift](#whole-shift)",
        ),
        "POST /shifts/tasks": Words(
            "work on a task: on the open one of number `task`, or on a new one of these words. The one before is paused",
            "`task`: [the task](#task)",
        ),
        "POST /shifts/tasks/finish": Words(
            "the `task` is done; without a number the one at work",
            "`task`: [the task](#task)",
        ),
        "POST /shifts/end": Words(
            "hand over `to` somebody, or to whoever comes next; writes an entry with all that was done and is open. "
            "`said`: last words",
            "`shift`: [a shift](#whole-shift)",
        ),
        "POST /shifts/accept": Words(
            "take the hand-over that waits for the caller, or that of `shift`; writes an entry",
            "`shift`: [the shift that was handed over](#shift)",
        ),
    },
    "Heartbeats, keys, alerts": {
        "GET /heartbeats": Words(
            "every job that must report, with its newest ping",
            "`heartbeats`: list of [heartbeats](#heartbeat)",
        ),
        "GET /heartbeats/show/{check}": Words(
            "one job with its newest pings, at most 200",
            "`heartbeat`: [a heartbeat](#heartbeat)",
        ),
        "GET /heartbeats/url/{check}": Words(
            "where the job reports over HTTP, the key in it; an operator only",
            "`url`",
        ),
        "POST /heartbeats/rotate/{check}": Words(
            "a new URL for the job; the old one is refused from now on. An operator only",
            "`url`",
        ),
        "POST /pings": Words(
            "a ping of a job. `status`: success, start, fail or log; an exit code says it too, 0 is success",
            "`ping`: `check`, `status`, `at`",
        ),
        "GET /keys/{purpose}": Words(
            "a key that holds until it is replaced; an operator only. `purpose`: ping, alerts, metrics, health or "
            "calendar; `subject`: of a ping key its check",
            "`key`",
        ),
        "POST /keys/{purpose}/rotate": Words(
            "a new key; the old one is refused from now on. An operator only",
            "`key`",
        ),
        "POST /alerts/alertmanager": Words(
            "the webhook of Alertmanager, version 4, at most 1 MiB, with the key of `wk keys show alerts`. "
            "Prometheus itself posts to `/api/v2/alerts`",
            "`alerts`: `taken`, how many",
        ),
    },
    "Links, the drill": {
        "POST /links": Words(
            "socket only",
            '`{"link": {"url"}}`, a one-time link to the page',
        ),
        "POST /drill/boundary": Words(
            "what fails next is not the same trouble coming back",
            "`boundary`: `at`; only for the drill of the sample fleet",
        ),
    },
}
