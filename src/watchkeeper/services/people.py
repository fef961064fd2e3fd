"""The people who can sign in, with the role that an admin gave each. Who is calling is proven in `identity`.

A role in ``people:`` of watchkeeper.yaml can only lower what an admin gave: whoever may commit to the ops repo gets no
rights by it. Kept as one setting until the sign-in of issue 7.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.core.actors import NAME, RESERVED, ROLES, Actor, Role, assert_may, lower_of, rank
from watchkeeper.core.errors import Forbidden, Invalid, NotFound, Usage
from watchkeeper.core.inventory.values import Team
from watchkeeper.core.log.values import Draft
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

_SETTING = "people"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token. role: as an admin gave it; digest: sha256 of the token, the token itself is nowhere."""

    name: str
    role: Role
    digest: str
    added_at: float
    added_by: str


def known(session: Session) -> dict[str, Person]:
    """Everybody who has a token now, by name."""
    try:
        rows = json.loads(session.setting(_SETTING) or "{}")
        return {name: Person(**row) for name, row in rows.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid(
            "The list of people in the main store cannot be read.", "Put main.db back from a backup."
        ) from error


def effective_role(person: Person, team: Team) -> Role:
    """The role that counts: what an admin gave, lowered by the team file when it names this person."""
    written = team.people.get(person.name)
    return person.role if written is None else lower_of(person.role, written)


def signed_in(session: Session, team: Team) -> Mapping[str, Role]:
    """name -> role of everybody who can prove who he is."""
    return {name: effective_role(person, team) for name, person in known(session).items()}


class People:
    """What an admin does about people. Every change is an entry of the log; digests never leave the store."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def all(self) -> list[tuple[Person, Role]]:
        """Everybody with the role that counts, by name."""
        team = self._holder.current.team
        with self._store.read() as session:
            return [(person, effective_role(person, team)) for _, person in sorted(known(session).items())]

    def add(self, name: str, role: str, digest: str, actor: Actor) -> Person:
        """Give a person a role and a (new) token, of which this is the digest. The first person must be an admin."""
        assert_may(actor, "people")
        if not NAME.match(name) or name in RESERVED:
            raise Usage(f"{name!r} is no name for a person.", "Small letters, digits, dot, dash: wk user add ada.")
        wanted = role or self._holder.current.team.people.get(name, "")
        if wanted not in ROLES:
            raise Usage(f"{wanted or 'no role'} is not a role.", f"Give --role, one of: {', '.join(ROLES)}.")
        person = Person(name, wanted, digest, self._clock(), actor.name)

        def work(session: Session) -> Person:
            people = known(session)
            before = people.get(name)
            people[name] = person
            self._assert_an_admin_is_left(people)
            what = f"{name} is {wanted} now" + (f", was {before.role}; the old token ended." if before else ".")
            self._keep(session, people, f"Person {name}: {wanted}", what, actor)
            return person

        return self._store.write(work)

    def remove(self, name: str, actor: Actor) -> Person:
        """The token ends at once. The last person may go as well: then the owner of the state acts as `local` again."""
        assert_may(actor, "people")

        def work(session: Session) -> Person:
            people = known(session)
            gone = people.pop(name, None)
            if gone is None:
                raise NotFound(f"There is no person {name}.", "List them: wk user.")
            if people:
                self._assert_an_admin_is_left(people)
            self._keep(session, people, f"Person {name} removed", f"{name} ({gone.role}) has no token any more.", actor)
            return gone

        return self._store.write(work)

    def _assert_an_admin_is_left(self, people: Mapping[str, Person]) -> None:
        team = self._holder.current.team
        if not any(rank(effective_role(person, team)) == rank("admin") for person in people.values()):
            raise Forbidden(
                "Nobody would be an admin then, so nobody could change that again.",
                "Make an admin first: wk user add NAME --role admin.",
            )

    def _keep(self, session: Session, people: Mapping[str, Person], title: str, what: str, actor: Actor) -> None:
        rows = {
            name: {key: getattr(person, key) for key in ("name", "role", "digest", "added_at", "added_by")}
            for name, person in people.items()
        }
        session.set_setting(_SETTING, json.dumps(rows))
        sections = (("Change", what),)
        session.append_entry(Draft(self._clock(), "Configuration", title, actor.name, "Medium", sections=sections))
