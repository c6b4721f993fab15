"""Puts screens that the tests drew side by side into one picture, for the documentation.

python ci/contact_sheet.py build/screens ../docs/images/android.png "live*" "photo *"
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

GAP = 24
GROUND = (128, 132, 144)


def contact_sheet(pictures: list[Path], height: int) -> Image.Image:
    """The pictures in a row, all of the same height in pixels."""
    scaled: list[Image.Image] = []
    for path in pictures:
        with Image.open(path) as opened:
            width = round(opened.width * height / opened.height)
            scaled.append(opened.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    total = sum(picture.width for picture in scaled) + GAP * (len(scaled) + 1)
    sheet = Image.new("RGB", (total, height + 2 * GAP), GROUND)
    left = GAP
    for picture in scaled:
        sheet.paste(picture, (left, GAP))
        left += picture.width + GAP
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("screens", type=Path, help="folder that the tests drew into")
    parser.add_argument("out", type=Path, help="PNG to write")
    parser.add_argument("patterns", nargs="+", help="of names without .png, in order")
    parser.add_argument("--height", type=int, default=640, help="pixels of each (%(default)s)")
    arguments = parser.parse_args()
    pictures: list[Path] = []
    for pattern in arguments.patterns:
        found = sorted(arguments.screens.glob(f"{pattern}.png"))
        if not found:
            parser.error(f"no picture in `{arguments.screens}` is called `{pattern}`")
        pictures += found
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet(pictures, arguments.height)
    sheet.quantize(256).save(arguments.out, optimize=True)  # a third of the bytes


if __name__ == "__main__":
    main()
