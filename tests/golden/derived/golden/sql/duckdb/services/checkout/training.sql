-- Training query of feature service checkout, project derived.
-- Version v1, fingerprint 673db0c8d991dc91018d9f199eebfc88.
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
        SELECT user_id, amount, nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at
        FROM read_csv('data/orders.csv', header = true, types = {'user_id': 'BIGINT', 'amount': 'DECIMAL(12,2)', 'ordered_at': 'TIMESTAMP'})
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

-- user_orders: its rows and the spine on one numbered time line
user_orders_stream AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY _instant, _row NULLS FIRST) AS _place
    FROM (
        SELECT user_id, _time AS _instant, NULL AS _row, true AS _event, amount
        FROM user_orders_rows
        UNION ALL BY NAME
        SELECT user_id, _as_of AS _instant, _row
        FROM spine_rows
    )
),

-- user_orders: where on that line each window begins and ends
user_orders_edges AS (
    SELECT
        s._row,
        coalesce(max(r._place) FILTER (WHERE s.edge = 'upto'), 0) AS upto,
        coalesce(max(r._place) FILTER (WHERE s.edge = 'before_7d'), 0) AS before_7d
    FROM (
        SELECT
            _row,
            user_id,
            unnest([
                {'edge': 'upto', 'at': _as_of - 1},
                {'edge': 'before_7d', 'at': _as_of - 604800000001}
            ], recursive := true)
        FROM spine_rows
    ) s
    ASOF LEFT JOIN (
        SELECT user_id, _instant, max(_place) AS _place
        FROM user_orders_stream
        WHERE _row IS NULL
        GROUP BY ALL
    ) r ON s.user_id = r.user_id AND r._instant <= s.at
    GROUP BY s._row
),

-- user_orders: what each window holds at each spine row
user_orders_windows AS (
    SELECT _row, count(_event) OVER last_7d AS rows_7d, sum(amount) OVER last_7d AS sum_amount_7d
    FROM user_orders_stream LEFT JOIN user_orders_edges USING (_row)
    WINDOW
        last_7d AS (
            PARTITION BY user_id ORDER BY _place
            ROWS BETWEEN CASE WHEN _row IS NULL THEN 0 ELSE _place - before_7d - 1 END PRECEDING
            AND CASE WHEN _row IS NULL THEN 1 ELSE _place - upto END PRECEDING
        )
    QUALIFY _row IS NOT NULL
),

-- user_orders: the last ordered_at before each spine row, and when it was
user_orders_last_ordered_at AS (
    SELECT s._row, r._time, r.value, r.nth
    FROM spine_rows s
    ASOF LEFT JOIN (
        SELECT user_id, _time, arg_max(ordered_at, _nth) AS value, max(_nth) AS nth
        FROM user_orders_rows
        WHERE ordered_at IS NOT NULL
        GROUP BY ALL
    ) r ON s.user_id = r.user_id AND r._time <= s._as_of - 1
),

-- user_orders: its aggregates at each spine row
user_orders_values AS (
    SELECT
        s._row,
        coalesce(w.rows_7d, 0) AS orders_7d,
        w.sum_amount_7d AS spend_7d,
        user_orders_last_ordered_at.value AS last_ordered_at_lifetime
    FROM spine_rows s
    LEFT JOIN user_orders_windows w USING (_row)
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
