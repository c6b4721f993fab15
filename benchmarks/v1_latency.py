"""The latency table of MobileViT XXS and S on onnxruntime and LiteRT, at one and two threads.

    python benchmarks/v1_latency.py [OUT]

Latency does not depend on what weights were learnt, so these are drawn: 1,000 classes, 256x256.
Exports go to OUT (build/latency), with every sample in OUT/latency.json and a picture of them in
OUT/latency.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from mobilevit.checkpoint import Checkpoint
from mobilevit.models import create_model
from mobilevit.preprocessing import Preprocessing
from mobilevit_benchmarks import BenchmarkResult, Subject, benchmark, result_table
from mobilevit_benchmarks.cases import bundle_subjects
from mobilevit_export import export


def draw(result: BenchmarkResult, path: Path) -> None:
    """Median latency as bars, the 10th and 90th percentile as whiskers; fp32 alone."""
    from matplotlib import pyplot as plt

    rows = [m for m in result.measurements if m.name.endswith("fp32")]
    names = list(dict.fromkeys((m.model.name, m.runtime) for m in rows))
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for offset, (count, colour) in enumerate(((1, "#1b5e7d"), (2, "#e09f3e"))):
        chosen = {(m.model.name, m.runtime): m for m in rows if m.threads == count}
        shares = [np.percentile(chosen[name].samples_ns, (10, 50, 90)) / 1e6 for name in names]
        low, middle, high = np.transpose(shares)
        places = np.arange(len(names)) + 0.38 * offset
        whiskers = [np.subtract(middle, low), np.subtract(high, middle)]
        bars = axes.barh(places, middle, 0.36, xerr=whiskers, color=colour, capsize=3)
        axes.bar_label(bars, [f"{value:.1f} ms" for value in middle], padding=14, fontsize=8)
        bars.set_label(f"{count} thread{'s' if count > 1 else ''}")
    axes.set_yticks(
        np.arange(len(names)) + 0.19, [f"{model}\n{runtime}" for model, runtime in names]
    )
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("ms for one 256x256 image, fp32: median, whiskers from p10 to p90")
    host = result.device
    axes.set_title(f"{host.chip}, {host.cores} cores, {result.created:%Y-%m-%d}", loc="left")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(out: Path) -> None:
    subjects: list[Subject] = []
    for name in ("mobilevit_xxs", "mobilevit_s"):
        torch.manual_seed(0)
        checkpoint = Checkpoint(
            name=name,
            model=create_model(name).eval(),
            labels=[str(index) for index in range(1000)],
            preprocessing=Preprocessing(image_size=(256, 256)),
        )
        export(checkpoint, out / name, formats=("onnx", "tflite"), images=4, overwrite=True)
        subjects += bundle_subjects(out / name)
    result = benchmark(subjects, threads=(1, 2))
    result.write(out / "latency.json")
    draw(result, out / "latency.png")
    Console(width=120).print(result_table(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/latency"))
