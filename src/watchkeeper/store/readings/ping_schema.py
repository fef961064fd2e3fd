"""Columns of heartbeat pings and the table of alerts: version 2 to 3 of the readings store, in both databases.

An alert is one row per check and fingerprint, replaced by what its sender said last.
"""

SQLITE = """
alter table ping add column rid text not null default '';
alter table ping add column exit_code integer;
alter table ping add column duration real;
alter table ping add column body text not null default '';
alter table ping add column source text not null default '';
create index ping_by_number on ping (check_key, id);
create table alert (
    check_key text not null, fingerprint text not null, status text not null, name text not null,
    severity text not null, summary text not null, labels text not null, starts_at real not null, ends_at real,
    updated_at real not null, sender text not null, primary key (check_key, fingerprint)
) without rowid;
"""
POSTGRESQL = """
alter table watch.ping add column rid text not null default '';
alter table watch.ping add column exit_code integer;
alter table watch.ping add column duration double precision;
alter table watch.ping add column body text not null default '';
alter table watch.ping add column source text not null default '';
create index ping_by_number on watch.ping (check_key, id);
create table watch.alert (
    check_key text not null, fingerprint text not null, status text not null, name text not null,
    severity text not null, summary text not null, labels text not null, starts_at double precision not null,
    ends_at double precision, updated_at double precision not null, sender text not null,
    primary key (check_key, fingerprint)
);
"""
