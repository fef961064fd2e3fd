"""Tables of the roll-ups: version 1 to 2 of the readings store, in both databases.

`blob`: all readings of one check and hour, exactly. `hour` and `day`: their roll-ups, see core/readings. hour and day
count from 1970 in UTC. covered: seconds for which somebody looked. Hours lie beside each other by check, blobs in the order
of time: so the file stays full, and what is old goes as whole pages.
"""

SQLITE = """
create table blob (check_id integer not null, hour integer not null, data blob not null);
create unique index blob_of_check on blob (check_id, hour);
create table hour (
    check_id integer not null, hour integer not null, covered integer not null, data blob not null,
    primary key (check_id, hour)
) without rowid;
create table day (
    check_id integer not null, day integer not null, covered integer not null, data blob not null,
    primary key (check_id, day)
) without rowid;
"""
POSTGRESQL = """
create table watch.blob (
    check_id integer not null, hour integer not null, data bytea not null, primary key (check_id, hour)
);
create table watch.hour (
    check_id integer not null, hour integer not null, covered integer not null, data bytea not null,
    primary key (check_id, hour)
);
create table watch.day (
    check_id integer not null, day integer not null, covered integer not null, data bytea not null,
    primary key (check_id, day)
);
"""
