"""Result types of aggregates: from the arguments' types, or a TypeError with the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable

from featc.types import INTEGERS, family, is_number

Returns = Callable[[tuple[str, ...]], str]


def numbers(name: str, result: Callable[[str], str], places: int = 1) -> Returns:
    def returns(types: tuple[str, ...]) -> str:
        for type_ in types[:places]:
            if not is_number(type_):
                raise TypeError(f"{name} needs a number, and this is {type_}")
        return result(types[0])

    return returns


def double(name: str, places: int = 1) -> Returns:
    return numbers(name, lambda type_: "DOUBLE", places)


def each(name: str, result: Callable[[tuple[str, ...]], str], places: int = 1) -> Returns:
    """For values that come out as they are."""

    def returns(types: tuple[str, ...]) -> str:
        for type_ in types[:places]:
            if family(type_) == "other":
                raise TypeError(f"{name} cannot keep values of type {type_}")
        return result(types)

    return returns


def whole(name: str) -> Returns:
    def returns(types: tuple[str, ...]) -> str:
        if types[0] not in INTEGERS[:7]:
            raise TypeError(f"{name} needs an integer of at most 64 bits, and this is {types[0]}")
        return types[0]

    return returns


def truth(name: str, result: str = "BIGINT") -> Returns:
    def returns(types: tuple[str, ...]) -> str:
        if types[0] != "BOOLEAN":
            raise TypeError(f"{name} needs a BOOLEAN, and this is {types[0]}")
        return result

    return returns


def ordered(name: str, position: int = 0) -> Returns:
    """The first argument's type, where the one at `position` has an order."""

    def returns(types: tuple[str, ...]) -> str:
        if family(types[position]) == "other":
            raise TypeError(f"{name} cannot order values of type {types[position]}")
        return types[0]

    return returns
