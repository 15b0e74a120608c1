-- Online plan of feature view user_orders, project united.
-- Version v1, fingerprint 93f5afc71c778fd869dd220932198b23.
-- united.user_orders, tables user_orders__66382e4c
-- DuckDB: a pushed batch → lifted rows

-- a batch of web_orders, as one of orders
SELECT
    _row,
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
        _row,
        order_id,
        user_id,
        amount,
        op,
        nullif(nullif(placed_at, 'infinity'), '-infinity') AS placed_at,
        nullif(nullif(loaded_at, 'infinity'), '-infinity') AS loaded_at
    FROM featc_batch
)
ORDER BY _row;

-- a batch of app_orders, as one of orders
SELECT
    _row,
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
    SELECT _row, user_id, cents, nullif(nullif("at", 'infinity'), '-infinity') AS "at"
    FROM featc_batch
)
ORDER BY _row;

-- census, once per batch: rows never seen, and versions
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT
        _row,
        _source,
        order_id,
        user_id,
        _plain_amount,
        op,
        placed_at,
        loaded_at,
        _happened,
        _known_at,
        _dead,
        _event_1,
        _happened AS _time,
        _known_at AS _arrival,
        coalesce(_dead, false) AS _deleted
    FROM featc_batch
)

SELECT
    _row,
    CASE WHEN _arrival IS NULL THEN 'available_at is NULL' WHEN _time IS NULL AND NOT _deleted THEN 'time is NULL' WHEN _deleted AND (_source IS NULL OR _event_1 IS NULL) THEN 'a deletion without id' END AS _fault,
    CASE WHEN _source IS NOT NULL AND _event_1 IS NOT NULL THEN _arrival END AS _arrival,
    create_sort_key(_arrival, 'ASC NULLS FIRST', _deleted, 'ASC NULLS FIRST', _plain_amount, 'ASC NULLS FIRST', loaded_at, 'ASC NULLS FIRST', op, 'ASC NULLS FIRST', order_id, 'ASC NULLS FIRST', placed_at, 'ASC NULLS FIRST', user_id, 'ASC NULLS FIRST') AS _version,
    _source AS id_1,
    _event_1 AS id_2
FROM orders_rows
ORDER BY _row;

-- behind, once the store has a horizon: rows that arrived before it
WITH
-- the batch, with its instants in microseconds
orders_rows AS (
    SELECT
        _row,
        _happened,
        _known_at,
        _dead,
        _happened AS _time,
        _known_at AS _arrival,
        coalesce(_dead, false) AS _deleted
    FROM featc_batch
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
        _source,
        user_id,
        _plain_amount,
        cents,
        _happened,
        _known_at,
        _dead,
        _event_1,
        _happened AS _time,
        _known_at AS _arrival,
        coalesce(_dead, false) AS _deleted
    FROM featc_batch
),

-- the rows the view sees, and what each brings
user_orders_lifted AS (
    SELECT
        _row,
        user_id AS key_user_id,
        _time AS _tau,
        greatest(_time, _arrival) AS _enter,
        create_sort_key(_arrival, 'ASC NULLS FIRST', _source, 'ASC NULLS FIRST', _event_1, 'ASC NULLS FIRST') AS _order,
        CASE _source WHEN 'web_orders' THEN (_plain_amount)::DECIMAL(21,2) WHEN 'app_orders' THEN ((cents / 100)::decimal(12, 2))::DECIMAL(21,2) END AS amount_cents_per_100_decimal_12_2,
        CASE WHEN _source = 'app_orders' THEN true END AS is_source_app_orders
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
    CASE WHEN amount_cents_per_100_decimal_12_2 IS NOT NULL THEN create_sort_key((amount_cents_per_100_decimal_12_2)::DECIMAL(38,2), 'ASC NULLS FIRST') END AS amount_cents_per_100_decimal_12_2,
    (is_source_app_orders)::TINYINT AS is_source_app_orders
FROM user_orders_lifted
ORDER BY key_user_id, _tau;
