"""The app's own benchmark entry point over adb: the Kotlin code that a phone runs, on a JVM and
ONNX Runtime for Linux, started as `am instrument` would.

What the host does with a phone that fails is in `test_android`, where the app is the Python runner.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from adbutils import AdbClient

from mobilevit.errors import ConversionError
from mobilevit_benchmarks import BenchmarkResult, ModelFacts, Subject, benchmark
from mobilevit_benchmarks.cases import unfold
from mobilevit_benchmarks.devices.android import AndroidDevice
from mobilevit_benchmarks.plan import PLAN_FILE
from mobilevit_benchmarks.plan_folder import write_plan
from tests.devices.android_rig import PACKAGE, Phone
from tests.devices.benchmarks import SHORT, assert_short, cut_off, measured
from tests.devices.debian_machine import debian_root, why_not
from tests.devices.kotlin_runner import JAR, JAVA, NOT_BUILT

UNREACHABLE = why_not("adb") or NOT_BUILT
pytestmark = [pytest.mark.devices, pytest.mark.skipif(bool(UNREACHABLE), reason=str(UNREACHABLE))]

JAVA_VERSION = r"OpenJDK .* Server VM \d+"


@pytest.fixture
def phone(adb: AdbClient) -> Iterator[Phone]:
    with Phone(debian_root(), adb) as phone:
        phone.install(JAR, JAVA)
        yield phone


def running(phone: Phone) -> list[str]:
    return [x for x in phone.machine.processes().values() if "base.apk" in x]


def test_app_tells_its_runtimes(phone: Phone, adb: AdbClient) -> None:
    with AndroidDevice(client=adb) as used:
        assert used.runtimes == {"onnxruntime": ("cpu",)}


def test_samples_come_back(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    result = measured(AndroidDevice(client=adb), tiny)
    measurement = assert_short(result)
    assert (measurement.runtime_version, measurement.delegate) == ("1.29.0", "cpu")
    assert measurement.delegate_ran == "CPUExecutionProvider"
    assert running(phone) == []


def test_app_is_what_answers(phone: Phone, adb: AdbClient, tiny: Subject, tmp_path: Path) -> None:
    """The control of all of these: a JVM ran the plan, and not the Python runner."""
    with AndroidDevice(client=adb) as used:
        (tmp_path / "plan").mkdir()
        write_plan(unfold([tiny], offer=used.runtimes)[0], SHORT, tmp_path / "plan")
        used.push(tmp_path / "plan")
        started, *_, ended = list(used.run())
        assert re.search(rf'"runner":"{JAVA_VERSION}', started)
        assert ended == '{"record":"ended"}\n'
        assert used.pull().startswith(started)


def test_feeds_of_the_plan_are_read(
    phone: Phone, adb: AdbClient, tiny: Subject, tmp_path: Path
) -> None:
    image = np.zeros((1, 3, 32, 32), np.float32)
    result = measured(
        AndroidDevice(client=adb), Subject(tiny.artifact, "fed", tiny.model, feeds={"image": image})
    )
    assert len(result.measurements) == 1
    wrong = Subject(tiny.artifact, "fed", tiny.model, feeds={"image": image[:, :1]})
    with pytest.raises(ConversionError) as caught:
        measured(AndroidDevice(client=adb), wrong)
    assert caught.value.message == (
        "the model takes `image`, float32 (1, 3, 32, 32); given: `image`, float32 (1, 1, 32, 32)"
    )


def test_artifact_that_is_refused_does_not_stop_the_others(
    phone: Phone, adb: AdbClient, tiny: Subject, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_bytes(tiny.artifact.read_bytes()[:-100])
    broken = Subject(tmp_path / "broken.onnx", "broken", ModelFacts(name="convolution"))
    result = measured(AndroidDevice(client=adb), broken, tiny)
    assert [m.name for m in result.measurements] == ["tiny"]
    [refused] = result.not_timed
    assert refused.refused and refused.name == "broken" and "\n" not in refused.reason
    assert refused.reason.startswith("onnxruntime (cpu): ONNX Runtime does not open the artifact")


def test_batch_that_the_artifact_does_not_take(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    device = AndroidDevice(client=adb)
    result = benchmark([tiny], batches=(1, 4), settings=SHORT, device=device, report=lambda _: None)
    assert [m.batch for m in result.measurements] == [1]
    [refused] = result.not_timed
    assert refused.reason == (
        "onnxruntime (cpu): the batch of input `image`, float32 (1, 3, 32, 32) is fixed, and not 4"
    )


class DamagingDevice(AndroidDevice):
    """A way to the phone that changes a byte of the artifact."""

    def push(self, folder: Path) -> None:
        [artifact] = (folder / "artifacts").rglob("*.onnx")
        content = bytearray(artifact.read_bytes())
        content[len(content) // 2] ^= 1
        artifact.write_bytes(content)
        super().push(folder)


def test_artifact_that_is_damaged_on_the_way(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    with pytest.raises(ConversionError) as caught:
        measured(DamagingDevice(client=adb), tiny)
    assert "tiny.onnx` is not the file that was planned" in caught.value.message


class NewerDevice(AndroidDevice):
    """A host of a later release, whose plans have another schema."""

    def push(self, folder: Path) -> None:
        plan = folder / PLAN_FILE
        plan.write_text(plan.read_text().replace('"schema_version": 1', '"schema_version": 2'))
        super().push(folder)


def test_plan_of_a_newer_host(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    with pytest.raises(ConversionError) as caught:
        measured(NewerDevice(client=adb), tiny)
    assert "schema version 2, and this release reads 1" in caught.value.message


def test_app_that_is_stopped(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    """As when someone stops it in the phone's settings."""

    def stop() -> None:
        phone.machine.run("am", "force-stop", PACKAGE)

    error = cut_off(AndroidDevice(client=adb), tiny, stop)
    assert error.message.endswith("failed on the phone: Process crashed")
    assert running(phone) == []


def test_disk_that_fills_up_during_the_run(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    full = phone.machine.full_disk("/sdcard")
    error = cut_off(AndroidDevice(client=adb), tiny, full.__enter__)
    assert "records.jsonl`: " in error.message and "No space left" in error.message
    full.__exit__(None, None, None)


def test_command_line_from_bundle_to_report(
    phone: Phone, adb: AdbClient, bundle: Path, tmp_path: Path
) -> None:
    """As a user gives it, with nothing of ours in between."""

    def mobilevit(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "mobilevit.cli", *words],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "ANDROID_ADB_SERVER_PORT": str(adb.port),
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    written = tmp_path / "result.json"
    options = ["--rounds", "2", "--launches", "1", "--json", str(written)]
    mobilevit("benchmark", str(bundle), "--device", f"android:{phone.serial}", *options)
    result = BenchmarkResult.read(written)
    assert result.device.address == f"android:{phone.serial}"
    assert {m.runtime for m in result.measurements} == {"onnxruntime"}
    assert any("the device has no `litert`" in x.reason for x in result.not_timed)
    page = tmp_path / "report.html"
    mobilevit("report", str(written), "--html", str(page))
    shown = page.read_text(encoding="utf-8")
    assert "Debian Rig 13" in shown and "onnx fp32" in shown
