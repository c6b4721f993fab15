"""The rules of warm-up and rounds, on times made for them; feeds; and what a worker imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import chain, count, repeat
from pathlib import Path

import numpy as np
import pytest

from mobilevit.errors import InputError
from mobilevit.runtimes import TensorSpec, check_feeds
from mobilevit_benchmarks.runner.worker import (
    draw_feeds,
    peak_resident_bytes,
    read_feed,
    resident_bytes,
    timed_round,
    warm_up,
)

MS = 1_000_000


def taking(times: Iterable[int]) -> Callable[[], int]:
    """A run that takes these times, one after the other."""
    return iter(times).__next__


def settle(times: Iterable[int], min_runs: int = 15, min_ms: int = 0) -> tuple[list[int], bool]:
    return warm_up(
        taking(times), min_runs=min_runs, min_ns=min_ms * MS, cap_ns=1000 * MS, agreement=0.04
    )


def test_steady_times_need_only_the_minimum() -> None:
    assert settle(repeat(MS)) == ([MS] * 15, False)
    assert settle(repeat(MS), min_runs=30) == ([MS] * 30, False)
    assert settle(repeat(MS), min_ms=40) == ([MS] * 40, False)


def test_one_slow_start_is_soon_forgotten() -> None:
    samples, capped = settle(chain([2 * MS], repeat(MS)))
    assert not capped
    assert 15 < len(samples) < 60


def test_warm_up_outlasts_a_fall() -> None:
    """Times fall for forty runs by 5 % each, so they are not steady before that."""
    fall = [round(8 * MS * 0.95**n) for n in range(40)]
    samples, capped = settle(chain(fall, repeat(fall[-1])))
    assert not capped
    assert len(samples) > 45


def test_times_that_never_settle_meet_the_cap() -> None:
    samples, capped = settle(round(MS * 1.05**n) for n in count())
    assert capped
    assert sum(samples) >= 1000 * MS > sum(samples[:-1])


def test_a_single_run_may_meet_the_cap() -> None:
    assert settle(repeat(2000 * MS)) == ([2000 * MS], True)


def test_round_lasts_for_both_minima() -> None:
    assert timed_round(taking(repeat(7)), min_runs=5, min_ns=0) == [7] * 5
    assert timed_round(taking(repeat(7)), min_runs=5, min_ns=70) == [7] * 10
    assert timed_round(taking(repeat(7)), min_runs=5, min_ns=71) == [7] * 11


def test_feeds_follow_the_seed_and_the_spec() -> None:
    inputs = (
        TensorSpec("image", (1, 3, 32, 32), "float32"),
        TensorSpec("half", (4, 256), "float16"),
        TensorSpec("bytes", (1000,), "uint8"),
        TensorSpec("signed", (1000,), "int8"),
    )
    feeds = draw_feeds(inputs, seed=3)
    check_feeds(inputs, feeds)
    image = feeds["image"]
    assert 0 <= image.min() < 5 and 250 < image.max() <= 255
    assert feeds["bytes"].max() > 200 and feeds["signed"].min() < -100
    for name, array in draw_feeds(inputs, seed=3).items():
        np.testing.assert_array_equal(array, feeds[name])
    assert not np.array_equal(draw_feeds(inputs, seed=4)["image"], image)


@pytest.mark.parametrize(
    "spec", [TensorSpec("x", (1, -1), "float32"), TensorSpec("x", (1, 3), "int64")]
)
def test_what_no_photo_could_be_is_not_drawn(spec: TensorSpec) -> None:
    with pytest.raises(InputError, match="no feed can be drawn for input `x`"):
        draw_feeds((spec,), seed=0)


def test_a_dynamic_first_side_is_the_batch() -> None:
    drawn = draw_feeds((TensorSpec("x", (-1, 3), "float32"),), seed=0, batch=4)
    assert drawn["x"].shape == (4, 3)


def test_a_feed_is_read_as_it_was_written(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    file = tmp_path / "0.bin"
    file.write_bytes(array.astype("<f4").tobytes())
    np.testing.assert_array_equal(read_feed(str(file), "float32", (2, 3, 5)), array)
    with pytest.raises(InputError, match="does not hold float32"):
        read_feed(str(file), "float32", (2, 3, 6))


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("y", (2, 3), "float32"),
        ("x", (2, 4), "float32"),
        ("x", (6,), "float32"),
        ("x", (2, 3), "f2"),
    ],
)
def test_feeds_that_do_not_fit(name: str, shape: tuple[int, ...], dtype: str) -> None:
    inputs = (TensorSpec("x", (-1, 3), "float32"),)
    check_feeds(inputs, {"x": np.zeros((2, 3), np.float32)})
    with pytest.raises(InputError, match=r"the model takes .*`x`.*; given: .*`[xy]`"):
        check_feeds(inputs, {name: np.zeros(shape, dtype)})


def test_peak_memory_remembers() -> None:
    before = resident_bytes()
    block = np.ones(64 * 2**20, np.uint8)
    assert resident_bytes() - before > 0.9 * block.nbytes
    high = peak_resident_bytes()
    assert high - before > 0.9 * block.nbytes
    del block
    assert resident_bytes() < high - 32 * 2**20
    assert peak_resident_bytes() > high - 2**20  # the kernel counts in batches


def test_worker_imports_nothing_heavy() -> None:
    code = "import sys, mobilevit_benchmarks.runner.worker; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "numpy" in modules
    assert {"torch", "pydantic", "rich", "onnx", "onnxruntime"}.isdisjoint(modules)
