"""From one check of a service file to the checks of the inventory: rules, place, hosts, hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.conditions import Condition, ConditionError, parse_condition, parse_rule, parse_window, windowed
from watchkeeper.core.conditions.quantities import Limit, quoted
from watchkeeper.core.conditions.tree import Comparison, Every, Not, Some
from watchkeeper.core.inventory.functions import windows_hold_readings
from watchkeeper.core.inventory.groups import known_members
from watchkeeper.core.inventory.models import CheckModel, DefaultsModel
from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.probes import PROBES, Strict
from watchkeeper.core.inventory.recovering import flapping_of, read_when
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.values import Check, Flapping, Probe, Rule, Where
from watchkeeper.core.inventory.yaml_reader import Node

LEVELS = ("ok", "warn", "crit")
DEFAULT_FLAPPING = Flapping()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a check inherits. hosts: of its service, only those that exist."""

    service: str
    hosts: tuple[str, ...]
    defaults: DefaultsModel
    timezone: str
    names: Names


def assemble_check(model: CheckModel, node: Node, around: Surroundings, notes: Notes) -> list[Check]:
    """The check on every host it is asked about; empty after noting what is wrong."""
    before = len(notes.mistakes)
    kind = _kind(model, node, notes)
    if kind is None:
        return []
    options = _options(model, kind, around)
    rules = {level: _read_rule(node, level, kind, notes) for level in LEVELS}
    rules = _completed(model, kind, rules, node, notes)
    recover_when = read_when(model.recover, kind, node, notes)
    every_s = model.every if model.every is not None else around.defaults.every
    windows_hold_readings(rules.items(), every_s, node, notes)
    where = _where(model, kind, node, around, notes)
    _references(model, node, around, notes)
    _reads_only(model, node, notes)
    known_members(node, around.names, notes)
    if any(mistake.level == "error" for mistake in notes.mistakes[before:]):
        return []
    probe = Probe(kind, options)
    recover = model.recover.count if model.recover is not None and model.recover.count else around.defaults.recover
    recover_s = model.recover.lasts_s if model.recover is not None else 0.0
    flapping = flapping_of(model.flapping, around.defaults.flapping)
    settling = (recover, recover_when, recover_s, flapping)
    checks = []
    for key, host in _keys(model, where, around):
        checks.append(
            Check(
                key=key,
                service=around.service,
                name=model.name,
                host=host,
                where=where,
                probe=probe,
                every_s=every_s,
                timeout_s=model.timeout if model.timeout is not None else around.defaults.timeout,
                ok=rules["ok"],
                warn=rules["warn"],
                crit=rules["crit"],
                recover=recover,
                rule_hash=rule_hash(probe, where, host, [rules[level] for level in LEVELS], *settling),
                was=model.was,
                recover_when=recover_when,
                recover_s=recover_s,
                flapping=flapping,
            )
        )
    return checks


def _keys(model: CheckModel, where: Where, around: Surroundings) -> list[tuple[str, str | None]]:
    """(key, host) of each check. Asked from here it is one check, whatever the number of hosts."""
    key = f"{around.service}/{model.name}"
    if len(around.hosts) < 2:
        return [(key, around.hosts[0] if around.hosts else None)]
    if where == "here":
        return [(key, None)]
    return [(f"{key}@{host}", host) for host in around.hosts]


def _kind(model: CheckModel, node: Node, notes: Notes) -> str | None:
    kinds = model.kinds
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        second = node.keys()[kinds[1]]
        notes.add(
            second, " and ".join(f"'{kind}'" for kind in kinds), "one probe kind in a check; make two checks of it"
        )
    else:
        notes.add(node, "a check without a probe", f"one of {', '.join(PROBES)}", "http: http://127.0.0.1:8801/health")
    return None


def _options(model: CheckModel, kind: str, around: Surroundings) -> dict[str, object]:
    """The keys of the probe kind that are given or have a default; durations in seconds, sizes in bytes."""
    value = model.probe(kind)
    if value is True:
        return {}
    options = {name: each for name, each in value.model_dump().items() if each is not None}
    if kind == "heartbeat" and "cron" in options:
        options.setdefault("timezone", around.timezone)
    return options


def read_rules(node: Node, notes: Notes) -> None:
    """Only notes what is wrong with the rules, for a check that has other mistakes."""
    kinds = [kind for kind in PROBES if node.get(kind) is not None]
    for level in LEVELS if len(kinds) == 1 else ():
        value = node.get(level)
        sound = value is not None and (isinstance(value.content, str) or isinstance(_when(value), str))
        if sound:
            _read_rule(node, level, kinds[0], notes)


def _when(value: Node) -> object:
    when = value.get("when")
    return when.content if when is not None else None


def _read_rule(node: Node, level: str, kind: str, notes: Notes) -> Rule | None:
    """The rule under a level. An error in it is noted at its own column of the file."""
    value = node.get(level)
    if value is None or value.content is None:
        return None
    when, window = node.at(level, "when"), node.at(level, "for")
    part = when if when is not None else value
    try:
        if when is None or window is None or window.content is None:
            return parse_rule(part.content, kind)
        condition = parse_condition(when.content, kind)
        part = window
        return windowed(condition, parse_window(window.content), str(window.content))
    except ConditionError as error:
        column = part.column if part.block else part.column + (1 if part.quoted else 0) + error.column - 1
        notes.at(part.line, column, error.found, error.expected, error.example, error.did_you_mean)
        return None


def _completed(
    model: CheckModel, kind: str, rules: dict[str, Rule | None], node: Node, notes: Notes
) -> dict[str, Rule | None]:
    """The rules with the defaults of the kind where the check has none, and with what `expect` asks for."""
    if rules["ok"] is not None and (rules["ok"].window > 1 or rules["ok"].hold_s):
        expected = "'for' in warn and crit only; ok looks at one reading"
        notes.add(node.keys()["ok"], "'for' in ok", expected, "warn: latency > 800ms for 3 of 5")
    given = any(getattr(model, level) is not None for level in LEVELS)
    if not given:
        rules = _defaults(model, kind, node, notes)
    if model.http is not None and model.http.expect is not None:
        rules = _expecting(rules, model.http.expect, default=not given)
    return rules


def _defaults(model: CheckModel, kind: str, node: Node, notes: Notes) -> dict[str, Rule | None]:
    texts: Mapping[str, str] = {level: getattr(KINDS[kind], level) for level in LEVELS}
    probe = model.probe(kind)
    if isinstance(probe, Strict):
        texts = probe.default_rules(texts)
    if model.folder is not None and model.folder.budget is None:
        texts = dict.fromkeys(LEVELS, "")
        notes.add(node.keys()[kind], "a folder without 'budget' and without a rule", "a budget, or ok, warn or crit",
                  "{path: /srv/shop/uploads, budget: 200MB}")  # fmt: skip
    if kind == "sql":
        notes.add(node.keys()[kind], "a query without a rule", "ok, warn or crit", "crit: value > 100")
    return {level: parse_rule(text, kind) if text else None for level, text in texts.items()}


def _expecting(rules: dict[str, Rule | None], text: str, default: bool) -> dict[str, Rule | None]:
    """`expect` joins ok; in a check without rules its absence is CRIT like every other default."""
    holds = Comparison("body", "contains", (Limit(text, "text", text),), "text")
    words = f"body contains {quoted(text, 200)}"
    crit, ok = rules["crit"], rules["ok"]
    if default and crit is not None:
        both = Condition(f"{crit.text} or not {words}", Some((crit.condition.tree, Not(holds))))
        return {**rules, "crit": Rule(both, 1, 1, both.text)}
    if ok is not None:
        both = Condition(f"({ok.text}) and {words}", Every((ok.condition.tree, holds)))
    else:
        both = Condition(words, holds)
    return {**rules, "ok": Rule(both, 1, 1, both.text)}


def _where(model: CheckModel, kind: str, node: Node, around: Surroundings, notes: Notes) -> Where:
    if kind in ("group", "connectivity"):
        return "here"
    if model.from_ is not None:
        if model.from_ == "host" and not around.hosts:
            value = node.get("from")
            assert value is not None
            notes.add(value, "'host' in a service without hosts", "'here', or hosts of the service", "hosts: [app1]")
        return model.from_
    address = _address(model)
    if address and _is_loopback(address) and not all(around.names.hosts.get(host, True) for host in around.hosts):
        found = f"the loopback address {address} without 'from'"
        notes.add(node.keys()[kind], found, "'from: host' (asked on the host itself) or 'from: here'", "from: host")
    if not around.hosts:
        return "here"
    if model.sql is not None:
        return "host" if around.names.databases.get(model.sql.database, "sqlite") == "sqlite" else "here"
    return KINDS[kind].where


def _address(model: CheckModel) -> str:
    if model.http is not None:
        return urlsplit(model.http.url).hostname or ""
    for probe in (model.tcp, model.tls):
        if probe is not None:
            return probe.address.rpartition(":")[0].strip("[]")
    return ""


def _is_loopback(address: str) -> bool:
    if address.lower().rstrip(".") == "localhost" or address.lower().endswith(".localhost"):
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _references(model: CheckModel, node: Node, around: Surroundings, notes: Notes) -> None:
    was = node.get("was")
    if was is not None and model.was in around.names.checks.get(around.service, ()):
        notes.add(was, f"'{model.was}', a check that is still here", "the old name of this check, which is gone")
    if model.sql is None or "databases" in around.names.unread:
        return
    database = node.at("sql", "database")
    if database is not None and model.sql.database not in around.names.databases:
        notes.unknown(database, "database", model.sql.database, around.names.databases, "databases.yaml")


def _reads_only(model: CheckModel, node: Node, notes: Notes) -> None:
    """A check is asked for ever and by nobody: a command that destroys is an error, one that may change a warning."""
    if model.command is None:
        return
    from watchkeeper.core.runbooks.risk import script_risk  # the shell parser is loaded only where commands are
    from watchkeeper.core.runbooks.shell import read_script

    risk = script_risk(read_script(model.command.command), "read")
    place = node.at("command", "command") or node.get("command")
    if place is None or risk == "read":
        return
    if risk == "destroy":
        notes.add(place, "a command that destroys", "a command that only reads", "test -e /srv/shop/ready")
    else:
        notes.warn(place, "a command that seems to change something", "a command that only reads")


def rule_hash(
    probe: Probe, where: Where, host: str | None, rules: Sequence[Rule | None], recover: int,
    recover_when: Condition | None = None, recover_s: float = 0.0, flapping: Flapping | None = DEFAULT_FLAPPING,
) -> str:  # fmt: skip
    """sha256 over probe, place and rules: what a proof is bound to. How a rule is spelled does not count.

    What is left at its default is left out, so that a check keeps its hash when watchkeeper learns something new.
    """
    written = [
        [rule.condition.canonical, rule.hits, rule.window, *([rule.hold_s] if rule.hold_s else [])] if rule else None
        for rule in rules
    ]
    content: list[object] = [probe.kind, dict(probe.options), where, host, written, recover]
    more: dict[str, object] = {"recover_when": recover_when.canonical} if recover_when is not None else {}
    if recover_s:
        more["recover_s"] = recover_s
    if flapping != DEFAULT_FLAPPING:
        more["flapping"] = [flapping.flips, flapping.within_s, flapping.quiet_s] if flapping is not None else False
    content += [more] if more else []
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
