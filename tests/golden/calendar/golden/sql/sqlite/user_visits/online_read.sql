-- Online plan of feature view user_visits, project calendar.
-- Version v1, fingerprint 2bfdb98ee4c2ace9975659d7b69fb189.
-- Parameters, instants in microseconds since 1970, UTC:
--   :after_0 … 2  a band begins just after this τ
--   :upto_0 …     and ends with this one
--   :first_0 … 2  a band's first whole tile
--   :past_0 … 2   the tile after a band's last whole one
--   :key_user_id  the key user_id, BIGINT
--   :k            what was known by then counts: t, or of an event when it entered
-- calendar.user_visits, tables user_visits__c1c2fadb
-- SQLite: the states at :t

-- bands: states per band
WITH
band (_band, _after, _upto, _first, _past) AS (VALUES (0, :after_0, :upto_0, :first_0, :past_0), (1, :after_1, :upto_1, :first_1, :past_1), (2, :after_2, :upto_2, :first_2, :past_2)),
tile AS (
    SELECT _band, _start, _settled_at, _rows, rows
    FROM band CROSS JOIN user_visits__c1c2fadb__tiles
    WHERE key_user_id = :key_user_id AND _start >= _first AND _start < _past
),
newest AS (
    SELECT tau - ((tau % 21600000000) + 21600000000) % 21600000000 AS start FROM (SELECT max(_tau) AS tau FROM user_visits__c1c2fadb WHERE key_user_id = :key_user_id)
),
stretch (_band, _after, _upto) AS (
    SELECT _band, _after, _first - 1 FROM band
    UNION ALL SELECT _band, _past - 1, _upto FROM band
    UNION ALL SELECT _band, _start - 1, _start + 21599999999 FROM tile WHERE _settled_at > :k - 1
    UNION ALL SELECT _band, start - 1, start + 21599999999 FROM newest JOIN band ON start >= _first AND start < _past
),
seen AS NOT MATERIALIZED (
    SELECT _band
    FROM stretch CROSS JOIN user_visits__c1c2fadb
    WHERE key_user_id = :key_user_id AND _tau + 60000000 <= :k - 1
      AND _tau > _after AND _tau <= _upto
)
SELECT _band, count(*), count(*)
FROM seen
GROUP BY _band
UNION ALL
SELECT _band, sum(_rows), sum(rows)
FROM tile
WHERE _settled_at <= :k - 1
GROUP BY _band;

-- members: rows of since_product, folded in process
WITH seen AS NOT MATERIALIZED (
    SELECT * FROM user_visits__c1c2fadb
    WHERE key_user_id = :key_user_id
      AND _tau + 60000000 <= :k - 1
)
SELECT _tau, NULL, is_page_product FROM seen WHERE _tau <= :upto
ORDER BY _tau DESC, is_page_product DESC;
