-- Online plan of feature view user_mails, project attributed.
-- Version v1, fingerprint b958ac4068679a03b6c8a5495ef2f664.
-- Parameters, instants in microseconds since 1970, UTC:
--   :key_user_id  the key user_id, BIGINT
--   :t            the instant asked for
--   :start        a tile's first instant
-- attributed.user_mails, tables user_mails__6f0bd649
-- SQLite: lifted rows → the store, in one transaction

-- rows as they came: take in
INSERT INTO user_mails__6f0bd649__raw (_seq, _tau, _enter, raw_user_id, raw_sent_at)
VALUES (?, ?, ?, ?, ?);

-- rows: take in
INSERT INTO user_mails__6f0bd649 (key_user_id, _tau, _enter, _superseded, orders_amount, _seq)
VALUES (?, ?, ?, ?, ?, ?);

-- orders: what may match a row of :t, and when that is known
SELECT _tau + 300000000, NULL, state_amount
FROM "user_mails orders__34255d5a"
WHERE key_user_id = :key_user_id
  AND _tau >= :t
  AND _tau < :t + 259200000000
ORDER BY _tau ASC, _version ASC;

-- orders: note what was looked up
UPDATE user_mails__6f0bd649__raw SET join_0_0 = ? WHERE _seq = ?;

-- orders: rows to lift again
SELECT _seq FROM user_mails__6f0bd649__raw
WHERE join_0_0 = ?
  AND _tau > ? - 259200000000
  AND _tau <= ?;

-- tiles: the open tile
SELECT max(_tau) FROM user_mails__6f0bd649
WHERE key_user_id = :key_user_id;

-- tiles: touched by a change
SELECT key_user_id, _tau FROM user_mails__6f0bd649 WHERE _seq = ?;

-- tiles: build
INSERT OR REPLACE INTO user_mails__6f0bd649__tiles (key_user_id, _start, _settled_at, _rows, rows, sum_orders_amount__high, sum_orders_amount__low)
SELECT
    :key_user_id,
    :start,
    max(coalesce(max(_enter), -9223372036854775808), coalesce((SELECT max(_superseded) FROM user_mails__6f0bd649 WHERE key_user_id = :key_user_id AND _tau >= :start AND _tau < :start + 604800000000), -9223372036854775808)),
    count(*),
    count(*),
    sum(orders_amount >> 32),
    sum(orders_amount & 4294967295)
FROM user_mails__6f0bd649
WHERE key_user_id = :key_user_id AND _tau >= :start AND _tau < :start + 604800000000 AND _superseded IS NULL;
