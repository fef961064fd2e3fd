"""Accounts, tokens, the audit trail and the emergency on each store: SQLite, and PostgreSQL where there is one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import empty_database

from watchkeeper.core.accounts import Account, Token, is_token
from watchkeeper.core.actors import AGENT, LOCAL, Actor, RoleOn
from watchkeeper.core.audit import AuditEvent
from watchkeeper.core.errors import Forbidden, Invalid, Locked, NeedsFactor, NotFound, TooMany, Usage
from watchkeeper.core.inventory.values import Secret, Team
from watchkeeper.identity.callers import Asked, Door
from watchkeeper.services.accounts import Accounts, digest, people_as_actors, signed_in
from watchkeeper.services.audit import REFUSALS_PER_MINUTE, Audit
from watchkeeper.services.emergency import Emergencies
from watchkeeper.services.keys import Keys
from watchkeeper.services.tokens import Tokens
from watchkeeper.store import opening
from watchkeeper.store.writer import Store

T0 = 1_800_000_000.0
DAY = 86_400.0
ADMIN = (RoleOn("admin"),)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = "" if request.param == "sqlite" else empty_database(request.getfixturevalue("postgresql"))
    opened = open_store(tmp_path / "state", url)
    yield opened
    opened.close()


class Office:
    """The services on a real store, with a clock and a team that are set."""

    def __init__(self, store: Store) -> None:
        self.store, self.now, self.ring = store, T0, []
        self.team = Team()
        secrets = {"mail": Secret("mail", "env", "MAIL_PASSWORD", owner="ada")}
        self.holder: Any = SimpleNamespace(current=SimpleNamespace(team=self.team, secrets=secrets, checks={}))
        self.accounts = Accounts(store, self.holder, self.clock)
        self.tokens = Tokens(store, self.accounts, self.clock)
        self.audit = Audit(store, self.clock, lambda text: text.replace("hunter2", "[hidden]"))
        self.door = Door(store, self.clock, self.tokens, self.audit, lambda: self.holder.current.team)
        self.keys = Keys(store, self.clock, self.holder, SimpleNamespace(write=self.ring.append))  # type: ignore[arg-type]
        self.replaced: list[float] = []
        self.emergency = Emergencies(
            store, self.holder, self.keys, self.clock, lambda: self.replaced.append(self.now), lambda text: text
        )

    def clock(self) -> float:
        return self.now

    def lower(self, **people: str) -> None:
        self.holder.current.team = dataclasses.replace(self.team, people=people)

    def person(self, name: str, role: str = "operator", fresh: bool = True) -> tuple[Actor, str]:
        """A new person with a token: the actor that the door makes of it, and the token."""
        made = self.accounts.add(name, LOCAL, (RoleOn(role),), invite=False)  # type: ignore[arg-type]
        text = self.tokens.add("desk", LOCAL, made.account.name, "admin").text
        return dataclasses.replace(self.by(text), fresh=fresh), text

    def by(self, token: str, way: str = "tcp", address: str = "192.0.2.7") -> Actor:
        return self.door.calling(Asked(way, None, address, f"Bearer {token}")).actor

    def acts(self, **filters: Any) -> list[tuple[str, str, str]]:
        return [(each.actor, each.act, each.outcome) for each in self.audit.listed(200, **filters)]


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


# ---- rows ---------------------------------------------------------------------------------------------------------


def test_accounts_and_tokens_come_back_as_they_were_kept(store: Store) -> None:
    roles = (RoleOn("operator"), RoleOn("admin", "tier=1"))
    robo = Account(0, "robo", "agent", (), T0, "ada", unix_user="robo", limits={"calls_per_hour": 9.0}, accepted_at=T0)
    ada = Account(
        0, "ada", "person", roles, T0, "local", "a@example.org", time_zone="UTC", theme="dark", single_keys=False
    )
    kept = [store.write(lambda session, each=each: session.add_account(each)) for each in (robo, ada)]
    token = Token(0, "ada", "lap\ud800top", "act", "shop", T0, "ada", T0 + 5)
    token = store.write(lambda session: session.add_token(token, "d" * 64))
    with store.read() as session:
        assert session.accounts() == [kept[1], kept[0]]
        assert session.account("ada") == dataclasses.replace(ada, id=kept[1].id)
        assert session.account_by_id(kept[0].id) == kept[0] and session.account_by_id(99) is None
        assert session.account_of_unix_user("robo") == kept[0] and session.account_of_unix_user("") is None
        assert not session.any_person(), "an agent is nobody, and ada has not accepted"
        assert session.token_by_digest("d" * 64) == session.token(token.id) == session.tokens("ada")[0]
        assert session.tokens("robo") == [] and session.token_by_digest("") is None
        for ask in (lambda: session.account("x"), lambda: session.token(99)):
            with pytest.raises(NotFound):
                ask()
    with pytest.raises(Locked):
        store.write(lambda session: session.add_account(ada))
    store.write(lambda session: session.use_tokens({token.id: (T0 + 1, "192.0.2.1")}))
    assert store.write(lambda session: session.revoke_tokens(T0 + 2, "ada", "robo")) == 0
    assert store.write(lambda session: session.revoke_tokens(T0 + 2, "ada")) == 1
    with store.read() as session:
        found = session.token(token.id)
        assert (found.last_used_at, found.last_used_from, found.revoked_at) == (T0 + 1, "192.0.2.1", T0 + 2)


def test_the_audit_trail_is_only_added_to(store: Store) -> None:
    from django.db import DatabaseError, connections

    acts = ["token.add", "token.revoke", "tokens", "approve"]
    for number, act in enumerate(acts):
        event = AuditEvent(
            0, T0 + number, "ada" if number else "ben", "person", act, "r", "done", "page", "192.0.2.1", "d"
        )
        store.write(lambda session, event=event: session.add_audit_event(event))
    with store.read() as session:
        assert [each.act for each in session.audit_events()] == acts[::-1]
        assert [each.act for each in session.audit_events(act="token")] == ["token.revoke", "token.add"]
        newest = session.audit_events(limit=1)[0]
        assert [each.act for each in session.audit_events(before=newest.id, limit=1)] == ["tokens"]
        assert len(session.audit_events(actor="ben")) == 1 and len(session.audit_events(since=T0 + 2)) == 2
        assert session.audit_events(outcome="refused") == [] and newest.address == "192.0.2.1"

    def change(statement: str) -> Callable[[object], None]:
        def work(_session: object) -> None:
            with connections[store.writing].cursor() as cursor:
                cursor.execute(statement)

        return work

    attacks = ["UPDATE audit_event SET actor = 'eve'", "DELETE FROM audit_event"]
    if connections[store.writing].vendor == "sqlite":
        columns = "id, at, actor, kind, via, address, act, resource, outcome, detail"
        attacks.append(
            f"INSERT OR REPLACE INTO audit_event ({columns}) VALUES (1, 1, 'x', 'x', '', '', 'x', '', 'done', '')"
        )
    else:
        attacks.append("TRUNCATE audit_event")
    for attack in attacks:
        with pytest.raises(DatabaseError, match="append-only"):
            store.write(change(attack))
    with store.read() as session:
        assert len(session.audit_events()) == 4


def test_a_trail_without_its_triggers_is_not_written(store: Store) -> None:
    from django.db import connections

    vendor = connections[store.writing].vendor
    name = "audit_no_update" if vendor == "sqlite" else "audit_no_change"
    statement = f"DROP TRIGGER {name}" + ("" if vendor == "sqlite" else " ON audit_event")

    def drop(_session: object) -> None:
        with connections[store.writing].cursor() as cursor:
            cursor.execute(statement)

    assert store.missing_log_triggers() == []
    store.write(drop)
    assert store.missing_log_triggers() == [name]
    with pytest.raises(Invalid, match=f"audit trail is not protected: {name}"):
        opening._assert_triggers(store.writing)
    connections[store.writing].close()


def test_people_of_before_keep_their_role_and_token(store: Store) -> None:
    """The migration, run again over a setting as the version before wrote it."""
    from importlib import import_module

    from django.apps import apps
    from django.db import connections

    move = import_module("watchkeeper.store.migrations.0019_accounts").move_people
    person = {"name": "ada", "role": "admin", "digest": digest("old-token"), "added_at": T0, "added_by": "local"}
    store.write(lambda session: session.set_setting("people", json.dumps({"ada": person})))
    store.write(lambda _session: move(apps, SimpleNamespace(connection=connections[store.writing])))
    office = Office(store)
    actor = office.by("old-token")
    assert (actor.name, actor.role, actor.scope, actor.fresh) == ("ada", "admin", "admin", False)
    with store.read() as session:
        assert session.any_person() and session.tokens("ada")[0].expires_at is None


# ---- accounts -----------------------------------------------------------------------------------------------------


def test_a_person_comes_by_invitation_once_and_in_time(office: Office) -> None:
    made = office.accounts.add("ada", LOCAL, ADMIN)
    assert office.accounts.invited(made.key).name == "ada" and not office.accounts.any_person()
    with office.store.read() as session:
        assert session.invited(digest("")) is None and session.invited("") is None
    for wrong in ("", "x", made.key + "x", digest(made.key)):
        with pytest.raises(Forbidden):
            office.accounts.accept(wrong)
    newer = office.accounts.invite("ada", LOCAL)
    with pytest.raises(Forbidden, match="replaced"):
        office.accounts.invited(made.key)
    office.now += 7 * DAY
    with pytest.raises(Forbidden):
        office.accounts.accept(newer.key)
    last = office.accounts.invite("ada", LOCAL)
    assert office.accounts.accept(last.key, "192.0.2.1").accepted_at == office.now
    assert office.accounts.any_person()
    with pytest.raises(Forbidden, match="used already"):
        office.accounts.accept(last.key)
    office.accounts.invite("ada", LOCAL)
    assert office.accounts.any_person(), "who sets a new password stays somebody"


def test_always_an_admin_is_left(office: Office) -> None:
    none = pytest.raises(Forbidden, match="Nobody would be an admin")
    with none:
        office.accounts.add("ben", LOCAL, (RoleOn("operator"),))
    with none:
        office.accounts.add("ben", LOCAL, (RoleOn("admin", "shop"),))
    ada, _ = office.person("ada", "admin")
    ben = office.accounts.add("ben", ada, ADMIN)
    for act in (
        lambda: office.accounts.disable("ada", ada), lambda: office.accounts.change("ada", ada, ADMIN[:0]),
    ):  # fmt: skip
        with none:
            act()
    assert office.accounts.get("ada").disabled_at is None, "a refused act leaves nothing"
    office.accounts.accept(ben.key)
    office.accounts.disable("ada", ada)
    office.lower(ben="operator")
    with none:
        office.accounts.remove("ada", Actor("person", "ben", "admin"))
    office.lower()
    office.accounts.remove("ada", Actor("person", "ben", "admin"))
    office.accounts.remove("ben", Actor("person", "ben", "admin"))
    assert not office.accounts.any_person()


def test_who_accepts_before_any_admin_does_is_refused(office: Office) -> None:
    office.accounts.add("ada", LOCAL, ADMIN)
    ben = office.accounts.add("ben", LOCAL, (RoleOn("operator"),))
    with pytest.raises(Forbidden, match="Nobody would be an admin"):
        office.accounts.accept(ben.key)
    assert not office.accounts.any_person()


def test_only_an_admin_with_a_factor_changes_accounts(office: Office) -> None:
    ada, _ = office.person("ada", "admin")
    ben, _ = office.person("ben", "approver")
    stale = dataclasses.replace(ada, fresh=False)
    with pytest.raises(NeedsFactor):
        office.accounts.add("eve", stale, ADMIN)
    for actor in (ben, AGENT, dataclasses.replace(ada, scope="approve"), dataclasses.replace(ada, services="shop")):
        for act in (
            lambda actor=actor: office.accounts.add("eve", actor, ADMIN),
            lambda actor=actor: office.accounts.change("ben", actor, ADMIN),
            lambda actor=actor: office.accounts.invite("ada", actor, True),
            lambda actor=actor: office.accounts.remove("ada", actor),
            lambda actor=actor: office.accounts.disable("ada", actor),
            lambda actor=actor: office.accounts.recover("eve", actor),
            lambda actor=actor: office.emergency.act(actor, "why"),
        ):
            with pytest.raises(Forbidden):
                act()
    assert {each.name for each in office.accounts.all()} == {"ada", "ben"} and office.replaced == []


def test_every_change_stands_in_log_and_trail_and_no_secret_does(office: Office) -> None:
    ada, text = office.person("ada", "admin")
    made = office.accounts.add("ben", ada, (RoleOn("operator", "shop"),))
    office.accounts.change("ben", ada, (RoleOn("approver", "shop"),))
    office.accounts.disable("ben", ada)
    office.accounts.enable("ben", ada)
    office.accounts.remove("ben", ada)
    acts = [act for _, act, _ in office.acts(actor="ada")]
    assert acts == ["account.remove", "account.enable", "account.disable", "account.change", "account.add"]
    with office.store.read() as session:
        texts = [text for entry in session.entries(50) for _, text in entry.draft.sections]
        trail = [repr(each) for each in session.audit_events(100)]
    assert "ben is approver on shop now, was operator on shop." in texts
    for kept in (text, made.key, digest(text), digest(made.key)):
        assert not any(kept in each for each in texts + trail)


def test_agents_have_limits_and_a_unix_user_of_their_own(office: Office) -> None:
    office.accounts.add("robo", LOCAL, (), "agent", unix_user="robo", limits={"calls_per_hour": 5})
    for wrong in (
        lambda: office.accounts.add("robi", LOCAL, (), "agent", unix_user="robo"),
        lambda: office.accounts.add("ada", LOCAL, ADMIN, unix_user="ada"),
        lambda: office.accounts.add("x", LOCAL, (), "robot"),
        lambda: office.accounts.invite("robo", LOCAL),
        lambda: office.accounts.change("robo", LOCAL),
    ):
        with pytest.raises(Usage):
            wrong()
    assert office.accounts.change("robo", LOCAL, limits={}).limits == {}
    assert not office.accounts.any_person(), "an agent does not end the rights of the owner"


def test_a_file_lowers_and_nobody_else(office: Office) -> None:
    office.person("ada", "admin")
    office.accounts.add("ben", LOCAL, (RoleOn("operator"), RoleOn("admin", "shop")), invite=False)
    text = office.tokens.add("x", LOCAL, "ben").text
    office.lower(ben="approver", ada="viewer", mel="admin")
    with office.store.read() as session:
        assert signed_in(session, office.holder.current.team) == {"ada": "viewer", "ben": "approver"}
        assert [each.role for each in people_as_actors(session, office.holder.current.team)] == ["viewer", "operator"]
    assert office.by(text).roles == (RoleOn("approver", "shop"),)


def test_recovering_an_admin_ends_what_was_before(office: Office) -> None:
    _, old = office.person("ada", "admin")
    office.accounts.recover("ada", LOCAL)
    with pytest.raises(Forbidden):
        office.by(old)
    assert office.accounts.get("ada").roles == ADMIN
    office.accounts.recover("new", LOCAL)
    assert office.accounts.get("new").accepted_at == office.now


# ---- tokens -------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_ends(office: Office) -> None:
    ada, _ = office.person("ada", "admin")
    made = office.tokens.add("laptop", ada, scope="act", lasts_s=60.0)
    assert is_token(made.text) and office.by(made.text).scope == "act"
    with office.store.read() as session:
        assert session.token_by_digest(digest(made.text)) == made.token
        assert made.text not in repr(session.tokens())
    office.now += 60.0
    with pytest.raises(Forbidden, match="ended"):
        office.by(made.text)
    other = office.tokens.add("phone", ada)
    office.tokens.revoke(other.token.id, ada)
    with pytest.raises(Forbidden):
        office.by(other.text)
    assert office.tokens.revoke(other.token.id, ada).revoked_by == "ada"


def test_a_token_never_makes_more_of_itself(office: Office) -> None:
    ada, _ = office.person("ada", "admin")
    ben, text = office.person("ben", "operator")
    narrow = office.by(office.tokens.add("narrow", ben, scope="act", services="shop").text)
    for actor in (narrow, dataclasses.replace(ben, scope="read"), AGENT, LOCAL):
        with pytest.raises((Forbidden, NotFound)):
            office.tokens.add("more", actor, scope="admin")
    with pytest.raises(Forbidden):
        office.tokens.add("more", dataclasses.replace(ben, services="shop"))
    with pytest.raises(Forbidden):
        office.tokens.add("for ada", ben, "ada")
    with pytest.raises(NeedsFactor):
        office.tokens.add("for ben", dataclasses.replace(ada, fresh=False), "ben")
    with pytest.raises(Usage, match="end"):
        office.tokens.add("for ever", ben, lasts_s=None)
    for name in ("ada", "*"):
        with pytest.raises(Forbidden):
            office.tokens.listed(ben, name)
        with pytest.raises(Forbidden):
            office.tokens.revoke_all(ben, name)
    first = office.tokens.listed(ada, "ada")[0]
    with pytest.raises(Forbidden):
        office.tokens.revoke(first.id, ben)
    assert office.by(text).name == "ben" and office.tokens.revoke_all(ben) == 2
    with pytest.raises(Forbidden):
        office.by(text)


def test_the_last_use_is_written_at_most_once_a_minute(office: Office) -> None:
    ada, text = office.person("ada", "admin")
    office.tokens.flush(whole=True)
    for _ in range(50):
        office.by(text, address="192.0.2.8")
    assert office.tokens.flush() == 0, "within the minute"
    assert office.tokens.listed(ada)[0].last_used_from == "192.0.2.8", "but it is shown"
    office.now += 61
    office.by(text, address="192.0.2.9")
    assert office.tokens.flush() == 1 and office.tokens.flush() == 0
    with office.store.read() as session:
        assert session.tokens("ada")[0].last_used_from == "192.0.2.9"


# ---- the door -----------------------------------------------------------------------------------------------------


def test_who_calls_by_which_way(office: Office) -> None:
    import os

    own = os.getuid()
    for peer in (None, own, 0):
        assert office.door.calling(Asked("unix", peer)).actor == dataclasses.replace(LOCAL, via="socket")
    assert office.door.calling(Asked("unix", 4_000_000)).actor.kind == "agent", "another Unix user is never local"
    assert office.door.calling(Asked("agent", own)).actor.kind == "agent", "nobody is local on the socket for all"
    with pytest.raises(Forbidden):
        office.door.calling(Asked("tcp", own))
    with pytest.raises(Forbidden):
        office.door.calling(Asked("tcp", wanted="drill", sample=True))
    with pytest.raises(Forbidden):
        office.door.calling(Asked("agent", own, wanted="drill", sample=True))
    assert office.door.calling(Asked("unix", own, wanted="drill", sample=True)).actor.kind == "drill"
    with pytest.raises(Forbidden):
        office.door.calling(Asked("unix", own, wanted="drill"))

    _, text = office.person("ada", "admin")
    assert office.door.calling(Asked("unix", own)).actor.kind == "agent"
    assert office.by(text, "unix").name == office.by(text, "agent").name == office.by(text).name == "ada"
    import pwd

    office.accounts.add("robo", LOCAL, (RoleOn("operator"),), "agent", unix_user=pwd.getpwuid(own).pw_name)
    assert office.door.calling(Asked("agent", own)).actor.name == "robo"
    office.accounts.disable("robo", LOCAL)
    with pytest.raises(Forbidden, match="disabled"):
        office.door.calling(Asked("agent", own))


def test_guessing_is_slowed_and_the_right_token_always_passes(office: Office) -> None:
    _, text = office.person("ada", "admin")
    for wrong in (f"{text}x", text[:-1], text.lower(), digest(text), "x", "wk_", ""):
        with pytest.raises(Forbidden):
            office.by(wrong, address="192.0.2.1")
    for scheme in ("Basic", "Token", ""):
        with pytest.raises(Forbidden):
            office.door.calling(Asked("tcp", None, "192.0.2.1", f"{scheme} {text}"))
    with pytest.raises(TooMany) as refused:
        office.by("x", address="192.0.2.1")
    assert 0 < int(str(refused.value.details["retry_after_s"])) <= 60
    assert office.by(text, address="192.0.2.1").name == "ada", "nobody locks others out behind one address"
    with pytest.raises(Forbidden):
        office.by("x", address="192.0.2.2")
    trail = office.audit.listed(50, outcome="refused")
    assert {each.act for each in trail} == {"sign-in"} and all(text[3:20] not in repr(each) for each in trail)


def test_refusals_do_not_fill_the_disk(office: Office) -> None:
    for _ in range(REFUSALS_PER_MINUTE + 50):
        office.audit.refused(None, "sign-in", "api", "said hunter2")
    assert len(office.audit.listed(1000)) == REFUSALS_PER_MINUTE
    office.now += 60
    office.audit.refused(None, "sign-in")
    newest = office.audit.listed(2)
    assert "50 more refusals" in newest[0].detail and newest[1].detail == "said [hidden]"


def test_a_link_opens_once_in_time_for_whom_it_was_made(office: Office) -> None:
    key = office.door.make_link()
    assert office.door.use_link(key) == "local"
    for wrong in (key, "", "x"):
        with pytest.raises(Forbidden):
            office.door.use_link(wrong)
    late = office.door.make_link()
    office.now += 600
    with pytest.raises(Forbidden, match="older than ten minutes"):
        office.door.use_link(late)
    ada, _ = office.person("ada", "admin")
    assert office.door.use_link(office.door.make_link(ada)) == "ada"
    for actor in (AGENT, dataclasses.replace(ada, scope="read"), dataclasses.replace(ada, services="shop")):
        with pytest.raises(Forbidden):
            office.door.make_link(actor)
    with office.store.read() as session:
        assert session.setting(f"link {key}") is None, "only its digest is kept"


# ---- the emergency ------------------------------------------------------------------------------------------------


def test_the_emergency_ends_everything_at_once(office: Office) -> None:
    ada, text = office.person("ada", "admin")
    office.person("ben", "operator")
    invited = office.accounts.add("eve", ada, (RoleOn("operator"),))
    link, key = office.door.make_link(ada), office.keys.sign("ack", "x")
    lasting = office.keys.ring().issue("metrics", "")
    with pytest.raises(Usage):
        office.emergency.act(ada, "  ")
    told = office.emergency.act(dataclasses.replace(ada, fresh=False), "laptop stolen", automation_off=True)
    counts = {each.what: each.many for each in told.done}
    assert counts["tokens revoked"] == 2 and counts["invitations ended"] == 1 and "automation switched off" in counts
    assert [(each.name, each.where, each.owner) for each in told.outside] == [("mail", "env", "ada")]
    assert office.replaced == [office.now]
    for act in (
        lambda: office.by(text), lambda: office.accounts.accept(invited.key), lambda: office.door.use_link(link),
        lambda: office.keys.verify("ack", key), lambda: office.keys.subject_of("metrics", lasting),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            act()
    office.now += 1
    assert office.door.use_link(office.door.make_link(ada)) == "ada", "links made after it open"
    with office.store.read() as session:
        entry = session.entry(told.entry)
        assert "laptop stolen" in str(entry.draft.sections) and session.setting("automation_off")
    assert office.acts(act="emergency") == [("ada", "emergency", "done")]
    again = office.emergency.act(ada, "once more")
    assert {each.what: each.many for each in again.done}["tokens revoked"] == 0


def test_another_node_takes_up_the_new_secret(office: Office) -> None:
    other = Keys(office.store, office.clock, office.holder, SimpleNamespace(write=lambda ring: None))  # type: ignore[arg-type]
    before = other.sign("ack", "x")
    office.emergency.act(LOCAL, "why")
    other.publish()
    with pytest.raises(Forbidden):
        other.verify("ack", before)
    assert other.verify("ack", office.keys.sign("ack", "x")) == "x"


def test_half_an_emergency_is_none(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails at its very end leaves everything as it was, but for the signing key, which comes first."""
    ada, text = office.person("ada", "admin")

    def broken(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("watchkeeper.services.emergency._draft", broken)
    key = office.keys.sign("ack", "x")
    with pytest.raises(RuntimeError):
        office.emergency.act(ada, "why")
    office.keys.publish()
    assert office.by(text).name == "ada" and office.keys.verify("ack", key) == "x"
    assert office.acts(act="emergency") == [] and len(office.replaced) == 1
