"""What is written differently of two definitions as JSON, key by key, whether or not it means something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from featc.versions.changes import Difference


def differs(old: dict[str, Any], new: dict[str, Any], inherited: Mapping[str, tuple[Any, Any]]) -> tuple[bool, bool]:
    """(whether what decides values is written differently, whether what people are told is)."""
    text = bool(list(written_otherwise(old, new, meta=False)))
    a, b = (dict(_flat(d, told=True)) for d in (old, new))
    for name, (was, now) in inherited.items():
        for side, theirs in ((a, was), (b, now)):
            _take_out(side, f"meta.{name}", theirs)
    return text, a != b


def written_otherwise(old: Mapping[str, Any], new: Mapping[str, Any], *, meta: bool) -> Iterator[Difference]:
    """What is written differently, key by key."""
    a, b = (dict(_flat(d, told=meta)) for d in (old, new))
    for name in dict.fromkeys((*b, *a)):
        if a.get(name) != b.get(name):
            yield Difference(name.removeprefix("meta."), _spoken(a.get(name)), _spoken(b.get(name)))


def _flat(data: Mapping[str, Any], *, told: bool, at: str = "", inside: bool = False) -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of all that is written, or with `told` of what people are told: what stands under any
    `meta`."""
    for key, value in data.items():
        name = f"{at}.{key}" if at else key
        listed = value if isinstance(value, list) else None
        if isinstance(value, Mapping) and not _is_constant(value):
            yield from _flat(value, told=told, at=name, inside=inside or key == "meta")
        elif listed and all(isinstance(v, Mapping) for v in listed):
            for number, item in enumerate(listed, 1):
                called = item.get("name") or item.get("output") or item.get("pattern") or number
                yield from _flat(item, told=told, at=f"{name} {called}", inside=inside)
        elif (inside or key == "meta") == told:
            yield name, value


def _is_constant(value: Mapping[str, Any]) -> bool:
    return set(value) == {"is", "quoted", "text"}


def _spoken(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return " ".join(value.split())
        case list():
            return ", ".join(map(_spoken, value))
        case dict():
            if _is_constant(value):
                return str(value["text"])
            return ", ".join(f"{k}: {_spoken(v)}" for k, v in value.items())
    return str(value)


def _take_out(told: dict[str, Any], name: str, inherited: Any) -> None:
    """Leaves out of what is told of a feature what its view says."""
    if isinstance(inherited, dict):
        for key, value in inherited.items():
            _take_out(told, f"{name}.{key}", value)
    elif isinstance(inherited, list) and isinstance(told.get(name), list):
        told[name] = [v for v in told[name] if v not in inherited] or None
    elif told.get(name) == inherited:
        told.pop(name, None)
    if told.get(name, 0) is None:
        del told[name]


_LISTS = {"picks": "features", "labels": "labels"}
"""What a service lists, by the key under which authors write it."""


def _bare(service: Mapping[str, Any], key: str) -> list[str]:
    """The entries of a list that say nothing but what they list, as `view` or `view.feature`."""
    return [item["pattern"] for item in service.get(key, ()) if set(item) == {"pattern"}]


def _entries(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """The bare entries that went and came; where none did, all of them, if in another order."""
    for key, called in _LISTS.items():
        a, b = _bare(old, key), _bare(new, key)
        went, came = [p for p in a if p not in b], [p for p in b if p not in a]
        if a != b:
            yield Difference(called, *(", ".join(n) for n in ((went, came) if went or came else (a, b))))


def _unlisted(service: Mapping[str, Any]) -> dict[str, Any]:
    """What a service says beside its bare entries."""
    rest = {called: [i for i in service.get(key, ()) if set(i) != {"pattern"}] for key, called in _LISTS.items()}
    return {k: v for k, v in service.items() if k not in _LISTS} | rest


def said_of_service(old: Mapping[str, Any], new: Mapping[str, Any], *, meta: bool) -> Iterator[Difference]:
    """`written_otherwise` of services: what they list as authors write it, then the rest."""
    yield from _entries(old, new)
    yield from written_otherwise(_unlisted(old), _unlisted(new), meta=meta)
