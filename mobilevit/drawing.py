"""How the plots of training and evaluation look, and how they are written."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from .files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 110
# of Okabe and Ito, which people who see fewer colours can tell apart
BLUE, RED, GREEN = "#0072b2", "#d55e00", "#009e73"
GREY = "#999999"


def without_frame(axes: Axes) -> None:
    """Leave the two axes of the frame that carry figures."""
    axes.spines[["top", "right"]].set_visible(False)


def save_png(figure: Figure, path: Path) -> None:
    """Signs that the font does not have are drawn as boxes, and nobody is told.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_file(path) as aside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(aside, format="png")
