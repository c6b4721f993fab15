"""The latency table of MobileViT XXS and S on onnxruntime and LiteRT, at one and two threads.

    python benchmarks/v1_latency.py [OUT]

Latency does not depend on what weights were learnt, so these are drawn: 1,000 classes, 256x256.
Exports go to OUT (build/latency), with every sample in OUT/latency.json.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from rich.console import Console

from mobilevit.checkpoint import Checkpoint
from mobilevit.models import create_model
from mobilevit.preprocessing import Preprocessing
from mobilevit_benchmarks import Subject, benchmark, result_table
from mobilevit_benchmarks.cases import bundle_subjects
from mobilevit_export import export


def main(out: Path) -> None:
    subjects: list[Subject] = []
    for name in ("mobilevit_xxs", "mobilevit_s"):
        torch.manual_seed(0)
        checkpoint = Checkpoint(
            name=name,
            model=create_model(name).eval(),
            labels=[str(index) for index in range(1000)],
            preprocessing=Preprocessing(image_size=(256, 256)),
            sha256="0" * 64,  # of no file
        )
        export(checkpoint, out / name, formats=("onnx", "tflite"), images=4, overwrite=True)
        subjects += bundle_subjects(out / name)
    result = benchmark(subjects, threads=(1, 2))
    result.write(out / "latency.json")
    Console(width=120).print(result_table(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/latency"))
