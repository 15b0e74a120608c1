-- Backfill of feature view user_orders, project versions.
-- Version v1, fingerprint 9eab835c62af4a6669ba52b65e66cfbe.
--
-- Fills featc.user_orders__9eab835c: partial states by entity and day, for one half-open interval of τ.
-- featc backfill runs these statements, and keeps a ledger of intervals besides. In DuckDB's client, in the
-- project's folder and the target's database, with an interval of whole days in µs since 1970, UTC:
--   SET TimeZone = 'UTC';
--   SET VARIABLE interval_start = epoch_us(TIMESTAMP '2026-01-01');
--   SET VARIABLE interval_end = epoch_us(TIMESTAMP '2026-02-01');
--   .read target/sql/duckdb/user_orders/backfill.sql

-- once in a run: the events that came more than once, and their versions
CREATE OR REPLACE TEMP TABLE orders_repeated_ids AS
WITH
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
)

SELECT order_id AS _id_1
FROM orders_source
WHERE order_id IS NOT NULL AND _arrival IS NOT NULL
GROUP BY ALL
HAVING count(*) > 1;

-- once in a run: the events that came more than once, and their versions
CREATE OR REPLACE TEMP TABLE orders_repeated AS
WITH
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
)

SELECT
    r.order_id,
    r.user_id,
    r.amount,
    r.op,
    r.ordered_at,
    r.loaded_at,
    r._time,
    r._arrival,
    r._deleted,
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
FROM orders_source r SEMI JOIN temp.orders_repeated_ids m ON order_id = m._id_1
WHERE order_id IS NOT NULL AND _arrival IS NOT NULL
ORDER BY _time;

-- each interval: its rows, for all views of the source
CREATE OR REPLACE TEMP TABLE orders_interval AS
WITH
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

-- orders: versions of events that came more than once
orders_here AS (
    SELECT order_id, user_id, amount, op, ordered_at, loaded_at, _time, _arrival, _deleted, _superseded
    FROM temp.orders_repeated
    WHERE _time >= getvariable('interval_start')
      AND _time < getvariable('interval_end')
),

orders_here_ids AS (
    SELECT DISTINCT order_id AS _id_1
    FROM orders_here
)

SELECT
    r.order_id,
    r.user_id,
    r.amount,
    r.op,
    r.ordered_at,
    r.loaded_at,
    r._time,
    r._arrival,
    r._deleted,
    NULL AS _superseded
FROM orders_source r ANTI JOIN orders_here_ids m ON order_id = m._id_1 AND order_id IS NOT NULL AND _arrival IS NOT NULL
WHERE _time >= getvariable('interval_start')
  AND _time < getvariable('interval_end')
UNION ALL
SELECT order_id, user_id, amount, op, ordered_at, loaded_at, _time, _arrival, _deleted, _superseded
FROM orders_here;

-- the first time: the table
CREATE SCHEMA IF NOT EXISTS featc;
CREATE TABLE IF NOT EXISTS featc.user_orders__9eab835c AS
WITH
-- user_orders: the rows that are visible at some instant, and what each brings
user_orders_rows AS (
    SELECT
        user_id,
        (_time) - (((_time) % 86400000000) + 86400000000) % 86400000000 AS _start,
        greatest(_time, _arrival) AS _enter,
        _superseded,
        amount
    FROM temp.orders_interval
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND _arrival IS NOT NULL
      AND NOT _deleted
      AND (_superseded IS NULL OR _superseded > greatest(_time, _arrival))
      AND _time >= getvariable('interval_start')
      AND _time < getvariable('interval_end')
)

SELECT
    user_id,
    _start,
    max(coalesce(_superseded, _enter)) AS _settled_at,
    count(*) FILTER (WHERE _superseded IS NULL) AS _rows,
    sum(amount) FILTER (WHERE _superseded IS NULL) AS sum_amount__cc87e4a6
FROM user_orders_rows
GROUP BY user_id, _start
LIMIT 0;

-- each interval: its tiles, in one transaction
BEGIN;
DELETE FROM featc.user_orders__9eab835c
WHERE _start >= getvariable('interval_start') AND _start < getvariable('interval_end');
INSERT INTO featc.user_orders__9eab835c BY NAME
WITH
-- user_orders: the rows that are visible at some instant, and what each brings
user_orders_rows AS (
    SELECT
        user_id,
        (_time) - (((_time) % 86400000000) + 86400000000) % 86400000000 AS _start,
        greatest(_time, _arrival) AS _enter,
        _superseded,
        amount
    FROM temp.orders_interval
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND _arrival IS NOT NULL
      AND NOT _deleted
      AND (_superseded IS NULL OR _superseded > greatest(_time, _arrival))
      AND _time >= getvariable('interval_start')
      AND _time < getvariable('interval_end')
)

SELECT
    user_id,
    _start,
    max(coalesce(_superseded, _enter)) AS _settled_at,
    count(*) FILTER (WHERE _superseded IS NULL) AS _rows,
    sum(amount) FILTER (WHERE _superseded IS NULL) AS sum_amount__cc87e4a6
FROM user_orders_rows
GROUP BY user_id, _start;
COMMIT;
