"""Discovery: what runs on a host, from the answers to read-only questions, and how it becomes files of an ops repo.

`questions` are asked by `services.discovery`; `reading` turns answers into facts, `grouping` facts into drafts,
`writing` drafts into text, and `merging` adds it to what is there. All of it is pure: bytes and text in, values out.
"""
