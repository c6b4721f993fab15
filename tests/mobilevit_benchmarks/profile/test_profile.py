"""Profiles of small networks on both runtimes: what they add up to, and that they show what is
heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from rich.console import Console

from mobilevit.bundle import hash_artifact
from mobilevit.errors import InputError
from mobilevit.runtimes import RUNTIMES, load_session
from mobilevit_benchmarks import OperationProfile, grouped, profile_operations, profile_table
from mobilevit_benchmarks.profile import KINDS, UNKNOWN, litert_c, stages
from mobilevit_benchmarks.profile.litert_c import CompiledModel

from .networks import (
    CHANNELS,
    SIDE,
    attention,
    convolutions,
    save_onnx,
    tflite_attention,
    tflite_convolutions,
)

RUNS = 15
Network = Callable[..., Path]
CONVOLUTIONS = {"onnxruntime": convolutions, "litert": tflite_convolutions}
ATTENTION = {"onnxruntime": attention, "litert": tflite_attention}
SUFFIX = {"onnxruntime": ".onnx", "litert": ".tflite"}
on_both = pytest.mark.parametrize("runtime", CONVOLUTIONS)
# a profile is made of times: a neighbour's work on the same cores may spoil one, and not three
of_times = pytest.mark.flaky(reruns=2)


def profile(network: Network, runtime: str, folder: Path, **options: object) -> OperationProfile:
    artifact = network(folder / f"network{SUFFIX[runtime]}", **options)
    return profile_operations(artifact, runtime, runs=RUNS)


def by_stage(taken: OperationProfile) -> dict[str, float]:
    return {stage: sum(times.values()) for stage, times in grouped(taken).items()}


def by_kind(taken: OperationProfile) -> dict[str, float]:
    rows = grouped(taken).values()
    return {kind: sum(times[kind] for times in rows) for kind in KINDS}


FRESH = """
import sys
from pathlib import Path
from mobilevit_benchmarks import profile_operations
print(profile_operations(Path(sys.argv[1]), sys.argv[2], runs=int(sys.argv[3])).model_dump_json())
"""


@of_times
@on_both
def test_operations_are_within_the_run(runtime: str, tmp_path: Path) -> None:
    """In a process of its own, as a command has it: what other tests left running in this one
    stretches a run, and no operation of it."""
    network = CONVOLUTIONS[runtime](tmp_path / f"network{SUFFIX[runtime]}")
    told = subprocess.run(
        [sys.executable, "-c", FRESH, str(network), runtime, str(RUNS)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    taken = OperationProfile.model_validate_json(told.stdout.splitlines()[-1])
    artifact = tmp_path / f"network{SUFFIX[runtime]}"
    assert (taken.artifact, taken.runtime) == (artifact.name, runtime)
    assert taken.artifact_sha256 == hash_artifact(artifact)[0]
    assert taken.runtime_version == RUNTIMES[runtime].version()
    assert (taken.threads, taken.runs) == (1, RUNS)
    assert 0 < taken.operations_ns < taken.profiled_whole_ns
    assert 0 < taken.outside_ns < taken.profiled_whole_ns
    # the operations are in the unit of the run: off by a thousand, they would be lost in it
    assert taken.operations_ns > taken.profiled_whole_ns / 50
    assert taken.rest_ns == taken.whole_ns - taken.operations_ns
    assert sum(taken.share(o.median_ns) for o in taken.operations) == pytest.approx(1)
    assert sum(by_stage(taken).values()) == pytest.approx(taken.operations_ns)
    assert OperationProfile.model_validate_json(taken.model_dump_json()) == taken


@of_times
@on_both
def test_a_heavier_stage_is_heavier(runtime: str, tmp_path: Path) -> None:
    light, heavy = (
        by_stage(profile(CONVOLUTIONS[runtime], runtime, tmp_path, middle=middle))
        for middle in (32, 128)
    )
    assert list(light) == list(heavy)
    assert {"stem", "body", "tail"} <= set(light)
    assert heavy["body"] > 2 * light["body"]
    for same in ("stem", "tail"):
        assert heavy[same] < 2 * light[same]


@of_times
@on_both
def test_larger_attention_is_more_attention(runtime: str, tmp_path: Path) -> None:
    """With twice the tokens, a product of attention has four times to do, a linear one twice."""
    small, large = (
        profile(ATTENTION[runtime], runtime, tmp_path, tokens=tokens) for tokens in (64, 256)
    )
    assert by_kind(large)["attention"] > 4 * by_kind(small)["attention"]
    shares = [t.share(by_kind(t)["attention"]) for t in (small, large)]
    assert shares[1] > 1.2 * shares[0]


@of_times
def test_the_profilers_own_time_is_deducted(tmp_path: Path) -> None:
    """Two hundred operations that do next to nothing; undeducted they come to several times what
    the model takes."""
    names = ["image", *(f"x{i}" for i in range(200))]
    nodes = [
        helper.make_node("Relu" if i % 2 else "Neg", [names[i]], [names[i + 1]], name=f"n{i}")
        for i in range(200)
    ]
    artifact = save_onnx(tmp_path / "thin.onnx", [1, 1, 1, 1], nodes, {}, names[-1])
    taken = profile_operations(artifact, "onnxruntime", runs=RUNS)
    assert taken.deducted_ns > 500
    undeducted = taken.operations_ns + 200 * taken.deducted_ns
    assert undeducted > 2 * taken.whole_ns
    assert taken.operations_ns < 1.5 * taken.whole_ns


def test_a_file_without_module_names(tmp_path: Path) -> None:
    artifact = convolutions(tmp_path / "foreign.onnx", named=False)
    assert {node.name for node in onnx.load(artifact).graph.node} == {""}
    taken = profile_operations(artifact, "onnxruntime", runs=3)
    assert stages(taken) == [UNKNOWN]
    assert len({o.name for o in taken.operations}) == len(taken.operations) >= 4
    assert f"the file names no module for {len(taken.operations)} of" in shown(taken)


def test_operations_that_xnnpack_leaves(tmp_path: Path) -> None:
    """They are told by LiteRT itself, with their place in the file."""
    taken = profile(tflite_attention, "litert", tmp_path)
    names = [operation.name.rpartition("/")[2] for operation in taken.operations]
    assert names.index("CAST#7") + 1 == names.index("CAST#8")
    assert names[:3] == [f"FULLY_CONNECTED#{i}" for i in range(3)]
    assert names[-1] == "FULLY_CONNECTED#9"
    assert stages(taken) == ["block", "end"]
    assert {o.kind for o in taken.operations if "CAST" in o.name} == {"data movement"}


def test_the_compiled_model_computes_what_the_interpreter_does(tmp_path: Path) -> None:
    artifact = tflite_attention(tmp_path / "network.tflite")
    session = load_session(artifact, "litert")
    feeds = {"image": np.random.default_rng(1).standard_normal((1, 64, 32), np.float32)}
    (expected,) = session.run(feeds).values()
    assert expected.std() > 0
    for profiled in (False, True):
        with CompiledModel(artifact, threads=1, profiled=profiled) as model:
            model.feed(feeds)
            model.run()
            given = np.frombuffer(model.output("block/out"), np.float32)
        np.testing.assert_array_equal(given.reshape(expected.shape), expected)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_compiled_model_has_the_threads_it_is_given(tmp_path: Path) -> None:
    artifact = tflite_convolutions(tmp_path / "network.tflite")
    for threads in (1, 3):
        before = len(list(Path("/proc/self/task").iterdir()))
        with CompiledModel(artifact, threads, profiled=True):
            assert len(list(Path("/proc/self/task").iterdir())) == before + threads - 1


def test_the_whole_graph_is_xnnpacks_when_profiled(tmp_path: Path) -> None:
    """Or the times would be those of other kernels."""
    taken = profile(tflite_convolutions, "litert", tmp_path)
    assert all(o.type.endswith(("IGEMM", "GEMM", "DWConv")) for o in taken.operations)
    assert len(taken.operations) == 4  # the padding is in the first


def test_another_litert_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_c, "version", lambda: "9.0.0")
    with pytest.raises(InputError, match=r"profiler of LiteRT 9\.0\.0 is not known"):
        profile(tflite_attention, "litert", tmp_path)


def test_feeds_and_threads(tmp_path: Path) -> None:
    artifact = convolutions(tmp_path / "network.onnx")
    feeds = {"image": np.zeros((1, CHANNELS, SIDE, SIDE), np.float32)}
    assert profile_operations(artifact, "onnxruntime", threads=2, feeds=feeds, runs=1).threads == 2
    with pytest.raises(InputError, match="the model takes `image`"):
        profile_operations(artifact, "onnxruntime", feeds={"image": feeds["image"][:, :3]})


@pytest.mark.parametrize(
    ("runtime", "runs", "complaint"),
    [
        ("onnxruntime", 0, "0 runs measure nothing"),
        ("onxruntime", 1, "unknown runtime `onxruntime`"),
        ("coreml", 1, "does not tell what single operations take"),
        ("litert", 1, "opens .tflite, not"),
    ],
)
def test_refusals(runtime: str, runs: int, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        profile_operations(convolutions(tmp_path / "n.onnx"), runtime, runs=runs)


def shown(taken: OperationProfile) -> str:
    console = Console(file=StringIO(), width=110)
    console.print(profile_table(taken))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_adds_up(tmp_path: Path) -> None:
    taken = profile(convolutions, "onnxruntime", tmp_path)
    lines = [line.split() for line in shown(taken).splitlines()]
    rows = {words[0]: words for words in lines if words}
    assert rows["operations"][-1] == "100.0"
    assert float(rows["operations"][-2]) == pytest.approx(taken.operations_ns / 1e6, abs=1e-3)
    assert float(rows["whole"][-1]) == pytest.approx(taken.whole_ns / 1e6, abs=1e-3)
    shares = [float(rows[stage][-1]) for stage in stages(taken)]
    assert sum(shares) == pytest.approx(100, abs=0.3)
