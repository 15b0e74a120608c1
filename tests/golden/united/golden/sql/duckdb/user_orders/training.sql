-- Training query of feature view user_orders, project united.
-- Version v1, fingerprint 661b554a538e44d3bc01546315249f75.
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

-- orders: the rows of web_orders and app_orders with their instants in microseconds: τ (_time) and α (_arrival); _event_1 identifies a row within its source, _plain_amount is amount as it lies there
orders_source AS (
    SELECT
        _source,
        order_id,
        user_id,
        _plain_amount,
        op,
        placed_at,
        loaded_at,
        cents,
        _happened,
        _known_at,
        _dead,
        _event_1,
        _happened AS _time,
        _known_at AS _arrival,
        coalesce(_dead, false) AS _deleted
    FROM (
        -- web_orders
        SELECT
            'web_orders' AS _source,
            order_id,
            user_id,
            amount AS _plain_amount,
            op,
            placed_at,
            loaded_at,
            NULL::BIGINT AS cents,
            NULL::TIMESTAMP AS "at",
            epoch_us(placed_at) AS _happened,
            epoch_us(loaded_at) AS _known_at,
            coalesce(op = 'D', false) AS _dead,
            order_id AS _event_1
        FROM (
            SELECT
                coalesce(try_cast(regexp_extract(order_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: web_orders.order_id is BIGINT, and cannot hold ' || order_id)) AS order_id,
                coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: web_orders.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
                coalesce(try_cast(regexp_extract(amount, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: web_orders.amount is BIGINT, and cannot hold ' || amount)) AS amount,
                op,
                nullif(nullif(coalesce(CASE WHEN regexp_matches(placed_at, ':.*[-+a-zA-Z]') THEN try_cast(placed_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(placed_at AS TIMESTAMP) END, error('F422: web_orders.placed_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || placed_at)), 'infinity'), '-infinity') AS placed_at,
                nullif(nullif(coalesce(CASE WHEN regexp_matches(loaded_at, ':.*[-+a-zA-Z]') THEN try_cast(loaded_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(loaded_at AS TIMESTAMP) END, error('F422: web_orders.loaded_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || loaded_at)), 'infinity'), '-infinity') AS loaded_at
            FROM read_csv('data/web.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
        )
        UNION ALL
        -- app_orders
        SELECT
            'app_orders' AS _source,
            NULL::BIGINT AS order_id,
            user_id,
            NULL::BIGINT AS _plain_amount,
            NULL::VARCHAR AS op,
            NULL::TIMESTAMP AS placed_at,
            NULL::TIMESTAMP AS loaded_at,
            cents,
            "at",
            epoch_us("at") AS _happened,
            epoch_us("at") + 300000000 AS _known_at,
            false AS _dead,
            NULL::BIGINT AS _event_1
        FROM (
            SELECT
                coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: app_orders.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
                coalesce(try_cast(regexp_extract(cents, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: app_orders.cents is BIGINT, and cannot hold ' || cents)) AS cents,
                nullif(nullif(coalesce(CASE WHEN regexp_matches("at", ':.*[-+a-zA-Z]') THEN try_cast("at" AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast("at" AS TIMESTAMP) END, error('F422: app_orders.at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || "at")), 'infinity'), '-infinity') AS "at"
            FROM read_csv('data/app.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
        )
    )
),

-- orders: which events came more than once
orders_versions_repeated AS (
    SELECT _source AS _id_1, _event_1 AS _id_2
    FROM orders_source
    WHERE _source IS NOT NULL AND _event_1 IS NOT NULL AND _arrival IS NOT NULL
    GROUP BY ALL
    HAVING count(*) > 1
),

-- orders: each version and the instant the next one supersedes it
orders_versions AS (
    SELECT
        r.*,
        lead(_arrival) OVER (PARTITION BY _source, _event_1 ORDER BY
            _arrival NULLS FIRST,
            _deleted NULLS FIRST,
            _plain_amount NULLS FIRST,
            loaded_at NULLS FIRST,
            op NULLS FIRST,
            order_id NULLS FIRST,
            placed_at NULLS FIRST,
            user_id NULLS FIRST
        ) AS _superseded
    FROM orders_source r SEMI JOIN orders_versions_repeated m ON _source = m._id_1 AND _event_1 = m._id_2
    WHERE _source IS NOT NULL AND _event_1 IS NOT NULL AND _arrival IS NOT NULL
    UNION ALL
    SELECT r.*, NULL AS _superseded
    FROM orders_source r ANTI JOIN orders_versions_repeated m ON _source = m._id_1 AND _event_1 = m._id_2 AND _source IS NOT NULL AND _event_1 IS NOT NULL AND _arrival IS NOT NULL
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
        CASE _source WHEN 'web_orders' THEN (_plain_amount)::DECIMAL(21,2) WHEN 'app_orders' THEN ((cents / 100)::decimal(12, 2))::DECIMAL(21,2) END AS amount,
        CASE WHEN _source = 'app_orders' THEN true END AS is_source_app_orders
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
        count(_time) OVER so_far AS _rows,
        count(amount) OVER so_far AS _n_amount,
        sum(amount) OVER so_far AS _sum_amount,
        count(is_source_app_orders) OVER so_far AS _n_is_source_app_orders
    FROM user_orders_rows
    WHERE _regular
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
        max(r._sum_amount) FILTER (WHERE s._edge = '_before_7d') AS _sum_amount_before_7d,
        max(r._n_is_source_app_orders) FILTER (WHERE s._edge = '_upto') AS _n_is_source_app_orders_upto,
        max(r._n_is_source_app_orders) FILTER (WHERE s._edge = '_before_7d') AS _n_is_source_app_orders_before_7d
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
        greatest(_rows_upto - coalesce(_rows_before_7d, 0), 0) AS rows_7d,
        CASE WHEN _n_amount_upto > coalesce(_n_amount_before_7d, 0)
             THEN _sum_amount_upto - coalesce(_sum_amount_before_7d, 0)
        END AS sum_amount_7d,
        greatest(_n_is_source_app_orders_upto - coalesce(_n_is_source_app_orders_before_7d, 0), 0) AS n_is_source_app_orders_7d
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
    SELECT
        _row,
        count(_time) FILTER (WHERE _in_last_7d) AS rows_7d,
        sum(amount) FILTER (WHERE _in_last_7d) AS sum_amount_7d,
        count(is_source_app_orders) FILTER (WHERE _in_last_7d) AS n_is_source_app_orders_7d
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
        coalesce(coalesce(b.rows_7d + l.rows_7d, b.rows_7d, l.rows_7d), 0) AS orders,
        coalesce(b.sum_amount_7d + l.sum_amount_7d, b.sum_amount_7d, l.sum_amount_7d) AS spend,
        coalesce(coalesce(b.n_is_source_app_orders_7d + l.n_is_source_app_orders_7d, b.n_is_source_app_orders_7d, l.n_is_source_app_orders_7d), 0) AS by_app
    FROM spine_rows s
    LEFT JOIN user_orders_between b USING (_row)
    LEFT JOIN user_orders_late_windows l USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_orders_values.orders AS "user_orders.orders",
        user_orders_values.spend AS "user_orders.spend",
        user_orders_values.by_app AS "user_orders.by_app"
    FROM spine_rows s
    LEFT JOIN user_orders_values USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, "user_orders.orders", "user_orders.spend", "user_orders.by_app"),
    "user_orders.orders" AS orders,
    "user_orders.spend" AS spend,
    "user_orders.by_app" AS by_app
FROM features
ORDER BY _row;
