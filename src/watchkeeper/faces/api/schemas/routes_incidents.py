"""What the routes mean and answer: incidents, windows and silences, on call and escalation."""

from __future__ import annotations

from watchkeeper.core.incidents.records import Link
from watchkeeper.core.incidents.records import Task as IncidentTask
from watchkeeper.core.incidents.similar import Remedy, Similar
from watchkeeper.core.incidents.values import Incident
from watchkeeper.faces.api.schemas import incidents
from watchkeeper.faces.api.schemas.routes import Route, Some

SECTIONS: dict[str, dict[str, Route]] = {
    "Incidents": {
        "GET /incidents": Route(
            "`status`: open, closed or merged; `before`: only numbers below",
            "`incidents`: list of incidents, newest first",
            {"incidents": [Incident]},
        ),
        "GET /incidents/{number}": Route(
            "everything about one: timeline, clock, suspects, who is blocked, runs, tasks, messages",
            "`incident`: an incident with its story",
            {"incident": incidents.WholeIncident},
        ),
        "GET /incidents/{number}/similar": Route(
            "past incidents like this one, and what was proven to work then",
            "`similar`: list of similar incidents, the likest first; `remedies`: list of remedies",
            {"similar": [Similar], "remedies": [Remedy]},
        ),
        "GET /incidents/{number}/postmortem": Route(
            "a draft from what is kept; a person finishes it",
            "`postmortem`: `incident` and `markdown`",
            {"postmortem": incidents.Postmortem},
        ),
        "POST /incidents/{number}/ack": Route(
            "take it: steps of escalation pause, and nothing acts by itself any more",
            "`incident`",
            {"incident": Incident},
        ),
        "POST /incidents/{number}/escalate": Route(
            "tell people now, again if need be",
            "`incident`",
            {"incident": Incident},
        ),
        "POST /incidents/{number}/close": Route(
            "close without proof; needs a reason",
            "`incident`, closed as unproven",
            {"incident": Incident},
        ),
        "POST /incidents/{number}/note": Route(
            "a line in its timeline",
            "`incident`",
            {"incident": Incident},
        ),
        "POST /incidents/{number}/assign": Route(
            "say who has it; the caller when `owner` is empty. Also of a closed one",
            "`incident`",
            {"incident": Incident},
        ),
        "POST /incidents/{number}/severity": Route(
            "P1 to P4, and why; no policy changes it after that",
            "`incident`",
            {"incident": Incident},
        ),
        "POST /incidents/{number}/tasks": Route(
            "something to be done because of it, also after its end. `due_at`: UTC text with Z",
            "`task`: a task",
            {"task": IncidentTask},
        ),
        "POST /incidents/{number}/links": Route(
            "`target`: a web address, or `run 12`, `entry 3`, `incident 7`; the same target again gives the "
            "link that is there",
            "`link`: a link",
            {"link": Link},
        ),
        "GET /incidents/tasks": Route(
            "what is still to be done because of incidents; `all`: also what is done",
            "`tasks`: list of tasks, oldest first",
            {"tasks": [IncidentTask]},
        ),
        "POST /incidents/tasks/{number}": Route(
            "tick a task by its own number; `done` false takes the tick back",
            "`task`",
            {"task": IncidentTask},
        ),
        "GET /incidents/stages": Route(
            "medians per stage of the incidents closed from `since` to `until`, both UTC; without them the "
            "last 30 days",
            "`stages`: figures",
            {"stages": incidents.StageFigures},
        ),
    },
    "Windows and silences": {
        "GET /windows": Route(
            "windows of planned maintenance: now, next, and the last `limit` of the past (at most 200)",
            "`windows`: list of windows; `plans`: list of recurring ones",
            {"windows": [incidents.Window], "plans": [incidents.RecurringWindow]},
        ),
        "GET /silences": Route(
            "silences: they mute, and the time still counts as what it was",
            "`silences`: list of silences; `plans`: list of recurring ones",
            {"silences": [incidents.Window], "plans": [incidents.RecurringWindow]},
        ),
        "POST /windows": Route(
            "begin or plan a window; it needs a reason and an end. `cron` or `rrule` make it recur, for a "
            "year; `past` reclassifies time that is over (an approver only); `dry_run` only says what it "
            "would cover. Times without an offset are in the zone of the team",
            "`window`: the window, or `plan`: a recurring one, and `covered`:"
            " what it mutes. With `past` instead of `covered`: `before` and `after`, lists of "
            "figures",
            Some(
                {
                    "window": incidents.Window,
                    "plan": incidents.RecurringWindow,
                    "covered": incidents.Covered,
                    "before": [incidents.Reclassified],
                    "after": [incidents.Reclassified],
                }
            ),
        ),
        "POST /silences": Route(
            "the same as a silence; it cannot be `past`",
            "`silence`: the silence, or `plan`, and `covered`",
            Some({"silence": incidents.Window, "plan": incidents.RecurringWindow, "covered": incidents.Covered}),
        ),
        "GET /windows/{number}": Route(
            "one window",
            "`window`: a window",
            {"window": incidents.Window},
        ),
        "GET /silences/{number}": Route(
            "one silence",
            "`silence`: a silence",
            {"silence": incidents.Window},
        ),
        "POST /windows/{number}/end": Route(
            "end it now; what still fails is told at once. One that has not begun does not take place",
            "`window`",
            {"window": incidents.Window},
        ),
        "POST /silences/{number}/end": Route(
            "end it now; what still fails is told at once",
            "`silence`",
            {"silence": incidents.Window},
        ),
        "POST /windows/{number}/extend": Route(
            "`by_s`: longer than planned; or `ends_at`: the new end",
            "`window`",
            {"window": incidents.Window},
        ),
        "POST /silences/{number}/extend": Route(
            "`by_s`: longer than planned; or `ends_at`: the new end",
            "`silence`",
            {"silence": incidents.Window},
        ),
        "POST /windows/{number}/check": Route(
            "ask the checks of its checklist now",
            "`window`, its `checklist` with what was measured",
            {"window": incidents.Window},
        ),
        "POST /windows/{number}/tick": Route(
            "say that a line of the checklist, counted from 1, is done or not; a line that a check answers "
            "cannot be ticked",
            "`window`",
            {"window": incidents.Window},
        ),
        "POST /windows/{number}/take-back": Route(
            "a reclassified time counts again as what it was; an approver only, with a reason",
            "`window`; `before`, `after`: lists of figures",
            {"window": incidents.Window, "before": [incidents.Reclassified], "after": [incidents.Reclassified]},
        ),
        "POST /windows/plans/{number}/end": Route(
            "a recurring one that was made by command takes place no more",
            "`plan`: a recurring one",
            {"plan": incidents.RecurringWindow},
        ),
    },
    "On call and escalation": {
        "GET /oncall": Route(
            "who is on call now, by schedule",
            "`oncall`: list of schedules, in the order of the file",
            {"oncall": [incidents.OnCall]},
        ),
        "GET /oncall.ics": Route(
            "all shifts as a calendar, a month back and a year ahead",
            "iCalendar text",
            "text/calendar",
        ),
        "GET /oncall/{name}.ics": Route(
            "the shifts of one schedule as a calendar",
            "iCalendar text",
            "text/calendar",
        ),
        "GET /oncall/{name}/shifts": Route(
            "the shifts of one schedule for so many days (at most 732)",
            "`shifts`: list of shifts",
            {"shifts": [incidents.OnCallShift]},
        ),
        "GET /oncall/gaps": Route(
            "when a schedule that a policy asks has nobody, within so many days (at most 400)",
            "`gaps`: list with `schedule`, `since`, `until` of each",
            {"gaps": [incidents.Gap]},
        ),
        "GET /oncall/calendar-address": Route(
            "the address to which calendar programs subscribe; an operator only, since it holds a key",
            "`calendar`: `url`",
            {"calendar": {"url": str}},
        ),
        "GET /oncall/overrides": Route(
            "those of the files and those made by command that have not ended",
            "`overrides`: list of overrides",
            {"overrides": [incidents.Override]},
        ),
        "POST /oncall/{name}/overrides": Route(
            "put somebody on call for a while, with one of `until` and `lasts_s`. `since`, `until`: "
            "`2026-12-24 09:00` in the zone of the schedule, `18:00`, `now`, or a time with its offset; from "
            "now without `since`",
            "`override`: the override",
            {"override": incidents.Override},
        ),
        "POST /oncall/overrides/{number}/remove": Route(
            "take an override back",
            "`override`",
            {"override": incidents.Override},
        ),
        "POST /oncall/{name}/swap": Route(
            "two people change their next turns with each other",
            "`overrides`: the two overrides that do it",
            {"overrides": [incidents.Override]},
        ),
        "GET /escalations": Route(
            "open incidents on their way through a policy, the next to be told first",
            "`escalations`: list of escalations",
            {"escalations": [incidents.Escalation]},
        ),
        "GET /escalations/preview": Route(
            "who would be told, step by step, if an incident of this `service` opened `at` a time. `kind`: of"
            " the message",
            "`preview`: `policy` (empty: the plain list of channels) and `steps`, list of steps of escalation",
            {"preview": incidents.Preview},
        ),
    },
}
