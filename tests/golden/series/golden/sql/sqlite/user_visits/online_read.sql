-- Online plan of feature view user_visits, project series.
-- Version v1, fingerprint 37a7cc3445965c85a4857e8ca6652abc.
-- Parameters, instants in microseconds since 1970, UTC:
--   :key_user_id  the key user_id, BIGINT
--   :k            what was known by then counts: t, or of an event when it entered
--   :after        a band begins just after this τ
--   :upto         and ends with this one
-- series.user_visits, tables user_visits__383442ff
-- SQLite: the states at :t

-- members: rows of last_7d, folded in process
WITH seen AS NOT MATERIALIZED (
    SELECT * FROM user_visits__383442ff
    WHERE key_user_id = :key_user_id
      AND +_tau <= :k - 1
)
SELECT _tau, NULL, page FROM seen WHERE _tau > :after AND _tau <= :upto
ORDER BY _tau DESC, page DESC;

-- members: rows of last_7d, folded in process
WITH seen AS NOT MATERIALIZED (
    SELECT * FROM user_visits__383442ff
    WHERE key_user_id = :key_user_id
      AND +_tau <= :k - 1
)
SELECT _tau, NULL, seconds, visited_at FROM seen WHERE _tau > :after AND _tau <= :upto
ORDER BY _tau DESC, seconds DESC, visited_at DESC;

-- members: rows of last_7d, folded in process
WITH seen AS NOT MATERIALIZED (
    SELECT * FROM user_visits__383442ff
    WHERE key_user_id = :key_user_id
      AND +_tau <= :k - 1
)
SELECT _tau, NULL, seconds, page FROM seen WHERE _tau > :after AND _tau <= :upto
ORDER BY _tau DESC, seconds DESC, page DESC;
