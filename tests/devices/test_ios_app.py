"""The app's own benchmark entry point over `devicectl`: the Swift code that an iPhone runs, on ONNX
Runtime for Linux, started by a stand-in of `xcrun devicectl` on a folder as the app's container.

What the host does with a phone that fails is in `tests/mobilevit_benchmarks/test_ios.py`, where the
app's lines are written down.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from mobilevit.cli import app
from mobilevit.errors import ConversionError, InputError
from mobilevit_benchmarks import BenchmarkResult, ModelFacts, Subject, benchmark
from mobilevit_benchmarks.cases import unfold
from mobilevit_benchmarks.devices import ios
from mobilevit_benchmarks.devices.devicectl import Devicectl
from mobilevit_benchmarks.devices.ios import IosDevice
from mobilevit_benchmarks.devices.iphone import RUNS, Link
from mobilevit_benchmarks.plan import PLAN_FILE, RECORDS_FILE, Plan
from mobilevit_benchmarks.plan_folder import write_plan
from mobilevit_benchmarks.records import Ended, parse_record
from mobilevit_benchmarks.statistics import summarize
from tests.devices.benchmarks import LONG, SHORT, assert_short, cut_off, measured
from tests.devices.swift_runner import NOT_BUILT, command
from tests.mobilevit_benchmarks.apple_tools import UDID, Xcrun

pytestmark = [pytest.mark.devices, pytest.mark.skipif(bool(NOT_BUILT), reason=str(NOT_BUILT))]

ADDRESS = f"ios:{UDID}"


class LinuxPhone(IosDevice):
    """Of an iPhone the host asks Core ML alone; the app on Linux has ONNX Runtime in its place."""

    def __init__(self, address: str, link: Link) -> None:
        super().__init__(address, link)
        self.runtimes = {"onnxruntime": ("cpu",)}


@pytest.fixture
def xcrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Xcrun]:
    folder = tmp_path / "xcrun"
    folder.mkdir()
    made = Xcrun(folder)
    made.answer(app=command())
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yield made
    assert not runs_still(made)


def app_pid(xcrun: Xcrun) -> int:
    return int((xcrun.folder / "app.pid").read_text(encoding="utf-8"))


def runs_still(xcrun: Xcrun) -> bool:
    if not (xcrun.folder / "app.pid").exists():
        return False
    with suppress(ProcessLookupError):
        os.kill(app_pid(xcrun), 0)
        return True
    return False


def phone() -> IosDevice:
    return LinuxPhone(ADDRESS, Devicectl(UDID, patience_s=60.0))


def folders(xcrun: Xcrun) -> list[str]:
    return [path.name for path in (xcrun.container / RUNS).iterdir()]


def test_app_describes_itself(xcrun: Xcrun) -> None:
    with phone() as device:
        described, state = device.describe(), device.state()
    assert described.address == ADDRESS
    assert described.runner == "mobilevit-bench"
    assert described.cores == len(os.sched_getaffinity(0))
    assert described.memory_bytes is not None and not described.emulated
    assert state.load_average is not None
    assert folders(xcrun) == []  # it makes the folder of runs


def test_samples_come_back(xcrun: Xcrun, tiny: Subject) -> None:
    result = measured(phone(), tiny)
    measurement = assert_short(result)
    assert re.fullmatch(r"\d+\.\d+\.\d+", measurement.runtime_version)
    assert measurement.delegate_ran == "CPUExecutionProvider"
    assert folders(xcrun) == []


def test_feeds_of_the_plan_are_read(xcrun: Xcrun, tiny: Subject) -> None:
    image = np.zeros((1, 3, 32, 32), np.float32)
    result = measured(phone(), Subject(tiny.artifact, "fed", tiny.model, feeds={"image": image}))
    assert len(result.measurements) == 1
    wrong = Subject(tiny.artifact, "fed", tiny.model, feeds={"image": image[:, :1]})
    with pytest.raises(ConversionError) as caught:
        measured(phone(), wrong)
    assert caught.value.message == (
        "the model takes `image`, float32 (1, 3, 32, 32); given: `image`, float32 (1, 1, 32, 32)"
    )


def test_artifact_that_is_refused_does_not_stop_the_others(
    xcrun: Xcrun, tiny: Subject, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_bytes(tiny.artifact.read_bytes()[:-100])
    broken = Subject(tmp_path / "broken.onnx", "broken", ModelFacts(name="convolution"))
    result = measured(phone(), broken, tiny)
    assert [m.name for m in result.measurements] == ["tiny"]
    [refused] = result.not_timed
    assert refused.refused and refused.name == "broken" and "\n" not in refused.reason
    assert refused.reason.startswith("onnxruntime (cpu): ONNX Runtime ")


def test_batch_that_the_artifact_does_not_take(xcrun: Xcrun, tiny: Subject) -> None:
    result = benchmark(
        [tiny], batches=(1, 4), settings=SHORT, device=phone(), report=lambda _: None
    )
    assert [m.batch for m in result.measurements] == [1]
    [refused] = result.not_timed
    assert refused.reason == (
        "onnxruntime (cpu): the batch of input `image`, float32 (1, 3, 32, 32) is fixed, and not 4"
    )


def meddling(xcrun: Xcrun, meddle: Callable[[Path], object]) -> IosDevice:
    """A phone on which something happens to the folder of the run once it lies there."""

    class Meddling(LinuxPhone):
        def push(self, folder: Path) -> None:
            super().push(folder)
            [run] = folders(xcrun)
            meddle(xcrun.container / RUNS / run)

    return Meddling(ADDRESS, Devicectl(UDID, patience_s=60.0))


def test_artifact_that_is_another_one(xcrun: Xcrun, tiny: Subject) -> None:
    def damage(folder: Path) -> None:
        [artifact] = (folder / "artifacts").rglob("*.onnx")
        content = bytearray(artifact.read_bytes())
        content[len(content) // 2] ^= 1
        artifact.write_bytes(content)

    with pytest.raises(ConversionError) as caught:
        measured(meddling(xcrun, damage), tiny)
    assert "tiny.onnx` is not the file that was planned" in caught.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "`plan.json` is not a benchmark plan: "),
        (
            lambda text: text.replace('"schema_version": 1', '"schema_version": 2'),
            "schema version 2, and this release reads 1",
        ),
    ],
)
def test_plan_that_is_cut_off_or_newer(
    xcrun: Xcrun, tiny: Subject, change: Callable[[str], str], said: str
) -> None:
    def meddle(folder: Path) -> None:
        plan = folder / PLAN_FILE
        plan.write_text(change(plan.read_text(encoding="utf-8")), encoding="utf-8")

    with pytest.raises(ConversionError) as caught:
        measured(meddling(xcrun, meddle), tiny)
    assert said in caught.value.message and "\n" not in caught.value.message
    assert folders(xcrun) == []


def test_disk_that_is_full(xcrun: Xcrun, tiny: Subject) -> None:
    def fill(folder: Path) -> None:
        (folder / RECORDS_FILE).symlink_to("/dev/full")

    with pytest.raises(InputError, match="there is no room on `MyPhone`"):
        measured(meddling(xcrun, fill), tiny)


def test_app_that_is_killed_in_the_middle(xcrun: Xcrun, tiny: Subject) -> None:
    """As iOS does where memory runs out."""
    error = cut_off(phone(), tiny, lambda: os.kill(app_pid(xcrun), signal.SIGKILL))
    assert error.message == "`org.mobilevit.demo` on `MyPhone` was ended by signal 9"
    assert folders(xcrun) == []


def test_run_that_the_host_gives_up_ends_the_app(
    xcrun: Xcrun, tiny: Subject, tmp_path: Path
) -> None:
    with phone() as device:
        (tmp_path / "plan").mkdir()
        write_plan(unfold([tiny], offer=device.runtimes)[0], LONG, tmp_path / "plan")
        device.push(tmp_path / "plan")
        with closing(device.run()) as lines:
            next(lines)
            assert runs_still(xcrun)
        assert not runs_still(xcrun)


def planned(xcrun: Xcrun, subjects: list[Subject], tmp_path: Path) -> tuple[Plan, Path]:
    """A plan in the app's container, without the host."""
    made = tmp_path / "plan"
    made.mkdir()
    plan = write_plan(unfold(subjects, offer={"onnxruntime": ("cpu",)})[0], SHORT, made)
    return plan, shutil.copytree(made, xcrun.container / RUNS / plan.run)


def test_run_without_the_host_leaves_a_result(xcrun: Xcrun, tiny: Subject, tmp_path: Path) -> None:
    """As by the app's URL; the folders of other runs go, and nothing else does."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(tiny.artifact.read_bytes()[:-100])
    subjects = [tiny, Subject(broken, "broken", ModelFacts(name="convolution"))]
    plan, folder = planned(xcrun, subjects, tmp_path)
    (xcrun.container / RUNS / "ba9876543210").mkdir()
    (xcrun.container / RUNS / "other").mkdir()
    printed = subprocess.run(
        [
            *(*command(), "--root", str(xcrun.container / "Documents")),
            *("-NSDocumentRevisionsDebugMode", "YES", "--benchmark", plan.run),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines(keepends=True)
    assert sorted(folders(xcrun)) == sorted([plan.run, "other"])
    kept = (folder / RECORDS_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    assert printed == [f"MOBILEVIT {line}" for line in kept]
    records = [parse_record(line) for line in kept]
    assert isinstance(records[-1], Ended)
    result = BenchmarkResult.read(folder / "result.json")
    assert result.protocol == SHORT
    [measurement] = result.measurements
    assert (measurement.name, measurement.model.name) == ("tiny.onnx", "tiny")
    assert measurement.artifact_bytes == tiny.artifact.stat().st_size
    assert summarize(measurement.launches).count == len(measurement.samples_ns)
    assert [x.name for x in result.not_timed] == ["broken.onnx"]


def test_names_of_runs_do_not_leave_the_folder(xcrun: Xcrun) -> None:
    (xcrun.container / RUNS).mkdir(parents=True)
    for option in ("--benchmark", "--forget"):
        for name in ("..", "../../..", "/", "0123456789ab/.."):
            done = subprocess.run(
                [*command(), "--root", str(xcrun.container / "Documents"), option, name],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 1 and done.stdout == ""
            assert f"`{name}` is no name of a run" in done.stderr
    assert (xcrun.container / RUNS).is_dir()


@pytest.fixture
def on_a_mac(xcrun: Xcrun, monkeypatch: pytest.MonkeyPatch) -> Xcrun:
    """The command line takes `devicectl` on a Mac alone."""
    monkeypatch.setattr(ios, "sys", SimpleNamespace(platform="darwin"))
    return xcrun


def test_command_line_from_bundle_to_report(
    on_a_mac: Xcrun, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ios, "IosDevice", LinuxPhone)
    written = tmp_path / "result.json"
    options = ["--rounds", "2", "--launches", "1", "--json", str(written)]
    done = CliRunner().invoke(app, ["benchmark", str(bundle), "--device", ADDRESS, *options])
    assert done.exit_code == 0, done.output
    result = BenchmarkResult.read(written)
    assert result.device.address == ADDRESS
    assert result.device.model == "iPhone 16 (iPhone17,3)"
    assert {m.runtime for m in result.measurements} == {"onnxruntime"}
    page = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", str(written), "--html", str(page)])
    assert done.exit_code == 0, done.output
    shown = page.read_text(encoding="utf-8")
    assert "iPhone 16 (iPhone17,3)" in shown and "onnx fp32" in shown


def test_core_ml_is_refused_where_there_is_none(
    on_a_mac: Xcrun, bundle: Path, tmp_path: Path
) -> None:
    """The control: the host asks for Core ML, and it is this app that answers."""
    if not list(bundle.glob("*.mlpackage")):
        pytest.skip("the bundle has no .mlpackage")
    options = ["--rounds", "2", "--launches", "1", "--delegate", "cpu+ne"]
    done = CliRunner().invoke(app, ["benchmark", str(bundle), "--device", ADDRESS, *options])
    assert done.exit_code != 0
    assert "this device has no runtime `coreml`" in done.output


def test_result_of_the_program_is_shown(xcrun: Xcrun, bundle: Path, tmp_path: Path) -> None:
    """`mobilevit-bench` as a user runs it, with the names of the bundle, and the host's schema."""
    [artifact] = bundle.glob("*_fp32.onnx")
    subject = Subject(artifact, "onnx fp32", ModelFacts(name="convolution"))
    _, folder = planned(xcrun, [subject], tmp_path)
    records = tmp_path / "records"
    subprocess.run([*command(), str(folder), str(records)], check=True, capture_output=True)
    told = subprocess.run(
        [*command(), "--result", str(bundle), str(folder), str(records)],
        check=True,
        capture_output=True,
    ).stdout
    written = tmp_path / "result.json"
    written.write_bytes(told)
    result = BenchmarkResult.read(written)
    [measurement] = result.measurements
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert measurement.name == "onnx fp32"
    assert measurement.artifact == artifact.name
    assert measurement.model.name == manifest["model"]["name"]
    done = CliRunner().invoke(app, ["report", str(written)])
    assert done.exit_code == 0 and "onnx fp32" in done.output


def test_result_of_records_that_are_cut_off_says_so(
    xcrun: Xcrun, bundle: Path, tmp_path: Path
) -> None:
    [artifact] = bundle.glob("*_fp32.onnx")
    subject = Subject(artifact, "onnx fp32", ModelFacts(name="convolution"))
    _, folder = planned(xcrun, [subject], tmp_path)
    records = tmp_path / "records"
    subprocess.run([*command(), str(folder), str(records)], check=True, capture_output=True)
    kept = (records / RECORDS_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    (records / RECORDS_FILE).write_text("".join(kept[:-3]), encoding="utf-8")
    told = subprocess.run(
        [*command(), "--result", str(bundle), str(folder), str(records)],
        check=True,
        capture_output=True,
    ).stdout
    (tmp_path / "result.json").write_bytes(told)
    assert BenchmarkResult.read(tmp_path / "result.json").stopped == "the records are cut off"


def test_output_that_takes_nothing_is_told_in_words() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*command(), "--describe"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.startswith(b"cannot write to the standard output: ")
    assert done.stderr.count(b"\n") == 1


def test_without_the_app_there_is_no_answer(xcrun: Xcrun, tiny: Subject) -> None:
    """The control of all of these."""
    xcrun.answer(app=["/bin/false"])
    with pytest.raises((ConversionError, InputError)):
        measured(phone(), tiny)
