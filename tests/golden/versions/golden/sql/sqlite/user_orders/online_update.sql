-- Online plan of feature view user_orders, project versions.
-- Version v1, fingerprint 8e8bb93bf6d6844da9c7a64e48dcdb25.
-- Parameters, instants in microseconds since 1970, UTC:
--   :first        the number of the batch's first row
--   :key_user_id  the key user_id, BIGINT
--   :start        a tile's first instant
-- versions.user_orders, tables user_orders__7619903b
-- SQLite: lifted rows → the store, in one transaction

-- versions: take in
INSERT INTO orders__f5242f30__versions (_seq, _arrival, _version, id_1)
VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- versions: whose successor changed
WITH fresh AS (
    SELECT DISTINCT id_1 FROM orders__f5242f30__versions NOT INDEXED WHERE _seq >= :first
),
chain AS (
    SELECT v._seq, v._superseded,
        lead(v._arrival) OVER (PARTITION BY v.id_1 ORDER BY v._version) AS successor
    FROM fresh CROSS JOIN orders__f5242f30__versions v ON v.id_1 = fresh.id_1
)
SELECT _seq, successor FROM chain WHERE _superseded IS NOT successor;

-- versions: note the successor
UPDATE orders__f5242f30__versions SET _superseded = ? WHERE _seq = ?;

-- rows: take in
INSERT INTO user_orders__7619903b (key_user_id, _tau, _enter, _order, amount, _seq)
VALUES (?, ?, ?, ?, ?, ?);

-- rows: note the successor
UPDATE user_orders__7619903b SET _superseded = ? WHERE _seq = ?;

-- tiles: the open tile
SELECT max(_tau) FROM user_orders__7619903b
WHERE key_user_id = :key_user_id;

-- tiles: touched by a change
SELECT key_user_id, _tau FROM user_orders__7619903b WHERE _seq = ?;

-- tiles: build
INSERT OR REPLACE INTO user_orders__7619903b__tiles (key_user_id, _start, _settled_at, _rows, sum_amount__high, sum_amount__low)
SELECT
    :key_user_id,
    :start,
    max(coalesce(max(_enter), -9223372036854775808), coalesce((SELECT max(_superseded) FROM user_orders__7619903b WHERE key_user_id = :key_user_id AND _tau >= :start AND _tau < :start + 21600000000), -9223372036854775808)),
    count(*),
    sum(amount >> 32),
    sum(amount & 4294967295)
FROM user_orders__7619903b
WHERE key_user_id = :key_user_id AND _tau >= :start AND _tau < :start + 21600000000 AND _superseded IS NULL;
