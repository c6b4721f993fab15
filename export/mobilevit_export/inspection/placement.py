"""Where Core ML would run each operation, and what it thinks that costs: asked of Core ML itself.

Only a Mac can answer, with macOS 14.4 or later. None of this has ever run: it was written from
the documentation of coremltools 9.0, `coremltools.models.compute_plan`, on a machine that is none.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobilevit.errors import ConversionError, InputError, unknown_name
from mobilevit.runtimes import RUNTIMES


@dataclass(frozen=True)
class Placement:
    """One operation of an ML Program. `cost` is its share of the whole, 0..1."""

    operation: str
    output: str
    preferred: str | None  # CPU, GPU or NeuralEngine; None where Core ML does not say
    supported: tuple[str, ...]
    cost: float | None


def placements(artifact: Path, delegate: str = "all") -> list[Placement]:
    """Core ML's plan for an `.mlpackage` on this Mac.

    Args:
        delegate: the compute units that it may use: cpu, cpu+gpu, cpu+ne or all.

    Raises:
        InputError: this is not a Mac, or no such delegate.
        MissingDependencyError: coremltools is not installed.
        ConversionError: Core ML does not compile the file, or it holds no ML Program.
    """
    host: str = sys.platform  # a variable, as mypy takes no branch for another system
    if host != "darwin":
        raise InputError(
            f"where Core ML runs `{artifact}` can be asked on a Mac only",
            "run this on a Mac with macOS 14.4 or later",
        )
    if delegate not in RUNTIMES["coreml"].delegates:
        raise unknown_name("delegate of coreml", delegate, RUNTIMES["coreml"].delegates)
    RUNTIMES["coreml"].require()
    import coremltools as ct
    from coremltools.models.compute_plan import MLComputePlan

    from mobilevit.runtimes.coreml import UNITS

    with tempfile.TemporaryDirectory() as folder:
        try:
            compiled = ct.models.utils.compile_model(str(artifact), f"{folder}/model.mlmodelc")
            plan = MLComputePlan.load_from_path(compiled, getattr(ct.ComputeUnit, UNITS[delegate]))
        except (RuntimeError, ValueError) as error:
            raise ConversionError(f"Core ML cannot compile `{artifact}`: {error}") from error
        program = plan.model_structure.program
        if program is None:
            raise ConversionError(f"`{artifact}` holds no ML Program")
        return [_placement(plan, op) for op in program.functions["main"].block.operations]


def _placement(plan: Any, operation: Any) -> Placement:
    usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
    cost = plan.get_estimated_cost_for_mlprogram_operation(operation)
    return Placement(
        operation=operation.operator_name,
        output=operation.outputs[0].name if operation.outputs else "",
        preferred=_device(usage.preferred_compute_device) if usage else None,
        supported=tuple(_device(d) for d in usage.supported_compute_devices) if usage else (),
        cost=cost.weight if cost else None,
    )


def _device(device: Any) -> str:
    return type(device).__name__.removeprefix("ML").removesuffix("ComputeDevice")
