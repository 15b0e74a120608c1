-- Training query of feature view user_visits, project last_rows.
-- Version v1, fingerprint 6f4ec58d20054f937b90598d976c04fb.
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
    SELECT user_id, page, seconds, visited_at, epoch_us(visited_at) AS _time, _time AS _arrival
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: visits.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            page,
            coalesce(try_cast(seconds AS DOUBLE) + 0.0::DOUBLE, error('F422: visits.seconds is DOUBLE, and cannot hold ' || seconds)) AS seconds,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(visited_at, ':.*[-+a-zA-Z]') THEN try_cast(visited_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(visited_at AS TIMESTAMP) END, error('F422: visits.visited_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || visited_at)), 'infinity'), '-infinity') AS visited_at
        FROM read_csv('data/visits.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- user_visits: the rows it aggregates, and what each brings
user_visits_rows AS (
    SELECT
        user_id,
        _time,
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, seconds + 0.0::DOUBLE NULLS FIRST) AS _nth,
        seconds + 0.0::DOUBLE AS seconds
    FROM visits_source
    WHERE (page <> 'help')
      AND user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
),

-- user_visits: the 3 last rows before each spine row
user_visits_3_rows_rows AS (
    SELECT s._row, s._as_of, r.* EXCLUDE (user_id)
    FROM (
        SELECT s._row, s._as_of, s.user_id, unnest(generate_series(r._newest - 2, r._newest)) AS _at
        FROM spine_rows s
        ASOF JOIN (
            SELECT user_id, _time, max(_nth) AS _newest
            FROM user_visits_rows
            GROUP BY ALL
        ) r ON s.user_id = r.user_id AND r._time <= s._as_of - 1
    ) s
    JOIN user_visits_rows r ON s.user_id = r.user_id AND r._nth = s._at
),

-- user_visits: over the 3 last rows
user_visits_3_rows AS (
    SELECT
        _row,
        sum(seconds) AS sum_seconds_3_rows,
        sum(seconds / 2 ** 64) FILTER (WHERE abs(seconds) >= 2 ** 900) AS sum_seconds_3_rows_huge,
        count(seconds) AS n_seconds_3_rows
    FROM user_visits_3_rows_rows
    GROUP BY _row
),

-- user_visits: its aggregates at each spine row
user_visits_values AS (
    SELECT
        s._row,
        CASE
            WHEN isfinite(user_visits_3_rows.sum_seconds_3_rows) THEN user_visits_3_rows.sum_seconds_3_rows / user_visits_3_rows.n_seconds_3_rows
            ELSE user_visits_3_rows.sum_seconds_3_rows_huge / user_visits_3_rows.n_seconds_3_rows * 2 ** 64
        END AS seconds_of_last_3
    FROM spine_rows s
    LEFT JOIN user_visits_3_rows USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT s.*, user_visits_values.seconds_of_last_3 AS "user_visits.seconds_of_last_3"
    FROM spine_rows s
    LEFT JOIN user_visits_values USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, "user_visits.seconds_of_last_3"),
    "user_visits.seconds_of_last_3" AS seconds_of_last_3
FROM features
ORDER BY _row;
