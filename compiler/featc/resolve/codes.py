"""The codes of the resolve phase and what each means, for `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F301": "A name that means nothing here. Inside aggregates, where, let and keys: columns of the source "
    "and let names. Outside: state columns, features of the view, view.feature, request.x, key.x and as_of.",
    "F302": "A column of an event source has a value for each row, and a feature needs one: aggregate it.",
    "F303": "An aggregate without OVER needs windows: on the feature or its view.",
    "F304": "There is no such window. Built in: last_<duration>, prev_<duration>, last_<n>_rows, lifetime, and for "
    "labels next_<duration>.",
    "F305": "A window of the wrong kind: hop and align belong to range windows.",
    "F306": "Definitions that need each other in a circle. Take one of them out of the circle, which the message "
    "spells out.",
    "F307": "Two things of one name, or of names that differ by letter case only. Rename one of them.",
    "F308": "A definition that does not exist: an entity, a source, a view. Define it, or correct the name by the"
    " hint.",
    "F309": "A view's keys do not fit: a key without a column, of no entity, or a parent with other keys. keys: "
    "gives an expression for each key of the entity that is no column.",
    "F310": "A key of a type that keys cannot have. Keys are integers, text, booleans, dates, timestamps, "
    "UUIDs or decimals; a DOUBLE must be declared integral under columns.",
    "F311": "The engine refuses the expression because of its types. Cast one side, as in amount::double, or "
    "compare values of one kind.",
    "F312": "The expression has another type than its place needs. Write a condition where a condition is needed,"
    " as in status = 'paid', or cast the value.",
    "F313": "An aggregate over a value of a type it cannot take. Cast the argument, as in sum(amount::double), or"
    " use an aggregate for its type.",
    "F314": "A feature of a type that features cannot have yet. Cast it to a number, text, boolean, date or "
    "timestamp.",
    "F315": "The default does not fit the feature's type. Write a default of the feature's type, or cast the "
    "feature.",
    "F316": "A column declared known_after is used where its value may not have been known yet. Use it in labels,"
    " or make its column the source's available_at.",
    "F317": "A declared type that does not exist. Use a type of DuckDB, such as bigint, double, decimal(12,2), "
    "text or timestamp.",
    "F318": "A declared type that the data cannot be converted to without loss. Declare a wider type, or read the"
    " column as text and cast it in let.",
    "F319": "A request column that the view does not declare, or declares without a type. Add it with its type "
    "under request:.",
    "F321": "The parts of a view do not fit together. The message names them; put what differs into a view of its"
    " own.",
    "F322": "A family of features has no member for the window that another feature needs. Add the window to "
    "windows: of both, or name a feature of one window.",
    "F323": "A service picks something that does not exist, or renames several features at once. featc ls shows "
    "what there is; a new name goes with one feature, view.feature.",
    "F324": "The features of a service disagree on the type of a key or request column. Give the key or column "
    "the same type in each view, under columns: or request:.",
    "F325": "as_of, request and key are known at the moment of asking, not for a row of the source. Use them in a"
    " feature outside the aggregate.",
    "F326": "An aggregate where only a row of the source is at hand. Put the aggregate into a feature; where, "
    "let, keys and FILTER hold row expressions.",
    "F327": "A state source keeps one row per key, and the view's keys are others. Give the source key: with the "
    "columns of the view's entity, or aggregate over current.",
    "F330": "The name of a role in a service is taken, by another role or by a view. Rename the role.",
    "F331": "A key expression of a service does not fit: there is no such key, or it is of another type, or the "
    "expression stands for several values. Name a key of the view, cast the expression, or name one member.",
    "F337": "A calendar window in a time zone that does not exist. Zones are called as in the IANA tables, "
    "Europe/Berlin or UTC; abbreviations and offsets do not say when clocks change.",
    "F338": "over: of a feature is the window of its aggregates without OVER, and there is none, or a family stands "
    "beside them. Remove one of the two, or name a member of the family.",
    "F339": "Warning: a service declares a request column that nothing in it uses. Delete it, or use it in derived: "
    "or keys:.",
    "F340": "final_after is how long after its event's time a row may still arrive; later ones count as absent. "
    "Shorter than the source's delay it would leave nothing.",
    "F341": "A feature would carry a label: what comes after the instant of asking would be known at it. Move the "
    "expression under labels:, or use a window that looks back.",
    "F342": "A window next_<duration> lies after the instant of asking; only labels may look there. Move the "
    "feature under the view's labels:, or use last_<duration>.",
    "F343": "A label's aggregates have windows next_<duration>. What was before the instant of asking is a feature, "
    "which a label may use by its name.",
    "F344": "A label in which nothing lies after the instant of asking. Aggregate over next_<duration>, or put it "
    "under features:.",
    "F345": "A label among a service's features. List it under the service's labels:, for its training sets; an online "
    "read never has it.",
    "F346": "A feature among a service's labels. List it under the service's features:.",
    "F350": "Warning: rows of the same instant can tie, and something less telling than the author decides.",
    "F351": "Warning: versions of an event are ordered by event time, since the source has no available_at.",
    "F360": "A service would give a value that carries a tag which a policy of featc.yaml forbids it. The way from the "
    "tag to the service is told. Leave the feature out, or make it without what carries the tag; allow: of the "
    "policy names features that somebody has judged.",
    "F361": "Warning: something with a forbidden tag decides which rows a feature counts (where, FILTER), and the "
    "policy does not say whether that is forbidden. through: [value, filter] forbids it, through: value takes "
    "it.",
    "F362": "Warning: a policy names services, tags or features of which there are none, so that it does nothing by "
    "them. Mostly a misspelling; the hint names the nearest.",
    "F363": "Warning: something that is deprecated is still used. The hint says what to use instead.",
    "F364": "featc build --locked: the last day of a deprecated definition is over, and it still stands. Delete it "
    "when nothing uses it any more, or give it a later until:.",
    "F365": "use: of deprecated: names nothing that could take the definition's place. Name a definition of the "
    "project.",
    "F366": "Warning: the SELECT of a source brings to a row what comes from other rows, perhaps later ones: a window "
    "function that looks ahead, or a join or subquery without a comparison of times. Compute it in features, "
    "or let available_at: be an instant at which all of the row was known.",
    "F367": "Warning: all rows of a source have one time, so what holds today counts as known at every instant. Give "
    "it the column that says since when each row holds.",
    "F368": "Warning: a label's source says neither delay: nor available_at:, and features of the same service read "
    "it: each row counts as known the moment it happened. Say when serving knows it; delay: 0s if at once.",
    "F369": "Warning: a spine names rows of a source, by its id or its key and time, at instants after they were "
    "known: a feature then holds the row it is asked for. Take the row's own time as the instant.",
    "F371": "join: on a view over a state source. Events are joined, each at its own time; a state is looked up at "
    "the instant of asking. Join where events are aggregated.",
    "F372": "A join that does not say which rows belong to an event. A state source with key: is found by columns of "
    "the same names; else give the join keys: with its columns and what each has to equal.",
    "F373": "A state source keeps one row per key, and the join names other columns. Name those of its key: all.",
    "F374": "A key of a join and what it has to equal are of types that do not compare exactly. Cast the expression.",
    "F375": "A join has the name of a column or let of the view's source. Name the join otherwise, and say source:.",
    "F376": "Warning: a join of which no feature uses a column. Use one, or delete the join.",
    "F377": "A view with joins reads a column of a list, struct or other type that an online store cannot give back; "
    "it keeps the rows of such a view as they came, to lift them again when what they look up changes. Take what you "
    "need of the column under the source's sql:.",
    "F378": "A view needs itself by its joins: it joins features of a view that is made of its own, or that joins it. "
    "The message spells the way out; put the features that are joined into a view of their own.",
    "F379": "A join with a view does not say whose features lie beside an event: the event has no column of a key's "
    "name, or keys: names none of that view's keys. Give keys: an expression for each key of another name.",
    "F380": "A join with a view takes a feature that needs request columns. An event is no request; join the features "
    "it is made of, and write the expression over their columns.",
    "F381": "A join with a view says what only one with a source can: source: or within:. Which rows a feature looks "
    "at is up to its windows.",
    "F382": "A join with a view takes a feature that aggregates the rows that hold, or looks into dumps. What held at "
    "an event's own time is not built yet; join the source itself, if one row of it is meant, or keep the changes as "
    "events.",
    "F383": "A union takes its rows, and what they mean in time, from the sources that it names, and says it again "
    "itself, or a target gives it a place. Write time:, id:, path: and the like where those sources are defined; let: "
    "may stand in the union.",
    "F384": "A source with from: and match: takes its rows, and what they mean in time, from another, and says it "
    "again itself. Write time:, id: and the like where that source is defined.",
    "F385": "A source with match: is made from events. from: names a source of states, or one that is made of others "
    "itself. Name the event source.",
    "F386": "A match looks for what follows an event in another source of events. It names a state source, which a "
    "join: of a view looks up, or the events themselves.",
    "F387": "A source that is made of others has no rows of its own: views read it, but nothing is pushed to it, and "
    "no join or match looks into it. Name the source of its events, or the one that is matched.",
    "F388": "A view over a source with match: has no join: and no labels:. Match what follows the events in the "
    "source; put labels into a view over the source that is matched.",
    "F390": "current holds the rows of a state source that hold at the instant of asking, and the view's source has "
    "events. Give the source kind: state, or use a window that looks back.",
    "F391": "id: on a snapshot source. Rows of one time and arrival are one dump, which a later arrival of the same "
    "time replaces as a whole. Delete id.",
    "F392": "An aggregate over a window of a snapshot source other than current. A dump says what held, not what "
    "changed. Aggregate over current, or keep the changes as events.",
    "F393": "A join of events with a snapshot source. Look the snapshot up in a view of its own, at the instant of "
    "asking, or join a state source.",
    "F395": "source: {view: …} takes the rows of a view over events, after its where, let, join and keys. A view that "
    "is computed when asked has none, rows that hold are read from their source itself, and views cannot read "
    "each other's in a circle.",
    "F396": "A union takes the columns of its sources by name, and gives each one type: equal types, numbers the "
    "wider of them, dates with timestamps a timestamp. Convert the column in one source's sql:, or rename it.",
    "F397": "What a union cannot be made of: states or dumps, sources that are made of others themselves, the same "
    "source twice, sources whose events become final at different ages, or columns that have the names which a union "
    "gives its own. The message says which.",
    "F399": "The language has this, but this version of featc does not build it yet. Leave it out for now; the "
    "hint says what to use instead, if anything.",
}
