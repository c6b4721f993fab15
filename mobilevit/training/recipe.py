"""What a training run does, as one record that is saved with what it made."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..bundle import Share
from ..data.seeds import seed_of
from ..errors import InputError, first_fault, reason, unknown_name

RECIPE_FILE = "recipe.json"  # in the run's folder

Pixels = Annotated[int, Field(ge=32, le=1024)]  # a side


class Recipe(BaseModel):
    """Hyperparameters. Defaults suit a few thousand photos and a small model.

    Every number follows from this record, the data and the seed: a recipe has nothing of the
    machine in it but the precision it computes in. Relative paths are relative to the current
    folder, wherever the recipe itself was read from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # the network
    model: str = "mobilevit_xxs"
    config: dict[str, Any] = {}  # fields of the model's config, such as {"patch_sizes": [8, 4, 2]}
    weights: str = ""  # a checkpoint to start from; outputs of classes it does not have are new
    freeze_backbone: bool = False  # train the head alone
    layer_decay: float = Field(default=1.0, gt=0, le=1)  # of the learning rate, a stage downwards

    # epochs and batches
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=64, ge=2)  # images of one step, of all processes together
    accumulate: int = Field(default=1, ge=1)  # parts a process computes its share of a step in
    image_size: Pixels = 256
    train_sizes: tuple[Pixels, ...] = ()  # for equal shares of the epochs, one after the other
    multi_scale: tuple[Pixels, ...] = ()  # for equal shares of the steps, the batch size by area
    val_fraction: float = Field(default=0.1, gt=0, lt=1)
    validate_every: int = Field(default=1, ge=1)  # epochs
    save_every: int = Field(default=200, ge=1)  # steps, for `--resume`; and after every epoch

    # AdamW; linear warm-up from a tenth, then a cosine to the minimum
    learning_rate: float = Field(default=2e-3, gt=0)
    min_learning_rate: float = Field(default=1e-5, ge=0)
    warmup_epochs: float = Field(default=3.0, ge=0)
    warmup_steps: int | None = Field(default=None, ge=0)  # in place of warmup_epochs
    weight_decay: float = Field(default=0.02, ge=0)
    decay_norm_and_bias: bool = True  # weight decay on every parameter, as in the paper
    gradient_clip: float = Field(default=5.0, ge=0)  # norm of all gradients; 0 for none
    ema_decay: float = Field(default=0.998, ge=0, lt=1)  # of the weights that are kept; 0 for none

    # targets
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    mixup: float = Field(default=0.0, ge=0)  # alpha of the Beta distribution; 0 for none
    cutmix: float = Field(default=0.0, ge=0)  # likewise; with both, each on half of the batches

    # what images go through
    crop_scale: tuple[float, float] = (0.25, 1.0)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    rand_augment: int = Field(default=0, ge=0, le=30)  # magnitude, of two operations; 0 for none

    # a teacher whose answers are learnt beside the labels
    teacher: str = ""  # timm:NAME, torchvision:NAME or a checkpoint; none by default
    teacher_weights: str = ""  # a file, for timm's and torchvision's; by default they download
    teacher_classes: str = ""  # ImageNet's class index (JSON), where the teacher knows 1000 classes
    teacher_view: Literal["crop", "image"] = "crop"  # it answers each crop, or each image once
    teacher_precision: Literal["fp32", "bf16"] = "fp32"
    distillation: Literal["soft", "hard"] = "soft"
    distillation_weight: Share = 0.5  # of the teacher's part of the loss
    distillation_temperature: float = Field(default=3.0, gt=0)
    distillation_head: bool = False  # a second classifier learns all the teacher's classes

    # arithmetic
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    compile: bool = False  # torch.compile
    sync_batchnorm: bool = False  # statistics over all processes
    checkpoint_precision: Literal["fp32", "fp16"] = "fp32"
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        low, high = self.crop_scale
        if not 0 < low <= high <= 1:
            raise ValueError("crop_scale must be two fractions of the area, smaller first")
        if len(self.train_sizes) > self.epochs:
            raise ValueError("train_sizes has more entries than there are epochs")
        if self.train_sizes and self.multi_scale:
            raise ValueError("train_sizes and multi_scale exclude each other")
        if self.epochs % self.validate_every:
            raise ValueError("validate_every must divide epochs, so that the last is validated")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError("min_learning_rate is where the rate ends, and above learning_rate")
        if self.batch_size < 2 * self.accumulate:
            raise ValueError("batch_size leaves less than two images for a part of a step")
        if self.freeze_backbone and not self.weights:
            raise ValueError("freeze_backbone keeps the layers of given weights; name `--weights`")
        if self.layer_decay < 1 and not self.weights:
            raise ValueError("layer_decay spares the layers of given weights; name `--weights`")
        if "num_classes" in self.config:
            raise ValueError("config.num_classes follows from the data; leave it out")
        if not self.teacher and (self.teacher_weights or self.teacher_classes):
            raise ValueError("teacher_weights and teacher_classes belong to a teacher")
        if self.teacher_view == "image" and (self.mixup or self.cutmix):
            raise ValueError("mixup and cutmix need `teacher_view=crop`, to have answers for mixes")
        return self

    def seed_at(self, epoch: int) -> int:
        """Of everything random in `epoch`."""
        return seed_of(self.seed, epoch)

    def size_at(self, epoch: int) -> int:
        """Side of the training crops in `epoch`, pixels, where steps have no sizes of their own."""
        sizes = self.train_sizes or (self.image_size,)
        return sizes[min(epoch * len(sizes) // self.epochs, len(sizes) - 1)]

    def differences(self, other: Recipe) -> list[str]:
        """`field: this one's value, the other's`, for every field that differs."""
        return [
            f"{name}: {getattr(self, name)!r}, not {getattr(other, name)!r}"
            for name in Recipe.model_fields
            if getattr(self, name) != getattr(other, name)
        ]


def shipped_recipes() -> dict[str, Path]:
    """Recipes inside the package, by name."""
    folder = Path(str(resources.files("mobilevit"))) / "training" / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_recipe(source: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe that somebody wrote, or that something was trained with.

    Args:
        source: the name of a shipped recipe; a TOML file; the `recipe.json` of a run; or a
            checkpoint, by path or by name, for the recipe it was trained with.
        overrides: fields that win over the source's; `config.NAME` for one of the model's config.

    Raises:
        InputError: no such recipe, not one of these, or a field or value that no recipe has.
    """
    shipped = shipped_recipes()
    path = shipped.get(str(source), Path(source))
    if path.is_file() and path.suffix != ".safetensors":
        fields = _read_fields(path)
    else:
        fields = _trained_with(source, shipped)
    named = f"recipe `{source}`" if str(source) in shipped else str(path)
    return make_recipe({**fields, **(overrides or {})}, named)


def _read_fields(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
        fields = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:  # the parsers' are ValueErrors
        raise InputError(
            f"`{path}` is not a recipe: {reason(error)}", "write it in TOML"
        ) from error
    if not isinstance(fields, dict):
        raise InputError(f"`{path}` is not a recipe", "write fields, such as `epochs = 30`")
    return fields


def _trained_with(source: str | Path, shipped: Mapping[str, Path]) -> dict[str, Any]:
    from ..checkpoint import load_checkpoint, shipped_weights

    if not Path(source).is_file() and str(source) not in shipped_weights():
        if Path(source).suffix or len(Path(source).parts) > 1:
            raise InputError(f"there is no file `{source}`", "check the path")
        raise unknown_name("recipe", str(source), shipped)
    fields = load_checkpoint(source).recipe
    if not fields:
        raise InputError(f"`{source}` does not say how it was trained", "choose another recipe")
    return fields


def parse_value(text: str) -> Any:
    """A field's value as somebody types it: JSON, or else a word."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def make_recipe(fields: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """A recipe of the given fields, `config.NAME` among them.

    Where weights are given and a model is not, it is theirs.

    Raises:
        InputError: an unknown field, with the nearest; a value it does not take; or weights that
            do not say their model.
    """
    flat: dict[str, Any] = {"config": {}}
    for key, value in fields.items():
        if key.startswith("config."):
            flat["config"] = {**flat["config"], key.removeprefix("config."): value}
        elif key == "config" and isinstance(value, Mapping):
            flat["config"] = {**value, **flat["config"]}
        else:
            flat[key] = value
    for key in flat:
        if key not in Recipe.model_fields:
            error = unknown_name("recipe field", key, Recipe.model_fields)
            raise InputError(f"{source}: {error.message}", error.hint)
    if "model" not in flat and flat.get("weights"):
        flat["model"] = _model_of(str(flat["weights"]))
    try:
        return Recipe.model_validate(flat)
    except ValidationError as error:
        raise InputError(
            f"{source}: {first_fault(error)}", "docs/training.md has the fields and their values"
        ) from error


def _model_of(weights: str) -> str:
    from ..checkpoint import load_checkpoint

    return load_checkpoint(weights).name


def read_recipe(run: Path) -> Recipe:
    """The recipe of the run in folder `run`.

    Raises:
        InputError: there is none.
    """
    path = run / RECIPE_FILE
    try:
        return Recipe.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise InputError(
            f"`{run}` has no run to resume: {reason(error)}", "start a new one"
        ) from error
