"""The report's pictures: SVG without ids, scripts or colours of its own; page.css has those.

Each function draws at a given width, so that the page can have a picture for a screen and one for
a phone, with text of the same size.
"""

from __future__ import annotations
