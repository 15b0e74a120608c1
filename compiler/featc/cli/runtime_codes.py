"""The codes of everything that runs: data, training sets, the online store, tests. For `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

DATA: Mapping[str, str] = {
    "F401": "A source's file does not exist. Paths are relative to the folder of featc.yaml; a target may"
    " move them.",
    "F402": "A source's file is empty. Without rows it still needs its columns: a header, or a parquet "
    "schema.",
    "F403": "A source's file cannot be read: it is damaged, or not of the kind its name says. Open it with its "
    "own program, or name another file.",
    "F404": "A source's table does not exist in the target's database, or cannot be read. Correct the name or the"
    " target's database:; featc doctor says whether it can be opened.",
    "F405": "The query under sql: of a source fails. Try it in DuckDB against the target's database.",
    "F406": "A source without columns. Write a header, or select at least one column.",
    "F407": "The parquet files of one source differ in a column's type, or one lacks a column. Reading them together "
    "would cast the others to the first, and round. Write them alike, or read them under sql: with casts.",
    "F409": "The target's database cannot be opened: it is no DuckDB file, or of another version. Move it away, "
    "or name another under targets:.",
    "F420": "A DOUBLE column is declared integral, and the data holds a value that is not, such as 1.5. "
    "Declare another type, or put the data right.",
    "F421": "A feature has no value it could give: a sum beyond its type, an integer division by zero, a "
    "cast that fails. The message names feature, entity and instant, or the where, key or let that fails for all "
    "features of a view. Widen the type, as in "
    "sum(amount::DOUBLE), or guard the expression with nullif or try_cast. featc never gives a "
    "wrong number instead.",
    "F422": "The data holds a value that cannot be read: text in a CSV or JSON file that its column's type cannot "
    "hold exactly, as 1.5 in a BIGINT or 1.005 in a DECIMAL(10,2), or an instant outside the years 1 to 9999. Times "
    "are written as 2026-01-31 10:00:00, perhaps with a zone. For another form declare the column text and read it "
    "in let, as in strptime(x, '%d/%m/%Y').",
    "F430": "The engine refused the training query. That is most likely a bug in featc: please report it.",
}

TRAINING: Mapping[str, str] = {
    "F500": "A training set needs features and a spine: the rows of keys and instants to be answered. In place of a "
    "spine, --start, --end and --every ask for all entities at each instant, where one set of keys says which they "
    "are.",
    "F501": "The spine cannot be read. It is a parquet, CSV, JSON or Arrow file, a SELECT, a data frame or "
    "an Arrow table, and is read to its last line.",
    "F502": "The spine's file does not exist. Its path is relative to the current folder.",
    "F503": "An empty list has no columns. Give a table with columns and without rows instead.",
    "F504": "Two of the features asked for have the same name. A service can rename one of them.",
    "F505": "There is no service or feature view of this name. featc ls shows what there is.",
    "F506": "The view has no feature of this name. featc ls VIEW shows those it has.",
    "F511": "The spine lacks a key or request column that the features need. featc build lists them per "
    "service.",
    "F512": "A column of the spine cannot be converted to the type of the key without loss. Put the values right "
    "or cast them in the spine, as in select id::bigint as user_id ….",
    "F513": "A spine row without an instant. Every row of a training set is observed at an instant.",
    "F514": "The spine has no column of the name given with --time. Name one of the columns that the hint lists.",
    "F515": "The spine's instant column is no timestamp. Cast it in the spine, as in select seen_at::timestamp as"
    " as_of ….",
    "F516": "The spine has no timestamp column. Its instant is the column named by --time, else as_of or "
    "event_timestamp, else the only timestamp column.",
    "F517": "The spine has several timestamp columns, and none is called as_of. Name one with --time.",
    "F518": "A column of the spine has the name of a feature. Rename it there, or the feature in the "
    "service.",
    "F519": "A column of the spine has no name, a name that featc uses itself, or the name of another column but for "
    "letter case. Rename the column in the spine.",
    "F520": "The ending of --out says how a training set is written: .parquet, .csv, .json or .jsonl, the last three "
    "perhaps with .gz. A folder is made with --partition-by or --rows-per-file.",
    "F521": "An optional package is not installed. featc itself needs neither pandas nor polars nor pyarrow; install "
    "the extra that the message names.",
    "F522": "The engine ran out of memory. Ask for fewer spine rows at a time, or free memory and disk.",
    "F523": "There is no card of a training set in the file. A card is the file that lies beside a set and ends in "
    ".featc.json; parquet files that featc wrote hold it, too.",
    "F524": "A training set cannot be partitioned in this way. Name columns of it, or year(c), month(c), day(c) of a "
    "column of instants.",
    "F525": "A file stands where a folder is to be made, or the other way round. Give --out another name.",
    "F526": "The folder is there already. It is replaced only with --overwrite, and only when it holds nothing but "
    "parquet files.",
    "F527": "A feature of the card is no longer defined, so its set cannot be made again. Bring the "
    "feature back, or make a new set of the features there are.",
    "F529": "A row of the spine is later than known_at. What is known at an instant says nothing of later ones: leave "
    "those rows out, or give a later --known-at.",
    "F560": "A training set was to be read from backfilled tiles, and they cannot give it exactly. Run featc backfill, "
    "or leave --read out: featc then reads rows where it must.",
    "F528": "The card's set was made for a spine that came from standard input or from memory, and is gone. Give the "
    "same rows with --spine.",
}

ONLINE: Mapping[str, str] = {
    "F600": "An online read needs a service or features, and rows of keys. Give both, as in "
    "get_online_features('checkout', [{'user_id': 42}]).",
    "F601": "There is no online store yet. The first featc push or featc materialize makes it.",
    "F602": "The online store was written by another version of featc, in another format. Push its "
    "sources into a new store, or materialize them.",
    "F603": "A view was added or changed after rows of its source were pushed or materialized, or asks for rows that "
    "featc evict let go before, so the store does not know its whole history, and may not answer as if it did. featc "
    "apply fills what is lacking in a file beside, from the sources' data and from what was pushed, while what was "
    "applied before goes on answering. featc build and featc status say so before, and featc materialize exits with 1 "
    "while there is such a view. docs/how-to/changing-features.md tells which edits are free.",
    "F604": "The online store was written with another version of DuckDB, whose sort keys differ. Push "
    "its sources into a new store.",
    "F605": "There is no source of this name to push to. featc ls shows the sources.",
    "F606": "There is no feature service of this name. featc ls shows the services.",
    "F610": "The batch has a column that the source does not have. Leave it out or rename it; a new column is "
    "added to the source first.",
    "F611": "The batch lacks a column that says which event a row is, and when. Other columns may be left"
    " out: they are NULL then.",
    "F612": "A column of the batch is of a type that the source's column cannot hold without loss. Put the value "
    "right, or declare a wider type for the source's column.",
    "F613": "A token names one batch, and this one differs from the one it was first used for. Give new rows a "
    "new token, or push the first ones unchanged.",
    "F614": "With --strict a batch is refused when a single row is bad. Without, bad rows are counted and"
    " kept apart in the store's table featc_rejected.",
    "F615": "The batch is nothing that holds rows, or its file does not exist or cannot be read. "
    "Check its path, its rights and that it is CSV, JSON or parquet as its name says.",
    "F620": "A value in the batch makes an expression fail, such as a cast. The message names the row. Nothing "
    "of the batch was written.",
    "F621": "An expression over features and request has no value it could give. Guard it with nullif or "
    "try_cast.",
    "F630": "The request lacks a key or request column of the service, or has one that it does not know. featc "
    "build lists what each service needs.",
    "F631": "A value of the request is not of the type that the key or request column has. Write it in that type;"
    " instants as 2026-01-08T10:00:00Z.",
    "F632": "Not an instant. Write it as 2026-01-08T10:00:00Z; without a zone it is UTC.",
    "F394": "A dump of a snapshot source is pushed whole: all rows of one time and arrival in one batch. The store has "
    "the dump with other rows. Give a dump that replaces it a later arrival; for one that came in part before, bring "
    "everything into a new store.",
    "F640": "Rows without an id that were materialized before are pushed. A second copy of such a row is another "
    "event, so a row that comes both ways would count twice: one way is booked, and the other refused. Add the rows to "
    "the source's data and materialize, or give the source an id.",
    "F641": "Rows without an id that were pushed before are materialized; see F640. Go on pushing, materialize into a "
    "new store, or give the source an id.",
    "F642": "A source without an id has lost a column that a view read, or the column has another type. Its rows "
    "cannot be told from those that were materialized before. Materialize into a new store.",
    "F643": "Two runs of featc materialize bring in one source at the same time. Batches that this one brought in "
    "stay; run it again when the other has ended.",
    "F644": "A warning: rows that were materialized before are in the source no longer, or have other values now. What "
    "was taken in stays, so the store may answer otherwise than a training set from the source. Write a deleted: row "
    "for an event that is to go, or materialize into a new store.",
    "F660": "A read before the online store's horizon. The horizon is the newest arrival less the target's replay:, "
    "and featc evict moves it; what was superseded before it is gone. featc dataset answers for any instant.",
}

PROOF: Mapping[str, str] = {
    "F700": "The selection names nothing that could be verified. featc ls SEL shows what a selection names.",
    "F701": "The training query and the online store gave different values. That is a bug in featc, or in"
    " the store's data: the report shows the smallest case found, and featc test runs it again.",
    "F710": "The file holds no tests. A test file has tests: at its top.",
    "F711": "A test gives rows of a source that the project does not have. Correct its name under given:.",
    "F712": "A test's spine lacks a key or request column of its service, or has an unknown one. featc build "
    "lists what each service needs.",
    "F713": "A row of a test's spine has no as_of. Add as_of: with the instant of asking.",
    "F714": "A value in a test is not of its column's type. Write it in that type, text in quotes.",
    "F715": "A test expects a column that its service does not give. featc ls shows what the service gives; its "
    "own names for features count.",
    "F716": "A test needs one row under expect: for each row of its spine.",
    "F717": "The file of a test's rows does not exist, or is no CSV. Its path is relative to the folder of the "
    "test's file.",
    "F718": "A test's rows have a column that the source does not have. Correct it, or add the column to the "
    "source.",
}

BACKFILL: Mapping[str, str] = {
    "F720": "There is nothing to backfill: tiles hold sums, counts, extremes and moments over windows of time, and a"
    " snapshot needs features that can be computed without a request.",
    "F721": "The range of a backfill is empty: its end, which is left out, is not after its start.",
    "F722": "The database's tiles are of a format that this featc does not know. Use the featc that made them, or drop"
    " the schema featc and backfill again: tiles hold nothing that the sources do not.",
    "F723": "A partial state, or a feature of a snapshot, cannot be computed: a sum beyond its type, an integer"
    " division by zero, a cast that fails. Widen the type, as in sum(amount::DOUBLE), or guard the expression with"
    " nullif or try_cast.",
    "F724": "The engine has no memory left under the target's memory_limit, and no room to spill to. Raise it under"
    " settings:, or give temp_directory a larger place. What was filled before is whole.",
    "F725": "The target has no database, so there is no place for tiles. Add database: to it in featc.yaml.",
    "F726": "The engine does not take a value under settings: of the target.",
    "F727": "The options of a backfill contradict each other: --start and --end fill tiles, --at takes one snapshot,"
    " --every with both --start and --end takes a series; --drop-unused goes with --dry-run alone.",
}

ENVIRONMENT: Mapping[str, str] = {
    "F901": "Another process holds the database or the store. Nothing was written; try again when it is "
    "done.",
    "F902": "The database or the store cannot be opened or written: its rights, or a full disk. Nothing "
    "was written.",
    "F903": "The online store's file is damaged, or no SQLite database. Move it away and push its sources"
    " into a new one.",
    "F904": "This Python's SQLite is too old for the online store. Use a Python with a newer one; featc doctor "
    "says which is needed. Training does not need it.",
}
