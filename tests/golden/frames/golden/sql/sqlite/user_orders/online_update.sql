-- Online plan of feature view user_orders, project frames.
-- Version v1, fingerprint 022dea7ad2b88757d8f1b7bfe3f33c5e.
-- Parameters, instants in microseconds since 1970, UTC:
--   :key_user_id  the key user_id, BIGINT
--   :start        a tile's first instant
-- frames.user_orders, tables user_orders__c51a9be5
-- SQLite: lifted rows → the store, in one transaction

-- rows: take in
INSERT INTO user_orders__c51a9be5 (key_user_id, _tau, amount, _seq)
VALUES (?, ?, ?, ?);

-- tiles: the open tile
SELECT max(_tau) FROM user_orders__c51a9be5
WHERE key_user_id = :key_user_id;

-- tiles: touched by a change
SELECT key_user_id, _tau FROM user_orders__c51a9be5 WHERE _seq = ?;

-- tiles: build
INSERT OR REPLACE INTO user_orders__c51a9be5__tiles (key_user_id, _start, _settled_at, _rows, sum_amount__high, sum_amount__low, max_amount)
SELECT
    :key_user_id,
    :start,
    coalesce(max(_tau), -9223372036854775808),
    count(*),
    sum(amount >> 32),
    sum(amount & 4294967295),
    max(amount)
FROM user_orders__c51a9be5
WHERE key_user_id = :key_user_id AND _tau >= :start AND _tau < :start + 21600000000;
