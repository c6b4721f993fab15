"""Real runs: workers, interleaved rounds, and what becomes of them when something fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mobilevit.bundle import hash_artifact
from mobilevit.errors import ConversionError, InputError, MissingDependencyError
from mobilevit.runtimes import RUNTIMES, Runtime
from mobilevit_benchmarks import BenchmarkResult, ProtocolSettings, Subject, benchmark, paired_ratio
from mobilevit_benchmarks.cases import unfold

ROUNDS = 6
QUICK = ProtocolSettings(
    warmup_min_s=0.01, warmup_cap_s=1.0, round_min_runs=3, round_min_s=0.005, seed=0
)


def save_model(path: Path, layers: int = 4, width: int = 32, batch: int | str = 1) -> Path:
    """`image` -> `layers` convolutions of `width` channels -> `probabilities`."""
    random = np.random.default_rng(0)
    nodes, weights = [], []
    before, channels = "image", 3
    for layer in range(layers):
        kernel = random.standard_normal((width, channels, 3, 3), np.float32) / (3 * width)
        weights.append(numpy_helper.from_array(kernel, f"kernel{layer}"))
        nodes += [
            helper.make_node("Conv", [before, f"kernel{layer}"], [f"c{layer}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
        ]
        before, channels = f"r{layer}", width
    nodes += [
        helper.make_node("GlobalAveragePool", [before], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 32, 32])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, width])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return save_model(tmp_path / "tiny.onnx", layers=1, width=8)


def child_processes(parent: int) -> set[int]:
    """Living children of a process, from /proc."""
    children = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # the name, in parentheses, may hold anything
            state, its_parent = stat.read_text().rpartition(")")[2].split()[:2]
        except FileNotFoundError:  # it ended meanwhile
            continue
        if int(its_parent) == parent and state != "Z":
            children.add(int(stat.parent.name))
    return children


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def quick(
    *subjects: Subject, rounds: int = 2, report: Callable[[str], None] = lambda _: None
) -> BenchmarkResult:
    return benchmark(subjects, rounds=rounds, settings=QUICK, report=report)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One, and one of four times its layers."""
    folder = tmp_path_factory.mktemp("models")
    return save_model(folder / "small.onnx", 4), save_model(folder / "large.onnx", 16)


@pytest.fixture(scope="module")
def result(models: tuple[Path, Path]) -> BenchmarkResult:
    small, large = models
    return quick(
        Subject(small, "small", "convs"),
        Subject(small, "again", "convs"),
        Subject(large, "large", "convs"),
        rounds=ROUNDS,
    )


def test_every_sample_is_there(result: BenchmarkResult, models: tuple[Path, Path]) -> None:
    assert [m.name for m in result.measurements] == ["small", "again", "large"]
    for m in result.measurements:
        assert (m.runtime, m.threads) == ("onnxruntime", 1)
        assert (m.artifact_sha256, m.artifact_bytes) == hash_artifact(models[m.name == "large"])
        assert m.runtime_version == RUNTIMES["onnxruntime"].version()
        assert m.load_ns > 0 and m.first_run_ns > 0
        assert len(m.warmup.samples_ns) >= QUICK.warmup_min_runs or m.warmup.capped
        assert len(m.rounds) == ROUNDS
        for timed in m.rounds:
            assert len(timed.samples_ns) >= QUICK.round_min_runs
            assert sum(timed.samples_ns) >= QUICK.round_min_s * 1e9
        assert len(m.samples_ns) == sum(len(timed.samples_ns) for timed in m.rounds)


def test_rounds_interleave(result: BenchmarkResult) -> None:
    """Every case has had a round before any has its next, in an order that changes."""
    starts = [[m.rounds[i].started_ns for m in result.measurements] for i in range(ROUNDS)]
    for now, after in pairwise(starts):
        assert max(now) < min(after)
    assert len({tuple(np.argsort(now)) for now in starts}) > 1


def test_rounds_do_not_overlap(result: BenchmarkResult) -> None:
    spans = sorted(
        (r.started_ns, r.started_ns + sum(r.samples_ns))
        for m in result.measurements
        for r in m.rounds
    )
    for (_, end), (start, _) in pairwise(spans):
        assert end <= start


def test_more_work_takes_longer_and_the_same_does_not(result: BenchmarkResult) -> None:
    small, again, large = (m.rounds for m in result.measurements)
    assert paired_ratio(large, small).median > 1.5
    assert 0.67 < paired_ratio(again, small).median < 1.5


def test_the_machine_is_described(result: BenchmarkResult) -> None:
    assert result.host.device == "local"
    assert result.host.cores >= 1
    assert result.host.memory_bytes > 2**28
    assert len(result.state_before.load_average) == 3


def test_memory_rises_by_the_weights(tmp_path: Path) -> None:
    weights = 768 * 768 * 9 * 4  # bytes of the second layer
    light = save_model(tmp_path / "light.onnx", layers=1)
    heavy = save_model(tmp_path / "heavy.onnx", layers=2, width=768)
    light_m, heavy_m = quick(
        Subject(light, "light", "m"), Subject(heavy, "heavy", "m")
    ).measurements
    assert light_m.memory_rise_bytes > 0
    assert heavy_m.memory_rise_bytes - light_m.memory_rise_bytes > 0.9 * weights
    assert heavy_m.peak_memory_bytes > heavy_m.memory_rise_bytes


def test_threads_make_cases(tiny: Path) -> None:
    cases, _ = unfold([Subject(tiny, "a", "m"), Subject(tiny, "b", "m")], (1, 2, 1))
    assert [(c.subject.name, c.threads) for c in cases] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


@pytest.mark.parametrize("content", [b"not a model", b"", None])
@on_linux
def test_broken_artifact(tiny: Path, tmp_path: Path, content: bytes | None) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(content if content is not None else tiny.read_bytes()[:-100])
    with pytest.raises(ConversionError, match=r"onnxruntime cannot open .*broken\.onnx"):
        quick(Subject(tiny, "good", "m"), Subject(broken, "broken", "m"))
    assert child_processes(os.getpid()) == set()


@on_linux
def test_killed_worker(tiny: Path) -> None:
    def kill_one(line: str) -> None:
        if line.startswith("round 1"):
            os.kill(min(child_processes(os.getpid())), signal.SIGKILL)

    with pytest.raises(ConversionError, match=r"onnxruntime with .*tiny\.onnx.* was killed"):
        quick(Subject(tiny, "one", "m"), Subject(tiny, "other", "m"), report=kill_one)
    assert child_processes(os.getpid()) == set()


@on_linux
def test_crashed_worker(tiny: Path) -> None:
    def crash_one(line: str) -> None:
        if line.startswith("round 1"):
            os.kill(min(child_processes(os.getpid())), signal.SIGSEGV)

    with pytest.raises(ConversionError, match=r"tiny\.onnx.* signal 11, Segmentation fault"):
        quick(Subject(tiny, "one", "m"), report=crash_one)


@on_linux
def test_interrupt_in_the_caller(tiny: Path) -> None:
    seen: set[int] = set()

    def interrupt(line: str) -> None:
        if line.startswith("round 1"):
            seen.update(child_processes(os.getpid()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(Subject(tiny, "one", "m"), Subject(tiny, "other", "m"), report=interrupt)
    assert len(seen) == 2
    assert child_processes(os.getpid()) == set()


SCRIPT = """
import sys
from pathlib import Path
from mobilevit_benchmarks import Subject, benchmark
benchmark([Subject(Path(sys.argv[1]), "tiny", "m")], rounds=1000,
          report=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@on_linux
def test_no_worker_outlives_its_parent(tiny: Path, number: signal.Signals) -> None:
    """Ctrl-C goes to the whole group, and the parent must be the one that answers it."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tiny)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None and parent.stderr is not None
        try:
            while "round" not in parent.stdout.readline():
                assert parent.poll() is None
            (worker,) = child_processes(parent.pid)
            if number == signal.SIGINT:
                os.killpg(parent.pid, number)
            else:
                parent.send_signal(number)
            assert parent.wait(10) == -number
        finally:
            parent.kill()
        if number == signal.SIGINT:
            assert parent.stderr.read().rstrip().endswith("KeyboardInterrupt")
    for _ in range(100):
        if not _alive(worker):
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


def _alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_given_feeds_are_used(tiny: Path) -> None:
    image = np.zeros((1, 3, 32, 32), np.float32)
    quick(Subject(tiny, "tiny", "m", feeds={"image": image}))
    with pytest.raises(InputError, match=r"tiny\.onnx.*`image`.*is float32 \[1, 3, 16, 32\]"):
        quick(Subject(tiny, "tiny", "m", feeds={"image": image[:, :, ::2]}))


def test_a_run_that_fails(tmp_path: Path) -> None:
    """An index within the table runs and one beyond it fails, so that feeds arrive as given."""
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "index"], ["row"])],
        "lookup",
        [helper.make_tensor_value_info("index", TensorProto.INT64, [2])],
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.zeros(1000, np.float32), "table")],
    )
    path = tmp_path / "lookup.onnx"
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    quick(Subject(path, "lookup", "m", feeds={"index": np.array([0, 999])}))
    with pytest.raises(ConversionError, match=r"lookup\.onnx.* ended with status 1: .*Gather"):
        quick(Subject(path, "lookup", "m", feeds={"index": np.array([0, 1000])}))


def test_a_dynamic_side_needs_feeds(tmp_path: Path) -> None:
    dynamic = save_model(tmp_path / "dynamic.onnx", layers=1, width=8, batch="N")
    with pytest.raises(InputError, match=r"dynamic\.onnx.*no feed can be drawn for input `image`"):
        quick(Subject(dynamic, "dynamic", "m"))
    image = np.zeros((2, 3, 32, 32), np.float32)
    quick(Subject(dynamic, "dynamic", "m", feeds={"image": image}))


def test_the_current_folder_cannot_shadow_a_module(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    quick(Subject(Path(tiny.name), "relative path", "m"))


def core_ml_package(folder: Path) -> Path:
    package = folder / "tiny.mlpackage"
    package.mkdir()
    (package / "Manifest.json").write_text("{}")
    return package


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac times Core ML")
def test_what_nothing_here_times_is_listed(tiny: Path, tmp_path: Path) -> None:
    package = core_ml_package(tmp_path)
    result = quick(Subject(tiny, "onnx fp32", "m"), Subject(package, "coreml fp16", "m"))
    assert [m.name for m in result.measurements] == ["onnx fp32"]
    (skipped,) = result.not_timed
    assert (skipped.name, skipped.artifact) == ("coreml fp16", "tiny.mlpackage")
    assert skipped.reason == "runtime `coreml` runs on a Mac only"
    with pytest.raises(InputError, match="runs on a Mac only"):
        quick(Subject(package, "coreml fp16", "m"))


def test_a_reference_is_not_timed(tmp_path: Path) -> None:
    package = core_ml_package(tmp_path)
    with pytest.raises(InputError, match="runtime `coreml_reference` is not timed"):
        quick(Subject(package, "coreml", "m", runtime="coreml_reference"))


def test_runtime_not_installed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Runtime("absent", (".onnx",), ("no_such_package_here",), "absent")
    monkeypatch.setitem(RUNTIMES, "absent", absent)
    with pytest.raises(MissingDependencyError, match="`no_such_package_here` is not installed"):
        quick(Subject(tiny, "tiny", "m", runtime="absent"))


def test_wrong_input(tiny: Path, tmp_path: Path) -> None:
    subject = Subject(tiny, "tiny", "m")
    text = tmp_path / "labels.txt"
    text.write_text("tench")
    calls: dict[str, Callable[[], object]] = {
        "nothing to benchmark": lambda: quick(),
        "0 rounds": lambda: quick(subject, rounds=0),
        "not a choice of threads": lambda: benchmark([subject], threads=(0,)),
        "no artifact": lambda: quick(Subject(tmp_path / "absent.onnx", "absent", "m")),
        "unknown runtime `onnx`": lambda: quick(Subject(tiny, "tiny", "m", runtime="onnx")),
        "`litert` opens .tflite": lambda: quick(Subject(tiny, "tiny", "m", runtime="litert")),
        "no runtime opens `labels.txt`": lambda: quick(Subject(text, "labels", "m")),
    }
    for message, call in calls.items():
        with pytest.raises(InputError, match=message):
            call()
