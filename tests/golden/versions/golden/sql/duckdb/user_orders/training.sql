-- Training query of feature view user_orders, project versions.
-- Version v1, fingerprint ee42d7e6ffe75fdfd8c791d09bf928d7.
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
    SELECT
        order_id,
        user_id,
        amount,
        op,
        ordered_at,
        loaded_at,
        epoch_us(ordered_at) AS _time,
        epoch_us(loaded_at) AS _arrival,
        coalesce(op = 'D', false) AS _deleted
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(order_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: orders.order_id is BIGINT, and cannot hold ' || order_id)) AS order_id,
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: orders.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            coalesce(CASE WHEN try_cast(amount AS DECIMAL(12,2))::VARCHAR::DOUBLE = try_cast(amount AS DOUBLE) AND NOT regexp_matches(amount, '[.]\d{2}\d*[1-9]\d*\s*$') THEN try_cast(amount AS DECIMAL(12,2)) END, error('F422: orders.amount is DECIMAL(12,2), and cannot hold ' || amount)) AS amount,
            op,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(ordered_at, ':.*[-+a-zA-Z]') THEN try_cast(ordered_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(ordered_at AS TIMESTAMP) END, error('F422: orders.ordered_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || ordered_at)), 'infinity'), '-infinity') AS ordered_at,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(loaded_at, ':.*[-+a-zA-Z]') THEN try_cast(loaded_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(loaded_at AS TIMESTAMP) END, error('F422: orders.loaded_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || loaded_at)), 'infinity'), '-infinity') AS loaded_at
        FROM read_csv('data/orders.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- orders: which events came more than once
orders_versions_repeated AS (
    SELECT order_id AS _id_1
    FROM orders_source
    WHERE order_id IS NOT NULL AND _arrival IS NOT NULL
    GROUP BY ALL
    HAVING count(*) > 1
),

-- orders: each version and the instant the next one supersedes it
orders_versions AS (
    SELECT
        r.*,
        lead(_arrival) OVER (PARTITION BY order_id ORDER BY
            _arrival NULLS FIRST,
            _deleted NULLS FIRST,
            amount NULLS FIRST,
            loaded_at NULLS FIRST,
            op NULLS FIRST,
            order_id NULLS FIRST,
            ordered_at NULLS FIRST,
            user_id NULLS FIRST
        ) AS _superseded
    FROM orders_source r SEMI JOIN orders_versions_repeated m ON order_id = m._id_1
    WHERE order_id IS NOT NULL AND _arrival IS NOT NULL
    UNION ALL
    SELECT r.*, NULL AS _superseded
    FROM orders_source r ANTI JOIN orders_versions_repeated m ON order_id = m._id_1 AND order_id IS NOT NULL AND _arrival IS NOT NULL
),

-- orders: the lag within which most rows arrive; later ones take the slower path
orders_lag AS (
    SELECT coalesce(quantile_disc(greatest(_arrival - _time, 0), 0.9), 0) AS us
    FROM orders_source
),

-- user_orders: the rows it aggregates, and what each brings
user_orders_rows AS (
    SELECT
        user_id,
        _time,
        greatest(_time, _arrival) AS _enter,
        _superseded,
        greatest(_time, _arrival) - _time <= (SELECT us FROM orders_lag) AND _superseded IS NULL AS _regular,
        _time // greatest((SELECT us FROM orders_lag), 1) AS _bucket,
        amount
    FROM orders_versions
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND _arrival IS NOT NULL
      AND NOT _deleted
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
      AND _time >= (SELECT min(_as_of) FROM spine_rows) - 604800000001
),

-- user_orders: running totals of each entity
user_orders_running AS (
    SELECT
        user_id,
        _time,
        count(amount) OVER so_far AS _n_amount,
        sum(amount) OVER so_far AS _sum_amount
    FROM user_orders_rows
    WHERE _regular
    WINDOW so_far AS (PARTITION BY user_id ORDER BY _time)
),

-- user_orders: those totals where each window begins and ends
user_orders_totals AS (
    SELECT
        s._row,
        max(r._n_amount) FILTER (WHERE s._edge = '_upto') AS _n_amount_upto,
        max(r._n_amount) FILTER (WHERE s._edge = '_before_7d') AS _n_amount_before_7d,
        max(r._sum_amount) FILTER (WHERE s._edge = '_upto') AS _sum_amount_upto,
        max(r._sum_amount) FILTER (WHERE s._edge = '_before_7d') AS _sum_amount_before_7d
    FROM (
        SELECT
            _row,
            user_id,
            unnest([
                {'_edge': '_upto', '_at': _as_of - 1 - (SELECT us FROM orders_lag)},
                {'_edge': '_before_7d', '_at': _as_of - 604800000001}
            ], recursive := true)
        FROM spine_rows
    ) s
    ASOF LEFT JOIN user_orders_running r ON s.user_id = r.user_id AND r._time <= s._at
    GROUP BY s._row
),

-- user_orders: what each window holds, as differences of them
user_orders_between AS (
    SELECT
        _row,
        CASE WHEN _n_amount_upto > coalesce(_n_amount_before_7d, 0)
             THEN _sum_amount_upto - coalesce(_sum_amount_before_7d, 0)
        END AS sum_amount_7d
    FROM user_orders_totals
),

-- user_orders: rows that the clock alone does not decide: corrected, superseded, late, or just happened
user_orders_rows_late AS (
    SELECT s._row, s._as_of, r.* EXCLUDE (user_id)
    FROM spine_rows s
    JOIN user_orders_rows r ON s.user_id = r.user_id
    WHERE NOT r._regular
      AND r._enter <= s._as_of - 1 AND (r._superseded IS NULL OR r._superseded > s._as_of - 1)
      AND r._time > s._as_of - 604800000001
    UNION ALL
    SELECT s._row, s._as_of, r.* EXCLUDE (user_id)
    FROM (
        SELECT
            _row,
            _as_of,
            user_id,
            unnest([(_as_of - 1) // greatest((SELECT us FROM orders_lag), 1), (_as_of - 1) // greatest((SELECT us FROM orders_lag), 1) - 1]) AS _bucket
        FROM spine_rows
    ) s
    JOIN user_orders_rows r ON s.user_id = r.user_id AND r._bucket = s._bucket
    WHERE r._regular
      AND r._time > s._as_of - 1 - (SELECT us FROM orders_lag)
      AND r._enter <= s._as_of - 1
      AND r._time > s._as_of - 604800000001
),

-- user_orders: what those rows add to each window
user_orders_late_windows AS (
    SELECT _row, sum(amount) FILTER (WHERE _in_last_7d) AS sum_amount_7d
    FROM (
        SELECT *, _time > _as_of - 604800000001 AND _time <= _as_of - 1 AS _in_last_7d
        FROM user_orders_rows_late
    )
    GROUP BY _row
),

-- user_orders: its aggregates at each spine row
user_orders_values AS (
    SELECT
        s._row,
        coalesce(b.sum_amount_7d + l.sum_amount_7d, b.sum_amount_7d, l.sum_amount_7d) AS spend_7d
    FROM spine_rows s
    LEFT JOIN user_orders_between b USING (_row)
    LEFT JOIN user_orders_late_windows l USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT s.*, user_orders_values.spend_7d AS "user_orders.spend_7d"
    FROM spine_rows s
    LEFT JOIN user_orders_values USING (_row)
)

SELECT * EXCLUDE (_row, _as_of, "user_orders.spend_7d"), "user_orders.spend_7d" AS spend_7d
FROM features
ORDER BY _row;
