-- Training query of feature view user_mails, project attributed.
-- Version v1, fingerprint 4a1a4bb91b865c585e2cba9045d6f138.
--
-- Needs a relation `spine`, one row per wanted answer, with the columns
--   user_id  BIGINT     key
--   as_of    TIMESTAMP  the instant each row is observed at, naive UTC
-- and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:
--   SET TimeZone = 'UTC';
--   CREATE VIEW spine AS FROM 'spine.parquet';
--   .read target/sql/duckdb/user_mails/training.sql

WITH
-- the rows to be answered, numbered to keep their order
spine_rows AS (
    SELECT row_number() OVER () AS _row, epoch_us(as_of) AS _as_of, *
    FROM spine
),

-- mails: events with their instants in microseconds: τ (_time) and α (_arrival)
mails_source AS (
    SELECT user_id, sent_at, epoch_us(sent_at) AS _time, _time AS _arrival
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: mails.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(sent_at, ':.*[-+a-zA-Z]') THEN try_cast(sent_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(sent_at AS TIMESTAMP) END, error('F422: mails.sent_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || sent_at)), 'infinity'), '-infinity') AS sent_at
        FROM read_csv('data/mails.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- orders: events with their instants in microseconds: τ (_time) and α (_arrival)
orders_source AS (
    SELECT user_id, amount, ordered_at, epoch_us(ordered_at) AS _time, _time + 300000000 AS _arrival
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: orders.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            coalesce(try_cast(regexp_extract(amount, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: orders.amount is BIGINT, and cannot hold ' || amount)) AS amount,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(ordered_at, ':.*[-+a-zA-Z]') THEN try_cast(ordered_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(ordered_at AS TIMESTAMP) END, error('F422: orders.ordered_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || ordered_at)), 'infinity'), '-infinity') AS ordered_at
        FROM read_csv('data/orders.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- user_mails: rows of mails, numbered, from the instant on at which each counts
user_mails_unmatched AS MATERIALIZED (
    SELECT
        row_number() OVER () AS _row,
        * REPLACE (greatest(_arrival, _time + 259500000000) AS _arrival),
        greatest(_time, greatest(_arrival, _time + 259500000000)) AS _enter,
        NULL::BIGINT AS _superseded
    FROM mails_source
    WHERE _time IS NOT NULL
      AND _arrival IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
),

-- user_mails: what each row looks for in orders, and while it is seen
"user_mails order_asked" AS MATERIALIZED (
    SELECT _row, _time, _enter, _superseded, user_id
    FROM user_mails_unmatched
),

-- orders: the lag within which most rows arrive; later ones take the slower path
orders_lag AS (
    SELECT 300000000 AS us
),

-- user_mails order: rows of orders that may match, the one to take first of the least rank
"user_mails order_following" AS MATERIALIZED (
    SELECT
        user_id AS _key_0,
        _time,
        greatest(_time, _arrival) AS _enter,
        NULL::BIGINT AS _superseded,
        greatest(_time, _arrival) - _time <= (SELECT us FROM orders_lag) AS _regular,
        row_number() OVER (ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, amount NULLS FIRST, ordered_at NULLS FIRST, user_id NULLS FIRST) AS _rank,
        amount
    FROM orders_source
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM "user_mails order_asked")
),

-- user_mails: each row with the first that may match it and is known within the usual lag
"user_mails order_nearest" AS MATERIALIZED (
    SELECT
        a.* EXCLUDE (_end),
        CASE WHEN f._time < a._time + 259200000000 THEN f._rank END AS _rank,
        CASE WHEN f._time < a._time + 259200000000 THEN f._time END AS _then,
        coalesce(NOT (f._time < a._time + 259200000000) OR f._enter <= a._enter, true) AS _settled
    FROM (
        SELECT *, _time + 259200000000 AS _end
        FROM "user_mails order_asked"
    ) a
    ASOF LEFT JOIN (
        SELECT _key_0, _time, _enter, _rank
        FROM "user_mails order_following"
        WHERE _regular
        QUALIFY row_number() OVER (PARTITION BY _key_0, _time ORDER BY _rank) = 1
    ) f ON a.user_id = f._key_0 AND a._time <= f._time
),

-- user_mails: what may match each row, and from when until when that is known
"user_mails order_pairs" AS MATERIALIZED (
    SELECT _row, _rank, _from, _until
    FROM (
        SELECT _row, _rank, _enter AS _from, _superseded AS _until, true AS _lasts
        FROM "user_mails order_nearest"
        WHERE _settled AND _rank IS NOT NULL
        UNION ALL
        SELECT
            a._row,
            f._rank,
            greatest(a._enter, f._enter) AS _from,
            least(a._superseded, f._superseded) AS _until,
            least(a._superseded, f._superseded) IS NOT DISTINCT FROM a._superseded AS _lasts
        FROM (
            SELECT *, unnest([_time // 259200000000, _time // 259200000000 + 1]) AS _bucket
            FROM "user_mails order_nearest"
        ) a
        JOIN "user_mails order_following" f
          ON f._key_0 = a.user_id AND f._time // 259200000000 = a._bucket
        WHERE NOT f._regular
          AND (NOT a._settled OR a._rank IS NULL OR f._rank < a._rank)
          AND f._time >= a._time
          AND f._time < a._time + 259200000000
          AND (least(a._superseded, f._superseded) IS NULL OR least(a._superseded, f._superseded) > greatest(a._enter, f._enter))
        UNION ALL
        SELECT
            a._row,
            f._rank,
            greatest(a._enter, f._enter) AS _from,
            least(a._superseded, f._superseded) AS _until,
            least(a._superseded, f._superseded) IS NOT DISTINCT FROM a._superseded AS _lasts
        FROM (
            SELECT
                *,
                unnest([_then // greatest((SELECT us FROM orders_lag), 1), _then // greatest((SELECT us FROM orders_lag), 1) + 1]) AS _bucket
            FROM "user_mails order_nearest"
        ) a
        JOIN "user_mails order_following" f
          ON f._key_0 = a.user_id AND f._time // greatest((SELECT us FROM orders_lag), 1) = a._bucket
        WHERE f._regular
          AND NOT a._settled
          AND f._time >= a._then
          AND f._time <= a._then + greatest((SELECT us FROM orders_lag), 1)
          AND f._time >= a._time
          AND f._time < a._time + 259200000000
          AND (least(a._superseded, f._superseded) IS NULL OR least(a._superseded, f._superseded) > greatest(a._enter, f._enter))
    )
    QUALIFY coalesce(_rank <= min(_rank) FILTER (WHERE _lasts) OVER (PARTITION BY _row ORDER BY _from, _rank ROWS UNBOUNDED PRECEDING), true)
),

-- user_mails: the instants at which what matches a row may change
"user_mails order_instants" AS (
    SELECT _row, _enter AS _instant
    FROM "user_mails order_asked"
    UNION
    SELECT _row, _from
    FROM "user_mails order_pairs"
    UNION
    SELECT _row, _until
    FROM "user_mails order_pairs"
    WHERE _until IS NOT NULL
),

-- user_mails: the one that is taken at each of them
"user_mails order_first" AS (
    SELECT i._row, i._instant, min(p._rank) AS _rank
    FROM "user_mails order_instants" i
    LEFT JOIN "user_mails order_pairs" p ON p._row = i._row AND p._from <= i._instant AND (p._until IS NULL OR p._until > i._instant)
    GROUP BY ALL
),

-- user_mails: each row's answers, and from when until when each is seen
"user_mails order_answers" AS (
    SELECT
        c._row,
        c._rank,
        c._from,
        coalesce(lead(c._from) OVER (PARTITION BY c._row ORDER BY c._from), a._superseded) AS _until
    FROM (
        SELECT _row, _rank, _instant AS _from
        FROM "user_mails order_first"
        QUALIFY row_number() OVER (PARTITION BY _row ORDER BY _instant) = 1 OR _rank IS DISTINCT FROM lag(_rank) OVER (PARTITION BY _row ORDER BY _instant)
    ) c
    JOIN "user_mails order_asked" a USING (_row)
    QUALIFY a._superseded IS NULL OR c._from < a._superseded
),

-- user_mails: each row with its order, once for each that it has had
"user_mails order_matched" AS MATERIALIZED (
    SELECT
        r.* REPLACE (row_number() OVER () AS _row, c._from AS _enter, c._until AS _superseded),
        f.amount AS "order.amount"
    FROM "user_mails order_answers" c
    JOIN user_mails_unmatched r USING (_row)
    LEFT JOIN "user_mails order_following" f USING (_rank)
),

-- user_mails: the lag within which most rows count; later ones take the slower path
user_mails_lag AS (
    SELECT coalesce(quantile_disc(_enter - _time, 0.9), 0) AS us
    FROM "user_mails order_matched"
),

-- user_mails: the rows it aggregates, and what each brings
user_mails_rows AS (
    SELECT
        user_id,
        _time,
        _enter,
        _superseded,
        _enter - _time <= (SELECT us FROM user_mails_lag) AND _superseded IS NULL AS _regular,
        _time // greatest((SELECT us FROM user_mails_lag), 1) AS _bucket,
        "order.amount" AS order_amount
    FROM "user_mails order_matched"
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
),

-- user_mails: running totals of each entity
user_mails_running AS (
    SELECT
        user_id,
        _time,
        count(_time) OVER so_far AS _rows,
        count(order_amount) OVER so_far AS _n_order_amount,
        sum(order_amount) OVER so_far AS _sum_order_amount
    FROM user_mails_rows
    WHERE _regular
    WINDOW so_far AS (PARTITION BY user_id ORDER BY _time)
),

-- user_mails: those totals where each window begins and ends
user_mails_totals AS (
    SELECT
        s._row,
        max(r._rows) FILTER (WHERE s._edge = '_upto') AS _rows_upto,
        max(r._n_order_amount) FILTER (WHERE s._edge = '_upto') AS _n_order_amount_upto,
        max(r._sum_order_amount) FILTER (WHERE s._edge = '_upto') AS _sum_order_amount_upto
    FROM (
        SELECT
            _row,
            user_id,
            unnest([
                {'_edge': '_upto', '_at': _as_of - 1 - (SELECT us FROM user_mails_lag)}
            ], recursive := true)
        FROM spine_rows
    ) s
    ASOF LEFT JOIN user_mails_running r ON s.user_id = r.user_id AND r._time <= s._at
    GROUP BY s._row
),

-- user_mails: what each window holds, as differences of them
user_mails_between AS (
    SELECT _row, _rows_upto AS rows_lifetime, _sum_order_amount_upto AS sum_order_amount_lifetime
    FROM user_mails_totals
),

-- user_mails: rows that the clock alone does not decide: corrected, superseded, late, or just happened
user_mails_rows_late AS (
    SELECT s._row, s._as_of, r.* EXCLUDE (user_id)
    FROM spine_rows s
    JOIN user_mails_rows r ON s.user_id = r.user_id
    WHERE NOT r._regular
      AND r._enter <= s._as_of - 1 AND (r._superseded IS NULL OR r._superseded > s._as_of - 1)
    UNION ALL
    SELECT s._row, s._as_of, r.* EXCLUDE (user_id)
    FROM (
        SELECT
            _row,
            _as_of,
            user_id,
            unnest([(_as_of - 1) // greatest((SELECT us FROM user_mails_lag), 1), (_as_of - 1) // greatest((SELECT us FROM user_mails_lag), 1) - 1]) AS _bucket
        FROM spine_rows
    ) s
    JOIN user_mails_rows r ON s.user_id = r.user_id AND r._bucket = s._bucket
    WHERE r._regular
      AND r._time > s._as_of - 1 - (SELECT us FROM user_mails_lag)
      AND r._enter <= s._as_of - 1
),

-- user_mails: what those rows add to each window
user_mails_late_windows AS (
    SELECT
        _row,
        count(_time) FILTER (WHERE _in_lifetime) AS rows_lifetime,
        sum(order_amount) FILTER (WHERE _in_lifetime) AS sum_order_amount_lifetime
    FROM (
        SELECT *, _time <= _as_of - 1 AS _in_lifetime
        FROM user_mails_rows_late
    )
    GROUP BY _row
),

-- user_mails: its aggregates at each spine row
user_mails_values AS (
    SELECT
        s._row,
        coalesce(coalesce(b.rows_lifetime + l.rows_lifetime, b.rows_lifetime, l.rows_lifetime), 0) AS mails,
        coalesce(b.sum_order_amount_lifetime + l.sum_order_amount_lifetime, b.sum_order_amount_lifetime, l.sum_order_amount_lifetime)::BIGINT AS ordered
    FROM spine_rows s
    LEFT JOIN user_mails_between b USING (_row)
    LEFT JOIN user_mails_late_windows l USING (_row)
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_mails_values.mails AS "user_mails.mails",
        user_mails_values.ordered AS "user_mails.ordered"
    FROM spine_rows s
    LEFT JOIN user_mails_values USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, "user_mails.mails", "user_mails.ordered"),
    "user_mails.mails" AS mails,
    "user_mails.ordered" AS ordered
FROM features
ORDER BY _row;
