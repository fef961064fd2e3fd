"""What one may do: one table of rules (role x action x resource), and the verdict with its reason.

Everybody who is signed in may read everything. Whatever else is done stands in `RULES`: the services ask `assert_allowed`
before they act, pages and `wk whoami` ask `verdict` to show what would be refused and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from watchkeeper.core.actors import AGENT, Actor, ActorKind, Role, Scope, article, rank
from watchkeeper.core.errors import Forbidden, NeedsFactor

PERSON: frozenset[ActorKind] = frozenset({"person"})
PEOPLE: frozenset[ActorKind] = PERSON | {"drill"}
"""The drill stands in for a person, on the sample fleet only, and never where it is about who may call."""
ALL: frozenset[ActorKind] = PEOPLE | {"agent", "watchkeeper"}
SCOPES: tuple[Scope, ...] = get_args(Scope)
FACTOR_HINT = (
    "Give a code: wk asks for it, or reads WATCHKEEPER_CODE. One without a second factor sets it up on the page."
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one action needs. words: what one would do, after "to".

    role: the least one, on the service that it is about, or on everything for what is the team's. who: kinds of actor that
    may at all. scope: the least one of a token. factor: a second factor must have been shown a short while ago. lowers: it
    only ends or takes away. own: it is about oneself. about: where the role is asked for: on the `service`, on everything
    for what is the `team`'s, or on `any` service: what everybody does for himself, and what only lowers.
    """

    words: str
    role: Role
    scope: Scope = "act"
    who: frozenset[ActorKind] = PEOPLE
    factor: bool = False
    lowers: bool = False
    own: bool = False
    about: Literal["service", "team", "any"] = "service"


_TEAM: Literal["team"] = "team"
_ANY: Literal["any"] = "any"
RULES: Mapping[str, Rule] = {
    # reading
    "read": Rule("read everything", "viewer", "read", ALL, about=_ANY),
    "checks.ask": Rule("ask checks now", "viewer", "read", ALL, about=_ANY),
    # runs
    "runs.start": Rule("start a run", "operator"),
    "runs.request": Rule("ask for a run that waits for a person", "operator", who=ALL),
    "runs.fill": Rule("give values", "operator"),
    "runs.approve": Rule("approve", "operator", "approve", factor=True),
    "runs.deny": Rule("deny", "operator"),
    "runs.resume": Rule("resume a run", "operator"),
    "runs.undo": Rule("undo a run", "operator"),
    "runs.cancel": Rule("cancel a run", "operator", who=ALL, lowers=True, about=_ANY),
    # automation
    "grants.add": Rule("grant", "approver", "approve", factor=True),
    "grants.revoke": Rule("revoke a grant", "operator", who=ALL, lowers=True, about=_ANY),
    "automation.on": Rule("switch automation on", "approver", "approve", factor=True, about=_TEAM),
    "automation.off": Rule("switch automation off", "operator", who=ALL, lowers=True, about=_ANY),
    "quarantine.release": Rule("release what was set aside", "approver", "approve", factor=True),
    "locks": Rule("take or let go of a lock", "operator"),
    # incidents
    "incidents.acknowledge": Rule("acknowledge an incident", "operator"),
    "incidents.note": Rule("write a note", "operator", who=ALL),
    "incidents.escalate": Rule("escalate an incident", "operator", who=ALL),
    "incidents.close": Rule("close an incident without proof", "operator"),
    "incidents.assign": Rule("say who has an incident", "operator"),
    "incidents.severity": Rule("change a severity", "operator"),
    "incidents.link": Rule("add a link", "operator"),
    "incidents.task": Rule("add or tick a task of an incident", "operator"),
    # the operations log
    "log.write": Rule("write into the log", "operator", who=ALL),
    "log.import": Rule("import into the log", "operator", who=ALL, about=_TEAM),
    "log.questions": Rule("keep questions for the team", "operator", about=_ANY),
    "log.index": Rule("rebuild the index of the log", "operator", about=_TEAM),
    "log.hold": Rule("hold entries of the log", "approver", about=_TEAM),
    "log.archive": Rule("archive the log", "admin", "admin", about=_TEAM),
    "log.chain": Rule("import a chain", "admin", "admin", about=_TEAM),
    "log.release": Rule("end a hold of the log", "admin", "admin", factor=True, about=_TEAM),
    "log.purge": Rule("purge an entry of the log", "admin", "admin", factor=True, about=_TEAM),
    # the day's work
    "tasks.write": Rule("work on tasks", "operator", who=ALL, about=_ANY),
    "tasks.manage": Rule("give, drop, date or bind a task", "operator", about=_ANY),
    "shifts.write": Rule("have a shift", "operator", who=ALL, about=_ANY),
    "shifts.others": Rule("act in somebody else's shift", "approver", about=_TEAM),
    "changes.tell": Rule("tell of a change", "operator", who=ALL),
    "windows.set": Rule("set, extend or end a window", "operator"),
    "windows.silence": Rule("set, extend or end a silence", "operator"),
    "windows.checklist": Rule("answer a checklist", "operator"),
    "windows.past": Rule("reclassify time that is over", "approver", "approve"),
    "oncall": Rule("change who is on call", "operator", about=_TEAM),
    "notifications.retry": Rule("send a message again", "operator", about=_TEAM),
    "channels.test": Rule("send a test message", "operator", about=_TEAM),
    "heartbeats.ping": Rule("send a sign of life of a job", "operator", who=ALL),
    "alerts.send": Rule("send alerts of another program", "operator", who=ALL, about=_TEAM),
    "keys.read": Rule("see a key", "operator"),
    "keys.replace": Rule("replace a key", "operator"),
    "status_page.write": Rule("write to the public status page", "operator"),
    # definitions and the installation
    "definitions.write": Rule("change definitions", "admin", "admin", PERSON, factor=True, about=_TEAM),
    "instance.import": Rule("import everything", "admin", "admin", PERSON, factor=True, about=_TEAM),
    "webhooks": Rule("say where webhooks go", "admin", "admin", PERSON, about=_TEAM),
    "settings": Rule("change settings of the team", "admin", "admin", PERSON, about=_TEAM),
    # who may call
    "account.own": Rule("change your own account", "viewer", "admin", PERSON, own=True, about=_ANY),
    "tokens.own": Rule("make and end tokens of your own", "viewer", "admin", PERSON, own=True, about=_ANY),
    "links": Rule("open the page by a link", "viewer", "admin", PERSON, own=True, about=_ANY),
    "tokens.others": Rule("make tokens for others", "admin", "admin", PERSON, factor=True, about=_TEAM),
    "tokens.revoke": Rule("end tokens and visits of others", "admin", "admin", PERSON, about=_TEAM),
    "accounts": Rule("say who may do what", "admin", "admin", PERSON, factor=True, about=_TEAM),
    "audit.read": Rule("read the audit trail", "admin", "read", PERSON, about=_TEAM),
    "emergency": Rule("shut everybody out at once", "admin", "admin", PERSON, about=_TEAM),
    "drill.boundary": Rule("set a boundary of the drill", "viewer", "act", frozenset({"drill"}), about=_TEAM),
}  # fmt: skip
"""Every action there is. A new act of a service is a new line here, and a call of `assert_allowed` with its name."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is about. service: "" for what is the team's. labels: of the service and of all its hosts.

    host: where it is about a host that no service runs on.
    """

    service: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def name(self) -> str:
        """As people read it; "" for what is the team's."""
        return self.service or self.host


TEAM = Resource()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether, and why, in one sentence. hint: the next step of one who may not. needs_factor: all but the second factor."""

    allowed: bool
    reason: str
    hint: str = ""
    needs_factor: bool = False


def covers(pattern: str, resource: Resource) -> bool:
    """Whether services such as ``*``, ``shop``, ``tier=1`` or ``shop,worker`` mean this. The team's is in ``*`` only."""
    for part in (each.strip() for each in pattern.split(",")):
        label, equals, value = part.partition("=")
        if part == "*" or (part and part == resource.service):
            return True
        if equals and label and resource.labels.get(label) == value:
            return True
    return False


def role_on(actor: Actor, resource: Resource) -> Role:
    """The highest role that this actor has there, without the ceiling of a token."""
    roles = [actor.role, *(each.role for each in actor.roles if covers(each.services, resource))]
    return max(roles, key=rank)


def lowest_role(actor: Actor, resources: Iterable[Resource]) -> Role:
    """The role that this actor has on all of these; none: on what is the team's."""
    return min((role_on(actor, each) for each in list(resources) or [TEAM]), key=rank)


def role_anywhere(actor: Actor) -> Role:
    """The highest role that this actor has on any service."""
    return max((actor.role, *(each.role for each in actor.roles)), key=rank)


def verdict(actor: Actor, action: str, resource: Resource = TEAM) -> Verdict:
    """What the table says of this actor, action and resource. Raises `KeyError` for an action that it does not have."""
    rule = RULES[action]
    on = "" if rule.about == "team" else resource.name
    held = role_anywhere(actor) if rule.about == "any" else role_on(actor, resource)
    if actor.kind not in rule.who:
        return _wrong_kind(actor, rule)
    if rank(held) < rank(rule.role):
        return _too_low(actor, rule, on, held)
    short = _beyond_token(actor, rule, resource, on)
    if short is not None:
        return short
    if rule.factor and actor.kind == "person" and not actor.fresh:
        reason = f"To {rule.words}{_at(on)} you show a second factor first: none was shown in the last 15 minutes."
        return Verdict(False, reason, FACTOR_HINT, True)
    return Verdict(True, f"You may {rule.words}{_at(on)}: {_because(actor, rule, held, on)}.")


def verdict_on(actor: Actor, action: str, resources: Iterable[Resource] = ()) -> Verdict:
    """The same for something that is about several at once: the first refusal, else the last verdict. None: the team's."""
    said = None
    for resource in list(resources) or [TEAM]:
        said = verdict(actor, action, resource)
        if not said.allowed:
            return said
    assert said is not None
    return said


def assert_allowed(actor: Actor, action: str, *resources: Resource) -> None:
    """Raises `Forbidden`, or `NeedsFactor`, unless this actor may do this on all of these (none: the team's)."""
    said = verdict_on(actor, action, resources)
    if said.allowed:
        return
    refused = next((each for each in resources if not verdict(actor, action, each).allowed), TEAM)
    kind = NeedsFactor if said.needs_factor else Forbidden
    raise kind(said.reason, said.hint, action=action, resource=refused)


def assert_at_all(actor: Actor, action: str) -> None:
    """Raises `Forbidden` for one who may do this nowhere: asked before anything is looked up, so that nobody can probe."""
    said = _nowhere(actor, RULES[action])
    if said is not None:
        raise Forbidden(said.reason, said.hint, action=action, resource=TEAM)


def may_at_all(actor: Actor, action: str) -> bool:
    """Whether there may be something on which this actor may do this."""
    return _nowhere(actor, RULES[action]) is None


def may(actor: Actor, action: str, *resources: Resource) -> bool:
    """Whether the page shows a button for it: allowed, perhaps after a second factor."""
    said = verdict_on(actor, action, resources)
    return said.allowed or said.needs_factor


def starting_role(actor: Actor, resources: Sequence[Resource] = ()) -> Role:
    """The role that counts when this actor starts a run: its steps that need a higher one wait for somebody who has it.

    An agent's runs wait from the first step. What destroys waits when this person could not approve it now: the token does
    not reach so far, or the second factor is missing.
    """
    if not actor.is_person:
        return "viewer"
    role = lowest_role(actor, resources)
    if verdict_on(actor, "runs.approve", resources).allowed or rank(role) < rank("operator"):
        return role
    return "operator"


def able(action: str, resource: Resource, actors: Iterable[Actor]) -> tuple[list[str], bool]:
    """(names of those who may that are no admins, whether there is an admin who may): whom one could ask."""
    names, admins = [], False
    for each in actors:
        if may(each, action, resource):
            if each.role == "admin":
                admins = True
            else:
                names.append(each.name)
    return sorted(names), admins


def able_words(names: Sequence[str], admins: bool) -> str:
    """``ben and the admins can: ask them.``; "" when nobody can."""
    shown = [*names[:3], *(["others"] if len(names) > 3 else []), *(["the admins"] if admins else [])]
    if not shown:
        return ""
    if not names:
        return "The admins can: ask them."
    *before, last = shown
    return f"{', '.join(before)} and {last} can: ask them." if before else f"{last} can: ask them."


def _nowhere(actor: Actor, rule: Rule) -> Verdict | None:
    held = role_anywhere(actor)
    if actor.kind not in rule.who:
        return _wrong_kind(actor, rule)
    if rank(held) < rank(rule.role):
        return _too_low(actor, rule, "", held)
    return _beyond_scope(actor, rule, "") if SCOPES.index(actor.scope) < SCOPES.index(rule.scope) else None


def _at(on: str) -> str:
    return f" on {on}" if on else ""


def _because(actor: Actor, rule: Rule, held: Role, on: str) -> str:
    if rule.own:
        return "it is your own"
    if actor.kind == "agent":
        return "an agent may, within its limits"
    if rule.role == "viewer":
        return "everybody who is signed in may"
    if rule.lowers:
        return f"it only takes away, and you are {article(held)}"
    return f"you are {article(held)}{' there' if on and rule.about == 'service' else ''}"


def _wrong_kind(actor: Actor, rule: Rule) -> Verdict:
    if rule.who == frozenset({"drill"}):
        return Verdict(False, "Only the drill of the sample fleet may set a boundary.")
    reason = f"{actor.name} is not a person, and only a person may {rule.words}."
    hint = "A person says who he is by his token: WATCHKEEPER_TOKEN." if actor.name == AGENT.name else ""
    return Verdict(False, reason, hint)


def _too_low(actor: Actor, rule: Rule, on: str, held: Role) -> Verdict:
    needed = article(rule.role)
    if rule.about == "any":
        reason = f"You may read, not {rule.words}: that takes {needed} of some service, and you are {article(held)}."
    elif on:
        reason = f"You may read {on}, not {rule.words} on it: that takes {needed} there, and you are {article(held)}."
    elif rank(role_anywhere(actor)) > rank(held):
        reason = f"You may not {rule.words}: that takes {needed} on everything, and your role is on some services."
    else:
        reason = f"You may read, not {rule.words}: that takes {needed}, and you are {article(held)}."
    return Verdict(False, reason, "Who may: wk whoami" + (f" --service {on}." if on else "."))


def _beyond_token(actor: Actor, rule: Rule, resource: Resource, on: str) -> Verdict | None:
    if SCOPES.index(actor.scope) < SCOPES.index(rule.scope):
        return _beyond_scope(actor, rule, on)
    if rule.scope == "read" or covers(actor.services, resource):
        return None
    what = on or resource.name or "what is the team's"
    return Verdict(False, f"Your token is for {actor.services}, not for {what}.", "Use one that is for it: wk token.")


def _beyond_scope(actor: Actor, rule: Rule, on: str) -> Verdict:
    reason = f"Your token reaches as far as {actor.scope}, and to {rule.words}{_at(on)} one needs {rule.scope}."
    return Verdict(False, reason, f"Use one that reaches further: wk token add --scope {rule.scope}.")
