"""Conformance cases: one folder each, named for the behaviour it shows, small enough to check by hand.

    definitions.yaml   entities, sources, views; featc.yaml is implied unless the folder has one
    <source>.txt       the rows of each source, in the order they are pushed
    expected.txt       the spine and, beside it, every feature of every view, and of labels each with its __complete; or
    knowledge.json     what the training set is asked to know, if not all there is: known_at, data_until
    error.txt          instead of features: pieces of the message that every plan refuses with

Values are worked out from semantics.md, never copied from a run. A table is cells between `|`; its head gives name
and DuckDB type of each column, so that files are written, and answers compared, by exact type. An empty cell is
NULL, `''` is the empty text, and a line that starts with `#` says why.

A source is written to the `path:` its definition names: as parquet by pyarrow, or as CSV with the cells as they are.
"""
