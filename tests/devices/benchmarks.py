"""What the tests of a device measure there: a small model, for a short time or for as long as it
takes until something fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mobilevit.errors import ConversionError
from mobilevit_benchmarks import BenchmarkResult, ModelFacts, ProtocolSettings, Subject, benchmark
from mobilevit_benchmarks.devices import Device
from mobilevit_benchmarks.measurement import Measurement

SHORT = ProtocolSettings(
    rounds=2, launches=1, warmup_min_s=0.01, warmup_cap_s=1.0, round_min_runs=3, round_min_s=0.005
)
LONG = SHORT.model_copy(update={"rounds": 100_000})
ROUND_TO_FAIL_IN = "round 3 "


def tiny_subject(path: Path) -> Subject:
    """One convolution, in an ONNX file at `path`."""
    kernel = np.random.default_rng(0).standard_normal((8, 3, 3, 3), np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel"], ["features"])],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 8, 30, 30])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return Subject(path, "tiny", ModelFacts(name="convolution"))


def measured(device: Device, *subjects: Subject) -> BenchmarkResult:
    return benchmark(subjects, settings=SHORT, device=device, report=lambda _: None)


def assert_short(result: BenchmarkResult) -> Measurement:
    """The one measurement of a whole run by `SHORT`, with all that such a run tells."""
    [measurement] = result.measurements
    assert len(measurement.rounds) == SHORT.rounds
    assert all(len(r.samples_ns) >= SHORT.round_min_runs for r in measurement.rounds)
    [launch] = measurement.launches
    assert launch.peak_memory_bytes is not None and launch.memory_rise_bytes is not None
    assert launch.memory_rise_bytes < launch.peak_memory_bytes
    assert len(result.sentinel) == SHORT.rounds + 1
    assert len(result.states) == 2
    assert result.stopped is None
    return measurement


def cut_off(device: Device, subject: Subject, cut: Callable[[], object]) -> ConversionError:
    """The error of a run to which `cut` happens after its first rounds; these must be kept."""
    kept: list[BenchmarkResult] = []

    def report(line: str) -> None:
        if line.startswith(ROUND_TO_FAIL_IN):
            cut()

    with pytest.raises(ConversionError) as caught:
        benchmark([subject], settings=LONG, device=device, report=report, keep_partial=kept.append)
    [partial] = kept
    assert partial.stopped == caught.value.message
    assert "\n" not in partial.stopped
    [measurement] = partial.measurements
    assert len(measurement.rounds) >= 3
    return caught.value
