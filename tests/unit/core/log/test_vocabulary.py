"""Words of the log: recognised through case, aliases and decoration; the written word comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.log.vocabulary import SEVERITIES, Vocabulary, Word, folded, with_usual_aliases

USUAL = Vocabulary()


@pytest.mark.parametrize(("written", "name"), [
    ("High", "High"), ("high", "High"), ("MAJOR", "High"), ("None (nothing was touched)", "Low"), ("N/A", "Low"),
    ("Low (a text, with a comma)", "Low"), ("Critical/High", "Critical"), ("P1 - page", "Critical"), ("**Minor**", "Low"),
    ("🔴 Critical", "Critical"), ("严重", "Critical"), ("odd", "odd"), ("Not critical", "Not critical"), ("", ""),
])  # fmt: skip
def test_severities(written: str, name: str) -> None:
    assert USUAL.severity(written) == (name, "" if written == name else written)


@pytest.mark.parametrize(("written", "name"), [
    ("✅ Complete (monitoring active)", "Complete"), ("‚úÖ Complete", "Complete"), ("⚠️ In Progress", "In Progress"),
    ("[❌ Failed]", "Failed"), ("🔄 Rolled Back", "Rolled Back"), ("Complete, not proven", "Complete"), ("完了", "Complete"),
    ("Production Ready", "Production Ready"), ("in_progress", "In Progress"),
])  # fmt: skip
def test_statuses(written: str, name: str) -> None:
    assert USUAL.status_of(written)[0] == name


@pytest.mark.parametrize(("written", "name"), [
    ("Infrastructure / Documents", "Infrastructure"), ("Feature Deployment", "Deployment"), ("Disk Migration", "Migration"),
    ("Capacity Planning / Infrastructure Work", "Infrastructure"), ("Code Restructure", "Code Restructure"),
    ("schema change", "Migration"), ("Module Handoff", "Hand-over"),
])  # fmt: skip
def test_types_of_several_words(written: str, name: str) -> None:
    assert USUAL.type_of(written)[0] == name


def test_ranks_and_refusals() -> None:
    assert [USUAL.rank(word) for word in ("Critical", "major", "Medium", "None", "odd")] == [0, 1, 2, 3, 3]
    assert USUAL.demand_severity("MAJOR") == ("High", "MAJOR")
    with pytest.raises(Usage, match=r"'Hihg' is no severity of your log\. Did you mean High\?") as error:
        USUAL.demand_severity("Hihg")
    assert "Critical, High, Medium, Low" in error.value.hint
    own = Vocabulary(severities=with_usual_aliases((Word("Red"), Word("High", ("Orange",)), Word("Low")), SEVERITIES))
    assert [own.rank(word) for word in ("red", "orange", "MAJOR", "Low", "Critical")] == [0, 1, 1, 2, 0]


@given(st.text(max_size=60))
def test_any_text_is_a_word_or_stays_as_it_is(text: str) -> None:
    for look in (USUAL.type_of, USUAL.severity, USUAL.status_of):
        name, original = look(text)
        assert (original or name) == " ".join(text.split())
        assert look(name)[0] == name  # a word that was found is found again
    assert folded(folded(text)) == folded(text)


def _load(text: str):
    files = {"watchkeeper.yaml": f"team: T\n{text}".encode(), "hosts.yaml": b"hosts: {}\n"}
    return load(files, 0.0)


def test_the_team_declares_its_words() -> None:
    found = _load(
        "log:\n  types: {Rollout: [Release], Outage: []}\n"
        "  severities: {Red: {means: all is down, aliases: [MAJOR-OUTAGE]}, High: [MAJOR], Low: [Minor, None]}\n"
        "  statuses: [Complete, Failed]\n  queries: {bad: 'severity>=high since:30d'}\n"
    )
    assert found.inventory is not None, found.mistakes
    policy = found.inventory.team.log
    assert policy.vocabulary.severity("major-outage") == ("Red", "major-outage")
    assert policy.vocabulary.severity("P2") == ("High", "P2")  # the usual alias of a word that stayed
    assert policy.vocabulary.type_of("Release") == ("Rollout", "Release")
    assert [word.name for word in policy.vocabulary.statuses] == ["Complete", "Failed"]
    assert policy.vocabulary.status_of("Done")[0] == "Complete"
    assert policy.queries == {"bad": "severity>=high since:30d"}


@pytest.mark.parametrize(("text", "said"), [
    ("log: {types: 7}", "a list of words"),
    ("log: {types: []}", "1 to 60 words"),
    ("log: {severities: {High: [x], Low: [X]}}", "'X' below High and Low"),
    ("log: {severities: [High, high]}", "high"),
    ("log: {severities: {High: {meens: x}}}", "'meens'"),
    ("log: {queries: {a: 'sevrity:high'}}", "sevrity"),
    ("log: {queries: {'a b': 'x'}}", "'a b'"),
])  # fmt: skip
def test_mistakes_in_the_file_are_named(text: str, said: str) -> None:
    found = _load(text)
    assert found.inventory is None
    assert any(said in f"{each.found} {each.expected}" for each in found.mistakes), found.mistakes
