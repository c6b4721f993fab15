"""Beside the default exporters: what is compared, what is refused, and what the table says.

A small model stands in for timm's, which its exporter takes like any other; `test_twin.py` is about
timm's own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mobilevit.bundle import read_manifest
from mobilevit.checkpoint import Checkpoint
from mobilevit.data.image_folder import scan
from mobilevit.errors import ConversionError, InputError
from mobilevit.images import open_image
from mobilevit.prediction import predict
from mobilevit.preprocessing import resize_and_crop
from mobilevit.runtimes.torch import TorchSession
from mobilevit_benchmarks import BenchmarkResult, ProtocolSettings
from mobilevit_benchmarks.peers import compared
from mobilevit_benchmarks.peers.__main__ import _settings
from mobilevit_benchmarks.peers.artifacts import Contender, Sources, make_contenders
from mobilevit_benchmarks.peers.checking import Steps
from mobilevit_benchmarks.peers.compared import Settings, compare
from mobilevit_benchmarks.peers.exporters import EXPORTERS
from mobilevit_benchmarks.peers.record import GraphRow, LeftOut, PeersRecord, Row, Speed
from mobilevit_benchmarks.peers.table import markdown
from mobilevit_export.photos import packaged_photos
from mobilevit_export.verify import photo_pixels
from tests.conftest import write_photos

RUNTIMES = ("onnxruntime", "litert", "coreml")
QUICK = Settings(
    protocol=ProtocolSettings(
        launches=1,
        rounds=2,
        warmup_min_runs=1,
        warmup_min_s=0,
        warmup_cap_s=0.1,
        round_min_runs=1,
        round_min_s=0,
    )
)
EMPTY = PeersRecord(
    created="2026-11-23T20:00:00+00:00",
    command="",
    sdk_version="0",
    tools={"timm": "1"},
    image_size=(64, 64),
    weights={},
    calibration="4 photos of packages",
    rounds=2,
    launches=1,
)


@dataclass(frozen=True)
class Compared:
    sources: Sources
    out: Path
    contenders: list[Contender]
    record: PeersRecord

    def contender(self, runtime: str, name: str) -> Contender:
        return next(x for x in self.contenders if (x.runtime, x.name) == (runtime, name))

    def again(self, *contenders: Contender) -> PeersRecord:
        checkpoint = self.sources.checkpoint
        return compare(EMPTY, QUICK, checkpoint, contenders, None, self.out, lambda line: None)


@pytest.fixture(scope="module")
def finished(
    small_checkpoint: Checkpoint, exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> Compared:
    sources = Sources(
        checkpoint=replace(small_checkpoint, sha256="0" * 64),
        twin=small_checkpoint.model,
        calibration=photo_pixels(packaged_photos(4), small_checkpoint.preprocessing),
        photos=None,
    )
    out = tmp_path_factory.mktemp("peers")
    bundle = shutil.copytree(exported, out / "ours")
    contenders = []
    for runtime in RUNTIMES:
        made, refused = make_contenders(
            sources, runtime, out / "theirs", makers=("timm",), report=lambda line: None
        )
        assert not refused
        contenders += made
        contenders += [
            Contender(small_checkpoint.name, runtime, "ours", "fp32", bundle / x.file, True)
            for x in read_manifest(bundle).artifacts
            if (x.format, x.precision) == (EXPORTERS[runtime].format, "fp32")
        ]
    record = compare(EMPTY, QUICK, sources.checkpoint, contenders, None, out, lambda line: None)
    return Compared(sources, out, contenders, record)


def test_every_artifact_is_checked_and_timed_against_the_float_export(finished: Compared) -> None:
    rows = finished.record.rows
    for runtime in ("onnxruntime", "litert"):
        names = [f"{row.maker} {row.precision}" for row in rows if row.runtime == runtime]
        assert names == ["timm fp32", "timm int8 dynamic", "timm int8 static", "ours fp32"]
    for row in rows:
        assert row.p50_ns is not None and row.p50_ns > 0
        assert (row.speed is None) == (f"{row.maker} {row.precision}" == "timm fp32")
        assert row.speed is None or 0 < row.speed.low <= row.speed.times <= row.speed.high
        assert (finished.out / row.artifact).stat().st_size == row.artifact_bytes
        assert row.precision != "fp32" or row.max_difference < 1e-4
    assert finished.record.device is not None


def test_a_speed_is_the_time_of_the_reference_over_that_of_the_row(finished: Compared) -> None:
    (name,) = finished.record.results
    medians = {
        (m.runtime, m.name): np.array([np.median(r.samples_ns) for r in m.rounds])
        for m in BenchmarkResult.read(finished.out / name).measurements
    }
    for row in finished.record.rows:
        if row.speed is not None:
            reference = medians[row.runtime, "timm fp32"]
            own = medians[row.runtime, f"{row.maker} {row.precision}"]
            assert 1 / row.speed.times == pytest.approx(np.median(own / reference))


def test_top1_is_measured_through_the_interface_of_each(finished: Compared, tmp_path: Path) -> None:
    """Labels are what the checkpoint gives: its float exports are always right."""
    photos = write_photos(tmp_path / "drawn", ("p", "q"), 4)
    checkpoint = finished.sources.checkpoint
    names = sorted(photos.rglob("*.jpg"))
    pixels = np.stack([resize_and_crop(open_image(x), checkpoint.preprocessing) for x in names])
    given = predict(TorchSession(checkpoint), pixels).argmax(axis=1)
    for number, (name, label) in enumerate(zip(names, given, strict=True)):
        name.rename(_class_folder(tmp_path / "sorted", int(label)) / f"{number}.jpg")
    folder = scan(tmp_path / "sorted", tuple(map(str, range(5))))
    contenders = [x for x in finished.contenders if x.runtime == "litert"]
    record = compare(EMPTY, QUICK, checkpoint, contenders, folder, finished.out, lambda line: None)
    top1 = {f"{row.maker} {row.precision}": row.top1 for row in record.rows}
    assert top1["timm fp32"] == top1["ours fp32"] == 1
    static = top1["timm int8 static"]
    assert static is not None and static >= 0.5


def _class_folder(root: Path, label: int) -> Path:
    folder = root / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_core_ml_is_told_by_its_graph(finished: Compared) -> None:
    theirs, *ours = finished.record.graphs
    assert (theirs.maker, theirs.precision, theirs.max_rank) == ("timm", "fp16", 4)
    assert [(row.maker, row.precision) for row in ours] == [("ours", "fp32")]
    assert all(row.operations > 50 and row.same_top1 > 0.9 for row in finished.record.graphs)


def test_what_is_there_is_kept_until_the_weights_change(finished: Compared) -> None:
    def make(sources: Sources, report: Callable[[str], None]) -> None:
        folder = finished.out / "theirs"
        make_contenders(sources, "onnxruntime", folder, makers=("timm",), report=report)

    lines: list[str] = []
    make(finished.sources, lines.append)
    assert [line.partition(": ")[2] for line in lines] == ["there already"]
    other = replace(finished.sources.checkpoint, sha256="1" * 64)
    with pytest.raises(InterruptedError):
        make(replace(finished.sources, checkpoint=other), _interrupt)
    # what was begun has not touched what is there
    assert finished.contender("onnxruntime", "timm fp32").artifact.is_file()


def _interrupt(line: str) -> None:
    assert line.endswith("exporting")
    raise InterruptedError


def test_control_a_peer_that_computes_something_else_is_refused(finished: Compared) -> None:
    """The largest weight is 5 % off in what was timed above."""
    good = finished.contender("onnxruntime", "timm fp32")
    artifact = good.artifact.with_name("disturbed.onnx")
    _disturb(good.artifact, artifact)
    with pytest.raises(ConversionError) as refusal:
        finished.again(replace(good, artifact=artifact))
    message = refusal.value.message
    assert "timm fp32 on onnxruntime is not what the checkpoint is" in message
    assert "probabilities differ by up to" in message

    # of ours alike, but the others can be compared without it
    ours = replace(good, artifact=artifact, maker="ours")
    record = finished.again(good, ours)
    assert [row.maker for row in record.rows] == ["timm"]
    (left_out,) = record.left_out
    assert "ours fp32" in left_out.what and "probabilities differ by" in left_out.reason


def _disturb(artifact: Path, to: Path) -> None:
    proto = onnx.load(artifact)
    largest = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(largest) * np.float32(1.05)
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    onnx.save(proto, to)


def test_what_a_runtime_refuses_is_listed_with_its_reason(finished: Compared) -> None:
    good = finished.contender("litert", "timm fp32")
    cut_off = good.artifact.with_name("cut-off.tflite")
    cut_off.write_bytes(good.artifact.read_bytes()[:9999])
    record = finished.again(good, replace(good, artifact=cut_off, precision="int8 static"))
    (left_out,) = record.left_out
    assert "int8 static" in left_out.what and "LiteRT cannot open" in left_out.reason
    assert [row.precision for row in record.rows] == ["fp32"]


def test_runtimes_that_are_not_installed_are_left_out() -> None:
    absent = replace(EXPORTERS["openvino"], packages=("not_there",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXPORTERS, "openvino", absent)
        present, left_out = compared._present(("onnxruntime", "openvino"))
    assert present == ["onnxruntime"]
    assert left_out == [LeftOut(what="openvino", reason="`not_there` is not installed")]
    with pytest.raises(InputError, match="unknown runtime `onnx`"):
        compared._present(("onnx",))


def test_integers_stand_for_steps() -> None:
    steps = Steps(scale=0.5, zero=-128)
    values = np.array([-1, 0, 0.4, 1, 1000], np.float32)
    stored = steps.quantized(values, "int8")
    assert stored.dtype == np.int8
    assert stored.tolist() == [-128, -128, -127, -126, 127]
    assert steps.restored(stored).tolist() == [0, 0, 0.5, 1, 127.5]


def test_the_table_says_what_was_measured_and_what_was_not() -> None:
    row = Row(
        model="m",
        runtime="litert",
        runtime_version="2",
        maker="timm",
        precision="fp32",
        artifact="a|b.tflite",
        artifact_sha256="0" * 64,
        artifact_bytes=4_000_000,
        images=32,
        same_top1=1,
        max_difference=0,
        p50_ns=10_000_000,
    )
    speed = Speed(times=1.5, low=1.4, high=1.6, verdict="faster")
    unsure = replace_fields(speed, times=0.9, verdict="not enough data", remark="2 rounds")
    rows = (
        row,
        replace_fields(row, maker="ours", speed=speed, top1=0.905, instructions=226_080_000),
        replace_fields(row, maker="ours", precision="fp16", speed=unsure),
    )
    graph = GraphRow(
        model="m",
        maker="ours",
        precision="fp16",
        artifact="a",
        artifact_bytes=1_000_000,
        operations=300,
        max_rank=None,
        images=32,
        same_top1=0.5,
        max_difference=0.1,
    )
    reason = LeftOut(what="openvino", reason="`openvino` is not | installed")
    text = markdown(
        EMPTY.model_copy(
            update={"rows": rows, "graphs": (graph,), "left_out": (reason,), "processor": "a76"}
        )
    )
    assert "| m | litert 2 | timm fp32 | 4.00 | 10.0 | 1 | 100.0% of 32 |  |" in text
    assert "| 1.50 (1.40-1.60) | 100.0% of 32 | 226 |" in text
    assert "| 0.90 (1.40-1.60)? | 100.0% of 32 |  |" in text
    assert "| m | ours fp16 | 1.00 | 300 |  | 50.0% of 32 |" in text
    assert r"- openvino: \`openvino\` is not \| installed" in text
    for block in text.split("\n\n"):
        table = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.replace(r"\|", "").count("|") for line in table}) <= 1


def replace_fields(record: Any, **fields: object) -> Any:
    return record.model_copy(update=fields)


def test_a_record_is_read_as_it_was_written(finished: Compared, tmp_path: Path) -> None:
    finished.record.write(tmp_path / "peers.json")
    read = PeersRecord.model_validate_json((tmp_path / "peers.json").read_bytes())
    assert read == finished.record


def test_the_command_line_names_what_is_compared() -> None:
    settings, out = _settings(["OUT", "--models", "xs,s", "--runtimes", "litert", "--rounds", "3"])
    assert (settings.models, settings.runtimes) == (("xs", "s"), ("litert",))
    assert settings.protocol.rounds == 3
    assert out == Path("OUT")
    assert _settings([])[0] == Settings()
