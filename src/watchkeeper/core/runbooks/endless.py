"""Commands that need a person at a terminal, and commands that do not end by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.runbooks.commands import SHELLS, all_commands, container_rest, ssh_rest
from watchkeeper.core.runbooks.shell import Command, Script

_TERMINAL: Final = frozenset(
    [
        "nano",
        "vi",
        "vim",
        "nvim",
        "emacs",
        "pico",
        "joe",
        "mcedit",
        "micro",
        "view",
        "visudo",
        "vipw",
        "less",
        "more",
        "most",
        "man",
        "htop",
        "btop",
        "atop",
        "nmon",
        "ncdu",
        "mc",
        "iotop",
        "iftop",
        "nethogs",
        "glances",
        "tig",
        "lazygit",
        "lazydocker",
        "k9s",
        "passwd",
        "login",
        "telnet",
        "ftp",
        "mysql_secure_installation",
        "raspi-config",
        "nmtui",
        "aptitude",
        "fdisk",
        "cfdisk",
        "parted",
        "gdb",
    ]
)
_PROMPTS: Final = frozenset(
    [
        "psql",
        "mysql",
        "mariadb",
        "sqlite3",
        "redis-cli",
        "mongo",
        "mongosh",
        "python",
        "python3",
        "python2",
        "node",
        "irb",
        "php",
        "ruby",
        "R",
        "ghci",
        "cqlsh",
        "bc",
        "rails-console",
    ]
)
_SERVES: Final = re.compile(r"\b(run\s+)?(start|dev|serve|server|watch|storybook)(:\S+)?$|\b(db:)?studio\b")


@dataclass(frozen=True, slots=True)
class Attended:
    """Why a script needs a person. interactive: a terminal and answers; endless: does not end; asks: wants a yes."""

    interactive: str = ""
    endless: str = ""
    asks: str = ""
    leaves: str = ""


def _flags(command: Command) -> str:
    """All short option letters of a command in one string."""
    return "".join(word[1:] for word in command.arguments if re.fullmatch(r"-[A-Za-z]\w*", word))


def _has(command: Command, *options: str) -> bool:
    return any(word == option or word.startswith(option + "=") for word in command.arguments for option in options)


def _container_terminal(command: Command) -> bool:
    rest = container_rest(command.words)
    if rest is None:
        return False
    before = command.words[: len(command.words) - len(rest[1])]
    letters = {letter for word in before if re.fullmatch(r"-[dit]+", word) for letter in word[1:]}
    tty = "t" in letters or "--tty" in before
    stdin = "i" in letters or "--interactive" in before
    if command.name in ("docker-compose",) or "compose" in before:
        return False if "-T" in before or "-d" in before else _is_prompt(rest[1])
    return tty and stdin and "d" not in letters


def _is_prompt(words: tuple[str, ...]) -> bool:
    """Whether a command inside a container opens a prompt: a bare shell or client."""
    return not words or (words[0].rsplit("/", 1)[-1] in SHELLS | _PROMPTS and len(words) == 1)


def _bare_prompt(command: Command) -> bool:
    """psql, python3, bash ... with neither input nor something to do."""
    name = command.name
    if command.stdin or name not in _PROMPTS | SHELLS:
        return False
    words = command.arguments
    if name in SHELLS:
        return not [word for word in words if not re.fullmatch(r"-[il]+|--login|-", word)]
    if name in ("python", "python3", "python2", "node", "php", "ruby", "irb", "R", "ghci", "bc"):
        return not words or words == ("-i",)
    if any(
        re.fullmatch(r"-[a-zA-Z]*[cfefl]|--(command|execute|file|eval|list|version|help)(=.*)?|-V|-e.+|-c.+", word)
        for word in words
    ):
        return False
    operands = [word for word in words if not word.startswith("-")]
    if name == "sqlite3":
        return len(operands) < 2
    if name == "redis-cli":
        return not _after_options(words, "hpanu")
    return not any(" " in word for word in operands)


def _after_options(words: tuple[str, ...], with_value: str) -> tuple[str, ...]:
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if len(words[index]) == 2 and words[index][1] in with_value else 1
    return words[index:]


def _leaves(command: Command) -> str:
    """A command that puts the reader into another shell, so that what follows is meant for that place."""
    if command.name == "ssh" and not command.stdin:
        host, rest = ssh_rest(command.words)
        if host and not rest and not re.search(r"[NfTQV]", _flags(command)):
            return f"opens a session on {host}"
    if command.name in ("su", "sudo", "doas") and not command.stdin:
        rest_words = [word for word in command.arguments if word not in ("-", "-l", "--login")]
        if command.name == "su" and "-c" not in command.arguments:
            return "opens a shell of another user"
        if command.name != "su" and rest_words in (
            ["-i"],
            ["-s"],
            ["-si"],
            ["su"],
            ["su", "-"],
            ["bash"],
            ["-E", "-s"],
        ):
            return "opens a root shell"
    if command.name == "chroot" and len([word for word in command.arguments if not word.startswith("-")]) == 1:
        return "opens a shell in another root directory"
    if command.name in ("tmux", "screen") and not re.search(r"-d|-ls|-X|ls|kill|send", " ".join(command.arguments)):
        return f"opens {command.name}"
    inside = container_rest(command.words)
    if inside is not None and _is_prompt(inside[1]) and inside[0] == "exec":
        return "opens a shell in a container"
    return ""


def _interactive(command: Command) -> str:
    name, words, text = command.name, command.arguments, " ".join(command.arguments)
    if name in _TERMINAL:
        if name in ("less", "more", "most") and command.stdin in ("pipe", "text"):
            return f"{name} is a pager"
        if name in ("parted", "fdisk") and (re.search(r"(^|\s)(-l|-s|print)(\s|$)", text) or command.stdin):
            return ""
        return "" if name == "passwd" and "--stdin" in words else f"{name} needs a terminal"
    if name == "top" and "b" not in _flags(command):
        return "top needs a terminal"
    if _container_terminal(command):
        return f"{name} with a terminal (-it) waits for a person"
    if _bare_prompt(command):
        return f"{name} without a command opens a prompt"
    if (name == "crontab" and "-e" in words) or (name in ("systemctl", "kubectl") and words[:1] == ("edit",)):
        return f"{name} opens an editor"
    if name == "git" and (
        re.search(r"\brebase\b.*\s(-i|--interactive)|\badd\s+-[pi]\b", text) or _commit_without_message(command)
    ):
        return "git opens an editor"
    if name == "read" and not command.stdin:
        return "read waits for an answer"
    if re.search(r"(^|\s)login$", text) and name not in ("grep", "rg", "echo", "printf", "cat", "journalctl"):
        return f"{name} login waits for a person"
    if name == "docker" and words[:1] == ("login",) and "--password-stdin" not in words:
        return "docker login asks for a password"
    if (name, words[:1]) in (("aws", ("configure",)), ("npm", ("init",)), ("gcloud", ("init",))) and not {
        "-y",
        "get",
        "set",
        "list",
    } & set(words):
        return f"{name} {words[0]} asks questions"
    if name == "openssl" and words[:1] == ("s_client",) and not command.stdin:
        return "openssl s_client waits for input"
    if name == "sftp" and not _has(command, "-b"):
        return "sftp opens a prompt"
    return ""


def _commit_without_message(command: Command) -> bool:
    words = command.arguments
    if "commit" not in words:
        return False
    return not any(
        re.fullmatch(r"-[a-z]*[mFC]\S*|--(message|file|no-edit|reuse-message|fixup)(=.*)?", word) for word in words
    )


def _follows(command: Command) -> bool:
    """logs -f, tail -F, journalctl --follow ..."""
    flags, words = _flags(command), command.arguments
    if command.name == "tail":
        return ("f" in flags or "F" in flags or _has(command, "--follow")) and not _has(command, "--pid")
    if command.name in ("journalctl", "dmesg"):
        return "f" in flags or "w" in flags or _has(command, "--follow", "--follow-new")
    if "logs" in words or "log" in words:
        after = command.arguments[(words.index("logs") if "logs" in words else words.index("log")) + 1 :]
        return (
            any(
                re.fullmatch(r"-[a-zA-Z]*f", word) or (word in ("--follow", "--tail") and command.name == "heroku")
                for word in after
            )
            and command.name != "git"
        )
    return False


def _endless(command: Command) -> str:
    name, words, flags = command.name, command.arguments, _flags(command)
    counted = [word for word in words if word.isdigit()]
    if _follows(command):
        return f"{name} follows a log"
    if (
        name in ("watch", "yes", "stern", "ngrok", "inotifywait")
        and not (name == "inotifywait" and "m" not in flags)
        and not re.search(r"\b-g\b", " ".join(words))
    ):
        return f"{name} does not end by itself"
    if name == "top" and "b" in flags and not re.search(r"(^|\s)-\w*n", " ".join(words)):
        return "top does not end by itself"
    if (
        name in ("ping", "ping6")
        and "c" not in flags
        and not _has(command, "-w")
        and not re.search(r"(^|\s)-(c|w)\d", " ".join(words))
    ):
        return "ping without -c does not end"
    if name in ("tcpdump", "tshark") and "c" not in flags:
        return f"{name} without -c does not end"
    if name in ("vmstat", "iostat", "mpstat", "sar") and len(counted) == 1:
        return f"{name} without a count does not end"
    if name in ("docker", "podman") and words[:1] == ("stats",) and not _has(command, "--no-stream"):
        return f"{name} stats without --no-stream does not end"
    if (
        name in ("docker", "podman", "kubectl")
        and words[:1] in (("events",), ("attach",), ("port-forward",), ("proxy",))
        and not _has(command, "--until")
    ):
        return (
            ""
            if name == "kubectl" and words[:1] == ("events",) and "-w" not in words
            else f"{name} {words[0]} does not end by itself"
        )
    if name in ("kubectl", "oc") and (_has(command, "-w", "--watch", "--watch-only") and "get" in words):
        return f"{name} get --watch does not end"
    compose = name == "docker-compose" or (name in ("docker", "podman") and "compose" in words)
    if compose and "up" in words and not (_has(command, "-d", "--detach", "--wait", "--no-start") or "d" in flags):
        return "compose up without -d stays in the foreground"
    if name in ("npm", "yarn", "pnpm") and _SERVES.search(" ".join(words)):
        return f"{name} {' '.join(words)} runs a server in the foreground"
    if name.startswith("python") and ("http.server" in words or "runserver" in words):
        return "a server in the foreground does not end"
    if name == "sleep" and words[:1] == ("infinity",):
        return "sleep infinity does not end"
    if name == "ssh" and ("N" in flags and "f" not in flags):
        return "ssh -N keeps a tunnel open"
    return ""


def _asks(command: Command) -> str:
    name, flags, words = command.name, _flags(command), set(command.arguments)
    if command.stdin:
        return ""
    yes = (
        bool(
            words
            & {
                "-y",
                "--yes",
                "--assume-yes",
                "-f",
                "--force",
                "-auto-approve",
                "--auto-approve",
                "--noconfirm",
                "--non-interactive",
                "-n",
            }
        )
        or "y" in flags
    )
    if yes or "f" in flags:
        return ""
    acts = words & {"install", "upgrade", "remove", "purge", "autoremove", "dist-upgrade", "full-upgrade"}
    if name in ("apt", "apt-get", "dnf", "yum", "aptitude") and acts:
        return f"{name} {next(iter(acts))} without -y asks for a yes"
    if name in ("docker", "podman") and "prune" in words:
        return f"{name} prune without -f asks for a yes"
    if name == "ufw" and words & {"enable", "reset", "delete"}:
        return "ufw may ask for a yes"
    if name in ("terraform", "tofu", "pulumi") and words & {"apply", "destroy", "up"}:
        return f"{name} asks for a yes"
    return ""


def _is_bounded(commands: tuple[Command, ...], index: int) -> bool:
    """Whether a command was started by ``timeout``."""
    return index > 0 and commands[index - 1].name == "timeout" and commands[index].inner


def judge(script: Script) -> Attended:
    """Why this script may not be left alone; empty sentences when it may."""
    commands = all_commands(script)
    interactive = endless = asks = leaves = ""
    for index, command in enumerate(commands):
        leaves = leaves or _leaves(command)
        interactive = interactive or _interactive(command)
        if not _is_bounded(commands, index):
            endless = endless or _endless(command)
        asks = asks or _asks(command)
    if script.loops_forever:
        endless = endless or "a loop without end"
    if script.background and endless and len(script.statements) <= 2:
        endless = ""
    return Attended(interactive or leaves, endless, asks, leaves)
