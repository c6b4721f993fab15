"""What an Android phone is, and what it is doing, as its shell tells it.

Phones differ in what they tell: what one does not is None or empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from ..records import DeviceDescription, DeviceState
from .adb import Adb

# of Android's PowerManager.THERMAL_STATUS_*
_THERMAL_STATUS = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_MACHINES = {"arm64-v8a": "arm64", "armeabi-v7a": "arm", "x86_64": "x86_64", "x86": "x86"}
_FILES = (
    "/proc/loadavg "
    "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor "
    "/sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq "
    "/sys/class/thermal/thermal_zone*/type "
    "/sys/class/thermal/thermal_zone*/temp"
)


def describe(adb: Adb, address: str, runner: str) -> DeviceDescription:
    """Raises:
    ConversionError: the phone is lost.
    """
    told = dict(re.findall(r"^\[(.+?)\]: \[(.*)\]$", adb.shell("getprop"), re.M))
    memory = re.search(r"^MemTotal:\s+(\d+) kB$", adb.shell("cat", "/proc/meminfo"), re.M)
    abi = told.get("ro.product.cpu.abi", "")
    return DeviceDescription(
        address=address,
        model=_joined(told, "ro.product.manufacturer", "ro.product.model"),
        chip=_joined(told, "ro.soc.manufacturer", "ro.soc.model") or told.get("ro.board.platform"),
        machine=_MACHINES.get(abi) or abi,
        cores=int(adb.shell("nproc")),
        memory_bytes=int(memory[1]) * 1024 if memory else 1,
        system=f"Android {told.get('ro.build.version.release', '?')} "
        f"(API {told.get('ro.build.version.sdk', '?')})",
        runner=runner,
        emulated="1" in (told.get("ro.kernel.qemu"), told.get("ro.boot.qemu")),
    )


def state(adb: Adb) -> DeviceState:
    """Raises:
    ConversionError: the phone is lost.
    """
    files = dict(_contents(adb))
    heat = adb.script("dumpsys thermalservice 2> /dev/null || true")
    battery = dict(re.findall(r"^\s*([\w ]+): (\S+)$", adb.shell("dumpsys", "battery"), re.M))
    status = re.search(r"^Thermal Status: ([0-6])$", heat, re.M)
    return DeviceState(
        load_average=_loads(files.get("/proc/loadavg", "")),
        governors=tuple(v for n, v in files.items() if n.endswith("/scaling_governor")),
        frequencies_hz=tuple(
            int(v) * 1000
            for n, v in files.items()
            if n.endswith("/scaling_cur_freq") and v.isdecimal()
        ),
        temperatures_c=_sensors(heat) or _zones(files),
        thermal_status=_THERMAL_STATUS[int(status[1])] if status else None,
        battery_percent=_percent(battery),
        power=_power(battery),
    )


def _joined(told: Mapping[str, str], *names: str) -> str | None:
    return " ".join(told[name] for name in names if told.get(name)) or None


def _contents(adb: Adb) -> Iterator[tuple[str, str]]:
    """Of each of `_FILES` that can be read, its first line; many are there and cannot."""
    script = (
        f"for f in {_FILES}; do"
        ' if read -r line < "$f"; then echo "$f=$line"; fi;'
        " done 2> /dev/null; true"
    )
    for line in adb.script(script).splitlines():
        name, _, value = line.partition("=")
        yield name, value.strip()


def _loads(text: str) -> tuple[float, float, float] | None:
    found = re.match(r"([\d.]+) ([\d.]+) ([\d.]+) ", text)
    return (float(found[1]), float(found[2]), float(found[3])) if found else None


def _sensors(heat: str) -> dict[str, float]:
    """Of the phone's own thermal service, Android 10 and later."""
    _, _, current = heat.partition("Current temperatures from HAL:")
    current, _, _ = current.partition("Current cooling devices")
    pattern = r"Temperature\{mValue=(-?[\d.]+), mType=-?\d+, mName=(.+?), mStatus=\d+\}"
    return {name: float(value) for value, name in re.findall(pattern, current)}


def _zones(files: Mapping[str, str]) -> dict[str, float]:
    """Of the kernel. Nearly all give thousandths of a degree; some old ones, degrees."""
    found = {}
    for name, value in files.items():
        zone = re.fullmatch(r"/sys/class/thermal/thermal_zone(\d+)/temp", name)
        if zone and re.fullmatch(r"-?\d+", value):
            kind = files.get(name.removesuffix("temp") + "type", "zone")
            degrees = int(value)
            found[f"{kind} {zone[1]}"] = degrees / 1000 if abs(degrees) >= 1000 else float(degrees)
    return found


def _percent(battery: Mapping[str, str]) -> float | None:
    level, scale = battery.get("level", ""), battery.get("scale", "")
    if not level.isdecimal() or not scale.isdecimal() or int(scale) == 0:
        return None
    return 100 * int(level) / int(scale)


def _power(battery: Mapping[str, str]) -> Literal["battery", "mains"] | None:
    powered = [value for name, value in battery.items() if name.endswith(" powered")]
    if not powered:
        return None
    return "mains" if "true" in powered else "battery"
