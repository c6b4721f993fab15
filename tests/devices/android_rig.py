"""A phone to test with: Debian's real adbd on a machine of its own, and the few commands of
Android's shell that a benchmark asks for, as scripts (`phone/`). The host's end is the real adb.

Nothing of it runs on ART, on a phone's processor or on a delegate: it shows how the host deals with
a phone, not what a phone measures.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adbutils import AdbClient

from tests.devices.debian_machine import ENDS_WITH_US, DebianMachine, Link, wait_until

PACKAGE = "org.mobilevit.demo"
TEMPORARY = "/data/local/tmp"  # what Android's shell may write to
DISK_BYTES = 48 << 20

_ADBD = "/usr/lib/android-sdk/platform-tools/adbd"
_PORT = 5555
_COMMANDS = Path(__file__).with_name("phone")

_FILES = {
    "/system/build.prop": """\
ro.build.version.release=15
ro.build.version.sdk=35
ro.product.manufacturer=Debian
ro.product.model=Rig 13
ro.soc.manufacturer=QEMU
ro.soc.model=Virtual
ro.product.cpu.abi=x86_64
""",
    "/system/dumpsys/battery": """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Dock powered: false
  Max charging current: 500000
  status: 2
  health: 2
  present: true
  level: 84
  scale: 100
  voltage: 4180
  temperature: 291
  technology: Li-ion
""",
    "/system/dumpsys/package": """\
Packages:
  Package [org.mobilevit.demo] (3c0ffee):
    versionCode=1 minSdk=26 targetSdk=35
    versionName=0.1.0
""",
    "/system/dumpsys/thermalservice": """\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 2
Thermal Status: 1
Cached temperatures:
\tTemperature{mValue=36.1, mType=3, mName=skin, mStatus=1}
HAL Ready: true
HAL connection:
\tThermalHAL AIDL 1  connected: yes
Current temperatures from HAL:
\tTemperature{mValue=41.2, mType=0, mName=CPU0, mStatus=0}
\tTemperature{mValue=36.5, mType=3, mName=skin, mStatus=1}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=thermal-cpufreq-0}
""",
    "/sys/class/thermal/thermal_zone0/type": "cpu-0-0\n",
    "/sys/class/thermal/thermal_zone0/temp": "41200\n",
    "/sys/class/thermal/thermal_zone1/type": "battery\n",
    "/sys/class/thermal/thermal_zone1/temp": "29100\n",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "walt\n",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1766400\n",
    "/sys/devices/system/cpu/cpufreq/policy4/scaling_governor": "walt\n",
    "/sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "2419200\n",
}


@contextmanager
def adb_server() -> Iterator[AdbClient]:
    """An adb server of our own, which knows no phone yet; nobody's keys are read or written."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="mobilevit-adb-") as home:
        environment = {
            **os.environ,
            "HOME": home,
            "TMPDIR": home,  # of its log
            "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553",  # no emulator that happens to run here
        }
        with subprocess.Popen(
            [*ENDS_WITH_US, "adb", "-L", f"tcp:localhost:{port}", "server", "nodaemon"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process:
            try:
                wait_until(lambda: _listens(port), "adb's server")
                yield AdbClient(host="127.0.0.1", port=port)
            finally:
                process.kill()


class Phone:
    """A phone that is connected to `adb` while its context is entered.

    Args:
        root: from `debian_root()`.
        adb: from `adb_server()`.
    """

    def __init__(self, root: Path, adb: AdbClient) -> None:
        self.machine = DebianMachine(root, {TEMPORARY: DISK_BYTES, "/sdcard": DISK_BYTES})
        self._adb = adb

    def __enter__(self) -> Phone:
        self.machine.__enter__()
        for path, content in _FILES.items():
            self.machine.write(path, content)
        for command in _COMMANDS.iterdir():
            self.machine.write(f"/usr/local/bin/{command.name}", command.read_bytes(), mode=0o755)
        self.cable = Link(self.machine, _PORT)
        self.start_adbd()
        self.cable.lay()
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._adb.disconnect(self.serial)
        self.cable.cut()
        self.machine.__exit__()

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.cable.port}"

    @property
    def state(self) -> str:
        """adb's word for it: `device`, `offline`, `unauthorized`; `absent` where it has none."""
        return {d.serial: d.state for d in self._adb.list()}.get(self.serial, "absent")

    def connect(self, state: str = "device") -> None:
        """Have the server connect to it, until it is in `state`."""

        def connected() -> bool:
            if self.state != state:
                self._adb.disconnect(self.serial)
                self._adb.connect(self.serial)
            return self.state == state

        wait_until(connected, f"{self.serial} as `{state}`")

    def install(self, app: Path, java: Path | None = None) -> None:
        """Install the benchmark app.

        Args:
            app: the Python runner, or the app's own entry point in a jar.
            java: a Java for that jar, which the phone gets in place of a runtime of Android's.
        """
        self.machine.write(f"/data/app/{PACKAGE}/base.apk", app.read_bytes())
        if java is not None:
            shutil.copytree(java, self.machine.path("/system/java"), symlinks=True)

    def unplug(self) -> None:
        """As when the cable is pulled."""
        self.cable.cut()

    def plug_in(self) -> None:
        self.cable.lay()
        self.connect()

    def start_adbd(self) -> None:
        self.machine.start(_ADBD, environment={"ADBD_PORT": str(_PORT)}, log="/root/adbd.log")
        self._wait_for_port()

    def kill_adbd(self) -> None:
        self.machine.send_signal(signal.SIGKILL, starting_with=_ADBD)

    def reboot(self) -> None:
        """As when it is switched off and on: back as soon as this returns."""
        self.machine.reboot()
        self.cable.cut()
        self.start_adbd()
        self.plug_in()

    @contextmanager
    def unauthorised(self) -> Iterator[None]:
        """Within the context, it has not accepted this computer's key."""
        self.kill_adbd()
        program = "/usr/local/bin/unauthorised_adbd"
        self.machine.start(program, str(_PORT))
        self._wait_for_port()
        self.connect("unauthorized")
        try:
            yield
        finally:
            self.machine.send_signal(signal.SIGKILL, starting_with=f"/usr/bin/python3 {program}")
            self.start_adbd()
            self.connect()

    def files(self) -> list[str]:
        """Everything in the temporary folder and on the card, relative to each."""
        folders = [self.machine.path(TEMPORARY), self.machine.path("/sdcard")]
        return sorted(str(path.relative_to(f)) for f in folders for path in f.rglob("*"))

    def _wait_for_port(self) -> None:
        listening = f":{_PORT}"
        wait_until(lambda: listening in self.machine.run("ss", "-Hltn"), "adbd")


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
