"""Draws the app's icon, the same as on Android: a viewfinder, and in it the patches that MobileViT
unfolds an image into.

    python ios_demo/ci/app_icon.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FILE = Path(__file__).parents[1] / "MobileViTDemo/Assets.xcassets/AppIcon.appiconset/AppIcon.png"
SIDE = 1024  # pixels
SCALE = 4 * SIDE / 72  # drawn four times as large, for smooth edges; Android's 72 dp that are seen
TOP, BOTTOM = (0x58, 0x68, 0xF2), (0x2A, 0x36, 0xB1)  # of the background


def _background() -> Image.Image:
    """From the upper left to the lower right."""
    ramp = np.linspace(0, 1, SIDE)
    part = (ramp[:, None] + ramp[None]) / 2  # [SIDE, SIDE]
    colours = np.array(TOP) + part[..., None] * (np.array(BOTTOM) - np.array(TOP))
    return Image.fromarray(np.round(colours).astype(np.uint8))


def _sign() -> Image.Image:
    """How white each pixel is, 0 to 255."""
    drawn = Image.new("L", (4 * SIDE, 4 * SIDE))
    draw = ImageDraw.Draw(drawn)

    def at(*points: float) -> list[float]:
        return [(value - 18) * SCALE for value in points]  # 18 dp around what is seen

    def rounded(low: float, high: float, radius: float, width: float) -> None:
        box, half = at(low, low, high, high), width / 2 * SCALE
        outer = [box[0] - half, box[1] - half, box[2] + half, box[3] + half]
        draw.rounded_rectangle(outer, radius * SCALE + half, outline=255, width=round(2 * half))

    rounded(33, 75, radius=5, width=3.6)
    for gap in (at(44, 0, 64, 108), at(0, 44, 108, 64)):
        draw.rectangle(gap, fill=0)  # leaves the four corners
    for x, y in ((44, 33), (64, 33), (44, 75), (64, 75), (33, 44), (33, 64), (75, 44), (75, 64)):
        draw.ellipse(at(x - 1.8, y - 1.8, x + 1.8, y + 1.8), fill=255)  # round ends
    for left, top, white in ((42, 42, 255), (56, 56, 255), (56, 42, 140), (42, 56, 140)):
        draw.rounded_rectangle(at(left, top, left + 10, top + 10), 1.5 * SCALE, fill=white)
    return drawn.resize((SIDE, SIDE), Image.Resampling.BOX)


def main() -> None:
    icon = _background()
    icon.paste((255, 255, 255), mask=_sign())
    FILE.parent.mkdir(parents=True, exist_ok=True)
    icon.save(FILE, optimize=True)


if __name__ == "__main__":
    main()
