"""The step benchmark compares the same function, and knows when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mobilevit.errors import ConversionError, InputError
from mobilevit_benchmarks import train_step
from mobilevit_benchmarks.train_step import Case, Launch, Settings, run_launch, summarize

pytest.importorskip("timm", reason="needs the `peers` extra")

QUICK = Settings(cases=(Case("ours"), Case("timm")), image_size=64, batch_size=2, rounds=2)


def test_a_launch_times_every_case_of_one_function() -> None:
    launch = run_launch(QUICK, keeps_memory=False)
    assert launch.gradient_error < 1e-4
    assert {name: len(times) for name, times in launch.wall_ns.items()} == {"ours": 2, "timm": 2}
    assert min(launch.wall_ns["ours"] + launch.cpu_ns["timm"]) > 0
    assert launch.peak_bytes > 50e6


def test_control_another_function_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    make = train_step.make_pair

    def other(name: str) -> dict[str, nn.Module]:
        pair = make(name)
        pair["ours"].get_submodule("backbone.stage3.1.norm").eps = 1e-2  # type: ignore[assignment]
        return pair

    monkeypatch.setattr(train_step, "make_pair", other)
    with pytest.raises(ConversionError, match="gradients of the two models differ"):
        run_launch(QUICK, keeps_memory=False)


def test_ratios_are_taken_round_by_round() -> None:
    """Of rounds twice as slow in both, nothing is seen."""
    times = {"ours": [10, 20, 10, 40], "timm": [15, 30, 15, 60]}
    launches = [Launch(False, times, times, 1, 0.0) for _ in range(4)]
    ours, timm = summarize(QUICK, launches)
    assert (ours.speed.estimate, timm.speed.estimate) == (1, pytest.approx(2 / 3))
    assert timm.speed.low == pytest.approx(timm.speed.high)
    assert ours.images_per_second == pytest.approx(2e9 / 15)


@pytest.mark.parametrize("name", ["theirs", "ours:int8", ""])
def test_a_case_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is no case"):
        Case(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so() -> None:
    with pytest.raises(InputError, match="there is no GPU"):
        run_launch(replace(QUICK, device="cuda"), keeps_memory=False)
