"""The files of a new ops repo. They load as they are: one local host, one service, one runbook, no channel yet."""

from __future__ import annotations

FILES = {
    "watchkeeper.yaml": """\
# Who you are, how you are told, what limits hold. 'wk lint' checks every file of this directory,
# 'wk schema watchkeeper' prints the JSON Schema for your editor.
team: our team
timezone: UTC                  # of schedules and of the log, as Europe/Berlin

# How to tell people. Values that are secret stay out of this repo: name them in secrets.yaml.
# channels:
#   push:
#     apprise: secret:push-url                     # any of the services that Apprise knows
#   room:
#     webhook: https://chat.example.org/hooks/ops  # one JSON POST; add #secret:room-key to have it signed
#   bell:
#     script: tools/ring.sh                        # gets the message as JSON on standard input
# escalation: [push, room]                         # tried in this order until one takes it
""",
    "hosts.yaml": """\
# How to reach each host. 'local' is the machine that watchkeeper runs on.
hosts:
  here: {local: true}
# app1:
#   ssh: deploy@app1.example.org                   # ~/.ssh/config and known_hosts are honoured
#   become: sudo -n                                # for steps that need it; never asks a password
""",
    "databases.yaml": """\
# Named connections for checks of kind sql.
# databases:
#   shop: {postgresql: secret:shop-database}       # or {sqlite: /srv/shop/shop.db}
databases: {}
""",
    "secrets.yaml": """\
# Where secrets are read from. Their values are never stored here.
# secrets:
#   push-url: {env: PUSH_URL}
#   shop-database: {file: /etc/watchkeeper/shop-database}
#   room-key: {command: pass show ops/room}
secrets: {}
""",
    "services/example.yaml": """\
# All about one service. Copy this file for each of yours, and delete it when you have one.
service: example
description: The machine that watchkeeper runs on
hosts: [here]
# depends_on: [database]       # a failing parent suppresses the alerts of its children, never their checks
# owner: ops
# config: [/srv/shop/shop.env] # watched: a change is a suspect when something breaks
checks:
  - name: disk
    disk: /
    every: 60s
    warn: free < 10%
    crit: free < 5%
# - name: web
#   http: http://127.0.0.1:8080/health
#   from: host                 # asked on the host itself; 'here' asks from this machine
#   every: 30s
#   ok: status == 200 and latency < 800ms
#   crit: {when: status != 200, for: 2 of 3}
#   recover: 2 in a row        # good readings that prove a recovery
respond:                       # which runbook answers what
  - to: [disk]
    runbook: runbooks/disk-full.md
    mode: propose              # observe | propose | auto (auto also needs a person's 'wk grant add')
""",
    "runbooks/disk-full.md": """\
# Disk nearly full

Symptoms: the check `disk` is WARN or CRIT; writes start to fail.

## Diagnosis

```bash
df -h /
```

```bash
du -x -d 1 -h /var 2>/dev/null | sort -h | tail -n 10
```

## Resolution

Find out what grew before you delete anything. Write the command that is right for your service here, in a
`bash` block, and it becomes a step that waits for your approval.

## Verification

```bash
df -h /
```

## Escalation

- Nothing obvious grew, or the space comes back and goes again within an hour.
""",
    "routines/.gitkeep": "",
    "docs/.gitkeep": "",
    ".gitignore": """\
# watchkeeper's own data: sockets, readings, evidence
.watchkeeper/
""",
}


def for_discovery(timezone: str) -> dict[str, str]:
    """The files of an ops repo that discovery is about to fill: no example service, no host yet."""
    files = {path: text for path, text in FILES.items() if path != "services/example.yaml"}
    head, _, examples = FILES["hosts.yaml"].partition("hosts:\n  here: {local: true}\n")
    files["hosts.yaml"] = f"{head}{examples}hosts: {{}}\n"
    before, _, after = files["watchkeeper.yaml"].partition("timezone: UTC ")
    files["watchkeeper.yaml"] = f"{before}timezone: {timezone} {after}"
    return files
