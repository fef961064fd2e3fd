"""What well-known programs do with their sub-commands and options: one short judge per program."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from watchkeeper.core.runbooks.commands import SHELLS
from watchkeeper.core.runbooks.containers import docker_risk, kubectl_risk, words_of
from watchkeeper.core.runbooks.interpreters import (
    framework_risk,
    interpreter_risk,
    packages_risk,
    shell_risk,
    source_risk,
)
from watchkeeper.core.runbooks.shell import Command
from watchkeeper.core.runbooks.sql import database_risk
from watchkeeper.core.runbooks.values import Risk


def _rm(command: Command) -> Risk:
    short = "".join(word[1:] for word in command.arguments if re.fullmatch(r"-[A-Za-z]+", word))
    recursive = "r" in short.lower() or "--recursive" in command.arguments
    return "destroy" if recursive or any(re.search(r"[*?]|\$", word) for word in command.arguments) else "change"


def _git(command: Command) -> Risk:
    words = " ".join(command.arguments)
    if re.search(
        r"\breset\b.*--hard|\bclean\b.*\s-\w*f|\bpush\b.*(--force|\s-f\b|--delete|--mirror)|\bbranch\b.*\s-D\b|\bcheckout\s+(--\s|\.)|\bstash\s+(drop|clear)",
        words,
    ):
        return "destroy"
    verb = next((word for word in command.arguments if not word.startswith("-") and "/" not in word), "")
    reading = words_of(
        "status log diff show rev-parse ls-files ls-remote ls-tree blame shortlog describe rev-list cat-file grep "
        "reflog remote version help"
    )
    alone = verb in ("branch", "tag", "stash", "config") and not re.search(
        r"\b(branch|tag)\s+[^-\s]|stash$|stash\s+(push|pop|apply)|config\s+\S+\s+\S+\s*\S", words
    )
    return "read" if verb in reading or alone or not verb else "change"


def _systemctl(command: Command) -> Risk:
    words = [word for word in command.arguments if not word.startswith("-")]
    reading = words_of(
        "status is-active is-enabled is-failed list-units list-unit-files list-timers list-sockets list-dependencies "
        "list-jobs show cat get-default help"
    )
    if words[:1] in (["poweroff"], ["halt"]):
        return "destroy"
    return "read" if not words or words[0] in reading else "change"


def _service(command: Command) -> Risk:
    return "read" if command.arguments[-1:] == ("status",) or "--status-all" in command.arguments else "change"


def _curl(command: Command) -> Risk:
    words = command.arguments
    text = " ".join(words)
    method = re.search(r"(?:^|\s)(?:-X\s*|--request[= ])['\"]?([A-Za-z]+)", text)
    if method and method.group(1).upper() == "DELETE":
        return "destroy"
    sends = any(re.fullmatch(r"-[dFT].*|--(data|form|upload-file|json)(-\w+)?(=.*)?", word) for word in words)
    if (method and method.group(1).upper() not in ("GET", "HEAD", "OPTIONS")) or (
        sends and not {"-G", "--get"} & set(words)
    ):
        return "change"
    place = next(
        (index for index, word in enumerate(words) if re.fullmatch(r"-[a-zA-Z]*[oO]|--output|--remote-name", word)),
        None,
    )
    if place is None:
        return "read"
    target = words[place + 1] if place + 1 < len(words) and words[place][-1] != "O" else ""
    return "read" if target in ("/dev/null", "-") else "change"


def _wget(command: Command) -> Risk:
    text = " ".join(command.arguments)
    return (
        "read"
        if re.search(r"--spider|-[a-zA-Z]*O\s*-|-[a-zA-Z]*O\s*/dev/null|--output-document[= ]-|--version", text)
        else "change"
    )


def _find(command: Command) -> Risk:
    words = set(command.arguments)
    if "-delete" in words:
        return "destroy"
    if words & {"-fprint", "-fls", "-fprintf"}:
        return "change"
    for index, word in enumerate(command.arguments):
        if word in ("-exec", "-execdir", "-ok", "-okdir") and command.arguments[index + 1 : index + 2] in (
            ("rm",),
            ("/bin/rm",),
            ("shred",),
            ("unlink",),
        ):
            return "destroy"
    return "read"


def _xargs(command: Command) -> Risk:
    return (
        "destroy"
        if any(word.rsplit("/", 1)[-1] in ("rm", "kill", "unlink", "shred") for word in command.arguments)
        else "read"
    )


def _awk(command: Command) -> Risk:
    text = " ".join(command.arguments)
    return "change" if re.search(r"\bsystem\s*\(|print[^\n;]*>|\|\s*\"|-i\s*inplace", text) else "read"


def _sed(command: Command) -> Risk:
    inplace = any(re.fullmatch(r"-[nErsuz]*i.*|--in-place.*", word) for word in command.arguments)
    return (
        "change"
        if inplace or any(re.search(r"(^|[;}\s])\d*,?\$?[wWe]\s+\S", word) for word in command.arguments[:1])
        else "read"
    )


def _redis(command: Command) -> Risk:
    text = " ".join(command.arguments).lower()
    if re.search(r"\b(flushall|flushdb|shutdown|debug)\b", text):
        return "destroy"
    reading = (
        r"\b(ping|info|get|mget|llen|lrange|scard|smembers|hgetall|hget|hlen|zcard|zrange|ttl|pttl|type|"
        r"exists|dbsize|scan|memory|latency|slowlog get|client list|config get|strlen|xlen|xinfo|role|time)\b"
    )
    return "read" if re.search(reading, text) or not command.arguments else "change"


def _cloud(command: Command) -> Risk:
    """aws, gcloud, az, fly, heroku, gh, terraform ...: by their verbs."""
    words = [word.lower() for word in command.arguments if not word.startswith("-")]
    text = " ".join(words)
    if re.search(
        (
            r"(^|\s)(destroy|delete|delete-\S+|terminate-\S+|rb|purge|wipe|"
            r"deregister-\S+|pg:reset|db:drop|db:reset|uninstall|nuke)(\s|$)|s3 rm\b.*"
        ),
        text,
    ):
        return "destroy"
    reading = (
        r"(^|\s)(list|ls|get|get-\S+|describe|describe-\S+|list-\S+|show|status|logs|log|view|info|version|whoami|"
        r"plan|validate|output|history|releases|ps|head-\S+|config:get|output|inspect|tail|top|values|jlist)(\s|$)"
    )
    return "read" if re.search(reading, text) or not words else "change"


def _mount(command: Command) -> Risk:
    return "read" if not [word for word in command.arguments if word not in ("-l", "-v")] else "change"


def _tar(command: Command) -> Risk:
    first = command.arguments[0] if command.arguments else ""
    return (
        "read"
        if (re.match(r"-?[a-z]*t", first) and not re.match(r"-?[a-z]*[xcru]", first)) or "--list" in command.arguments
        else "change"
    )


def _firewall(command: Command) -> Risk:
    words = command.arguments
    if command.name == "ufw":
        return (
            "destroy"
            if "reset" in words
            else "read"
            if words[:1] in (("status",), ("show",), ("version",))
            else "change"
        )
    if any(word in ("-F", "--flush", "-X", "flush") for word in words):
        return "destroy"
    return (
        "read"
        if any(
            word in ("-L", "-S", "--list", "-nL", "-nvL", "-vnL", "list") or re.fullmatch(r"-[nvx]*L[nvx]*", word)
            for word in words
        )
        else "change"
    )


def _crontab(command: Command) -> Risk:
    return "destroy" if "-r" in command.arguments else "read" if "-l" in command.arguments else "change"


def _ip(command: Command) -> Risk:
    changing = {"add", "del", "delete", "set", "flush", "replace", "change", "append", "up", "down", "exec"}
    return "change" if changing & set(command.arguments) else "read"


def _journal(command: Command) -> Risk:
    return (
        "change"
        if any(re.match(r"--(vacuum|rotate|flush|sync|relinquish)", word) for word in command.arguments)
        else "read"
    )


def _rsync(command: Command) -> Risk:
    if any(word in ("-n", "--dry-run") or re.fullmatch(r"-[a-zA-Z]*n[a-zA-Z]*", word) for word in command.arguments):
        return "read"
    return (
        "destroy"
        if any(word.startswith("--delete") or word == "--remove-source-files" for word in command.arguments)
        else "change"
    )


def _shutdown(command: Command) -> Risk:
    return "change" if any(word in ("-r", "--reboot", "-c") for word in command.arguments) else "destroy"


def _backup_tool(command: Command) -> Risk:
    text = " ".join(command.arguments)
    if re.search(r"\b(forget|prune|delete|destroy|purge|expire|rollback|remove)\b", text):
        return "destroy"
    return "read" if re.search(r"\b(snapshots|list|info|check|ls|stats|status|get|diff|find)\b", text) else "change"


def _zone(command: Command) -> Risk:
    """nginx, apachectl, haproxy, caddy: a configuration test reads, everything else changes."""
    return (
        "read"
        if re.search(
            r"(^|\s)(-t|-T|-v|-V|-c|configtest|validate|status|-S|version|fullstatus)(\s|$)",
            " ".join(command.arguments),
        )
        else "change"
    )


def _openssl(command: Command) -> Risk:
    return (
        "change"
        if re.search(r"(^|\s)(-out|-keyout|genrsa|req\s+-new|-CAcreateserial)(\s|$)", " ".join(command.arguments))
        else "read"
    )


def _supervisor(command: Command) -> Risk:
    words = [word for word in command.arguments if not word.startswith("-")]
    reading = words_of(
        "status tail avail pid maintail list ls show logs info jlist prettylist describe monit report environment "
        "list_queues list_connections cluster_status"
    )
    return "read" if not words or any(word in reading for word in words[:2]) else "change"


_Judge = Callable[[Command], Risk]
JUDGES: Final[dict[str, _Judge]] = {
    **dict.fromkeys(
        ["psql", "mysql", "mariadb", "sqlite3", "clickhouse-client", "mongo", "mongosh", "cqlsh", "sqlcmd", "duckdb"],
        database_risk,
    ),
    **dict.fromkeys(["docker", "docker-compose", "podman", "podman-compose", "nerdctl", "crictl"], docker_risk),
    **dict.fromkeys(["kubectl", "oc", "k3s"], kubectl_risk),
    **dict.fromkeys(
        ["apt", "apt-get", "dnf", "yum", "apk", "pacman", "brew", "snap", "pip", "pip3", "gem", "dpkg", "rpm", "pipx"],
        packages_risk,
    ),
    **dict.fromkeys(
        [
            "aws",
            "gcloud",
            "az",
            "fly",
            "flyctl",
            "heroku",
            "gh",
            "vercel",
            "terraform",
            "tofu",
            "pulumi",
            "helm",
            "doctl",
            "netlify",
            "wrangler",
            "supabase",
            "railway",
            "ansible-galaxy",
        ],
        _cloud,
    ),
    **dict.fromkeys(
        ["python", "python3", "python2", "perl", "ruby", "node", "php", "deno", "bun", "lua", "Rscript"],
        interpreter_risk,
    ),
    **dict.fromkeys(SHELLS, shell_risk),
    **dict.fromkeys(
        [
            "npm",
            "npx",
            "yarn",
            "pnpm",
            "make",
            "rails",
            "rake",
            "artisan",
            "prisma",
            "bundle",
            "composer",
            "manage.py",
            "django-admin",
            "alembic",
            "flyway",
            "knex",
            "sequelize",
        ],
        framework_risk,
    ),
    **dict.fromkeys(
        ["restic", "borg", "duplicity", "zfs", "zpool", "btrfs", "rclone", "velero", "wal-g", "pgbackrest", "barman"],
        _backup_tool,
    ),
    **dict.fromkeys(["iptables", "ip6tables", "nft", "ufw"], _firewall),
    **dict.fromkeys(["nginx", "apachectl", "apache2ctl", "haproxy", "caddy"], _zone),
    **dict.fromkeys(["supervisorctl", "pm2", "rabbitmqctl", "monit"], _supervisor),
    "rm": _rm,
    "git": _git,
    "systemctl": _systemctl,
    "service": _service,
    "curl": _curl,
    "wget": _wget,
    "find": _find,
    "xargs": _xargs,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "sed": _sed,
    "redis-cli": _redis,
    "valkey-cli": _redis,
    "mount": _mount,
    "tar": _tar,
    "crontab": _crontab,
    "ip": _ip,
    "journalctl": _journal,
    "source": source_risk,
    ".": source_risk,
    "rsync": _rsync,
    "shutdown": _shutdown,
    "openssl": _openssl,
}
