"""What a kept shell runs: one ``/bin/sh`` on the host that takes many jobs and answers in frames.

It is sent once: functions, then ``wk_keep``, which makes a private directory in memory and says hello. From then on the
shell reads messages of the form "define ``wk_do`` with these jobs, call it": a line cut in the middle runs nothing.
Jobs run in the background, so the shell itself is always ready for the next message, and the end of its input ends
them all (`wk_gone`). In the directory N is the place of a job, counted from 0 and used again:

    oN eN     stdout and stderr of a read, at most one byte more than is wanted of each; oN.I eN.I in a bundle
    cN        "job exit-code", once the command has ended; "job held" when an output is not known to be whole; of a
              bundle "job begin exit-code:end ...", in seconds of the host's uptime
    pN        "job pid start-time command's-pid its-start-time": whom an order is for, and what to end
    kN        "job": an order to end it, looked for by a job that had no trap yet when the order came
    nN        "job": it was looked after when its command had ended already
    hoN heN   "job pid start-time" of the process that writes oN or eN
    t         a pipe with one token in it: who holds the token may write to our output
    main      "pid start-time" of this shell, for people

A frame is one line "MARK JOB KIND WORDS", the bytes it promises, and the line "MARK.". The mark is random, known to
this shell only and never in an argument list or an environment. Anything between two frames is somebody's noise;
anything inside one breaks its end, and then the shell is given up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.adapters.hosts import spool
from watchkeeper.adapters.hosts.words import LONGEST_STRING, check_shell, check_text, exports, quote

# Every process of a job closes 8, the token, before it becomes a command.
SHARED = r"""
wk_lives() {   # pid start-time: that very process, and not only waiting to be reaped
  wk_x=; read -r wk_x 2>/dev/null </proc/$1/stat || return 1
  set -- "$2" ${wk_x##*) }
  case $2 in Z|X) return 1;; esac
  [ "$1" = "${21}" ]
}
wk_end_all() {   # every job of the directory: ask, wait, end
  for wk_j in "$wk_kd"/p*; do
    wk_p=; read -r wk_i wk_p wk_t wk_q wk_r 2>/dev/null <"$wk_j" && [ "$wk_p" ] || continue
    echo "$wk_i" >"$wk_kd/k${wk_j##*/p}"
    wk_lives $wk_p $wk_t && kill -USR1 $wk_p
  done
  wk_l=0
  while [ $wk_l -lt 30 ]; do
    wk_n=
    for wk_j in "$wk_kd"/p*; do
      wk_p=; read -r wk_i wk_p wk_t wk_q wk_r 2>/dev/null <"$wk_j" && [ "$wk_p" ] || continue
      wk_lives $wk_p $wk_t && wk_n=1
      [ $wk_l -lt 29 ] || kill -KILL $wk_p
      wk_lives $wk_p $wk_t && [ $wk_l -lt 29 ] || { [ "$wk_q" != - ] && wk_lives $wk_q $wk_r && kill -KILL -$wk_q; }
    done
    [ "$wk_n" ] || break
    sleep 0.05 || sleep 1; wk_l=$((wk_l+1))
  done
  wk_l=0   # the last of a job may still write
  while rm -rf "$wk_kd"; [ -e "$wk_kd" ] && [ $wk_l -lt 10 ]; do
    sleep 0.1 || sleep 1; wk_l=$((wk_l+1)); done
}
"""

KEEP = r"""
wk_run='wk_x=$wk_c; unset wk_c; eval "$wk_x"'
wk_take() { trap '' PIPE; read -r wk_kt <&8; }   # whoever holds the token lives until it is given back
wk_give() { printf '%s.\n' "$wk_km"; echo >&8; exit 0; }
wk_whoami() { read -r wk_x </proc/self/stat; wk_me=${wk_x%% *}; set -- ${wk_x##*) }; wk_since=${20}; }
wk_ready() {   # command's pid and start time: orders reach this job from now on
  wk_whoami; echo "$wk_ki $wk_me $wk_since $1 $2" >"$wk_kd/p$wk_kn"
  wk_x=; read -r wk_x 2>/dev/null <"$wk_kd/k$wk_kn"; [ "$wk_x" != "$wk_ki" ]
}
wk_until_asked() {
  [ $wk_w -gt 0 ] || return 0
  trap wk_w=0 USR1; wk_ready - - || wk_w=0; }
wk_spool() {
  exec 2>/dev/null; wk_m="$wk_km $wk_ki spool"
  wk_do_$1
}
wk_read() {
  exec 2>/dev/null
  { { wk_task | wk_hold e || wk_cut_off; } 4>&1 | wk_hold o; } || wk_cut_off
  wk_x=; wk_v=; read -r wk_x wk_v <"$wk_kd/c$wk_kn"
  [ "$wk_x" = $wk_ki ] && set -- $(wc -c "$wk_kd/o$wk_kn" "$wk_kd/e$wk_kn") && [ "$3" ] || { wk_v=lost; set -- 0 - 0; }
  wk_take; printf '%s %s read %s %s %s\n' "$wk_km" $wk_ki $wk_v $1 $3
  [ $wk_v = lost ] || cat "$wk_kd/o$wk_kn" "$wk_kd/e$wk_kn"
  wk_give
}
wk_cut_off() { echo "$wk_ki held" >"$wk_kd/c$wk_kn"; }   # an output ended before its end; so it is in full memory
wk_hold() {   # keep one output. exec, because a shell keeps copies of what a function call redirects
  exec 4>&- 8<&- >"$wk_kd/$1$wk_kn"
  wk_whoami; echo "$wk_ki $wk_me $wk_since" >"$wk_kd/h$1$wk_kn"
  exec head -c $wk_kl
}
wk_task() {   # leads the command and its group to their end; stdout is 4, stderr goes to our own output
  exec 8<&-; wk_o=; trap wk_o=1 USR1
  command -v "$wk_S" >/dev/null || { echo "$wk_ki noshell" >"$wk_kd/c$wk_kn"; exit; }
  case $wk_E$wk_S in 1bash) wk_E='set -e -o pipefail; ';; 1*) wk_E='set -e; '; (set -o pipefail) 2>/dev/null &&
    wk_E='set -e -o pipefail; ';; esac
  [ "$wk_S" != bash ] || wk_S='bash --norc'
  (exec 2>&1 >&4 4>&- </dev/null; export wk_c; wk_values
   exec setsid $wk_S -c "${wk_E}$wk_run") &
  wk_lead
  echo "$wk_ki $wk_v" >"$wk_kd/c$wk_kn"
}
wk_lead() {   # the child that was just begun, and its group, to their end
  wk_q=$!; wk_x=; read -r wk_x </proc/$wk_q/stat; set -- ${wk_x##*) }
  wk_ready $wk_q ${20} || wk_o=1
  [ "$wk_o" ] || { wait $wk_q; wk_v=$?; }
  if [ "$wk_o" ]; then   # the end was asked for: TERM, a grace, and below KILL
    kill -TERM -$wk_q || kill -TERM $wk_q; wk_l=0; wk_v=137
    while wk_lives $wk_q ${20} && [ $wk_l -lt $wk_G ]; do sleep 0.05 || sleep 1; wk_l=$((wk_l+1)); done
    sleep 0.05; kill -KILL $wk_q
  fi
  kill -KILL -$wk_q
}
wk_bundle() {   # quick reads, one after the other in one group. What is done when it is ended early is answered
  exec 2>/dev/null; wk_o=; trap wk_o=1 USR1; : >"$wk_kd/c$wk_kn"
  (exec 8<&- </dev/null >/dev/null; export wk_c; exec setsid sh -c "$wk_run" wk "$wk_kd" $wk_kn $wk_ki) &
  wk_lead
  wk_x=; wk_v=; read -r wk_x wk_v <"$wk_kd/c$wk_kn"; echo "$wk_ki" >"$wk_kd/n$wk_kn" || wk_x=
  [ "$wk_x" = "$wk_ki" ] && [ "$wk_v" ] || wk_v=lost
  set --; wk_l=0; wk_w=${wk_v%% *}; wk_r=; [ "$wk_w" = "$wk_v" ] || wk_r=${wk_v#* }
  for wk_x in $wk_r; do
    set -- "$@" "$wk_kd/o$wk_kn.$wk_l" "$wk_kd/e$wk_kn.$wk_l"; wk_l=$((wk_l+1)); done
  [ $# = 0 ] || wk_l=$(wc -c "$@")
  wk_z=$(wk_sizes $wk_l)
  wk_take; printf '%s %s bundle %s%s\n' "$wk_km" $wk_ki "$wk_w" "$wk_z"
  [ $# = 0 ] || cat "$@"
  wk_give
}
wk_sizes() { for wk_x in $wk_r; do printf ' %s:%s:%s' $wk_x $1 $3; shift 4; done; }
wk_order() {   # job place: end it. None is lost: a job that is not ready yet looks for k when it gets ready
  echo "$1" >"$wk_kd/k$2"
  wk_p=; read -r wk_i wk_p wk_t wk_x 2>/dev/null <"$wk_kd/p$2"
  [ "$wk_i" = "$1" ] && wk_lives $wk_p $wk_t && kill -USR1 $wk_p
}
wk_nudge() {   # job place limit: a read that takes long. Is its output full, or held open by what outlived it?
  wk_i=; read -r wk_i wk_x 2>/dev/null <"$wk_kd/c$2"
  if [ "$wk_i" = "$1" ]; then
    wk_i=; read -r wk_i 2>/dev/null <"$wk_kd/n$2"; echo "$1" >"$wk_kd/n$2"; [ "$wk_i" = "$1" ] || return
    for wk_j in o e; do
      wk_i=; read -r wk_i wk_p wk_t 2>/dev/null <"$wk_kd/h$wk_j$2"
      [ "$wk_i" = "$1" ] && wk_lives $wk_p $wk_t && kill -TERM $wk_p
    done
  else
    set -- $1 $2 $3 $(wc -c "$wk_kd/o$2" "$wk_kd/e$2"); [ "$4" -gt $3 ] || [ "$6" -gt $3 ] && wk_order $1 $2
  fi
}
wk_reap() { for wk_j; do eval "wait \$wk_s$wk_j"; done; }
wk_hello() { printf '%s 0 hello %s\n%s.\n' "$wk_km" "$1" "$wk_km"; }
wk_keep() {
  exec 2>/dev/null
  command -v setsid >/dev/null && command -v mkfifo >/dev/null || { wk_hello notools; exit; }
  wk_whoami
  for wk_j in /dev/shm "$XDG_RUNTIME_DIR" /run /tmp; do
    case $wk_j in *[!A-Za-z0-9._/-]*) continue;; /*) ;; *) continue;; esac
    wk_j=$wk_j/wk-kept-$wk_kr; (umask 077; mkdir "$wk_j") || continue
    (umask 077; mkfifo "$wk_j/t" && echo "$wk_me $wk_since" >"$wk_j/main") && { wk_kd=$wk_j; break; }
    rm -rf "$wk_j"
  done
  [ "$wk_kd" ] || { wk_hello noplace; exit; }
  trap 'trap "" HUP INT TERM PIPE; exec >/dev/null; printf "\n\n\n\n\n\n\n\n" >&8; wk_end_all' EXIT
  trap 'exit 0' HUP INT TERM
  exec 8<>"$wk_kd/t"; echo >&8
  wk_hello "$wk_kd"
}
"""


def preamble(mark: str, random: str) -> bytes:
    """The first input of the shell. random: what its directory is called; not the mark, for names are seen by all."""
    head = f"wk_km={quote(mark)}\nwk_kr={quote(random)}\nwk_kd=\n"
    return f"{head}{SHARED}{spool.functions()}{KEEP}\nwk_keep\n".encode()


def message(lines: list[str]) -> bytes:
    """Jobs and orders that are carried out together."""
    body = "\n".join(lines)
    return f"wk_do() {{\n{body}\n}}\nwk_do\n".encode("utf-8", "surrogateescape")


def _job(number: int, place: int, settings: Mapping[str, str], environment: Mapping[str, str] | None, call: str) -> str:
    """One job in the background, with variables of its own."""
    words = {"ki": str(number), "kn": str(place)} | dict(settings)
    lines = "\n".join(f"wk_{name}={quote(value)}" for name, value in words.items())
    return f"({lines}\nwk_values() {{\n{exports(environment)}\n}}\n{call}) & wk_s{place}=$!"


@dataclass(frozen=True, slots=True)
class ReadJob:
    """A read command. Checked when it is made: raises `Usage` for what no shell can be given."""

    text: str
    environment: Mapping[str, str] | None
    shell: str
    strict: bool
    limit: int
    grace_s: float

    def __post_init__(self) -> None:
        check_text(self.text, longest=LONGEST_STRING)
        check_shell(self.shell)
        exports(self.environment)

    @property
    def size(self) -> int:
        """Characters of the command and of its values."""
        return len(self.text) + sum(len(value) for value in (self.environment or {}).values())

    def line(self, number: int, place: int) -> str:
        """Its part of a message."""
        settings = {
            "c": self.text,
            "S": self.shell,
            "E": "1" if self.strict else "",
            "G": str(max(1, round(self.grace_s / 0.05))),
            "kl": str(self.limit + 1),
        }
        return _job(number, place, settings, self.environment, "wk_read")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Reads that were quick the last time: one group, one pair of small files each, one answer."""

    reads: tuple[ReadJob, ...]
    grace_s: float

    def line(self, number: int, place: int) -> str:
        """Its part of a message."""
        parts = [f"{BUNDLE}", *(_member(index, read) for index, read in enumerate(self.reads))]
        settings = {"c": "\n".join(parts), "G": str(max(1, round(self.grace_s / 0.05)))}
        return _job(number, place, settings, None, "wk_bundle")


# $1 $2 $3: directory, place and job. The files have a bound so that a command gone wild does not fill the memory.
BUNDLE = r"""
ulimit -S -f 262144; read -r wk_t wk_x </proc/uptime; wk_v="$3 $wk_t"
wk_done() { read -r wk_t wk_x </proc/uptime; wk_v="$wk_v $1:$wk_t"; echo "$wk_v" >"$wk_d/c$wk_n"; }
wk_d=$1 wk_n=$2; set --
"""


def _member(index: int, read: ReadJob) -> str:
    shell = "bash --norc" if read.shell == "bash" else read.shell
    run = "'wk_x=$wk_c; unset wk_c; eval \"$wk_x\"'"
    return (
        f"if command -v {read.shell} >/dev/null; then\n"
        f'(exec >"$wk_d/o$wk_n.{index}" 2>"$wk_d/e$wk_n.{index}"\n{exports(read.environment)}\n'
        f"export wk_c={quote(read.text)}\nexec {shell} -c {run}); wk_done $?\n"
        f'else : >"$wk_d/o$wk_n.{index}"; : >"$wk_d/e$wk_n.{index}"; wk_done noshell; fi'
    )


@dataclass(frozen=True, slots=True)
class SpoolJob:
    """A question to the spool: ``start`` or ``look``."""

    ask: spool.Ask

    def line(self, number: int, place: int) -> str:
        """Its part of a message."""
        return _job(number, place, self.ask.settings, self.ask.environment, f"wk_spool {self.ask.verb}")


SWEEP = 'wk_main() {\nexec >/dev/null 2>&1; [ -O "$wk_kd" ] && wk_end_all\n}'


def sweep_script(directory: str) -> bytes:
    """For a shell of its own: ends what a killed kept shell left running, and removes its directory."""
    return f"wk_kd={quote(directory)}\n{SHARED}{SWEEP}\nwk_main\n".encode()


class Broken(Exception):
    """The bytes are not what a kept shell says."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One answer. words: what follows job and kind. data: the promised bytes."""

    job: int
    kind: str
    words: tuple[str, ...]
    data: bytes


_LINE = re.compile(rb"(\d{1,12}) (hello|read|bundle|spool) ([\x21-\x7e]+(?: [\x21-\x7e]+)*)\Z")
_LONGEST_LINE = 4096
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One read of a bundle. code: its exit code, or ``noshell``. output, error: how many bytes of each follow."""

    code: str
    duration_s: float
    output: int
    error: int


def parts(words: tuple[str, ...]) -> list[Part]:
    """The reads of a bundle that ended, in their order; the host's clock has hundredths. Raises `ValueError`."""
    if words == ("lost",):
        return []
    found, since = [], float(words[0])
    for word in words[1:]:
        code, at, output, error = word.split(":")
        if int(output) < 0 or int(error) < 0:
            raise ValueError(word)
        found.append(Part(code, max(0.005, float(at) - since), int(output), int(error)))
        since = float(at)
    return found


class Frames:
    """Takes the output of a kept shell apart."""

    def __init__(self, mark: str) -> None:
        self._begin, self._end = mark.encode() + b" ", mark.encode() + b".\n"
        self._seen = bytearray()
        self._head: tuple[int, str, tuple[str, ...], int] | None = None

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete with these bytes. Raises `Broken`."""
        self._seen += chunk
        found = []
        while (self._head is not None or self._find_head()) and (frame := self._complete()) is not None:
            found.append(frame)
        return found

    def _find_head(self) -> bool:
        at = self._seen.find(self._begin)
        if at < 0:
            del self._seen[: max(0, len(self._seen) - len(self._begin) + 1)]  # noise; a mark may be cut in two
            return False
        line, newline, _ = self._seen[at + len(self._begin) :][:_LONGEST_LINE].partition(b"\n")
        if not newline:
            if len(line) == _LONGEST_LINE:
                raise Broken("a line without an end")
            del self._seen[:at]
            return False
        del self._seen[: at + len(self._begin) + len(line) + 1]
        self._head = _parsed(bytes(line))
        return True

    def _complete(self) -> Frame | None:
        assert self._head is not None
        number, kind, words, length = self._head
        whole = length + len(self._end)
        if len(self._seen) < whole:
            return None
        if self._seen[length:whole] != self._end:
            raise Broken("bytes between its own")
        data = bytes(self._seen[:length])
        del self._seen[:whole]
        self._head = None
        return Frame(number, kind, words, data)


def _parsed(line: bytes) -> tuple[int, str, tuple[str, ...], int]:
    match = _LINE.match(line)
    if match is None:
        raise Broken("a line that is none of ours")
    words = tuple(match.group(3).decode("ascii").split())
    kind, length = match.group(2).decode(), 0
    try:
        if kind == "read":
            _, output, error = words
            length = int(output) + int(error)
        elif kind == "bundle":
            length = sum(part.output + part.error for part in parts(words))
        elif kind == "spool":
            length = spool.parse_head(match.group(3)).length
    except (ValueError, IndexError):
        raise Broken("a line that is none of ours") from None
    if not 0 <= length <= _MOST_BYTES:
        raise Broken("more bytes than any answer has")
    return int(match.group(1)), kind, words, length
