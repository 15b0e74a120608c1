"""The codes of everything that runs: data, training sets, the online store, tests. For `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

DATA: Mapping[str, str] = {
    "F401": "A source's file does not exist. Paths are relative to the folder of featc.yaml; a target may"
    " move them.",
    "F402": "A source's file is empty. Without rows it still needs its columns: a header, or a parquet "
    "schema.",
    "F403": "A source's file cannot be read: it is damaged, or not of the kind its name says.",
    "F404": "A source's table does not exist in the target's database, or cannot be read.",
    "F405": "The query under sql: of a source fails. Try it in DuckDB against the target's database.",
    "F406": "A source without columns.",
    "F407": "The parquet files of one source differ in a column's type, or one lacks a column. Reading them together "
    "would cast the others to the first, and round. Write them alike, or read them under sql: with casts.",
    "F409": "The target's database cannot be opened: it is no DuckDB file, or of another version.",
    "F420": "A DOUBLE column is declared integral, and the data holds a value that is not, such as 1.5. "
    "Declare another type, or put the data right.",
    "F421": "A feature has no value it could give: a sum beyond its type, an integer division by zero, a "
    "cast that fails. The message names feature, entity and instant. Widen the type, as in "
    "sum(amount::DOUBLE), or guard the expression with nullif or try_cast. featc never gives a "
    "wrong number instead.",
    "F422": "The data holds a value that cannot be read: text in a CSV or JSON file that its column's type cannot "
    "hold exactly, as 1.5 in a BIGINT or 1.005 in a DECIMAL(10,2), or an instant outside the years 1 to 9999. Times "
    "are written as 2026-01-31 10:00:00, perhaps with a zone. For another form declare the column text and read it "
    "in let, as in strptime(x, '%d/%m/%Y').",
    "F430": "The engine refused the training query. That is most likely a bug in featc: please report it.",
}

TRAINING: Mapping[str, str] = {
    "F500": "A training set needs features and a spine: the rows of keys and instants to be answered.",
    "F501": "The spine cannot be read. It is a parquet, CSV or JSON file, a SELECT, a data frame or an "
    "Arrow table.",
    "F502": "The spine's file does not exist. Its path is relative to the current folder.",
    "F503": "An empty list has no columns. Give a table with columns and without rows instead.",
    "F504": "Two of the features asked for have the same name. A service can rename one of them.",
    "F505": "There is no service or feature view of this name. featc ls shows what there is.",
    "F506": "The view has no feature of this name.",
    "F511": "The spine lacks a key or request column that the features need. featc build lists them per "
    "service.",
    "F512": "A column of the spine cannot be converted to the type of the key without loss.",
    "F513": "A spine row without an instant. Every row of a training set is observed at an instant.",
    "F514": "The spine has no column of the name given with --time.",
    "F515": "The spine's instant column is no timestamp.",
    "F516": "The spine has no timestamp column. Its instant is the column named by --time, else as_of or "
    "event_timestamp, else the only timestamp column.",
    "F517": "The spine has several timestamp columns, and none is called as_of. Name one with --time.",
    "F518": "A column of the spine has the name of a feature. Rename it there, or the feature in the "
    "service.",
    "F519": "A column of the spine has a name that featc uses itself.",
    "F520": "A training set is written as .parquet or .csv.",
}

ONLINE: Mapping[str, str] = {
    "F600": "An online read needs a service or features, and rows of keys.",
    "F601": "There is no online store yet. The first featc push makes it.",
    "F602": "The online store was written by another version of featc, in another format. Push its "
    "sources into a new store.",
    "F603": "A view is newer than rows that were pushed, so the store does not know its whole history, "
    "and may not answer as if it did. Push all of its source into a new store.",
    "F604": "The online store was written with another version of DuckDB, whose sort keys differ. Push "
    "its sources into a new store.",
    "F605": "There is no source of this name to push to.",
    "F606": "There is no feature service of this name.",
    "F610": "The batch has a column that the source does not have.",
    "F611": "The batch lacks a column that says which event a row is, and when. Other columns may be left"
    " out: they are NULL then.",
    "F612": "A column of the batch is of a type that the source's column cannot hold without loss.",
    "F613": "A token names one batch, and this one differs from the one it was first used for.",
    "F614": "With --strict a batch is refused when a single row is bad. Without, bad rows are counted and"
    " kept apart in the store's table featc_rejected.",
    "F615": "The file of the batch does not exist or cannot be read.",
    "F620": "A value in the batch makes an expression fail, such as a cast. Nothing of the batch was "
    "written.",
    "F621": "An expression over features and request has no value it could give. Guard it with nullif or "
    "try_cast.",
    "F630": "The request lacks a key or request column of the service, or has one that it does not know.",
    "F631": "A value of the request is not of the type that the key or request column has.",
    "F632": "Not an instant. Write it as 2026-01-08T10:00:00Z; without a zone it is UTC.",
    "F660": "A read before the online store's horizon. The horizon is the newest arrival less the target's replay:, "
    "and featc evict moves it; what was superseded before it is gone. featc dataset answers for any instant.",
}

PROOF: Mapping[str, str] = {
    "F700": "The selection names nothing that could be verified.",
    "F701": "The training query and the online store gave different values. That is a bug in featc, or in"
    " the store's data: the report shows the smallest case found, and featc test runs it again.",
    "F710": "The file holds no tests. A test file has tests: at its top.",
    "F711": "A test gives rows of a source that the project does not have.",
    "F712": "A test's spine lacks a key or request column of its service, or has an unknown one.",
    "F713": "A row of a test's spine has no as_of.",
    "F714": "A value in a test is not of its column's type.",
    "F715": "A test expects a column that its service does not give.",
    "F716": "A test needs one row under expect: for each row of its spine.",
    "F717": "The file of a test's rows does not exist, or is no CSV.",
    "F718": "A test's rows have a column that the source does not have.",
}

ENVIRONMENT: Mapping[str, str] = {
    "F901": "Another process holds the database or the store. Nothing was written; try again when it is "
    "done.",
    "F902": "The database or the store cannot be opened or written: its rights, or a full disk. Nothing "
    "was written.",
    "F903": "The online store's file is damaged, or no SQLite database. Move it away and push its sources"
    " into a new one.",
    "F904": "This Python's SQLite is too old for the online store.",
}
