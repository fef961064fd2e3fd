"""The readings store: readings, settled states, the flip journal, pings and our own downtimes, in raw SQLite.

The watch process is the only writer (`writer`); main reads (`reader`). Neither needs Django.
"""
