"""What of Core ML on a Mac can be shown elsewhere: coremltools' own classes, as they are."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from pathlib import Path

import pytest

from mobilevit.errors import InputError
from mobilevit.runtimes import RUNTIMES
from mobilevit_benchmarks.devices import open_device
from mobilevit_benchmarks.devices.coreml import compute_plan
from mobilevit_benchmarks.measurement import ComputePlan, PlacedOperation


def operation(
    preferred: str | None, cost: float | None, kind: str = "ios17.conv"
) -> PlacedOperation:
    supported = () if preferred is None else ("CPU", preferred)
    return PlacedOperation(
        type=kind, output="y", preferred=preferred, supported=supported, cost=cost
    )


def plan(*operations: PlacedOperation) -> ComputePlan:
    return ComputePlan(
        artifact="m.mlpackage", artifact_sha256="0" * 64, units="all", operations=operations
    )


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has it")
def test_off_a_mac() -> None:
    with pytest.raises(InputError, match=r"^device `coreml` runs on a Mac only"):
        open_device("coreml")


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has it")
def test_no_plan_off_a_mac(tmp_path: Path) -> None:
    package = tmp_path / "m.mlpackage"
    package.mkdir()
    (package / "Manifest.json").write_text("{}")
    with pytest.raises(InputError, match="can be asked on a Mac only"):
        compute_plan(package, "all")


def test_shares_of_the_estimated_cost() -> None:
    constant = operation(None, None, kind="const")
    told = plan(
        constant,
        operation("CPU", 0.1),
        operation("NeuralEngine", 0.2),
        operation("NeuralEngine", 0.1),
    )
    assert list(told.shares.items()) == [
        ("NeuralEngine", pytest.approx(0.75)),
        ("CPU", pytest.approx(0.25)),
    ]
    assert told.summary == "NeuralEngine 75 %, CPU 25 % of the cost, estimated by Core ML"


def test_no_cost_is_no_share() -> None:
    told = plan(operation("CPU", None))
    assert told.shares == {}
    assert told.summary == "no cost is estimated by Core ML"


def test_a_plan_in_a_file_says_that_it_is_an_estimate() -> None:
    told = plan(operation("CPU", 0.5))
    assert '"source":"estimated by Core ML"' in told.model_dump_json()
    assert ComputePlan.model_validate_json(told.model_dump_json()) == told


def test_coremltools_has_what_is_asked_of_it() -> None:
    """Names, fields and parameters of the classes that only a Mac fills."""
    pytest.importorskip("coremltools")
    import coremltools as ct
    from coremltools.models import compute_device, compute_plan

    from mobilevit.runtimes.coreml import UNITS

    assert UNITS.keys() == set(RUNTIMES["coreml"].delegates)
    assert all(hasattr(ct.ComputeUnit, unit) for unit in UNITS.values())

    load = inspect.signature(compute_plan.MLComputePlan.load_from_path)
    assert list(load.parameters) == ["path", "compute_units"]
    for asked in (
        "get_compute_device_usage_for_mlprogram_operation",
        "get_estimated_cost_for_mlprogram_operation",
    ):
        assert list(inspect.signature(getattr(compute_plan.MLComputePlan, asked)).parameters) == [
            "self",
            "operation",
        ]
    fields = {
        compute_plan.MLComputePlanDeviceUsage: {
            "preferred_compute_device",
            "supported_compute_devices",
        },
        compute_plan.MLComputePlanCost: {"weight"},
        compute_plan.MLModelStructure: {"program"},
        compute_plan.MLModelStructureProgram: {"functions"},
        compute_plan.MLModelStructureProgramFunction: {"block"},
        compute_plan.MLModelStructureProgramBlock: {"operations"},
        compute_plan.MLModelStructureProgramOperation: {"operator_name", "outputs"},
        compute_plan.MLModelStructureProgramNamedValueType: {"name"},
    }
    for record, names in fields.items():
        assert names <= {field.name for field in dataclasses.fields(record)}
    for device in ("CPU", "GPU", "NeuralEngine"):
        assert hasattr(compute_device, f"ML{device}ComputeDevice")
