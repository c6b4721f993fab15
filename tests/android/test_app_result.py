"""What the Android app's benchmark screen shares, read by the host.

`make -C android_demo/ci test-app` writes the two files: the JSON that the screen shared, of a real
run on ONNX Runtime, and the figures that it showed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mobilevit.cli import app
from mobilevit_benchmarks.measurement import BenchmarkResult, Measurement
from mobilevit_benchmarks.statistics import disturbed_rounds, middle, summarize

_FOLDER = Path(__file__).parents[2] / "android_demo/build/benchmark"
_RESULT = _FOLDER / "app-result.json"

pytestmark = pytest.mark.skipif(
    not _RESULT.is_file(), reason="the app's tests write it: make -C android_demo/ci test-app"
)


@pytest.fixture
def result() -> BenchmarkResult:
    return BenchmarkResult.read(_RESULT)


@pytest.fixture
def measurement(result: BenchmarkResult) -> Measurement:
    (only,) = result.measurements
    return only


@pytest.fixture
def shown() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_FOLDER / "app-screen.json").read_text(encoding="utf-8"))
    return read


def test_the_result_is_of_a_whole_run_by_the_protocol(
    result: BenchmarkResult, measurement: Measurement
) -> None:
    assert result.stopped is None
    assert not result.not_timed
    assert len(measurement.launches) == result.protocol.launches
    assert [r.number for r in measurement.rounds] == list(range(result.protocol.rounds))
    assert len(result.sentinel) == result.protocol.rounds + result.protocol.launches
    assert {len(result.states), measurement.batch} == {2, 1}
    assert (measurement.runtime, measurement.artifact[-5:]) == ("onnxruntime", ".onnx")


def test_the_screen_shows_what_the_host_computes(
    result: BenchmarkResult, measurement: Measurement, shown: dict[str, Any]
) -> None:
    host = summarize(measurement.launches)
    figures = {
        "p50_ns": host.p50_ns,
        "p90_ns": host.p90_ns,
        "p99_ns": host.p99_ns,
        "mean_ns": host.mean_ns.estimate,
        "cv": host.cv,
        "mad_spread": host.mad_spread,
    }
    for name, value in figures.items():
        assert shown[name] == pytest.approx(value, rel=1e-9), name
    assert shown["load_ns"] == middle([x.load_ns for x in measurement.launches])
    assert shown["first_run_ns"] == measurement.launches[0].first_run_ns
    assert set(shown["disturbed"]) == disturbed_rounds(result, measurement)
    ms, _, unit = shown["p50"].partition(" ")
    decimals = len(ms.partition(".")[2])
    assert (ms, unit) == (f"{host.p50_ns / 1e6:.{decimals}f}", "ms")


def test_the_report_shows_it(
    result: BenchmarkResult, measurement: Measurement, tmp_path: Path
) -> None:
    page, samples = tmp_path / "report.html", tmp_path / "samples.csv"
    options = ["--html", str(page), "--csv", str(samples)]
    done = CliRunner().invoke(app, ["report", str(_RESULT), *options])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    assert measurement.artifact in html or measurement.name in html
    assert result.device.runner in html
    rows = samples.read_text(encoding="utf-8").splitlines()
    assert len(rows) > len(measurement.samples_ns)
