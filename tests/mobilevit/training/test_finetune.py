"""Training from given weights: what is taken over, what begins anew, and what stays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mobilevit.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mobilevit.errors import CheckpointError, InputError
from mobilevit.models import create_model
from mobilevit.preprocessing import Preprocessing
from mobilevit.training.initial import head_of, initial_model
from mobilevit.training.optimizer import parameter_groups
from mobilevit.training.recipe import Recipe, make_recipe
from mobilevit.training.train import train

SMALL = {"transformer_depths": (1, 1, 1)}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that know classes a, x and b, in that order, and photos in their own colours."""
    torch.manual_seed(3)
    model = create_model("mobilevit_xxs", num_classes=3, **SMALL)
    names = ["a", "x", "b"]
    record = Preprocessing(image_size=(64, 64), mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    path = tmp_path_factory.mktemp("given") / "given.safetensors"
    save_checkpoint(path, Checkpoint("mobilevit_xxs", model.eval(), names, record, names))
    return path


def start(given: Path, classes: list[str], **fields: Any) -> tuple[dict[str, Tensor], Any, str]:
    lines: list[str] = []
    recipe = make_recipe({"weights": str(given), "image_size": 32, **fields})
    model, record = initial_model(recipe, classes, lines.append)
    return model.state_dict(), record, "\n".join(lines)


def test_the_same_classes_take_everything_over(given: Path) -> None:
    tensors, record, said = start(given, ["a", "x", "b"])
    known = load_checkpoint(given).model.state_dict()
    assert all(torch.equal(known[key], value) for key, value in tensors.items())
    assert (record.mean, record.image_size) == ((0.5, 0.5, 0.5), (32, 32))
    assert said == ""


def test_new_classes_get_new_outputs_and_known_ones_keep_theirs(given: Path) -> None:
    tensors, _, said = start(given, ["b", "new", "a", "other"])
    checkpoint = load_checkpoint(given)
    known, head = checkpoint.model.state_dict(), head_of(checkpoint.model)
    for key, value in tensors.items():
        if not key.startswith(f"{head}."):
            assert torch.equal(known[key], value), key
            continue
        assert value.shape[0] == 4
        assert torch.equal(value[0], known[key][2])
        assert torch.equal(value[2], known[key][0])
        if value.ndim > 1:
            assert not any(torch.equal(value[1], row) for row in known[key])
    assert "2 of its 4 classes are not known" in said
    _, _, said = start(given, ["b", "a"])
    assert "keeps the outputs of its 2 classes" in said


def test_weights_that_do_not_fit_are_refused(given: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mobilevit_xxs"):
        start(given, ["a", "b"], model="mobilevit_s")
    with pytest.raises(InputError, match="do not fit `config`"):
        start(given, ["a", "b"], **{"config.transformer_dims": [32, 32, 32]})
    with pytest.raises(CheckpointError, match="nowhere"):
        start(tmp_path / "nowhere.safetensors", ["a", "b"])
    (tmp_path / "cut.safetensors").write_bytes(given.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="cut"):
        start(tmp_path / "cut.safetensors", ["a", "b"])


def test_shipped_weights_by_name_at_another_size() -> None:
    tensors, record, _ = start(Path("mobilevit_xxs.imagenette"), ["a", "b"], image_size=96)
    known = load_checkpoint("mobilevit_xxs.imagenette").model.state_dict()
    changed = [k for k, v in tensors.items() if not torch.equal(v, known[k])]
    assert len(changed) == 2  # weight and bias of the head
    assert record.image_size == (96, 96)


def test_lower_layers_learn_slower(given: Path) -> None:
    recipe = make_recipe({"weights": str(given), "layer_decay": 0.5, "learning_rate": 1.0})
    model, _ = initial_model(recipe, ["a", "b"], lambda line: None)
    rates = {
        parameter: group["lr"]
        for group in parameter_groups(model, recipe)
        for parameter in group["params"]
    }
    assert len(rates) == len(list(model.parameters()))
    in_order = [rates[p] for p in model.parameters()]
    assert in_order == sorted(in_order)
    assert in_order[-1] == 1.0
    layers = sorted(set(in_order))
    assert len(layers) > 5
    assert all(b == 2 * a for a, b in pairwise(layers))
    even = parameter_groups(model, recipe.model_copy(update={"layer_decay": 1.0}))
    assert {group["lr"] for group in even} == {1.0}


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_backbone_keeps_every_weight_and_statistic(
    given: Path, photo_folder: Path, tmp_path: Path, frozen: bool
) -> None:
    recipe = make_recipe(
        {
            "weights": str(given),
            "freeze_backbone": frozen,
            "image_size": 32,
            "batch_size": 16,
            "epochs": 1,
            "warmup_epochs": 0,
        }
    )
    result = train(photo_folder, tmp_path / "run", recipe, workers=0, report=lambda line: None)
    before, after = (load_checkpoint(p) for p in (given, result.checkpoint))
    assert after.classes == ["a", "b", "c"]
    assert after.preprocessing.mean == (0.5, 0.5, 0.5)
    head = head_of(after.model)
    known = before.model.state_dict()
    same = {
        key.startswith(f"{head}."): []
        for key in known  # the head's, the others'
    }
    for key, value in after.model.state_dict().items():
        if known[key].shape == value.shape and value.is_floating_point():
            same[key.startswith(f"{head}.")].append(torch.equal(known[key], value))
    assert all(same[False]) == frozen
    assert not any(same[True])


def test_fine_tuning_beats_starting_anew_in_few_steps(photo_folder: Path, tmp_path: Path) -> None:
    """Of weights that know these photos, under other names: with new outputs."""
    base = Recipe(
        config={"transformer_depths": [1, 1, 1]},
        epochs=8,
        batch_size=8,
        image_size=32,
        learning_rate=3e-3,
        warmup_epochs=0.5,
        crop_scale=(0.5, 1),
        validate_every=8,
    )
    known = train(photo_folder, tmp_path / "known", base, workers=0, report=lambda line: None)
    for part in ("train", "val"):
        for name in "abc":
            (photo_folder / part / name).rename(photo_folder / part / f"new {name}")
    short = {"epochs": 2, "validate_every": 2}
    tuned = base.model_copy(update={**short, "weights": str(known.checkpoint)})
    results = [
        train(photo_folder, tmp_path / name, recipe, workers=0, report=lambda line: None).top1
        for name, recipe in (("tuned", tuned), ("anew", base.model_copy(update=short)))
    ]
    assert results[0] > results[1]
