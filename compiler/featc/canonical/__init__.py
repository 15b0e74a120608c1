"""The canonical form of row expressions: equal for texts that are the same by laws that hold in every type.

Fingerprints are made of it (architecture.md, "Fingerprints"), so it depends on no library: `words` cuts the text,
`grammar` makes a tree of it, `form` makes equal trees of equal meanings, `raising` says what must not be moved.
"""

from featc.canonical.form import Leaf as Leaf
from featc.canonical.form import canonical as canonical
from featc.canonical.form import canonical_text as canonical_text
