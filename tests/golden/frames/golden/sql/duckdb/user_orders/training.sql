-- Training query of feature view user_orders, project frames.
-- Version v1, fingerprint c5b4f40abc0ec11215f0eb65198964f0.
--
-- Needs a relation `spine`, one row per wanted answer, with the columns
--   user_id  BIGINT     key
--   as_of    TIMESTAMP  the instant each row is observed at, naive UTC
-- and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:
--   SET TimeZone = 'UTC';
--   CREATE VIEW spine AS FROM 'spine.parquet';
--   .read target/sql/duckdb/user_orders/training.sql

WITH
-- the rows to be answered, numbered to keep their order
spine_rows AS (
    SELECT row_number() OVER () AS _row, epoch_us(as_of) AS _as_of, *
    FROM spine
),

-- orders: events with their instants in microseconds: τ (_time) and α (_arrival)
orders_source AS (
    SELECT user_id, amount, ordered_at, epoch_us(ordered_at) AS _time, _time AS _arrival
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: orders.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            coalesce(CASE WHEN try_cast(amount AS DECIMAL(12,2))::VARCHAR::DOUBLE = try_cast(amount AS DOUBLE) AND NOT regexp_matches(amount, '[.]\d{2}\d*[1-9]\d*\s*$') THEN try_cast(amount AS DECIMAL(12,2)) END, error('F422: orders.amount is DECIMAL(12,2), and cannot hold ' || amount)) AS amount,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(ordered_at, ':.*[-+a-zA-Z]') THEN try_cast(ordered_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(ordered_at AS TIMESTAMP) END, error('F422: orders.ordered_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || ordered_at)), 'infinity'), '-infinity') AS ordered_at
        FROM read_csv('data/orders.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- user_orders: the rows it aggregates, and what each brings
user_orders_rows AS (
    SELECT user_id, _time, amount
    FROM orders_source
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
      AND _time >= (SELECT min(_as_of) FROM spine_rows) - 604800000001
),

-- user_orders: its rows and the spine on one numbered time line
user_orders_stream AS MATERIALIZED (
    SELECT
        *,
        row_number() OVER so_far AS _place,
        _row IS NULL AND lead(CASE WHEN _row IS NULL THEN _instant END) OVER so_far IS DISTINCT FROM _instant AS _last,
        count(amount) OVER so_far AS _n_amount,
        sum(amount) OVER so_far AS _sum_amount
    FROM (
        SELECT user_id, _time AS _instant, NULL AS _row, true AS _event, amount
        FROM user_orders_rows
        UNION ALL BY NAME
        SELECT user_id, _as_of AS _instant, _row
        FROM spine_rows
    )
    WINDOW so_far AS (PARTITION BY user_id ORDER BY _instant, _row NULLS FIRST ROWS UNBOUNDED PRECEDING)
),

-- user_orders: where on that line each window begins and ends
user_orders_edges AS MATERIALIZED (
    SELECT
        s._row,
        coalesce(max(r._place) FILTER (WHERE s._edge = '_upto'), 0) AS _upto,
        coalesce(max(r._place) FILTER (WHERE s._edge = '_before_1d'), 0) AS _before_1d,
        coalesce(max(r._place) FILTER (WHERE s._edge = '_before_7d'), 0) AS _before_7d,
        max(r._n_amount) FILTER (WHERE s._edge = '_upto') AS _n_amount_upto,
        max(r._n_amount) FILTER (WHERE s._edge = '_before_1d') AS _n_amount_before_1d,
        max(r._n_amount) FILTER (WHERE s._edge = '_before_7d') AS _n_amount_before_7d,
        max(r._sum_amount) FILTER (WHERE s._edge = '_upto') AS _sum_amount_upto,
        max(r._sum_amount) FILTER (WHERE s._edge = '_before_1d') AS _sum_amount_before_1d,
        max(r._sum_amount) FILTER (WHERE s._edge = '_before_7d') AS _sum_amount_before_7d
    FROM (
        SELECT
            _row,
            user_id,
            unnest([
                {'_edge': '_upto', '_at': _as_of - 1},
                {'_edge': '_before_1d', '_at': _as_of - 86400000001},
                {'_edge': '_before_7d', '_at': _as_of - 604800000001}
            ], recursive := true)
        FROM spine_rows
    ) s
    ASOF LEFT JOIN (
        SELECT user_id, _instant, _place, _n_amount, _sum_amount
        FROM user_orders_stream
        WHERE _last
    ) r ON s.user_id = r.user_id AND r._instant <= s._at
    GROUP BY s._row
),

-- user_orders: what each window holds at each spine row
user_orders_windows AS (
    SELECT _row, max(amount) OVER last_1d AS max_amount_1d, max(amount) OVER last_7d AS max_amount_7d
    FROM user_orders_stream LEFT JOIN user_orders_edges USING (_row)
    WINDOW
        last_1d AS (
            PARTITION BY user_id ORDER BY _place
            ROWS BETWEEN CASE WHEN _row IS NULL THEN 0 ELSE _place - _before_1d - 1 END PRECEDING
            AND CASE WHEN _row IS NULL THEN 1 ELSE _place - _upto END PRECEDING
        ),
        last_7d AS (
            PARTITION BY user_id ORDER BY _place
            ROWS BETWEEN CASE WHEN _row IS NULL THEN 0 ELSE _place - _before_7d - 1 END PRECEDING
            AND CASE WHEN _row IS NULL THEN 1 ELSE _place - _upto END PRECEDING
        )
    QUALIFY _row IS NOT NULL
),

-- user_orders: its aggregates at each spine row
user_orders_values AS (
    SELECT
        s._row,
        CASE WHEN e._n_amount_upto > coalesce(e._n_amount_before_1d, 0)
             THEN e._sum_amount_upto - coalesce(e._sum_amount_before_1d, 0)
        END AS spend_1d,
        CASE WHEN e._n_amount_upto > coalesce(e._n_amount_before_7d, 0)
             THEN e._sum_amount_upto - coalesce(e._sum_amount_before_7d, 0)
        END AS spend_7d,
        w.max_amount_1d AS biggest_1d,
        w.max_amount_7d AS biggest_7d
    FROM spine_rows s
    LEFT JOIN user_orders_edges e USING (_row)
    LEFT JOIN user_orders_windows w USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_orders_values.spend_1d AS "user_orders.spend_1d",
        user_orders_values.spend_7d AS "user_orders.spend_7d",
        user_orders_values.biggest_1d AS "user_orders.biggest_1d",
        user_orders_values.biggest_7d AS "user_orders.biggest_7d"
    FROM spine_rows s
    LEFT JOIN user_orders_values USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, "user_orders.spend_1d", "user_orders.spend_7d", "user_orders.biggest_1d", "user_orders.biggest_7d"),
    "user_orders.spend_1d" AS spend_1d,
    "user_orders.spend_7d" AS spend_7d,
    "user_orders.biggest_1d" AS biggest_1d,
    "user_orders.biggest_7d" AS biggest_7d
FROM features
ORDER BY _row;
