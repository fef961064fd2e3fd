"""`wk oncall`: who is on call now and next, overrides and swaps, calendars, and who would be told."""

from __future__ import annotations

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "show"
EXAMPLES = """\
  wk oncall                                                   who is on call now, and what is escalating
  wk oncall list primary --days 30                            the shifts to come
  wk oncall override primary ana --for 8h                     ana has it, from now
  wk oncall override primary ben --from "2026-12-24 09:00" --until "2026-12-27 09:00" --why "leave"
  wk oncall remove 3                                          take override 3 back
  wk oncall swap primary ana ben                              they change their next turns
  wk oncall who shop --severity P1 --at "2026-12-25 03:00"    who would be told, step by step
  wk oncall export primary --ical > primary.ics               a calendar file; --url: its address"""
REASONS = {"rotation": "", "holiday": "covers a holiday", "override": "override", "nobody": ""}
TIME_HELP = '"2026-12-24 09:00" in the zone of the schedule, 18:00 (the next), or now'


def add_parser(commands: Any) -> None:
    """Parsers of `wk oncall ...`."""
    actions = group(commands, "oncall", "Who is on call, and who is told when nobody acknowledges.", EXAMPLES)
    verb(actions, "show", "Who is on call now, gaps to come, and incidents on their way up.")
    listed = verb(actions, "list", "Shifts and overrides to come.")
    listed.add_argument("name", nargs="?", default="", metavar="SCHEDULE")
    listed.add_argument("--days", type=int, default=14, metavar="N", help="how far to look (default: 14)")
    overridden = verb(actions, "override", "Put somebody on call for a while.")
    overridden.add_argument("name", metavar="SCHEDULE")
    overridden.add_argument("person", metavar="PERSON")
    overridden.add_argument("--from", dest="since", default="", metavar="TIME", help=f"{TIME_HELP} (default: now)")
    overridden.add_argument("--until", default="", metavar="TIME", help="when it ends")
    overridden.add_argument("--for", dest="lasts", default="", metavar="LENGTH", help="or how long: 8h, 2d")
    overridden.add_argument("--why", default="", metavar="TEXT", help="for the others to read")
    removed = verb(actions, "remove", "Take an override back.")
    removed.add_argument("number", type=int, metavar="OVERRIDE")
    swapped = verb(actions, "swap", "Two people change their next turns with each other.")
    swapped.add_argument("name", metavar="SCHEDULE")
    swapped.add_argument("first", metavar="PERSON")
    swapped.add_argument("second", metavar="PERSON")
    swapped.add_argument("--from", dest="since", default="", metavar="TIME", help="their first turns after this time")
    told = verb(actions, "who", "Who would be told, step by step, if an incident opened.")
    told.add_argument("service", metavar="SERVICE", help="or host:NAME")
    told.add_argument("--severity", default="P1", metavar="P1", help="P1 to P4 (default: P1)")
    told.add_argument("--kind", default="opened", metavar="KIND", help="kind of message (default: opened)")
    told.add_argument("--at", default="", metavar="TIME", help=f"{TIME_HELP}, in the team's zone (default: now)")
    exported = verb(actions, "export", "A schedule as a calendar file, or the address to subscribe to.")
    exported.add_argument("name", nargs="?", default="", metavar="SCHEDULE")
    exported.add_argument("--ical", action="store_true", help="iCalendar on standard output (the default)")
    exported.add_argument("--url", action="store_true", help="the address for calendar programs; it holds a key")


def run(arguments: Namespace) -> int:
    """Do the action."""
    acts = {
        "show": show, "list": listing, "override": override, "remove": remove, "swap": swap, "who": who, "export": export,
    }  # fmt: skip
    return acts[arguments.action](client_of(arguments), arguments)


def show(client: Client, arguments: Namespace) -> int:
    """Now; 1 when a schedule that may be asked has nobody."""
    answer = client.get("/oncall")
    code = 1 if any(_is_now(each["gap"]) for each in answer["oncall"]) else 0
    if arguments.json:
        render.show_json(answer)
        return code
    if not answer["oncall"]:
        print("No schedule is declared. Write 'oncall' into watchkeeper.yaml, or list channels under 'escalation'.")
    for each in answer["oncall"]:
        print(now_line(each))
        if each["gap"]:
            gap = each["gap"]
            print(
                f"  Nobody from {render.clock(gap['since'])} until {render.clock(gap['until'])}: everybody would be told."
            )
    moving = client.get("/escalations")["escalations"]
    if moving:
        print()
        print(render.table([ladder_row(each) for each in moving], ("INCIDENT", "", "NEXT STEP", "WHEN", "WHAT")))
    return code


def _is_now(gap: dict[str, Any] | None) -> bool:
    import time

    since = render.parse_time(gap["since"]) if gap else None
    return since is not None and since <= time.time()


def now_line(each: dict[str, Any]) -> str:
    """``primary: ana until Mon 09:00, then ben``"""
    until = f" until {render.clock(each['until'])}" if each["until"] else ""
    then = f", then {render.line(each['following'] or 'nobody')}" if each["until"] else ""
    why = f" ({REASONS[each['reason']]})" if REASONS.get(each["reason"]) else ""
    return f"{render.line(each['schedule'])}: {render.line(each['person'] or 'nobody')}{until}{why}{then}"


def ladder_row(each: dict[str, Any]) -> tuple[str, ...]:
    """One incident on its way up."""
    if each["paused_why"]:
        step, when = "-", each["paused_why"]
    elif each["step"] is None:
        step, when = "-", "all steps told"
    else:
        step = f"{each['step']} of {each['steps']}: {', '.join(each['to'])}"
        when = render.clock(each["due_at"])
    return (str(each["incident"]), each["severity"], step, when, render.line(each["title"]))


def listing(client: Client, arguments: Namespace) -> int:
    """Shifts of one schedule or of all, then overrides."""
    names = [arguments.name] if arguments.name else [each["schedule"] for each in client.get("/oncall")["oncall"]]
    shifts = [each for name in names for each in client.get(f"/oncall/{name}/shifts", days=arguments.days)["shifts"]]
    made = [each for each in client.get("/oncall/overrides")["overrides"] if each["schedule"] in names]
    if arguments.json:
        render.show_json({"shifts": shifts, "overrides": made})
        return 0
    rows = [
        (each["schedule"], render.clock(each["since"]), render.clock(each["until"]), each["person"] or "nobody",
         REASONS[each["reason"]] + (f" {each['override']}" if each["override"] else ""))
        for each in shifts
    ]  # fmt: skip
    print(render.table(rows, ("SCHEDULE", "FROM", "UNTIL", "WHO", "")) if rows else "No schedule is declared.")
    if made:
        print()
        print(render.table([override_row(each) for each in made], ("OVERRIDE", "SCHEDULE", "FROM", "UNTIL", "WHO", "")))
    return 0


def override_row(each: dict[str, Any]) -> tuple[str, ...]:
    """One override."""
    said = ", ".join(part for part in (each["why"], f"by {each['made_by']}" if each["made_by"] else "") if part)
    return (
        str(each["id"] or "file"), each["schedule"], render.clock(each["since"]), render.clock(each["until"]),
        each["person"], said,
    )  # fmt: skip


def override(client: Client, arguments: Namespace) -> int:
    """Make one."""
    body = {
        "person": arguments.person, "since": arguments.since, "until": arguments.until, "why": arguments.why,
        "lasts_s": seconds(arguments.lasts) if arguments.lasts else None,
    }  # fmt: skip
    answer = client.post(f"/oncall/{arguments.name}/overrides", body)
    if arguments.json:
        render.show_json(answer)
    else:
        print(override_line(answer["override"]))
    return 0


def override_line(made: dict[str, Any]) -> str:
    """What was made, and how it is taken back."""
    span = f"from {render.clock(made['since'])} until {render.clock(made['until'])}"
    return f"{made['person']} is on call for {made['schedule']} {span}. Take it back: wk oncall remove {made['id']}."


def seconds(text: str) -> float:
    """``8h`` in seconds. Raises `Usage`."""
    from watchkeeper.core.times import parse_duration

    found = parse_duration(text)
    if not found:
        raise Usage(f"--for {text} is no length.", "Write 8h, 2d or 1h30m.")
    return found


def remove(client: Client, arguments: Namespace) -> int:
    """Take one back."""
    answer = client.post(f"/oncall/overrides/{arguments.number}/remove")
    if arguments.json:
        render.show_json(answer)
    else:
        print(f"Override {arguments.number} of {answer['override']['schedule']} was taken back.")
    return 0


def swap(client: Client, arguments: Namespace) -> int:
    """Two overrides at once."""
    body = {"first": arguments.first, "second": arguments.second, "since": arguments.since}
    answer = client.post(f"/oncall/{arguments.name}/swap", body)
    if arguments.json:
        render.show_json(answer)
    else:
        print("\n".join(override_line(each) for each in answer["overrides"]))
    return 0


def who(client: Client, arguments: Namespace) -> int:
    """The steps of the policy that would be taken."""
    answer = client.get(
        "/escalations/preview",
        service=arguments.service,
        severity=arguments.severity,
        kind=arguments.kind,
        at=arguments.at,
    )
    if arguments.json:
        render.show_json(answer)
        return 0
    found = answer["preview"]
    print(f"Policy {render.line(found['policy'])}:" if found["policy"] else "No policy: channels, tried in this order.")
    rows = []
    for step in found["steps"]:
        for number, way in enumerate(step["to"] or [{"who": "nobody", "channels": []}]):
            first = (str(step["step"]), render.clock(step["at"])) if not number else ("", "")
            rows.append((*first, way["who"] or "", ", then ".join(way["channels"])))
        rows += [("", "", "", remark) for remark in step["remarks"]]
    print(render.table(rows, ("STEP", "AT", "WHO", "BY")))
    return 0


def export(client: Client, arguments: Namespace) -> int:
    """The calendar, or its address."""
    if arguments.url:
        answer = client.get("/oncall/calendar-address")
        if arguments.name:
            answer["calendar"]["url"] = answer["calendar"]["url"].removesuffix("all.ics") + f"{arguments.name}.ics"
        render.show_json(answer) if arguments.json else print(answer["calendar"]["url"])
        return 0
    text = client.text(f"/oncall/{arguments.name}.ics" if arguments.name else "/oncall.ics")
    if arguments.json:
        render.show_json({"calendar": {"ical": text}})
        return 0
    import sys

    sys.stdout.write(text)
    return 0
