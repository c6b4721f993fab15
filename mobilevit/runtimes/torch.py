"""A checkpoint run by torch on the CPU: the reference everything is held against."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ..bundle import INPUT, OUTPUT
from ..checkpoint import Checkpoint, load_checkpoint
from ..graph import ClassifierGraph
from .base import Arrays, TensorSpec


class TorchSession:
    """image: float32 (B, 3, H, W), RGB, 0..255 -> probabilities: float32 (B, classes)"""

    def __init__(
        self, checkpoint: Checkpoint, threads: int = 1, device: torch.device | str = "cpu"
    ) -> None:
        graph = ClassifierGraph(checkpoint.model, checkpoint.preprocessing)
        self._graph = graph.eval().to(device)
        self._device = torch.device(device)
        where = "the CPU" if self._device.type == "cpu" else str(self._device)
        self.delegate = f"torch on {where}"
        self._threads = threads
        shape = (-1, 3, *checkpoint.preprocessing.image_size)
        classes = len(checkpoint.labels)
        self.inputs: tuple[TensorSpec, ...] = (TensorSpec(INPUT, shape, "float32"),)
        self.outputs: tuple[TensorSpec, ...] = (TensorSpec(OUTPUT, (-1, classes), "float32"),)

    @torch.inference_mode()
    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        torch.set_num_threads(self._threads)
        pixels = torch.from_numpy(feeds[INPUT]).to(self._device)
        return {OUTPUT: self._graph(pixels).cpu().numpy()}


def load(artifact: Path, *, threads: int = 1) -> TorchSession:
    """Open a checkpoint that names its own architecture. A side of -1 in a shape is dynamic.

    Threads are a setting of the whole process in torch; each run sets its own.
    """
    return TorchSession(load_checkpoint(artifact), threads)


def version() -> str:
    return str(torch.__version__)
