"""The catalogue of a project as a static site: pages as text, from the resolved project and what is known of its data.

Pure: no file is read but the templates beside it, and no clock. `living.py` says what the runtime may bring.
"""

from featc.site.folder import write_site
from featc.site.living import Fresh, Living, Proven, Served, Sketch
from featc.site.pages import Lineage, site_files

__all__ = ["Fresh", "Lineage", "Living", "Proven", "Served", "Sketch", "site_files", "write_site"]
