"""Drafts to the text of files: YAML with a comment above each part that says where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.core.discovery.drafts import CheckDraft, Connection, Draft, Found, SecretName, ServiceDraft
from watchkeeper.core.discovery.yaml_text import comment, flow, scalar

FOUND_FOLDER = "discovered"
MARK = "<!-- wk init writes everything below this line anew at each run; write your own notes above it -->"
GONE = "## Gone since an earlier look"


def service_file(service: ServiceDraft, host: str, day: str, runbook: str = "") -> str:
    """services/NAME.yaml of a new service. day: when it was found. runbook: answers the checks of `respond`."""
    lines = [
        f"# Found on {comment(host)} by wk init on {day}: {comment(service.origin)}.",
        "# It is yours to edit: another run adds what is new at the end and changes no line of it.",
        f"service: {scalar(service.name)}",
    ]
    if service.description:
        lines.append(f"description: {scalar(service.description[:200])}")
    lines.append(f"hosts: [{scalar(host)}]")
    if service.depends_on:
        why = "; ".join(f"{name}: {reason}" for name, reason in service.depends_on.items())
        lines += [f"# {comment(why)}", f"depends_on: {flow(list(service.depends_on))}"]
    if service.config:
        why = "; ".join(dict.fromkeys(service.config.values()))
        lines += [f"# watched for changes; {comment(why)}", f"config: {flow(list(service.config))}"]
    if service.logs:
        lines += [f"# {comment('; '.join(dict.fromkeys(service.logs.values())))}", f"logs: {flow(list(service.logs))}"]
    lines += [f"# {comment(note)}" for note in service.notes]
    lines.append("checks:")
    lines += check_lines(service.checks, "  ")
    if not any(not each.suggestion for each in service.checks):
        lines[lines.index("checks:")] = "checks: []"
    if service.respond and runbook:
        lines += [
            "respond:",
            f"  - to: {flow(list(service.respond))}",
            f"    runbook: {scalar(runbook)}",
            "    mode: propose",
        ]
    return "\n".join(lines) + "\n"


def check_lines(checks: Iterable[CheckDraft], indent: str) -> list[str]:
    """Checks as items of a list; suggestions stand in comments, to be finished by a person. Suggestions come last."""
    lines: list[str] = []
    ordered = sorted(checks, key=lambda each: each.suggestion)
    for check in ordered:
        front = f"{indent}# " if check.suggestion else indent
        lines.append(f"{indent}# {comment(check.origin)}")
        lines.append(f"{front}- name: {scalar(check.name)}")
        lines += [f"{front}  {key}: {text}" for key, text in check.lines]
    return lines


def host_lines(name: str, entry: dict[str, str | int | bool], origin: str, sudo: bool, indent: str) -> list[str]:
    """The entry of hosts.yaml."""
    lines = [f"{indent}# {comment(origin)}", f"{indent}{scalar(name)}: {flow(entry)}"]
    if sudo:
        lines.append(
            f"{indent}# sudo -n works there. For runbooks that need root add 'become: sudo -n'; checks then run as root too."
        )
    return lines


def database_lines(connection: Connection, indent: str) -> list[str]:
    """One entry of databases.yaml."""
    entry = f"{{{connection.kind}: {scalar(connection.target)}}}"
    return [f"{indent}# {comment(connection.origin)}", f"{indent}{scalar(connection.name)}: {entry}"]


def secret_lines(secret: SecretName, indent: str) -> list[str]:
    """One entry of secrets.yaml."""
    return [f"{indent}# {comment(secret.origin)}", f"{indent}{scalar(secret.name)}: {flow({'env': secret.variable})}"]


def found_page(
    made: Draft,
    day: str,
    commands: Sequence[str],
    gone: Iterable[tuple[str, str]],
    packages: Iterable[str],
    head: str = "",
) -> str:
    """discovered/HOST.md: all that was found, what went away, and the commands that were run. head: kept from before."""
    kinds: dict[str, list[Found]] = {}
    for each in made.found.values():
        kinds.setdefault(each.kind, []).append(each)
    lines = [head.rstrip("\n") or f"# What runs on {comment(made.host)}", "", MARK, "", f"Looked at on {day}.", ""]
    for kind, group in sorted(kinds.items()):
        lines += [f"## {kind[:1].upper()}{kind[1:]}", ""]
        for each in sorted(group, key=lambda one: one.key):
            watched = f" (services/{each.service}.yaml)" if each.service else ""
            note = f": {code(each.note, '')}" if each.note else ""
            lines.append(f"- {code(each.key)} {code(each.where, '')}{note}{watched}")
        lines.append("")
    left = list(gone)
    if left:
        lines += [GONE, "", *(f"- {code(key)} not seen on {since}" for key, since in left), ""]
    recent = list(packages)
    if recent:
        lines += ["## Last changes of packages", "", *(f"- {code(each, '')}" for each in recent), ""]
    lines += ["## Commands that were run there, all read-only", ""]
    for command in commands:
        lines += ["```sh", *(line.replace("```", "'''") for line in command.strip().splitlines()), "```", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def code(text: str, quote: str = "`") -> str:
    """Text from a host in Markdown: one line, without what would end or begin markup."""
    clean = comment(text, 300).replace("`", "'")
    if not quote:
        clean = clean.replace("<", "(").replace(">", ")").replace("[", "(").replace("]", ")")
    return f"{quote}{clean}{quote}"


def known_keys(page: str) -> tuple[set[str], dict[str, str]]:
    """(keys of everything an earlier look found, keys that were gone with the day) from discovered/HOST.md."""
    body = page.partition(MARK)[2]
    found, gone = set[str](), dict[str, str]()
    in_gone = fenced = False
    for line in body.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        if line.startswith("## ") and not fenced:
            in_gone = line == GONE
        if fenced or not line.startswith("- `"):
            continue
        key, _, rest = line[3:].partition("`")
        if in_gone:
            gone[key] = rest.removeprefix(" not seen on ").strip()
        else:
            found.add(key)
    return found, gone
