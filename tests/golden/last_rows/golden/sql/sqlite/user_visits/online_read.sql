-- Online plan of feature view user_visits, project last_rows.
-- Version v1, fingerprint 3fd2aefe8dc48fad97ebd719a549e03a.
-- Parameters, instants in microseconds since 1970, UTC:
--   :key_user_id  the key user_id, BIGINT
--   :k            what was known by then counts: t, or of an event when it entered
--   :upto         and ends with this one
-- last_rows.user_visits, tables user_visits__d849b732
-- SQLite: the states at :t

-- members: rows of last_3_rows, folded in process
WITH seen AS NOT MATERIALIZED (
    SELECT * FROM user_visits__d849b732
    WHERE key_user_id = :key_user_id
      AND +_tau <= :k - 1
)
SELECT _tau, NULL, seconds FROM seen WHERE _tau <= :upto
ORDER BY _tau DESC, seconds DESC
LIMIT 3;
