"""A run that is ended at any moment goes on as if it had not been."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from mobilevit.checkpoint import load_checkpoint
from mobilevit.errors import CheckpointError, InputError
from mobilevit.training.recipe import Recipe
from mobilevit.training.train import train
from tests.conftest import write_photos
from tests.mobilevit.training.killing import (
    OPTIONS,
    Forks,
    assert_same_end,
    command,
    resumed,
    write_teacher,
)

QUICK: dict[str, Any] = {
    "config": {"transformer_depths": [1, 1, 1]},
    "epochs": 2,
    "batch_size": 8,
    "image_size": 32,
    "warmup_epochs": 0.5,
    "save_every": 2,
}
STEPS = 6  # of an epoch of `QUICK`


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for part, count in (("train", 16), ("val", 6)):
        write_photos(tmp_path / "data" / part, ("a", "b", "c"), count)
    return tmp_path / "data"


def quick_run(photos: Path, out: Path, *, resume: bool = False, **options: Any) -> None:
    recipe = Recipe.model_validate({**QUICK, **options})
    train(photos, out, recipe, workers=0, resume=resume, report=lambda line: None)


def test_a_killed_run_ends_with_the_same_weights(photos: Path, tmp_path: Path, runs: Forks) -> None:
    """Ten times at random moments: tests/devices/test_kill_training.py."""
    teacher = write_teacher(tmp_path / "teacher.safetensors")
    options: dict[str, Any] = {**OPTIONS, "epochs": 2, "teacher": str(teacher)}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert runs.run(command(photos, whole, options)) == 0, runs.said()
    for fault in ("saving:2", "training:2:0.02"):
        ending = runs.run(resumed(photos, killed, options), fault)
        assert ending == -signal.SIGKILL, runs.said()
    assert runs.run(resumed(photos, killed, options)) == 0, runs.said()
    assert_same_end(whole, killed)
    assert runs.run(command(photos, tmp_path / "other", {**options, "seed": 1})) == 0
    with pytest.raises(AssertionError):
        assert_same_end(whole, tmp_path / "other")


@pytest.mark.parametrize(("fault", "step"), [("terminated:4", 2), ("interrupted:16", 8)])
def test_a_run_that_is_told_to_end_saves_and_goes_on(
    photos: Path, tmp_path: Path, runs: Forks, fault: str, step: int
) -> None:
    """Before its first validation and after it; also where Python would print Ctrl-C's exception,
    and ignore it. Its images come from a worker, which is ahead of it."""
    options = {**QUICK, "save_every": 1000, "accumulate": 2}
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    quick_run(photos, whole, save_every=1000, accumulate=2)
    assert runs.run(command(photos, stopped, options, workers=1), fault) == 130, runs.said()
    assert torch.load(stopped / "last.ckpt", weights_only=True)["global_step"] == step
    validated = step > STEPS
    assert (stopped / "checkpoint.safetensors").exists() == validated
    if validated:
        assert load_checkpoint(stopped / "checkpoint.safetensors").classes == ["a", "b", "c"]
    assert not list(stopped.glob(".*"))
    said = runs.said()
    assert "go on with" in said and "--resume" in said and "Traceback" not in said
    assert runs.run(resumed(photos, stopped, options, workers=1)) == 0, runs.said()
    assert_same_end(whole, stopped)


def test_a_run_that_ended_before_anything_was_saved_begins_again(
    photos: Path, tmp_path: Path, runs: Forks
) -> None:
    quick_run(photos, tmp_path / "whole")
    ending = runs.run(command(photos, tmp_path / "run", QUICK), "training:1:0")
    assert ending == -signal.SIGKILL, runs.said()
    assert not (tmp_path / "run" / "last.ckpt").exists()
    quick_run(photos, tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "whole", tmp_path / "run")


def test_a_frozen_backbone_stays_frozen_when_resumed_in_mid_epoch(
    photos: Path, tmp_path: Path, runs: Forks
) -> None:
    given = write_teacher(tmp_path / "given.safetensors")
    options = {"weights": str(given), "freeze_backbone": True}
    quick_run(photos, tmp_path / "whole", **options)
    ending = runs.run(command(photos, tmp_path / "run", {**QUICK, **options}), "training:4:0")
    assert ending == -signal.SIGKILL, runs.said()
    quick_run(photos, tmp_path / "run", resume=True, **options)
    assert_same_end(tmp_path / "whole", tmp_path / "run")


def test_a_run_is_resumed_with_the_images_it_began_with(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quick_run(photos, run, epochs=1)
    before = (run / "last.ckpt").read_bytes()
    moved = photos.rename(tmp_path / "elsewhere")
    quick_run(moved, run, resume=True, epochs=1)  # the same images

    (moved / "train" / "b" / "3.jpg").rename(tmp_path / "3.jpg")
    with pytest.raises(InputError, match="to train on: class `b` has 15, not 16") as caught:
        quick_run(moved, run, resume=True, epochs=1)
    assert "--weights" in str(caught.value.hint)
    (tmp_path / "3.jpg").rename(moved / "train" / "b" / "3.jpg")
    (moved / "val" / "c" / "0.jpg").write_bytes((moved / "val" / "c" / "1.jpg").read_bytes())
    with pytest.raises(InputError, match="to validate on: as many, but not the same"):
        quick_run(moved, run, resume=True, epochs=1)
    write_photos(moved / "train", ("d",), 3)
    with pytest.raises(InputError, match="class `d` has 3, not 0"):
        quick_run(moved, run, resume=True, epochs=1)
    assert (run / "last.ckpt").read_bytes() == before


def test_a_damaged_save_is_an_error_that_says_so(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quick_run(photos, run, epochs=1)
    whole = (run / "last.ckpt").read_bytes()
    (run / "last.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"last\.ckpt` is no save"):
        quick_run(photos, run, resume=True, epochs=1)


def test_leftovers_of_a_killed_run_are_removed(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    quick_run(photos, run, epochs=1)
    (run / ".last.ckpt.123.partial").write_bytes(b"half")
    quick_run(photos, run, resume=True, epochs=1)
    assert not list(run.glob(".*"))
