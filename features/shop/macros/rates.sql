{# The share of `whole` that is `part`; NULL where there is no whole. #}
{% macro rate(part, whole) %}{{ part }} / nullif({{ whole }}, 0){% endmacro %}
