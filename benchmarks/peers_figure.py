"""Figure of ours against timm's models through the default exporters.

    python -m mobilevit_benchmarks.peers build/peers --models xxs,xs,s --runtimes onnxruntime,litert
    python benchmarks/peers_figure.py build/peers/peers.json docs/images/peers.png

Medians in fp32 and in int8; of timm's two int8 files, the faster.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from mobilevit_benchmarks.peers.record import PeersRecord, Row

RUNTIMES = {"onnxruntime": "ONNX Runtime", "litert": "LiteRT"}
COLOURS = {
    ("timm", "fp32"): "#8d99a6",
    ("timm", "int8"): "#c9d0d6",
    ("ours", "fp32"): "#1b5e7d",
    ("ours", "int8"): "#e09f3e",
}


def fastest(rows: list[Row], maker: str, precision: str) -> Row | None:
    """Of one maker's files of that precision, however it was quantized."""
    # `int8-weights` computes in float
    of = [r for r in rows if r.maker == maker and r.precision.split()[0] == precision]
    return min(of, key=lambda row: row.p50_ns or float("inf"), default=None)


def draw(axes: Axes, rows: list[Row], models: list[str]) -> None:
    height = 0.8 / len(COLOURS)
    for place, ((maker, precision), colour) in enumerate(COLOURS.items()):
        for at, model in enumerate(models):
            row = fastest([r for r in rows if r.model == model], maker, precision)
            if row is None or row.p50_ns is None:
                continue
            label = f"{maker} {precision}" if at == 0 else None
            middle = at + (place - (len(COLOURS) - 1) / 2) * height
            bar = axes.barh(middle, row.p50_ns / 1e6, height * 0.92, color=colour, label=label)
            times = f", {row.speed.times:.2f}x" if row.speed else ""
            axes.bar_label(bar, [f"{row.p50_ns / 1e6:.1f} ms{times}"], padding=3, fontsize=8)
    axes.set_yticks(np.arange(len(models)), [m.removeprefix("mobilevit_").upper() for m in models])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.spines[["top", "right"]].set_visible(False)


def main(comparison: Path, figure_file: Path) -> None:
    record = PeersRecord.model_validate_json(comparison.read_text(encoding="utf-8"))
    models = list(dict.fromkeys(row.model for row in record.rows))
    figure, panels = plt.subplots(1, len(RUNTIMES), figsize=(10, 1.4 + 1.1 * len(models)))
    for axes, (runtime, title) in zip(panels, RUNTIMES.items(), strict=True):
        rows = [row for row in record.rows if row.runtime == runtime]
        draw(axes, rows, models)
        axes.set_title(f"{title} {rows[0].runtime_version}", loc="left", fontsize=10)
    height, width = record.image_size
    host = record.device
    machine = f"{host.chip or host.machine}, one thread, " if host else ""
    figure.supxlabel(
        f"ms for one {width}x{height} image (median), and times as fast as timm fp32; "
        f"{machine}{record.created[:10]}",
        fontsize=9,
    )
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="upper right",
        ncols=len(COLOURS),
        frameon=False,
        fontsize=9,
    )
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    figure.savefig(figure_file, dpi=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
