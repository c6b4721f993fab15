"""What the iOS app's benchmark screen shares, read by the host.

`make -C ios_demo/ci test` writes the two files: the JSON that the screen shared, of a real run of
two artifacts on ONNX Runtime, and the figures that it showed.
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

_FOLDER = Path(__file__).parents[2] / "ios_demo/build/out/app-result"
_RESULT = _FOLDER / "app-result.json"

pytestmark = pytest.mark.skipif(
    not _RESULT.is_file(), reason="the app's tests write it: make -C ios_demo/ci test"
)

Shown = list[dict[str, Any]]


@pytest.fixture
def result() -> BenchmarkResult:
    return BenchmarkResult.read(_RESULT)


@pytest.fixture
def shown() -> Shown:
    read: Shown = json.loads((_FOLDER / "app-screen.json").read_text(encoding="utf-8"))
    return read


def _pairs(result: BenchmarkResult, shown: Shown) -> list[tuple[Measurement, dict[str, Any]]]:
    return list(zip(result.measurements, shown, strict=True))


def test_the_result_is_of_a_whole_run_by_the_protocol(result: BenchmarkResult) -> None:
    assert result.stopped is None
    assert not result.not_timed
    launches, rounds = result.protocol.launches, result.protocol.rounds
    for measurement in result.measurements:
        assert len(measurement.launches) == launches
        assert [r.number for r in measurement.rounds] == list(range(rounds))
        assert (measurement.runtime, measurement.artifact[-5:]) == ("onnxruntime", ".onnx")
    # one before the rounds of a launch, and one after each
    assert len(result.sentinel) == launches + rounds * len(result.measurements)
    assert len(result.states) == 2


def test_the_cases_were_measured_in_turns(result: BenchmarkResult) -> None:
    first, second = result.measurements
    assert {first.name, second.name} == {"onnx fp32", "onnx fp16"}
    for one, other in zip(first.rounds, second.rounds, strict=True):
        following = [r.started_ns for m in result.measurements for r in m.rounds]
        between = sorted([one.started_ns, other.started_ns])
        assert not [t for t in following if between[0] < t < between[1]]


def test_the_screen_shows_what_the_host_computes(result: BenchmarkResult, shown: Shown) -> None:
    for measurement, screen in _pairs(result, shown):
        host = summarize(measurement.launches)
        figures = {
            "p50_ns": host.p50_ns,
            "p90_ns": host.p90_ns,
            "p99_ns": host.p99_ns,
            "mean_ns": host.mean_ns.estimate,
            "mean_low_ns": host.mean_ns.low,
            "mean_high_ns": host.mean_ns.high,
            "cv": host.cv,
            "mad_spread": host.mad_spread,
        }
        for name, value in figures.items():
            assert screen[name] == pytest.approx(value, rel=1e-9), name
        assert screen["load_ns"] == middle([x.load_ns for x in measurement.launches])
        assert screen["first_run_ns"] == measurement.launches[0].first_run_ns
        assert set(screen["disturbed"]) == disturbed_rounds(result, measurement)
        ms, _, unit = screen["p50"].partition(" ")
        decimals = len(ms.partition(".")[2])
        assert (ms, unit) == (f"{host.p50_ns / 1e6:.{decimals}f}", "ms")


def test_the_report_shows_it(result: BenchmarkResult, tmp_path: Path) -> None:
    page, samples = tmp_path / "report.html", tmp_path / "samples.csv"
    options = ["--html", str(page), "--csv", str(samples)]
    done = CliRunner().invoke(app, ["report", str(_RESULT), *options])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    assert all(m.artifact in html or m.name in html for m in result.measurements)
    assert result.device.runner in html
    rows = samples.read_text(encoding="utf-8").splitlines()
    assert len(rows) > sum(len(m.samples_ns) for m in result.measurements)
