"""From the models about who is told and when to their values, with all checks across them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from watchkeeper.core.escalations import Policy, Step, Target, TargetKind
from watchkeeper.core.hours import Hours, local, moment
from watchkeeper.core.inventory.models import TeamFile
from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.oncall import (
    HoursModel,
    LayerKeys,
    OverrideModel,
    PolicyModel,
    RouteModel,
    ScheduleModel,
)
from watchkeeper.core.inventory.packing import Packed
from watchkeeper.core.inventory.validation import Notes, validate
from watchkeeper.core.inventory.values import Mistake, Team
from watchkeeper.core.inventory.yaml_reader import Key, Node
from watchkeeper.core.oncall.coverage import gaps
from watchkeeper.core.oncall.values import Layer, Override, Schedule
from watchkeeper.core.routing import Contact, Route, Telling

KEYS = ("timezone", "people", "groups", "holidays", "hours", "oncall", "escalations", "routes")
"""The keys of watchkeeper.yaml that are about telling."""
FILE = "watchkeeper.yaml"
GAPS_AHEAD_S = 30 * 86400.0
_ANCHOR = date(2026, 1, 5)  # a Monday; where a rotation of one person is counted from
_KINDS: Mapping[str, TargetKind] = {"channel": "channel", "person": "person", "oncall": "oncall", "group": "group"}


def spelled_out(root: Node) -> Node:
    """The tree with each policy that is a plain list of steps in its long form, for `validate`."""
    listed = root.get("escalations")
    if listed is None or not listed.is_map or not any(node.is_list for _, node in listed.items()):
        return root
    policies = {
        key.text: (key, Node({"steps": (Key("steps", node.line, node.column), node)}, node.line, node.column))
        if node.is_list
        else (key, node)
        for key, node in listed.items()
    }
    key = root.keys()["escalations"]
    return Node(
        {**root.content, "escalations": (key, Node(policies, listed.line, listed.column))}, root.line, root.column
    )


def hours_of(
    model: HoursModel | None, timezone: str, calendars: Mapping[str, Sequence[str]] | None = None
) -> Hours | None:
    """The hours in their own zone, else in `timezone`. calendars: dates by the name that `holidays` may give."""
    if model is None:
        return None
    dates = (day for name in model.holidays for day in (calendars or {}).get(name, (name,)))
    return Hours(model.days, model.from_, model.to, model.timezone or timezone, frozenset(dates))


def assemble_telling(root: Node, model: TeamFile | None, names: Names, notes: Notes) -> Telling:
    """Who is told and when. root: as `spelled_out` gives it; model None: another key has a mistake, these may be sound."""
    return _Assembly(root, _sound_part(root) if model is None else model, names, notes).telling()


def _sound_part(root: Node) -> TeamFile:
    """The keys of telling that hold by themselves, so that a mistake in one does not hide those in the others."""
    held = TeamFile()
    for name in KEYS:
        found = root.content.get(name) if root.is_map else None
        part = validate(TeamFile, Node({name: found}, 1, 1), Notes("")) if found is not None else None
        if part is not None:
            held = held.model_copy(update={name: getattr(part, name)})
    return held


def gap_warnings(document: Packed | None, team: Team, now: float) -> list[Mistake]:
    """A warning for each schedule that a policy asks and that has nobody at some time of the next 30 days.

    Overrides made by command are not seen here; what `wk doctor` and the page show counts them. now 0: no time is known.
    """
    root = document.root if document is not None else None
    listed = root.get("oncall") if root is not None else None
    if listed is None or not team.telling.schedules or now <= 0:
        return []
    notes = Notes(FILE)
    lines = listed.keys()
    seen: set[str] = set()
    for gap in gaps(team.telling, team.hours, (), now, now + GAPS_AHEAD_S):
        schedule = team.telling.schedules[gap.schedule]
        if gap.schedule in seen or gap.schedule not in lines:
            continue
        seen.add(gap.schedule)
        since, until = (f"{local(at, schedule.timezone):%a %Y-%m-%d %H:%M}" for at in (gap.since, gap.until))
        found = f"'{gap.schedule}' with nobody on call from {since} until {until}, though a policy asks it then"
        notes.warn(lines[gap.schedule], found, "somebody at every hour; else everybody is told")
    return notes.mistakes


class _Assembly:
    """One walk over the keys of telling; every mistake is noted at its place."""

    def __init__(self, root: Node, model: TeamFile, names: Names, notes: Notes) -> None:
        self._root = root
        self._model = model
        self._names = names
        self._notes = notes
        self._known_people = self._listed("people")
        self._known_schedules = self._listed("oncall")
        self._known_calendars = self._listed("holidays")

    def _listed(self, key: str) -> list[str]:
        """The names under a key, also of entries that have a mistake of their own."""
        node = self._root.get(key)
        return [name.text for name, _ in node.items()] if node is not None and node.is_map else []

    def telling(self) -> Telling:
        model = self._model
        self._calendars(model.hours, self._root.get("hours"))
        people = {name: self._contact(name) for name in model.people}
        groups = {name: self._group(name) for name in model.groups}
        schedules = {name: self._schedule(name, each) for name, each in model.oncall.items()}
        policies = {name: self._policy(name, each) for name, each in model.escalations.items()}
        return Telling(self._routes(), policies, people, groups, schedules)

    # ---- people ----------------------------------------------------------------------------------------------------

    def _contact(self, name: str) -> Contact:
        model = self._model.people[name]
        node = self._at("people", name)
        self._calendars(model.hours, node.get("hours") if node is not None else None)
        zone = model.timezone or self._model.timezone
        self._known(node, "channels", "channel", self._names.channels, "channels in watchkeeper.yaml")
        return Contact(
            name, tuple(dict.fromkeys(model.channels)), zone, hours_of(model.hours, zone, self._model.holidays)
        )

    def _group(self, name: str) -> tuple[str, ...]:
        members = self._model.groups[name]
        node = self._at("groups", name)
        self._reachable(node, members)
        if not members and node is not None:
            self._notes.add(node, "an empty group", "at least one person", f"{name}: [ana]")
        return tuple(dict.fromkeys(members))

    def _reachable(self, node: Node | None, people: Iterable[str]) -> None:
        """Notes people who do not exist, and those whom no message reaches."""
        places = node.content if node is not None and node.is_list else []
        for place, name in zip(places, people, strict=False):
            self._person(place, name)

    def _person(self, place: Node, name: str) -> None:
        person = self._model.people.get(name)
        if name not in self._known_people:
            self._notes.unknown(place, "person", name, self._known_people, "people in watchkeeper.yaml")
        elif person is not None and not person.channels:
            expected = "a person with 'channels', or nobody would be told"
            self._notes.add(place, f"'{name}', who has no channels", expected, f"{name}: {{channels: [mail]}}")

    # ---- schedules -------------------------------------------------------------------------------------------------

    def _schedule(self, name: str, model: ScheduleModel) -> Schedule:
        node = self._at("oncall", name)
        assert node is not None
        zone = model.timezone or self._model.timezone
        self._one_form(name, model, node)
        layers = [self._layer(model, node, zone)] if model.layers is None else []
        listed = node.get("layers")
        for number, each in enumerate(model.layers or ()):
            place = listed.content[number] if listed is not None and listed.is_list else node
            layers.append(self._layer(each, place, zone))
        holidays = self._holidays(model, node)
        self._reachable(node.get("cover"), model.cover)
        found = node.get("overrides")
        places = found.content if found is not None and found.is_list else []
        overrides = [
            self._override(name, each, place, zone) for each, place in zip(model.overrides, places, strict=False)
        ]
        sound = tuple(layer for layer in layers if layer is not None)
        return Schedule(name, zone, sound, holidays, tuple(model.cover), tuple(each for each in overrides if each))

    def _one_form(self, name: str, model: ScheduleModel, node: Node) -> None:
        if (model.layers is None) == (model.rotation is None):
            found = f"'{name}' with both" if model.layers is not None else f"'{name}' with neither"
            example = "{rotation: [ana, ben], every: 7d, from: 2026-11-02}"
            self._notes.add(node, found, "exactly one of 'rotation', 'layers'", example)
        if model.layers is not None and not model.layers:
            self._notes.add(node, "no layer", "at least one layer", "layers: [{rotation: [ana]}]")

    def _layer(self, model: LayerKeys, node: Node, zone: str) -> Layer | None:
        before = len(self._notes.mistakes)
        people = model.rotation or []
        self._reachable(node.get("rotation"), people)
        restrict = node.get("restrict")
        self._calendars(model.restrict, restrict)
        if not people:
            if model.rotation is not None or (isinstance(model, LayerKeys) and not isinstance(model, ScheduleModel)):
                self._notes.add(
                    node.get("rotation") or node, "nobody in it", "at least one person", "rotation: [ana, ben]"
                )
            return None
        if len(people) > 1:
            for key, value, example in (("every", model.every, "every: 7d"), ("from", model.from_, "from: 2026-11-02")):
                if value is None:
                    self._notes.add(node, f"a rotation without '{key}'", f"the key '{key}' beside 'rotation'", example)
        weekday, second = model.hand_over or (None, 9 * 3600)
        every = model.every or 7 * 86400
        hand_over = node.get("hand_over")
        if weekday is not None and every % (7 * 86400) and hand_over is not None:
            found = f"a day of the week, and turns of {node_text(node, 'every')}"
            self._notes.add(hand_over, found, "a time of day only, or turns of whole weeks", '"09:00"')
        if len(self._notes.mistakes) > before:
            return None
        return Layer(
            tuple(people), every, anchor(model.from_, weekday), second, model.from_ or "",
            hours_of(model.restrict, zone, self._model.holidays),
        )  # fmt: skip

    def _holidays(self, model: ScheduleModel, node: Node) -> tuple[str, ...]:
        if model.holidays is None:
            if model.cover:
                expected = "the name of a calendar"
                self._notes.add(node.keys()["cover"], "'cover' without 'holidays'", expected, "holidays: berlin")
            return ()
        place = node.get("holidays") or node
        if model.holidays not in self._known_calendars:
            self._notes.unknown(
                place, "calendar", model.holidays, self._known_calendars, "holidays in watchkeeper.yaml"
            )
        elif not model.cover:
            self._notes.add(place, "'holidays' without 'cover'", "who has them: the key 'cover'", "cover: [ana]")
        return tuple(sorted(set(self._model.holidays.get(model.holidays, ()))))

    def _override(self, name: str, model: OverrideModel, place: Node, zone: str) -> Override | None:
        self._person(place.get("person") or place, model.person)
        since, until = (moment(date.fromisoformat(day), second, zone) for day, second in (model.from_, model.to))
        if since >= until:
            self._notes.add(place, "an override that ends before it begins", "'to' after 'from'")
            return None
        return Override(0, name, model.person, since, until, why=model.why)

    def _calendars(self, model: HoursModel | None, node: Node | None) -> None:
        """Notes names of calendars in hours that are not there."""
        listed = node.get("holidays") if node is not None else None
        for place, name in zip(listed.content if listed is not None and listed.is_list else [], model.holidays if model else [],
                               strict=False):  # fmt: skip
            if name[:1].isalpha() and name not in self._known_calendars:
                self._notes.unknown(place, "calendar", name, self._known_calendars, "holidays in watchkeeper.yaml")

    # ---- policies --------------------------------------------------------------------------------------------------

    def _policy(self, name: str, model: PolicyModel) -> Policy:
        node = self._at("escalations", name, "steps")
        places = node.content if node is not None and node.is_list else []
        if not model.steps and node is not None:
            self._notes.add(node, "no step", "at least one step", "- {after: 0s, to: [oncall:primary]}")
        steps: list[Step] = []
        for each, place in zip(model.steps, places, strict=False):
            self._business(each.hours, place.get("hours"))
            if steps and each.after < steps[-1].after_s:
                expected = "a time not before that of the step above; both count from the opening"
                self._notes.add(place.get("after") or place, f"'{node_text(place, 'after')}'", expected, "after: 30m")
            steps.append(Step(each.after, self._targets(each.to, place), each.hours == "business"))
        repeat = model.repeat
        times, pause = (repeat.times, repeat.after) if repeat is not None else (0, 0.0)
        return Policy(name, tuple(steps), times, pause, model.acknowledged_for)

    def _targets(self, words: Sequence[str], place: Node) -> tuple[Target, ...]:
        listed = place.get("to") or place
        if not words:
            self._notes.add(listed, "nobody", "who is told", "to: [oncall:primary]")
        places = listed.content if listed.is_list else [listed] * len(words)
        found = (self._target(word.strip(), at) for word, at in zip(words, places, strict=False))
        return tuple(dict.fromkeys(each for each in found if each is not None))

    def _target(self, word: str, place: Node) -> Target | None:
        if word == "everybody":
            return Target("everybody")
        known: Mapping[str, Iterable[str]] = {
            "channel": self._names.channels, "person": self._known_people,
            "oncall": self._known_schedules, "group": self._listed("groups"),
        }  # fmt: skip
        kind, colon, name = word.partition(":")
        if not colon:
            fitting = [each for each in known if word in known[each]]
            if len(fitting) != 1:
                self._no_target(word, fitting, known, place)
                return None
            kind, name = fitting[0], word
        if kind not in _KINDS:
            self._notes.unknown(place, "kind of target", kind, [*_KINDS, "everybody"], "the manual")
            return None
        if name not in known[kind]:
            what = "schedule" if kind == "oncall" else kind
            where = {"oncall": "oncall", "person": "people"}.get(kind, f"{kind}s")
            self._notes.unknown(place, what, name, known[kind], f"{where} in watchkeeper.yaml")
            return None
        if kind == "person":
            self._person(place, name)
        return Target(_KINDS[kind], name)

    def _no_target(self, word: str, fitting: Sequence[str], known: Mapping[str, Iterable[str]], place: Node) -> None:
        if fitting:
            found = f"'{word}', which is {' and '.join(f'a {each}' for each in fitting)}".replace(
                "a oncall", "a schedule"
            )
            self._notes.add(place, found, "its kind before it", f"{fitting[0]}:{word}")
            return
        everything = [f"{kind}:{name}" for kind in ("oncall", "person", "group", "channel") for name in known[kind]]
        self._notes.unknown(place, "target", word, [*everything, "everybody"], "watchkeeper.yaml")

    # ---- routes ----------------------------------------------------------------------------------------------------

    def _routes(self) -> tuple[Route, ...]:
        node = self._root.get("routes")
        places = node.content if node is not None and node.is_list else []
        found: list[Route] = []
        for model, place in zip(self._model.routes, places, strict=False):
            self._business(model.hours, place.get("hours"))
            if found and found[-1].matches_all:
                self._notes.warn(
                    place, "a route behind one that takes every message", "the general route as the last one"
                )
            found.append(self._route(model, place))
        return tuple(found)

    def _route(self, model: RouteModel, place: Node) -> Route:
        self._some_known(place, "service", model.service, self._names.services, "services/")
        self._some_known(place, "host", model.host, self._names.hosts, "hosts.yaml")
        self._known(place, "channels", "channel", self._names.channels, "channels in watchkeeper.yaml")
        named = place.get("escalation")
        policies = self._listed("escalations")
        if named is not None and model.escalation and model.escalation not in policies:
            self._notes.unknown(named, "policy", model.escalation, policies, "escalations in watchkeeper.yaml")
        return Route(
            services=tuple(model.service), hosts=tuple(model.host),
            labels={name: tuple(values) for name, values in model.label.items()},
            severities=tuple(model.severity), owners=tuple(model.owner), hours=model.hours or "", kinds=tuple(model.kind),
            escalation=model.escalation or "", channels=tuple(dict.fromkeys(model.channels or ())),
        )  # fmt: skip

    def _some_known(self, place: Node, key: str, patterns: Sequence[str], known: Iterable[str], where: str) -> None:
        """Notes plain names that do not exist; one with * may match what comes later."""
        node = place.get(key)
        places = node.content if node is not None and node.is_list else [node] * len(patterns)
        for at, pattern in zip(places, patterns, strict=False):
            if at is not None and not set("*?[") & set(pattern) and pattern not in known:
                self._notes.unknown(at, key, pattern, known, where)

    # ---- shared ----------------------------------------------------------------------------------------------------

    def _at(self, *keys: str) -> Node | None:
        return self._root.at(*keys)

    def _known(self, node: Node | None, key: str, what: str, known: Iterable[str], where: str) -> None:
        listed = node.get(key) if node is not None else None
        for place in listed.content if listed is not None and listed.is_list else []:
            if str(place.content) not in known:
                self._notes.unknown(place, what, str(place.content), known, where)

    def _business(self, value: str | None, place: Node | None) -> None:
        if value and place is not None and self._root.get("hours") is None:
            expected = "the key 'hours' of the team"
            self._notes.add(
                place, f"'{value}', and the team has no hours", expected, 'hours: {from: "08:00", to: "17:00"}'
            )


def anchor(starts: str | None, weekday: int | None) -> str:
    """The local date from which turns are counted: the last such day of the week up to the start."""
    day = date.fromisoformat(starts) if starts else _ANCHOR
    return (day if weekday is None else day - timedelta(days=(day.weekday() - weekday) % 7)).isoformat()


def node_text(node: Node, key: str) -> str:
    """What stands under a key, as it was written."""
    found = node.get(key)
    return "" if found is None else str(found.content)
