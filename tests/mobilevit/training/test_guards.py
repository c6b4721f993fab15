"""A run that fails says why and what to do, and keeps what was good."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mobilevit.checkpoint import load_checkpoint
from mobilevit.errors import DataError, InputError, SdkError
from mobilevit.training import guards
from mobilevit.training.classifier import Classifier
from mobilevit.training.guards import DivergedError, explained
from mobilevit.training.recipe import Recipe
from mobilevit.training.train import train

QUICK = Recipe(
    config={"transformer_depths": [1, 1, 1]},
    epochs=3,
    batch_size=8,
    image_size=32,
    warmup_epochs=0.5,
    save_every=4,
)


def spoil(monkeypatch: pytest.MonkeyPatch, after: int, factor: float, steps: int = 1000) -> None:
    """Have the loss of `steps` steps, `after` those before, be `factor` times what it is."""
    loss = Classifier.loss

    def spoiled(self: Classifier, *batch: Tensor) -> Tensor:
        bad = after <= self.global_step < after + steps
        return loss(self, *batch) * (factor if bad else 1.0)

    monkeypatch.setattr(Classifier, "loss", spoiled)


def run(photos: Path, out: Path, **fields: Any) -> None:
    recipe = QUICK.model_copy(update=fields)
    train(photos, out, recipe, workers=0, report=lambda line: None)


def finite(out: Path) -> bool:
    state = torch.load(out / "last.ckpt", weights_only=True)["state_dict"]
    return all(bool(torch.isfinite(value).all()) for value in state.values())


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    spoil(monkeypatch, after=7, factor=factor)
    with pytest.raises(DivergedError, match=f"the loss is {factor}, by step 8") as caught:
        run(photo_folder, tmp_path / "run", gradient_clip=0.0)
    hint = str(caught.value.hint)
    assert "lower `learning_rate=0.002`" in hint and "gradient_clip=5" in hint
    assert f"`--weights {tmp_path / 'run' / 'checkpoint.safetensors'}`" in hint
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] == 6
    assert finite(tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "checkpoint.safetensors").measured["epoch"] == 1


def test_a_learning_rate_that_is_far_too_high_is_named(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError) as caught:
        run(photo_folder, tmp_path / "run", learning_rate=1e25, gradient_clip=0.0)
    assert "lower `learning_rate=1e+25`" in str(caught.value.hint)
    assert not (tmp_path / "run" / "last.ckpt").exists() or finite(tmp_path / "run")


def test_half_precision_is_named_first() -> None:
    guard = guards.LossGuard(QUICK.model_copy(update={"precision": "16-mixed"}), 3)

    class Trainer:
        optimizers = (torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1),)
        default_root_dir = "run"

    assert guard._way_out(Trainer()).startswith("`precision=16-mixed` overflows")  # type: ignore[arg-type]


@pytest.mark.parametrize(("steps", "stops"), [(1000, True), (2, False)])
def test_an_exploded_loss_stops_and_a_peak_does_not(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, stops: bool
) -> None:
    monkeypatch.setattr(guards, "RECENT", 5)
    spoil(monkeypatch, after=10, factor=30.0, steps=steps)
    if not stops:
        return run(photo_folder, tmp_path / "run", epochs=2)
    with pytest.raises(DivergedError, match="the loss exploded: it began at 1"):
        run(photo_folder, tmp_path / "run")
    assert (tmp_path / "run" / "last.ckpt").is_file()


def test_what_the_guard_saw_is_saved_with_the_run(photo_folder: Path, tmp_path: Path) -> None:
    run(photo_folder, tmp_path / "run", epochs=2)
    saved = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["callbacks"]
    assert len(saved["LossGuard"]["first"]) == 10
    assert len(saved["LossGuard"]["recent"]) == 12


def too_much_on_a_cpu() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def too_much_on_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def too_much_for_a_library() -> None:
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`")


@pytest.mark.parametrize("cause", [too_much_on_a_cpu, too_much_on_a_gpu, too_much_for_a_library])
def test_memory_that_does_not_suffice_says_what_to_try(cause: Any) -> None:
    with pytest.raises(InputError, match="a step of 64 images") as caught, explained(Recipe()):
        cause()
    hint = str(caught.value.hint)
    assert hint.startswith("try `accumulate=2`")
    assert "`batch_size=32`" in hint and "bf16-mixed" in hint and "image_size" in hint


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), explained(QUICK):
        raise RuntimeError("shape '[2]' is invalid")


def test_a_killed_worker_is_told() -> None:
    with (
        pytest.raises(InputError, match=r"that loads images was ended: .*Killed"),
        explained(QUICK),
    ):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_is_gone_by_now_is_named(
    photo_folder: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobilevit.training import train as training

    def fit(*arguments: Any) -> None:
        (photo_folder / "train" / "b" / "3.jpg").write_bytes(b"")
        whole(*arguments)

    whole = training._fit
    monkeypatch.setattr(training, "_fit", fit)
    with pytest.raises(InputError, match=r"b/3\.jpg") as caught:
        train(photo_folder, tmp_path / "run", QUICK, workers=workers, report=lambda line: None)
    assert "Traceback" not in str(caught.value)


def test_one_class_cannot_be_told_from_another(photo_folder: Path, tmp_path: Path) -> None:
    for part in ("train", "val"):
        for name in "ab":
            for file in (photo_folder / part / name).iterdir():
                file.unlink()
            (photo_folder / part / name).rmdir()
    with pytest.raises(DataError, match="the one class `c`"):
        run(photo_folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("what", ["weights", "teacher", "labels"])
def test_what_is_named_is_checked_before_the_images(
    photo_folder: Path, tmp_path: Path, what: str
) -> None:
    for file in (photo_folder / "train" / "a").iterdir():
        file.write_bytes(b"no image")
    missing = tmp_path / "missing.json"
    settings = {} if what == "labels" else {what: str(missing)}
    recipe = QUICK.model_copy(update=settings)
    with pytest.raises(SdkError, match=r"missing\.json"):
        train(
            photo_folder,
            tmp_path / "run",
            recipe,
            labels=missing if what == "labels" else None,
            report=lambda line: None,
        )
