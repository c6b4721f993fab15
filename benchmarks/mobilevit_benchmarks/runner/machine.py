"""What this machine is, and what it is doing: Linux and macOS.

Gives the fields of `records.DeviceDescription` and `DeviceState`, without importing pydantic.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_THERMAL = Path("/sys/class/thermal")
_SUPPLY = Path("/sys/class/power_supply")
_CPUFREQ = Path("/sys/devices/system/cpu/cpufreq")


def describe() -> dict[str, Any]:
    return {
        "model": _model(),
        "chip": _chip(),
        "machine": platform.machine(),
        "cores": _cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "runner": f"Python {platform.python_version()}",
    }


def state() -> dict[str, Any]:
    domains = sorted(_CPUFREQ.glob("policy*"))
    temperatures = {}
    for zone in sorted(_THERMAL.glob("thermal_zone*")):
        degrees = _read(zone / "temp")
        if degrees is not None and re.fullmatch(r"-?\d+", degrees):
            temperatures[f"{_read(zone / 'type') or zone.name} {zone.name[12:]}"] = (
                int(degrees) / 1000
            )
    return {
        "load_average": os.getloadavg(),
        "governors": [g for d in domains if (g := _read(d / "scaling_governor"))],
        "frequencies_hz": [int(f) * 1000 for d in domains if (f := _read(d / "scaling_cur_freq"))],
        "temperatures_c": temperatures,
        **_power(),
    }


def _power() -> dict[str, Any]:
    percent, power = None, None
    for supply in sorted(_SUPPLY.glob("*")):
        kind = _read(supply / "type")
        if kind == "Battery" and (capacity := _read(supply / "capacity")):
            percent = min(100.0, float(capacity))  # some say more of a new battery
            power = power or ("battery" if _read(supply / "status") == "Discharging" else "mains")
        elif kind == "Mains" and _read(supply / "online") == "1":
            power = "mains"
    return {"battery_percent": percent, "power": power}


def _read(file: Path) -> str | None:
    """What a file of the kernel's says, or None: many are there and cannot be read."""
    try:
        return file.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return None


def _cores() -> int:
    if sys.platform == "darwin":
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _model() -> str | None:
    if sys.platform == "darwin":
        return _sysctl("hw.model")
    board = _read(Path("/proc/device-tree/model"))  # Arm: the kernel names the board
    return board or _read(Path("/sys/class/dmi/id/product_name")) or None


def _chip() -> str | None:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    found = re.search(r"^model name\s*:\s*(.+)$", _read(Path("/proc/cpuinfo")) or "", re.M)
    if found is not None:
        return found[1].strip()
    compatible = _read(Path("/proc/device-tree/compatible"))  # the most specific first, chip last
    return compatible.split("\0")[-1] if compatible else None


def _sysctl(name: str) -> str:
    shown = subprocess.run(["sysctl", "-n", name], check=True, capture_output=True, text=True)
    return shown.stdout.strip()
