"""`expect=`: lines as cram writes them, numbers, and the sentence that shows the first difference."""

from __future__ import annotations

import pytest

from watchkeeper.core.runs.captures import captured, filled, odd_name, uses, value_on
from watchkeeper.core.runs.expectation import met, unusable
from watchkeeper.core.runs.values import PlanStep


@pytest.mark.parametrize(
    ("expect", "output", "good"),
    [
        ("a\nb", "a\nb\n", True), ("a\nb", "a\nb\n\n", True), ("a\nb", "a \nb\t\n", True), ("a\nb", "a\nb\nc\n", False),
        ("a\n...", "a\n", True), ("a\n...", "a\nb\nc\n", True), ("...\nc", "a\nb\nc\n", True), ("...\nb", "a\nb\nc\n", False),
        ("...", "", True), ("...", "anything\n", True), ("a\n...\nc\n...\ne", "a\nb\nc\nd\nc\ne\n", True),
        ("...\na\nb\n...\nb", "x\na\na\nb\nb\n", True), ("...\na\nb\n...\na\nb", "a\nb\n", False), ("a\nb", "", False),
        ("jobs: ...\nok", "jobs: 412 waiting\nok\n", True), ("x * (glob)", "x 5\n", True),
        ("x ? (glob)\ny", "x 55\ny\n", False),
        ("\\d+ (re)", "412\n", True), ("\\d+ (re)", "412 jobs\n", False), ("a\\* (glob)\nb", "a*\nb\n", True),
        ("[x] (glob)\nb", "[x]\nb\n", True), ("a (re)\n( (re)", "a\n(\n", False),
    ],
)  # fmt: skip
def test_lines_are_compared_as_cram_does(expect: str, output: str, good: bool) -> None:
    result, said = met(expect, 0, output)
    assert result is good, said
    assert good or said


def test_the_first_difference_is_shown() -> None:
    assert met("a\nb\nc", 0, "a\nx\nc\n") == (False, "line 2 of its output is 'x', expected 'b'")
    assert met("a", 1, "a") == (False, "ended with exit code 1, expected 0")
    assert met("a\n...\nz", 0, "a\nb\n")[1] == "line 2 of its output is 'b', expected 'z'"
    assert met("...\nq\n...\nz", 0, "a\nz\n")[1] == "its output has no line 'q' as expected after line 0"


@pytest.mark.parametrize(
    ("expect", "odd"),
    [("< 5", False), ("ok", False), ("(", False), ("a\n( (re)", True), (r"(a)\1", True), ("a\n(?=b) (re)", True)],
)
def test_an_expectation_is_judged_before_the_run(expect: str, odd: bool) -> None:
    assert bool(unusable(expect)) is odd


@pytest.mark.parametrize(
    ("output", "value"), [("412\n", "412"), ("  v1.2-rc \n", "v1.2-rc"), ("-5\n", "-5"), ("/srv/x\n", "/srv/x")]
)
def test_a_plain_line_is_a_value(output: str, value: str) -> None:
    assert captured(output, len(output)) == (value, "")


def test_the_declared_type_of_the_parameter_decides() -> None:
    assert captured("two words", 9, "[a-z ]+") == ("two words", "")
    assert captured("412", 3, "[a-z]+")[1] == "the output does not fit its type, which is the pattern [a-z]+"
    assert "cannot be checked" in captured("aa", 2, r"(a)\1")[1]
    assert captured("a\x1b[31mb", 7, ".*")[0] is None  # a terminal must not obey it


@pytest.mark.parametrize("name", ["depth", "old_version", "_x1"])
def test_plain_names_may_be_captured(name: str) -> None:
    assert odd_name(name) == ""


@pytest.mark.parametrize(
    "name",
    ["PATH", "IFS", "HOME", "BASH_ENV", "LD_PRELOAD", "GIT_SSH", "PS4", "https_proxy", "SSH_ASKPASS", "a-b", "", "1a"],
)
def test_names_that_programs_obey_may_not(name: str) -> None:
    assert odd_name(name)


def test_a_variable_is_found_where_the_shell_would() -> None:
    for text in ("echo $depth", 'x "${depth}"', "${depth:-1}", "${#depth}", "a$depth.b"):
        assert uses(text, "depth"), text
    for text in ("echo depth", "$depths", "${depth2}", "$my_depth"):
        assert not uses(text, "depth"), text


def test_values_belong_to_their_host_unless_they_agree() -> None:
    captures = {"v": {"app1": "1", "app2": "2"}, "same": {"app1": "x", "app2": "x"}}
    assert value_on(captures, "v", "app2") == "2" and value_on(captures, "v", "db1") is None
    assert value_on(captures, "same", "db1") == "x"
    step = PlanStep(
        0, "a", "fix", "", "echo $v $same", "bash", "change", "db1", needs=("same", "v"), missing=("other",)
    )
    assert filled(step, captures).environment == {"same": "x"} and filled(step, captures).missing == ("other", "v")
    default = PlanStep(
        0, "a", "fix", "", "echo $v", "bash", "change", "db1", needs=("v",), environment={"v": "default"}
    )
    assert filled(default, {}).missing == () and filled(default, captures).environment == {"v": "default"}
