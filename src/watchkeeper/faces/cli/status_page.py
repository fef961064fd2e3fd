"""`wk statuspage`: what the public reads about incidents."""

from __future__ import annotations

from watchkeeper.core.errors import Forbidden
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "show"
EXAMPLES = """\
  wk statuspage                                              the page as the public gets it now
  wk statuspage list                                         notices, drafts, incidents nobody was told of
  wk statuspage post 12 "Orders are taken; mail is late."    the public reads it at once
  wk statuspage post 12 "A release is taken back." --stage identified --draft
  wk statuspage publish-update 7                             a draft becomes public
  wk statuspage withdraw 12 --why "a test of ours"           off the page; it stays in the timeline"""
STATES = ("investigating", "identified", "watching", "resolved")


def add_parser(commands: Any) -> None:
    """Parsers of `wk statuspage ...`."""
    actions = group(
        commands, "statuspage", "What the public reads. An update is never changed, only followed.", EXAMPLES
    )
    verb(actions, "show", "The page as the public gets it now. Exit code 1 while something is down.")
    verb(actions, "list", "What was told of which incident, drafts, and what nobody was told of.")
    posted = verb(actions, "post", "Say something about an incident.")
    posted.add_argument("number", type=int, metavar="INCIDENT")
    posted.add_argument("text", metavar="TEXT", help="in words that the public understands")
    posted.add_argument("--stage", choices=STATES, default="", help="default: as before")
    posted.add_argument("--draft", action="store_true", help="it waits until somebody publishes it")
    posted.add_argument("--title", default="", metavar="TEXT", help="what it is called; default: made from the parts")
    posted.add_argument("--impact", choices=("slow", "down", "unknown"), default="", help="how bad it is")
    posted.add_argument("--component", action="append", default=[], metavar="KEY", help="a part it is about")
    shown = verb(actions, "publish", "Put an incident on the page, or back on it.")
    shown.add_argument("number", type=int, metavar="INCIDENT")
    gone = verb(actions, "withdraw", "Take what was said about an incident off the page.")
    gone.add_argument("number", type=int, metavar="INCIDENT")
    gone.add_argument("--why", required=True, metavar="TEXT", help="kept in the timeline; the public does not read it")
    gone.add_argument("--yes", action="store_true", help="do not ask")
    draft = verb(actions, "publish-update", "A draft becomes public.")
    draft.add_argument("number", type=int, metavar="UPDATE")
    dropped = verb(actions, "discard-update", "A draft that nobody will publish.")
    dropped.add_argument("number", type=int, metavar="UPDATE")


def run(arguments: Namespace) -> int:
    """Do the action of `wk statuspage`."""
    client, action = client_of(arguments), arguments.action
    if action == "show":
        answer = client.get("/status-page")
        render.show_json(answer) if arguments.json else print(page(answer["status_page"]))
        return int(answer["status_page"]["state"] == "down")
    if action == "list":
        answer = client.get("/status-page/notices")
        render.show_json(answer) if arguments.json else print(notices(answer))
        return 0
    answer = _act(client, arguments)
    render.show_json(answer) if arguments.json else print(said(answer))
    return 0


def _act(client: Any, arguments: Namespace) -> dict[str, Any]:
    number, action = arguments.number, arguments.action
    if action == "post":
        body = {
            "text": arguments.text, "state": arguments.stage, "draft": arguments.draft, "title": arguments.title,
            "impact": arguments.impact, "components": arguments.component,
        }  # fmt: skip
        return dict(client.post(f"/status-page/incidents/{number}/updates", body))
    if action == "withdraw":
        if not render.confirm(f"Take incident {number} off the public page? [y/N]", arguments.yes):
            raise Forbidden("Nothing was changed: you did not say yes.")
        return dict(client.post(f"/status-page/incidents/{number}/withdraw", {"why": arguments.why}))
    if action == "publish":
        return dict(client.post(f"/status-page/incidents/{number}/publish"))
    what = "publish" if action == "publish-update" else "discard"
    return dict(client.post(f"/status-page/updates/{number}/{what}"))


def page(one: dict[str, Any]) -> str:
    """The page in lines."""
    rows = [
        (
            each["name"],
            each["words"],
            _percent(each["availability"].get("30d")),
            _percent(each["availability"].get("90d")),
            each["group"],
        )
        for each in one["components"]
    ]
    parts = [f"{one['title']}: {one['sentence']}", render.table(_clean(rows), ("PART", "STATE", "30 D", "90 D", ""))]
    for incident in one["incidents"]:
        lines = [f"{incident['title']}, since {render.clock(incident['began_at'])}"]
        lines += [f"  {render.clock(each['at'])}  {each['state']}: {each['text']}" for each in incident["updates"]]
        parts.append(
            "\n".join(render.line(each) if not each.startswith("  ") else "  " + render.line(each) for each in lines)
        )
    planned = [(", ".join(each["components"]), render.clock(each["starts_at"]), render.clock(each["ends_at"]))
               for each in one["maintenance"]]  # fmt: skip
    if planned:
        parts.append(render.table(_clean(planned), ("MAINTENANCE", "FROM", "UNTIL")))
    return "\n\n".join(parts)


def _clean(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return [tuple(render.line(each) for each in row) for row in rows]


def _percent(share: float | None) -> str:
    return "" if share is None else "100 %" if share >= 1 else f"{min(share * 100, 99.99):.2f} %"


def notices(answer: dict[str, Any]) -> str:
    """Notices with their drafts, and what nobody was told of."""
    rows = [
        (each["incident"], "public" if each["public"] else "withdrawn" if each["withdrawn_at"] else "draft", each["state"],
         render.clock(each["began_at"]), each["title"])
        for each in answer["notices"]
    ]  # fmt: skip
    parts = [render.table(_clean(rows), ("INCIDENT", "", "STATE", "SINCE", "TITLE")) if rows else "Nothing was told."]
    drafts = [
        (update["id"], each["incident"], update["state"], update["actor"], update["text"])
        for each in answer["notices"]
        for update in each["updates"]
        if update["published_at"] is None and update["discarded_at"] is None
    ]
    if drafts:
        parts.append(render.table(_clean(drafts), ("DRAFT", "INCIDENT", "STATE", "BY", "TEXT")))
    untold = [
        (each["incident"], each["severity"], ", ".join(each["components"]) or "nothing that is shown", each["title"])
        for each in answer["untold"]
    ]
    if untold:
        parts.append(render.table(_clean(untold), ("NOT TOLD", "", "TOUCHES", "TITLE")))
    return "\n\n".join(parts)


def said(answer: dict[str, Any]) -> str:
    """What was done, in a line."""
    notice, update = answer.get("notice"), answer.get("update")
    if update is not None and notice is None:
        return f"Draft {update['id']} is discarded."
    assert notice is not None
    if update is not None and update["published_at"] is None:
        return f"Draft {update['id']} for incident {notice['incident']}: wk statuspage publish-update {update['id']}."
    if notice["withdrawn_at"]:
        return f"Incident {notice['incident']} is off the page."
    return render.line(f"On the page, {notice['state']}: {notice['title']}.")
