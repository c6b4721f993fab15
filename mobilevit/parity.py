"""How far an artifact's probabilities are from the model's, and how far they may be."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10, nan

import numpy as np

from .bundle import ParityRecord, ToleranceRecord
from .prediction import Probabilities
from .runtimes import Runtime

# What each precision may cost. fp32 differs by the order of additions; fp16 carries 11 bits; of 8
# bits and less the label counts, and a probability near one half may move far.
TOLERANCES = {
    "fp32": ToleranceRecord(max_abs_difference=1e-4, top1_agreement=0.999, psnr_db=90),
    "fp16": ToleranceRecord(max_abs_difference=2e-2, top1_agreement=0.995, psnr_db=55),
    "int8": ToleranceRecord(max_abs_difference=0.3, top1_agreement=0.85, psnr_db=30),
    "int8-weights": ToleranceRecord(max_abs_difference=0.1, top1_agreement=0.97, psnr_db=40),
    "palette6": ToleranceRecord(max_abs_difference=0.3, top1_agreement=0.95, psnr_db=30),
    "palette4": ToleranceRecord(max_abs_difference=0.6, top1_agreement=0.85, psnr_db=22),
}


def measure(
    reference: Probabilities,
    given: Probabilities,
    *,
    names: Sequence[str],
    source: str,
    runtime: Runtime,
    tolerance: ToleranceRecord,
) -> ParityRecord:
    """The difference of two (images, classes) arrays of probabilities. NaN stays NaN, which no
    tolerance accepts."""
    difference = np.abs(given.astype(np.float64) - reference)
    per_image = difference.max(axis=1)
    squared = float(np.mean(difference**2))
    return ParityRecord(
        runtime=runtime.name,
        runtime_version=runtime.version(),
        images=len(reference),
        image_source=source,
        max_abs_difference=float(per_image.max()),
        top1_agreement=float((given.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        psnr_db=None if squared == 0 else -10 * log10(squared) if squared > 0 else nan,
        worst_image=names[int(per_image.argmax())],
        tolerance=tolerance,
    )
