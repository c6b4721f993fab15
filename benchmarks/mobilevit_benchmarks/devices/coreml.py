"""This Mac's Core ML: a local device that offers nothing else, and Core ML's own plan.

None of this has ever run: it was written from the sources of coremltools 9.0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mobilevit.bundle import hash_artifact
from mobilevit.errors import InputError
from mobilevit.runtimes import RUNTIMES

from ..cases import Offer, Subject, subjects_by_hash
from ..measurement import BenchmarkResult, ComputePlan, PlacedOperation
from .local import LocalDevice


class CoreMLDevice(LocalDevice):
    """Raises:
    InputError: this is no Mac.
    MissingDependencyError: coremltools is not installed.
    """

    address = "coreml"

    def __init__(self) -> None:
        host: str = sys.platform  # a variable, as mypy takes no branch for another system
        if host != "darwin":
            raise InputError(
                "device `coreml` runs on a Mac only",
                "`ios` measures Core ML on an iPhone from here",
            )
        RUNTIMES["coreml"].require()
        super().__init__()
        self.runtimes: Offer | None = {"coreml": RUNTIMES["coreml"].delegates}


def with_compute_plans(
    result: BenchmarkResult, subjects: Sequence[Subject], *, report: Callable[[str], None] = print
) -> BenchmarkResult:
    """`result` with Core ML's plan for every ML Program in it, by the compute units it was given.

    Raises:
        ConversionError: as `compute_plan`.
    """
    by_hash = {sha256: x.artifact for sha256, x in subjects_by_hash(subjects).items()}
    plans: dict[tuple[str, str], ComputePlan] = {}
    for m in result.measurements:
        artifact, key = by_hash[m.artifact_sha256], (m.artifact_sha256, m.delegate)
        if artifact.suffix == ".mlpackage" and key not in plans:
            plans[key] = compute_plan(artifact, m.delegate)
            report(f"{m.artifact}, {m.delegate}: {plans[key].summary}")
    return result.model_copy(update={"compute_plans": tuple(plans.values())})


def compute_plan(artifact: Path, delegate: str) -> ComputePlan:
    """Where Core ML would run each operation of `artifact` on this Mac, by its own estimate.

    Args:
        delegate: the compute units it may use: cpu, cpu+gpu, cpu+ne or all.

    Raises:
        InputError: this is not a Mac, or the artifact cannot be read.
        MissingDependencyError: coremltools is not installed.
        ConversionError: Core ML does not compile the file, or it holds no ML Program.
    """
    from mobilevit_export.inspection.placement import placements

    sha256, _ = hash_artifact(artifact)
    return ComputePlan(
        artifact=artifact.name,
        artifact_sha256=sha256,
        units=delegate,
        operations=tuple(
            PlacedOperation(
                type=placed.operation,
                output=placed.output,
                preferred=placed.preferred,
                supported=placed.supported,
                cost=placed.cost,
            )
            for placed in placements(artifact, delegate)
        ),
    )
