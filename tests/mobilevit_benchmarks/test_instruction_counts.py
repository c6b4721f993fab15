"""Counting instructions, as far as it goes without QEMU: the plugin's build, the program that marks
its runs, and what is said when either fails. `make test-devices` counts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mobilevit.errors import ConversionError, InputError
from mobilevit.runtimes import RUNTIMES
from mobilevit_benchmarks.devices import arm64_root, counted_runs, instruction_plugin
from mobilevit_benchmarks.devices.arm64_emulated import (
    InstructionCounts,
    count_instructions,
    read_counts,
)

PLUGIN_SOURCE = Path(counted_runs.__file__).with_name("instruction_count.c")
# answers `-v` as a compiler does, and copies its source
COMPILER = """
if [ "$1" = -v ]; then echo "cc version $VERSION" >&2; exit 0; fi
while [ "$1" != -o ]; do shift; done
echo built >"$2"
"""


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


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """float32 (1, 4) `image` -> its softmax"""
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["image"], ["probabilities"])],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 4])],
    )
    path = tmp_path / "tiny.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    return path


# the plugin


def test_the_marks_are_the_same_in_both_languages() -> None:
    source = PLUGIN_SOURCE.read_text()
    defined = dict(re.findall(r"#define (MARK|BEGIN|END) (\w+)", source))
    assert {name: int(value, 0) for name, value in defined.items()} == {
        "MARK": counted_runs.MARK,
        "BEGIN": counted_runs.BEGIN,
        "END": counted_runs.END,
    }


def test_without_a_compiler(tools: Path) -> None:
    with pytest.raises(InputError, match="`cc`, a C compiler, is not installed") as caught:
        instruction_plugin.instruction_plugin()
    assert caught.value.hint is not None and "apt-get install" in caught.value.hint


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(tools: Path, tmp_path: Path) -> None:
    add_tool(tools, "cc", "echo 'fatal error: stdio.h: No such file' >&2; exit 1")
    with pytest.raises(InputError, match=r"instruction_count\.c.*stdio\.h: No such file"):
        instruction_plugin.instruction_plugin()
    assert list((tmp_path / "cache").iterdir()) == []


def test_it_is_built_once_for_each_compiler(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_tool(tools, "cc", COMPILER)
    monkeypatch.setenv("VERSION", "12")
    first = instruction_plugin.instruction_plugin()
    assert first.read_text() == "built\n"
    first.write_text("used as it is")
    assert instruction_plugin.instruction_plugin() == first
    assert first.read_text() == "used as it is"
    monkeypatch.setenv("VERSION", "13")
    assert instruction_plugin.instruction_plugin() != first


def test_it_is_built_anew_when_its_source_changes(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tool(tools, "cc", COMPILER)
    first = instruction_plugin.instruction_plugin()
    changed = tmp_path / "instruction_count.c"
    changed.write_text(PLUGIN_SOURCE.read_text() + "\n")
    monkeypatch.setattr(instruction_plugin, "_SOURCE", changed)
    assert instruction_plugin.instruction_plugin() != first


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler, on Linux"
)
def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    strict = ["-Wall", "-Wextra", "-Werror", str(PLUGIN_SOURCE), "-o", str(tmp_path / "built.so")]
    subprocess.run(["cc", *instruction_plugin._FLAGS, *strict], check=True)


def test_commas_in_its_paths(tmp_path: Path) -> None:
    option = instruction_plugin.plugin_option(tmp_path / "a,b.so", tmp_path / "c,d")
    assert option == ("-plugin", f"{tmp_path}/a,,b.so,out={tmp_path}/c,,d")


# its file


def counts_file(folder: Path, text: str) -> Path:
    path = folder / "counts"
    path.write_text(text)
    return path


def test_counts_are_read(tmp_path: Path) -> None:
    assert read_counts(counts_file(tmp_path, "run 12\nrun 345\n"), 2, "it") == (12, 345)


@pytest.mark.parametrize("text", ["", "run 12\n", "run 12\nrun 12\nrun 12\n"])
def test_another_number_of_counts_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConversionError, match=rf"counted {text.count('run')} of 2 runs of it"):
        read_counts(counts_file(tmp_path, text), 2, "it")


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="counted 0 of 2 runs of it"):
        read_counts(tmp_path / "counts", 2, "it")


@pytest.mark.parametrize("line", ["refused other threads executed 7", "run 0", "run", "run 1x"])
def test_a_run_without_a_count_is_an_error(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConversionError, match="cannot be counted"):
        read_counts(counts_file(tmp_path, f"run 12\n{line}\n"), 2, "it")


def test_a_process_counts_by_the_median_of_its_runs() -> None:
    counts = InstructionCounts(
        runs=((9, 5, 7), (8, 8, 1)), cpu="max", qemu_version="7", runtime_version="1"
    )
    assert counts.per_process == (7, 8)


# the program that marks its runs: the kernel of this machine refuses the marks


def run_here(command: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Its reply, and what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, str(Path(counted_runs.__file__))],
        input=json.dumps(command) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    reply: dict[str, Any] = json.loads(done.stdout)
    return reply, done.stderr


def command_for(artifact: Path, **changes: Any) -> dict[str, Any]:
    command = {"artifact": str(artifact), "runtime": "onnxruntime", "runs": 2, "seed": 0}
    return command | {"feeds": None, "feeds_file": ""} | changes


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="marks are a system call of Linux")


@on_linux
def test_it_runs_an_artifact(model: Path, tmp_path: Path) -> None:
    answer = {"runtime_version": RUNTIMES["onnxruntime"].version()}
    assert run_here(command_for(model))[0] == answer
    feeds = tmp_path / "feeds.npz"
    np.savez(feeds, np.ones((1, 4), np.float32))
    assert run_here(command_for(model, feeds=["image"], feeds_file=str(feeds)))[0] == answer


@on_linux
def test_it_answers_with_what_a_user_can_put_right(model: Path, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds.npz"
    np.savez(feeds, np.ones((1, 5), np.float32))
    reply, _ = run_here(command_for(model, feeds=["image"], feeds_file=str(feeds)))
    assert reply["error"] == "input" and "tiny.onnx" in reply["message"]
    model.write_bytes(b"no model")
    reply, _ = run_here(command_for(model))
    assert reply["error"] == "conversion" and "cannot open" in reply["message"]


@on_linux
def test_it_imports_the_runtime_and_little_else(model: Path) -> None:
    program = (
        "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__');"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, counted_runs.__file__],
        input=json.dumps(command_for(model)) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.split())
    assert "onnxruntime" in loaded
    assert {"pydantic", "torch", "mobilevit_benchmarks.devices"}.isdisjoint(loaded)


# an emulator that fails


@pytest.fixture
def emulator(tools: Path, tmp_path: Path) -> Path:
    """Everything but QEMU: that is a script to be written."""
    add_tool(tools, "cc", COMPILER)
    root = tmp_path / "cache" / "arm64"
    root.mkdir(parents=True)
    (root / "stamp").write_text(arm64_root._stamp(), encoding="utf-8")
    return tools


def count(artifact: Path, **options: Any) -> InstructionCounts:
    return count_instructions(artifact, runtime="onnxruntime", **options)


def test_a_process_that_is_killed(emulator: Path, model: Path) -> None:
    add_tool(emulator, "qemu-aarch64", "kill -9 $$")
    with pytest.raises(ConversionError, match=r"tiny\.onnx`: .* was killed") as caught:
        count(model)
    assert caught.value.hint is not None and "memory" in caught.value.hint


def test_a_process_that_crashes(emulator: Path, model: Path) -> None:
    add_tool(emulator, "qemu-aarch64", "echo qemu: uncaught target signal 11 >&2; kill -11 $$")
    with pytest.raises(ConversionError, match="signal 11, Segmentation fault: qemu: uncaught"):
        count(model)


def test_a_plugin_that_is_not_loaded(emulator: Path, model: Path) -> None:
    add_tool(emulator, "qemu-aarch64", "echo Could not load plugin >&2; exit 1")
    with pytest.raises(ConversionError, match="ended with status 1: Could not load plugin"):
        count(model)


def test_a_process_that_takes_too_long(emulator: Path, model: Path) -> None:
    add_tool(emulator, "qemu-aarch64", f"exec {shutil.which('sleep', path='/bin:/usr/bin')} 60")
    with pytest.raises(ConversionError, match=r"did not end within 0\.2 s"):
        count(model, timeout_s=0.2)


def test_an_emulator_that_does_not_count(emulator: Path, model: Path) -> None:
    add_tool(emulator, "qemu-aarch64", """echo '{"runtime_version": "1"}'""")
    with pytest.raises(ConversionError, match="counted 0 of 3 runs"):
        count(model)


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"runs": 0}, {"timeout_s": 0.0}])
def test_counting_nothing(model: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="count nothing"):
        count(model, **wrong)


def test_unknown_processor(emulator: Path, model: Path) -> None:
    add_tool(emulator, "qemu-aarch64", "exit 99")
    with pytest.raises(InputError, match="unknown emulated processor `cortex-a77`"):
        count(model, cpu="cortex-a77")
