"""The reference pages of the ops repo, written from the same tables and models that are used to load it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from watchkeeper.core.checks.kinds import KINDS, Kind
from watchkeeper.core.inventory import (
    connectivity,
    delivery,
    log_when,
    models,
    oncall,
    severities,
    shift,
    status_page,
    targets,
    watching,
    windows,
)
from watchkeeper.core.inventory.probes import PROBES, field_name
from watchkeeper.core.times import format_duration

_UNITS = {"truth": "true or false", "text": "text", "any": "number or text", "number": "number"}
_INTRODUCTION = """# Checks

<!-- Written by `python tools/reference.py`. Change the tables in the source, not this page. -->

A check asks one question of one service again and again. It stands under `checks:` in `services/NAME.yaml` and names
exactly one probe.

```yaml
checks:
  - name: web
    http: http://127.0.0.1:8801/health
    from: host
    every: 5s
    ok: status == 200 and latency < 800ms
    crit: {when: status != 200, for: 2 of 3}
    recover: 2 in a row
```

Its key is `service/name`. Asked on the hosts of a service that has several, it is one check for each of them:
`service/name@host`.
"""
_JUDGING = """Checks run read commands only: a command that destroys is refused, one that seems to change something
is warned about.

## How a reading is judged

1. The question could not be asked, or a rule needs a value that was not measured: **UNKNOWN**, with the reason.
2. `crit` holds: **CRIT**.
3. `warn` holds: **WARN**.
4. `ok` is given and does not hold: **WARN**.
5. Else **OK**.

A check without `ok`, `warn` and `crit` has the default rules of its probe kind, named below. `sql`, and `folder`
without a budget, have none and need a rule. What the target answered badly (refused, timed out, wrong protocol) is
an answer: `status` is 0, `connected` is false. Only what could not be asked at all is UNKNOWN.

## When a check flips

- `for N of M`: the rule holds in N of the last M readings. Without it: 1 of 1. It belongs to `warn` and `crit`.
  `for 3 in a row` is 3 of 3. `for 5m`: it held in every reading for five minutes; a single UNKNOWN does not end that.
- CRIT goes before WARN. A reading that matches `crit` counts for `warn` too when both rules read the same names.
- CRIT and WARN are left for OK after `recover` OK readings in a row (default 1), not before. `recover: 5m`: good for that
  long. `recover: {when: value < 80, for: 3 in a row}`: a reading counts only when this holds too; one between the two
  limits neither worsens nor proves anything.
- `flapping`: a check that changed between good and bad `flips` times (6) `within` a time (1h) keeps its bad state until it
  did not change for the `quiet` time (10m). `flapping: false` holds nothing.
- An incident that nobody fixed closes when its checks stayed good for four intervals after the last bad reading, at most
  2 minutes, or the `quiet` time after flapping. Checks slower than 15 minutes, or without flapping, need their `recover` only.
- UNKNOWN counts as no match. Two in a row settle the check as UNKNOWN; so does a first reading that is UNKNOWN.
- Time in which watchkeeper itself was down is UNKNOWN.
- The first reading settles a check: silently when OK, as a flip otherwise.

## Conditions

```
rule       = condition [ "for" ( N "of" M | N "in a row" | time ) ]
condition  = both { "or" both }
both       = one { "and" one }
one        = "not" one | "(" condition ")" | comparison
comparison = name operator limit            operator: == != < <= > >=
           | name [ "not" ] "in" "(" limit, limit, ... ")"
           | name [ "not" ] "contains" "text"
           | name                           for a name that is true or false
           | ( function | name ) order ( limit | factor "usual" )      order: < <= > >=     factor: 2x, 1.5x
function   = ( p50 | p90 | p95 | p99 | avg | min | max | change ) "(" name "," time ")"
           | "error_rate" "(" time ")" | "time_to" "(" name "," limit ")" | "full in"
```

A rule is written as text, `value > 50 for 3 of 5`, or as a map, `{when: value > 50, for: 3 of 5}`. The measured name
stands on the left. Text stands in quotes. Names, units and operators are checked when the file is loaded.

| quantity | how a limit is written |
|---|---|
| duration | `800ms`, `30s`, `5m`, `1h30m`, `2d` |
| percentage | `20%` |
| size | `4096`, `200KB`, `1.5GB` (powers of 1000), `2GiB` (powers of 1024) |
| days | `14` or `14d` |
| number | `50`, `0.5` |
| text | `"ready"` |
| true or false | `trusted`, `not trusted`, `trusted == false` |

Functions look at the readings of some time, from 10 s to 30 days: `p95(latency, 10m) > 400ms`, `error_rate(5m) > 10%`
(at most 1 h), `change(value, 1h) > 20%`. `latency > 3x usual` compares with the same hour of the last four weeks.
`full in < 7d` (disk, folder, inodes) and `time_to(value, 1000) < 7d` are forecasts. While a function has too few readings
its rule is not met. See [percentiles and trends](../how-to/watch-percentiles-and-trends.md).
"""
_OPS_REPO = """# The ops repo

<!-- Written by `python tools/reference.py`. Change the models in the source, not this page. -->

A directory, normally a git repository, that your team owns.

```
watchkeeper.yaml      who the team is, how it is told, defaults and limits       (the only file that must be there)
hosts.yaml            how to reach each host
databases.yaml        named connections
secrets.yaml          where secrets are read from; never their values
services/NAME.yaml    all about one service
runbooks/**.md        plain Markdown
```

`wk lint` lists every mistake of every file with file, line and column. A saved file is taken up within 2 s. While a
file is broken the last good inventory keeps watching, and `wk status` says so. `wk schema` prints JSON Schema for
editors.

The files are YAML in UTF-8. What different readers of YAML understand differently is refused: `yes`, `no`, `on`, `off`,
`0755` and `12:30` without quotes, a key twice, tabs, tags, merge keys (`<<`), several documents in one file. Bounds:
1 MB and 50,000 values per YAML file, 4 MB per runbook, 2,000 files. Links must stay inside the ops repo.

Durations: `30s`, `5m`, `1h30m`. Sizes: `200MB`, `2GiB`. Rates: `3 per hour`. A secret is named as `secret:NAME`.
"""
_TITLES = {
    "watchkeeper": "watchkeeper.yaml",
    "hosts": "hosts.yaml",
    "databases": "databases.yaml",
    "secrets": "secrets.yaml",
    "service": "services/NAME.yaml",
}
_PARTS: dict[str, tuple[tuple[str, type[BaseModel]], ...]] = {
    "watchkeeper": (
        ("each of `channels`", models.ChannelModel),
        ("`smtp` of a channel", delivery.SmtpModel),
        ("`web`", delivery.WebModel),
        ("`defaults`", models.DefaultsModel),
        ("`budget`", models.BudgetModel),
        ("`automation`", models.AutomationModel),
        ("each of `people`", models.PersonModel),
        ("`hours`, and `restrict` of a schedule", oncall.HoursModel),
        ("each of `oncall`", oncall.ScheduleModel),
        ("each of `layers` of a schedule", oncall.LayerKeys),
        ("each of `overrides` of a schedule", oncall.OverrideModel),
        ("each of `escalations`, which may be a plain list of `steps`", oncall.PolicyModel),
        ("each of `steps`", oncall.StepModel),
        ("`repeat` of a policy", oncall.RepeatModel),
        ("each of `routes`", oncall.RouteModel),
        ("each of `severities`", severities.SeverityModel),
        ("each of `when`", severities.ConditionModel),
        ("`backup`", models.BackupModel),
        ("`heartbeat`", models.HeartbeatModel),
        ("`pings`", watching.PingsModel),
        ("`tls` of `pings`", watching.CertificateModel),
        ("`alerts`", watching.AlertsModel),
        ("each of `peers`", watching.PeerModel),
        ("`connectivity`", connectivity.ConnectivityModel),
        ("each of `windows`", windows.WindowModel),
        ("each line of `before` and `after`", windows.ItemModel),
        ("`when` of `log`", log_when.WhenModel),
        ("`status_page`", status_page.StatusPageModel),
        ("each of `components`", status_page.ComponentModel),
        ("`availability`", targets.AvailabilityModel),
        ("`shift`", shift.ShiftModel),
        ("each of `checklist`", shift.ShiftItemModel),
        ("`line` of an item", shift.LineModel),
        ("`tool` of an item", shift.ToolModel),
    ),
    "hosts": (("each of `hosts`", models.HostModel),),
    "databases": (("each of `databases`", models.DatabaseModel),),
    "secrets": (("each of `secrets`", models.SecretModel),),
    "service": (("each of `respond`", models.ResponseModel), ("`availability`", targets.AvailabilityModel)),
}
_FILE_EXAMPLES = {
    "watchkeeper": """team: Harbour
timezone: Europe/Amsterdam
channels:
  duty: {script: tools/page.sh, timeout: 10s}
  chat: {apprise: "secret:chat-url"}
escalation: [duty, chat]
defaults: {every: 30s, timeout: 10s, recover: 2 in a row}
budget: {per_service: 6 per hour, all: 30 per hour}
automation: {proven_within: 90d}
people: {ada: {role: approver, channels: [duty, chat]}, ben: {channels: [chat]}}
hours: {days: mon-fri, from: "08:00", to: "17:00", holidays: [2026-12-25]}
oncall:
  primary: {rotation: [ada, ben], every: 7d, hand_over: "mon 09:00", from: 2026-11-02}
escalations:
  default: [{after: 0s, to: [oncall:primary]}, {after: 15m, to: [ada, ben]}, {after: 1h, to: [everybody]}]
  next-day: [{hours: business, to: [chat]}]
routes:
  - {severity: [P3, P4], escalation: next-day}
backup: {to: /backup/watchkeeper, every: 24h, keep: 14}
heartbeat: {url: "secret:dead-man-url", every: 60s}
pings: {listen: 127.0.0.1:8601, url: "https://watch.example.org"}
alerts: {service_label: service, default: shop}
peers: {watch-b: {url: "https://watch-b.example.org/health"}}""",
    "hosts": """hosts:
  app1: {local: true, labels: {role: app}}
  app2: {ssh: deploy@app2.example.org, become: sudo -n}
  shop-web: {container: shop-web, via: app2}""",
    "databases": """databases:
  shop: {sqlite: /srv/shop/shop.db}
  ledger: {postgresql: "secret:ledger-url"}""",
    "secrets": """secrets:
  chat-url: {command: "pass show chat-url"}
  dead-man-url: {file: ~/.config/dead-man-url}
  ledger-url: {env: LEDGER_URL}""",
    "service": """service: shop
hosts: [app1]
owner: ops
config: [/srv/shop/shop.env]
checks:
  - name: web
    http: http://127.0.0.1:8801/health
    from: host
respond:
  - to: [web]
    runbook: runbooks/web-down.md
    mode: propose
windows:
  - {name: patches, cron: "0 2 * * sun", for: 1h, why: weekly patches, before: [Users were told, {check: web}]}""",
}


def checks_page() -> str:
    """docs/reference/checks.md"""
    kinds = tuple(field_name(kind) for kind in PROBES)
    parts = [_INTRODUCTION, "## Keys of every check\n", _keys(models.CheckModel, without=kinds), _JUDGING]
    parts.append("## Probe kinds\n")
    parts += [_kind(name, kind) for name, kind in KINDS.items()]
    return "\n".join(parts).rstrip() + "\n"


def ops_repo_page() -> str:
    """docs/reference/ops-repo.md"""
    parts = [_OPS_REPO]
    for kind, model in models.FILES.items():
        parts.append(f"## {_TITLES[kind]}\n\n```yaml\n{_FILE_EXAMPLES[kind]}\n```\n\n{_keys(model)}")
        parts += [f"Keys of {title}:\n\n{_keys(part)}" for title, part in _PARTS[kind]]
        if kind == "service":
            parts.append("The keys of each of `checks` stand in [checks.md](checks.md).\n")
    return "\n".join(parts).rstrip() + "\n"


def file_examples() -> dict[str, str]:
    """The example of each file on the page, so that a test can load them."""
    return {_TITLES[kind].replace("NAME", "shop"): text for kind, text in _FILE_EXAMPLES.items()}


def probe_examples() -> dict[str, str]:
    """The example of each probe kind on the page, so that a test can load them."""
    return {name: kind.example for name, kind in KINDS.items()}


def _kind(name: str, kind: Kind) -> str:
    model = PROBES[name]
    where = "on the host" if kind.where == "host" else "from here"
    if name == "sql":
        where = "on the host for SQLite, from here for PostgreSQL"
    rules = [f"`{level}: {text}`" for level in ("ok", "warn", "crit") if (text := getattr(kind, level))]
    lines = [
        f"### {name}\n",
        f"{kind.summary} Asked {where} unless `from` says else.\n",
        f"```yaml\n{kind.example}\n```\n",
    ]
    if model is not None:
        lines.append(_keys(model))
        if model.short:
            lines.append(f"A bare text is `{model.short}`.\n")
    lines.append(f"Without a rule: {', '.join(rules) if rules else 'none, a rule must be given'}.\n")
    if kind.hint:
        lines.append(f"{kind.hint}\n")
    rows = [
        f"| `{each}` | {_unit(measure.quantity)} | {measure.meaning} | `{measure.example(each)}` |"
        for each, measure in kind.values.items()
    ]
    lines.append("\n".join(["| measured | quantity | meaning | such as |", "|---|---|---|---|", *rows]) + "\n")
    return "\n".join(lines)


def _unit(quantity: str) -> str:
    return _UNITS.get(quantity) or {"days": "days", "bytes": "size", "percent": "percentage"}.get(quantity, quantity)


def _keys(model: type[BaseModel], without: tuple[str, ...] = ()) -> str:
    rows = list(_rows(model, without))
    return "\n".join(["| key | meaning | default |", "|---|---|---|", *rows]) + "\n"


def _rows(model: type[BaseModel], without: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name not in without:
            yield f"| `{field.alias or name}` | {field.description or ''} | {_default(name, field)} |"


def _default(name: str, field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required" if field.default_factory is None else ""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format_duration(value)
    if isinstance(value, tuple):
        return f"{value[0]} per hour" if value[1] == 3600.0 else f"{value[0]} in {format_duration(value[1])}"
    return f"{value} in a row" if name == "recover" else str(value)
