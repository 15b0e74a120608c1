-- Online plan of feature view user_plan, project state.
-- Version v1, fingerprint 33870db0066b3ba6ddb83e526af6c5de.
-- Parameters, instants in microseconds since 1970, UTC:
--   :key_user_id  the key user_id, BIGINT
--   :t            the instant asked for
--   :k            what was known by then counts: t, or of an event when it entered
-- state.user_plan, tables user_plan__769e0e38
-- SQLite: the states at :t

-- lookup: the state row that holds
SELECT _holds, _tau, NULL, state_plan
FROM user_plan__769e0e38
WHERE key_user_id = :key_user_id
  AND _tau <= :t - 1
  AND _tau <= :k - 1 AND (_superseded IS NULL OR _superseded > :k - 1)
ORDER BY _tau DESC
LIMIT 1;
