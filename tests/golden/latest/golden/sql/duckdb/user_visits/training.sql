-- Training query of feature view user_visits, project latest.
-- Version v1, fingerprint 008de4fcf15ae93423e24d44c73c010f.
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
spine_rows AS (
    SELECT row_number() OVER () AS _row, epoch_us(as_of) AS _as_of, *
    FROM spine
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
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, page NULLS FIRST) AS _nth,
        page
    FROM visits_source
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
      AND _time >= (SELECT min(_as_of) FROM spine_rows) - 2592000000001
),

-- user_visits: the last page before each spine row, and when it was
user_visits_last_page AS (
    SELECT s._row, r._time, r._value, r._nth
    FROM spine_rows s
    ASOF LEFT JOIN (
        SELECT user_id, _time, arg_max(page, _nth) AS _value, max(_nth) AS _nth
        FROM user_visits_rows
        WHERE page IS NOT NULL
        GROUP BY ALL
    ) r ON s.user_id = r.user_id AND r._time <= s._as_of - 60000001
),

-- user_visits: its aggregates at each spine row
user_visits_values AS (
    SELECT
        s._row,
        CASE WHEN user_visits_last_page._time > s._as_of - 2592000000001 THEN user_visits_last_page._value END AS last_page
    FROM spine_rows s
    LEFT JOIN user_visits_last_page USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT s.*, user_visits_values.last_page AS "user_visits.last_page"
    FROM spine_rows s
    LEFT JOIN user_visits_values USING (_row)
)

SELECT * EXCLUDE (_row, _as_of, "user_visits.last_page"), "user_visits.last_page" AS last_page
FROM features
ORDER BY _row;
