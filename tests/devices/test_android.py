"""A benchmark over adb, at both ends real: what comes back, and what of each thing that can fail.

The app is the Python runner; what the phone lacks besides is said in `android_rig`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import sleep

import pytest
from adbutils import AdbClient

from mobilevit.errors import ConversionError, InputError
from mobilevit_benchmarks import ModelFacts, Subject, benchmark
from mobilevit_benchmarks.cases import unfold
from mobilevit_benchmarks.devices.adb import Adb
from mobilevit_benchmarks.devices.android import AndroidDevice
from mobilevit_benchmarks.plan_folder import write_plan
from mobilevit_benchmarks.runner.archive import write_archive
from tests.devices.android_rig import PACKAGE, TEMPORARY, Phone
from tests.devices.benchmarks import LONG, ROUND_TO_FAIL_IN, SHORT, cut_off, measured
from tests.devices.debian_machine import debian_root, wait_until, why_not

UNREACHABLE = why_not("adb")
pytestmark = [pytest.mark.devices, pytest.mark.skipif(bool(UNREACHABLE), reason=str(UNREACHABLE))]

LEFT = {"Android", "Android/data", f"Android/data/{PACKAGE}", f"Android/data/{PACKAGE}/files"}
GONE = r"phone `127.0.0.1:\d+` is gone: it was unplugged, or restarts"


@pytest.fixture
def phone(adb: AdbClient, tmp_path: Path) -> Iterator[Phone]:
    write_archive(tmp_path / "runner.pyz")
    with Phone(debian_root(), adb) as phone:
        phone.install(tmp_path / "runner.pyz")
        yield phone


def running(phone: Phone) -> list[str]:
    """The app and its workers."""
    return [x for x in phone.machine.processes().values() if "base.apk" in x or "runner" in x]


def nothing_is_left(phone: Phone) -> bool:
    return set(phone.files()) <= LEFT and running(phone) == []


def test_samples_come_back(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    result = measured(AndroidDevice(client=adb), tiny)
    [measurement] = result.measurements
    assert len(measurement.rounds) == SHORT.rounds
    assert measurement.runtime_version == "1.31.1"
    assert result.stopped is None
    assert nothing_is_left(phone)


def test_phone_is_described(phone: Phone, adb: AdbClient) -> None:
    with AndroidDevice(phone.serial, client=adb) as used:
        described = used.describe()
        assert described.address == f"android:{phone.serial}"
        assert (described.model, described.chip) == ("Debian Rig 13", "QEMU Virtual")
        assert described.system == "Android 15 (API 35)"
        assert described.runner == f"{PACKAGE} 0.1.0"
        assert described.cores == os.cpu_count() and described.memory_bytes > 1 << 30
        assert not described.emulated
        now = used.state()
        assert now.governors == ("walt", "walt")
        assert now.frequencies_hz == (1766400000, 2419200000)
        assert now.temperatures_c == {"CPU0": 41.2, "skin": 36.5}
        assert (now.thermal_status, now.battery_percent, now.power) == ("light", 84, "mains")
        assert now.load_average is not None


def test_phone_that_tells_little(phone: Phone, adb: AdbClient) -> None:
    """Android 9, and files of the kernel that its shell may not read."""
    phone.machine.run("rm", "/system/dumpsys/thermalservice")
    phone.machine.run("rm", "-r", "/sys/devices/system/cpu/cpufreq")
    phone.machine.write("/system/dumpsys/battery", "Can't find service: battery\n")
    with AndroidDevice(client=adb) as used:
        now = used.state()
    assert now.temperatures_c == {"cpu-0-0 0": 41.2, "battery 1": 29.1}
    assert (now.governors, now.frequencies_hz, now.thermal_status) == ((), (), None)
    assert (now.battery_percent, now.power) == (None, None)


def test_artifact_that_is_refused_does_not_stop_the_others(
    phone: Phone, adb: AdbClient, tiny: Subject, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_bytes(tiny.artifact.read_bytes()[:-100])
    broken = Subject(tmp_path / "broken.onnx", "broken", ModelFacts(name="convolution"))
    result = measured(AndroidDevice(client=adb), broken, tiny)
    assert [m.name for m in result.measurements] == ["tiny"]
    [refused] = result.not_timed
    assert refused.refused and refused.name == "broken" and "\n" not in refused.reason


def test_unplugged(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    error = cut_off(AndroidDevice(client=adb, patience_s=4), tiny, phone.unplug)
    assert re.fullmatch(GONE, error.message)
    assert not nothing_is_left(phone)  # it cannot be
    phone.plug_in()
    with AndroidDevice(client=adb):  # what the next benchmark does first
        assert nothing_is_left(phone)


def test_unplugged_for_a_moment(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    def pull_and_push() -> None:
        phone.unplug()
        wait_until(lambda: phone.state != "device", "its absence")
        phone.plug_in()

    error = cut_off(AndroidDevice(client=adb), tiny, pull_and_push)
    assert re.fullmatch(GONE, error.message)
    assert nothing_is_left(phone)


def test_adbd_that_is_killed(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    error = cut_off(AndroidDevice(client=adb, patience_s=4), tiny, phone.kill_adbd)
    assert re.fullmatch(GONE, error.message)
    phone.start_adbd()
    phone.connect()
    with AndroidDevice(client=adb):
        assert nothing_is_left(phone)


def test_reboot(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    error = cut_off(AndroidDevice(client=adb), tiny, phone.reboot)
    assert re.fullmatch(GONE, error.message)
    assert nothing_is_left(phone)


def test_phone_that_falls_silent(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    def stop() -> None:
        phone.machine.send_signal(signal.SIGSTOP, starting_with="/usr/bin/python3 /data/app")

    error = cut_off(AndroidDevice(client=adb, patience_s=3), tiny, stop)
    assert error.message == f"phone `{phone.serial}` said nothing for 3 s"
    assert nothing_is_left(phone)


def test_cable_that_stalls(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    stalled = phone.cable.stalled()
    error = cut_off(AndroidDevice(client=adb, patience_s=3), tiny, stalled.__enter__)
    assert error.message == f"phone `{phone.serial}` said nothing for 3 s"
    stalled.__exit__(None, None, None)
    with AndroidDevice(client=adb):
        assert nothing_is_left(phone)


def test_pause_that_patience_outlasts(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    """The control of the one before."""

    def report(line: str) -> None:
        if line.startswith("round 1 "):
            with phone.cable.stalled():
                sleep(1)

    device = AndroidDevice(client=adb)
    assert benchmark([tiny], settings=SHORT, device=device, report=report).stopped is None


def test_no_room_for_the_plan(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    with (
        phone.machine.full_disk(TEMPORARY, leave=4 << 20),
        pytest.raises(InputError, match=r"no room on phone .*: 16 MB are needed, and \d MB"),
    ):
        measured(AndroidDevice(client=adb), tiny)
    assert nothing_is_left(phone)


def test_file_that_the_phone_has_no_room_for(phone: Phone, adb: AdbClient, tmp_path: Path) -> None:
    """What was free when it was asked may not be when it is needed."""
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    sent = Adb(phone.serial, adb, patience_s=10)
    sent.choose()
    with (
        phone.machine.full_disk(TEMPORARY, leave=1 << 20),
        pytest.raises(ConversionError, match=r"does not take .*No space left on device") as caught,
    ):
        sent.send(tmp_path / "file", f"{TEMPORARY}/file")
    assert caught.value.hint == "free some space there"
    sent.send(tmp_path / "file", f"{TEMPORARY}/file")
    assert phone.machine.path(f"{TEMPORARY}/file").stat().st_size == 3 << 20


def test_disk_that_fills_up_during_the_run(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    full = phone.machine.full_disk("/sdcard")
    error = cut_off(AndroidDevice(client=adb), tiny, full.__enter__)
    assert error.message.startswith(f"the app `{PACKAGE}/.BenchmarkInstrumentation` failed")
    full.__exit__(None, None, None)
    assert nothing_is_left(phone)


def test_app_that_is_killed(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    def kill() -> None:
        phone.machine.send_signal(
            signal.SIGKILL, starting_with="/usr/bin/python3 /usr/local/bin/app"
        )

    error = cut_off(AndroidDevice(client=adb), tiny, kill)
    assert error.message.endswith("failed on the phone: Process crashed")
    assert nothing_is_left(phone)


def test_app_that_is_not_installed(phone: Phone, adb: AdbClient) -> None:
    phone.machine.run("rm", f"/data/app/{PACKAGE}/base.apk")
    with pytest.raises(InputError, match="is not installed on the phone") as caught:
        AndroidDevice(client=adb).__enter__()
    assert caught.value.hint is not None and "adb install" in caught.value.hint


def test_app_without_the_instrumentation(phone: Phone, adb: AdbClient) -> None:
    """An older version of it: the package is there, and `am` does not find the component."""
    device = AndroidDevice(client=adb)
    device._component = f"{PACKAGE}/.Other"
    with pytest.raises(InputError, match=f"`{PACKAGE}/.Other` is not installed on the phone"):
        device.__enter__()


def test_phone_that_has_not_accepted_the_key(phone: Phone, adb: AdbClient) -> None:
    with (
        phone.unauthorised(),
        pytest.raises(InputError, match="has not accepted this computer") as caught,
    ):
        AndroidDevice(client=adb).__enter__()
    assert caught.value.hint == "unlock it, and allow USB debugging when it asks"


def test_one_of_two(phone: Phone, adb: AdbClient, tiny: Subject) -> None:
    with Phone(debian_root(), adb) as other:
        serials = sorted([phone.serial, other.serial])
        with pytest.raises(InputError, match=f"there are 2 phones: {', '.join(serials)}") as caught:
            AndroidDevice(client=adb).__enter__()
        assert caught.value.hint == f"name one, such as --device android:{serials[0]}"
        result = measured(AndroidDevice(phone.serial, client=adb), tiny)
        assert result.device.address == f"android:{phone.serial}"


def test_no_phone(adb: AdbClient) -> None:
    with pytest.raises(InputError, match="adb sees no phone"):
        AndroidDevice(client=adb).__enter__()


def test_another_phone(phone: Phone, adb: AdbClient) -> None:
    with pytest.raises(InputError, match="there is no phone `0123456789`") as caught:
        AndroidDevice("0123456789", client=adb).__enter__()
    assert caught.value.hint is not None and phone.serial in caught.value.hint


def test_ctrl_c(phone: Phone, adb: AdbClient, tiny: Subject, tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from mobilevit_benchmarks import ModelFacts, Subject, benchmark\n"
        "from mobilevit_benchmarks.devices import open_device\n"
        "from tests.devices.benchmarks import LONG\n"
        "subject = Subject(Path(sys.argv[1]), 'tiny', ModelFacts(name='convolution'))\n"
        "benchmark([subject], settings=LONG, device=open_device(sys.argv[2]),\n"
        "          report=lambda line: print(line, flush=True),\n"
        "          keep_partial=lambda partial: print('kept', partial.stopped, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, str(program), str(tiny.artifact), f"android:{phone.serial}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "ANDROID_ADB_SERVER_PORT": str(adb.port),
        },
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(ROUND_TO_FAIL_IN):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of the group
        said, errors = process.communicate()
    assert "kept interrupted" in said
    assert "KeyboardInterrupt" in errors
    assert nothing_is_left(phone)


TOOL = """\
#!/bin/sh
# prints what Google's benchmark_model prints, in its words and on the streams it uses
[ -s "${1#--graph=}" ] || exit 1
exec >&2
echo "INFO: STARTING!"
echo "INFO: Graph: [${1#--graph=}]"
echo "INFO: Created TensorFlow Lite delegate for GPU."
echo "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the\
 delegate w/ 3 delegate kernels."
echo "INFO: count=11 first=9000 curr=5000 min=4900 max=9000 avg=5500.5 std=1100 p5=4900\
 median=5000 p95=9000"
echo
echo "INFO: count=200 first=5010 curr=5020 min=4801 max=6003 avg=5001.25 std=70 p5=4850\
 median=4990 p95=5200"
echo
echo "INFO: Inference timings in us: Init: 61000, First inference: 9000, Warmup (avg): 5500.5,\
 Inference (avg): 5001.25"
"""


def test_foreign_tool(phone: Phone, adb: AdbClient, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text(TOOL)
    (tmp_path / "model.tflite").write_bytes(b"model")
    with AndroidDevice(client=adb) as used:
        figures = used.run_tool(tmp_path / "tool", tmp_path / "model.tflite", 2, "gpu")
        with pytest.raises(InputError, match="unknown delegate of benchmark_model `npu`"):
            used.run_tool(tmp_path / "tool", tmp_path / "model.tflite", 2, "npu")
    assert figures.arguments[:2] == ("--num_threads=2", "--use_gpu=true")
    assert (figures.runs, figures.mean_us, figures.median_us) == (200, 5001.25, 4990)
    assert figures.delegate_ran is not None and "partially executed" in figures.delegate_ran
    assert nothing_is_left(phone)


def test_run_that_is_closed(phone: Phone, adb: AdbClient, tiny: Subject, tmp_path: Path) -> None:
    """Whoever stops listening stops the run."""
    with AndroidDevice(client=adb) as used:
        (tmp_path / "plan").mkdir()
        write_plan(unfold([tiny], offer=used.runtimes)[0], LONG, tmp_path / "plan")
        used.push(tmp_path / "plan")
        with closing(used.run()) as lines:
            assert '"started"' in next(lines)
            assert running(phone)
        assert not running(phone)
