"""How well counts of arm64 instructions repeat, and whether they show 1 % more of a real network.

    python benchmarks/instruction_counts.py [OUT]

MobileViT-XXS at 256x256, the same with one convolution more (1.1 % of its multiply-adds),
MobileNetV2 and DeiT-Ti at 224x224, on LiteRT and onnxruntime under QEMU, in five processes each.
Weights are drawn: 1,000 classes. Exports go to OUT (build/instruction_counts), with every count in
OUT/counts.json. It takes about half an hour.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from mobilevit.checkpoint import Checkpoint
from mobilevit.models import create_model
from mobilevit.preprocessing import Preprocessing
from mobilevit_benchmarks.devices.arm64_emulated import count_instructions
from mobilevit_export import export

RUNTIMES = {".onnx": "onnxruntime", ".tflite": "litert"}


def xxs_and_one_percent() -> nn.Module:
    """80 channels of 8x8 positions, 3x3: 3.7 million multiply-adds on top of 329."""
    model = create_model("mobilevit_xxs")
    stage5 = model.get_submodule("backbone.stage5")
    assert isinstance(stage5, nn.Sequential)
    stage5.append(nn.Conv2d(80, 80, 3, padding=1))
    return model


MODELS: dict[str, tuple[str, Callable[[], nn.Module], int]] = {
    "xxs": ("mobilevit_xxs", lambda: create_model("mobilevit_xxs"), 256),
    "xxs_and_one_percent": ("mobilevit_xxs", xxs_and_one_percent, 256),
    "mobilenetv2": (
        "timm:mobilenetv2_100",
        lambda: create_model("timm:mobilenetv2_100"),
        224,
    ),
    "deit_tiny": (
        "timm:deit_tiny_patch16_224",
        lambda: create_model("timm:deit_tiny_patch16_224"),
        224,
    ),
}


def main(out: Path) -> None:
    table = Table("model", "runtime", "instructions, M", "spread of 5 processes")
    counted = {}
    for label, (name, build, side) in MODELS.items():
        torch.manual_seed(0)
        checkpoint = Checkpoint(
            name=name,
            model=build().eval(),
            labels=[str(index) for index in range(1000)],
            preprocessing=Preprocessing(image_size=(side, side)),
        )
        folder = out / label
        export(
            checkpoint,
            folder,
            formats=("onnx", "tflite"),
            precisions=("fp32",),
            images=4,
            overwrite=True,
        )
        for suffix, runtime in RUNTIMES.items():
            counts = count_instructions(next(folder.glob(f"*{suffix}")), runtime=runtime)
            counted[f"{label} {runtime}"] = asdict(counts)
            (out / "counts.json").write_text(json.dumps(counted, indent=2))
            middle = median(counts.per_process)
            spread = (max(counts.per_process) - min(counts.per_process)) / middle
            table.add_row(label, runtime, f"{middle / 1e6:.3f}", f"{spread:.1e}")
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/instruction_counts"))
