"""The arm64 tree: when it is built, what is said where it cannot be, and the command line.

`make test-devices` builds and runs it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobilevit.errors import InputError
from mobilevit_benchmarks.devices import arm64_root as module
from mobilevit_benchmarks.devices.arm64_root import CPUS, arm64_root, emulated_python


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one on PATH, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MOBILEVIT_CACHE", str(tmp_path / "cache"))
    return folder


def add_tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def add_tree(cache: Path, stamp: str) -> Path:
    root = cache / "arm64"
    root.mkdir(parents=True)
    (root / "stamp").write_text(stamp, encoding="utf-8")
    return root


@pytest.mark.parametrize("missing", ["debootstrap", "dpkg-deb", "qemu-aarch64"])
def test_a_tool_that_is_missing_is_named(tools: Path, missing: str) -> None:
    for name in {"debootstrap", "dpkg-deb", "qemu-aarch64"} - {missing}:
        add_tool(tools, name, "exit 99")
    with pytest.raises(InputError, match=f"`{missing}` is not installed") as caught:
        arm64_root()
    assert caught.value.hint is not None and "apt-get install" in caught.value.hint


def test_a_tool_that_fails_is_quoted_and_leaves_nothing(tools: Path, tmp_path: Path) -> None:
    add_tool(tools, "debootstrap", "echo E: debootstrap can only run as root >&2; exit 1")
    add_tool(tools, "dpkg-deb", "exit 99")
    add_tool(tools, "qemu-aarch64", "exit 99")
    with pytest.raises(InputError, match="can only run as root"):
        arm64_root()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_tree_of_these_versions_is_used_as_it_is(tools: Path, tmp_path: Path) -> None:
    root = add_tree(tmp_path / "cache", module._stamp())
    assert arm64_root() == root  # and no tool was there to build it


def test_a_tree_of_other_versions_is_built_anew(tools: Path, tmp_path: Path) -> None:
    root = add_tree(tmp_path / "cache", module._stamp().replace("numpy==2", "numpy==1"))
    with pytest.raises(InputError, match="is not installed"):
        arm64_root()
    assert root.is_dir()  # until there is a better one


def test_command_line(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_tool(tools, "qemu-aarch64", "exit 99")
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("LD_PRELOAD", "/elsewhere/lib.so")
    options = ("-plugin", "count.so")
    python = emulated_python(tmp_path, cpu="max", imports=[tmp_path / "sdk"], qemu_options=options)
    assert python.argv == (
        str(tools / "qemu-aarch64"),
        *("-cpu", "max", "-L", str(tmp_path / "cpus" / "max")),
        *options,
        str(tmp_path / "debian" / "usr" / "bin" / "python3.11"),
    )
    paths = python.environment["PYTHONPATH"].split(os.pathsep)
    assert paths == [str(tmp_path / "sdk"), str(tmp_path / "site-packages")]
    assert {"PYTHONHOME", "LD_PRELOAD"}.isdisjoint(python.environment)
    assert python.environment["PATH"] == str(tools)


def test_unknown_processor(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown emulated processor `cortex-a77`") as caught:
        emulated_python(tmp_path, cpu="cortex-a77")
    assert caught.value.hint is not None and "cortex-a76" in caught.value.hint


def test_qemu_missing_at_the_command_line(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`qemu-aarch64` is not installed"):
        emulated_python(tmp_path)


def test_cpuinfo_reads_as_on_linux() -> None:
    """Fields as cpuinfo.c of arm64 Linux prints them; 0x414fd0b1 is the register of an A76."""
    assert CPUS["cortex-a76"].cpuinfo.splitlines()[1:] == [
        "CPU implementer\t: 0x41",
        "CPU architecture: 8",
        "CPU variant\t: 0x4",
        "CPU part\t: 0xd0b",
        "CPU revision\t: 1",
    ]


def test_wheels_are_those_of_the_constraints() -> None:
    constraints = Path(__file__).parents[2] / "constraints.txt"
    tested = constraints.read_text(encoding="utf-8").splitlines()
    wheels = module._WHEELS.read_text(encoding="utf-8").splitlines()
    pins = [line for line in wheels if not line.startswith("#")]
    assert len(pins) > 10 and set(pins) <= set(tested)
