"""What `--measure-speed` finds to bound, where one of the two is made slow on purpose."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from mobilevit.cli import app
from mobilevit.data.dataset import DecodedFiles
from mobilevit.training import throughput
from mobilevit.training.recipe import Recipe
from mobilevit.training.throughput import Speed, measure_speed, verdict

TINY = Recipe(batch_size=8, image_size=32, config={"transformer_depths": [1, 1, 1]})

SPEED = Speed(
    loading=1000,
    step=100,
    both=99,
    sides=(256,),
    batch_size=64,
    device="cpu",
    workers=1,
    cached=False,
    from_shards=False,
    spare_cores=0,
    precision="32-true",
    compiled=False,
)


def measured(photos: Path, recipe: Recipe = TINY) -> Speed:
    torch.set_num_threads(1)
    return measure_speed(photos, recipe, workers=0, seconds=1, report=lambda line: None)


def slow_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    read = DecodedFiles.__call__

    def slow(self: DecodedFiles, index: int) -> Tensor:
        time.sleep(0.05)
        return read(self, index)

    monkeypatch.setattr(DecodedFiles, "__call__", slow)


def slow_step(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = throughput.Classifier.forward

    def slow(self: throughput.Classifier, pixels: Tensor) -> Tensor:
        time.sleep(0.5)
        return forward(self, pixels)

    monkeypatch.setattr(throughput.Classifier, "forward", slow)


def test_slow_loading_is_seen(photo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_loading(monkeypatch)
    speed = measured(photo_folder)
    assert max(speed.loading, speed.both) < 20  # what a pause of 50 ms leaves
    assert speed.waiting > 0.5
    assert verdict(speed).startswith("loading bounds: with 0 workers")


def test_a_slow_step_is_seen(photo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_step(monkeypatch)
    speed = measured(photo_folder)
    assert max(speed.step, speed.both) < 16  # 8 images in half a second
    assert speed.loading > 2 * speed.step
    assert speed.waiting < 0.5  # of other work beside it there may be any


def test_it_goes_through_the_steps_of_the_recipe(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sizes, parts and a teacher that answers images, which would take its time, are in it."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    recipe = TINY.model_copy(
        update={
            "multi_scale": (32, 64),
            "accumulate": 2,
            "teacher": "mobilevit_xxs.imagenette",
            "teacher_view": "image",
            "distillation_head": True,
        }
    )
    asked: list[object] = []
    monkeypatch.setattr("mobilevit.training.classifier.answer_images", asked.append)
    speed = measured(photo_folder, recipe)
    assert speed.sides == (32, 64)
    assert min(speed.loading, speed.step, speed.both) > 0
    assert not asked
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "the step bounds, and loading alone is 10.0 times as fast"),
        ({"device": "cuda"}, "`--set precision=bf16-mixed`"),
        ({"both": 50}, "in each other's way"),
        ({"both": 50, "workers": 0}, "take turns"),
        ({"loading": 20, "both": 20}, "5.0 times as slow as the step, which waits 80%"),
        ({"loading": 20, "both": 20, "spare_cores": 3}, "`--workers 4`"),
        ({"loading": 20, "both": 20}, "`--cache`"),
        ({"loading": 20, "both": 20, "cached": True}, "leave out RandAugment"),
        ({"both": 120}, "no verdict"),
    ],
)
def test_the_sentence_names_the_bound_and_a_way_out(change: dict[str, object], says: str) -> None:
    assert says in verdict(replace(SPEED, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"cached": True}, {"from_shards": True}, {"workers": 4, "spare_cores": 0}]
)
def test_it_does_not_advise_what_cannot_be(change: dict[str, object]) -> None:
    speed = replace(SPEED, loading=20, both=20, **change)  # type: ignore[arg-type]
    assert ("--cache" in verdict(speed)) == (not speed.cached and not speed.from_shards)
    assert "--workers" not in verdict(speed)


def test_the_command_shows_a_table_and_the_sentence(
    photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "measure_speed", partial(measure_speed, seconds=0.5))
    slow_loading(monkeypatch)
    settings = [
        "--batch-size",
        "8",
        "--image-size",
        "32",
        "--set",
        "config.transformer_depths=[1,1,1]",
    ]
    command = ["train", str(photo_folder), "--measure-speed", *settings]
    ran = CliRunner().invoke(app, [*command, "--workers", "0"])
    assert ran.exit_code == 0, ran.stderr
    rows = [r"mobilevit_xxs, 32 pixels, batch 8 +images/s"]
    rows += [rf"{name} +(\d+\.\d)" for name in ("loading, workers: 0", "step, .+, 32-true", "both")]
    found = re.search(r"\s+".join([rows[0], r"\S+", *rows[1:]]), ran.stdout)
    assert found, ran.stdout
    loading, step, both = map(float, found.groups())
    assert max(loading, both) < 20 < step
    assert "loading bounds: with 0 workers" in ran.stdout
    refused = CliRunner().invoke(app, ["train", str(photo_folder), "--measure-speed", "--resume"])
    assert refused.exit_code == 2
    assert "`--measure-speed` is of one run" in refused.stderr


def test_the_allocator_keeps_pages_and_changes_no_bit() -> None:
    """In a process of its own, whose allocator stays as it was set."""
    program = Path(__file__).with_name("page_faults.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=200, env=environment
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if not found["asked"]:
        pytest.skip("there is no glibc to ask")
    assert found["same"]
    assert min(found["kept"]) < min(found["ordinary"]) / 10, found  # once it has enough
