"""Roles that count, what a token looks like, and words as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core import accounts
from watchkeeper.core.accounts import Account, Token, actor_of, is_token, lowered, role_of, token_text
from watchkeeper.core.actors import RoleOn
from watchkeeper.core.errors import Usage

SECRETS = st.text(accounts.LETTERS, min_size=43, max_size=43)
ADA = Account(1, "ada", "person", (RoleOn("admin"),), 0.0, "local")


def test_the_role_on_everything_and_those_beside_it() -> None:
    ben = Account(
        2, "ben", "person", (RoleOn("operator"), RoleOn("viewer", "shop"), RoleOn("admin", "tier=1")), 0, "ada"
    )
    actor = actor_of(ben)
    assert (actor.role, actor.roles) == ("operator", (RoleOn("admin", "tier=1"),))
    assert not actor.fresh and actor.scope == "admin"
    assert actor_of(ben, "approver").roles == (RoleOn("approver", "tier=1"),)
    assert actor_of(ben, "viewer").roles == () and actor_of(ben, "viewer").role == "viewer"
    token = Token(1, "ben", "x", "read", "shop", 0, "ben")
    assert (actor_of(ben, None, token).scope, actor_of(ben, None, token).services) == ("read", "shop")


@pytest.mark.parametrize(("written", "role"), [(None, "admin"), ("operator", "operator"), ("nonsense", "viewer")])
def test_a_file_only_lowers(written: str | None, role: str) -> None:
    assert role_of(ADA.roles, written) == role
    assert role_of((RoleOn("viewer"),), "admin") == "viewer" and role_of(()) == "viewer"
    assert lowered((RoleOn("operator", "shop"),), "admin") == (RoleOn("operator", "shop"),)


@given(SECRETS, st.integers(0, 51), st.sampled_from(accounts.LETTERS + "_- "))
def test_one_wrong_letter_is_told_apart_from_a_token(secret: str, place: int, letter: str) -> None:
    text = token_text(secret)
    assert is_token(text) and len(text) == 52
    changed = text[:place] + letter + text[place + 1 :]
    assert is_token(changed) == (changed == text)
    assert not is_token(text[:-1]) and not is_token(text + "a") and not is_token(text[3:])


@given(st.text(max_size=80))
def test_no_text_is_taken_for_a_token_or_breaks_the_reading(text: str) -> None:
    assert not is_token(text) and not is_token("wk_" + text)


@given(st.sampled_from([0.0, 899.9, 900.0, -1.0, 1e9]))
def test_a_factor_counts_for_fifteen_minutes(age: float) -> None:
    assert accounts.is_fresh(1000.0, 1000.0 + age) == (0 <= age < 900)
    assert not accounts.is_fresh(None, age)


@pytest.mark.parametrize(
    "name", ["local", "drill", "watchkeeper", "agent", "nobody", "two", "Ada", "", "a b", "../x", "x" * 40, "a\n"]
)
def test_an_account_cannot_have_the_name_of_somebody_else(name: str) -> None:
    with pytest.raises(Usage):
        accounts.account_name(name)


def test_words_as_people_write_them() -> None:
    assert accounts.services_word("tier=1") == "tier=1" and accounts.services_word("*") == "*"
    for wrong in ("", "a b", "=1", "tier=", "x" * 80, "../x", "a,b"):
        with pytest.raises(Usage):
            accounts.services_word(wrong)
    for wrong in ("", "  ", "a\nb", "x" * 81):
        with pytest.raises(Usage):
            accounts.label_word(wrong)
    for limits in ({"calls_per_hour": 0}, {"calls_per_hour": -1}, {"x": 1}, {"calls_per_hour": float("nan")}):
        with pytest.raises(Usage):
            accounts.limits_of(limits)
    with pytest.raises(Usage):
        accounts.role_word("root")
    with pytest.raises(Usage):
        accounts.scope_word("all")
    assert accounts.roles_line((RoleOn("viewer"), RoleOn("operator", "shop"))) == "viewer, operator on shop"
