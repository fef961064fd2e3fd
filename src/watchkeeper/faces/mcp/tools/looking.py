"""Tools that look at what is: status, services, hosts, checks, incidents, and what happened."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from watchkeeper.faces.mcp.calls import Api, Refused, part
from watchkeeper.faces.mcp.tools.base import (
    FOREIGN,
    Answer,
    Cursor,
    Foreign,
    Given,
    Limit,
    Name,
    Next,
    Nothing,
    Number,
    Tool,
    listed,
    when,
)  # fmt: skip
from watchkeeper.faces.mcp.tools.outputs import diagnosis_of
from watchkeeper.faces.mcp.tools.values import (
    Change,
    Check,
    EntryLine,
    Event,
    IncidentLine,
    Output,
    RunLine,
    ServiceLine,
    Suspect,
    Waiting,
    entry_of,
    run_of,
    service_of,
)  # fmt: skip

# ---- what is wrong ---------------------------------------------------------------------------------------------------


class Wrong(Answer):
    """A service that is not OK. held_under: the incident that is taken for the cause."""

    name: str
    state: str
    reason: str = ""
    since: str | None = None
    held_under: int | None = None


class Status(Foreign):
    """The whole truth of one moment, in short."""

    state: str
    sentence: str
    now: str | None = None
    team: str = ""
    timezone: str = ""
    wrong: list[Wrong] = Field([], description="Services that are not OK.")
    fine: int = Field(0, description="How many services are OK.")
    incidents: list[IncidentLine] = []
    waiting: list[Waiting] = Field([], description="Steps that wait for a person's approval.")
    oncall: Any = None
    automation_on: bool = True
    faults: list[str] = Field([], description="What is wrong with watchkeeper itself.")


def _status(api: Api, given: Nothing) -> dict[str, Any]:
    now = api.get("/status")["status"]
    wrong = [each for each in now["services"] if each["state"] != "OK"]
    own = [each for each in (now.get("fault"), *now.get("own", []), now["watch"].get("sentence")) if each]
    return {**now, "wrong": wrong[:50], "fine": len(now["services"]) - len(wrong), "incidents": now["incidents"][:50],
            "automation_on": now["automation"]["on"], "faults": [*own, *now["health"]["faults"]]}  # fmt: skip


def _status_text(found: dict[str, Any]) -> str:
    lines = [found["sentence"], *found["faults"]]
    lines += [
        f"Incident {each['id']} {each['severity']} {each['service']}: {each['title']}" for each in found["incidents"]
    ]
    lines += [f"Run {each['run']} step {each['step']} waits for a person: {each['why']}" for each in found["waiting"]]
    return "\n".join(lines)


# ---- services and hosts ----------------------------------------------------------------------------------------------


class WhichServices(Given):
    """Which services; all when empty."""

    host: Name = Field("", description="Only those that run on this host: its name, address or a label, in any case.")
    owner: Name = ""
    state: Annotated[str, Field(pattern="^(OK|WARN|CRIT|UNKNOWN|)$")] = ""
    limit: Limit = 50
    cursor: Cursor = ""


class Services(Foreign):
    """Services by name."""

    services: list[ServiceLine]
    total: int
    next_cursor: Next = None


def _services(api: Api, given: WhichServices) -> dict[str, Any]:
    query = {"host": given.host, "owner": given.owner, "state": given.state}
    found = api.get("/services", **query, limit=given.limit, cursor=given.cursor)
    return {**found, "services": [service_of(each) for each in found["services"]], "next_cursor": found.get("next")}


def _services_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['name']}: {each['state']}"
        + (f" ({each['reason']})" if each["state"] != "OK" else "")
        + f"; on {', '.join(each['hosts']) or 'no host'}"
        + (f"; needs {', '.join(each['depends_on'])}" if each["depends_on"] else "")
        + (f"; {each['description']}" if each["description"] else "")
        for each in found["services"]
    ]
    return listed(lines, "No service matches.", found["next_cursor"])


class WhichService(Given):
    """One service."""

    service: Name


class Service(Foreign):
    """One service, its checks as they are now, and how it is answered."""

    service: ServiceLine
    checks: list[Check]
    respond: list[dict[str, Any]] = Field([], description="Which runbook answers which checks, and how far it may go.")


def _service(api: Api, given: WhichService) -> dict[str, Any]:
    found = api.get(f"/services/{part(given.service)}")["service"]
    return {"service": service_of(found), "checks": found["state_of"]["checks"], "respond": found["respond"]}


def _service_text(found: dict[str, Any]) -> str:
    service = found["service"]
    lines = [_services_text({"services": [service], "next_cursor": None})]
    lines += [f"{each['check']} {each['state']}: {each['reason']}" for each in found["checks"]]
    lines += [f"Runbooks: {', '.join(service['runbooks'])}"] if service["runbooks"] else []
    lines += [f"Documents: {', '.join(service['docs'])}"] if service["docs"] else []
    return "\n".join(lines)


class Host(Answer):
    """A host and what runs there."""

    name: str
    kind: str
    address: str = ""
    labels: dict[str, str] = {}
    services: list[str] = []


class Hosts(Answer):
    """Every host."""

    hosts: list[Host]
    next_cursor: Next = None


class Paged(Given):
    """One page of a list."""

    limit: Limit = 50
    cursor: Cursor = ""


def _hosts(api: Api, given: Paged) -> dict[str, Any]:
    found = api.get("/hosts", limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def _hosts_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['name']} ({each['kind']}): {', '.join(each['services']) or 'no service'}" for each in found["hosts"]
    ]
    return listed(lines, "hosts.yaml names no host.", found["next_cursor"])


# ---- checks ----------------------------------------------------------------------------------------------------------


class WhichChecks(Paged):
    """Which checks; all when empty."""

    service: Name = ""
    state: Annotated[str, Field(pattern="^(OK|WARN|CRIT|UNKNOWN|)$")] = ""


class Checks(Foreign):
    """Checks as they are now."""

    checks: list[Check]
    next_cursor: Next = None


def _checks(api: Api, given: WhichChecks) -> dict[str, Any]:
    found = api.get("/checks", service=given.service, state=given.state, limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def _checks_text(found: dict[str, Any]) -> str:
    lines = [f"{each['check']} {each['state']}: {each['reason']}" for each in found["checks"]]
    return listed(lines, "No check matches.", found.get("next_cursor"))


class WhichCheck(Given):
    """One check, or all checks of one service."""

    check: Annotated[
        str, Field(min_length=1, max_length=200, description="service/check, service/check@host, or a service.")
    ]


class Asked(Foreign):
    """Checks that were asked a moment ago."""

    checks: list[Check]
    cost: str = Field("", description="What this question cost the hosts.")


MOST_ASKED = 20


def _ask(api: Api, given: WhichCheck) -> dict[str, Any]:
    known = [each["check"] for each in api.get("/checks")["checks"]]
    wanted = [key for key in known if given.check in (key, key.partition("/")[0], key.partition("@")[0])]
    if len(wanted) > MOST_ASKED:
        raise Refused(
            "usage", f"{given.check} has {len(wanted)} checks; {MOST_ASKED} may be asked at once.", "Name one."
        )
    found = api.post("/checks/ask", {"checks": wanted or [given.check]})["checks"]
    took = sum(each["latency_s"] or 0.0 for each in found)
    cost = f"{len(found)} read-only question{'s' if len(found) != 1 else ''}, {took:.2f} s of answering in all."
    return {"checks": found, "cost": cost}


# ---- incidents -------------------------------------------------------------------------------------------------------


class WhichIncidents(Paged):
    """Which incidents, newest first."""

    status: Annotated[str, Field(pattern="^(open|closed|merged|)$", description="Empty for all.")] = ""
    service: Name = ""


class Incidents(Foreign):
    """Incidents, newest first."""

    incidents: list[IncidentLine]
    next_cursor: Next = None


def _incidents(api: Api, given: WhichIncidents) -> dict[str, Any]:
    found = api.get("/incidents", status=given.status, service=given.service, limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def _incidents_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['id']} {each['severity']} {each['status']} {each['service']}: {each['title']} ({when(each['opened_at'])})"
        for each in found["incidents"]
    ]
    return listed(lines, "No incident matches.", found["next_cursor"])


class WhichIncident(Given):
    """One incident."""

    incident: Number


class Incident(Foreign):
    """One incident with what is known about it."""

    incident: IncidentLine
    timeline: list[Event]
    suspects: list[Suspect] = Field([], description="Changes before it, the likeliest first.")
    runs: list[RunLine] = []
    diagnosis: list[Output] = Field([], description="What the read-only steps printed.")
    similar: list[IncidentLine] = []


def _incident(api: Api, given: WhichIncident) -> dict[str, Any]:
    found = api.get(f"/incidents/{given.incident}")["incident"]
    return {
        "incident": found,
        "timeline": found["timeline"][-100:],
        "suspects": found["suspects"][:5],
        "runs": [run_of(each) for each in found["runs"]],
        "diagnosis": diagnosis_of(api, found["runs"]),
        "similar": [each["incident"] for each in found["similar"][:5]],
    }


def _incident_text(found: dict[str, Any]) -> str:
    each = found["incident"]
    lines = [f"Incident {each['id']}, {each['severity']}, {each['status']}, {each['service']}: {each['title']}"]
    lines += [each["why_not_acted"]] if each.get("why_not_acted") else []
    lines += [f"{when(one['at'])} {one['actor']}: {one['text']}" for one in found["timeline"][-15:]]
    lines += [f"Suspect: {one['change']['title']} ({one['why']})" for one in found["suspects"][:3]]
    lines += [f"Printed by {one['title']} on {one['host']}:\n{one['text'][:1500]}" for one in found["diagnosis"][:3]]
    return "\n".join(lines)


# ---- what happened ---------------------------------------------------------------------------------------------------


class WhatHappened(Given):
    """Of what, and since when."""

    service: Name = Field("", description="A service; empty for everything.")
    days: Annotated[float, Field(gt=0, le=366)] = 7.0


class Happened(Foreign):
    """Incidents, changes and log entries of a span, newest first."""

    incidents: list[IncidentLine]
    changes: list[Change]
    entries: list[EntryLine]


def _happened(api: Api, given: WhatHappened) -> dict[str, Any]:
    changes = api.get("/changes", hours=given.days * 24.0, service=given.service, limit=40)["changes"]
    about = f' service:"{_word(given.service)}"' if given.service else ""
    entries = api.get("/log", q=f"since:{max(1, round(given.days * 24))}h{about}", limit=20)["entries"]
    begin = _before(api.get("/status")["status"]["now"], given.days)
    incidents = api.get("/incidents", service=given.service, since=begin, limit=40)["incidents"]
    known = {each["id"] for each in incidents}
    still_open = api.get("/incidents", service=given.service, status="open", limit=40)["incidents"]
    return {
        "incidents": [*(each for each in still_open if each["id"] not in known), *incidents],
        "changes": changes,
        "entries": [entry_of(each, 600) for each in entries],
    }


def _before(now: str, days: float) -> str:
    from watchkeeper.core.times import read_time, utc_text

    return utc_text((read_time(now) or 0.0) - days * 86400.0) or ""


def _word(text: str) -> str:
    """A name within a question of the log: no quotation mark ends it."""
    return text.replace('"', " ")


def _happened_text(found: dict[str, Any]) -> str:
    rows = [
        (each["opened_at"], f"incident {each['id']} {each['service']}: {each['title']}") for each in found["incidents"]
    ]
    rows += [
        (each["at"], f"{each['kind']} {each['service'] or each['host']}: {each['title']}") for each in found["changes"]
    ]
    rows += [(each["at"], f"entry {each['number']}: {each['title']}") for each in found["entries"]]
    rows.sort(key=lambda row: row[0] or "", reverse=True)
    return listed([f"{when(at)} {text}" for at, text in rows[:60]], "Nothing is known of that span.")


TOOLS = (
    Tool("what_is_wrong", "What is wrong now", "The state of everything in one sentence, with services that are not OK, open "
         "incidents, steps that wait for a person, and faults of watchkeeper itself." + FOREIGN,
         Nothing, Status, _status, _status_text),
    Tool("services", "Services", "Which services there are or run on a host, with state, hosts, dependencies both ways, owner, "
         "documents, logs and runbooks. Answers: what services run on X? What needs Y?" + FOREIGN,
         WhichServices, Services, _services, _services_text, about="host"),
    Tool("service", "One service", "One service: state, checks as they are now, dependencies, documents, logs, configuration, "
         "and the runbooks that answer its checks." + FOREIGN,
         WhichService, Service, _service, _service_text, about="service"),
    Tool("hosts", "Hosts", "Every host with the services on it.", Paged, Hosts, _hosts, _hosts_text),
    Tool("checks", "Checks", "Checks as they were last asked: state, why, since when." + FOREIGN,
         WhichChecks, Checks, _checks, _checks_text, about="service"),
    Tool("ask_check", "Ask a check now", "Asks one check, or the checks of one service (at most 20), at this moment, and says "
         "what that cost. Read-only questions that the team wrote; no command of yours is run." + FOREIGN,
         WhichCheck, Asked, _ask, _checks_text, about="check"),
    Tool("incidents", "Incidents", "Incidents, newest first: open, closed, or of one service." + FOREIGN,
         WhichIncidents, Incidents, _incidents, _incidents_text, about="service"),
    Tool("incident", "One incident", "One incident: timeline, suspects, runs, what the diagnosis printed, and similar "
         "ones." + FOREIGN,
         WhichIncident, Incident, _incident, _incident_text, about="incident"),
    Tool("what_happened", "What happened", "Incidents, changes and log entries of the last days, of one service or of "
         "everything. Answers: what happened to X last week?" + FOREIGN,
         WhatHappened, Happened, _happened, _happened_text, about="service"),
)  # fmt: skip
