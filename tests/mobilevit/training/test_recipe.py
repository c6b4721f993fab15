"""Recipes: shipped ones, files, the command line above them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mobilevit.checkpoint import load_checkpoint, shipped_weights
from mobilevit.cli import app
from mobilevit.errors import InputError
from mobilevit.models.registry import check_config
from mobilevit.training.recipe import Recipe, load_recipe, make_recipe, shipped_recipes
from tests.conftest import write_photos


def test_recipes_ship_and_are_found_by_name_or_path() -> None:
    shipped = shipped_recipes()
    assert sorted(shipped) == ["finetune", "imagenet", "quick", "small"]
    for name, path in shipped.items():
        assert load_recipe(name) == load_recipe(path)


def test_the_imagenet_recipe_is_the_papers() -> None:
    recipe = load_recipe("imagenet")
    paper = {
        "epochs": 300,
        "batch_size": 1024,
        "weight_decay": 0.01,
        "decay_norm_and_bias": True,
        "learning_rate": 2e-3,
        "min_learning_rate": 2e-4,
        "warmup_steps": 3000,
        "label_smoothing": 0.1,
        "multi_scale": (160, 192, 256, 288, 320),
        "image_size": 256,
    }
    assert {key: getattr(recipe, key) for key in paper} == paper
    assert recipe.ema_decay > 0


def test_the_small_recipe_writes_the_defaults_out() -> None:
    assert load_recipe("small") == Recipe()


def test_the_finetune_recipe_takes_the_model_of_the_weights() -> None:
    assert load_recipe("finetune").model == "mobilevit_xxs"  # the shipped ones
    recipe = load_recipe("finetune", {"weights": "mobilevit_xs.imagenette"})
    assert (recipe.model, recipe.ema_decay) == ("mobilevit_xs", 0.99)


def test_the_command_line_wins_field_by_field(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'epochs = 7\nbatch_size = 12\n"config.head_dropout" = 0.2\n'
        "[config]\ndropout = 0.1\npatch_sizes = [2, 2, 2]\n"
    )
    recipe = load_recipe(file, {"epochs": 3, "config.dropout": 0.3})
    assert (recipe.epochs, recipe.batch_size) == (3, 12)
    assert recipe.config == {"dropout": 0.3, "head_dropout": 0.2, "patch_sizes": [2, 2, 2]}


def test_a_run_can_be_repeated_from_what_it_left(tmp_path: Path) -> None:
    recipe = Recipe(epochs=3, multi_scale=(32, 64), config={"dropout": 0.0})
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    assert load_recipe(tmp_path / "recipe.json") == recipe
    trained = load_recipe("mobilevit_xxs.imagenette")
    side = load_checkpoint("mobilevit_xxs.imagenette").preprocessing.image_size[0]
    assert trained.image_size == side != Recipe().image_size
    assert trained == load_recipe(shipped_weights()["mobilevit_xxs.imagenette"])


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"leraning_rate": 1}, "unknown recipe field `leraning_rate`", "`learning_rate`"),
        ({"optimizer": {"lr": 1}}, "unknown recipe field `optimizer`", ""),
        ({"config": 3}, "config", ""),
        ({"config.num_classes": 5}, "follows from the data", ""),
        ({"learning_rate": float("nan")}, "learning_rate", ""),
        ({"learning_rate": "fast"}, "learning_rate", ""),
        ({"batch_size": 0}, "batch_size", ""),
        ({"batch_size": 4, "accumulate": 4}, "less than two images", ""),
        ({"image_size": 100_000}, "image_size", ""),
        ({"layer_decay": 0.5}, "name `--weights`", ""),
        ({"freeze_backbone": True}, "name `--weights`", ""),
        ({"teacher_weights": "x.pth"}, "belong to a teacher", ""),
        ({"weights": "nothing.safetensors"}, "nothing.safetensors", ""),
    ],
)
def test_what_is_no_recipe_is_refused(fields: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make_recipe(fields)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("fields", "message", "hint"),
    [
        ({"patch_sise": [2, 2, 2]}, "patch_sise", "`patch_sizes`"),
        ({"patch_sizes": [0, 2, 2]}, "at least 1", ""),
        ({"dropout": 1.5}, "below 1", ""),
        ({"num_heads": 7}, "7 heads cannot share", ""),
        ({"patch_sizes": "big"}, "patch_sizes", ""),
    ],
)
def test_what_no_network_has_is_refused(fields: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_config("mobilevit_xxs", fields)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "content",
    [b"epochs = ", b"\xff\xfe\x00", b"[" * 100_000, b"epochs = [" + b"[" * 5000, b""],
    ids=["cut off", "binary", "deep", "deeper", "empty"],
)
def test_files_that_are_no_recipe_are_refused(tmp_path: Path, content: bytes) -> None:
    for name in ("recipe.toml", "recipe.json"):
        file = tmp_path / name
        file.write_bytes(content)
        if not content and name.endswith("toml"):
            assert load_recipe(file) == Recipe()  # an empty TOML file has no fields
            continue
        with pytest.raises(InputError, match="is not a recipe"):
            load_recipe(file)


def test_the_command_names_the_nearest(tmp_path: Path) -> None:
    data = write_photos(tmp_path / "data", ("a", "b"), 2)
    toml = tmp_path / "typo.toml"
    toml.write_text("epoch = 3\n")
    for options, near in (
        (["--recipe", "imagnet"], "`imagenet`"),
        (["--recipe", str(toml)], "`epochs`"),
        (["--set", "batchsize=3"], "`batch_size`"),
        (["--set", "config.patchsizes=[2,2,2]"], "`patch_sizes`"),
        (["--sweep", "batchsize=3,4"], "`batch_size`"),
        (["--sweep", "config.patchsizes=[2,2,2],[8,4,2]"], "`patch_sizes`"),
        (["--set", "teacher=timm:tf_efficientnet_lite00"], "`tf_efficientnet_lite0`"),
    ):
        command = ["train", str(data), "--out", str(tmp_path / "run"), *options]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 2, options
        assert near in result.stderr, options
        assert not list((tmp_path / "run").glob("**/recipe.json")), options


def test_a_run_keeps_its_recipe(tmp_path: Path) -> None:
    from mobilevit.checkpoint import load_checkpoint

    data = write_photos(tmp_path / "data", ("a", "b"), 4)
    options = ["--image-size", "32", "--epochs", "1", "--batch-size", "4", "--workers", "0"]
    command = ["train", str(data), "--out", str(tmp_path / "run"), "--recipe", "quick", "--json"]
    result = CliRunner().invoke(app, [*command, *options])
    assert result.exit_code == 0, result.stderr
    asked = load_recipe("quick", {"image_size": 32, "epochs": 1, "batch_size": 4})
    said = json.loads(result.stdout)
    assert said["epochs"] == 1 and Path(said["checkpoint"]).is_file()
    assert Recipe.model_validate(load_checkpoint(said["checkpoint"]).recipe) == asked
    assert load_recipe(tmp_path / "run" / "recipe.json") == asked
