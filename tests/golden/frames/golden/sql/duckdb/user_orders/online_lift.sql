-- Online plan of feature view user_orders, project frames.
-- Version v1, fingerprint 022dea7ad2b88757d8f1b7bfe3f33c5e.
-- frames.user_orders, tables user_orders__c51a9be5
-- DuckDB: a pushed batch → lifted rows

-- census, once per batch: rows never seen, and versions
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT _row, ordered_at, epoch_us(ordered_at) AS _time, _time AS _arrival
    FROM (
        SELECT _row, nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at
        FROM featc_batch
    )
)

SELECT -1 AS _row, NULL AS _fault, max(_arrival) AS _arrival
FROM orders_rows
WHERE CASE WHEN _time IS NULL THEN 'time is NULL' END IS NULL
UNION ALL
SELECT _row, CASE WHEN _time IS NULL THEN 'time is NULL' END AS _fault, NULL AS _arrival
FROM orders_rows
WHERE _fault IS NOT NULL;

-- behind, once the store has a horizon: rows that arrived before it
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT _row, ordered_at, epoch_us(ordered_at) AS _time, _time AS _arrival
    FROM (
        SELECT _row, nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at
        FROM featc_batch
    )
)

SELECT _row
FROM orders_rows
WHERE _arrival < $1;

-- rows
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT _row, user_id, amount, ordered_at, epoch_us(ordered_at) AS _time, _time AS _arrival
    FROM (
        SELECT _row, user_id, amount, nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at
        FROM featc_batch
    )
),

-- the rows the view sees, and what each brings
user_orders_lifted AS (
    SELECT _row, user_id AS key_user_id, _time AS _tau, amount
    FROM orders_rows
    WHERE _time IS NOT NULL
)

SELECT
    _row,
    CASE WHEN key_user_id IS NULL THEN 'key user_id is NULL' END AS _fault,
    key_user_id,
    _tau,
    ((amount)::DECIMAL(38,2) * 100)::BIGINT AS amount
FROM user_orders_lifted
ORDER BY key_user_id, _tau;
