"""Environments that have the client, and what is asked of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("client.py")


@dataclass(frozen=True)
class Install:
    """A Python that has the client."""

    name: str
    python: tuple[str, ...]  # argv of its interpreter
    mobilevit: tuple[str, ...]  # argv of its command
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What the table tells of an install. Times are medians of fresh processes; times, memory and
    sizes are None where they would not be those of a device."""

    install: str
    runtime: str
    artifact: str
    import_ms: float | None
    first_label_ms: float | None
    peak_bytes: int | None
    installed_bytes: int | None
    answer: str


def environment_of_its_own() -> dict[str, str]:
    """This process's, without what would lead a Python to other packages than its own."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}


def development() -> Install:
    """The environment that the tests run in."""
    return Install(
        "development",
        (sys.executable,),
        (sys.executable, "-m", "mobilevit.cli"),
        dict(os.environ),
    )


def fresh_install(folder: Path, extra: str) -> Install:
    """A new virtual environment with the base install of this repository and one extra, and not
    even pip beside them."""
    clean = environment_of_its_own()
    venv = [sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)]
    subprocess.run(venv, env=clean, check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    pip += ["--quiet", "--disable-pip-version-check"]
    pip += ["--constraint", str(REPOSITORY / "constraints.txt"), f"{REPOSITORY}[{extra}]"]
    subprocess.run(pip, env=clean, check=True)
    bin_ = folder / "bin"
    return Install(f"base + {extra}", (str(bin_ / "python"),), (str(bin_ / "mobilevit"),), clean)


def pure_install(folder: Path) -> Path:
    """The project's own files as its wheel has them, without dependencies, in a folder to import
    from."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--upgrade", "--target", str(folder), str(REPOSITORY)]
    subprocess.run(pip, env=environment_of_its_own(), check=True)
    return folder


def run_client(install: Install, bundle: Path, photo: Path) -> dict[str, Any]:
    """What `client.py` reports in a fresh process of `install`."""
    done = subprocess.run(
        [*install.python, str(CLIENT), str(bundle), str(photo)],
        env=install.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{install.name}: {done.stderr}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def run_command(install: Install, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The `mobilevit` command of `install`."""
    return subprocess.run(
        [*install.mobilevit, *arguments],
        env=install.environment,
        capture_output=True,
        text=True,
    )


def faults_found(install: Install, bundle: Path) -> tuple[int, dict[tuple[str, str], list[str]]]:
    """Exit status of `mobilevit verify`, and the faults by (file, what was checked)."""
    done = run_command(install, "verify", str(bundle), "--json")
    assert done.stdout, f"{install.name}: verify printed nothing: {done.stderr}"
    checks = json.loads(done.stdout)
    return done.returncode, {(c["subject"], c["what"]): c["faults"] for c in checks}


def measured_row(install: Install, bundle: Path, photo: Path, processes: int = 5) -> Row:
    """A row of the table, after one process that is not counted: it reads the disk."""
    run_client(install, bundle, photo)
    reports = [run_client(install, bundle, photo) for _ in range(processes)]
    return Row(
        install=install.name,
        runtime=f"{reports[0]['runtime']} {reports[0]['runtime_version']}",
        artifact=reports[0]["artifact"],
        import_ms=median(r["import_s"] for r in reports) * 1e3,
        first_label_ms=median(r["first_label_s"] for r in reports) * 1e3,
        peak_bytes=round(median(r["peak_bytes"] for r in reports)),
        installed_bytes=None,
        answer=answer(reports[0]),
    )


def answer(report: dict[str, Any]) -> str:
    """The best label, as the table shows it."""
    return f"{report['labels'][0]} {report['probabilities'][0]:.4%}"


def packages_size(folder: Path) -> int:
    """Bytes of the packages in a virtual environment, bytecode and all."""
    files = (folder / "lib").rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
