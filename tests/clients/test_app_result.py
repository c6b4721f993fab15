"""What the apps' benchmark screens share, read by the host.

The apps' tests write two files each: the JSON that the screen shared, of a real run on ONNX
Runtime, and the figures that it showed, for each case.
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

_REPOSITORY = Path(__file__).parents[2]
# of each app: where its tests write, and what makes them
_WRITTEN = {
    "android": ("android_demo/build/benchmark", "make -C android_demo/ci test-app"),
    "ios": ("ios_demo/build/out/app-result", "make -C ios_demo/ci test"),
}

Screen = dict[str, Any]


@pytest.fixture(params=_WRITTEN)
def folder(request: pytest.FixtureRequest) -> Path:
    path, command = _WRITTEN[request.param]
    if not (_REPOSITORY / path / "app-result.json").is_file():
        pytest.skip(f"the app's tests write it: {command}")
    return _REPOSITORY / path


@pytest.fixture
def result(folder: Path) -> BenchmarkResult:
    return BenchmarkResult.read(folder / "app-result.json")


@pytest.fixture
def shown(result: BenchmarkResult, folder: Path) -> list[tuple[Measurement, Screen]]:
    """What was measured of each case, with what the screen showed of it."""
    read = json.loads((folder / "app-screen.json").read_text(encoding="utf-8"))
    screens = read if isinstance(read, list) else [read]  # Android's test has one case
    return list(zip(result.measurements, screens, strict=True))


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
    assert {m.batch for m in result.measurements} == {1}


def test_cases_are_measured_in_turns(result: BenchmarkResult) -> None:
    starts = [
        (round_.started_ns, round_.number)
        for measurement in result.measurements
        for round_ in measurement.rounds
    ]
    in_time = [number for _, number in sorted(starts)]
    assert in_time == sorted(in_time)


def test_the_screen_shows_what_the_host_computes(
    result: BenchmarkResult, shown: list[tuple[Measurement, Screen]]
) -> None:
    for measurement, screen in shown:
        host = summarize(measurement.launches)
        figures = {
            "p50_ns": host.p50_ns,
            "p90_ns": host.p90_ns,
            "p99_ns": host.p99_ns,
            "mean_ns": host.mean_ns.estimate,
            "cv": host.cv,
            "mad_spread": host.mad_spread,
        }
        if "mean_low_ns" in screen:  # Android leaves the interval to the host
            figures |= {"mean_low_ns": host.mean_ns.low, "mean_high_ns": host.mean_ns.high}
        for name, value in figures.items():
            assert screen[name] == pytest.approx(value, rel=1e-9), name
        assert screen["load_ns"] == middle([x.load_ns for x in measurement.launches])
        assert screen["first_run_ns"] == measurement.launches[0].first_run_ns
        assert set(screen["disturbed"]) == disturbed_rounds(result, measurement)
        ms, _, unit = screen["p50"].partition(" ")
        decimals = len(ms.partition(".")[2])
        assert (ms, unit) == (f"{host.p50_ns / 1e6:.{decimals}f}", "ms")


def test_the_report_shows_it(result: BenchmarkResult, folder: Path, tmp_path: Path) -> None:
    page, samples = tmp_path / "report.html", tmp_path / "samples.csv"
    options = ["--html", str(page), "--csv", str(samples)]
    done = CliRunner().invoke(app, ["report", str(folder / "app-result.json"), *options])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    assert all(m.artifact in html or m.name in html for m in result.measurements)
    assert result.device.runner in html
    rows = samples.read_text(encoding="utf-8").splitlines()
    assert len(rows) > sum(len(m.samples_ns) for m in result.measurements)
