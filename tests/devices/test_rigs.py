"""The rigs themselves: what tests of devices stand on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from adbutils import AdbClient, AdbDevice

from tests.devices.android_rig import PACKAGE, TEMPORARY, Phone, adb_server
from tests.devices.debian_machine import DebianMachine, debian_root, wait_until, why_not
from tests.devices.ssh_rig import SshHost

UNREACHABLE = why_not("adb", "ssh", "ssh-keygen")
pytestmark = [pytest.mark.devices, pytest.mark.skipif(bool(UNREACHABLE), reason=str(UNREACHABLE))]


@pytest.fixture(scope="module")
def root() -> Path:
    return debian_root()


@pytest.fixture(scope="module")
def adb() -> Iterator[AdbClient]:
    with adb_server() as client:
        yield client


@pytest.fixture
def phone(root: Path, adb: AdbClient) -> Iterator[Phone]:
    with Phone(root, adb) as phone:
        yield phone


@pytest.fixture
def device(phone: Phone, adb: AdbClient) -> AdbDevice:
    return adb.device(phone.serial)


@pytest.fixture
def host(root: Path) -> Iterator[SshHost]:
    with SshHost(root) as host:
        yield host


def test_nothing_is_left_of_a_machine_whose_test_is_killed(root: Path, tmp_path: Path) -> None:
    program = (
        "import sys, tempfile; from pathlib import Path; from time import sleep\n"
        "from tests.devices.debian_machine import DebianMachine, Link\n"
        "tempfile.tempdir = sys.argv[2]\n"
        "with DebianMachine(Path(sys.argv[1]), {'/tmp': 1 << 20}) as m, Link(m, 22) as link:\n"
        "    m.start('sleep', '98765')\n"
        "    print(m.init, m._mounts.pid, link._relay.pid, flush=True); sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(root), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        started = [Path("/proc", pid) for pid in process.stdout.readline().split()]
        assert len(started) == 3 and all(path.exists() for path in started)
        process.kill()
    wait_until(lambda: not any(path.exists() for path in started), "their end")
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    [folder] = tmp_path.iterdir()
    assert list(folder.iterdir()) == []


def test_machine_has_processes_and_files_of_its_own(root: Path) -> None:
    with DebianMachine(root, {"/tmp": 1 << 20}) as machine:
        machine.run("sh", "-c", "echo mine > /tmp/file; echo mine > /etc/file")
        assert not (root / "etc" / "file").exists()
        machine.start("sleep", "98765")
        wait_until(lambda: "sleep 98765" in machine.processes().values(), "sleep")
        machine.reboot()
        assert machine.processes() == {}
        assert machine.run("cat", "/tmp/file") == "mine\n"
        with pytest.raises(subprocess.CalledProcessError):
            machine.run("sh", "-c", "head -c 2000000 /dev/zero > /tmp/large")


def test_runtimes_run_on_the_machine(root: Path) -> None:
    program = (
        "import ai_edge_litert.interpreter, numpy, onnxruntime; print(onnxruntime.__version__)"
    )
    with DebianMachine(root, {"/tmp": 1 << 20}) as machine:
        assert machine.run("python3", "-c", program) == "1.31.1\n"


def test_phone_takes_files_and_commands(phone: Phone, device: AdbDevice, tmp_path: Path) -> None:
    content = bytes(range(256)) * 999
    device.sync.push(content, f"{TEMPORARY}/file", check=True)
    assert phone.machine.path(f"{TEMPORARY}/file").read_bytes() == content
    assert device.sync.read_bytes(f"{TEMPORARY}/file") == content
    done = device.shell2("echo out; echo err >&2; exit 7", v2=True)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_phone_has_what_a_benchmark_asks_for(device: AdbDevice) -> None:
    assert device.shell("getprop ro.product.model") == "Rig 13"
    assert "[ro.build.version.sdk]: [35]" in device.shell("getprop").splitlines()
    assert device.shell("getprop no.such.property") == ""
    assert "  level: 84" in device.shell("dumpsys battery").splitlines()
    assert device.shell("cat /sys/class/thermal/thermal_zone0/temp") == "41200"


def test_app_that_is_not_installed(device: AdbDevice) -> None:
    component = f"{PACKAGE}/.BenchmarkInstrumentation"
    assert device.shell2(f"pm path {PACKAGE}", v2=True).returncode == 1
    done = device.shell2(f"am instrument -w -r {component}", v2=True)
    assert done.returncode == 1
    assert (
        "INSTRUMENTATION_STATUS: Error=Unable to find instrumentation info for: "
        f"ComponentInfo{{{PACKAGE}/{PACKAGE}.BenchmarkInstrumentation}}"
    ) in done.stdout.splitlines()


APP = """
import sys, pathlib, time
print('{"record": "started"}', flush=True)
time.sleep(float(sys.argv[1].rpartition("/")[2]))
print('{"record": "ended"}')
sys.exit(3 if "crash" in sys.argv[1] else 0)
"""


@pytest.fixture
def installed(phone: Phone, tmp_path: Path) -> str:
    """The command that runs it, but for the folder of its plan."""
    (tmp_path / "app.py").write_text(APP)
    phone.install(tmp_path / "app.py")
    component = f"{PACKAGE}/.BenchmarkInstrumentation"
    return f"am instrument -w -r -e records /sdcard/records {component} -e plan "


def test_app_reports_as_instrumentation_does(
    phone: Phone, device: AdbDevice, installed: str
) -> None:
    assert f"(target={PACKAGE})" in device.shell("pm list instrumentation")
    done = device.shell2(installed + "/plan/0", v2=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        'INSTRUMENTATION_STATUS: record={"record": "started"}',
        "INSTRUMENTATION_STATUS_CODE: 0",
        'INSTRUMENTATION_STATUS: record={"record": "ended"}',
        "INSTRUMENTATION_STATUS_CODE: 0",
        "INSTRUMENTATION_CODE: -1",
    ]
    records = phone.machine.path("/sdcard/records/records.jsonl").read_text()
    assert records.splitlines() == ['{"record": "started"}', '{"record": "ended"}']


def test_app_that_crashes(device: AdbDevice, installed: str) -> None:
    done = device.shell2(installed + "/crash/0", v2=True)
    assert done.stdout.splitlines()[-2:] == [
        "INSTRUMENTATION_RESULT: shortMsg=Process crashed.",
        "INSTRUMENTATION_CODE: 0",
    ]


def test_app_goes_on_without_its_host_until_it_is_stopped(
    phone: Phone, device: AdbDevice, installed: str
) -> None:
    connection = device.shell(installed + "/plan/600", stream=True)
    assert b"started" in connection.read_exact(60)
    phone.unplug()
    phone.plug_in()
    assert any("/600" in line for line in phone.machine.processes().values())
    device.shell(f"am force-stop {PACKAGE}")
    wait_until(lambda: not any("/600" in x for x in phone.machine.processes().values()), "its end")


def test_phone_that_is_unplugged(phone: Phone) -> None:
    phone.unplug()
    wait_until(lambda: phone.state != "device", "its absence")
    phone.plug_in()
    assert phone.state == "device"


def test_phone_whose_adbd_is_killed(phone: Phone) -> None:
    phone.kill_adbd()
    wait_until(lambda: phone.state != "device", "its absence")
    phone.start_adbd()
    phone.connect()


def test_phone_that_reboots_keeps_its_files(phone: Phone, device: AdbDevice) -> None:
    device.shell(f"echo kept > {TEMPORARY}/file")
    phone.reboot()
    assert device.shell(f"cat {TEMPORARY}/file") == "kept"


def test_phone_that_has_not_accepted_the_key(phone: Phone, device: AdbDevice) -> None:
    with phone.unauthorised():
        assert phone.state == "unauthorized"
    assert device.shell("echo back") == "back"


def test_phone_whose_disk_is_full(phone: Phone, device: AdbDevice) -> None:
    with phone.machine.full_disk(TEMPORARY, leave=1 << 20):
        done = device.shell2(f"head -c 2000000 /dev/zero > {TEMPORARY}/file", v2=True)
        assert "No space left" in done.stderr
    assert device.shell2(f"head -c 2000000 /dev/zero > {TEMPORARY}/file", v2=True).returncode == 0


def test_phone_that_stalls(phone: Phone, device: AdbDevice) -> None:
    start = monotonic()
    with phone.cable.stalled(), pytest.raises(Exception, match="timeout"):
        device.shell2("echo late", timeout=0.5, v2=True)
    assert monotonic() - start < 5
    assert device.shell("echo in time") == "in time"


def test_host_runs_commands(host: SshHost) -> None:
    done = host.ssh("echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert host.ssh("id -un").stdout == "tester\n"


def test_host_that_refuses_the_key(host: SshHost) -> None:
    with host.refusing():
        done = host.ssh("true")
        assert done.returncode == 255
        assert "Permission denied (publickey)" in done.stderr
    assert host.ssh("true").returncode == 0


def test_host_whose_connections_are_killed(host: SshHost) -> None:
    with host.started("echo up; sleep 98765") as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        host.kill_connections()
        assert process.wait(10) == 255
    assert host.ssh("true").returncode == 0


def test_host_that_stalls(host: SshHost) -> None:
    with host.link.stalled(), pytest.raises(subprocess.TimeoutExpired):
        host.ssh("true", timeout=0.5)
    assert host.ssh("true").returncode == 0


def test_host_that_reboots(host: SshHost) -> None:
    host.ssh("echo kept > /tmp/file")
    host.reboot()
    assert host.ssh("cat /tmp/file").stdout == "kept\n"


def test_host_that_is_down(host: SshHost) -> None:
    host.link.cut()
    assert host.ssh("true").returncode == 255
    host.link.lay()
    assert host.machine.send_signal(signal.SIGKILL, starting_with="sshd") > 0
    assert host.ssh("true").returncode == 255


def test_host_whose_disk_is_full(host: SshHost) -> None:
    with host.machine.full_disk("/tmp", leave=1 << 20):
        done = host.ssh("head -c 2000000 /dev/zero > /tmp/file")
        assert "No space left" in done.stderr
