"""The readings store: readings, settled states, the flip journal, pings and our own downtimes. None of it needs Django.

On one machine it is raw SQLite: the watch process is the only writer (`writer`), main reads (`reader`). Of several nodes
on one PostgreSQL every watch writes (`postgresql_writer`) and every main reads all (`postgresql_reader`).
`store.places` opens the right ones.
"""
