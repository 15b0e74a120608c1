-- Backfill of feature view user_orders, project frames.
-- Version v1, fingerprint de965355f70f5bcc98a06b8886f4a67d.
--
-- Fills featc.user_orders__de965355: partial states by entity and day, for one half-open interval of τ.
-- featc backfill runs these statements, and keeps a ledger of intervals besides. In DuckDB's client, in the
-- project's folder and the target's database, with an interval of whole days in µs since 1970, UTC:
--   SET TimeZone = 'UTC';
--   SET VARIABLE interval_start = epoch_us(TIMESTAMP '2026-01-01');
--   SET VARIABLE interval_end = epoch_us(TIMESTAMP '2026-02-01');
--   .read target/sql/duckdb/user_orders/backfill.sql

-- each interval: its rows, for all views of the source
CREATE OR REPLACE TEMP TABLE orders_interval AS
WITH
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
)

SELECT user_id, amount, ordered_at, _time, _arrival
FROM orders_source
WHERE _time >= getvariable('interval_start')
  AND _time < getvariable('interval_end');

-- the first time: the table
CREATE SCHEMA IF NOT EXISTS featc;
CREATE TABLE IF NOT EXISTS featc.user_orders__de965355 AS
WITH
-- user_orders: the rows that are visible at some instant, and what each brings
user_orders_rows AS (
    SELECT
        user_id,
        (_time) - (((_time) % 86400000000) + 86400000000) % 86400000000 AS _start,
        _arrival AS _enter,
        amount
    FROM temp.orders_interval
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND _time >= getvariable('interval_start')
      AND _time < getvariable('interval_end')
)

SELECT
    user_id,
    _start,
    max(_enter) AS _settled_at,
    count(*) AS _rows,
    sum(amount) AS sum_amount__d5f0a83d,
    max(amount) AS max_amount__007bbd22
FROM user_orders_rows
GROUP BY user_id, _start
LIMIT 0;

-- each interval: its tiles, in one transaction
BEGIN;
DELETE FROM featc.user_orders__de965355
WHERE _start >= getvariable('interval_start') AND _start < getvariable('interval_end');
INSERT INTO featc.user_orders__de965355 BY NAME
WITH
-- user_orders: the rows that are visible at some instant, and what each brings
user_orders_rows AS (
    SELECT
        user_id,
        (_time) - (((_time) % 86400000000) + 86400000000) % 86400000000 AS _start,
        _arrival AS _enter,
        amount
    FROM temp.orders_interval
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND _time >= getvariable('interval_start')
      AND _time < getvariable('interval_end')
)

SELECT
    user_id,
    _start,
    max(_enter) AS _settled_at,
    count(*) AS _rows,
    sum(amount) AS sum_amount__d5f0a83d,
    max(amount) AS max_amount__007bbd22
FROM user_orders_rows
GROUP BY user_id, _start;
COMMIT;
