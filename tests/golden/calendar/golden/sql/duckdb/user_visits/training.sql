-- Training query of feature view user_visits, project calendar.
-- Version v1, fingerprint 7813dcb472a43c9dcb0354d28b6ed036.
--
-- Needs a relation `spine`, one row per wanted answer, with the columns
--   user_id  BIGINT     key
--   as_of    TIMESTAMP  the instant each row is observed at, naive UTC
-- and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:
--   SET TimeZone = 'UTC';
--   CREATE VIEW spine AS FROM 'spine.parquet';
--   .read target/sql/duckdb/user_visits/training.sql

WITH
-- the rows to be answered, numbered to keep their order
spine_numbered AS (
    SELECT row_number() OVER () AS _row, epoch_us(as_of) AS _as_of, *
    FROM spine
),

-- the weeks of Europe/Berlin around those instants, and when each begins
"weeks in Europe/Berlin" AS MATERIALIZED (
    SELECT
        _unit,
        CASE
            WHEN make_timestamp(_early) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' = _unit THEN _early
            WHEN make_timestamp(_late) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' = _unit THEN _late
            WHEN make_timestamp(_early - 1) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' < _unit THEN _early
            ELSE list_min(list_filter(generate_series(_late, _early, 1000000), lambda us: make_timestamp(us) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin' >= _unit))
        END AS _begin
    FROM (
        SELECT _unit,
            2 * epoch_us(_unit) - 129600000000 - epoch_us(make_timestamp(epoch_us(_unit) - 129600000000) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS _early,
            2 * epoch_us(_unit) + 129600000000 - epoch_us(make_timestamp(epoch_us(_unit) + 129600000000) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS _late
        FROM (
            SELECT DISTINCT unnest([_unit, _unit + INTERVAL 7 DAY, _unit - INTERVAL 7 DAY]) AS _unit
            FROM (
                SELECT DISTINCT
                    date_trunc('week', make_timestamp(_as_of) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin') AS _unit
                FROM spine_numbered
            )
        )
    )
),

-- the same, with the beginnings of the calendar units each lies in
spine_rows AS (
    SELECT s.*, c0._begin AS _begin_week_Europe_Berlin, c0_1._begin AS _begin_week_1_Europe_Berlin
    FROM spine_numbered s
    ASOF LEFT JOIN (
        SELECT max(_unit) AS _unit, _begin
        FROM "weeks in Europe/Berlin"
        GROUP BY _begin
    ) c0 ON s._as_of >= c0._begin
    LEFT JOIN "weeks in Europe/Berlin" c0_1 ON c0_1._unit = c0._unit - INTERVAL 7 DAY
),

-- visits: events with their instants in microseconds: τ (_time) and α (_arrival)
visits_source AS (
    SELECT user_id, page, visited_at, epoch_us(visited_at) AS _time, _time + 60000000 AS _arrival
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: visits.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            page,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(visited_at, ':.*[-+a-zA-Z]') THEN try_cast(visited_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(visited_at AS TIMESTAMP) END, error('F422: visits.visited_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || visited_at)), 'infinity'), '-infinity') AS visited_at
        FROM read_csv('data/visits.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- user_visits: the rows it aggregates, and what each brings
user_visits_rows AS (
    SELECT
        user_id,
        _time,
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, CASE WHEN page = 'product' THEN true END NULLS FIRST) AS _nth,
        CASE WHEN page = 'product' THEN true END AS is_page_product
    FROM visits_source
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
),

-- user_visits: running totals of each entity
user_visits_running AS (
    SELECT user_id, _time, count(_time) OVER so_far AS _rows
    FROM user_visits_rows
    WINDOW so_far AS (PARTITION BY user_id ORDER BY _time)
),

-- user_visits: those totals where each window begins and ends
user_visits_totals AS (
    SELECT
        s._row,
        max(r._rows) FILTER (WHERE s._edge = '_upto') AS _rows_upto,
        max(r._rows) FILTER (WHERE s._edge = '_before_week_to_date') AS _rows_before_week_to_date,
        max(r._rows) FILTER (WHERE s._edge = '_upto_week_before') AS _rows_upto_week_before,
        max(r._rows) FILTER (WHERE s._edge = '_before_week_before') AS _rows_before_week_before
    FROM (
        SELECT
            _row,
            user_id,
            unnest([
                {'_edge': '_upto', '_at': _as_of - 60000001},
                {'_edge': '_before_week_to_date', '_at': _begin_week_Europe_Berlin - 1},
                {'_edge': '_upto_week_before', '_at': least(_begin_week_Europe_Berlin - 1, _as_of - 1 - 60000000)},
                {'_edge': '_before_week_before', '_at': _begin_week_1_Europe_Berlin - 1}
            ], recursive := true)
        FROM spine_rows
    ) s
    ASOF LEFT JOIN user_visits_running r ON s.user_id = r.user_id AND r._time <= s._at
    GROUP BY s._row
),

-- user_visits: where since_product begins, for each spine row
user_visits_since_product_first AS (
    SELECT s._row, any_value(s._as_of) AS _as_of, any_value(s.user_id) AS user_id, max(r._nth) AS _first
    FROM spine_rows s
    JOIN user_visits_rows r ON s.user_id = r.user_id
    WHERE r.is_page_product
      AND r._time <= s._as_of - 1 - 60000000
    GROUP BY s._row
),

-- user_visits: the rows from there on
user_visits_since_product_rows AS (
    SELECT s._row, s._as_of, r.* EXCLUDE (user_id)
    FROM user_visits_since_product_first s
    JOIN user_visits_rows r ON s.user_id = r.user_id AND r._nth >= s._first
    WHERE r._time <= s._as_of - 1 - 60000000
),

-- user_visits: over those rows
user_visits_since_product AS (
    SELECT _row, count(_time) AS rows_since_product
    FROM user_visits_since_product_rows
    GROUP BY _row
),

-- user_visits: its aggregates at each spine row
user_visits_values AS (
    SELECT
        s._row,
        coalesce(greatest(t._rows_upto - coalesce(t._rows_before_week_to_date, 0), 0), 0) AS visits_week_to_date,
        coalesce(greatest(t._rows_upto_week_before - coalesce(t._rows_before_week_before, 0), 0), 0) AS visits_week_before,
        coalesce(user_visits_since_product.rows_since_product, 0) AS visits_since_product
    FROM spine_rows s
    LEFT JOIN user_visits_totals t USING (_row)
    LEFT JOIN user_visits_since_product USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_visits_values.visits_week_to_date AS "user_visits.visits_week_to_date",
        user_visits_values.visits_week_before AS "user_visits.visits_week_before",
        user_visits_values.visits_since_product AS "user_visits.visits_since_product"
    FROM spine_rows s
    LEFT JOIN user_visits_values USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, _begin_week_Europe_Berlin, _begin_week_1_Europe_Berlin, "user_visits.visits_week_to_date", "user_visits.visits_week_before", "user_visits.visits_since_product"),
    "user_visits.visits_week_to_date" AS visits_week_to_date,
    "user_visits.visits_week_before" AS visits_week_before,
    "user_visits.visits_since_product" AS visits_since_product
FROM features
ORDER BY _row;
