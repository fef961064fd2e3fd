"""Keys of addresses: only the same secret, purpose and text hold, and not after their end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.errors import Forbidden
from watchkeeper.core.keys import sign, verify

SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))
subjects = st.text(st.characters(codec="utf-8"), max_size=80)


@given(subjects, st.one_of(st.none(), st.floats(1.0, 4e9)))
def test_a_key_gives_its_subject_back_until_its_end(subject: str, ends: float | None) -> None:
    key = sign(SECRET, "ping", subject, ends)
    assert verify(SECRET, "ping", key, 0.0) == subject
    if ends is not None:
        assert verify(SECRET, "ping", key, ends - 0.001) == subject
        with pytest.raises(Forbidden, match="expired"):
            verify(SECRET, "ping", key, ends + 1.0)


@given(subjects, st.data())
def test_no_other_text_holds(subject: str, data: st.DataObject) -> None:
    key = sign(SECRET, "ping", subject, 2e9)
    place = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != key[place]))
    with pytest.raises(Forbidden):
        verify(SECRET, "ping", key[:place] + letter + key[place + 1 :], 0.0)


@given(st.text(max_size=200))
def test_garbage_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(Forbidden, match="not one of ours"):
        verify(SECRET, "ping", text, 0.0)


@pytest.mark.parametrize("wrong", [(OTHER, "ping"), (SECRET, "acknowledge"), (SECRET, "")])
def test_another_secret_or_purpose_does_not_hold(wrong: tuple[bytes, str]) -> None:
    key = sign(SECRET, "ping", "shop/backup", None)
    with pytest.raises(Forbidden):
        verify(*wrong, key, 0.0)


def test_a_key_survives_a_url_and_the_end_of_a_sentence() -> None:
    for number in range(300):
        key = sign(SECRET, "ack", str(number), 2e9)
        assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert key[-1].isalnum()
        assert len(key) < 80


def test_a_short_secret_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="too short"):
        sign(b"short", "ping", "x")
