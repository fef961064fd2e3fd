"""Windows in the files of the ops repo: ``windows:`` in watchkeeper.yaml and in services/NAME.yaml."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.fields import Cron, Filled, Flag, Muted, Name, TimeZone, Watched, mistake
from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.inventory.validation import Notes, validate
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.recurrence import Plan, plan_fault, rule_fault
from watchkeeper.core.windows import LONGEST_S, REMIND_S, WATCH_S, Item, Target, When, parse_target


def _moment(value: Any) -> str:
    """A local date and time. YAML readers give text here, since times without quotes stay text."""
    text = value.isoformat() if isinstance(value, datetime) else value
    try:
        if isinstance(text, str) and "T" in text.replace(" ", "T"):
            return datetime.fromisoformat(text.strip()).isoformat()
    except ValueError:
        pass
    raise mistake("a date and time", "2026-12-01T02:00")


def _date(value: Any) -> str:
    text = value.isoformat() if isinstance(value, date) else value
    try:
        return date.fromisoformat(text).isoformat()
    except (ValueError, TypeError):
        raise mistake("a date", "2026-12-25") from None


def _rule(value: Any) -> str:
    if not isinstance(value, str):
        raise mistake("an RRULE", "FREQ=MONTHLY;BYDAY=1SU")
    why = rule_fault(value)
    if why:
        raise mistake(f"an RRULE: {why}", "FREQ=MONTHLY;BYDAY=1SU")
    return value.removeprefix("RRULE:")


def _target(value: Any) -> str:
    if not isinstance(value, str):
        raise mistake("a service, check, host: or label:", "label:env=prod")
    try:
        parse_target(value)
    except Usage as error:
        raise mistake("a service, check, host: or label:", "label:env=prod", found=error.sentence.rstrip(".")) from None
    return value.strip()


Moment = Annotated[str, BeforeValidator(_moment), WithJsonSchema({"type": "string", "examples": ["2026-12-01T02:00"]})]
Day = Annotated[str, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Rule = Annotated[
    str, BeforeValidator(_rule), WithJsonSchema({"type": "string", "examples": ["FREQ=MONTHLY;BYDAY=1SU"]})
]
TargetText = Annotated[
    str,
    BeforeValidator(_target),
    WithJsonSchema({"type": "string", "examples": ["shop", "shop/disk", "host:app1", "label:env=prod", "all"]}),
]


class ItemModel(Strict):
    """One line of a checklist: answered by a check, or ticked by a person."""

    short: ClassVar[str] = "ask"
    check: Filled | None = Field(
        default=None, description="a check, SERVICE/NAME, that answers with its measured value"
    )
    ask: Filled | None = Field(default=None, description="what a person has to have done")

    @model_validator(mode="after")
    def _one(self) -> ItemModel:
        if (self.check is None) == (self.ask is None):
            found = "both" if self.check is not None else "none of them"
            raise mistake("exactly one of 'check', 'ask'", "{ask: The users were told}", found=found)
        return self


class WindowModel(Strict):
    """A planned window of maintenance, once or recurring."""

    name: Name = Field(description="unique in its file")
    kind: Literal["window", "silence"] = Field(
        default="window", description="window: planned maintenance; silence: only mutes, its time counts as down"
    )
    targets: list[TargetText] | None = Field(
        default=None, description="what it covers; in a service file the default is that service"
    )
    why: Filled = Field(description="what for; others read it when something is muted")
    cron: Cron | None = Field(default=None, description="when each one begins")
    rrule: Rule | None = Field(default=None, description="instead of cron: a rule of RFC 5545; `from` is the first one")
    from_: Moment | None = Field(default=None, alias="from", description="local beginning of the first or only one")
    to: Moment | None = Field(default=None, description="local end of the only one, instead of `for`")
    for_: Muted | None = Field(
        default=None, alias="for", description="how long each lasts; windows 7d, silences 30d at most"
    )
    timezone: TimeZone | None = Field(default=None, description="default: the team's")
    except_: list[Day] = Field(
        default_factory=list, alias="except", description="local dates on which it does not take place"
    )
    until_green: Flag = Field(default=False, description="ends early, once everything that failed in it is OK again")
    remind: Watched = Field(default=REMIND_S, description="how long before its end the team is reminded; 0s: never")
    watch: Watched | None = Field(
        default=None, description="how long its services are watched closely afterwards; default 30m for windows"
    )
    before: list[ItemModel] = Field(default_factory=list, description="checklist before it begins")
    after: list[ItemModel] = Field(default_factory=list, description="checklist after it has ended")

    @model_validator(mode="after")
    def _when(self) -> WindowModel:
        if self.cron is not None and (self.rrule is not None or self.from_ is not None or self.to is not None):
            raise mistake(
                "'cron' alone, or 'from' with 'rrule' or 'to'", 'cron: "0 2 * * sun"', found="'cron' beside another"
            )
        if self.cron is None and self.from_ is None:
            raise mistake(
                "'cron', or 'from' (with 'rrule' when it recurs)", "from: 2026-12-01T02:00", found="no beginning"
            )
        if (self.for_ is None) == (self.to is None) or (self.to is not None and self.rrule is not None):
            raise mistake(
                "an end: 'for'" + ("" if self.cron or self.rrule else ", or 'to'"), "for: 2h", found="no end, or two"
            )
        return self


def assemble_windows(
    root: Node, file: str, names: Names, timezone: str, notes: Notes, service: str = ""
) -> tuple[Plan, ...]:
    """The plans under ``windows:`` of one file; what is wrong with them is noted. service: whose file it is."""
    listed = root.get("windows")
    found: dict[str, Plan] = {}
    if listed is None or listed.content is None:
        return ()
    if not listed.is_list:
        notes.add(listed, listed.kind, "a list of windows", "- name: patches")
        return ()
    for node in listed.content:
        model = validate(WindowModel, node, notes)
        _known(node, names, notes)
        if model is None:
            continue
        if model.name in found:
            notes.add(node.get("name") or node, f"the window '{model.name}' a second time", "each name once in a file")
            continue
        if not model.targets and not service:
            notes.add(node, "no 'targets'", "what it covers", "targets: [shop]")
            continue
        plan = _plan(model, file, timezone, service)
        if _holds(plan, node, notes):
            found[model.name] = plan
    return tuple(found.values())


def _plan(model: WindowModel, file: str, timezone: str, service: str) -> Plan:
    zone = model.timezone or timezone
    lasts_s = model.for_
    if lasts_s is None:
        from watchkeeper.core.recurrence import local_time

        lasts_s = local_time(model.to or "", zone) - local_time(model.from_ or "", zone)
    watch_s = model.watch if model.watch is not None else WATCH_S if model.kind == "window" else 0.0
    return Plan(
        key=f"{file}:{model.name}",
        name=model.name,
        kind=model.kind,
        targets=tuple(model.targets or [f"service:{service}"]),
        why=model.why,
        actor=file,
        timezone=zone,
        lasts_s=lasts_s,
        cron=model.cron or "",
        rrule=model.rrule or "",
        starts=model.from_ or "",
        excepted=tuple(model.except_),
        until_green=model.until_green,
        remind_s=model.remind,
        watch_s=watch_s,
        items=(*_items(model.before, "before", service), *_items(model.after, "after", service)),
    )


def _items(models: list[ItemModel], when: When, service: str) -> tuple[Item, ...]:
    items = []
    for each in models:
        key = each.check or ""
        if key and "/" not in key and service:
            key = f"{service}/{key}"
        items.append(Item(each.ask or key, when, key))
    return tuple(items)


def _holds(plan: Plan, node: Node, notes: Notes) -> bool:
    place = node.get("for") or node.get("to") or node
    most = LONGEST_S[plan.kind]
    if not 60 <= plan.lasts_s <= most:
        said = f"a {plan.kind} of {plan.lasts_s / 3600:.1f} h"
        notes.add(place, said, f"one of 1 minute to {most / 86400:.0f} days", "for: 2h")
        return False
    why = plan_fault(plan)
    if why:
        notes.add(
            node.get("cron") or node.get("rrule") or place, f"{plan.words()}: {why}", "a schedule with time between"
        )
        return False
    return True


def _known(node: Node, names: Names, notes: Notes) -> None:
    """Notes targets and checks that are named but not there."""
    listed = node.get("targets")
    for each in listed.content if listed is not None and listed.is_list else []:
        if isinstance(each.content, str):
            _target_known(each, names, notes)
    for key in ("before", "after"):
        items = node.get(key)
        for item in items.content if items is not None and items.is_list else []:
            check = item.get("check") if item.is_map else None
            if check is not None and isinstance(check.content, str) and "/" in check.content:
                _check_known(check, check.content, names, notes)


def _target_known(node: Node, names: Names, notes: Notes) -> None:
    try:
        target: Target = parse_target(node.content)
    except Usage:
        return  # noted by the model
    if target.kind == "service" and target.name not in names.services:
        notes.unknown(node, "service", target.name, names.services, "services/")
    elif target.kind == "host" and target.name not in names.hosts and "hosts" not in names.unread:
        notes.unknown(node, "host", target.name, names.hosts, "hosts.yaml")
    elif target.kind == "check":
        _check_known(node, target.name, names, notes)


def _check_known(node: Node, key: str, names: Names, notes: Notes) -> None:
    service, _, rest = key.partition("/")
    name = rest.partition("@")[0]
    if service not in names.services:
        notes.unknown(node, "service", service, names.services, "services/")
    elif name not in names.checks.get(service, ()):
        notes.unknown(
            node, "check", key, [f"{service}/{each}" for each in names.checks.get(service, ())], "its service"
        )
