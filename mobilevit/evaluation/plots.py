"""Plots of an evaluation: what is taken for what, and how often a confidence is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..drawing import BLUE, DPI, GREY, RED, save_png, without_frame
from ..markdown import on_one_line
from .records import confusion_matrix, worst_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .records import Calibration, Result

_MATRIX = 30  # classes, up to which a matrix can be read
_FIGURES = 16  # classes, up to which it has figures in it
_PAIRS = 20  # confusions, and classes, that are listed in its place
_LABEL = 24  # characters of a label


def draw_confusions(result: Result, path: Path) -> None:
    """Write a PNG: the confusion matrix, or where that has too many classes to be read, the pairs
    that are confused most and the classes with the lowest recall.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    if len(result.classes) <= _MATRIX:
        side = 3.2 + 0.36 * len(result.classes)
        figure = Figure(figsize=(side + 0.6, side), dpi=DPI, layout="constrained")
        _draw_matrix(figure.subplots(), result)
    else:
        figure = Figure(figsize=(13, 6), dpi=DPI, layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_pairs(left, result)
        _draw_worst(right, result)
    save_png(figure, path)


def draw_reliability(calibration: Calibration, path: Path) -> None:
    """Write a PNG: accuracy by confidence, and how many images have it.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 6.2), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    used = [b for b in calibration.bins if b.images]
    low, high = [b.low for b in used], [b.high for b in used]
    style = {"width": [b.high - b.low for b in used], "align": "edge", "edgecolor": "white"}
    accuracies = [b.accuracy or 0.0 for b in used]
    confidences = [b.confidence or 0.0 for b in used]
    upper.bar(low, accuracies, color=BLUE, label="accuracy", **style)
    upper.hlines(confidences, low, high, color=RED, linewidth=2.5, label="mean confidence")
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of images")
    upper.set_title(f"ECE {calibration.expected_error:.2%}", loc="left", fontsize=10)
    upper.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    lower.bar(low, [b.images for b in used], color=GREY, **style)
    lower.set(xlabel="confidence", ylabel="images")
    for axes in (upper, lower):
        without_frame(axes)
    save_png(figure, path)


def _draw_matrix(axes: Axes, result: Result) -> None:
    """Rows are classes, columns the labels given; shares of the row."""
    size = len(result.classes)
    counts = confusion_matrix(result)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    labels = [_short(figures.label) for figures in result.classes]
    # a dollar sign in a label is one
    axes.set_xticks(range(size), labels, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(range(size), labels, fontsize=8, parse_math=False)
    axes.set(xlabel="label given", ylabel="class")
    if size <= _FIGURES:
        for row, column in np.argwhere(counts).tolist():
            axes.text(
                *(column, row, f"{counts[row, column]}"),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if shares[row, column] > 0.5 else "black",
            )
    axes.figure.colorbar(drawn, ax=axes, label="share of the class", shrink=0.7)


def _draw_pairs(axes: Axes, result: Result) -> None:
    from matplotlib.ticker import MaxNLocator

    pairs = result.confusions[:_PAIRS]
    names = [
        f"{_short(result.classes[c.label].label)} → {_short(result.classes[c.given].label)}"
        for c in pairs
    ]
    _draw_bars(axes, names, [c.images for c in pairs], [f"{c.images}" for c in pairs], RED)
    axes.set_xlabel("images of the one given the label of the other")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"the {len(pairs)} most confused pairs", loc="left", fontsize=10)


def _draw_worst(axes: Axes, result: Result) -> None:
    worst = worst_classes(result, _PAIRS)
    recalls = [figures.recall or 0.0 for figures in worst]
    notes = [f"{figures.recall:.0%} of {figures.images}" for figures in worst]
    _draw_bars(axes, [_short(figures.label) for figures in worst], recalls, notes, BLUE)
    axes.set_xlabel("recall")
    axes.set_xlim(0, 1)
    axes.set_title(
        f"the {len(worst)} classes with the lowest recall, of {len(result.classes)}",
        loc="left",
        fontsize=10,
    )


def _draw_bars(
    axes: Axes, names: list[str], values: list[int] | list[float], notes: list[str], colour: str
) -> None:
    """Across, the first on top."""
    places = range(len(names))
    bars = axes.barh(places, values, color=colour)
    axes.bar_label(bars, notes, padding=3, fontsize=8)
    axes.set_yticks(places, names, parse_math=False, fontsize=8)
    axes.invert_yaxis()
    without_frame(axes)


def _short(label: str) -> str:
    text = on_one_line(label)
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
