"""Makes watchkeeper's own environment, then runs the command line or the test suite in it.

Started by the shell script `wk` next to this folder, with any Python >= 3.11 and nothing but the standard library. It
never imports watchkeeper. One rule carries all of it: the stamp (a copy of the lock file) is written last, and a mark
beside the environment exists from before the first change until after the stamp. So an interruption at any point is
seen by the next start, which begins again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

STAMP_FORMAT = 1  # raise it here and in `wk` when environments made by an older launcher must be made again
RUN_LOCK = "requirements.lock"
TEST_LOCK = "requirements-test.lock"
MISLEADING_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")


class LauncherError(Exception):
    """What failed, why, and the next step, in sentences for a person. `code` is the exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


class IndexUnreachable(LauncherError):
    """The package index gave no answer; nothing was installed, because both installers fetch everything first."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, 6)


class InstallerFailed(LauncherError):
    """pip or uv ended with an error; `output` is what it printed."""

    def __init__(self, sentence: str, output: str) -> None:
        super().__init__(sentence)
        self.output = output


@dataclass(frozen=True, slots=True)
class Place:
    """The checkout and its environment."""

    root: Path
    venv: Path

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def mark(self) -> Path:
        """Exists while the environment is being changed, and for ever after an interruption."""
        return self.venv.with_name(self.venv.name + ".building")

    @property
    def lock_file(self) -> Path:
        return self.venv.with_name(self.venv.name + ".lock")

    def stamp(self, lock: str) -> Path:
        kind = lock.removeprefix("requirements").removesuffix(".lock")
        return self.venv / f"ready-{STAMP_FORMAT}{kind}.lock"

    def current(self, lock: str) -> bool:
        """True when the environment holds exactly what this lock file says."""
        if self.mark.exists() or not os.access(self.python, os.X_OK):
            return False
        with contextlib.suppress(OSError):
            return self.stamp(lock).read_bytes() == (self.root / lock).read_bytes()
        return False

    def ours(self) -> bool:
        """True when the launcher made it, so that it may be deleted."""
        return self.mark.exists() or any(self.venv.glob("ready-*.lock"))


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(f"wk: {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------- the environment


def ensure(place: Place, lock: str) -> None:
    """Brings the environment to what the lock file says; returns at once when it is so already."""
    if place.current(lock):
        return
    place.venv.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(place) as lock_fd:
        if place.current(lock):
            return
        began = time.monotonic()
        wanted = (place.root / lock).read_bytes()
        fresh = prepare(place)
        say(
            f"making the environment in {shown(place)} (once, about 30 s) ..."
            if fresh
            else f"bringing the environment in {shown(place)} up to date with {lock} ..."
        )
        try:
            install(place, lock, fresh, lock_fd)
        except IndexUnreachable:
            if not fresh:  # an update that never began: the old environment is whole
                place.mark.unlink()
            raise
        connect_checkout(place, site_packages(place))
        write_stamps(place, lock, wanted)
        say(f"the environment is ready after {time.monotonic() - began:.0f} s")


@contextlib.contextmanager
def exclusive(place: Place) -> Iterator[int]:
    """Holds the lock of the environment. Children get the descriptor too, so that a pip which outlives a killed
    launcher still keeps the next start waiting."""
    descriptor = os.open(place.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is making the environment; waiting until it is done ...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def prepare(place: Place) -> bool:
    """Removes what an interrupted start left, sets the mark, and returns True when a new environment is to be made."""
    if place.venv.exists():
        if place.mark.exists():
            say("the last start did not finish; beginning again")
            remove(place)
        elif (place.venv / "pyvenv.cfg").exists():
            version = python_version(place)
            if version is None or version < (3, 11):
                if not place.ours():
                    raise LauncherError(
                        f"{place.venv} is an environment that watchkeeper did not make, and its Python does not start "
                        "or is older than 3.11. Delete it, or set WATCHKEEPER_VENV to another folder."
                    )
                say("the Python of the environment is gone or was replaced; making it again")
                remove(place)
        elif any(place.venv.iterdir()):
            raise LauncherError(
                f"{place.venv} exists and is not a Python environment, so watchkeeper leaves it alone. "
                "Move it away, or set WATCHKEEPER_VENV to another folder."
            )
    place.mark.touch()
    return not (place.venv / "pyvenv.cfg").exists()


def remove(place: Place) -> None:
    if place.venv.is_symlink():
        raise LauncherError(f"{place.venv} is a symbolic link to an unfinished environment: delete its target first.")
    shutil.rmtree(place.venv)


def python_version(place: Place) -> tuple[int, int] | None:
    """Major and minor of the environment's Python, if it starts and finds its own packages; else None."""
    answer = ask(place, "import sys, sysconfig, os; p = sysconfig.get_path('purelib'); "
                        "print(sys.version_info[0], sys.version_info[1], int(os.path.isdir(p)))")  # fmt: skip
    if answer is None:
        return None
    major, minor, whole = map(int, answer.split())
    return (major, minor) if whole else None


def site_packages(place: Place) -> Path:
    answer = ask(place, "import sysconfig; print(sysconfig.get_path('purelib'))")
    if answer is None:
        raise LauncherError(f"{place.python} does not start. Delete {place.venv} and start again.")
    return Path(answer)


def ask(place: Place, program: str) -> str | None:
    """What a one-line program prints in the environment's Python, or None when it fails."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = [str(place.python), "-I", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment())
        return str(done.stdout).strip()
    return None


def write_stamps(place: Place, lock: str, wanted: bytes) -> None:
    """Declares the environment complete. The test set contains the run-time set with the same versions."""
    stamps = {place.stamp(lock): wanted}
    if lock == TEST_LOCK:
        stamps[place.stamp(RUN_LOCK)] = (place.root / RUN_LOCK).read_bytes()
    for path, content in stamps.items():
        path.write_bytes(content)
    place.mark.unlink()


# ---------------------------------------------------------------------------------------------- the installers


def install(place: Place, lock: str, fresh: bool, lock_fd: int) -> None:
    """Installs the locked packages, with uv when it is on the PATH, else (or when uv fails) with venv and pip."""
    uv = shutil.which("uv")
    if uv:
        try:
            install_with_uv(uv, place, lock, fresh, lock_fd)
            return
        except InstallerFailed as failed:
            say(f"uv could not do it ({last_line(failed.output)}); trying venv and pip")
            if fresh and place.venv.exists():
                remove(place)
    if fresh:
        make_venv(place, lock_fd)
    elif ask(place, "import pip") is None:  # made by uv, which puts no pip into it
        remove(place)
        make_venv(place, lock_fd)
    try:
        install_with_pip(place, lock, lock_fd)
    except InstallerFailed as failed:
        raise explained(failed.output) from None


def install_with_uv(uv: str, place: Place, lock: str, fresh: bool, lock_fd: int) -> None:
    if fresh:
        call([uv, "venv", "-q", "--python", base_python(), str(place.venv)], lock_fd)
    say(f"installing {count(place, lock)} packages with uv")
    call(
        [uv, "pip", "install", "-q", "--python", str(place.python), "--require-hashes", "--only-binary", ":all:",
         "--compile-bytecode", "-r", str(place.root / lock)], lock_fd)  # fmt: skip


def install_with_pip(place: Place, lock: str, lock_fd: int) -> None:
    say(f"installing {count(place, lock)} packages with pip")
    call(
        [str(place.python), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar",
         "off", "--require-hashes", "--only-binary", ":all:", "-r", str(place.root / lock)], lock_fd,
        progress_of=count(place, lock))  # fmt: skip


def make_venv(place: Place, lock_fd: int) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    advice = (
        f"Python {version} on this machine cannot make environments: its ensurepip module is missing. Install it with "
        f"`sudo apt-get install python{version}-venv` (or python3-venv), or put `uv` on the PATH; then start again."
    )
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise LauncherError(advice) from None
    try:
        call([base_python(), "-I", "-m", "venv", str(place.venv)], lock_fd)
    except InstallerFailed as failed:
        if "ensurepip is not" in failed.output:  # Debian's own words, when only a part of the package is there
            raise LauncherError(advice) from None
        if shutil.disk_usage(place.venv.parent).free < 30_000_000:  # venv hides the cause
            raise explained(f"No space left on device: {place.venv}") from None
        raise explained(failed.output) from None


def base_python() -> str:
    """The real interpreter, by its versioned name: when an upgrade of the system removes it, the environment's link
    breaks visibly, instead of pointing to a Python whose packages are elsewhere."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def environment() -> dict[str, str]:
    """The variables for child processes, without those that would send packages or imports elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING_VARIABLES}
    return kept | {"PIP_USER": "0"}


def call(command: Sequence[str], lock_fd: int, progress_of: int = 0) -> None:
    """Runs an installer and gathers what it prints; with `progress_of` (packages) it says every 5 s how far it is."""
    lines: list[str] = []
    seen, told = 0, time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", pass_fds=[lock_fd], env=environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            seen += line.startswith(("Collecting ", "Requirement already satisfied: "))
            if progress_of and time.monotonic() - told > 5:
                told = time.monotonic()
                say(f"  {min(seen, progress_of)} of {progress_of}")
    if process.returncode:
        raise InstallerFailed(f"{command[0]} ended with exit code {process.returncode}", "".join(lines))


FULL = (
    "The disk is full: the environment needs about 200 MB (with the test parts 500 MB), and as much again in the "
    "temporary folder and pip's cache. Free some space (`df -h . /tmp ~`), or set WATCHKEEPER_VENV and TMPDIR to "
    "folders with room; then start again."
)
OTHER_FILE = (
    "A package from the index is not the file that the lock names, so nothing was installed. If the index is a mirror "
    "of your own, it holds another file under that version; if the lock was edited, run tools/lock.sh."
)
UNREACHABLE = (
    "The package index cannot be reached. Check the network, the proxy (HTTPS_PROXY) and pip's index "
    "(`pip config list`), and start again: what was fetched already is kept in pip's cache."
)
NO_WHEEL = (
    "The package index has no ready-made wheel of a locked package for this Python and this machine, or cannot be "
    "reached. Check the network and pip's index (`pip config list`), or put another Python >= 3.11 first on the PATH."
)
NO_ANSWER = (
    "Failed to establish a new connection", "Temporary failure in name resolution", "ConnectTimeout", "Read timed out",
    "Connection refused", "Max retries exceeded", "ProxyError", "SSLError", "Network is unreachable", "ConnectionReset",
)  # fmt: skip
EXPLANATIONS: tuple[tuple[tuple[str, ...], type[LauncherError], str], ...] = (
    (("No space left on device", "Errno 28", "Disk quota exceeded"), LauncherError, FULL),
    (("DO NOT MATCH THE HASHES", "Hash mismatch"), LauncherError, OTHER_FILE),
    (NO_ANSWER, IndexUnreachable, UNREACHABLE),
    (("No matching distribution found", "Could not find a version"), IndexUnreachable, NO_WHEEL),
)


def explained(output: str) -> LauncherError:
    """The installer's failure in one sentence with the next step, and its own words, shortened."""
    for patterns, kind, sentence in EXPLANATIONS:
        for pattern in patterns:
            if pattern in output:
                return kind(f"{sentence}\n    pip said: {excerpt(output, pattern)}")
    words = "\n".join(f"    {line[:200]}" for line in telling_lines(output))
    return LauncherError(f"The packages could not be installed. Start again; if it stays, pip's words help:\n{words}")


def excerpt(output: str, pattern: str) -> str:
    """The words around the pattern, from its line."""
    line = next(line for line in output.splitlines() if pattern in line).strip()
    start = max(0, line.index(pattern) - 40)
    return ("..." if start else "") + line[start : start + 160]


def telling_lines(output: str) -> list[str]:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines)[-3:]


def last_line(output: str) -> str:
    return (telling_lines(output) or ["no output"])[-1][:200]


def count(place: Place, lock: str) -> int:
    """How many packages the lock file names."""
    return sum("==" in line for line in (place.root / lock).read_text(encoding="utf-8").splitlines())


# ---------------------------------------------------------------------------------------------- the checkout itself


def connect_checkout(place: Place, site: Path) -> None:
    """Makes `import watchkeeper` and its commands work from the checkout, as an editable installation does.

    Written here rather than by pip: it needs no build backend and no network, and a path relative to the environment
    lets the checkout be moved or copied.
    """
    project = tomllib.loads((place.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version, scripts = project["name"], project["version"], project["scripts"]
    for old in [*site.glob(f"__editable__*{name}*"), *site.glob(f"{name}-*.dist-info")]:
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    source = place.root / "src"
    inside = place.venv.resolve().is_relative_to(place.root.resolve())
    target = os.path.relpath(source.resolve(), site.resolve()) if inside else str(source)
    (site / f"{name}.pth").write_text(f"{target}\n", encoding="utf-8")
    for script, entry in scripts.items():
        write_script(place, script, entry)
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "INSTALLER": "wk\n",
        "entry_points.txt": "[console_scripts]\n" + "".join(f"{key} = {value}\n" for key, value in scripts.items()),
    }
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    for file, content in files.items():
        (info / file).write_text(content, encoding="utf-8")
    owned = [f"{name}.pth", *(f"{info.name}/{file}" for file in [*files, "RECORD"])]
    owned += [os.path.relpath(place.venv / "bin" / script, site) for script in scripts]
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in owned), encoding="utf-8")


def write_script(place: Place, script: str, entry: str) -> None:
    module, function = entry.split(":")
    python = str(place.python)
    first = f"#!{python} -I\n"
    if len(first) > 120 or " " in python:  # what the kernel cannot start from a first line, sh can
        first = f"#!/bin/sh\n'''exec' \"{python}\" -I \"$0\" \"$@\"\n' '''\n"
    path = place.venv / "bin" / script
    body = f"import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    path.write_text(first + body, encoding="utf-8")
    path.chmod(0o755)


# ---------------------------------------------------------------------------------------------- the test suite

STATIC_CHECKS = {
    "ruff": ["-m", "ruff", "check", "."],
    "import layers": ["-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "mypy": ["-m", "mypy"],
}


# Three workers on two cores: they wait half of the time. With four, tight deadlines met a full machine now and then.
# A file stays on one worker: its tests share them.
WHOLE_SUITE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")  # tests/conftest.py says what begins first


SHAKY_AT_MOST = 10
"""So many failed tests of the whole suite are given a second try, alone; more of them are no accident of a full machine."""


def run_suite(place: Place, arguments: Sequence[str]) -> int:
    """Runs the static checks side by side, then pytest with the given arguments; prints a summary.

    Returns 0 only when all of them passed.
    """
    results: list[tuple[str, int, float]] = []
    env = environment()
    began = time.monotonic()
    running = {
        name: subprocess.Popen(
            [str(place.python), *command], cwd=place.root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        for name, command in STATIC_CHECKS.items()
    }  # fmt: skip
    for name, process in running.items():
        output, _ = process.communicate()
        results.append((name, process.returncode, time.monotonic() - began))
        if process.returncode:
            print(f"---- {name}\n{output.rstrip()}\n", flush=True)
    began = time.monotonic()
    pytest = [str(place.python), "-m", "pytest"]
    code, shaky = run_pytest([*pytest, *(arguments or WHOLE_SUITE)], place, env), list[str]()
    if code == 1 and not arguments:
        code, shaky = second_try(pytest, place, env)
    results.append(("pytest", code, time.monotonic() - began))
    print("\nwk test:")
    for name, code, seconds in results:
        print(f"  {name:<14} {'ok' if code == 0 else f'FAILED (exit code {code})':<24} {seconds:6.1f} s")
    for test in shaky:
        print(f"  shaky: {test} failed among the others and passed alone")
    failed = [name for name, code, _ in results if code]
    print(f"  failed: {', '.join(failed)}" if failed else "  all passed", flush=True)
    return 1 if failed else 0


def second_try(pytest: Sequence[str], place: Place, env: dict[str, str]) -> tuple[int, list[str]]:
    """The files of the tests that failed, once more, without anything beside them; (exit code, what passed only now)."""
    try:
        failed = sorted(json.loads((place.root / ".pytest_cache/v/cache/lastfailed").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 1, []
    if not 0 < len(failed) <= SHAKY_AT_MOST:
        return 1, []
    files = sorted({test.partition("::")[0] for test in failed})
    print(f"\nonce more, alone, because {len(failed)} failed: {', '.join(files)}", flush=True)
    code = run_pytest([*pytest, *files], place, env)
    return code, failed if code == 0 else []


def run_pytest(command: Sequence[str], place: Place, env: dict[str, str]) -> int:
    """Runs pytest in the foreground. Ctrl-C reaches it through the terminal; the launcher waits for its own end."""
    process = subprocess.Popen(command, cwd=place.root, env=env)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


# ---------------------------------------------------------------------------------------------- the command


def shown(place: Place) -> str:
    """The environment's path as a person would write it."""
    return str(place.venv.relative_to(place.root) if place.venv.is_relative_to(place.root) else place.venv)


def run(arguments: Sequence[str]) -> int:
    root = Path(__file__).resolve().parent.parent
    venv = Path(os.path.abspath(os.environ.get("WATCHKEEPER_VENV") or root / ".venv"))
    place = Place(root, venv)
    try:
        if arguments[:1] == ["test"]:
            ensure(place, TEST_LOCK)
            return run_suite(place, arguments[1:])
        ensure(place, RUN_LOCK)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise explained(f"No space left on device: {error.filename}") from None
        raise LauncherError(
            f"The environment {venv} cannot be made: {error.strerror}: {error.filename}. "
            "Make that place writable, or set WATCHKEEPER_VENV to a folder of yours."
        ) from None
    sys.stderr.flush()
    os.execv(place.python, [str(place.python), "-I", str(venv / "bin" / "watchkeeper"), *arguments])


def main() -> None:
    try:
        sys.exit(run(sys.argv[1:]))
    except LauncherError as error:
        say(str(error))
        sys.exit(error.code)
    except KeyboardInterrupt:
        say("interrupted; the next start begins where it can")
        sys.exit(130)


if __name__ == "__main__":
    main()
