"""Training: it learns, keeps what was best, and refuses what makes no sense."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from mobilevit.checkpoint import load_checkpoint
from mobilevit.cli import app
from mobilevit.data.image_folder import scan, split
from mobilevit.errors import DataError, InputError
from mobilevit.training.recipe import Recipe
from mobilevit.training.train import train
from tests.conftest import write_photos

QUICK = Recipe(
    config={"transformer_depths": [1, 1, 1]},
    epochs=4,
    batch_size=8,
    image_size=32,
    learning_rate=3e-3,
    warmup_epochs=0.5,
    crop_scale=(0.5, 1),
)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run / "checkpoint.safetensors").model.state_dict()


def test_it_learns_and_says_how_well(photo_folder: Path, tmp_path: Path) -> None:
    recipe = QUICK.model_copy(update={"epochs": 12, "image_size": 64, "train_sizes": (48, 64)})
    lines: list[str] = []
    result = train(photo_folder, tmp_path / "run", recipe, workers=0, report=lines.append)
    assert result.top1 > 0.8  # chance is 1/3
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.labels == checkpoint.classes == ["a", "b", "c"]
    assert checkpoint.preprocessing.image_size == (64, 64)
    assert checkpoint.measured["top1"] == pytest.approx(result.top1, abs=1e-4)
    assert Recipe.model_validate(checkpoint.recipe) == recipe
    assert "48 images to train on, 18 to validate on; classes: 3; files skipped: 0" in lines[0]
    assert (tmp_path / "run" / "metrics.csv").exists()


def test_the_saved_weights_are_those_that_were_measured(photo_folder: Path, tmp_path: Path) -> None:
    from mobilevit.evaluation.accuracy import evaluate, open_folder
    from mobilevit.runtimes.torch import TorchSession

    result = train(photo_folder, tmp_path / "run", QUICK, workers=0, report=lambda line: None)
    checkpoint = load_checkpoint(result.checkpoint)
    folder = open_folder(photo_folder, checkpoint.classes, 3)
    [measured] = evaluate({"x": TorchSession(checkpoint)}, folder, checkpoint.preprocessing)
    assert measured.top1 == pytest.approx(result.top1)
    assert checkpoint.data["train"].images == 48
    assert checkpoint.data["val"].classes == {"a": 6, "b": 6, "c": 6}


def test_a_run_is_not_overwritten_or_resumed_with_another_recipe(
    photo_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    recipe = QUICK.model_copy(update={"epochs": 1})
    train(photo_folder, run, recipe, workers=0, report=lambda line: None)
    before = weights(run)
    with pytest.raises(InputError, match="not an empty folder"):
        train(photo_folder, run, recipe)
    with pytest.raises(InputError, match="another recipe: learning_rate"):
        other = recipe.model_copy(update={"learning_rate": 1.0})
        train(photo_folder, run, other, resume=True)
    with pytest.raises(InputError, match="no run to resume"):
        train(photo_folder, tmp_path / "none", recipe, resume=True)
    command = ["train", str(photo_folder), "--out", str(run), "--resume", "--model", "mobilevit_s"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "another recipe: model" in result.stderr
    assert all(torch.equal(before[key], value) for key, value in weights(run).items())


def test_bad_files_among_good_ones_are_named_and_skipped(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "data", ("a", "b"), 6)
    whole = (root / "a" / "0.jpg").read_bytes()
    (root / "a" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "a" / "text.jpg").write_text("not an image")
    (root / "b" / "notes.txt").write_text("notes")
    (root / "b" / "empty.png").write_bytes(b"")
    lines: list[str] = []
    recipe = QUICK.model_copy(update={"epochs": 1, "batch_size": 4})
    train(root, tmp_path / "run", recipe, workers=0, report=lines.append)
    text = "\n".join(lines)
    for name in ("cut.jpg", "text.jpg", "notes.txt", "empty.png"):
        assert name in text
    assert "files skipped: 4" in text


def test_split_is_stratified_and_repeatable(tmp_path: Path) -> None:
    folder = scan(write_photos(tmp_path / "data", ("a", "b"), 10))
    train_part, val_part = split(folder, 0.2, seed=3)
    assert [sum(t == c for _, t in val_part.samples) for c in (0, 1)] == [2, 2]
    assert not set(train_part.samples) & set(val_part.samples)
    assert set(train_part.samples) | set(val_part.samples) == set(folder.samples)
    assert split(folder, 0.2, seed=3)[1] == val_part
    assert split(folder, 0.2, seed=4)[1] != val_part


def test_a_class_of_one_image_cannot_be_split(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "data", ("a", "b"), 2)
    (root / "b" / "0.jpg").unlink()
    with pytest.raises(DataError, match="class `b` has one image"):
        split(scan(root), 0.1, seed=0)


def test_validation_folders_are_indexed_as_the_training_folders(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "data", ("b", "c"), 2)
    folder = scan(root, ("a", "b", "c"))
    assert {target for _, target in folder.samples} == {1, 2}
    Image.new("RGB", (8, 8)).save(root / "c" / "x.png")
    with pytest.raises(DataError, match="not a class of the model"):
        scan(root, ("a", "b"))


def test_learning_rate_warms_up_and_follows_a_cosine() -> None:
    from mobilevit.training.optimizer import learning_rate_factor

    recipe = Recipe(epochs=10, learning_rate=1e-3, min_learning_rate=1e-5, warmup_epochs=2)
    factor = learning_rate_factor(recipe, total=100)
    assert factor(0) == pytest.approx(0.1)
    assert factor(20) == pytest.approx(1.0)
    assert factor(60) == pytest.approx(0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert factor(100) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"crop_scale": (0.9, 0.1)}, "smaller first"),
        ({"train_sizes": (32, 32, 32), "epochs": 2}, "more entries"),
        ({"epochs": 5, "validate_every": 2}, "validate_every"),
        ({"leraning_rate": 1}, "leraning_rate"),
    ],
)
def test_a_wrong_recipe_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate(fields)


def test_sizes_follow_the_epochs() -> None:
    recipe = Recipe(epochs=30, image_size=128, train_sizes=(96, 96, 128))
    assert [recipe.size_at(epoch) for epoch in (0, 9, 19, 20, 29)] == [96, 96, 96, 128, 128]
