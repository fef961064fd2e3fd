"""Patterns find what the usual matcher finds, and never explode."""

from __future__ import annotations

import random
import re
import time

import pytest

from watchkeeper.core.runs.patterns import Pattern, PatternError, UnboundedError

PARTS = ["a", "b", "(a|b)", "(?:ab)", "[ab]", "[^a]", ".", "\\d", "\\w", "a*", "b+", "(ab)?", "a{2}", "b{1,3}", "(a|ab)*", "^",
         "$", "\\b", "c??", "x|y", "\\.", "[a-c]", "[\\d-]", "é"]  # fmt: skip
TEXTS = ["", "a", "ab", "aab", "abab", "b\na", "x.y", "12-3", "c", "aaaa", "ba\n", "é", "a b", "abcabc", "\n"]


def test_it_finds_exactly_what_the_usual_matcher_finds() -> None:
    chance, compared = random.Random(7), 0
    for _ in range(800):
        text = "".join(chance.choice(PARTS) for _ in range(chance.randrange(1, 6)))
        usual = re.compile(text, re.MULTILINE)
        pattern = Pattern(text)
        for subject in TEXTS:
            assert pattern.found(subject) is (usual.search(subject) is not None), (text, subject)
            # fullmatch of the usual matcher anchors only at the very ends as well
            assert pattern.fits(subject) is (usual.fullmatch(subject) is not None), (text, subject)
            compared += 1
    assert compared == 800 * len(TEXTS)


@pytest.mark.parametrize(
    "text", ["(a*)*b", "(a|a)*b", "(a|aa)+$", "(.*)*x", ".*.*.*.*.*x", "(a?){30}a{30}b", "(\\w+\\s?)*!"]
)
def test_patterns_that_would_run_for_years_end(text: str) -> None:
    begun = time.thread_time()
    assert not Pattern(text).found("a" * 20_000 + "?")
    assert time.thread_time() - begun < 10


@pytest.mark.parametrize(
    "text", ["(?=a)", "(?!a)", "(?<=a)b", r"(a)\1", "(?P=x)", "a" * 2000, "((((a{99}){99}){99}){99})", "a++"]
)
def test_what_cannot_be_bounded_is_refused(text: str) -> None:
    with pytest.raises(UnboundedError):
        Pattern(text)


@pytest.mark.parametrize("text", ["(", ")", "[a", "*", "a**", "\\", "[b-a]", "a{3,1}", r"\x1", r"\q", "(?:a"])
def test_what_is_no_pattern_is_said(text: str) -> None:
    with pytest.raises(PatternError):
        Pattern(text)


def test_any_text_at_all_is_a_pattern_or_refused() -> None:
    chance = random.Random(5)
    letters = "ab()[]{}*+?|\\^$.-,1:<>P=!\n"
    for _ in range(5000):
        text = "".join(chance.choice(letters) for _ in range(chance.randrange(10)))
        try:
            Pattern(text).found("aab11\n")
        except PatternError:
            pass
