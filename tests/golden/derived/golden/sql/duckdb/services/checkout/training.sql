-- Training query of feature service checkout, project derived.
-- Version v1, fingerprint 143b279020b9ec1435c0e9c5d0c8ce60.
--
-- Needs a relation `spine`, one row per wanted answer, with the columns
--   user_id  BIGINT         key
--   as_of    TIMESTAMP      the instant each row is observed at, naive UTC
--   value    DECIMAL(12,2)  of the request
-- and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:
--   SET TimeZone = 'UTC';
--   CREATE VIEW spine AS FROM 'spine.parquet';
--   .read target/sql/duckdb/services/checkout/training.sql

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
    SELECT
        user_id,
        _time,
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, ordered_at NULLS FIRST) AS _nth,
        amount,
        ordered_at
    FROM orders_source
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
),

-- user_orders: running totals of each entity
user_orders_running AS (
    SELECT
        user_id,
        _time,
        count(_time) OVER so_far AS _rows,
        count(amount) OVER so_far AS _n_amount,
        sum(amount) OVER so_far AS _sum_amount
    FROM user_orders_rows
    WINDOW so_far AS (PARTITION BY user_id ORDER BY _time)
),

-- user_orders: those totals where each window begins and ends
user_orders_totals AS (
    SELECT
        s._row,
        max(r._rows) FILTER (WHERE s._edge = '_upto') AS _rows_upto,
        max(r._rows) FILTER (WHERE s._edge = '_before_7d') AS _rows_before_7d,
        max(r._n_amount) FILTER (WHERE s._edge = '_upto') AS _n_amount_upto,
        max(r._n_amount) FILTER (WHERE s._edge = '_before_7d') AS _n_amount_before_7d,
        max(r._sum_amount) FILTER (WHERE s._edge = '_upto') AS _sum_amount_upto,
        max(r._sum_amount) FILTER (WHERE s._edge = '_before_7d') AS _sum_amount_before_7d
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
    ASOF LEFT JOIN user_orders_running r ON s.user_id = r.user_id AND r._time <= s._at
    GROUP BY s._row
),

-- user_orders: the last ordered_at before each spine row, and when it was
user_orders_last_ordered_at AS (
    SELECT s._row, r._time, r._value, r._nth
    FROM spine_rows s
    ASOF LEFT JOIN (
        SELECT user_id, _time, arg_max(ordered_at, _nth) AS _value, max(_nth) AS _nth
        FROM user_orders_rows
        WHERE ordered_at IS NOT NULL
        GROUP BY ALL
    ) r ON s.user_id = r.user_id AND r._time <= s._as_of - 1
),

-- user_orders: its aggregates at each spine row
user_orders_values AS (
    SELECT
        s._row,
        coalesce(t._rows_upto - coalesce(t._rows_before_7d, 0), 0) AS orders_7d,
        CASE WHEN t._n_amount_upto > coalesce(t._n_amount_before_7d, 0)
             THEN t._sum_amount_upto - coalesce(t._sum_amount_before_7d, 0)
        END AS spend_7d,
        user_orders_last_ordered_at._value AS last_ordered_at_lifetime
    FROM spine_rows s
    LEFT JOIN user_orders_totals t USING (_row)
    LEFT JOIN user_orders_last_ordered_at USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_orders_values.orders_7d AS "user_orders.orders_7d",
        coalesce(user_orders_values.spend_7d, '0'::DECIMAL(38,2)) AS "user_orders.spend_7d",
        ((epoch_us(s.as_of) - epoch_us(user_orders_values.last_ordered_at_lifetime)) / 1e6) / 86400.0 AS "user_orders.idle_days"
    FROM spine_rows s
    LEFT JOIN user_orders_values USING (_row)
),

-- the features derived from those above
features_2 AS (
    SELECT
        s.*,
        s."user_orders.spend_7d" / nullif(s."user_orders.orders_7d", 0) AS "user_orders.per_order"
    FROM features s
),

-- the features derived from those above
features_3 AS (
    SELECT s.*, s.value / nullif(s."user_orders.per_order", 0) AS "basket.value_vs_usual"
    FROM features_2 s
)

SELECT
    * EXCLUDE (_row, _as_of, "user_orders.orders_7d", "user_orders.spend_7d", "user_orders.per_order", "user_orders.idle_days", "basket.value_vs_usual"),
    "basket.value_vs_usual" AS value_vs_usual,
    "user_orders.idle_days" AS idle_days
FROM features_3
ORDER BY _row;
