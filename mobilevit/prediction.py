"""Pixels through a session, the same way for labels, accuracy and parity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle import ArtifactRecord, TensorRecord
from .errors import ConversionError
from .runtimes import Session, TensorSpec

Pixels = NDArray[np.uint8]  # (images, H, W, 3), RGB
Probabilities = NDArray[np.float32]  # (images, classes)

_BATCH = 32  # images at once, where a session takes any number


def interface_faults(session: Session, record: ArtifactRecord) -> list[str]:
    """Where a session's input and output are not what the manifest tells; empty if they are."""
    faults = []
    ends: Sequence[tuple[str, tuple[TensorSpec, ...], TensorRecord]] = (
        ("input", session.inputs, record.input),
        ("output", session.outputs, record.output),
    )
    for end, found, told in ends:
        expected = TensorSpec(told.name, told.shape, told.dtype)
        if found != (expected,):
            faults.append(f"{end} is {', '.join(map(str, found))}, the manifest says {expected}")
    return faults


def feed(pixels: Pixels, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Pixels in the layout and dtype that an artifact's input takes.

    Args:
        pixels: uint8 (B, H, W, 3), RGB.
        shape: of the input: (B, H, W, 3) or (B, 3, H, W).
        dtype: of the input, one that holds 0..255.
    """
    if shape[-1] != 3:
        pixels = pixels.transpose(0, 3, 1, 2)  # [B, H, W, 3] -> [B, 3, H, W]
    return np.ascontiguousarray(pixels, dtype)


def predict(session: Session, pixels: Pixels) -> Probabilities:
    """Run every image: one at a time, or 32 where the session takes any number.

    Args:
        session: with one input and one output, as exported here.
        pixels: uint8 (images, H, W, 3), RGB.

    Raises:
        ConversionError: the output is not one row of probabilities an image.
    """
    [source], [target] = session.inputs, session.outputs
    size = _BATCH if source.shape[0] == -1 else 1
    batches = [pixels[i : i + size] for i in range(0, len(pixels), size)]
    rows = [
        session.run({source.name: feed(b, source.shape, source.dtype)})[target.name]
        for b in batches
    ]
    for row, batch in zip(rows, batches, strict=True):
        if row.ndim != 2 or len(row) != len(batch):
            raise ConversionError(
                f"output `{target.name}` is {row.shape}, expected ({len(batch)}, classes)"
            )
    return np.concatenate(rows).astype(np.float32)
