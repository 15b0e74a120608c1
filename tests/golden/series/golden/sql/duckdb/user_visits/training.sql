-- Training query of feature view user_visits, project series.
-- Version v1, fingerprint 562ebe0b6b90e2b4853b71f93c9be767.
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
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, page NULLS FIRST) AS _nth,
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, seconds + 0.0::DOUBLE NULLS FIRST, visited_at NULLS FIRST) AS _nth_2,
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, seconds + 0.0::DOUBLE NULLS FIRST, page NULLS FIRST) AS _nth_3,
        page,
        seconds + 0.0::DOUBLE AS seconds,
        visited_at AS row_time
    FROM visits_source
    WHERE (page <> 'help')
      AND user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
      AND _time >= (SELECT min(_as_of) FROM spine_rows) - 604800000001
),

-- user_visits: its rows and the spine on one numbered time line
user_visits_stream AS MATERIALIZED (
    SELECT
        *,
        row_number() OVER so_far AS _place,
        _row IS NULL AND lead(CASE WHEN _row IS NULL THEN _instant END) OVER so_far IS DISTINCT FROM _instant AS _last
    FROM (
        SELECT
            user_id,
            _time AS _instant,
            NULL AS _row,
            true AS _event,
            _nth,
            _nth_2,
            _nth_3,
            page,
            seconds,
            row_time
        FROM user_visits_rows
        UNION ALL BY NAME
        SELECT user_id, _as_of AS _instant, _row
        FROM spine_rows
    )
    WINDOW so_far AS (PARTITION BY user_id ORDER BY _instant, _row NULLS FIRST ROWS UNBOUNDED PRECEDING)
),

-- user_visits: where on that line each window begins and ends
user_visits_edges AS (
    SELECT
        s._row,
        coalesce(max(r._place) FILTER (WHERE s._edge = '_upto'), 0) AS _upto,
        coalesce(max(r._place) FILTER (WHERE s._edge = '_before_7d'), 0) AS _before_7d
    FROM (
        SELECT
            _row,
            user_id,
            unnest([
                {'_edge': '_upto', '_at': _as_of - 1},
                {'_edge': '_before_7d', '_at': _as_of - 604800000001}
            ], recursive := true)
        FROM spine_rows
    ) s
    ASOF LEFT JOIN (
        SELECT user_id, _instant, _place
        FROM user_visits_stream
        WHERE _last
    ) r ON s.user_id = r.user_id AND r._instant <= s._at
    GROUP BY s._row
),

-- user_visits: what each window holds at each spine row
user_visits_windows AS (
    SELECT
        _row,
        list({'nth': _nth, 'a': page}) FILTER (WHERE page IS NOT NULL) OVER last_7d AS series_page_7d,
        list({'nth': _nth_2, 'a': seconds, 'b': row_time}) FILTER (WHERE seconds IS NOT NULL AND row_time IS NOT NULL) OVER last_7d AS series_seconds_row_time_7d,
        list({'nth': _nth_3, 'a': seconds, 'b': page}) FILTER (WHERE seconds IS NOT NULL AND page IS NOT NULL) OVER last_7d AS series_seconds_page_7d
    FROM user_visits_stream LEFT JOIN user_visits_edges USING (_row)
    WINDOW
        last_7d AS (
            PARTITION BY user_id ORDER BY _place
            ROWS BETWEEN CASE WHEN _row IS NULL THEN 0 ELSE _place - _before_7d - 1 END PRECEDING
            AND CASE WHEN _row IS NULL THEN 1 ELSE _place - _upto END PRECEDING
        )
    QUALIFY _row IS NOT NULL
),

-- user_visits: its aggregates at each spine row
user_visits_values AS (
    SELECT
        s._row,
        list_transform((list_sort(w.series_page_7d))[-2:], lambda r: r.a) AS last_pages,
        list_transform([list_transform(list_sort(w.series_seconds_row_time_7d), lambda r: CASE WHEN isfinite(r.a::DOUBLE) THEN r.a::DOUBLE * 2 ** (-(s._as_of - epoch_us(r.b)) / 86400000000.0) ELSE r.a::DOUBLE END)], lambda z: CASE WHEN list_max(z) < 2.0 ** 900 AND list_min(z) > -(2.0 ** 900) THEN list_sum(z) ELSE list_sum(list_transform(z, lambda e: e / 2.0 ** 64)) * 2.0 ** 64 END)[1] AS seconds_now,
        (list_transform([list_sort(w.series_seconds_page_7d)], lambda v: list_transform([list_sort(list_transform((list_sort(list_transform(map_entries(list_aggregate(list_transform(v, lambda r: r.b), 'histogram')), lambda e: struct_pack(n := -e.value::BIGINT, v := e.key))))[1:2], lambda e: e.v))], lambda x: map(x, list_transform(x, lambda k: list_sum(list_transform(list_filter(v, lambda r: r.b = k), lambda r: r.a)))))[1])[1])::MAP(VARCHAR, DOUBLE) AS seconds_by_page
    FROM spine_rows s
    LEFT JOIN user_visits_windows w USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_visits_values.last_pages AS "user_visits.last_pages",
        user_visits_values.seconds_now AS "user_visits.seconds_now",
        user_visits_values.seconds_by_page AS "user_visits.seconds_by_page"
    FROM spine_rows s
    LEFT JOIN user_visits_values USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, "user_visits.last_pages", "user_visits.seconds_now", "user_visits.seconds_by_page"),
    "user_visits.last_pages" AS last_pages,
    "user_visits.seconds_now" AS seconds_now,
    "user_visits.seconds_by_page" AS seconds_by_page
FROM features
ORDER BY _row;
