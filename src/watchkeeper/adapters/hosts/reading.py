"""Read commands: the script that runs one in its own process group and ends that group when nobody waits any more.

The script forks a small watcher and then becomes the command. The watcher waits for the end of the script's input:
the asker holds the input open while the result is wanted, and closing it (deadline, cancel, a cut line, `kill -9` of
watchkeeper) ends the whole group, TERM first, then KILL. The watcher is a member of the group, so its number cannot be
given to other processes meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchkeeper.adapters.hosts.words import LONGEST_STRING, check_shell, check_text, script

# sshd and our local runner start /bin/sh as leader of its own group; below sudo it is not, there setsid makes one.
READ = r"""
wk_main() {
  exec 3<&0
  command -v "$wk_S" >/dev/null || { printf '%s noshell\n' "$wk_m"; exit 127; }
  read -r wk_x </proc/$$/stat; set -- ${wk_x##*) }
  wk_g=; [ "$3" = $$ ] || { wk_g=setsid; command -v setsid >/dev/null || wk_g=; }
  case $wk_E$wk_S in 1bash) wk_E='set -e -o pipefail; ';; 1*) wk_E='set -e; '; (set -o pipefail) 2>/dev/null &&
    wk_E='set -e -o pipefail; ';; esac
  [ "$wk_S" != bash ] || wk_S='bash --norc'
  wk_watch "${20}" &
  printf '%s\n' "$wk_m" >&2; printf '%s %s %s\n' "$wk_m" $$ "${20}"
  export wk_c; wk_values
  exec $wk_g $wk_S -c "${wk_E}"'wk_x=$wk_c; unset wk_c; eval "$wk_x"' </dev/null 3<&-
}
wk_watch() {   # exec, because a shell keeps copies of what a function call redirects
  exec <&3 >/dev/null 2>&1 3<&-; trap '' TERM HUP INT; wk_t=$1; wk_pg=$$
  read -r wk_x
  wk_x=; read -r wk_x </proc/$wk_pg/stat; set -- ${wk_x##*) }
  case $1 in Z|X|'') ;; *)
    [ "${20}" = "$wk_t" ] || exit
    kill -TERM -$wk_pg; wk_j=0
    while kill -0 $wk_pg && [ $wk_j -lt $wk_G ]; do sleep 0.05 || sleep 1; wk_j=$((wk_j+1)); done
    sleep 0.05;; esac
  kill -KILL -$wk_pg
}
"""


def read_script(
    mark: str, text: str, *, environment: Mapping[str, str] | None, shell: str, strict: bool, grace_s: float
) -> bytes:
    """Input for ``/bin/sh``. Wanted output begins after "MARK PID START-TIME" on stdout and "MARK" on stderr."""
    settings = {
        "m": mark,
        "c": check_text(text, longest=LONGEST_STRING),
        "S": check_shell(shell),
        "E": "1" if strict else "",
        "G": str(max(1, round(grace_s / 0.05))),
    }
    return script(settings, environment, READ)


KILL = r"""
wk_main() {
  wk_x=; read -r wk_x 2>/dev/null </proc/$wk_p/stat; set -- ${wk_x##*) }
  [ -z "${20}" ] || [ "${20}" = "$wk_t" ] || exit 0
  kill -KILL -$wk_p 2>/dev/null; exit 0
}
"""


def kill_script(pid: int, start_time: str) -> bytes:
    """Ends a group at once from another channel, unless its number belongs to a later process by now."""
    return script({"p": str(pid), "t": start_time}, None, KILL)


KEPT_BESIDE = 1_048_576  # bytes that are kept here of an output that somebody takes as it comes


class Collected:
    """What arrived after the mark on one stream, at most `limit` bytes; the rest only sets `full`.

    on_output: gets every byte up to the limit; then only the first `KEPT_BESIDE` of them are kept here.
    """

    def __init__(self, mark: str, limit: int, on_output: Callable[[bytes], None] | None = None) -> None:
        self._mark = mark.encode()
        self._limit = limit
        self._on_output = on_output
        self._size = 0
        self._noise = b""
        self._data = bytearray()
        self.head: list[str] | None = None
        self.full = False

    @property
    def data(self) -> bytes:
        """The wanted bytes."""
        return bytes(self._data)

    @property
    def noise(self) -> bytes:
        """The last of what came before the mark; all there is when the script never ran."""
        return self._noise

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        if self.head is None:
            self._noise += chunk
            before, found, after = self._noise.partition(self._mark)
            line, newline, chunk = after.partition(b"\n")
            if not (found and newline):
                self._noise = self._noise[-4096:] if not found else found + after
                return
            self._noise = before[-4096:]
            self.head = line.decode("ascii", "replace").split()
        room = self._limit - self._size
        if len(chunk) > room:
            self.full = True
            chunk = chunk[:room]
        if not chunk:
            return
        self._size += len(chunk)
        if self._on_output is None:
            self._data += chunk
        else:
            self._data += chunk[: max(0, KEPT_BESIDE - len(self._data))]
            self._on_output(chunk)
