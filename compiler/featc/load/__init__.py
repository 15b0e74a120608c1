"""Load: a project's files → `Definitions`, every scalar with its place. Reads files only; opens no
connection.
"""

from featc.load.codes import CODES
from featc.load.loader import find_project, load_project, read_project
from featc.load.model import Definitions, location_of
from featc.secrets import mask

__all__ = [
    "CODES",
    "Definitions",
    "find_project",
    "load_project",
    "location_of",
    "mask",
    "read_project",
]
