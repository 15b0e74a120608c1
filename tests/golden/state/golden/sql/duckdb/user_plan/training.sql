-- Training query of feature view user_plan, project state.
-- Version v1, fingerprint c83d868455179eba30b257741e783c0c.
--
-- Needs a relation `spine`, one row per wanted answer, with the columns
--   user_id  BIGINT     key
--   as_of    TIMESTAMP  the instant each row is observed at, naive UTC
-- and gives its rows in their order, with the features. In DuckDB's client, in the project's folder:
--   SET TimeZone = 'UTC';
--   CREATE VIEW spine AS FROM 'spine.parquet';
--   .read target/sql/duckdb/user_plan/training.sql

WITH
-- the rows to be answered, numbered to keep their order
spine_rows AS (
    SELECT row_number() OVER () AS _row, epoch_us(as_of) AS _as_of, *
    FROM spine
),

-- plans: states with their instants in microseconds: τ (_time) and α (_arrival)
plans_source AS (
    SELECT
        user_id,
        plan,
        closed,
        changed_at,
        epoch_us(changed_at) AS _time,
        _time AS _arrival,
        coalesce(closed, false) AS _deleted
    FROM (
        SELECT
            coalesce(try_cast(regexp_extract(user_id, '^\s*[-+]?\d+([.]0*)?\s*$') AS BIGINT), error('F422: plans.user_id is BIGINT, and cannot hold ' || user_id)) AS user_id,
            plan,
            coalesce(try_cast(closed AS BOOLEAN), error('F422: plans.closed is BOOLEAN, and cannot hold ' || closed)) AS closed,
            nullif(nullif(coalesce(CASE WHEN regexp_matches(changed_at, ':.*[-+a-zA-Z]') THEN try_cast(changed_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' ELSE try_cast(changed_at AS TIMESTAMP) END, error('F422: plans.changed_at is TIMESTAMP, written as 2026-01-31 10:00:00, and cannot hold ' || changed_at)), 'infinity'), '-infinity') AS changed_at
        FROM read_csv('data/plans.csv', header = true, delim = ',', quote = '"', escape = '"', all_varchar = true)
    )
),

-- plans: which events came more than once
plans_versions_repeated AS (
    SELECT user_id AS _id_1, _time AS _id_2
    FROM plans_source
    WHERE user_id IS NOT NULL AND _time IS NOT NULL AND _arrival IS NOT NULL
    GROUP BY ALL
    HAVING count(*) > 1
),

-- plans: each version and the instant the next one supersedes it
plans_versions AS (
    SELECT
        r.*,
        lead(_arrival) OVER (PARTITION BY user_id, _time ORDER BY
            _arrival NULLS FIRST,
            _deleted NULLS FIRST,
            changed_at NULLS FIRST,
            closed NULLS FIRST,
            plan NULLS FIRST,
            user_id NULLS FIRST
        ) AS _superseded
    FROM plans_source r SEMI JOIN plans_versions_repeated m ON user_id = m._id_1 AND _time = m._id_2
    WHERE user_id IS NOT NULL AND _time IS NOT NULL AND _arrival IS NOT NULL
    UNION ALL
    SELECT r.*, NULL AS _superseded
    FROM plans_source r ANTI JOIN plans_versions_repeated m ON user_id = m._id_1 AND _time = m._id_2 AND user_id IS NOT NULL AND _time IS NOT NULL AND _arrival IS NOT NULL
),

-- user_plan: the states it looks up
user_plan_states AS (
    SELECT
        user_id,
        _time,
        row_number() OVER (PARTITION BY user_id ORDER BY _time NULLS FIRST, _arrival NULLS FIRST, _deleted NULLS FIRST, changed_at NULLS FIRST, closed NULLS FIRST, plan NULLS FIRST, user_id NULLS FIRST) AS _nth,
        coalesce(NOT _deleted, false) AS _holds,
        plan
    FROM plans_versions
    WHERE user_id IS NOT NULL
      AND _time IS NOT NULL
      AND _superseded IS NULL
      AND user_id IN (SELECT user_id FROM spine_rows)
      AND _time <= (SELECT max(_as_of) FROM spine_rows)
      AND _time >= (SELECT min(_as_of) FROM spine_rows) - 31536000000001
),

-- user_plan: the latest state before each spine row
user_plan_latest AS (
    SELECT s._row, s._as_of, r._state
    FROM spine_rows s
    ASOF LEFT JOIN (
        SELECT
            user_id,
            _time,
            struct_pack(_time := _time, _nth := _nth, _holds := _holds, plan := plan) AS _state
        FROM user_plan_states
        QUALIFY row_number() OVER (PARTITION BY user_id, _time ORDER BY _nth DESC) = 1
    ) r ON s.user_id = r.user_id AND r._time <= s._as_of - 1
),

-- user_plan: what holds at each spine row
user_plan_state AS (
    SELECT
        _row,
        CASE WHEN _state._holds AND _state._time > _as_of - 31536000000001 THEN _state.plan END AS plan
    FROM user_plan_latest
),

-- the features that come straight from aggregates and states
features AS (
    SELECT
        s.*,
        user_plan_state.plan AS "user_plan.plan",
        user_plan_state.plan = 'pro' AS "user_plan.is_pro"
    FROM spine_rows s
    LEFT JOIN user_plan_state USING (_row)
)

SELECT
    * EXCLUDE (_row, _as_of, "user_plan.plan", "user_plan.is_pro"),
    "user_plan.plan" AS plan,
    "user_plan.is_pro" AS is_pro
FROM features
ORDER BY _row;
