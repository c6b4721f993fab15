"""The record of a benchmark, written, read, refused, and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mobilevit.errors import InputError
from mobilevit_benchmarks import BenchmarkResult, Measurement, ProtocolSettings, result_table
from mobilevit_benchmarks.measurement import (
    InstructionCount,
    Launch,
    ModelFacts,
    NotTimed,
    Round,
    WarmUp,
)
from mobilevit_benchmarks.records import DeviceDescription
from mobilevit_benchmarks.table import counts_table

MS = 1_000_000


def measurement(
    name: str,
    ms: int,
    *,
    model: str | ModelFacts = "mobilevit_xxs",
    capped: bool = False,
    factors: Sequence[Sequence[float]] = ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    **changes: Any,
) -> Measurement:
    """Rounds of times around `ms`, times a factor for each round of each launch."""
    number = count()
    launches = tuple(
        Launch(
            load_ns=52 * MS,
            first_run_ns=2 * ms * MS,
            warmup=WarmUp(samples_ns=(ms * MS,), capped=capped),
            rounds=tuple(
                Round(
                    number=(i := next(number)),
                    started_ns=i * 1000 * MS,
                    samples_ns=tuple(round(f * ms * MS) + d for d in (0, i, -i)),
                )
                for f in launch
            ),
            peak_memory_bytes=101_000_000,
            memory_rise_bytes=60_000_000,
        )
        for launch in factors
    )
    fields: dict[str, Any] = {
        "name": name,
        "model": ModelFacts(name=model) if isinstance(model, str) else model,
        "artifact": f"{name}.onnx",
        "artifact_sha256": "0" * 64,
        "artifact_bytes": 5_000_000,
        "runtime": "onnxruntime",
        "runtime_version": "1.0",
        "delegate": "cpu",
        "delegate_ran": "CPUExecutionProvider",
        "threads": 1,
        "batch": 1,
        "launches": launches,
    }
    return Measurement(**{**fields, **changes})


def result(*measurements: Measurement, **changes: Any) -> BenchmarkResult:
    fields: dict[str, Any] = {
        "created": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        "device": DeviceDescription(
            address="local",
            machine="aarch64",
            cores=4,
            memory_bytes=2**32,
            system="Linux",
            runner="Python 3.11",
        ),
        "protocol": ProtocolSettings(),
        "measurements": measurements,
    }
    return BenchmarkResult(**{**fields, **changes})


SKIPPED = NotTimed(
    name="coreml fp16", model="mobilevit_xxs", artifact="m.mlpackage", reason="a Mac only"
)


def test_json_round_trip(tmp_path: Path) -> None:
    before = result(measurement("a", 4), measurement("b", 5), not_timed=(SKIPPED,))
    path = tmp_path / "new" / "result.json"
    before.write(path)
    assert BenchmarkResult.read(path) == before


def test_json_keeps_samples_as_integers_in_order(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    result(measurement("a", 4)).write(path)
    content = json.loads(path.read_text())
    assert content["schema_version"] == 2
    rounds = content["measurements"][0]["launches"][0]["rounds"]
    assert rounds[2]["samples_ns"] == [4000000, 4000002, 3999998]


def test_reading_refuses(tmp_path: Path) -> None:
    good = tmp_path / "result.json"
    result(measurement("a", 4), measurement("b", 5)).write(good)
    text = good.read_text()
    one = json.loads(text)["measurements"]
    bad = tmp_path / "bad.json"
    for message, content in {
        "is not JSON": text[:-20].encode(),
        r"is not JSON: 'utf-8' codec": b"\xff\xfe\x00",
        "is not JSON: maximum recursion": b"[" * 100_000,
        "is not a benchmark's result": b"[1, 2]",
        "has schema version 3, and this release reads 2": changed(text, schema_version=3),
        "has schema version 1, and this release reads 2": changed(text, schema_version=1),
        "nothing was measured": changed(text, measurements=[]),
        r"measurements\.0\.threads": changed(text, measurements=[{**one[0], "threads": 0.5}]),
        "created": changed(text, created="yesterday"),
        "extra: Extra inputs": changed(text, extra=1),
    }.items():
        bad.write_bytes(content)
        with pytest.raises(InputError, match=message):
            BenchmarkResult.read(bad)
    with pytest.raises(InputError, match="cannot read"):
        BenchmarkResult.read(tmp_path / "absent.json")


def changed(text: str, **changes: Any) -> bytes:
    return json.dumps({**json.loads(text), **changes}).encode()


def shown(of: BenchmarkResult, width: int = 100) -> str:
    text = StringIO()
    Console(file=text, width=width).print(result_table(of))
    return text.getvalue()


def test_table_fits_a_hundred_columns() -> None:
    text = shown(
        result(
            measurement("onnx fp32", 48),
            measurement("onnx int8", 24),
            measurement("onnx fp16", 96, capped=True),
            not_timed=(SKIPPED,),
        )
    )
    rows = {line.strip()[:9]: line.strip()[9:].split() for line in text.splitlines()}
    start = ["onnxruntime", "1", "52.0"]
    assert rows["onnx fp32"] == [*start, "96.0", "48.0", "48.0", "48.0", "0.0", "101", "1"]
    assert rows["onnx int8"][-2:] == ["0.50", "0.50-0.50"]
    assert rows["onnx fp16"][-4:] == ["0.0*", "101", "2.00", "2.00-2.00"]
    assert "…" not in text
    assert "not timed: coreml fp16: a Mac only" in text
    assert "mobilevit_xxs on aarch64, 4 cores" in text


def test_a_run_cut_off_says_so() -> None:
    text = shown(result(measurement("a", 10), stopped="device `ssh:pi` is gone"))
    assert "INCOMPLETE: device `ssh:pi` is gone" in text


def test_a_ratio_compares_like_with_like() -> None:
    text = shown(
        result(
            measurement("a", 10),
            measurement("b", 30, threads=2),
            measurement("c", 60, threads=2),
            measurement("d", 50, runtime="litert"),
        )
    )
    cells = [line.split() for line in text.splitlines()]
    ratios = {row[0]: row[10] for row in cells if len(row) > 10 and row[0] in "abcd"}
    assert ratios == {"a": "1", "b": "1", "c": "2.00", "d": "1"}


def test_rows_name_their_model_when_there_are_several() -> None:
    text = shown(result(measurement("fp32", 10), measurement("fp32", 9, model="mobilevit_s")))
    assert "mobilevit_xxs fp32" in text and "mobilevit_s fp32" in text


def test_counts_are_called_counts() -> None:
    counted = InstructionCount(
        name="tflite fp32",
        model=ModelFacts(name="mobilevit_xxs"),
        artifact="m.tflite",
        artifact_sha256="0" * 64,
        artifact_bytes=1,
        runtime="litert",
        runtime_version="2.3.0",
        processor="cortex-a76",
        emulator="QEMU 7.2",
        instructions=(218_000_000, 218_100_000, 218_050_000),
    )
    text = StringIO()
    Console(file=text, width=120).print(counts_table(result(counts=(counted,))))
    assert "a count, not a latency" in text.getvalue()
    assert "218.05" in text.getvalue() and " ms" not in text.getvalue()
