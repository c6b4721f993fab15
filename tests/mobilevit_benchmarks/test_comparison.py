"""Five verdicts, what they need, and what a gate makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobilevit.errors import InputError
from mobilevit_benchmarks import Measurement, ProtocolSettings, compare, result_table
from mobilevit_benchmarks.comparison import Verdict, judge, not_compared, passes
from mobilevit_benchmarks.measurement import InstructionCount, ModelFacts, NotTimed
from mobilevit_benchmarks.records import DeviceDescription
from mobilevit_benchmarks.statistics import Interval
from tests.mobilevit_benchmarks.test_measurement import measurement, result
from tests.mobilevit_benchmarks.test_statistics import sentinel


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.02, 1.04, Verdict.SLOWER),
        (0.90, 0.95, Verdict.FASTER),
        (0.995, 1.005, Verdict.WITHIN_NOISE),
        (1.002, 1.008, Verdict.WITHIN_NOISE),  # not 1, and too little to matter
        (1.002, 1.02, Verdict.NOT_ENOUGH_DATA),  # too little, or not
        (0.97, 1.03, Verdict.NO_DIFFERENCE),
        (0.90, 1.02, Verdict.NOT_ENOUGH_DATA),
        (0.98, 1.30, Verdict.NOT_ENOUGH_DATA),
        (1.002, 1.30, Verdict.NOT_ENOUGH_DATA),
    ],
)
def test_verdict_of_an_interval(low: float, high: float, verdict: Verdict) -> None:
    assert judge(Interval((low + high) / 2, low, high), noise=0.01, resolution=0.05) is verdict


def test_no_winner_is_named_where_the_interval_spans_one() -> None:
    for low in np.linspace(0.5, 1, 60):
        for high in np.linspace(1, 2, 60):
            verdict = judge(Interval(1, float(low), float(high)), 0.01, 0.05)
            assert verdict not in (Verdict.FASTER, Verdict.SLOWER)


def noisy(name: str, ms: int, seed: int, spread: float = 0.01, **changes: Any) -> Measurement:
    random = np.random.default_rng(seed)
    factors = random.normal(1, spread, (5, 4)).tolist()
    return measurement(name, ms, factors=factors, **changes)


def test_within_a_result() -> None:
    measured = result(noisy("base", 100, 1), noisy("same", 100, 2), noisy("slow", 110, 3))
    same, slow = compare(measured)
    assert (same.name, same.reference, same.paired) == ("same", "base", True)
    assert same.verdict in (Verdict.NO_DIFFERENCE, Verdict.WITHIN_NOISE)
    assert slow.verdict is Verdict.SLOWER
    assert slow.ratio.estimate == pytest.approx(1.1, rel=0.02)
    against = {c.name: c.verdict for c in compare(measured, reference="slow.onnx")}
    assert against["base"] is Verdict.FASTER
    with pytest.raises(InputError, match="nothing in the result is called `none`"):
        compare(measured, reference="none")
    with pytest.raises(InputError, match="nothing to compare"):
        compare(result(noisy("base", 100, 1)))


def test_few_rounds_and_busy_machines_do_not_decide() -> None:
    few = {"factors": [[1, 1], [1, 1]]}
    (short,) = compare(result(measurement("a", 10, **few), measurement("b", 20, **few)))
    assert short.verdict is Verdict.NOT_ENOUGH_DATA and short.unfit == "4 rounds; 8 are the least"
    readings = sentinel(*[2, 2, 2, 2, 2, 2, *[3] * 15])
    pair = noisy("a", 100, 1), noisy("b", 120, 2)
    (busy,) = compare(result(*pair, sentinel=readings))
    assert busy.verdict is Verdict.NOT_ENOUGH_DATA and "busy" in busy.unfit
    assert busy.disturbed >= 14
    (calm,) = compare(result(*pair, sentinel=sentinel(*[2] * 21)))
    assert calm.verdict is Verdict.SLOWER


def test_two_results() -> None:
    before = result(noisy("a", 100, 1), noisy("gone", 10, 2), sentinel=sentinel(*[2] * 21))
    after = result(noisy("a", 120, 3), noisy("new", 10, 4), sentinel=sentinel(*[2] * 21))
    (found,) = compare(before, after)
    assert found.verdict is Verdict.SLOWER and not found.unfit
    assert not found.paired and "two times" in found.remark
    hot = result(noisy("a", 120, 3), sentinel=sentinel(*[2.5] * 21))
    (unsure,) = compare(before, hot)
    assert unsure.verdict is Verdict.NOT_ENOUGH_DATA and "1.25 times as long" in unsure.unfit
    phone = DeviceDescription(
        address="android:1", machine="arm64", cores=8, memory_bytes=1, system="A", runner="R"
    )
    (elsewhere,) = compare(before, result(noisy("a", 120, 3), device=phone))
    assert elsewhere.verdict is Verdict.NOT_ENOUGH_DATA and "two devices" in elsewhere.unfit


def test_few_launches_do_not_decide() -> None:
    """Processes differ: three say too little of how far."""
    three = {"factors": [[1] * 7] * 3}
    (found,) = compare(result(measurement("a", 10, **three), measurement("b", 20, **three)))
    assert found.verdict is Verdict.NOT_ENOUGH_DATA
    assert found.unfit == "3 launches; 4 are the least"


def test_a_cut_off_and_busy_run_is_shown_all_the_same() -> None:
    """Two rounds, both marked: no verdict, and no crash."""
    short = {"factors": [[1, 1]]}
    measured = result(
        measurement("a", 10, **short),
        measurement("b", 10, **short),
        sentinel=sentinel(2, 3, 3, 3, 2),
    )
    (found,) = compare(measured)
    assert found.verdict is Verdict.NOT_ENOUGH_DATA
    assert result_table(measured).row_count == 2


def test_a_slower_machine_makes_no_slower_artifact() -> None:
    """8 % more on a machine that is 8 % slower by its sentinel."""
    before = result(noisy("a", 100, 1, 0.002), sentinel=sentinel(*[2] * 21))
    after = result(noisy("a", 108, 2, 0.002), sentinel=sentinel(*[2.16] * 21))
    (found,) = compare(before, after)
    assert found.verdict is Verdict.NOT_ENOUGH_DATA and "1.08 times as long" in found.unfit


def test_a_gate_does_not_overlook_what_is_missing() -> None:
    before = result(noisy("a", 100, 1), noisy("b", 100, 2))
    refused = NotTimed(name="b", model="m", artifact="b.onnx", reason="no such", refused=True)
    after = result(noisy("a", 100, 3), not_timed=(refused,), stopped="gone")
    lines = not_compared(compare(before, after), before, after)
    assert lines == [
        "b was refused: no such",
        "the run was cut off: gone",
        "mobilevit_xxs b on onnxruntime is missing",
    ]
    assert not_compared(compare(before, before), before, before) == []
    two = result(noisy("a", 100, 1), noisy("b", 100, 2), noisy("a", 90, 3, runtime="litert"))
    assert not_compared(compare(two, reference="b"), two) == []
    three = two.model_copy(
        update={"measurements": (*two.measurements, noisy("c", 90, 3, runtime="litert"))}
    )
    assert not_compared(compare(three, reference="b"), three) != []


def test_sustained_load_is_not_compared() -> None:
    sustained = ProtocolSettings(sustained_s=60)
    measured = result(noisy("a", 10, 1), noisy("b", 10, 2), protocol=sustained)
    with pytest.raises(InputError, match="one case after the other"):
        compare(measured)


def counted(name: str, millions: float) -> InstructionCount:
    return InstructionCount(
        name=name,
        model=ModelFacts(name="m"),
        artifact=f"{name}.tflite",
        artifact_sha256="0" * 64,
        artifact_bytes=1,
        runtime="litert",
        runtime_version="2",
        processor="cortex-a76",
        emulator="QEMU 7.2",
        instructions=tuple(round(millions * 1e6) + 100 * i for i in range(5)),
    )


@pytest.mark.parametrize(
    ("millions", "verdict"),
    [(202, Verdict.SLOWER), (198, Verdict.FASTER), (200.1, Verdict.WITHIN_NOISE)],
)
def test_counts_tell_one_percent(millions: float, verdict: Verdict) -> None:
    (found,) = compare(result(counts=(counted("a", 200), counted("b", millions))))
    assert found.what == "instructions" and found.verdict is verdict
    (across,) = compare(
        result(counts=(counted("a", 200),)), result(counts=(counted("a", millions),))
    )
    assert across.verdict is verdict


@pytest.mark.parametrize(
    ("ms", "spread", "passed"),
    [(100, 0.005, True), (102, 0.005, True), (110, 0.005, False), (100, 0.4, False)],
)
def test_a_gate_passes_what_is_shown_to_be_fast_enough(
    ms: int, spread: float, passed: bool
) -> None:
    (found,) = compare(
        result(noisy("a", 100, 1, spread), noisy("b", ms, 2, spread)), resolution=0.05
    )
    assert passes(found, 0.05) is passed


def test_the_command_line_exits_with_1(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from mobilevit.cli import app

    file = tmp_path / "result.json"
    result(noisy("a", 100, 1), noisy("b", 120, 2)).write(file)
    run = CliRunner().invoke
    assert run(app, ["compare", str(file)]).exit_code == 0
    gated = run(app, ["compare", str(file), "--fail-slower", "5%"])
    assert gated.exit_code == 1
    assert "slower" in gated.output
    assert run(app, ["compare", str(file), "--fail-slower", "30%"]).exit_code == 0
