"""Tables of the readings store in PostgreSQL: the same as those of readings.db, for several nodes that write.

Check keys and rule hashes are numbers here too: as text they make a reading half as large again (decision 0031).
"""

from __future__ import annotations

from watchkeeper.store.own_schemas import OwnSchema
from watchkeeper.store.readings import ping_schema, rollup_schema

# `journal` holds the number of the newest flip. Whoever adds flips updates it in the same transaction, so its row lock
# makes commits happen in the order of the numbers: a reader that has seen n never finds a smaller one later.
# `gap.unseen_from`: since when nobody at all watched, in contrast to this node; null when another one did.
# `owner`: the node that took a check last; readings of others are refused. No row: everybody may write.
_TABLES = """
create table watch.name (id integer primary key generated always as identity, text text not null unique);
create table watch.reading (
    id bigint primary key generated always as identity,
    at double precision not null, latency double precision not null, check_id integer not null,
    rule_id integer not null, state smallint not null, vals text, error text, reason text
) with (autovacuum_vacuum_scale_factor = 0.02);
create index reading_of_check on watch.reading (check_id, at);
create table watch.state (
    check_id integer primary key, state smallint not null, good_in_row integer not null,
    since double precision not null, recent text not null, reason text not null, rule_hash text not null,
    at double precision, latency double precision, verdict smallint, verdict_reason text, vals text, error text
) with (fillfactor = 50);
create table watch.journal (one boolean primary key default true check (one), newest bigint not null);
insert into watch.journal (newest) values (0);
create table watch.flip (
    seq bigint primary key, check_key text not null, service text not null, host text,
    at double precision not null, before_state smallint not null, after_state smallint not null, reason text not null,
    vals text not null, rule_hash text not null, rule text not null
);
create index flip_at on watch.flip (at);
create index flip_of_check on watch.flip (check_key, seq);
create table watch.alive (node text primary key, at double precision not null) with (fillfactor = 50);
create table watch.gap (
    id bigint primary key generated always as identity, node text not null,
    start_at double precision not null, end_at double precision not null, unseen_from double precision
);
create table watch.ping (
    id bigint primary key generated always as identity, check_key text not null, at double precision not null,
    status text not null, note text not null
);
create index ping_of_check on watch.ping (check_key, at);
create table watch.seen (check_key text primary key, at double precision not null);
create table watch.owner (check_id integer primary key, node text not null);
"""
# What leads from one version to the next: migrations[n] turns version n into n + 1.
_MIGRATIONS = {0: _TABLES, 1: rollup_schema.POSTGRESQL, 2: ping_schema.POSTGRESQL}
SCHEMA = OwnSchema("watch", "The readings store", 3, _MIGRATIONS)

SETTLED = (
    "select name.text, s.state, s.since, s.recent, s.good_in_row, s.reason"
    " from watch.state s join watch.name name on name.id = s.check_id"
)
