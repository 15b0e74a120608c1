"""The codes of the resolve phase and what each means, for `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F301": "A name that means nothing here. Inside aggregates, where, let and keys: columns of the source "
    "and let names. Outside: state columns, features of the view, view.feature, request.x, key.x and as_of.",
    "F302": "A column of an event source has a value for each row, and a feature needs one: aggregate it.",
    "F303": "An aggregate without OVER needs windows: on the feature or its view.",
    "F304": "There is no such window. Built in: last_<duration>, prev_<duration>, last_<n>_rows, lifetime.",
    "F305": "A window of the wrong kind: hop and align belong to range windows.",
    "F306": "Definitions that need each other in a circle.",
    "F307": "Two things of one name, or of names that differ by letter case only.",
    "F308": "A definition that does not exist: an entity, a source, a view.",
    "F309": "A view's keys do not fit: a key without a column, of no entity, or a parent with other keys.",
    "F310": "A key of a type that keys cannot have. Keys are integers, text, booleans, dates, timestamps, "
    "UUIDs or decimals; a DOUBLE must be declared integral under columns.",
    "F311": "The engine refuses the expression because of its types.",
    "F312": "The expression has another type than its place needs.",
    "F313": "An aggregate over a value of a type it cannot take.",
    "F314": "A feature of a type that features cannot have yet.",
    "F315": "The default does not fit the feature's type.",
    "F316": "A column declared known_after is used where its value may not have been known yet.",
    "F317": "A declared type that does not exist.",
    "F318": "A declared type that the data cannot be converted to without loss.",
    "F319": "A request column that the view does not declare, or declares without a type.",
    "F321": "The parts of a view do not fit together.",
    "F322": "A family of features has no member for the window that another feature needs.",
    "F323": "A service picks something that does not exist, or renames several features at once.",
    "F324": "The features of a service disagree on the type of a key or request column.",
    "F325": "as_of, request and key are known at the moment of asking, not for a row of the source.",
    "F326": "An aggregate where only a row of the source is at hand.",
    "F327": "A state source keeps one row per key, and the view's keys are others.",
    "F330": "The name of a role in a service is taken, by another role or by a view.",
    "F331": "A key expression of a service does not fit: there is no such key, or it is of another type, or the "
    "expression stands for several values.",
    "F339": "Warning: a service declares a request column that nothing in it uses.",
    "F350": "Warning: rows of the same instant can tie, and something less telling than the author decides.",
    "F351": "Warning: versions of an event are ordered by event time, since the source has no available_at.",
    "F399": "The language has this, but this version of featc does not build it yet.",
}
