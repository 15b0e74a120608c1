"""The codes of the parse phase and what each means, for `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F201": "The expression cannot be read: something is missing, or stands where it cannot stand. The caret "
    "stands at the first word that does not fit.",
    "F202": "A word that means nothing at its place. Often it would be read as a column alias, which an "
    "expression cannot have, or a quote or operator before it is missing.",
    "F203": "A number with letters or digits glued to it. Names do not start with a digit: quote such a "
    "column, "
    'as in "7d_orders".',
    "F204": "Only scalar expressions and aggregates are possible: no SELECT, subquery, alias, lambda, "
    "struct, parameter, or * outside count(*).",
    "F205": "OVER takes the name of a window, as in over last_7d. A window of another kind is named under "
    "windows: first.",
    "F206": "Frame clauses are not taken, since SQL's rows 10 preceding means eleven rows. Use the name of a "
    "window: last_7d, last_10_rows, lifetime, or one of your own under windows:.",
    "F207": "featc does not know the function. Use the one the hint names, or another that featc help functions "
    "lists.",
    "F208": "The function's value depends on the moment, the session, the machine or chance, so training and "
    "serving could not agree. Use as_of for the moment of asking.",
    "F209": "Times are naive UTC everywhere, so that nothing depends on a zone setting. "
    "in_zone(ts, 'Europe/Berlin') gives local time.",
    "F210": "Window functions such as row_number or lag do not exist here: an aggregate over a named window "
    "does what is needed, as in last(x) over lifetime.",
    "F211": "An aggregate of DuckDB that featc does not have. Use one of those that featc help functions lists.",
    "F212": "A form of an aggregate that featc does not take: ORDER BY or IGNORE NULLS inside it, DISTINCT "
    "other than in count, or a wrong number of arguments.",
    "F213": "An aggregate inside another one, or FILTER and OVER after something that is no aggregate. Put the "
    "inner one into a feature of its own, and the FILTER right behind the aggregate.",
    "F214": "The expression is empty. Write the expression, or delete the feature.",
    "F215": "A cast to a type that featc does not take. Cast to a type that columns have, such as bigint, double,"
    " decimal(12,2), text or timestamp.",
    "F216": "A literal that featc does not take. Strings stand in single quotes; chr(10) is a line feed.",
    "F217": "A built-in function of featc with a wrong number of arguments. The message says how many it takes.",
    "F218": "A parameter of an aggregate has to be a literal of its kind: last(x, 5), quantile_cont(x, 0.9), "
    "decay_sum(x, half_life => '6h').",
    "F219": "A comparison with NULL by = or <> is NULL for every row, which counts as false. Write is null or "
    "is not null.",
    "F225": "The expression is too long: operators and calls stand more than 200 deep in each other, a + b + c being "
    "two. let names are written out and count, too. Make features of its parts and combine those.",
}
