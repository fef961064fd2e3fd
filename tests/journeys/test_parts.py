"""What tests/conftest.py promises: a missing part skips by name here and fails in CI; nothing outlives the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(folder: Path, test: str, **variables: str) -> tuple[int, str]:
    """Runs one test file beside a copy of our conftest; returns exit code and output."""
    shutil.copy2(ROOT / "tests/conftest.py", folder / "conftest.py")
    (folder / "test_it.py").write_text(textwrap.dedent(test), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")} | variables
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


MISSING_PART = """
    import pytest, conftest

    conftest.PARTS["harbour"] = conftest.Part(lambda: False, "apt-get install harbour")

    @pytest.fixture
    def crane(requires):
        requires("harbour")

    @pytest.mark.needs("harbour")
    def test_by_marker():
        raise AssertionError("must not run")

    def test_by_fixture(crane):
        raise AssertionError("must not run")
"""


def test_a_missing_part_skips_by_name_and_fails_in_ci(tmp_path: Path) -> None:
    code, out = run_pytest(tmp_path, MISSING_PART)
    assert code == 0 and "2 skipped" in out, out
    assert "harbour (apt-get install harbour):" in out and "test_it.py::test_by_fixture" in out
    code, out = run_pytest(tmp_path, MISSING_PART, CI="true")
    assert code == 1 and "2 errors" in out and "part not installed: harbour" in out, out


def test_an_unknown_part_is_a_mistake_not_a_skip(tmp_path: Path) -> None:
    code, out = run_pytest(tmp_path, 'import pytest\n\n@pytest.mark.needs("chromum")\ndef test_x():\n    pass\n')
    assert code == 1 and "unknown part ['chromum']" in out, out


def runs(pid: int) -> bool:
    """False for a process that is gone and for a zombie, which stays where PID 1 collects nobody."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("ended", [True, False])
def test_a_process_left_behind_fails_the_session_and_is_ended(tmp_path: Path, ended: bool) -> None:
    code, out = run_pytest(
        tmp_path,
        f"""
        import subprocess
        from pathlib import Path

        def test_start():
            process = subprocess.Popen(["setsid", "sleep", "{"0.5" if ended else "300"}"])
            Path("pid").write_text(str(process.pid))
        """,
    )
    pid = int((tmp_path / "pid").read_text())
    assert (code, "left behind" in out) == ((0, False) if ended else (1, True)), out
    assert not runs(pid)
