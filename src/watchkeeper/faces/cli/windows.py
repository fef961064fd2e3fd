"""`wk window`: planned maintenance. Its time counts as maintenance, and nothing changes by itself meanwhile."""

from __future__ import annotations

from watchkeeper.core.errors import Forbidden, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk window start shop --for 2h --why "new disk"             from now; alerts of shop are muted
  wk window start host:app1 label:env=prod --for 30m --why "kernel" --until-green
  wk window add shop --from 2026-12-01T02:00 --for 2h --why "database upgrade" --before "Users were told"
  wk window add shop --cron "0 2 * * sun" --for 1h --why "weekly patches"
  wk window add shop --from 2026-11-20T02:00 --to 2026-11-20T04:00 --past --why "forgot to plan it"
  wk window end 3
  wk window check 3 --tick 1                                  its checklist: ask the checks, tick line 1"""
TARGETS = "what it covers: SERVICE, SERVICE/CHECK, host:NAME, label:KEY=VALUE, or all"


def add_parser(commands: Any) -> None:
    """Parsers of `wk window ...`."""
    summary = "Planned maintenance: now, later, or again and again. Every window has an end."
    actions = group(commands, "window", summary, EXAMPLES)
    verb(actions, "list", "What holds now, what comes next, and what was.")
    started = verb(actions, "start", "Begin one now.")
    add_wish(started)
    added = verb(actions, "add", "Plan one, once or recurring; or reclassify time that is over.")
    add_wish(added)
    add_schedule(added)
    added.add_argument("--past", action="store_true", help="the time is over: it counts as maintenance from now on")
    added.add_argument("--yes", action="store_true", help="do not ask before reclassifying")
    add_lasting(actions, "window")
    looked = verb(actions, "check", "Its checklist: ask its checks now, tick what a person has done.")
    looked.add_argument("number", type=int, metavar="N")
    looked.add_argument("--tick", type=int, action="append", default=[], metavar="LINE", help="this line is done")
    looked.add_argument("--untick", type=int, action="append", default=[], metavar="LINE", help="this line is not done")
    back = verb(actions, "take-back", "Take a reclassification back: the time counts again as what it was.")
    back.add_argument("number", type=int, metavar="N")
    back.add_argument("--why", required=True, metavar="TEXT", help="the log keeps it")
    back.add_argument("--yes", action="store_true", help="do not ask")


def add_wish(parser: Any) -> None:
    """What and how long."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=TARGETS)
    parser.add_argument("--for", dest="lasts", metavar="TIME", help="how long, such as 2h; an end is mandatory")
    parser.add_argument("--to", default="", metavar="WHEN", help="its end, instead of --for")
    parser.add_argument("--why", default="", metavar="TEXT", help="what for; others read it")
    parser.add_argument("--until-green", action="store_true", help="ends early, once what failed in it is OK again")
    parser.add_argument(
        "--remind", default="15m", metavar="TIME", help="reminder before its end (default: 15m; 0s: none)"
    )
    parser.add_argument("--watch", metavar="TIME", help="watched closely after its end (default: 30m for windows)")
    parser.add_argument(
        "--before", action="append", default=[], metavar="LINE", help="checklist: text, or check:SERVICE/CHECK"
    )
    parser.add_argument("--after", action="append", default=[], metavar="LINE", help="the same, after its end")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be muted now")


def add_schedule(parser: Any) -> None:
    """When."""
    parser.add_argument(
        "--from", dest="starts", default="", metavar="WHEN", help="2026-12-01T02:00, in the team's zone"
    )
    parser.add_argument("--cron", default="", metavar="EXPR", help='again and again, such as "0 2 * * sun"')
    parser.add_argument("--rrule", default="", metavar="RULE", help="the same by RFC 5545; --from is the first one")
    parser.add_argument("--timezone", default="", metavar="ZONE", help="instead of the team's")
    parser.add_argument(
        "--except", dest="excepted", action="append", default=[], metavar="DATE", help="not on this date"
    )


def add_lasting(actions: Any, kind: str) -> None:
    """end, extend, show."""
    ended = verb(actions, "end", "End it now: what still fails is told at once.")
    ended.add_argument("number", type=int, metavar="N")
    ended.add_argument("--why", default="", metavar="TEXT")
    ended.add_argument("--plan", action="store_true", help="N is a recurring one: it takes place no more")
    ended.add_argument("--yes", action="store_true", help="do not ask")
    extended = verb(actions, "extend", "Move its end.")
    extended.add_argument("number", type=int, metavar="N")
    extended.add_argument("--for", dest="lasts", metavar="TIME", help="so much longer than planned")
    extended.add_argument("--until", default="", metavar="WHEN", help="until this moment")
    shown = verb(actions, "show", f"One {kind} with its checklist.")
    shown.add_argument("number", type=int, metavar="N")


def run(arguments: Namespace) -> int:
    """Do the action of `wk window`."""
    client = client_of(arguments)
    if arguments.action in ("start", "add"):
        return add(client, arguments, "window")
    if arguments.action == "check":
        return check(client, arguments)
    if arguments.action == "take-back":
        return take_back(client, arguments)
    return common(client, arguments, "window")


# ---- shared with `wk silence` --------------------------------------------------------------------------------------------


def common(client: Client, arguments: Namespace, kind: str) -> int:
    """list, show, end, extend of either kind."""
    path = f"/{kind}s"
    if arguments.action == "list":
        answer = client.get(path)
        render.show_json(answer) if arguments.json else print(page(answer, kind))
        return 0
    if arguments.action == "end":
        return end(client, arguments, kind)
    one = f"{path}/{arguments.number}"
    if arguments.action == "extend":
        if not arguments.lasts and not arguments.until:
            raise Usage(f"The new end of {kind} {arguments.number} is missing.", "Give --for 1h, or --until WHEN.")
        by_s = seconds(arguments.lasts, "--for") if arguments.lasts else None
        answer = client.post(f"{one}/extend", {"by_s": by_s, "ends_at": arguments.until})
    else:
        answer = client.get(one)
    render.show_json(answer) if arguments.json else print(details(answer[kind]))
    return 0


def end(client: Client, arguments: Namespace, kind: str) -> int:
    """End one, or a recurring one for good, which asks once."""
    if arguments.plan:
        question = f"Recurring {kind} {arguments.number} takes place no more. Sure? [y/N]"
        if not render.confirm(question, arguments.yes):
            raise Forbidden("Nothing was changed: you did not say yes.")
        answer = client.post(f"/windows/plans/{arguments.number}/end")
        said = f"It takes place no more: {render.line(answer['plan']['words'])}."
        render.show_json(answer) if arguments.json else print(said)
        return 0
    answer = client.post(f"/{kind}s/{arguments.number}/end", {"why": arguments.why})
    render.show_json(answer) if arguments.json else print(details(answer[kind]))
    return 0


def add(client: Client, arguments: Namespace, kind: str) -> int:
    """Begin or plan one; `--past` shows the figures and asks first."""
    body: dict[str, Any] = {
        "targets": arguments.targets,
        "why": arguments.why,
        "ends_at": arguments.to,
        "lasts_s": seconds(arguments.lasts, "--for") if arguments.lasts else None,
        "until_green": arguments.until_green,
        "remind_s": seconds(arguments.remind, "--remind"),
        "watch_s": seconds(arguments.watch, "--watch") if arguments.watch else None,
        "before": arguments.before,
        "after": arguments.after,
        "dry_run": arguments.dry_run,
    }
    if hasattr(arguments, "cron"):
        body |= {"starts_at": arguments.starts, "cron": arguments.cron, "rrule": arguments.rrule}
        body |= {"timezone": arguments.timezone, "excepted": arguments.excepted}
    if getattr(arguments, "past", False):
        return reclassify(client, body, arguments)
    answer = client.post(f"/{kind}s", body)
    if arguments.json:
        render.show_json(answer)
    elif "plan" in answer:
        plan = answer["plan"]
        print(f"Recurring {kind} {plan['number']}: {render.line(plan['words'])}.")
        print(f"Next: {render.clock(plan['next_at']) or 'never'}. It expires {render.clock(plan['expires_at'])}.")
        print(covered(answer["covered"]))
    else:
        print("\n".join([*([details(answer[kind])] if kind in answer else []), covered(answer["covered"])]))
    return 0


def reclassify(client: Client, body: dict[str, Any], arguments: Namespace) -> int:
    """Show before and after, ask, write."""
    body = body | {"past": True}
    if not arguments.yes or arguments.dry_run:
        foreseen = client.post("/windows", body | {"dry_run": True})
        if arguments.dry_run:
            render.show_json(foreseen) if arguments.json else print(figures(foreseen))
            return 0
        render.note(figures(foreseen))
    if not render.confirm("Count this time as maintenance? The log keeps who and why. [y/N]", arguments.yes):
        raise Forbidden("Nothing was changed: you did not say yes.")
    answer = client.post("/windows", body)
    if arguments.json:
        render.show_json(answer)
    else:
        print(figures(answer))
        print(f"Window {answer['window']['id']}, entry {answer['window']['entry']} of the log.")
    return 0


def take_back(client: Client, arguments: Namespace) -> int:
    """Ask, then take a reclassification back."""
    seen = client.get(f"/windows/{arguments.number}")["window"]
    render.note(details(seen))
    if not render.confirm("Count this time again as what it was? [y/N]", arguments.yes):
        raise Forbidden("Nothing was changed: you did not say yes.")
    answer = client.post(f"/windows/{arguments.number}/take-back", {"why": arguments.why})
    render.show_json(answer) if arguments.json else print(figures(answer))
    return 0


def check(client: Client, arguments: Namespace) -> int:
    """Tick lines, ask the checks, show the checklist; exit code 1 while something of it is not done."""
    path = f"/windows/{arguments.number}"
    for position, done in [(each, True) for each in arguments.tick] + [(each, False) for each in arguments.untick]:
        client.post(f"{path}/tick", {"position": position, "done": done})
    answer = client.post(f"{path}/check")
    render.show_json(answer) if arguments.json else print(details(answer["window"]))
    when = "after" if answer["window"]["state"] == "ended" else "before"
    return int(any(not each["ok"] for each in answer["window"]["checklist"] if each["when"] == when))


# ---- words ---------------------------------------------------------------------------------------------------------------


def seconds(text: str, flag: str) -> float:
    """``30m`` in seconds. Raises `Usage`."""
    from watchkeeper.core.times import parse_duration

    found = parse_duration(text)
    if found is None:
        raise Usage(f"{flag} {text} is no time.", "Write 30m, 2h or 1h30m.")
    return found


def page(answer: dict[str, Any], kind: str) -> str:
    """Now, next, recurring, past."""
    rows = answer[f"{kind}s"]
    parts = []
    current = [each for each in rows if each["state"] == "now"]
    parts.append(_table("NOW", current) if current else "None. Nothing is muted by a " + kind + ".")
    following = [each for each in rows if each["state"] == "planned"]
    if following:
        parts.append(_table("NEXT", following))
    if answer["plans"]:
        recurring = [
            (
                each["number"] or each["key"],
                render.line(each["words"]),
                render.clock(each["next_at"]),
                render.line(each["why"]),
            )
            for each in answer["plans"]
        ]
        parts.append(render.table(recurring, ("RECURRING", "WHEN", "NEXT", "")))
    over = [each for each in rows if each["state"] not in ("now", "planned")]
    if over:
        parts.append(_table("PAST", over))
    return "\n\n".join(parts)


def _table(title: str, rows: list[dict[str, Any]]) -> str:
    shown = [
        (each["id"], render.clock(each["starts_at"]), render.clock(each["ended_at"] or each["ends_at"]),
         render.line(each["scope"]), render.line(each["actor"]), _notes(each))
        for each in rows
    ]  # fmt: skip
    return render.table(shown, (title, "FROM", "UNTIL", "COVERS", "BY", ""))


def _notes(one: dict[str, Any]) -> str:
    words = {
        "past": "reclassified",
        "taken_back": f"taken back by {one['taken_back_by']}",
        "cancelled": "did not take place",
    }
    parts = [words.get(one["state"], ""), "until green" if one["until_green"] and one["state"] == "now" else ""]
    return render.line("; ".join(part for part in (*parts, one["why"]) if part))


def details(one: dict[str, Any]) -> str:
    """One window or silence with its checklist."""
    when = {
        "now": f"holds until {render.clock(one['ends_at'])}",
        "planned": f"from {render.clock(one['starts_at'])} until {render.clock(one['ends_at'])}",
        "cancelled": "does not take place",
        "past": f"counts {render.clock(one['starts_at'])} to {render.clock(one['ends_at'])} as maintenance",
        "taken_back": f"was taken back by {one['taken_back_by']}",
    }.get(one["state"], f"ended {render.clock(one['ended_at'] or one['ends_at'])}")
    lines = [f"{one['kind'].capitalize()} {one['id']} of {one['actor']} {when}: {one['scope']}. {one['why']}"]
    if one["ended_why"] and one["state"] == "ended":
        lines.append(f"Because {one['ended_why']}.")
    if one["state"] == "ended" and one["watch_until"] and not one["watch_over"]:
        lines.append(f"Its services are watched closely until {render.clock(one['watch_until'])}.")
    for item in one["checklist"]:
        box = "x" if item["ok"] else " "
        said = f": {item['answer']}" if item["answer"] and item["check"] else f" ({item['by']})" if item["by"] else ""
        lines.append(f"  [{box}] {item['position']}. {item['when']}: {item['text']}{said}")
    return "\n".join(render.line(each) if not each.startswith("  ") else "  " + render.line(each) for each in lines)


def covered(found: dict[str, Any]) -> str:
    """What is muted by it."""
    lines = [
        f"Covers {render.count(len(found['checks']), 'check')}"
        + (f", failing now: {', '.join(found['failing'][:10])}." if found["failing"] else ", all of them well.")
    ]
    if not found["checks"]:
        lines = ["Covers no check at this moment."]
    lines += [f"Nobody is paged about incident {each['id']}: {each['title']}" for each in found["incidents"]]
    lines += [f"{each['kind'].capitalize()} {each['id']} covers some of it as well." for each in found["besides"]]
    return "\n".join(render.line(each) for each in lines)


def figures(answer: dict[str, Any]) -> str:
    """Before and after of each service."""
    one = answer["window"]
    lines = [f"{render.clock(one['starts_at'])} to {render.clock(one['ends_at'])}: {one['why']}"]
    for old, new in zip(answer["before"], answer["after"], strict=True):
        lines.append(f"{old['service']}: before {old['words']}; after {new['words']}")
    if not answer["before"]:
        lines.append("No check is covered, so no figure changes.")
    return "\n".join(render.line(each) for each in lines)
