"""Google's tool, read: lines as its versions print them."""

from __future__ import annotations

import pytest

from mobilevit.errors import ConversionError
from mobilevit_benchmarks.devices.benchmark_model import read_figures

LATE = """\
INFO: STARTING!
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: Initialized session in 7.25ms.
INFO: count=1 curr=3512391 p5=3512391 median=3512391 p95=3512391

INFO: count=50 first=2990275 curr=2913402 min=2727568 max=3189954 avg=2.95034e+06 std=109798 \
p5=2800000 median=2950000 p95=3100000

INFO: Inference timings in us: Init: 7250, First inference: 3512391, Warmup (avg): 3.51239e+06, \
Inference (avg): 2.95034e+06
"""
EARLY = """\
STARTING!
count=15 first=49060 curr=33682 min=32825 max=49060 avg=34825.1 std=3930

count=50 first=32891 curr=33978 min=32641 max=34005 avg=33209.4 std=450

Inference timings in us: Init: 855, First inference: 49060, Warmup (avg): 34825.1, \
Inference (avg): 33209.4
"""


def test_version_with_percentiles() -> None:
    figures = read_figures(LATE, "model.tflite", ("--num_threads=1",))
    assert (figures.init_us, figures.first_inference_us) == (7250, 3512391)
    assert (figures.warmup_mean_us, figures.mean_us) == (3512390, 2950340)
    assert (figures.runs, figures.min_us, figures.median_us) == (50, 2727568, 2950000)
    assert figures.delegate_ran == "Created TensorFlow Lite XNNPACK delegate for CPU"


def test_version_without() -> None:
    figures = read_figures(EARLY, "model.tflite", ())
    assert (figures.runs, figures.mean_us, figures.std_us) == (50, 33209.4, 450)
    assert figures.median_us is None and figures.delegate_ran is None


def test_delegate_that_was_asked_for_and_ran_nothing() -> None:
    applied = (
        "INFO: Though NNAPI delegate is explicitly applied, the model graph will not be executed"
    )
    figures = read_figures(f"{applied} by the delegate.\n{LATE}", "model.tflite", ())
    assert figures.delegate_ran is not None and "will not be executed" in figures.delegate_ran


def test_tool_that_fails_is_quoted() -> None:
    printed = (
        "INFO: STARTING!\nERROR: Node number 57 (BATCH_MATMUL) failed to prepare.\n"
        "ERROR: Failed to allocate tensors!\nERROR: Benchmarking failed.\n"
    )
    with pytest.raises(ConversionError, match=r"of `m.tflite`: Node number 57") as caught:
        read_figures(printed, "m.tflite", ())
    assert not caught.value.message.endswith(".")


@pytest.mark.parametrize("printed", ["", LATE.partition("INFO: Inference")[0]])
def test_tool_that_was_cut_off_has_no_figures(printed: str) -> None:
    with pytest.raises(ConversionError, match="measured nothing"):
        read_figures(printed, "model.tflite", ())
