"""What other systems have, as their own sources list it, and values that they document. For test_mappings.py."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# 4paradigm/OpenMLDB: docs/en/openmldb_sql/functions_and_operators/Files/udfs_8h.md at 8c7ff1e532ef (0.9.0), and what
# came after it: hybridse/src/udf/default_defs/{array,map,feature_signature,window_functions,feature_zero}_def*.cc
# and the header hybridse/src/udf/udf.h (locate, array_padding)
OPENMLDB_AGGREGATES = (
    "avg", "avg_where", "at", "count", "count_where", "distinct_count", "drawdown", "entropy", "ew_avg", "first_value",
    "lag", "last_value", "max", "max_where", "median", "min", "min_where", "nth_value_where", "std", "stddev",
    "stddev_pop", "stddev_samp", "sum", "sum_where", "top", "top1_ratio", "topn_frequency", "var_pop", "var_samp",
    "variance",
    *(f"{fn}_cate{suffix}" for fn in ("avg", "count", "max", "min", "sum") for suffix in ("", "_where")),
    *(f"top_n_{by}_{fn}_cate_where" for by in ("key", "value") for fn in ("avg", "count", "max", "min", "sum")),
    "top_n_key_ratio_cate", "top_n_value_ratio_cate",
    "join", "window_split", "window_split_by_key", "window_split_by_value",
    "fz_join", "fz_split", "fz_split_by_key", "fz_split_by_value", "fz_top1_ratio", "fz_topn_frequency",
    "fz_window_split", "fz_window_split_by_key", "fz_window_split_by_value",
)  # fmt: skip
OPENMLDB_SCALARS = (
    "abs", "acos", "add", "add_months", "array_combine", "array_contains", "array_join", "array_padding", "asin",
    "atan", "atan2", "bigint", "binary_label", "bool", "category", "ceil", "ceiling", "char", "char_length",
    "character_length", "concat", "concat_ws", "continuous", "cos", "cot", "csv", "date", "date_format", "datediff",
    "day", "dayofmonth", "dayofweek", "dayofyear", "degrees", "discrete", "double", "earth_distance", "exp",
    "farm_fingerprint", "float", "floor", "gcformat", "get_json_object", "hash64", "hex", "hour", "identity",
    "if_null", "ifnull", "ilike_match", "inc", "int", "int16", "int32", "int64", "is_null", "isin", "isnull",
    "json_array_length", "last_day", "lcase", "libsvm", "like_match", "list_except_by_key", "list_except_by_value",
    "ln", "locate", "log", "log10", "log2", "lower", "make_tuple", "map", "map_keys", "maximum", "minimum",
    "minute", "month", "multiclass_label", "numeric", "nvl", "nvl2", "pmod", "pow", "power", "radians",
    "regexp_like", "regression_label", "replace", "reverse", "round", "second", "sin", "size", "smallint", "split",
    "split_array", "split_by_key", "split_by_value", "sqrt", "strcmp", "string", "substr", "substring", "tan",
    "timestamp", "truncate", "ucase", "unhex", "unix_timestamp", "upper", "week", "weekofyear", "year",
)  # fmt: skip
# … operators.md at 3689e3e3c4ba, WINDOW_CLAUSE.md at 5ad5bd845187, JOIN_CLAUSE.md at 892ae8c4478e
OPENMLDB_FORMS = (
    "+", "-", "*", "/", "DIV", "%", "MOD", "&", "|", "^", "~", "||", "AND", "OR", "XOR", "NOT", "!", "=", "==", "<>",
    "!=", "<", "<=", ">", ">=", "BETWEEN", "IN", "LIKE", "ILIKE", "RLIKE", "CAST", "CASE",
    "ROWS_RANGE BETWEEN 7d PRECEDING AND CURRENT ROW", "ROWS BETWEEN 10 PRECEDING AND CURRENT ROW",
    "UNBOUNDED PRECEDING", "OPEN PRECEDING", "MAXSIZE", "EXCLUDE CURRENT_ROW", "EXCLUDE CURRENT_TIME",
    "INSTANCE_NOT_IN_WINDOW", "UNION", "PARTITION BY", "ORDER BY", "WINDOW w AS", "FOLLOWING",
    "LAST JOIN … ORDER BY", "LAST JOIN", "WHERE", "GROUP BY", "HAVING", "LIMIT", "WITH",
)  # fmt: skip

# airbnb/chronon: api/thrift/api.thrift at ac8f1693a133 (enum Operation), api/py/ai/chronon/group_by.py at 64dfd05fdf26
# (class Operation); BOUNDED_UNIQUE_COUNT as in aggregator/…/BoundedUniqueCountTest.scala
CHRONON_OPERATIONS = (
    "MIN", "MAX", "FIRST", "LAST", "UNIQUE_COUNT", "APPROX_UNIQUE_COUNT", "APPROX_UNIQUE_COUNT_LGK",
    "BOUNDED_UNIQUE_COUNT", "COUNT", "SUM", "AVERAGE", "VARIANCE", "SKEW", "KURTOSIS", "APPROX_PERCENTILE", "LAST_K",
    "FIRST_K", "TOP_K", "BOTTOM_K", "HISTOGRAM", "HISTOGRAM_K", "APPROX_HISTOGRAM_K",
)  # fmt: skip
# … and its structs' fields, join.py at 8dda08be37bc, query.py at 47c4306595a1, docs/source/authoring_features/*.md
CHRONON_FORMS = (
    "input_column", "buckets", "windows", "TimeUnit.HOURS", "TimeUnit.DAYS", "Accuracy.TEMPORAL", "Accuracy.SNAPSHOT",
    "EventSource", "EntitySource", "JoinSource", "ExternalSource", "ContextualSource", "StagingQuery",
    "table", "topic", "isCumulative", "snapshotTable", "mutationTable", "mutationTopic",
    "selects", "wheres", "time_column", "mutation_time_column", "reversal_column", "start_partition", "end_partition",
    "setups", "sources", "keys", "aggregations", "derivations", "online", "backfill_start_date", "tags",
    "deprecationDate", "left", "row_ids", "right_parts", "key_mapping", "prefix", "online_external_parts", "label_part",
    "left_start_offset", "left_end_offset", "bootstrap_parts", "bootstrap_from_log", "skew_keys", "ModelTransforms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What the peer's own pages give for rows: the page's call in featc gives it too."""

    call: str
    rows: Mapping[str, Sequence[Any]]
    value: Any


def among(call: str, value: Any, **columns: Sequence[Any]) -> Known:
    return Known(call, columns, value)


FIVE = (0, 1, 2, 3, 4)
XYXYX = ("x", "y", "x", "y", "x")
SOME = (True, False, False, True, True)
JUMPS = (1.0, 2.0, 2.0, 3.0, 9.0)
# udfs_8h.md's examples
OPENMLDB_KNOWN = (
    among("count(distinct x)", 3, x=(0, 0, 2, 2, 4)),
    among("median(x)", 2.5, x=(1, 2, 3, 4)),
    among("stddev_samp(x)", 1.290994, x=(1, 2, 3, 4)),
    among("stddev_pop(x)", 1.118034, x=(1, 2, 3, 4)),
    among("var_pop(x)", 6.0, x=(0, 3, 6)),
    among("var_samp(x)", 9.0, x=(0, 3, 6)),
    among("entropy(x)", 1.5, x=(1, 1, 2, 3)),
    among("arg_max(x, x, 3)", [4, 4, 3], x=(1, 2, 3, 4, 4)),
    among("1 - exp(-(drawdown(ln(x)) filter (where x > 0)))", 0.75, x=(1, 8, 5, 2, 10, 4)),
    among("avg(x) filter (where cond)", 3.5, x=FIVE, cond=(False, False, False, True, True)),
    among("avg_by(x, cat, max_keys => 50)", {"x": 2, "y": 2}, x=FIVE, cat=XYXYX),
    among("max_by(x, cat, max_keys => 50)", {"x": 4, "y": 3}, x=FIVE, cat=XYXYX),
    among("sum_by(x, cat, max_keys => 50)", {"x": 6, "y": 4}, x=FIVE, cat=XYXYX),
    among("avg_by(x, cat, max_keys => 50) filter (where cond)", {"x": 2, "y": 3}, x=FIVE, cat=XYXYX, cond=SOME),
    among(
        "count_by(cat, max_keys => 50) filter (where cond and x is not null)",
        {"x": 2, "y": 1}, x=FIVE, cat=XYXYX, cond=SOME,
    ),
    among(
        "avg_by(cond::int, cat, max_keys => 50) filter (where x is not null)", {"x": 1, "y": 0.5, "z": 1},
        x=(0, 2, 4, 1, 3, 5, 6), cat=tuple("xxxyyzz"), cond=(True, True, True, True, False, True, True),
    ),
    among("nth(x, 2) filter (where cond)", 4, x=(1, 2, 3, 4), cond=(True, False, None, True)),
    among("last(x)", 3, x=(2, 3)),
    among("case when n % nullif(m, 0) < 0 then (n % m + m) % m else n % nullif(m, 0) end", 2, n=(-10,), m=(3,)),
    among("case when n % nullif(m, 0) < 0 then (n % m + m) % m else n % nullif(m, 0) end", 1, n=(10,), m=(-3,)),
    among("case when n % nullif(m, 0) < 0 then (n % m + m) % m else n % nullif(m, 0) end", None, n=(-10,), m=(0,)),
    among("(d + to_months(n::int))::date", "2016-09-30", d=("2016-08-31",), n=(1,)),
    among("date_diff('day', d, ts::date)", 9, d=("2021-05-01",), ts=("2021-05-10",)),
    among("dayofweek(ts) + 1", 6, ts=("2020-05-22 02:43:40",)),
    among("dayofyear(ts)", 143, ts=("2020-05-22 02:43:40",)),
    among("week(ts)", 21, ts=("2020-05-22 02:43:40",)),
    among("hour(in_zone(ts, 'Asia/Shanghai'))", 10, ts=("2020-05-22 02:43:40",)),
    among("epoch(ts)::bigint", 1590115420, ts=("2020-05-22 02:43:40",)),
    among("last_day(ts)", "2020-02-29", ts=("2020-02-12 10:43:40",)),
    among("trunc(x)::int", 1, x=(1.9,)),
    among("substring(s, 3, 6)", "llo wo", s=("hello world",)),
    among("regexp_extract_all(s, '([^,:]+):', 1)", "k1|k2", s=("k1:1,k2:2",)),
    among("regexp_extract_all(s, ':([^,]*)', 1)", "1|2", s=("k1:1,k2:2",)),
    among("hex(s)", "537061726B2053514C", s=("Spark SQL",)),
    among("decode(try(unhex(s)))", "Spark SQL", s=("537061726B2053514C",)),
    among("try(json_extract_string(js, '/boo/0'))", "1", js=('{"boo": [1, 2]}',)),
    among("try(json_array_length(js))", None, js=("[1, 2",)),
    among("regexp_full_match(s, 'ap*end')", True, s=("append",)),
    among("haversine_km(x, y, 41.0, 74.0)", 139.7, x=(40,), y=(73,)),
    among("s like p escape '\\'", True, s=("Mi_e",), p=("Mi\\_e",)),
)  # fmt: skip

# SimpleAggregators.scala and TimedAggregators.scala, computed here by their formulas
CHRONON_KNOWN = (
    among("var_pop(x)", 8.24, x=JUMPS),
    among(
        "skewness(x) * (count(x) - 2) / sqrt(count(x) * (count(x) - 1))",
        math.sqrt(5) * sum((x - 3.4) ** 3 for x in JUMPS) / sum((x - 3.4) ** 2 for x in JUMPS) ** 1.5, x=JUMPS,
    ),
    among(
        "(kurtosis(x) * (count(x) - 2) * (count(x) - 3) / (count(x) - 1) - 6) / (count(x) + 1)",
        5 * sum((x - 3.4) ** 4 for x in JUMPS) / sum((x - 3.4) ** 2 for x in JUMPS) ** 2 - 3, x=JUMPS,
    ),
    among("list_reverse(last(x, 3))", [3, 2, 5], x=(1, 5, 2, 3)),
    among("first(x, 3)", [1, 5, 2], x=(1, 5, 2, 3)),
    among("arg_max(x, x, 3)", [5, 5, 3], x=(1, 5, 5, 3)),
    among("arg_min(x, x, 3)", [1, 3, 5], x=(1, 5, 5, 3)),
    among("least(count(distinct x), 2)", 2, x=(1, 5, 2)),
    among("nullif(count(x), 0)", None, x=(None, None)),
    among("count_by(s, max_keys => 2)", {"a": 2, "b": 1}, s=("a", "b", "a", None)),
    among("sum(list_sum(xs)) / sum(list_count(xs))", 3.0, xs=("[1, 2, 3]", "[3, 4]", "[5]")),
)  # fmt: skip
