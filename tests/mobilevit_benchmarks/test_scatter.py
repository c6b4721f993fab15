"""The picture: everything is on it, and no label covers another or a point."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobilevit_benchmarks.correlation import Point
from mobilevit_benchmarks.placement import Box, Placer, crowded_first
from mobilevit_benchmarks.published import load_published
from mobilevit_benchmarks.scatter import Panel, draw, figure, published_panels

pytest.importorskip("matplotlib", reason="needs the `report` extra")

MODELS = [
    Point("MobileViT-XXS", "MobileViT", 407_000_000, 12.9),
    Point("MobileViT-XS", "MobileViT", 1_026_000_000, 28.0),
    Point("MobileViT-S", "MobileViT", 2_001_000_000, 47.8),
    Point("MobileNetV2", "CNN", 301_000_000, 6.1),
    Point("DeiT-Ti", "transformer", 1_254_000_000, 21.0),
    Point("ViT-Ti", "transformer", 1_254_000_000, 21.1),
    Point("PiT-Ti", "transformer", 699_000_000, 14.0),
]
SIZES = [
    Point("MobileViT-XS 192 px", "MobileViT", 548_000_000, 15.0),
    Point("MobileViT-XS 320 px", "MobileViT", 1_706_000_000, 44.0),
]
PANEL = Panel(
    "a runtime, 1 thread",
    MODELS,
    variants=SIZES,
    lines=[("MobileViT-XS 192 px", "MobileViT-XS", "MobileViT-XS 320 px")],
)


@pytest.mark.parametrize("panels", [[PANEL, PANEL], published_panels(load_published())])
def test_labels_cover_neither_each_other_nor_points(panels: list[Panel]) -> None:
    picture = figure(panels)
    for axes, panel in zip(picture.axes, panels, strict=False):
        labels = [text for text in axes.texts if text.get_gid() == "label"]
        everything = [*panel.points, *panel.variants]
        assert sorted(t.get_text() for t in labels) == sorted(p.name for p in everything)
        boxes = [text.get_window_extent() for text in labels]
        notes = [t.get_window_extent() for t in axes.texts if t.get_gid() == "pair"]
        for one, other in combinations([*boxes, *notes], 2):
            width = min(one.x1, other.x1) - max(one.x0, other.x0)
            height = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert width <= 0.5 or height <= 0.5
        frame = axes.get_window_extent()
        for box in boxes:
            assert box.x0 >= frame.x0 - 1 and box.x1 <= frame.x1 + 1
            for point in everything:
                x, y = axes.transData.transform((point.multiply_adds, point.latency_ms))
                assert not (box.x0 < x < box.x1 and box.y0 < y < box.y1)


def test_the_title_has_the_correlation_of_models_alone_and_the_pair_is_marked() -> None:
    (axes,) = figure([PANEL]).axes
    title = axes.get_title(loc="left")
    assert title.startswith("a runtime, 1 thread\nρ = ")
    assert "n = 7" in title
    (pair,) = [text.get_text() for text in axes.texts if text.get_gid() == "pair"]
    assert "PiT-Ti has 0.56 times the multiply-adds of DeiT-Ti" in pair
    assert "0.67 times as long" in pair


def test_published_figures_are_called_published() -> None:
    panels = published_panels(load_published())
    assert len(panels) == 6
    for panel in panels:
        assert panel.title.startswith("published: ")
        assert "arXiv:" in panel.title or "@" in panel.title


def test_a_png_is_written(tmp_path: Path) -> None:
    draw([PANEL], tmp_path / "paper.png", heading="Here")
    with Image.open(tmp_path / "paper.png") as image:
        colours = len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0))
    assert colours > 50
    assert [path.name for path in tmp_path.iterdir()] == ["paper.png"]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        figure([])
    with pytest.raises(ValueError, match="family `quantum`"):
        figure([Panel("", [Point("q", "quantum", 1, 1.0)])])


def test_labels_of_one_place_are_placed_apart() -> None:
    placer = Placer(Box(0, 0, 1000, 1000), pixel=1)
    placer.take(Box.around(500, 500, 9, 9))
    placed = [placer.place((500, 500), 80, 12) for _ in range(8)]
    assert all(a.overlap(b) == 0 for (a, _), (b, _) in combinations(placed, 2))
    assert placed[0][1] is None  # beside its point
    assert placed[-1][1] is not None  # joined to it


def test_a_label_stays_in_the_frame() -> None:
    box, _ = Placer(Box(0, 0, 300, 300), pixel=1).place((295, 150), 80, 12)
    assert box.right <= 300


def test_the_crowded_ones_come_first() -> None:
    places = {"far": (900.0, 900.0), **{name: (i * 5.0, 0.0) for i, name in enumerate("abcd")}}
    assert crowded_first(places)[-1] == "far"
