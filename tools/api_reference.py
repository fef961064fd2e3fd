"""Writes docs/reference/api.md from the API's own OpenAPI description. A test fails while the page is older.

What a request may hold comes from the routes. What an answer holds comes from the values in core that are rendered:
their field names are the field names of the JSON. `ANSWERS` says which value stands under which noun.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from watchkeeper.core.changes import Change, Suspect
from watchkeeper.core.incidents.values import Event, FailingCheck, Incident
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.log.values import Draft
from watchkeeper.core.notifications import Attempt, Message, Notification
from watchkeeper.core.runs.automation_report import Match, ResponseReport
from watchkeeper.core.runs.values import Evidence, Grant, Plan, PlanStep, Run, RunStep, ScriptFile, Touch, Undo
from watchkeeper.services.doctor import Finding

PREFIX = "/api/v1"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "api.md"
HEAD = """\
# The API

<!-- Written by `python tools/api_reference.py`. Change the routes in the source, not this page. -->

The command line, the drill and the page speak this API. It answers as long as `wk up` runs.

| way | who is calling |
|---|---|
| HTTP over the Unix socket `main.sock` in the state directory | its owner, with every right; an agent once there are people |
| the same with the header `Authorization: Bearer TOKEN` | the person whose token it is, with that person's role |
| HTTP over loopback TCP, with the cookie of a one-time link (`wk open`) | a person with a browser; may read only |

Every path begins with `/api/v1`. A request body is one JSON object. An answer is one JSON object named by its noun.
Times are UTC text with Z, in fields named `at`, `since` and `*_at`. Durations are seconds, in fields that end in
`_s`. What has not happened yet is `null`. New fields may come; known ones stay.

<!-- test: curl -->
```bash
curl --unix-socket ops/.watchkeeper/main.sock http://localhost/api/v1/health
```

<!-- test: output -->
```json
{"health": {"ok": true, "faults": []}}
```

"""
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "How it stands": (
        "/health",
        "/status",
        "/checks",
        "/availability",
        "/doctor",
        "/backups",
        "/notifications",
        "/changes",
    ),
    "Incidents": ("/incidents",),
    "Runbooks and runs": ("/runbooks", "/runs"),
    "Grants and automation": ("/grants", "/automation", "/proofs"),
    "Locks and people": ("/locks", "/users"),
    "The operations log": ("/log",),
    "Heartbeats, links, the drill": ("/pings", "/links", "/drill"),
}
ANSWERS: Mapping[str, str] = {
    "GET /health": '`{"health": {"ok": true, "faults": []}}`, with status 503 and the reasons in `faults` when it is not',
    "GET /backups": "`backups`: `plan`, `newest` with its manifest, `failed` and `failed_at` of the last try",
    "GET /status": "`status`: [the status](#status)",
    "GET /checks": "`checks`: list of [checks](#check)",
    "POST /checks/ask": "`checks`: list of [checks](#check), asked now",
    "GET /availability": "`availability`: one for each service, with `service`, `span_s`, `up_s`, `degraded_s`, `down_s`, "
    "`maintenance_s`, `unknown_s`, `unwatched_s`, `available`, `shares`, and the same for each of its `checks`; `since`, "
    "`until`",
    "GET /checks/{key}/series": "`series`: `at`, `count`, `p50`, `p95`, `p99`, `avg`, `min`, `max` and `states` of each slot "
    "that holds readings; `check`, `name`, `slot_s`, `since`, `until`",
    "GET /doctor": "`doctor`: list of [findings](#finding)",
    "POST /doctor/channels": "`tests`: one `channel`, `ok` (null: not known yet), `sentence`, `duration_s` for each",
    "GET /notifications": "`notifications`: list of [notifications](#notification), newest first",
    "GET /changes": "`changes`: list of [changes](#change), newest first",
    "GET /incidents": "`incidents`: list of [incidents](#incident), newest first",
    "GET /incidents/{number}": "`incident`: [an incident](#incident) with its story",
    "POST /incidents/{number}/ack": "`incident`",
    "POST /incidents/{number}/escalate": "`incident`",
    "POST /incidents/{number}/close": "`incident`, closed as unproven",
    "POST /incidents/{number}/note": "`incident`",
    "GET /runbooks": "`runbooks`: list of [runbooks](#runbook)",
    "GET /runbooks/{path}": "`runbook`: [a runbook](#runbook) with `procedures` and `steps`",
    "POST /runs": "`run`: [a run](#run); of a dry run `id` is 0 and nothing is kept",
    "GET /runs": "`runs`: list of [runs](#run), newest first",
    "GET /runs/{number}": "`run`: [a run](#run) with its `approvals`",
    "GET /runs/{number}/steps/{index}/output": (
        "raw bytes from `offset`. Header `X-Next-Offset`: where to go on; `X-Done: 1`: the step has ended"
    ),
    "POST /runs/{number}/approve": "`run`",
    "POST /runs/{number}/values": "`run`; what waits is bound anew, see its `approvals`",
    "POST /runs/{number}/deny": "`run`",
    "POST /runs/{number}/cancel": "`run`",
    "POST /runs/{number}/resume": "`run`",
    "POST /runs/{number}/undo": "`run`",
    "GET /grants": "`grants`: list of [grants](#grant), newest first",
    "POST /grants": "`grant`",
    "POST /grants/{number}/revoke": "`grant`",
    "GET /automation": '`{"automation": {"on": true, "why": ""}}`',
    "GET /automation/report": "`report`: [the report](#automation-report)",
    "POST /automation": "`automation`",
    "GET /proofs": '`{"proofs": [{"response": "shop/runbooks/web-down.md", "runbook": "runbooks/web-down.md", '
    '"proven_at": null, "within_s": 7776000.0}]}`',
    "GET /locks": "`locks`: list of [locks](#lock), oldest first",
    "POST /locks": "`lock`",
    "POST /locks/release": "`lock`, as it was",
    "GET /users": "`users`: list of [people](#person)",
    "POST /users": "`user` and, this once, `token`",
    "POST /users/remove": "`user`",
    "GET /log": "`entries`: list of [entries](#entry), newest first",
    "GET /log/{number}": "`entry`: [an entry](#entry)",
    "POST /log": "`entry`",
    "GET /log/verify": "`verification`: [what the chain says](#verification)",
    "GET /log/export": "the whole log as Markdown",
    "POST /pings": "`ping`: `check`, `status`, `at`",
    "POST /links": '`{"link": {"url"}}`, a one-time link to the page',
    "POST /drill/boundary": "`boundary`: `at`; only for the drill of the sample fleet",
}
MEANINGS: Mapping[str, str] = {
    "GET /health": "whether watchkeeper is alive as a whole: checks, flips, outbox, disk; needs no cookie",
    "GET /backups": "how our own backup stands",
    "GET /status": "the whole truth of one moment",
    "GET /checks": "every check with its newest reading",
    "GET /availability": "how long services were up, degraded, down, under maintenance or unknown; `since`: `30d`, a date "
    "or a time",
    "GET /checks/{key}/series": "percentiles of one measured name in even slots, for charts; `points`: at most 2000",
    "POST /checks/ask": "ask now: keys (`shop/web`), services, or all",
    "GET /doctor": "is watchkeeper itself well",
    "POST /doctor/channels": "send a marked test message through the outbox: on one `channel`, or on all",
    "GET /notifications": "who was told what",
    "GET /changes": "what changed on the hosts and in the ops repo",
    "GET /incidents": "`status`: open or closed; `before`: only numbers below",
    "GET /incidents/{number}": "timeline, suspects, runs, notifications",
    "POST /incidents/{number}/ack": "take it; nothing acts by itself any more",
    "POST /incidents/{number}/escalate": "tell the people of the escalation list",
    "POST /incidents/{number}/close": "close without proof; needs a reason",
    "POST /incidents/{number}/note": "a line in its timeline",
    "GET /runbooks": "the runbooks of the ops repo",
    "GET /runbooks/{path}": "how one is understood",
    "POST /runs": "start a run by hand. `digest`, `pins`: of the plan that was shown; refused when it changed. `hosts`: only "
    "on these; `failed_of`: only where that run did not get through",
    "GET /runs": "`active`: only those that have not ended",
    "GET /runs/{number}": "one run",
    "GET /runs/{number}/steps/{index}/output": "the output of a step, also while it runs",
    "POST /runs/{number}/approve": "`binds`: refused unless the step still has this hash",
    "POST /runs/{number}/values": "`params`: values for placeholders of what waits; nothing runs before its approval",
    "POST /runs/{number}/deny": "the waiting step never runs",
    "POST /runs/{number}/cancel": "end it, on the host too",
    "POST /runs/{number}/resume": "let a parked run go on, or a failed one from its failed step",
    "POST /runs/{number}/undo": "take back what an ended run did, then verify again",
    "GET /grants": "all grants, revoked ones too",
    "POST /grants": "`response`: `SERVICE/RUNBOOK`",
    "POST /grants/{number}/revoke": "take it back",
    "GET /automation": "the kill switch",
    "GET /automation/report": "what acting by itself brought or would have brought; `days` up to 366",
    "POST /automation": "switch it; off needs no right, on needs a person",
    "GET /proofs": "when each response last changed something and was proven (null: never), and how long that counts",
    "GET /locks": "who holds what",
    "POST /locks": "take or renew a deploy lock; a person only. `name`: `deploy:SERVICE`",
    "POST /locks/release": "let go of a lock, also another's; a person only",
    "GET /users": "the people who have a token",
    "POST /users": "give a person a role and a new token; an admin only. Without `role`: what the team file says",
    "POST /users/remove": "end a token; an admin only",
    "GET /log": "`text`: only entries that hold it",
    "GET /log/{number}": "one entry",
    "POST /log": "write one; `corrects`: the number of an earlier one",
    "GET /log/verify": "recompute the chain",
    "GET /log/export": "the rendered log",
    "POST /pings": "`status`: success, start or fail",
    "POST /links": "socket only",
    "POST /drill/boundary": "what fails next is not the same trouble coming back",
}
VALUES: tuple[tuple[str, type, str], ...] = (
    ("Incident", Incident, "One alone also has `timeline`, `suspects`, `runs` and `notifications`."),
    ("Failing check", FailingCheck, "One check that an incident holds."),
    ("Event", Event, "A line of the `timeline`, oldest first."),
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
    ("Notification", Notification, "One message on its way; within an incident with its `attempts`."),
    ("Message", Message, "What a person reads; `key` is the same at every retry."),
    ("Attempt", Attempt, "One try to deliver."),
    ("Verification", Verification, "`entries`: how many hold, from the first."),
    ("Finding", Finding, "One look of the doctor."),
)  # fmt: skip
NOT_SHOWN = {"Plan": {"steps"}}
BY_HAND: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Status": (
        "`services`: `name`, `description`, `state`, `reason`, `since`, `held_under`, `checks`. `nodes`: empty on one machine.",
        ("team", "timezone", "state", "sentence", "now", "services", "incidents", "waiting", "undelivered", "fault",
         "own", "mistakes", "watch", "automation", "inventory", "nodes"),
    ),
    "Check": (
        "`values`: what was measured. `error` stands only where it was asked just now.",
        ("check", "state", "reason", "since", "at", "latency_s", "values"),
    ),
    "Approval": (
        "`decided`: empty while it waits, else approved, denied, expired or void. `given`: who said yes, at what time.",
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


def openapi() -> dict[str, Any]:
    """The description that `/api/v1/openapi.json` serves. Nothing is stored."""
    from watchkeeper.store.opening import set_up_django

    with tempfile.TemporaryDirectory() as folder:
        set_up_django(Path(folder))
    from watchkeeper.faces.api.routes import api

    return dict(api.get_openapi_schema(path_prefix=f"{PREFIX}/"))


def operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path without the prefix, operation) of every route."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix(PREFIX), operation


def page() -> str:
    """The whole page."""
    schema = openapi()
    found = list(operations(schema))
    parts = [HEAD]
    for title, prefixes in SECTIONS.items():
        mine = [one for one in found if one[1].startswith(prefixes)]
        parts.append(f"## {title}\n\n" + "\n".join(_operation(schema, *one) for one in mine) + "\n")
    parts.append(_answers())
    parts.append(errors())
    return "".join(parts)


def _operation(schema: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    name = f"{method} {path}"
    rows = [*_query(operation), *_body(schema, operation)]
    table = "| field | type | default |\n|---|---|---|\n" + "\n".join(rows) + "\n\n" if rows else ""
    return f"### {name}\n\n{sentence(MEANINGS[name])}\n\n{table}Answer: {ANSWERS[name]}.\n"


def sentence(words: str) -> str:
    """With a capital, unless it begins with a name, and a full stop."""
    return (words[:1].upper() + words[1:]) + "."


def _query(operation: Mapping[str, Any]) -> Iterator[str]:
    """What may stand behind the question mark; the names in the path speak for themselves."""
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            default = "required" if one["required"] else _word(one["schema"].get("default"))
            yield f"| `{one['name']}` | {kind(one['schema'])}, in the query | {default} |"


def _body(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    choices = [content, *content.get("anyOf", ())]
    for name in (one["$ref"].rpartition("/")[2] for one in choices if "$ref" in one):
        model = schema["components"]["schemas"][name]
        for field, declared in model.get("properties", {}).items():
            default = "required" if field in model.get("required", ()) else _word(declared.get("default"))
            yield f"| `{field}` | {kind(declared)} | {default} |"


def kind(declared: Mapping[str, Any]) -> str:
    """A JSON type in words."""
    if "anyOf" in declared:
        return " or ".join(kind(one) for one in declared["anyOf"])
    if declared.get("type") == "array":
        return f"list of {kind(declared['items'])}"
    if declared.get("type") == "object":
        return f"map of {kind(declared.get('additionalProperties') or {})}"
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "number": "number",
        "null": "null",
    }
    return words.get(str(declared.get("type")), "anything")


def _word(default: object) -> str:
    if default in (None, "", [], {}):
        return ""
    return (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )


def _answers() -> str:
    lines = ["## What the answers hold\n"]
    for title, (note, names) in BY_HAND.items():
        lines.append(f"### {title}\n\n{note}\n\n{_listed(names)}\n")
    for title, value, note in VALUES:
        lines.append(f"### {title}\n\n{note}\n\n{_listed(names_of(title, value))}\n")
    lines.append(f"### Entry\n\n`sections`: list of `heading` and `text`.\n\n{_listed(entry_names())}\n")
    return "\n".join(lines) + "\n"


def names_of(title: str, value: type) -> tuple[str, ...]:
    """The JSON fields of a value."""
    return tuple(field.name for field in fields(value) if field.name not in NOT_SHOWN.get(title, set()))


def entry_names() -> tuple[str, ...]:
    """The JSON fields of an entry: its draft between number and hashes."""
    return ("number", *(field.name for field in fields(Draft)), "digest", "previous", "hash", "altered")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


MEANT = {
    "usage": "the request itself is wrong",
    "invalid": "files or values do not hold",
    "forbidden": "this caller may not do that",
    "not_found": "no such thing",
    "locked": "somebody else holds it, or it is already running",
    "outcast": "this node was declared dead by the others, and ends",
    "no_answer": "a host or service gave no answer",
    "store_away": "the database of the store cannot be reached",
    "problem": "anything else that a person can act on",
}


def errors() -> str:
    """The table of error kinds, with HTTP status and exit code."""
    from watchkeeper.faces.api.routes import STATUS_OF_KIND
    from watchkeeper.faces.cli.program import EXIT_CODES

    rows = [f"| `{kind}` | {status} | {EXIT_CODES[kind]} | {MEANT[kind]} |" for kind, status in STATUS_OF_KIND.items()]
    return (
        '## Errors\n\nAn answer of 400 and above holds `{"error": {"kind", "sentence", "hint"}}`: what is wrong,\n'
        "and the next step. Neither ever holds a secret. A body that does not fit its fields is answered with 422 and\n"
        '`{"detail": [...]}`.\n\n| kind | HTTP | exit code of `wk` | meaning |\n|---|---|---|---|\n'
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
