"""Versions: what a project's definitions meant when they were last applied, and what an edit changes.

`lock` is `featc.lock` as text and lines, `plain` writes definitions as JSON and reads them again, `past` resolves the
project that a lock holds, `pieces` cuts definitions into what an edit can change, `changes` compares two projects,
`numbers` gives versions their numbers.
"""
