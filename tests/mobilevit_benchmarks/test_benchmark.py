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
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mobilevit.bundle import hash_artifact
from mobilevit.errors import ConversionError, InputError, MissingDependencyError
from mobilevit.runtimes import RUNTIMES, Runtime
from mobilevit_benchmarks import (
    BenchmarkResult,
    ModelFacts,
    ProtocolSettings,
    Subject,
    benchmark,
)
from mobilevit_benchmarks.cases import unfold
from mobilevit_benchmarks.statistics import paired_ratio

ROUNDS, LAUNCHES = 6, 2
QUICK = ProtocolSettings(
    launches=1,
    rounds=2,
    warmup_min_s=0.01,
    warmup_cap_s=1.0,
    round_min_runs=3,
    round_min_s=0.005,
    sentinel_min_s=0.001,
)
M = ModelFacts(name="m")


def save_model(
    path: Path, layers: int = 4, width: int = 32, batch: int | str = 1, side: int | str = 32
) -> Path:
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
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, side, 32])],
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


@pytest.fixture
def older() -> set[int]:
    """Child processes that are none of the test's doing."""
    return child_processes(os.getpid())


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def quick(
    *subjects: Subject, report: Callable[[str], None] = lambda _: None, **changes: Any
) -> BenchmarkResult:
    return benchmark(subjects, settings=QUICK.model_copy(update=changes), report=report)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One, and one of four times its layers."""
    folder = tmp_path_factory.mktemp("models")
    return save_model(folder / "small.onnx", 4), save_model(folder / "large.onnx", 16)


@pytest.fixture(scope="module")
def result(models: tuple[Path, Path]) -> BenchmarkResult:
    small, large = models
    return quick(
        Subject(small, "small", ModelFacts(name="convs")),
        Subject(small, "again", ModelFacts(name="convs")),
        Subject(large, "large", ModelFacts(name="convs")),
        rounds=ROUNDS,
        launches=LAUNCHES,
    )


def test_every_sample_is_there(result: BenchmarkResult, models: tuple[Path, Path]) -> None:
    assert [m.name for m in result.measurements] == ["small", "again", "large"]
    assert result.stopped is None
    for m in result.measurements:
        assert (m.runtime, m.delegate, m.threads, m.batch) == ("onnxruntime", "cpu", 1, 1)
        assert m.delegate_ran == "CPUExecutionProvider"
        assert (m.artifact_sha256, m.artifact_bytes) == hash_artifact(models[m.name == "large"])
        assert m.runtime_version == RUNTIMES["onnxruntime"].version()
        assert len(m.launches) == LAUNCHES
        for launch in m.launches:
            assert launch.load_ns > 0 and launch.first_run_ns > 0
            assert len(launch.warmup.samples_ns) >= QUICK.warmup_min_runs or launch.warmup.capped
            assert len(launch.rounds) == ROUNDS / LAUNCHES
            assert launch.peak_memory_bytes is not None
        assert [timed.number for timed in m.rounds] == list(range(ROUNDS))
        for timed in m.rounds:
            assert len(timed.samples_ns) >= QUICK.round_min_runs
            assert sum(timed.samples_ns) >= QUICK.round_min_s * 1e9


def test_the_sentinel_is_between_any_two_rounds(result: BenchmarkResult) -> None:
    readings = [reading.started_ns for reading in result.sentinel]
    rounds = sorted(r.started_ns for m in result.measurements for r in m.rounds)
    assert readings == sorted(readings)
    for before, after in pairwise([0, *rounds]):
        assert any(before < reading < after for reading in readings)
    assert readings[-1] > rounds[-1]


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
    small, again, large = result.measurements
    assert paired_ratio(large, small)[0].low > 1.5
    ratio, rounds = paired_ratio(again, small)
    assert rounds == ROUNDS
    assert 0.67 < ratio.estimate < 1.5


def test_the_machine_is_described(result: BenchmarkResult) -> None:
    assert result.device.address == "local"
    assert result.device.cores >= 1
    assert (result.device.memory_bytes or 0) > 2**28
    first, last = result.states
    assert first.at_ns < min(r.started_ns for m in result.measurements for r in m.rounds)
    assert last.at_ns > result.sentinel[-1].started_ns
    assert first.state.load_average is not None


def test_memory_rises_by_the_weights(tmp_path: Path) -> None:
    weights = 768 * 768 * 9 * 4  # bytes of the second layer
    light = save_model(tmp_path / "light.onnx", layers=1)
    heavy = save_model(tmp_path / "heavy.onnx", layers=2, width=768)
    light_m, heavy_m = quick(Subject(light, "light", M), Subject(heavy, "heavy", M)).measurements
    light_rise, heavy_rise = (m.launches[0].memory_rise_bytes or 0 for m in (light_m, heavy_m))
    assert light_rise > 0
    assert heavy_rise - light_rise > 0.9 * weights
    assert (heavy_m.peak_memory_bytes or 0) > heavy_rise


def test_threads_batches_and_delegates_make_cases(tiny: Path) -> None:
    subjects = [Subject(tiny, "a", M), Subject(tiny, "b", M, any_batch=False)]
    cases, left_out = unfold(subjects, threads=(1, 2, 1), batches=(1, 4))
    assert [(c.subject.name, c.threads, c.batch) for c in cases] == [
        *(("a", 1, 1), ("a", 2, 1), ("a", 1, 4), ("a", 2, 4)),
        *(("b", 1, 1), ("b", 2, 1)),
    ]
    (skipped,) = left_out
    assert skipped.name == "b" and skipped.reason.startswith("it takes one image at a time, not 4")
    offer = {"onnxruntime": ("cpu", "nnapi")}
    cases, _ = unfold(subjects[:1], delegates=["nnapi"], offer=offer)
    assert [c.delegate for c in cases] == ["nnapi"]
    with pytest.raises(InputError, match="unknown delegate `nnap`"):
        unfold(subjects, delegates=["nnap"], offer=offer)
    with pytest.raises(InputError, match="the device has no `onnxruntime`"):
        unfold(subjects, offer={"litert": ("xnnpack",)})


def test_a_batch_is_that_many_images(tmp_path: Path) -> None:
    dynamic = save_model(tmp_path / "dynamic.onnx", batch="N")
    image = np.zeros((1, 3, 32, 32), np.float32)
    result = benchmark(
        [Subject(dynamic, "given", M, feeds={"image": image}), Subject(dynamic, "drawn", M)],
        batches=(1, 16),
        settings=QUICK,
        report=lambda _: None,
    )
    for one, many in (result.measurements[:2], result.measurements[2:]):
        assert (one.batch, many.batch) == (1, 16)
        assert np.median(many.samples_ns) > 4 * np.median(one.samples_ns)


def test_delegates_really_differ(bundle: Path) -> None:
    """LiteRT says what ran: XNNPACK in one region, or its own kernels."""
    artifact = next(bundle.glob("*fp32.tflite"))
    result = benchmark(
        [Subject(artifact, "tflite", M)],
        delegates=["xnnpack", "builtin"],
        settings=QUICK,
        report=lambda _: None,
    )
    ran = {m.delegate: m.delegate_ran for m in result.measurements}
    assert ran == {"xnnpack": "XNNPACK, 1 region", "builtin": "builtin kernels"}


@pytest.mark.parametrize("content", [b"not a model", b"", None])
@on_linux
def test_an_artifact_that_is_refused(
    tiny: Path, tmp_path: Path, older: set[int], content: bytes | None
) -> None:
    """The others go on; alone, it is an error."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(content if content is not None else tiny.read_bytes()[:-100])
    result = quick(Subject(tiny, "good", M), Subject(broken, "broken", M))
    assert [m.name for m in result.measurements] == ["good"]
    (refused,) = result.not_timed
    assert refused.refused and refused.name == "broken"
    assert "onnxruntime cannot open `artifacts/1/broken.onnx`" in refused.reason
    assert "\n" not in refused.reason
    with pytest.raises(ConversionError, match=r"onnxruntime cannot open .*broken\.onnx"):
        quick(Subject(broken, "broken", M))
    assert child_processes(os.getpid()) <= older


def workers() -> set[int]:
    """Processes that time a case, or the sentinel."""
    return {w for runner in child_processes(os.getpid()) for w in child_processes(runner)}


@pytest.mark.parametrize(
    ("number", "how"),
    [(signal.SIGKILL, "was killed"), (signal.SIGSEGV, "signal 11, Segmentation fault")],
)
@on_linux
def test_a_worker_that_ends(tiny: Path, number: signal.Signals, how: str) -> None:
    """Its case is left out from then on, with what was measured before kept."""

    def end_one(line: str) -> None:
        if line.startswith("round 3 "):
            os.kill(max(workers()), number)

    result = quick(Subject(tiny, "one", M), Subject(tiny, "other", M), report=end_one, rounds=20)
    (refused,) = result.not_timed
    assert refused.refused and how in refused.reason
    rounds = {m.name: len(m.rounds) for m in result.measurements}
    assert rounds.pop(refused.name) < 20
    assert list(rounds.values()) == [20]


@on_linux
def test_interrupt_in_the_caller(tiny: Path, older: set[int]) -> None:
    """What was measured is handed over, marked; no process is left."""
    kept: list[BenchmarkResult] = []

    def interrupt(line: str) -> None:
        if line.startswith("round 3 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark(
            [Subject(tiny, "one", M), Subject(tiny, "other", M)],
            settings=QUICK.model_copy(update={"rounds": 100}),
            report=interrupt,
            keep_partial=kept.append,
        )
    (partial,) = kept
    assert partial.stopped == "interrupted"
    assert 2 <= len(partial.measurements[0].rounds) < 100
    assert child_processes(os.getpid()) <= older


@on_linux
def test_a_runner_that_ends(tiny: Path, older: set[int]) -> None:
    kept: list[BenchmarkResult] = []

    def end_runner(line: str) -> None:
        if line.startswith("round 3 "):
            os.kill(min(child_processes(os.getpid()) - older), signal.SIGKILL)

    with pytest.raises(ConversionError, match="the runner of the benchmark failed"):
        benchmark(
            [Subject(tiny, "one", M)],
            settings=QUICK.model_copy(update={"rounds": 1000}),
            report=end_runner,
            keep_partial=kept.append,
        )
    assert kept[0].stopped is not None and "runner" in kept[0].stopped


def test_sustained_load(tiny: Path) -> None:
    """Each case alone, window after window, the machine's state after each."""
    result = quick(
        Subject(tiny, "one", M),
        Subject(tiny, "other", M),
        sustained_s=0.5,
        sustained_window_s=0.05,
    )
    one, other = result.measurements
    assert one.rounds[-1].started_ns < other.rounds[0].started_ns
    for m in (one, other):
        assert 5 <= len(m.rounds) <= 11
        for window in m.rounds:
            assert sum(window.samples_ns) >= 0.05e9
    assert len(result.states) == 2 + len(one.rounds) + len(other.rounds)


SCRIPT = """
import sys
from pathlib import Path
from typing import Any
from mobilevit_benchmarks import ModelFacts, ProtocolSettings, Subject, benchmark
benchmark([Subject(Path(sys.argv[1]), "tiny", ModelFacts(name="m"))],
          settings=ProtocolSettings(launches=1, rounds=1000),
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
            (runner,) = child_processes(parent.pid)
            left = {runner, *child_processes(runner)}
            assert len(left) == 3  # it, the sentinel and the case
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
        left = {process for process in left if _alive(process)}
        if not left:
            return
        time.sleep(0.1)
    for process in left:
        os.kill(process, signal.SIGKILL)
    pytest.fail("a process outlived its parent")


def _alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_given_feeds_are_used(tiny: Path) -> None:
    image = np.zeros((1, 3, 32, 32), np.float32)
    quick(Subject(tiny, "tiny", M, feeds={"image": image}))
    with pytest.raises(ConversionError, match=r"takes `image`.*given: .*float32 \(1, 3, 16, 32\)"):
        quick(Subject(tiny, "tiny", M, feeds={"image": image[:, :, ::2]}))


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
    quick(Subject(path, "lookup", M, feeds={"index": np.array([0, 999])}))
    with pytest.raises(ConversionError, match=r"lookup\.onnx.* ended with status 1: .*Gather"):
        quick(Subject(path, "lookup", M, feeds={"index": np.array([0, 1000])}))


def test_a_dynamic_side_needs_feeds(tmp_path: Path) -> None:
    dynamic = save_model(tmp_path / "dynamic.onnx", layers=1, width=8, side="N")
    with pytest.raises(ConversionError, match="no feed can be drawn for input `image`"):
        quick(Subject(dynamic, "dynamic", M))
    image = np.zeros((1, 3, 32, 32), np.float32)
    quick(Subject(dynamic, "dynamic", M, feeds={"image": image}))


def test_the_current_folder_cannot_shadow_a_module(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    quick(Subject(Path(tiny.name), "relative path", M))


def core_ml_package(folder: Path) -> Path:
    package = folder / "tiny.mlpackage"
    package.mkdir()
    (package / "Manifest.json").write_text("{}")
    return package


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac times Core ML")
def test_what_nothing_here_times_is_listed(tiny: Path, tmp_path: Path) -> None:
    package = core_ml_package(tmp_path)
    result = quick(Subject(tiny, "onnx fp32", M), Subject(package, "coreml fp16", M))
    assert [m.name for m in result.measurements] == ["onnx fp32"]
    (skipped,) = result.not_timed
    assert (skipped.name, skipped.artifact) == ("coreml fp16", "tiny.mlpackage")
    assert skipped.reason == "runtime `coreml` runs on a Mac only"
    with pytest.raises(InputError, match="runs on a Mac only"):
        quick(Subject(package, "coreml fp16", M))


def test_a_reference_is_not_timed(tmp_path: Path) -> None:
    package = core_ml_package(tmp_path)
    with pytest.raises(InputError, match="runtime `coreml_reference` is not timed"):
        quick(Subject(package, "coreml", M, runtime="coreml_reference"))


def test_runtime_not_installed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Runtime("absent", (".onnx",), ("no_such_package_here",), "absent")
    monkeypatch.setitem(RUNTIMES, "absent", absent)
    with pytest.raises(MissingDependencyError, match="`no_such_package_here` is not installed"):
        quick(Subject(tiny, "tiny", M, runtime="absent"))


def test_wrong_input(tiny: Path, tmp_path: Path) -> None:
    subject = Subject(tiny, "tiny", M)
    text = tmp_path / "labels.txt"
    text.write_text("tench")
    calls: dict[str, Callable[[], object]] = {
        "nothing to benchmark": lambda: quick(),
        "not a choice of threads": lambda: benchmark([subject], threads=(0,)),
        "not a choice of batches": lambda: benchmark([subject], batches=()),
        "no artifact": lambda: quick(Subject(tmp_path / "absent.onnx", "absent", M)),
        "unknown runtime `onnx`": lambda: quick(Subject(tiny, "tiny", M, runtime="onnx")),
        "`litert` opens .tflite": lambda: quick(Subject(tiny, "tiny", M, runtime="litert")),
        "no runtime opens `labels.txt`": lambda: quick(Subject(text, "labels", M)),
    }
    for message, call in calls.items():
        with pytest.raises(InputError, match=message):
            call()
