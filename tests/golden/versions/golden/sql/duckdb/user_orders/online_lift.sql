-- Online plan of feature view user_orders, project versions.
-- Version v1, fingerprint 8e8bb93bf6d6844da9c7a64e48dcdb25.
-- versions.user_orders, tables user_orders__7619903b
-- DuckDB: a pushed batch → lifted rows

-- census, once per batch: rows never seen, and versions
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT
        _row,
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
            _row,
            order_id,
            user_id,
            amount,
            op,
            nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at,
            nullif(nullif(loaded_at, 'infinity'), '-infinity') AS loaded_at
        FROM featc_batch
    )
)

SELECT
    _row,
    CASE WHEN _arrival IS NULL THEN 'available_at is NULL' WHEN _time IS NULL AND NOT _deleted THEN 'time is NULL' WHEN _deleted AND (order_id IS NULL) THEN 'a deletion without id' END AS _fault,
    CASE WHEN order_id IS NOT NULL THEN _arrival END AS _arrival,
    create_sort_key(_arrival, 'ASC NULLS FIRST', _deleted, 'ASC NULLS FIRST', amount, 'ASC NULLS FIRST', loaded_at, 'ASC NULLS FIRST', op, 'ASC NULLS FIRST', order_id, 'ASC NULLS FIRST', ordered_at, 'ASC NULLS FIRST', user_id, 'ASC NULLS FIRST') AS _version,
    order_id AS id_1
FROM orders_rows
ORDER BY _row;

-- behind, once the store has a horizon: rows that arrived before it
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT
        _row,
        op,
        ordered_at,
        loaded_at,
        epoch_us(ordered_at) AS _time,
        epoch_us(loaded_at) AS _arrival,
        coalesce(op = 'D', false) AS _deleted
    FROM (
        SELECT
            _row,
            op,
            nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at,
            nullif(nullif(loaded_at, 'infinity'), '-infinity') AS loaded_at
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
    SELECT
        _row,
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
            _row,
            order_id,
            user_id,
            amount,
            op,
            nullif(nullif(ordered_at, 'infinity'), '-infinity') AS ordered_at,
            nullif(nullif(loaded_at, 'infinity'), '-infinity') AS loaded_at
        FROM featc_batch
    )
),

-- the rows the view sees, and what each brings
user_orders_lifted AS (
    SELECT
        _row,
        user_id AS key_user_id,
        _time AS _tau,
        greatest(_time, _arrival) AS _enter,
        create_sort_key(_arrival, 'ASC NULLS FIRST', order_id, 'ASC NULLS FIRST') AS _order,
        amount
    FROM orders_rows
    WHERE _time IS NOT NULL
      AND _arrival IS NOT NULL
      AND NOT _deleted
)

SELECT
    _row,
    CASE WHEN key_user_id IS NULL THEN 'key user_id is NULL' END AS _fault,
    key_user_id,
    _tau,
    _enter,
    _order,
    ((amount)::DECIMAL(38,2) * 100)::BIGINT AS amount
FROM user_orders_lifted
ORDER BY key_user_id, _tau;
