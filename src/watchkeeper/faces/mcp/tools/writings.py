"""Tools that read what was written: runbooks, documents, the operations log; and the search over all of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from watchkeeper.faces.mcp.bounds import number_of
from watchkeeper.faces.mcp.calls import Api, path_of
from watchkeeper.faces.mcp.tools.base import (
    FOREIGN,
    Answer,
    Cursor,
    Foreign,
    Given,
    Limit,
    Name,
    Next,
    Number,
    Tool,
    listed,
    when,
)  # fmt: skip
from watchkeeper.faces.mcp.tools.looking import Paged
from watchkeeper.faces.mcp.tools.values import EntryLine, entry_of


class RunbookLine(Answer):
    """A runbook in the catalogue. changing: how many of its steps change something."""

    path: str
    title: str
    services: list[str] = []
    steps: int = 0
    changing: int = 0


class WhichRunbooks(Paged):
    """Which runbooks; all when empty."""

    service: Name = Field("", description="Only those that answer checks of this service.")


class Runbooks(Foreign):
    """The catalogue: what is not in it cannot be asked for."""

    runbooks: list[RunbookLine]
    next_cursor: Next = None


def _runbooks(api: Api, given: WhichRunbooks) -> dict[str, Any]:
    found = api.get("/runbooks", service=given.service, limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def _runbooks_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['path']}: {each['title']} ({each['steps']} steps, {each['changing']} of them change something"
        + (f"; answers {', '.join(each['services'])})" if each["services"] else ")")
        for each in found["runbooks"]
    ]
    return listed(lines, "No runbook matches.", found["next_cursor"])


class WhichRunbook(Given):
    """One runbook."""

    runbook: Annotated[str, Field(min_length=1, max_length=300, description="Its path, such as runbooks/shop-down.md.")]


class Parameter(Answer):
    """A value that a step asks for."""

    name: str
    default: str | None = None


class Step(Answer):
    """One command of a runbook. risk: read, change or destroy; manual: a person does it."""

    id: str
    phase: str
    title: str = ""
    text: str = ""
    language: str = ""
    risk: str
    manual: bool = False
    parameters: list[Parameter] = []
    host: str | None = None
    undo: str | None = None


class Runbook(Foreign):
    """One runbook as watchkeeper understands it."""

    path: str
    title: str
    services: list[str] = []
    steps: list[Step]
    record: str = Field("", description="How often it was tried and proven.")
    resource: str = Field(description="Its whole text as Markdown.")


def _runbook(api: Api, given: WhichRunbook) -> dict[str, Any]:
    found = api.get(f"/runbooks/{path_of(given.runbook)}")["runbook"]
    record = found.get("record") or {}
    return {
        **found,
        "steps": [{**each, "title": each.get("title") or ""} for each in found["steps"]],
        "record": record.get("sentence", ""),
        "resource": f"watchkeeper://runbooks/{found['path'].removeprefix('runbooks/')}",
    }


def _runbook_text(found: dict[str, Any]) -> str:
    lines = [f"{found['path']}: {found['title']}", found["record"]]
    lines += [f"[{each['phase']}, {each['risk']}] {each['id']}: {each['text']}" for each in found["steps"]]
    return "\n".join(line for line in lines if line)


# ---- search and documents --------------------------------------------------------------------------------------------


class Words(Given):
    """What to look for."""

    words: Annotated[str, Field(min_length=1, max_length=200, description="A few words, or a question.")]
    kind: Annotated[
        str,
        Field(pattern="^([a-z]+(,[a-z]+)*)?$",
              description="Only these, with commas: runbook, document, query, routine, service, host, entry."),
    ] = ""  # fmt: skip
    limit: Limit = 10
    cursor: Cursor = ""


class Place(Answer):
    """One place that answers. name: path of a file, or name of a service or host; entry: number in the log."""

    kind: str
    name: str
    title: str = ""
    heading: str = ""
    snippet: str = ""
    entry: int | None = None
    at: str | None = None
    resource: str | None = None


class Places(Foreign):
    """The best places first; entries of the log behind them, newest first."""

    found: list[Place]
    any_word: bool = Field(False, description="No place holds all the words; these hold some of them.")
    next_cursor: Next = None


def _search(api: Api, given: Words) -> dict[str, Any]:
    answer = api.get(
        "/search", q=given.words, kind=given.kind, limit=given.limit, offset=number_of(given.cursor) or None
    )
    found = [{**each, "resource": _resource(each["kind"], each["name"])} for each in answer["found"]]
    return {
        "found": found,
        "any_word": answer["any_word"],
        "next_cursor": str(answer["more"]) if answer["more"] else None,
    }


def _resource(kind: str, name: str) -> str | None:
    if kind == "runbook":
        return f"watchkeeper://runbooks/{name.removeprefix('runbooks/')}"
    return f"watchkeeper://documents/{name}" if kind in ("document", "query", "routine") else None


def _search_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['kind']} {each['name']}{': ' + each['title'] if each['title'] != each['name'] else ''}"
        + (f" > {each['heading']}" if each["heading"] and each["heading"] != each["title"] else "")
        + (f"\n    {each['snippet']}" if each["snippet"] else "")
        for each in found["found"]
    ]
    return listed(lines, "Nothing holds these words.", found["next_cursor"])


class DocumentLine(Answer):
    """A document in the list. size: in characters."""

    path: str
    kind: str
    title: str
    size: int


class Documents(Foreign):
    """Documents, queries and routines of the ops repo, by path."""

    documents: list[DocumentLine]
    next_cursor: Next = None


def _documents(api: Api, given: Paged) -> dict[str, Any]:
    found = api.get("/documents", limit=given.limit, cursor=given.cursor)
    return {**found, "next_cursor": found.get("next")}


def _documents_text(found: dict[str, Any]) -> str:
    lines = [f"{each['path']}: {each['title']}" for each in found["documents"]]
    return listed(lines, "The ops repo holds no documents.", found["next_cursor"])


class WhichDocument(Given):
    """One document, from a character on."""

    path: Annotated[str, Field(min_length=1, max_length=300, description="As a list or a search gave it.")]
    cursor: Cursor = ""


class Document(Foreign):
    """A part of one document."""

    path: str
    kind: str
    title: str
    text: str
    next_cursor: Next = None


def _document(api: Api, given: WhichDocument) -> dict[str, Any]:
    start = number_of(given.cursor)
    found = api.get(f"/documents/{path_of(given.path)}", offset=start)["document"]
    text = found["text"]
    more = len(text) > PAGE or found["more"] is not None
    return {**found, "text": text[:PAGE], "next_cursor": str(start + PAGE) if more else None}


PAGE = 7_500
"""Characters of a document in one answer: within what `bounds` leaves whole."""


def _document_text(found: dict[str, Any]) -> str:
    return found["text"] + (f"\nMore: cursor={found['next_cursor']}" if found["next_cursor"] else "")


# ---- the operations log ----------------------------------------------------------------------------------------------


class Question(Given):
    """A question of the log."""

    question: Annotated[
        str,
        Field(max_length=1000, description="Such as: severity>=high since:30d type:deployment service:shop -word "
              "\"exact words\". Empty for the newest."),
    ] = ""  # fmt: skip
    limit: Limit = 10
    cursor: Cursor = ""


class Entries(Foreign):
    """Entries, newest first. total: null when the question asks for text."""

    entries: list[EntryLine]
    total: int | None = None
    next_cursor: Next = None


def _log(api: Api, given: Question) -> dict[str, Any]:
    found = api.get("/log", q=given.question, limit=given.limit, cursor=given.cursor)
    entries = [entry_of(each, 600) for each in found["entries"]]
    return {"entries": entries, "total": found["total"], "next_cursor": found.get("next")}


def _log_text(found: dict[str, Any]) -> str:
    lines = [
        f"{each['number']} {when(each['at'])} {each['type']}, {each['severity']}, {each['status']}, {each['actor']}: "
        f"{each['title']}"
        for each in found["entries"]
    ]
    return listed(lines, "No entry matches.", found.get("next_cursor"))


class WhichEntry(Given):
    """One entry."""

    entry: Number


class Entry(Foreign):
    """One entry and what was said about it since."""

    entry: EntryLine
    thread: list[EntryLine] = []
    corrections: list[EntryLine] = []


def _entry(api: Api, given: WhichEntry) -> dict[str, Any]:
    found = api.get(f"/log/{given.entry}")["entry"]
    return {
        "entry": entry_of(found, 7000),
        "thread": [entry_of(each) for each in found["thread_entries"][:20]],
        "corrections": [entry_of(each) for each in found["corrections"][:20]],
    }


def _entry_text(found: dict[str, Any]) -> str:
    entry = found["entry"]
    about = f"{entry['number']} {when(entry['at'])} {entry['type']}, {entry['severity']}, {entry['status']}, {entry['actor']}"
    lines = [f"{about}: {entry['title']}", entry["text"]]
    lines += [f"Correction {each['number']}: {each['text']}" for each in found["corrections"]]
    lines += [f"Reply {each['number']} of {each['actor']}: {each['text']}" for each in found["thread"]]
    return "\n".join(lines)


TOOLS = (
    Tool("search", "Search", "Full text over runbooks, documents, queries, routines, services, hosts and the operations log. "
         "Answers: how do I restart X? Where is Y written down?" + FOREIGN,
         Words, Places, _search, _search_text, about="words"),
    Tool("runbooks", "Runbooks", "The catalogue of runbooks, all or those of one service." + FOREIGN,
         WhichRunbooks, Runbooks, _runbooks, _runbooks_text, about="service"),
    Tool("runbook", "One runbook", "One runbook with every step, its phase and its risk (read, change, destroy), and the "
         "values it asks for." + FOREIGN,
         WhichRunbook, Runbook, _runbook, _runbook_text, about="runbook"),
    Tool("documents", "Documents", "The documents, queries and routines of the ops repo." + FOREIGN,
         Paged, Documents, _documents, _documents_text),
    Tool("document", "One document", "The text of one document, query, routine or runbook, page by page." + FOREIGN,
         WhichDocument, Document, _document, _document_text, about="path"),
    Tool("log", "Operations log", "Entries of the operations log, newest first, by a question in its language." + FOREIGN,
         Question, Entries, _log, _log_text, about="question"),
    Tool("log_entry", "One log entry", "One entry of the operations log with its corrections and replies." + FOREIGN,
         WhichEntry, Entry, _entry, _entry_text, about="entry"),
)  # fmt: skip
