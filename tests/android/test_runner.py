"""The app's benchmark entry point, on this machine's Java: what it makes of a plan, by the host's
schemas, and its result against the one that the host makes of the same records.

Over adb, as a phone would run it, it is in tests/devices.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mobilevit.cli import app
from mobilevit_benchmarks import BenchmarkResult, ModelFacts, ProtocolSettings
from mobilevit_benchmarks.cases import Case, bundle_subjects, unfold
from mobilevit_benchmarks.collect import collect
from mobilevit_benchmarks.plan import RECORDS_FILE, Plan
from mobilevit_benchmarks.plan_folder import write_plan
from mobilevit_benchmarks.records import DeviceRecord, Started, StateReading, parse_record
from tests.devices.kotlin_runner import JAR, JAVA, NOT_BUILT

pytestmark = pytest.mark.skipif(bool(NOT_BUILT), reason=str(NOT_BUILT))

ROUNDS, LAUNCHES = 3, 2
SHORT = ProtocolSettings(
    rounds=ROUNDS,
    launches=LAUNCHES,
    warmup_min_runs=2,
    warmup_min_s=0,
    warmup_cap_s=0.05,
    round_min_s=0,
    sentinel_min_s=0,
)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [JAVA / "bin" / "java", "-Xmx256m", "-jar", JAR, *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@dataclass(frozen=True)
class Run:
    """A plan that was run, of a bundle's cases, the last of which is refused."""

    bundle: Path
    folder: Path
    plan: Plan
    cases: dict[str, Case]
    printed: str
    records: list[DeviceRecord]

    @property
    def device(self) -> Started:
        [started] = (r for r in self.records if isinstance(r, Started))
        return started

    def collected(self, created: datetime) -> BenchmarkResult:
        """What Python makes of the records."""
        result = collect(
            self.records,
            plan=self.plan,
            cases=self.cases,
            sizes={c.id: (self.folder / c.artifact).stat().st_size for c in self.plan.cases},
            device=self.device.device,
            created=created,
        )
        assert result is not None
        return result


@pytest.fixture(scope="module")
def ran(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("plan")
    subjects = [s for s in bundle_subjects(exported) if s.artifact.suffix == ".onnx"]
    cases, _ = unfold(subjects, threads=(1, 2), offer={"onnxruntime": ("cpu",)})
    plan = write_plan(cases, SHORT, folder)
    damaged = bytearray((folder / plan.cases[-1].artifact).read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "damaged.onnx").write_bytes(damaged)
    refused = plan.cases[-1].model_copy(update={"artifact": "damaged.onnx"})
    plan = plan.model_copy(update={"cases": (*plan.cases[:-1], refused)})
    (folder / "plan.json").write_text(plan.model_dump_json(), encoding="utf-8")
    done = run(folder, folder)
    assert done.returncode == 0, done.stderr
    kept = (folder / RECORDS_FILE).read_text(encoding="utf-8")
    return Run(
        bundle=exported,
        folder=folder,
        plan=plan,
        cases={p.id: c for p, c in zip(plan.cases, cases, strict=True)},
        printed=done.stdout,
        records=[parse_record(line) for line in kept.splitlines()],
    )


@pytest.fixture(scope="module")
def told(ran: Run) -> BenchmarkResult:
    """What Kotlin makes of the records."""
    answer = run("--result", ran.bundle, ran.folder, ran.folder)
    (ran.folder / "result.json").write_text(answer.stdout, encoding="utf-8")
    return BenchmarkResult.read(ran.folder / "result.json")


def test_every_line_is_a_record(ran: Run) -> None:
    assert (ran.folder / RECORDS_FILE).read_text(encoding="utf-8") == ran.printed
    timed = len(ran.plan.cases) - 1
    assert Counter(r.record for r in ran.records) == {
        "started": 1,
        "state": 2,
        "opened": timed * LAUNCHES,
        "warmed_up": timed * LAUNCHES,
        "round": timed * ROUNDS,
        "sentinel": timed * ROUNDS + LAUNCHES,
        "closed": timed * LAUNCHES,
        "refused": 1,
        "ended": 1,
    }
    assert ran.device.run == ran.plan.run
    assert ran.records[-1].record == "ended"
    [state, _] = (r.state for r in ran.records if isinstance(r, StateReading))
    assert state.load_average is not None


def test_result_is_the_one_that_python_makes(ran: Run, told: BenchmarkResult) -> None:
    """But for what a bundle's manifest tells of a model, and the app's reader does not keep."""
    expected = ran.collected(told.created)
    measurements = tuple(
        m.model_copy(update={"model": ModelFacts(name=m.model.name, image_size=m.model.image_size)})
        for m in expected.measurements
    )
    assert told == expected.model_copy(update={"measurements": measurements})
    assert len(told.measurements) == len(ran.plan.cases) - 1
    assert told != expected.model_copy(update={"measurements": measurements[1:]})  # the control


def test_result_is_shown(told: BenchmarkResult, tmp_path: Path) -> None:
    told.write(tmp_path / "result.json")
    page = tmp_path / "report.md"
    shown = CliRunner().invoke(
        app, ["report", str(tmp_path / "result.json"), "--markdown", str(page)]
    )
    assert shown.exit_code == 0, shown.output
    text = page.read_text(encoding="utf-8")
    assert "onnx fp32" in text and "OpenJDK" in text


def test_runtimes_are_described() -> None:
    assert json.loads(run("--describe").stdout) == {"onnxruntime": ["cpu"]}


def test_what_cannot_be_run_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"schema_version": 2}', encoding="utf-8")
    for words in ((tmp_path / "none", tmp_path), (tmp_path, tmp_path)):
        done = run(*words)
        assert done.returncode == 1 and done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
    assert "schema version 2, and this release reads 1" in done.stderr
