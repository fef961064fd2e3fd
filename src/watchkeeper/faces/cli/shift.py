"""`wk shift`: begin with a checklist, report, hand over."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of
from watchkeeper.faces.cli.task import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "status"
EXAMPLES = """\
  wk shift start                            what was handed over, and the checklist, answered
  wk shift tick 3                           sign an item that only you can answer
  wk shift tick 4 --missing "vault is not mounted"
  wk shift sign                             sign off the checklist as it stands
  wk shift note "v74 is live" --progress --evidence out.txt
  wk shift note "no rights on the registry" --blocker
  wk shift task start "Deploy the desk" --estimate 3h;  wk shift task finish
  wk shift standby --ready-for "phase 3"
  wk shift end --to ben"""
STATES = {"ok": "ok", "signed": "signed", "failed": "FAILED", "missing": "MISSING", "open": "you"}
LARGEST = 1_000_000


def add_parser(commands: Any) -> None:
    """Parsers of `wk shift ...`."""
    actions = group(
        commands, "shift", "Who has the watch: checklist, reports, hand-over. For people and agents.", EXAMPLES
    )
    verb(actions, "start", "Begin: shows what was handed over, and looks at the checklist.")
    _of(verb(actions, "look", "Look at the checklist again."))
    tick = _of(verb(actions, "tick", "Sign an item of the checklist, or say why it is missing."))
    tick.add_argument("item", type=int, metavar="ITEM", help="its number on the checklist")
    tick.add_argument("text", nargs="*", metavar="TEXT", help="words to it")
    tick.add_argument("--missing", default="", metavar="WHY", help="it is not there; the shift goes on")
    _of(verb(actions, "sign", "Sign off the checklist as it stands."))
    verb(actions, "accept", "Accept what was handed over.").add_argument("shift", type=int, nargs="?", metavar="N")
    note = _of(verb(actions, "note", "Report what was done, what is in the way, what is next."))
    note.add_argument("text", nargs="*", metavar="TEXT")
    kinds = note.add_mutually_exclusive_group()
    kinds.add_argument("--progress", action="store_true", help="something was done")
    kinds.add_argument("--blocker", action="store_true", help="something is in the way, until: wk shift unblock")
    kinds.add_argument("--next", action="store_true", help="what comes next")
    note.add_argument("--ready-for", default="", metavar="WHAT", help="what you stand by for")
    note.add_argument(
        "--evidence", default="", metavar="FILE", help="10 lines are shown, all is kept; - is standard input"
    )
    verb(actions, "unblock", "A blocker is over.").add_argument("note", type=int, metavar="NOTE")
    task = _of(verb(actions, "task", "Work on a task: start TEXT or N, finish [N]."))
    task.add_argument("act", choices=("start", "finish"), metavar="start|finish")
    task.add_argument("what", nargs="*", metavar="TASK", help="its number, or the words of a new one")
    task.add_argument("--estimate", default="", metavar="TIME", help="how long it will take, as 3h")
    standby = _of(verb(actions, "standby", "Stand by; with --over work again."))
    standby.add_argument("why", nargs="*", metavar="WHY")
    standby.add_argument("--ready-for", action="append", default=[], metavar="WHAT", help="may be repeated")
    standby.add_argument("--over", action="store_true", help="at work again")
    _of(verb(actions, "status", "Your shift as it is."))
    end = _of(verb(actions, "end", "Hand over: one entry of the log with what was done and what is open."))
    end.add_argument("--to", default="", metavar="NAME", help="who takes it; default: whoever comes next")
    end.add_argument("--say", default="", metavar="TEXT", help="last words to it")
    listed = verb(actions, "list", "Shifts, newest first.")
    listed.add_argument("--limit", type=int, default=20)
    listed.add_argument("--before", type=int, metavar="N")
    listed.add_argument("--person", default="", metavar="NAME")
    verb(actions, "show", "One shift.").add_argument("shift", type=int, metavar="N")
    verb(actions, "evidence", "The full text of some evidence.").add_argument("evidence", type=int, metavar="N")


def _of(parser: Any) -> Any:
    parser.add_argument("--shift", type=int, metavar="N", help="somebody's else, for an approver; default: your own")
    return parser


def run(arguments: Namespace) -> int:
    """Do the action."""
    return ACTIONS[arguments.action](client_of(arguments), arguments)


# ---- the beginning ---------------------------------------------------------------------------------------------------------


def _start(client: Client, arguments: Namespace) -> int:
    answer = client.post("/shifts")
    return _show(arguments, answer, beginning(answer["shift"]))


def beginning(shift: dict[str, Any]) -> str:
    """What was handed over, the checklist, and what to do now."""
    parts = []
    handed = shift["handed_over"]
    if handed is not None and handed["entry"] is not None:
        from watchkeeper.faces.cli.log import page as entry_page

        parts.append(f"Handed over by {render.line(handed['person'])}\n{entry_page(handed['entry'])}")
        if not handed["accepted_at"]:
            parts.append("Accept it: wk shift accept")
    parts += [checklist(shift), after(shift)]
    return "\n\n".join(each for each in parts if each)


def checklist(shift: dict[str, Any]) -> str:
    """A line per item, what failed with its evidence."""
    rows = [(one["item"], STATES[one["state"]], _time(one), one["name"], one["text"]) for one in shift["checklist"]]
    if not rows:
        return "The checklist is empty."
    lines = [render.table(rows, ("N", "STATE", "TIME", "ITEM", "ANSWER"))]
    for one in shift["checklist"]:
        if one["short"] and (one["state"] in ("failed", "missing") or (one["by_hand"] and one["state"] == "open")):
            more = f"\n  all of it: wk shift evidence {one['evidence'].rpartition('/')[2]}" if one["evidence"] else ""
            lines.append(f"{one['item']}  {render.line(one['name'])}\n{render.block(one['short'])}{more}")
    return "\n\n".join(lines)


def _time(item: dict[str, Any]) -> str:
    from watchkeeper.core.times import format_duration

    budget = format_duration(item["budget_s"])
    if item["at"] is None or (item["by_hand"] and item["state"] == "open"):
        return f"of {budget}"
    over = " over" if item["used_s"] > item["budget_s"] else ""
    return f"{format_duration(item['used_s'])} of {budget}{over}"


def after(shift: dict[str, Any]) -> str:
    """What to do next."""
    if shift["state"] == "ended":
        return ""
    left = [str(one["item"]) for one in shift["checklist"] if one["state"] == "open"]
    if left:
        return f"Waits for you: item {', '.join(left)}. Sign: wk shift tick {left[0]}; or wk shift tick {left[0]} --missing WHY"
    if not shift["signed_at"]:
        return "All items have an answer. Sign off: wk shift sign"
    return ""


def _look(client: Client, arguments: Namespace) -> int:
    answer = client.post("/shifts/look", {"shift": arguments.shift})
    shift = answer["shift"]
    return _show(arguments, answer, "\n\n".join(each for each in (checklist(shift), after(shift)) if each))


def _tick(client: Client, arguments: Namespace) -> int:
    body = {
        "item": arguments.item,
        "missing": arguments.missing,
        "text": " ".join(arguments.text),
        "shift": arguments.shift,
    }
    answer = client.post("/shifts/tick", body)
    item = answer["shift"]["checklist"][arguments.item - 1]
    words = f"Item {arguments.item}, {render.line(item['name'])}: {item['state']}. {after(answer['shift'])}"
    return _show(arguments, answer, words.strip())


def _sign(client: Client, arguments: Namespace) -> int:
    answer = client.post("/shifts/sign", {"shift": arguments.shift})
    failed = [one["name"] for one in answer["shift"]["checklist"] if one["state"] in ("failed", "missing")]
    rest = f" Failed or missing, and recorded: {', '.join(map(render.line, failed))}." if failed else ""
    return _show(arguments, answer, f"The checklist of shift {answer['shift']['id']} is signed off.{rest}")


def _accept(client: Client, arguments: Namespace) -> int:
    answer = client.post("/shifts/accept", {"shift": arguments.shift})
    return _show(arguments, answer, f"You have what {render.line(answer['shift']['person'])} handed over.")


# ---- during it -------------------------------------------------------------------------------------------------------------


def _note(client: Client, arguments: Namespace) -> int:
    kind = next((each for each in ("progress", "blocker", "next") if getattr(arguments, each)), "")
    body = {
        "text": " ".join(arguments.text), "kind": kind or ("ready" if arguments.ready_for else "note"),
        "evidence": _evidence(arguments.evidence), "ready_for": arguments.ready_for, "shift": arguments.shift,
    }  # fmt: skip
    answer = client.post("/shifts/notes", body)
    note = answer["note"]
    kept = f" Evidence: {note['evidence_digest'][:12]}." if note["evidence_digest"] else ""
    ends = f" When it is over: wk shift unblock {note['id']}" if note["kind"] == "blocker" else ""
    return _show(arguments, answer, f"Note {note['id']} of shift {note['shift']}.{kept}{ends}")


def _evidence(path: str) -> str:
    """The text of a file or of standard input, bounded."""
    if not path:
        return ""
    if path == "-":
        return sys.stdin.read(LARGEST)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise Usage(
            f"{path} cannot be read: {error.strerror}.", "--evidence names a text file, or - for standard input."
        ) from None


def _unblock(client: Client, arguments: Namespace) -> int:
    answer = client.post(f"/shifts/notes/{arguments.note}/over")
    return _show(arguments, answer, f"No longer in the way: {render.line(answer['note']['text'])}")


def _task(client: Client, arguments: Namespace) -> int:
    words = " ".join(arguments.what)
    number = int(words) if words.isdigit() else None
    if arguments.act == "finish":
        if words and number is None:
            raise Usage(
                f"'{words}' is no number of a task.", "wk shift task finish ends the one at work; wk tasks lists them."
            )
        task = (answer := client.post("/shifts/tasks/finish", {"task": number}))["task"]
        from watchkeeper.core.times import format_duration

        planned = f", estimated {format_duration(task['estimate_s'])}" if task["estimate_s"] else ""
        return _show(arguments, answer, f"Task {task['id']} is done in {format_duration(task['worked_s'])}{planned}.")
    body = {
        "text": "" if number is not None else words, "task": number, "shift": arguments.shift,
        "estimate_s": seconds(arguments.estimate, "--estimate"),
    }  # fmt: skip
    answer = client.post("/shifts/tasks", body)
    return _show(arguments, answer, f"At work on task {answer['task']['id']}. When done: wk shift task finish")


def _standby(client: Client, arguments: Namespace) -> int:
    body = {
        "standby": not arguments.over, "why": " ".join(arguments.why), "ready_for": arguments.ready_for,
        "shift": arguments.shift,
    }  # fmt: skip
    answer = client.post("/shifts/standby", body)
    ready = ", ".join(map(render.line, answer["shift"]["ready_for"]))
    words = "At work again." if arguments.over else f"Standing by{f', ready for {ready}' if ready else ''}."
    return _show(arguments, answer, words)


# ---- looking and the end ---------------------------------------------------------------------------------------------------


def _status(client: Client, arguments: Namespace) -> int:
    if arguments.shift is not None:
        answer = client.get(f"/shifts/{arguments.shift}")
        return _show(arguments, answer, page(answer["shift"]))
    answer = client.get("/shifts/current")
    if answer["shift"] is not None:
        return _show(arguments, answer, page(answer["shift"]))
    waiting = answer["waiting"]
    rest = f" {render.line(waiting['person'])} handed shift {waiting['id']} over." if waiting else ""
    return _show(arguments, answer, f"You have no shift.{rest} Begin: wk shift start")


def page(shift: dict[str, Any]) -> str:
    """Everything of one shift."""
    from watchkeeper.core.times import format_duration

    ended = f" to {render.clock(shift['ended_at'])}" if shift["ended_at"] else ""
    head = f"Shift {shift['id']} of {render.line(shift['person'])}, {shift['state']}, "
    head += f"{render.clock(shift['started_at'])}{ended}"
    if shift["ready_for"]:
        head += f"\nReady for {', '.join(map(render.line, shift['ready_for']))}"
    if shift["entry"]:
        to = render.line(shift["handed_to"]) or "whoever comes next"
        taken = f", accepted by {render.line(shift['accepted_by'])}" if shift["accepted_by"] else ", not accepted yet"
        head += f"\nHanded over to {to} in entry {shift['entry']}{taken}"
    notes = []
    for one in shift["notes"]:
        over = ", over" if one["over_at"] else ""
        notes.append(f"  {one['id']}  {render.clock(one['at'])}  {one['kind']}{over}: {render.line(one['text'])}")
        if one["short"]:
            notes.append(render.block(one["short"], "       | "))
        if one["evidence"]:
            notes.append(f"       all of it: wk shift evidence {one['evidence'].rpartition('/')[2]}")
    tasks = [
        (one["id"], one["state"] if one["state"] != "open" else "at work" if one["started_at"] else "open",
         f"{format_duration(one['worked_s'])}" + (f" of {format_duration(one['estimate_s'])}" if one["estimate_s"] else ""),
         one["text"])
        for one in shift["tasks"]
    ]  # fmt: skip
    found = shift["compliance"]
    counts = (
        f"{render.count(found['reports'], 'report')}, {found['with_evidence']} with evidence; longest silence "
        f"{format_duration(found['longest_silence_s'])}{'' if found['in_time'] else ', longer than the rule'}; "
        f"checklist {found['answered']} of {found['items']} answered, {found['failed']} failed, "
        f"{'signed' if found['signed'] else 'not signed'}, {format_duration(found['used_s'])} of "
        f"{format_duration(found['budget_s'])}"
    )
    parts = [
        head, checklist(shift), "Notes\n" + "\n".join(notes) if notes else "",
        "Tasks\n" + render.table(tasks, indent=2) if tasks else "", counts, after(shift),
    ]  # fmt: skip
    return "\n\n".join(each for each in parts if each)


def _end(client: Client, arguments: Namespace) -> int:
    answer = client.post("/shifts/end", {"to": arguments.to, "said": arguments.say, "shift": arguments.shift})
    shift = answer["shift"]
    to = render.line(shift["handed_to"]) or "whoever comes next"
    return _show(arguments, answer, f"Shift {shift['id']} is handed over to {to}: wk log show {shift['entry']}")


def _list(client: Client, arguments: Namespace) -> int:
    answer = client.get("/shifts", limit=arguments.limit, before=arguments.before, person=arguments.person)
    rows = [
        (
            one["id"], one["person"], one["state"], render.clock(one["started_at"]), render.clock(one["ended_at"]) or "-",
            one["handed_to"] or ("whoever" if one["ended_at"] else "-"), one["accepted_by"] or "-",
        )
        for one in answer["shifts"]
    ]  # fmt: skip
    head = ("N", "PERSON", "STATE", "FROM", "TO", "HANDED TO", "ACCEPTED BY")
    return _show(arguments, answer, render.table(rows, head) if rows else "No shift yet. Begin: wk shift start")


def _show_one(client: Client, arguments: Namespace) -> int:
    answer = client.get(f"/shifts/{arguments.shift}")
    return _show(arguments, answer, page(answer["shift"]))


def _full_evidence(client: Client, arguments: Namespace) -> int:
    text = client.text(f"/shifts/evidence/{arguments.evidence}")
    render.show_json({"evidence": {"id": arguments.evidence, "text": text}}) if arguments.json else print(
        render.clean(text)
    )
    return 0


def _show(arguments: Namespace, answer: dict[str, Any], words: str) -> int:
    render.show_json(answer) if arguments.json else print(words)
    return 0


ACTIONS = {
    "start": _start, "look": _look, "tick": _tick, "sign": _sign, "accept": _accept, "note": _note, "unblock": _unblock,
    "task": _task, "standby": _standby, "status": _status, "end": _end, "list": _list, "show": _show_one,
    "evidence": _full_evidence,
}  # fmt: skip
