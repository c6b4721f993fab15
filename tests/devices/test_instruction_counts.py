"""Counts of instructions under QEMU: that they are right, that they repeat, and what they show."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mobilevit.errors import ConversionError, InputError
from mobilevit_benchmarks.devices import arm64_emulated, counted_runs
from mobilevit_benchmarks.devices.arm64_emulated import count_instructions, read_counts
from mobilevit_benchmarks.devices.arm64_root import arm64_root, emulated_python
from mobilevit_benchmarks.devices.instruction_plugin import instruction_plugin, plugin_option
from mobilevit_export.formats import FORMATS
from tests.devices.conftest import SCRATCH
from tests.devices.installs import pure_install
from tests.mobilevit_export.graphs import tiny_spec

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

REPEATABILITY = 0.0002  # (max - min) / median that is allowed; the gate needs 0.002
RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert"}

GUEST = """
import ctypes, mmap, os, sys, threading, time
sys.path.append(sys.argv[1])
from counted_runs import BEGIN, END, MARK, marked

prctl = ctypes.PyDLL(None).prctl


def beside(work, wait_s=0.0):
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(wait_s)
    marked(lambda: time.sleep(0.1), 1)
    return thread
"""

# A function of x0 that makes its marks itself, so that nothing of Python is between them: after
# BEGIN's system call come 2 x0 + 3 instructions.
MARKED_LOOP = """
words = (
    0xAA0003E9,  # mov x9, x0
    0xD28014E8,  # mov x8, 167            // prctl
    0x528D2A80,  # mov w0, 0x6954
    0x72A9AAC0,  # movk w0, 0x4d56, lsl 16
    0xAA0003EA,  # mov x10, x0            // MARK
    0xD2800021,  # mov x1, 1              // BEGIN
    0xD4000001,  # svc 0
    0xF1000529,  # 1: subs x9, x9, 1
    0x54FFFFE1,  # b.ne 1b
    0xAA0A03E0,  # mov x0, x10
    0xD2800041,  # mov x1, 2              // END
    0xD4000001,  # svc 0
    0xD65F03C0,  # ret
)
code = b"".join(word.to_bytes(4, "little") for word in words)
memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
marked_loop = ctypes.PYFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(address)
"""

Guest = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def sdk() -> Path:
    return pure_install(SCRATCH / "sdk")


@pytest.fixture
def guest(sdk: Path, tmp_path: Path) -> Guest:
    """Runs the rest of a program, and gives the plugin's lines."""

    def run(program: str) -> list[str]:
        out = tmp_path / "counts"
        option = plugin_option(instruction_plugin(), out)
        python = emulated_python(arm64_root(), imports=[sdk], qemu_options=option)
        here = str(Path(counted_runs.__file__).parent)
        command = [*python.argv, "-c", GUEST + program, here]
        done = subprocess.run(command, env=python.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return out.read_text().splitlines()

    return run


def spread(counts: tuple[int, ...]) -> float:
    return (max(counts) - min(counts)) / float(np.median(counts))


# the plugin


def test_known_instructions_are_counted_to_the_last_one(guest: Guest) -> None:
    loops = (1, 1_000, 1_234_567)
    lines = guest(MARKED_LOOP + f"for n in {loops}: marked_loop(n)")
    assert lines == [f"run {2 * n + 3}" for n in loops]


def test_an_empty_run_counts_next_to_nothing(guest: Guest) -> None:
    lines = guest("marked(lambda: None, 5)")
    counts = [int(line.removeprefix("run ")) for line in lines]
    assert len(counts) == 5
    assert max(counts) < 4_000  # 0.002 % of MobileViT-XXS


def test_a_thread_that_works_meanwhile_is_refused(guest: Guest) -> None:
    (line,) = guest("beside(lambda: [None for _ in range(10**7)]).join()")
    assert line.startswith("refused other threads executed ")


def test_a_thread_that_sleeps_meanwhile_is_not(guest: Guest) -> None:
    (line,) = guest(
        "reading, writing = os.pipe()\n"
        "thread = beside(lambda: os.read(reading, 1), wait_s=2)  # till it is asleep\n"
        "os.write(writing, b'.')\n"
        "thread.join()\n"
    )
    assert line.startswith("run ")


def test_marks_out_of_order_are_refused(guest: Guest) -> None:
    assert guest("prctl(MARK, END)") == ["refused it ended without having begun"]
    assert guest("prctl(MARK, BEGIN); prctl(MARK, BEGIN)") == ["refused it began within another"]
    assert guest("prctl(MARK, 3)") == ["refused its mark is neither a beginning nor an end"]
    assert guest("prctl(MARK, BEGIN)") == []
    (line,) = guest(
        "prctl(MARK, BEGIN)\n"
        "thread = threading.Thread(target=lambda: prctl(MARK, END))\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    assert line == "refused it began on one thread and ended on another"


def test_a_program_without_marks_has_no_count(guest: Guest, tmp_path: Path) -> None:
    assert guest("time.sleep(0)") == []
    with pytest.raises(ConversionError, match="counted 0 of 1 runs"):
        read_counts(tmp_path / "counts", 1, "it")


def test_marks_that_the_plugin_does_not_know_are_no_count_of_zero(
    models: dict[tuple[str, int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(counted_runs.__file__).read_text()
    other = tmp_path / "counted_runs.py"
    other.write_text(source.replace("MARK = 0x4D566954", "MARK = 0x4D566955"))
    assert other.read_text() != source
    monkeypatch.setattr(arm64_emulated, "_GUEST", other)
    with pytest.raises(ConversionError, match="counted 0 of 3 runs"):
        count_instructions(models["onnx", LAYERS], runtime="onnxruntime", repeats=1)


# counts of artifacts

LAYERS = 100
PROCESSES = 3  # five are the command's; emulated ones take seconds to start


class Convolutions(nn.Module):
    """float32 (1, 3, 32, 32) -> (1, 3); equal layers of 590 thousand multiply-adds."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(3, 8, 1)
        blocks = (nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()) for _ in range(layers))
        self.layers = nn.Sequential(*blocks)
        self.classifier = nn.Linear(8, 3)

    def forward(self, image: Tensor) -> Tensor:
        pooled: Tensor = self.layers(self.widen(image)).mean((2, 3))
        return self.classifier(pooled)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Path]:
    """In both formats, and with 1 % of its layers more."""
    folder = tmp_path_factory.mktemp("models")
    paths = {}
    for layers in (LAYERS, LAYERS + LAYERS // 100):
        torch.manual_seed(0)
        model = Convolutions(layers).eval()
        for kind in RUNTIMES:
            path = folder / f"{layers}.{kind}"
            spec = tiny_spec("fp32")
            FORMATS[kind].convert(model, spec).save(spec, path)
            paths[kind, layers] = path
    return paths


@pytest.mark.parametrize("kind", RUNTIMES)
def test_one_percent_more_is_found_in_every_process(
    models: dict[tuple[str, int], Path], kind: str
) -> None:
    before, after = (
        count_instructions(
            models[kind, layers], runtime=RUNTIMES[kind], repeats=PROCESSES
        ).per_process
        for layers in (LAYERS, LAYERS + LAYERS // 100)
    )
    assert len(before) == len(after) == PROCESSES
    assert spread(before) < REPEATABILITY and spread(after) < REPEATABILITY
    for a, b in product(before, after):
        assert 0.008 < b / a - 1 < 0.0105  # less than 1 % for what is not in the layers


@pytest.mark.parametrize("kind", RUNTIMES)
def test_counts_of_mobilevit_repeat(bundle: Path, kind: str) -> None:
    artifact = next(bundle.glob(f"*_fp32.{kind}"))
    counts = count_instructions(artifact, runtime=RUNTIMES[kind], repeats=PROCESSES)
    assert len(counts.runs) == PROCESSES and all(len(runs) == 3 for runs in counts.runs)
    assert min(counts.per_process) > 20e6
    assert spread(counts.per_process) < REPEATABILITY
    assert counts.qemu_version and counts.runtime_version


def test_feeds_reach_the_artifact(models: dict[tuple[str, int], Path]) -> None:
    artifact = models["onnx", LAYERS]
    feeds = {"image": np.zeros((1, 3, 32, 32), np.float32)}
    count_instructions(artifact, runtime="onnxruntime", repeats=1, runs=1, feeds=feeds)
    feeds = {"image": np.zeros((1, 3, 32, 31), np.float32)}
    with pytest.raises(InputError, match=f"{LAYERS}.onnx.*32, 31"):
        count_instructions(artifact, runtime="onnxruntime", repeats=1, runs=1, feeds=feeds)


@pytest.mark.parametrize("kind", RUNTIMES)
def test_an_artifact_that_the_runtime_refuses(tmp_path: Path, kind: str) -> None:
    artifact = tmp_path / f"broken.{kind}"
    artifact.write_bytes(b"no model of any kind")
    with pytest.raises(ConversionError, match=f"cannot open `.*broken.{kind}`: "):
        count_instructions(artifact, runtime=RUNTIMES[kind], repeats=1)
