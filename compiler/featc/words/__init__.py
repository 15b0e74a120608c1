"""What features mean, in words: `count of paid orders in the 7 days before the request`.

A pure function of the resolved project. A phrase is true before it is short: what has no certain words is quoted as
SQL. Whom a value is about (the entity) is not said: that is the view's.
"""

from featc.words.meanings import Meanings

__all__ = ["Meanings"]
