"""The spool on a host: a changing command starts once, survives us, and can be picked up again.

Everything is plain POSIX sh sent on stdin of ``/bin/sh``; it runs in dash, busybox sh and bash. Files of one step, in
``SPOOL/RUN``:

    STEP.go         the claim: "pid start-time boot-id token", made by the runner itself with O_EXCL. Whoever makes it
                    owns the step: a second start, a late start and a cancel all find it taken
    STEP.cmd.TOKEN  the command text           STEP.rc.TOKEN   32 reserved bytes, then the exit code
    STEP.out        stdout and stderr          STEP.cancel     somebody asked for its end

A claim of pid 0 says: cancelled, or given up, before anything was started.

A pid counts only together with its start time and the boot id. The answer is one marked line on stdout, "MARK STATUS
CODE BOOT UID SIZE OFFSET LENGTH", and exactly LENGTH bytes of output: fewer means that the line was cut.

Size: the output is a plain file, because a pipe or ``ulimit -f`` could change the exit code or end the command. Only
the first 48 and the last 16 MB are ever collected; each look at an output above 80 MB gives the disk blocks between
them back (``fallocate`` hole punching, where the host has it). While nobody looks, only the disk bounds an output.

Steps see SIGINT and SIGQUIT ignored, as every background job of a POSIX shell does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from watchkeeper.adapters.hosts.words import check_part, check_shell, check_text, new_mark, quote, script
from watchkeeper.core.errors import Invalid, Usage
from watchkeeper.services.ports import SpoolAnswer, SpoolStatus, SpoolStep

HEAD_BYTES = 48 * 1024 * 1024
TAIL_BYTES = 16 * 1024 * 1024

# Runs in the step's own shell, $0 being the command file. It claims, runs, and records; TERM to the group leaves it
# alive to write the exit code. The command itself runs in a subshell without our variables, in the login directory.
RUNNER = r"""
read -r wk_x </proc/$$/stat; set -- ${wk_x##*) }
set -C
{ echo $$ ${20} $wk_y $wk_t >"$wk_k.go"; } 2>/dev/null || { rm -f "$wk_k.cmd.$wk_t" "$wk_k.rc.$wk_t"; exit; }
set +C --
trap : TERM INT HUP
(cd "$wk_h"; wk_x=$wk_E; unset wk_k wk_t wk_y wk_h wk_E
eval "unset wk_x; $wk_x"; . "$0") >"$wk_k.out" 2>&1
printf "%-31s\n" $? 1<>"$wk_k.rc.$wk_t"
"""

# What every script shares: finding the directory, the state of a step, and the answer.
COMMON = r"""
wk_refuse() {
  wk_x="$2 on this host"
  wk_take; printf '%s %s - %s %s 0 0 %s\n%s' "$wk_m" "$1" "${wk_y:--}" "${wk_i:--}" ${#wk_x} "$wk_x"; wk_give; }
wk_nap() { sleep $1 2>/dev/null || sleep 1; }
wk_owned() { [ -O "$wk_s" ] && [ ! -L "$wk_s" ] || wk_refuse nospool "$wk_s does not belong to uid $wk_i"; }
wk_enter() {
  wk_h=$PWD; wk_y=   # no umask: the directory is closed to others, and the command must see the login's own
  read -r wk_y 2>/dev/null </proc/sys/kernel/random/boot_id
  [ "$wk_y" ] || wk_refuse nospool "there is no boot id in /proc"
  [ "$wk_i" ] || wk_i=$(id -u)
  [ "$wk_s" ] || wk_s=/var/tmp/wk-$wk_i
  [ ! -e "$wk_s" ] || wk_owned
  if [ "$wk_f" ]; then
    [ -d "$wk_s/$wk_r" ] || (umask 077; mkdir -p "$wk_s/$wk_r") 2>/dev/null ||
      wk_refuse nospool "the directory $wk_s/$wk_r cannot be made"
    case $(ls -ldn "$wk_s") in drwx------*) ;;
      *) wk_refuse nospool "$wk_s is open to others, it must have mode 0700";; esac
    wk_owned
  fi
  cd "$wk_s/$wk_r" 2>/dev/null || wk_refuse $1 "the run directory $wk_s/$wk_r does not exist"
}
wk_ended() {
  wk_v=; read -r wk_v 2>/dev/null <"$wk_k.rc.$wk_n" && [ "$wk_v" ] || return 1
  wk_a=done; [ ! -e "$wk_k.cancel" ] || { wk_a=cancelled; wk_v=-; }; }
wk_state() {
  wk_v=-; wk_p=; wk_n=
  read -r wk_p wk_d wk_b wk_n 2>/dev/null <"$wk_k.go"
  [ "$wk_n" ] || { wk_a=gone; [ "${wk_B:-$wk_y}" = "$wk_y" ] || wk_a=rebooted; return; }
  [ "$wk_p" != 0 ] || { wk_a=cancelled; return; }
  wk_ended && return
  wk_x=; read -r wk_x 2>/dev/null </proc/$wk_p/stat; set -- ${wk_x##*) }
  case $1 in Z|X) set --;; esac
  wk_v=-; [ "$wk_b/$wk_d" != "$wk_y/${20}" ] || { wk_a=running; return; }
  wk_ended && return
  wk_v=-; wk_a=gone; [ ! -e "$wk_k.cancel" ] || wk_a=cancelled; [ "$wk_b" = "$wk_y" ] || wk_a=rebooted
}
wk_measure() {
  wk_z=0; [ ! -s "$wk_k.out" ] || wk_z=$(($(wc -c <"$wk_k.out")))
  [ $wk_z -le $((wk_H+2*wk_T)) ] || fallocate -p -o $wk_H -l $((wk_z-wk_T-wk_H)) "$wk_k.out" 2>/dev/null; }
wk_wait() {
  wk_j=0
  while wk_state; [ $wk_a = running ] && [ $wk_w -gt 0 ]; do
    if [ $wk_j -lt 6 ]; then wk_nap 0.03; else wk_nap 0.2; fi
    wk_w=$((wk_w-1)); wk_j=$((wk_j+1)); [ $((wk_j%10)) -gt 0 ] || wk_measure
  done
}
wk_answer() {
  [ -z "$wk_g" ] || kill $wk_g 2>/dev/null
  wk_measure; wk_e=$wk_z
  case $wk_a in
  running|started) [ $wk_e -le $wk_H ] || wk_e=$wk_H;;
  *) if [ $wk_z -gt $((wk_H+wk_T)) ]; then
       if [ $wk_o -lt $wk_H ]; then wk_e=$wk_H; elif [ $wk_o -lt $((wk_z-wk_T)) ]; then wk_o=$((wk_z-wk_T)); fi; fi;;
  esac
  wk_l=$((wk_e-wk_o)); [ $wk_l -ge 0 ] || wk_l=0; [ $wk_l -le $wk_L ] || wk_l=$wk_L
  wk_take; printf '%s %s %s %s %s %s %s %s\n' "$wk_m" $wk_a $wk_v $wk_y $wk_i $wk_z $wk_o $wk_l
  [ $wk_l -gt 0 ] || wk_give
  if [ $wk_o -gt 0 ]; then tail -c +$((wk_o+1)) "$wk_k.out" 2>/dev/null | head -c $wk_l
  else head -c $wk_l "$wk_k.out"; fi
  wk_give
}
"""

# In a shell of its own: nobody else writes to its output, and the end of its input is "answer now".
ALONE = r"""
wk_take() { :; }
wk_give() { exit 0; }
wk_until_asked() {
  [ $wk_w -gt 0 ] || return 0
  trap wk_w=0 ALRM; { exec <&3 >/dev/null 2>&1 3<&-; read -r wk_x; kill -ALRM $$; } & wk_g=$!; }
"""

START = r"""
wk_run() {
  wk_state; [ $wk_a != rebooted ] || wk_refuse rebooted "the boot id is no longer $wk_B"
  [ -z "$wk_A" ] || { wk_x=0; read -r wk_x 2>/dev/null </proc/uptime   # it may have been sent before this boot
    [ "${wk_x%%.*}" -ge $wk_A ] || wk_refuse rebooted "there was a boot in the last $wk_A s"; }
  command -v setsid >/dev/null || wk_refuse nosetsid "there is no setsid"
  command -v "$wk_S" >/dev/null || wk_refuse noshell "there is no $wk_S"
  wk_q=$PWD/$wk_k.cmd.$wk_t
  { printf '%s\n' "$wk_c" >"$wk_q" && printf '%31s\n' '' >"$wk_k.rc.$wk_t"; } 2>/dev/null || {
    rm -f "$wk_q" "$wk_k.rc.$wk_t" 2>/dev/null; [ -w . ] || wk_refuse nospool "$PWD cannot be written"
    wk_refuse full "the disk of $PWD is full"; }
  if [ "$wk_E" ]; then case $wk_S in
    bash) wk_E='set -e -o pipefail';;
    *) wk_E='set -e'; (set -o pipefail) 2>/dev/null && wk_E='set -e -o pipefail';; esac; fi
  [ "$wk_S" != bash ] || wk_S='bash --norc'
  wk_start & wk_pid=$!
}
wk_start() {
  exec </dev/null >/dev/null 2>&1 3<&- 8<&-
  export wk_k wk_t wk_y wk_h wk_E
  wk_values
  exec setsid $wk_S -c "$wk_R" "$wk_q"
}
wk_do_start() {
  exec 3<&0; wk_g=; wk_pid=
  wk_enter nospool
  [ -e "$wk_k.go" ] || { wk_run; wk_until_asked; [ $wk_w = 0 ] || wait $wk_pid; }
  wk_j=0
  while [ ! -s "$wk_k.go" ] && [ $wk_j -lt 250 ]; do
    [ -e "$wk_k.go" ] || kill -0 $wk_pid 2>/dev/null || break
    wk_nap 0.02; wk_j=$((wk_j+1)); done
  [ -e "$wk_k.go" ] || {   # its runner never came: nobody may start it later either
    (set -C; echo 0 0 $wk_y never >"$wk_k.go") 2>/dev/null
    [ -e "$wk_k.go" ] || wk_refuse full "the claim in $PWD could not be written"; }
  [ "$wk_g" ] || wk_until_asked
  wk_wait; [ "$wk_a/$wk_p" != "running/$wk_pid" ] || wk_a=started
  wk_answer
}
"""

LOOK = r"""
wk_do_look() {
  exec 3<&0; wk_g=
  wk_enter gone
  wk_until_asked; wk_wait
  wk_answer
}
"""

CANCEL = r"""
wk_alive() {   # somebody of the group who is not only waiting to be reaped
  kill -0 -$wk_p 2>/dev/null || return 1
  for wk_q in /proc/[0-9]*/stat; do
    wk_x=; read -r wk_x <$wk_q; set -- ${wk_x##*) }; [ "$3" = $wk_p ] || continue
    case $1 in Z|X) ;; *) return 0;; esac
  done 2>/dev/null; return 1
}
wk_do_cancel() {
  wk_g=
  wk_enter nospool
  (set -C; echo 0 0 $wk_y never >"$wk_k.go") 2>/dev/null || [ -s "$wk_k.go" ] || wk_nap 0.2
  wk_state; [ "$wk_p" != 0 ] || wk_refuse cancelled "it was never started"
  [ $wk_a = running ] || wk_answer
  (: >"$wk_k.cancel") 2>/dev/null
  kill -TERM -$wk_p 2>/dev/null; wk_j=0
  while wk_alive && [ $wk_j -lt $wk_G ]; do wk_nap 0.05; wk_j=$((wk_j+1)); done
  if wk_alive; then kill -KILL -$wk_p 2>/dev/null; wk_j=0
    while wk_alive && [ $wk_j -lt 20 ]; do wk_nap 0.05; wk_j=$((wk_j+1)); done; fi
  wk_ended || { printf "%-31s\n" 137 1<>"$wk_k.rc.$wk_n"; } 2>/dev/null
  wk_state; wk_answer
}
"""

CLEAN = r"""
wk_do_clean() {   # nothing of a run that has a step at work
  wk_enter gone
  for wk_q in *.go; do
    [ -e "$wk_q" ] || continue
    wk_k=${wk_q%.go}; wk_state
    [ $wk_a != running ] || wk_refuse running "$wk_k is at work"
  done
  rm -f ./*.out ./*.cmd.* 2>/dev/null
  [ -z "$wk_F" ] || { rm -f ./*.rc.* ./*.cancel ./*.go; cd ..; rmdir "$wk_r"; } 2>/dev/null
  printf '%s done 0 %s %s 0 0 0\n' "$wk_m" $wk_y $wk_i
}
"""

# The names of run directories, one per line, at most 2000.
LIST = r"""
wk_do_list() {
  wk_enter gone; wk_x=; wk_j=0
  for wk_q in "$wk_k"*; do
    case $wk_q in *[!A-Za-z0-9._-]*) continue;; esac
    [ -d "$wk_q" ] && [ $wk_j -lt 2000 ] || continue
    wk_x="$wk_x$wk_q
"; wk_j=$((wk_j+1))
  done
  printf '%s done 0 %s %s %s 0 %s\n%s' "$wk_m" $wk_y $wk_i ${#wk_x} ${#wk_x} "$wk_x"
}
"""


VERBS = {"start": START, "look": LOOK, "cancel": CANCEL, "clean": CLEAN, "list": LIST}


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to the spool, and what is needed to understand the answer.

    settings: variables of the script without the mark. verb: the function that answers, ``wk_do_VERB`` of `VERBS`.
    """

    verb: str
    mark: str
    settings: Mapping[str, str]
    environment: Mapping[str, str] | None = None
    offset: int = 0

    @property
    def input(self) -> bytes:
        """Everything for a ``/bin/sh`` of its own."""
        constants = {"m": self.mark, "R": RUNNER, "H": str(HEAD_BYTES), "T": str(TAIL_BYTES)}
        body = f"{COMMON}{ALONE}{VERBS[self.verb]}\nwk_main() {{\nwk_do_{self.verb}\n}}"
        return script(constants | dict(self.settings), self.environment, body)


def functions() -> str:
    """What a kept shell must know to answer ``start`` and ``look``; it brings its own take, give and until_asked."""
    constants = {"R": RUNNER, "H": str(HEAD_BYTES), "T": str(TAIL_BYTES)}
    return "\n".join(f"wk_{name}={quote(value)}" for name, value in constants.items()) + COMMON + START + LOOK


@dataclass(frozen=True, slots=True)
class Head:
    """The marked line of an answer. length: bytes of output that follow it; offset: where they begin in the file."""

    status: str
    exit_code: int | None
    boot: str
    uid: str
    size: int
    offset: int
    length: int


def check_directory(spool: str) -> str:
    """A configured spool directory; empty means ``/var/tmp/wk-UID``. Raises `Invalid`, also for anything in /tmp."""
    if not spool:
        return ""
    path = "/" + "/".join(part for part in spool.split("/") if part not in ("", "."))
    if not spool.startswith("/") or ".." in path.split("/") or "\0" in spool or "\n" in spool:
        raise Invalid(f"spool: {spool!r} is not an absolute path.", "Write a path such as /var/lib/watchkeeper-spool.")
    if path == "/tmp" or path.startswith("/tmp/"):
        raise Invalid(
            f"spool: {spool} is in /tmp, which does not survive a reboot: a retry could run a command a second time.",
            "Leave `spool:` away for /var/tmp/wk-UID, or name a directory that stays.",
        )
    return path


def _settings(step: SpoolStep, directory: str, uid: str) -> dict[str, str]:
    return {
        "s": directory,
        "i": uid,
        "r": check_part(step.run, "run"),
        "k": check_part(step.step, "step"),
        "B": step.boot,
        # a host that already answered for this step must still have the directory: never make it again
        "f": "1" if step.first_of_run and not step.boot else "",
    }


def _window(wait_s: float, offset: int, limit: int) -> dict[str, str]:
    rounds = 0 if wait_s <= 0 else int(wait_s / 0.2) + 10  # a bound only: the asker's end of input ends the wait
    return {"w": str(rounds), "o": str(max(0, offset)), "L": str(max(0, limit))}


def start(step: SpoolStep, *, directory: str, uid: str, wait_s: float, offset: int, limit: int) -> Ask:
    """Start once, or re-attach. The asker ends the wait early by closing its side of the input."""
    mark = new_mark()
    settings = _settings(step, directory, uid) | _window(wait_s, offset, limit)
    settings |= {
        "t": mark.removeprefix("wk-"),
        "A": str(int(step.age_s)) if step.age_s >= 1 else "",
        "S": check_shell(step.shell),
        "c": check_text(step.text),
        "E": "1" if step.strict else "",
    }
    return Ask("start", mark, settings, step.environment, offset)


def look(step: SpoolStep, *, directory: str, uid: str, wait_s: float, offset: int, limit: int) -> Ask:
    """State and output; never starts anything."""
    settings = _settings(step, directory, uid) | _window(wait_s, offset, limit) | {"f": ""}
    return Ask("look", new_mark(), settings, offset=offset)


def cancel(step: SpoolStep, *, directory: str, uid: str, grace_s: float) -> Ask:
    """End the process group, or claim the step so that it can never start."""
    settings = _settings(step, directory, uid) | _window(0, 0, 0) | {"G": str(max(1, round(grace_s / 0.05)))}
    return Ask("cancel", new_mark(), settings)


def clean(run: str, *, directory: str, uid: str, claims: bool = False) -> Ask:
    """Remove outputs and texts of a run; claims and exit codes stay, so that a late start still finds them.

    claims: those too, and the directory with them; a start that comes later still would run.
    """
    step = SpoolStep(run=run, step="none", text="")
    settings = _settings(step, directory, uid) | _window(0, 0, 0) | {"F": "1" if claims else ""}
    return Ask("clean", new_mark(), settings)


def listing(prefix: str, *, directory: str, uid: str) -> Ask:
    """The run directories whose names begin like this."""
    settings = {"s": directory, "i": uid, "r": ".", "k": check_part(prefix, "run"), "B": "", "f": ""}
    return Ask("list", new_mark(), settings | _window(0, 0, 0))


_LINE = re.compile(rb"(\w+) (-?\d+|-) (\S+) (\S+) (\d+) (\d+) (\d+)\Z")


def parse_head(line: bytes) -> Head:
    """The words after the mark. Raises `ValueError` when they are not an answer of ours."""
    match = _LINE.match(line.strip())
    if match is None:
        raise ValueError("not an answer of the spool")
    status, code, boot, uid, size, offset, length = (group.decode("ascii", "replace") for group in match.groups())
    return Head(
        status=status,
        exit_code=None if code == "-" else int(code),
        boot="" if boot == "-" else boot,
        uid="" if uid == "-" else uid,
        size=int(size),
        offset=int(offset),
        length=int(length),
    )


REFUSALS = frozenset(("rebooted", "nospool", "nosetsid", "full"))
_STATUSES: frozenset[str] = REFUSALS | {"started", "running", "done", "gone", "cancelled"}


def answer(ask: Ask, head: Head, data: bytes, host: str, shell: str = "") -> SpoolAnswer:
    """What the host said. For refusals (`nospool`, `nosetsid`, `full`, `rebooted`) output is the reason, a sentence."""
    if head.status == "noshell":
        raise Invalid(
            f"{host} has no {shell}, which this step asks for; nothing was started.",
            f"Write the block for sh, or install {shell} there.",
        )
    status = _status(head.status)
    if head.size == 0 and head.length:
        reason = data.decode("utf-8", "replace").replace("on this host", f"on {host}")
        said = {"cancelled": reason} | dict.fromkeys(REFUSALS, f"Not started: {reason}.\n")
        return SpoolAnswer(status, None, head.boot, said.get(status, "").encode())
    left_out = max(0, head.offset - ask.offset) if head.length else 0
    if left_out:
        gap = f"\n[watchkeeper: {left_out} bytes left out: first 48 MB and last 16 MB are kept]\n"
        data = gap.encode() + data
    code = head.exit_code if status == "done" else None
    return SpoolAnswer(status, code, head.boot, data, head.offset + head.length, left_out)


def _status(word: str) -> SpoolStatus:
    if word not in _STATUSES:
        raise Usage(f"The spool answered with an unknown word: {word!r}.", "Update watchkeeper.")
    return cast(SpoolStatus, word)
