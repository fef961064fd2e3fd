"""Importing: a team's own documents to the files of an ops repo. Pure: text in, text out.

`documents` says what may be read, `elements` counts what stands in it, `forms` tells a log from a runbook, `sections`
cuts, `sightings` finds what the commands speak of, `services` makes drafts of it, and `merging` adds what is new.
"""
