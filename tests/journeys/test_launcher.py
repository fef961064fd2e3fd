"""`./wk` on a fresh machine, with real processes, real environments and a real pip, offline.

Each test works in a small checkout of its own: the real `wk` and `tools/launcher.py`, a lock file that names one tiny
wheel made here, and a stand-in command line that prints how it was called.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, sys
import harbour_part

def main():
    print(json.dumps({"arguments": sys.argv[1:], "python": sys.executable, "part": harbour_part.VERSION}))
    return 3 if "fail" in sys.argv else 0
"""
TOOL = """
import os, sys

def run(name):
    print(name, "called with", sys.argv[1:], flush=True)
    if name == "pytest" and "-n" in sys.argv and "FAILED" in os.environ:
        os.makedirs(".pytest_cache/v/cache", exist_ok=True)
        open(".pytest_cache/v/cache/lastfailed", "w").write(os.environ["FAILED"])
        raise SystemExit(1)
    raise SystemExit(name in os.environ.get("BROKEN", "").split())
"""


def make_wheel(folder: Path, version: str) -> str:
    """A wheel `harbour_part` with stand-ins for the test tools beside it; returns its line for a lock file."""
    files = {"harbour_part.py": f"VERSION = {version!r}\n", "harbour_tool.py": TOOL}
    for tool in ("ruff", "mypy", "pytest"):
        files[f"{tool}/__main__.py"] = f"from harbour_tool import run\nrun({tool!r})\n"
    files["importlinter/cli.py"] = "import harbour_tool\ndef lint_imports_command(): harbour_tool.run('importlinter')\n"
    info = f"harbour_part-{version}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: harbour-part\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text.encode())}\n"
    path = folder / f"harbour_part-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(name, text)
    return f"harbour-part=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@dataclass
class Checkout:
    """A checkout, the folder of programs that is its whole PATH, and the lock lines of the wheels that exist."""

    root: Path
    programs: Path
    locks: dict[str, str]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": str(self.programs),
            "HOME": str(self.root),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.programs.parent / "wheels"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
        } | self.extra

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.root / "wk"), *arguments], cwd=self.root, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def lock(self, version: str) -> None:
        for name in ("requirements.lock", "requirements-test.lock"):
            (self.root / name).write_text(self.locks[version], encoding="utf-8")

    def put_program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)


def new_checkout(folder: Path) -> Checkout:
    root, programs, wheels = folder / "watch keeper", folder / "programs", folder / "wheels"
    package = root / "src/watchkeeper/faces/cli"
    for path in (package, root / "tools", programs, wheels):
        path.mkdir(parents=True)
    shutil.copy2(ROOT / "wk", root / "wk")
    shutil.copy2(ROOT / "tools/launcher.py", root / "tools/launcher.py")
    shutil.copy2(ROOT / "pyproject.toml", root / "pyproject.toml")
    (package / "program.py").write_text(PROGRAM, encoding="utf-8")
    (programs / "python3").symlink_to(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    for name in ("cmp", "readlink"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    checkout = Checkout(root, programs, {version: make_wheel(wheels, version) for version in ("1.0", "2.0")})
    checkout.lock("1.0")
    return checkout


@pytest.fixture(scope="module")
def first_starts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, list[tuple[int, str, str]]]:
    """A fresh checkout in which `./wk` was started twice at the same moment, and what both said."""
    checkout = new_checkout(tmp_path_factory.mktemp("first"))
    both = [checkout.start("status", name) for name in ("one", "two")]
    answers = []
    for process in both:
        out, err = process.communicate(timeout=90)
        answers.append((process.returncode, out, err))
    return checkout, answers


@pytest.fixture
def ready(first_starts: tuple[Checkout, object], tmp_path: Path) -> Checkout:
    """A copy of the checkout with its finished environment, at another place: a moved checkout goes on working."""
    made, _ = first_starts
    shutil.copytree(made.programs.parent, tmp_path / "copy", symlinks=True)
    root = tmp_path / "copy" / made.root.name
    return Checkout(root, tmp_path / "copy" / "programs", made.locks)


def test_two_first_starts_make_one_environment_and_both_run(
    first_starts: tuple[Checkout, list[tuple[int, str, str]]],
) -> None:
    checkout, answers = first_starts
    assert [code for code, _, _ in answers] == [0, 0], answers
    assert [json.loads(out)["arguments"] for _, out, _ in answers] == [["status", "one"], ["status", "two"]]
    said = [err for _, _, err in answers]
    assert sum("wk: making the environment" in err for err in said) == 1, said
    assert sum("waiting until it is done" in err for err in said) == 1, said
    assert not (checkout.root / ".venv.building").exists()


def test_a_later_start_uses_the_environment_at_once_without_a_second_python(ready: Checkout) -> None:
    ready.put_program("python3", f'echo started >"{ready.root}/second"; exit 1')
    arguments = ["check", "two words", "", "*", "--json", "$HOME"]
    code, out, err = ready.run(*arguments)
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["arguments"] == arguments
    assert Path(answer["python"]) == ready.root / ".venv/bin/python"
    assert not (ready.root / "second").exists()


def test_exit_code_and_links_to_the_launcher(ready: Checkout, tmp_path: Path) -> None:
    assert ready.run("fail")[0] == 3
    link = tmp_path / "wk"
    link.symlink_to(ready.root / "wk")
    done = subprocess.run([str(link), "fail"], env=ready.environment, capture_output=True, text=True, cwd="/")
    assert (done.returncode, json.loads(done.stdout)["arguments"]) == (3, ["fail"])


def test_the_installed_scripts_work_in_a_path_with_a_space(first_starts: tuple[Checkout, object]) -> None:
    checkout, _ = first_starts
    for name in ("wk", "watchkeeper"):
        done = subprocess.run([str(checkout.root / ".venv/bin" / name), "x"], capture_output=True, text=True, cwd="/")
        assert (done.returncode, json.loads(done.stdout or "{}").get("arguments")) == (0, ["x"]), done.stderr


def test_a_changed_lock_is_installed_by_itself_also_when_uv_does_not_work(ready: Checkout) -> None:
    ready.put_program("uv", "echo error: cannot do it; exit 2")
    ready.lock("2.0")
    code, out, err = ready.run()
    assert (code, json.loads(out)["part"]) == (0, "2.0"), err
    assert "up to date" in err and "uv could not do it (error: cannot do it)" in err
    assert ready.run()[2] == ""


def test_an_older_lock_with_an_older_date_is_seen(ready: Checkout) -> None:
    ready.lock("2.0")
    os.utime(ready.root / "requirements.lock", (1, 1))
    assert json.loads(ready.run()[1])["part"] == "2.0"


def test_kill_9_while_installing_is_made_good_by_the_next_start(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path)
    process = checkout.start()
    deadline = time.monotonic() + 30
    while not (checkout.root / ".venv/bin/python").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()  # the launcher only: the installer below it goes on, and the next start must not disturb it
    process.wait()
    code, out, err = checkout.run("again")
    assert (code, json.loads(out or "{}").get("part")) == (0, "1.0"), err
    assert "waiting until it is done" in err and "did not finish; beginning again" in err
    assert checkout.run("quiet")[2] == ""


def test_an_environment_whose_python_was_removed_is_made_again(ready: Checkout) -> None:
    python = ready.root / ".venv/bin/python"
    for name in ("python", "python3", f"python3.{sys.version_info[1]}"):
        with contextlib.suppress(FileNotFoundError):
            (python.parent / name).unlink()
    python.symlink_to("/nonexistent/python3.11")
    code, out, err = ready.run()
    assert (code, json.loads(out or "{}").get("part")) == (0, "1.0"), err
    assert "gone or was replaced" in err


def test_a_package_that_is_not_the_locked_file_is_refused(ready: Checkout) -> None:
    wrong = re.sub("sha256:....", "sha256:0000", ready.locks["2.0"])
    (ready.root / "requirements.lock").write_text(wrong, encoding="utf-8")
    code, out, err = ready.run()
    assert (code, out) == (1, "")
    assert "not the file that the lock names" in err and "Traceback" not in err


def test_an_unreachable_index_leaves_the_old_environment_whole(ready: Checkout) -> None:
    ready.extra = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
                   "PIP_RETRIES": "1"}  # fmt: skip
    ready.lock("2.0")
    code, out, err = ready.run()
    assert (code, out) == (6, ""), err
    assert "index cannot be reached" in err and "pip config list" in err and "Traceback" not in err
    ready.lock("1.0")
    assert json.loads(ready.run()[1])["part"] == "1.0"


def test_missing_venv_module_names_the_command_that_installs_it(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path)
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/ensurepip.py").write_text("raise ModuleNotFoundError('ensurepip')\n", encoding="utf-8")
    real = (checkout.programs / "python3").resolve()
    checkout.put_program("python3", f'[ "$1" = -I ] && shift\nPYTHONPATH="{tmp_path}/hidden" exec "{real}" "$@"')
    code, out, err = checkout.run()
    assert (code, out) == (1, "")
    version = f"3.{sys.version_info[1]}"
    assert f"sudo apt-get install python{version}-venv" in err and "Traceback" not in err


def test_too_old_python_is_named(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path)
    checkout.put_program("python3", '[ "$1" = --version ] && echo "Python 3.9.2" && exit; exit 1')
    code, out, err = checkout.run("demo")
    assert (code, out) == (1, "")
    assert "needs Python 3.11 or newer, but this machine has Python 3.9.2" in err
    (checkout.programs / "python3").unlink()
    assert "has no working python3" in checkout.run("demo")[2]


def test_a_newer_python_beside_an_old_python3_is_found(ready: Checkout) -> None:
    shutil.copy2(ready.programs / "python3", ready.programs / "python3.12", follow_symlinks=False)
    ready.put_program("python3", "exit 1")
    ready.lock("2.0")
    assert json.loads(ready.run()[1])["part"] == "2.0"


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("keep me", encoding="utf-8")
    checkout.extra = {"WATCHKEEPER_VENV": str(tmp_path / "mine")}
    code, _, err = checkout.run()
    assert code == 1 and "leaves it alone" in err and "WATCHKEEPER_VENV" in err
    assert (tmp_path / "mine/letter.txt").read_text(encoding="utf-8") == "keep me"


def test_wk_test_runs_every_tool_and_gives_its_arguments_to_pytest_only(ready: Checkout) -> None:
    code, out, err = ready.run("test", "-k", "two words")
    assert code == 0, out + err
    assert "pytest called with ['-k', 'two words']" in out
    assert "all passed" in out
    for broken in ("ruff", "importlinter", "mypy", "pytest"):
        ready.extra = {"BROKEN": broken}
        code, out, _ = ready.run("test")
        assert code == 1 and "FAILED" in out and "all passed" not in out, broken
        assert "pytest called with ['-n', '3', '--dist', 'loadfile', '--no-loadscope-reorder']" in out, (
            "a failing static check must not hide the tests"
        )


def test_what_failed_among_the_others_and_passes_alone_is_named_shaky(ready: Checkout) -> None:
    ready.extra = {"FAILED": json.dumps({"tests/a.py::test_one[x]": True, "tests/a.py::test_two": True})}
    code, out, _ = ready.run("test")
    assert code == 0 and "all passed" in out and "pytest called with ['tests/a.py']" in out
    assert "shaky: tests/a.py::test_one[x] failed among the others and passed alone" in out
    ready.extra["BROKEN"] = "pytest"
    code, out, _ = ready.run("test")
    assert code == 1 and "shaky" not in out and "failed: pytest" in out, "it failed alone too"
    ready.extra = {"FAILED": json.dumps({f"tests/a.py::test_{n}": True for n in range(11)})}
    code, out, _ = ready.run("test")
    assert code == 1 and "once more" not in out, "so many are no accident"


def test_ctrl_c_while_installing_is_one_sentence(tmp_path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    checkout = new_checkout(tmp_path)
    process = checkout.start()
    while not (checkout.root / ".venv.building").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err


def test_the_lock_files_agree_carry_hashes_and_no_address() -> None:
    pins = {}
    for name in ("requirements.lock", "requirements-postgres.lock", "requirements-test.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text and not re.search(r"^-", text, re.MULTILINE)
        entry = r"^([a-z0-9.-]+==[^ \\\n]+).*\n(?:    --hash=sha256:[0-9a-f]{64}.*\n)+"
        found = re.findall(entry, text, re.MULTILINE)
        assert len(found) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) > 30
        pins[name] = set(found)
    assert pins["requirements.lock"] < pins["requirements-postgres.lock"] < pins["requirements-test.lock"]
    assert not any(pin.startswith("dbos==") for pin in pins["requirements.lock"])
