"""Multiply-adds against latency, as pictures: a panel per runtime and number of threads.

    draw([Panel("onnxruntime, 1 thread", points)], Path("paper.png"))
    draw(published_panels(load_published()), Path("published.png"))

Both axes are logarithmic. A family has a colour and a marker of its own, so that neither is needed
to tell it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mobilevit.files import atomic_file

from .correlation import PAPER_EXAMPLE, Point, compare, rank_correlation
from .placement import Box, Placer, crowded_first

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure

    from .published import Published

# colours of Okabe and Ito, which people who see fewer can tell apart
STYLES = {
    "MobileViT": ("#d55e00", "o"),
    "MobileViTv2": ("#e69f00", "P"),
    "CNN": ("#0072b2", "s"),
    "reparameterised CNN": ("#56b4e9", "D"),
    "transformer": ("#333333", "^"),
    "hybrid": ("#009e73", "v"),
}

_FEWEST = 4  # models, for a correlation
_DPI = 130
_FONT = 7.5  # points, of labels
_GREY = "#777777"


@dataclass(frozen=True)
class Panel:
    """One device, runtime and number of threads.

    Args:
        title: where it was measured, or published.
        points: models of different names; the correlation in the title is over these.
        variants: of the same models, at other sizes or patches; small, and not in the correlation.
        lines: names of points and variants that are joined, in order.
    """

    title: str
    points: Sequence[Point]
    variants: Sequence[Point] = ()
    lines: Sequence[Sequence[str]] = ()


def draw(panels: Sequence[Panel], path: Path, *, heading: str = "") -> None:
    """Write a PNG.

    Raises:
        ValueError: no panel, a panel without points, or a family without a style.
        InputError: the file cannot be written.
    """
    picture = figure(panels, heading=heading)
    with atomic_file(path) as aside:
        picture.savefig(aside, format="png")


def figure(panels: Sequence[Panel], *, heading: str = "") -> Figure:
    """The picture itself, two panels a row.

    Raises:
        ValueError: as `draw`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not panels or not all(panel.points for panel in panels):
        raise ValueError("there is nothing to draw")
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    picture = Figure(figsize=(6.4 * columns, 4.8 * rows), dpi=_DPI, layout="constrained")
    places = list(picture.subplots(rows, columns, squeeze=False).flat)
    for axes, panel in zip(places, panels, strict=False):
        _draw_panel(axes, panel)
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    if heading:
        picture.suptitle(heading, x=0.01, ha="left", fontweight="bold")
    _draw_legend(picture, panels)
    canvas = FigureCanvasAgg(picture)
    canvas.draw()  # type: ignore[no-untyped-call] # places the axes: labels go by pixels
    picture.set_layout_engine("none")
    renderer: RendererBase = canvas.get_renderer()  # type: ignore[no-untyped-call]
    for axes, panel in zip(places, panels, strict=False):
        _label(axes, panel, renderer)
    return picture


def published_panels(published: Published) -> list[Panel]:
    """What others measured, named as such: iPhone 12, and Qualcomm's hosted phones."""
    first, second = "mobilevit", "mobilevitv2"
    paper = published.sources[first].reference
    ane = published.points(device="iPhone 12", unit="ANE", source=first)
    patches = [point for point in ane if point.name.endswith("8,4,2")]
    later = [
        *published.points(device="iPhone 12 Pro", source="fastvit"),
        *published.points(device="iPhone 12", source="repvit"),
    ]
    panels = [
        Panel(
            f"published: iPhone 12, CPU, Core ML\n{paper}",
            published.points(device="iPhone 12", unit="CPU", source=first),
        ),
        Panel(
            f"published: iPhone 12, Neural Engine, Core ML\n{paper}",
            [point for point in ane if point not in patches],
            variants=patches,
            lines=[("MobileViT-XS", "MobileViT-XS 8,4,2")],
        ),
        Panel(
            f"published: iPhone 12, unit not stated, Core ML\n"
            f"{published.sources[second].reference}; small: FastViT's and RepViT's README",
            published.points(device="iPhone 12", source=second),
            variants=later,
        ),
    ]
    hub = published.sources["qualcomm_aihub"].reference.split("@")
    for device, runtime in (
        ("Samsung Galaxy S25", "tflite"),
        ("Samsung Galaxy S25", "onnx"),
        ("Samsung Galaxy S24", "tflite"),
    ):
        points = published.points(device=device, runtime=runtime, source="qualcomm_aihub")
        where = f"{hub[0]}@{hub[1][:8]}, 224x224"
        panels.append(Panel(f"published: {device}, NPU, {runtime}\n{where}", points))
    return panels


def _draw_panel(axes: Axes, panel: Panel) -> None:
    everything = {point.name: point for point in (*panel.points, *panel.variants)}
    for names in panel.lines:
        joined = [everything[name] for name in names if name in everything]
        work, time = [p.multiply_adds for p in joined], [p.latency_ms for p in joined]
        axes.plot(work, time, color=_GREY, linewidth=0.8, zorder=1)
    for points, size in ((panel.points, 42), (panel.variants, 16)):
        for point in points:
            colour, marker = _style(point.family)
            axes.scatter(
                *(point.multiply_adds, point.latency_ms),
                c=colour,
                marker=marker,
                s=size,
                linewidths=0,
                zorder=3,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(0.14)
    axes.grid(which="major", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("multiply-adds of one image")
    axes.set_ylabel("latency, ms")
    axes.xaxis.set_major_formatter(lambda value, _: _giga(value))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: _giga(value) if _labelled(value) else "")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if _labelled(value) else "")
    axes.tick_params(which="both", labelsize=8)
    correlation = (
        str(rank_correlation(panel.points))
        if len(panel.points) >= _FEWEST
        else f"{len(panel.points)} models: no correlation"
    )
    axes.set_title(f"{panel.title}\n{correlation}", loc="left", fontsize=9)
    model, reference = PAPER_EXAMPLE[0]
    if model in everything and reference in everything:
        _mark_pair(axes, everything[reference], everything[model])


def _mark_pair(axes: Axes, start: Point, end: Point) -> None:
    """An arrow from one model to the other, and their ratios in the corner."""
    axes.annotate(
        "",
        xy=(end.multiply_adds, end.latency_ms),
        xytext=(start.multiply_adds, start.latency_ms),
        arrowprops={"arrowstyle": "->", "color": "#cc3377", "linewidth": 1.4},
        zorder=2,
    )
    axes.text(
        *(0.99, 0.02, str(compare(end, start)).replace(" and ", "\nand ")),
        transform=axes.transAxes,
        ha="right",
        fontsize=_FONT,
        color="#cc3377",
        gid="pair",
    )


def _draw_legend(picture: Figure, panels: Sequence[Panel]) -> None:
    from matplotlib.lines import Line2D

    used = {p.family for panel in panels for p in (*panel.points, *panel.variants)}
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=family)
        for family, (colour, marker) in STYLES.items()
        if family in used
    ]
    picture.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9
    )


def _style(family: str) -> tuple[str, str]:
    if family not in STYLES:
        raise ValueError(f"family `{family}` has no style; known: {', '.join(STYLES)}")
    return STYLES[family]


def _giga(value: float) -> str:
    return f"{value / 1e9:g} G"


def _labelled(value: float) -> bool:
    """2 and 5 of each decade alone."""
    return f"{value:e}"[0] in "25"


def _label(axes: Axes, panel: Panel, renderer: RendererBase) -> None:
    """Names beside the points, each where it covers nothing, joined to its point if it is far."""
    everything = [*panel.points, *panel.variants]
    at = axes.transData.transform([(p.multiply_adds, p.latency_ms) for p in everything])
    places = {p.name: (float(x), float(y)) for p, (x, y) in zip(everything, at, strict=True)}
    pixel = _DPI / 72  # of a printer's point
    placer = Placer(_box(axes, renderer), pixel)
    for x, y in places.values():
        placer.take(Box.around(x, y, 13 * pixel, 13 * pixel))
    for note in axes.texts:
        if note.get_text():
            placer.take(_box(note, renderer))
    for names in (*panel.lines, PAPER_EXAMPLE[0]):
        for start, end in pairwise(places[name] for name in names if name in places):
            placer.take_line(start, end)
    back = axes.transData.inverted()
    for name in crowded_first(places):
        text = axes.text(0, 0, name, fontsize=_FONT, ha="center", va="center", gid="label")
        size = _box(text, renderer)
        label, leader = placer.place(places[name], size.right - size.left, size.top - size.bottom)
        text.set_position(tuple(back.transform(label.middle)))
        if leader is not None:
            ends = back.transform(leader)
            axes.plot(*zip(*ends, strict=True), color=_GREY, linewidth=0.5, zorder=2)


def _box(artist: Artist, renderer: RendererBase) -> Box:
    extent = artist.get_window_extent(renderer)
    return Box(extent.x0, extent.y0, extent.x1, extent.y1)
