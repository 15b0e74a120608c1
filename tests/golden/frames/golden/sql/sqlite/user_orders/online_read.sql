-- Online plan of feature view user_orders, project frames.
-- Version v1, fingerprint 022dea7ad2b88757d8f1b7bfe3f33c5e.
-- Parameters, instants in microseconds since 1970, UTC:
--   :after_0 … 1  a band begins just after this τ
--   :upto_0 … 1   and ends with this one
--   :first_0 … 1  a band's first whole tile
--   :past_0 … 1   the tile after a band's last whole one
--   :key_user_id  the key user_id, BIGINT
--   :k            what was known by then counts: t, or of an event when it entered
-- frames.user_orders, tables user_orders__c51a9be5
-- SQLite: the states at :t

-- bands: states per band
WITH
band (_band, _after, _upto, _first, _past) AS (VALUES (0, :after_0, :upto_0, :first_0, :past_0), (1, :after_1, :upto_1, :first_1, :past_1)),
tile AS (
    SELECT _band, _start, _settled_at, _rows, sum_amount__high, sum_amount__low, max_amount
    FROM band CROSS JOIN user_orders__c51a9be5__tiles
    WHERE key_user_id = :key_user_id AND _start >= _first AND _start < _past
),
newest AS (
    SELECT tau - ((tau % 21600000000) + 21600000000) % 21600000000 AS start FROM (SELECT max(_tau) AS tau FROM user_orders__c51a9be5 WHERE key_user_id = :key_user_id)
),
stretch (_band, _after, _upto) AS (
    SELECT _band, _after, _first - 1 FROM band
    UNION ALL SELECT _band, _past - 1, _upto FROM band
    UNION ALL SELECT _band, _start - 1, _start + 21599999999 FROM tile WHERE _settled_at > :k - 1
    UNION ALL SELECT _band, start - 1, start + 21599999999 FROM newest JOIN band ON start >= _first AND start < _past
),
seen AS NOT MATERIALIZED (
    SELECT _band, amount
    FROM stretch CROSS JOIN user_orders__c51a9be5
    WHERE key_user_id = :key_user_id AND +_tau <= :k - 1
      AND _tau > _after AND _tau <= _upto
)
SELECT _band, count(*), sum(amount >> 32), sum(amount & 4294967295), max(amount)
FROM seen
GROUP BY _band
UNION ALL
SELECT _band, sum(_rows), sum(sum_amount__high), sum(sum_amount__low), max(max_amount)
FROM tile
WHERE _settled_at <= :k - 1
GROUP BY _band;
