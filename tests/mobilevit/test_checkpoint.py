"""Checkpoints: what is saved comes back, and what is damaged is named."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mobilevit.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mobilevit.errors import CheckpointError
from mobilevit.models import create_model
from tests.conftest import liven, sample_pixels


def logits(checkpoint: Checkpoint) -> torch.Tensor:
    with torch.inference_mode():
        return checkpoint.model(sample_pixels(size=64))


def test_round_trip(small_checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "new" / "checkpoint.safetensors"
    original = replace(small_checkpoint, classes=["v", "w", "x", "y", "z"], measured={"top1": 0.5})
    save_checkpoint(path, original)
    loaded = load_checkpoint(path)
    assert torch.equal(logits(loaded), logits(original))
    assert loaded.model.config == original.model.config
    assert not loaded.model.training
    for field in ("name", "labels", "classes", "preprocessing", "measured"):
        assert getattr(loaded, field) == getattr(original, field)
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.safetensors"]


def test_half_precision_is_half_the_size_and_close(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    for precision in ("fp32", "fp16"):
        save_checkpoint(tmp_path / f"{precision}.safetensors", small_checkpoint, precision)
    sizes = [(tmp_path / f"{p}.safetensors").stat().st_size for p in ("fp16", "fp32")]
    assert sizes[0] < 0.6 * sizes[1]
    half = load_checkpoint(tmp_path / "fp16.safetensors")
    assert next(half.model.parameters()).dtype == torch.float32
    difference = (logits(half) - logits(small_checkpoint)).abs().max()
    assert 0 < difference < 0.02


def test_a_weight_that_is_too_large_for_halves_is_named(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    model = create_model("mobilevit_xxs", num_classes=5, transformer_depths=(1, 1, 1))
    torch.nn.init.constant_(model.classifier.bias, 1e6)
    checkpoint = replace(small_checkpoint, model=model)
    with pytest.raises(CheckpointError, match=r"classifier\.bias.*fp16"):
        save_checkpoint(tmp_path / "x.safetensors", checkpoint, "fp16")
    assert not list(tmp_path.iterdir())


class Payload:
    """A pickle that runs code when it is opened."""

    ran = False

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return exec, ("import tests.mobilevit.test_checkpoint as t; t.Payload.ran = True",)


def test_a_pickle_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"backbone.stem.conv.weight": Payload()}, path)
    with pytest.raises(CheckpointError, match="was not opened"):
        load_checkpoint(path, "mobilevit_xxs")
    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(CheckpointError):
        load_checkpoint(path, "mobilevit_xxs")
    assert not Payload.ran


def test_foreign_weights_from_safetensors_and_pt(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="needs the `peers` extra")
    theirs = liven(timm.create_model("mobilevit_xxs", num_classes=7))
    save_file(theirs.state_dict(), tmp_path / "timm.safetensors")
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "timm.pth")
    for name in ("timm.safetensors", "timm.pth"):
        loaded = load_checkpoint(tmp_path / name, "mobilevit_xxs")
        assert len(loaded.labels) == 7
        with torch.inference_mode():
            expected = theirs(sample_pixels())
            assert (loaded.model(sample_pixels()) - expected).abs().max() < 1e-5


def test_a_timm_model_keeps_its_own_architecture(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="needs the `peers` extra")
    theirs = liven(timm.create_model("mobilenetv2_035", num_classes=7))
    save_file(theirs.state_dict(), tmp_path / "other.safetensors")
    loaded = load_checkpoint(tmp_path / "other.safetensors", "timm:mobilenetv2_035")
    save_checkpoint(tmp_path / "own.safetensors", loaded)
    again = load_checkpoint(tmp_path / "own.safetensors")
    with torch.inference_mode():
        assert torch.equal(again.model(sample_pixels()), theirs(sample_pixels()))


def test_foreign_weights_need_a_name(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="--model"):
        load_checkpoint(tmp_path / "x.safetensors")


def saved(checkpoint: Checkpoint, folder: Path) -> Path:
    save_checkpoint(folder / "c.safetensors", checkpoint)
    return folder / "c.safetensors"


def resave(path: Path, **changes: object) -> None:
    """Write the file again with some of its metadata changed."""
    with safe_open(path, "pt") as reader:
        metadata = json.loads(reader.metadata()["mobilevit"])
    save_file(load_file(path), path, metadata={"mobilevit": json.dumps({**metadata, **changes})})


@pytest.mark.parametrize("keep", [0, 4, 1000, 100_000])
def test_a_file_that_is_cut_off(small_checkpoint: Checkpoint, tmp_path: Path, keep: int) -> None:
    path = saved(small_checkpoint, tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "mobilevit_xxl"}, "mobilevit_xs"),
        ({"config": {"num_classes": 5}}, "does not hold the weights of `mobilevit_xxs`"),
        ({"schema_version": 99}, "99"),
        ({"preprocessing": {"image_size": [1, 1]}}, "preprocessing"),
        ({"surprise": 1}, "surprise"),
        ({"config": {"num_classes": "many"}}, "num_classes"),
        ({"labels": ["one"]}, "1 label"),
    ],
)
def test_metadata_that_does_not_fit(
    small_checkpoint: Checkpoint, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = saved(small_checkpoint, tmp_path)
    resave(path, **changes)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path)
    assert message in str(error.value)


def test_another_architecture_than_asked_for(small_checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds `mobilevit_xxs`, not `mobilevit_s`"):
        load_checkpoint(saved(small_checkpoint, tmp_path), "mobilevit_s")
