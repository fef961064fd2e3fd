"""What the values in the answers of the API hold, for docs/reference/api.md.

`VALUES` are values of core whose field names are those of the JSON; `BY_HAND` are put together by the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from watchkeeper.core.changes import Change, Suspect
from watchkeeper.core.expiries import Expiry
from watchkeeper.core.incidents.impact import Blocked
from watchkeeper.core.incidents.records import Link, Task
from watchkeeper.core.incidents.similar import Remedy, Similar
from watchkeeper.core.incidents.stages import Stage
from watchkeeper.core.incidents.values import Event, FailingCheck, Incident
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.log.daily import RECORD
from watchkeeper.core.log.digest import Changed
from watchkeeper.core.log.proof import Anchor
from watchkeeper.core.notifications import Attempt, Message, Notification
from watchkeeper.core.runs.automation_month import Month
from watchkeeper.core.runs.automation_report import Match, ResponseReport
from watchkeeper.core.runs.quarantine import Quarantine
from watchkeeper.core.runs.values import Evidence, Grant, Plan, PlanStep, Run, RunStep, ScriptFile, Touch, Undo
from watchkeeper.core.shifts.counters import Counters
from watchkeeper.services.deliveries import ChannelState
from watchkeeper.services.doctor import Finding
from watchkeeper.services.incidents.whole import Part
from watchkeeper.services.log.unlogged import Prefilled

VALUES: tuple[tuple[str, type, str], ...] = (
    (
        "Incident", Incident,
        ("`response`: its promised response time in words. One alone also has `stages`, `impact`, `parts`, `tasks`, "
         "`links`, `similar`, `remedies`, `timeline`, `suspects`, `runs`, `notifications` and `muted`: what mutes it "
         "now, or null."),
    ),
    ("Failing check", FailingCheck, "One check that an incident holds."),
    ("Event", Event, "A line of the `timeline`, oldest first."),
    ("Stage", Stage, "`stages`: the clock of one incident. `after_s`: since the first bad reading."),
    ("Blocked service", Blocked, "`impact`: services that cannot do without what fails, nearest first."),
    ("Part of an incident", Part, "`parts`: services that failed because of it, as they are now; `words` says it."),
    ("Task of an incident", Task, "As its incident holds it; see [task](#task) for all of them."),
    ("Link", Link, "Where more is written. `kind`: url, run, entry or incident."),
    ("Similar incident", Similar, "`score`: 0 to 1; `why`: in one line; `fixed_by`: a runbook, or empty."),
    ("Remedy", Remedy, "What a runbook did in incidents like this one. `takes_s`: median of those that were proven."),
    ("Suspect", Suspect, "What changed before this, the likeliest first."),
    ("Change", Change, "Something that altered the world."),
    ("Run", Run, "`plan` holds everything but the steps, which stand in `steps` with their states."),
    ("Plan", Plan, "What was frozen at the start of the run."),
    ("Step", RunStep, "One command in one run; its text and host stand in `plan`."),
    ("Planned step", PlanStep, "What exactly runs, where, and why it may not start by itself."),
    ("Evidence", Evidence, "What a step left behind. The output itself: `/runs/{number}/steps/{index}/output`."),
    ("Script file", ScriptFile, "`digest`: sha256 of its bytes; empty when they are not known, then `note` says why."),
    ("Undo", Undo, "How a run was taken back; `verified` is empty until it is over, then good, failed or none."),
    ("Touch", Touch, "One thing that a changing step touches; `files` and `size` are null where nothing was counted."),
    ("Response report", ResponseReport, "`standing`: why no grant lets it act now; `blocked`: matches per cause."),
    ("Match", Match, "`would_act`: under a grant it would have. `after_s`: until it recovered by itself."),
    ("Grant", Grant, "A person's standing permission."),
    (
        "Notification", Notification,
        ("One message on its way. `state`: told, held, on its way, undelivered or withdrawn. Within an incident it "
         "has `attempts` in the place of `state` and `sentence`."),
    ),
    ("Message", Message, "What a person reads; `key` is the same at every retry."),
    ("Attempt", Attempt, "One try to deliver."),
    ("Channel", ChannelState, "`down`: its last tries failed; `retry_at`: when it is tried again."),
    (
        "Expiry", Expiry,
        "`what` ends `ends_at`, which is `left_s` from now. `forecast`: reckoned from the past, so it moves.",
    ),
    ("Quarantine", Quarantine, "`response` proposes and does not act until a person releases it."),
    (
        "Month", Month,
        "Counts of the incidents opened in a month; shares are 0 to 1; `how_saved` says how `saved_s` is reckoned.",
    ),
    (
        "Verification", Verification,
        ("`entries`: how many hold, from the first; `head`: hash of the last of them. `archived`, `purged`: texts that "
         "are not in the store; `checked`: archived ones that were read. `anchors`: how many were compared and fit."),
    ),
    ("Anchor", Anchor, "Entry `number` had this `hash`. `where`: a commit, or the webhook."),
    (
        "Logged change", Changed,
        ("An entry that tells of a change. `who`, `reviewed_by`, `approved_by`: lists of people; `proof`: how it was "
         "verified; `gaps`: what is missing."),
    ),
    (
        "Draft of a task", Prefilled,
        "`task`: its number; `change`: the number of the change that it asks about, or null.",
    ),
    ("Finding", Finding, "One look of the doctor."),
)  # fmt: skip
NOT_SHOWN: Mapping[str, frozenset[str]] = {"Plan": frozenset({"steps"})}
ADDED: Mapping[str, tuple[str, ...]] = {
    "Incident": ("response",), "Notification": ("state", "sentence"), "Expiry": ("left_s",),
}  # fmt: skip
"""What the routes put beside the fields of a value."""
BY_HAND: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Status": (
        ("`services`: `name`, `description`, `state`, `reason`, `since`, `held_under`, `checks`. `nodes`: empty on "
         "one machine. `unmanned`: sentences about schedules without a person. `muted`: windows and silences that "
         "hold. `tasks`: `open` (how many), `due_count`, and of those that are `due` the first 20. `health`: see "
         "[health](#health)."),
        ("team", "timezone", "state", "sentence", "now", "services", "incidents", "waiting", "undelivered", "fault",
         "own", "oncall", "tasks", "unmanned", "muted", "mistakes", "watch", "automation", "inventory", "nodes", "health"),
    ),
    "Health": (
        ("`faults`: one sentence for each thing that is stuck. `lateness_*`: how late checks are asked. `disk`: "
         "bytes. `log`: the last look at the chain."),
        ("ok", "faults", "lateness_p50_s", "lateness_p99_s", "lateness_max_s", "outbox", "disk", "log", "backup"),
    ),
    "Check": (
        ("`values`: what was measured. `flapping`: null, or `since`, `flips` and `state_by_rules`. `members`: of a "
         "group, else null. One that was asked just now has `error` in their place."),
        ("check", "state", "reason", "since", "at", "latency_s", "values", "flapping", "members"),
    ),
    "Availability split": (
        ("Seconds, which add up to `span_s`. `available`: share of the known time, maintenance left out, in which it "
         "was not down; null when nothing is known. `shares`: of the known time."),
        ("span_s", "up_s", "degraded_s", "down_s", "maintenance_s", "unknown_s", "unwatched_s", "available",
         "shares"),
    ),
    "Series point": (
        ("One slot that holds readings; `at`: its start. Numbers are null where nothing was measured. `states`: "
         "readings by state."),
        ("at", "count", "p50", "p95", "p99", "avg", "min", "max", "states"),
    ),
    "Window": (
        ("`state`: planned, now, ended, cancelled, past (a reclassification) or taken_back. `scope`: its targets in "
         "words. `begun_at`, `ended_at`: when it was carried out. `watch_until`: how long its services are watched "
         "closely afterwards. `checklist`: list of `position`, `when`, `text`, `check`, `ok`, `answer`, `by`, `at`."),
        ("id", "kind", "state", "targets", "scope", "why", "actor", "name", "starts_at", "ends_at", "lasts_s",
         "begun_at", "ended_at", "ended_by", "ended_why", "until_green", "remind_s", "watch_s", "watch_until",
         "watch_over", "flips_after", "entry", "taken_back_by", "checklist"),
    ),
    "Recurring window": (
        ("A window or silence that comes again. `number`: null when it stands in a file. `words`: its rule for "
         "people."),
        ("key", "number", "name", "kind", "targets", "scope", "why", "actor", "cron", "rrule", "timezone",
         "lasts_s", "words", "next_at", "expires_at"),
    ),
    "Covered": (
        ("What is muted, or would be: `checks`, those of them that are `failing` now, open `incidents`, and what "
         "holds `besides`."),
        ("checks", "failing", "incidents", "besides"),
    ),
    "Reclassified time": (
        "Seconds of one service within a reclassified time; `words` says it for people.",
        ("service", "words", "up_s", "degraded_s", "down_s", "unknown_s", "maintenance_s"),
    ),
    "On call": (
        ("One schedule now. `person`: null for nobody. `following`: who has it next. `gap`: the next time without "
         "anybody within 14 days, or null."),
        ("schedule", "timezone", "person", "since", "until", "reason", "following", "people", "gap"),
    ),
    "On-call shift": (
        "`override`: the number of the one that made it, or null.",
        ("schedule", "person", "since", "until", "reason", "override"),
    ),
    "Shift": (
        ("`state`: working, standby or ended. `agent`: whether an agent has it. `handed_to`: empty for whoever comes "
         "next. `entry`: number of the hand-over in the log. `previous`: the shift that was handed over to it. "
         "`checklist`: list of [items](#item-of-a-checklist)."),
        ("id", "person", "agent", "state", "ready_for", "started_at", "ended_at", "signed_at", "handed_to", "entry",
         "accepted_at", "accepted_by", "previous", "reported_at", "notes_digest", "checklist"),
    ),
    "Whole shift": (
        ("A [shift](#shift) with these beside: its `notes`, list of [notes](#note-of-a-shift), oldest first; its "
         "[`tasks`](#task); `compliance`: its counters; `handed_over`: null, or `shift`, `person`, `accepted_at`, "
         "`accepted_by` and `entry` of what it began with."),
        ("notes", "tasks", "compliance", "handed_over"),
    ),
    "Counters of a shift": (
        ("`compliance`: how a shift kept to the rules. `in_time`: no silence was longer than the rule. `used_s` of "
         "`budget_s`: time for the checklist."),
        tuple(field.name for field in fields(Counters)),
    ),
    "Item of a checklist": (
        ("`state`: open, ok, failed, missing or signed. `by_hand`: people answer it. `text`: the answer in one line; "
         "`short`: at most 10 lines of evidence; `evidence`: the address of all of it, null when that says no more."),
        ("item", "name", "kind", "state", "by_hand", "text", "short", "evidence", "at", "by", "used_s", "budget_s"),
    ),
    "Note of a shift": (
        ("`short`, `evidence`: as in an item. `evidence_digest`: sha256 of all of it. `over_at`: when a blocker was "
         "over."),
        ("id", "shift", "at", "kind", "actor", "text", "short", "evidence", "evidence_digest", "over_at"),
    ),
    "Task": (
        ("`state`: open, or how it ended: done, logged, dropped or proven by its check. `due`: in words; `overdue`: its "
         "time has come. `incident`, `entry`, `shift`: where it comes from, or null. `asks_to_log`: it asks for an "
         "entry about a change. `ok_s`: how long its check stayed OK, of `stays_s`. `closing_entry`: the one that "
         "tells how it ended."),
        ("id", "text", "owner", "state", "due_at", "due", "overdue", "incident", "entry", "shift", "asks_to_log",
         "check", "check_state", "check_reason", "ok_s", "stays_s", "created_at", "created_by", "done_at", "done_by",
         "why", "closing_entry", "estimate_s", "started_at", "worked_s"),
    ),
    "Hold": (
        ("`hold`: the number of its entry. `entries`: as `1-40,43`. `released_by`: number of the entry that ended it, "
         "or null."),
        ("hold", "name", "query", "entries", "at", "by", "why", "released_by"),
    ),
    "Archive": (
        ("Entries that move together. `place`: their file; `count`: how many; `since`, `until`: time of the first and "
         "of the last; `severities`: how many of each."),
        ("place", "count", "entries", "since", "until", "severities"),
    ),
    "Import": (
        ("`found`: entries in the document; of these `same` are in the log, and `own` were written by watchkeeper. "
         "`new`: those to come, in a dry run only. `differences`: `entry`, `line`, `title`, `diff`; `doubts`: `line`, "
         "`sentence`; `rest`: lines that are no entry, as `first`, `last`, `kind`, `title`. `damage`: null, or "
         "`encoding`, `line`, `found`, `meant`. `secrets`, `suspected`: lines with known secrets and with what looks "
         "like one. `entries`: numbers written by this call; `left`: how many are still to be written."),
        ("source", "dry_run", "lines", "found", "first_at", "last_at", "severities", "new", "same", "own",
         "differences", "doubts", "rest", "damage", "repaired", "secrets", "suspected", "entries", "left"),
    ),
    "Daily document": (
        ("Sentences by name in `morning`, `midday` and `evening`, with what was an issue then; `operator`: who had a "
         "shift; `markdown`: the same as a document."),
        ("date", "team", "timezone", "operator", "morning", "midday", "evening", "actions_taken",
         "next_day_priorities", "markdown"),
    ),
    "Issue": (
        "`issue_id`: such as `DAILY-20261121-001`. `actions_taken`: list of sentences.",
        RECORD,
    ),
    "Digest": (
        ("`entries`: how many; `by_*`: how many of each. `important`, `incidents`, `unfinished`: entries in short. "
         "`tasks`: what is open, with `id`, `text`, `owner`, `due`."),
        ("period", "name", "since", "until", "entries", "by_type", "by_severity", "by_person", "important",
         "incidents", "unfinished", "tasks", "markdown"),
    ),
    "Override": (
        "`id`, `made_by` and `made_at` are null when it stands in a file.",
        ("id", "schedule", "person", "since", "until", "made_by", "made_at", "why", "removed_at", "removed_by"),
    ),
    "Escalation": (
        ("Where an open incident stands. `step`: the next one, from 1; null after the last. `steps`: how many there "
         "are, with repetitions. `to`: whom it tells."),
        ("incident", "title", "severity", "policy", "step", "steps", "to", "due_at", "paused_at", "paused_why",
         "told_at"),
    ),
    "Step of escalation": (
        "`to`: list of `who` (null: no person) and `channels`. `remarks`: what is not as planned.",
        ("step", "at", "to", "remarks"),
    ),
    "Heartbeat": (
        ("A job that must report. What its check measured stands beside these, as `age_s`, `duration_s`, `usual_s`. "
         "`pings`: list of [pings](#ping), newest first."),
        ("check", "state", "schedule", "pings"),
    ),
    "Ping": (
        "`took_s`: how long the run took that it ended. `body`: the last part of what the job printed.",
        ("at", "status", "rid", "exit_code", "took_s", "note", "body", "source"),
    ),
    "Stage figures": (
        ("`counted`: incidents closed in that time. `medians`: seconds by stage, null where none reached it; "
         "`reached`: how many did. `in_time`, `late`: how promised response times were kept."),
        ("since", "until", "counted", "medians", "reached", "in_time", "late"),
    ),
    "Approval": (
        ("`decided`: empty while it waits, else approved, denied, expired or void. `given`: who said yes, at what "
         "time."),
        ("id", "run", "step", "binds", "requested_at", "expires_at", "decided", "decided_at", "decided_by", "needs",
         "given", "pins", "touches", "so_far"),
    ),
    "Pins": (
        "What an act of a person holds fast besides texts. `digest`: over all of it, only on a run.",
        ("places", "scripts", "digest"),
    ),
    "Lock": (
        "`sentence`: what others are told who are refused. `fencing` grows whenever it changes hands.",
        ("name", "holder", "why", "fencing", "taken_at", "expires_at", "run", "sentence"),
    ),
    "Person": (
        "`role`: the one that counts; `given`: the one that an admin gave.",
        ("name", "role", "given", "added_at", "added_by"),
    ),
    "Blast radius": (
        "What a run was foreseen to touch; `line` says it for people.",
        ("hosts", "touches", "measured_at", "line"),
    ),
    "Automation report": (
        "`responses`: list of [response reports](#response-report). `complete`: false when there were too many rows.",
        ("days", "since", "until", "incidents", "runs", "runs_by_mode", "grants", "responses", "complete"),
    ),
    "Runbook": (
        "`findings`: what its author should know.",
        ("path", "title", "digest", "services", "steps", "changing", "findings"),
    ),
}  # fmt: skip
