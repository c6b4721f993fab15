"""What a training run does, as one record that is saved with what it made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import InputError

RECIPE_FILE = "recipe.json"  # in the run's folder

TrainSize = Annotated[int, Field(ge=32, le=1024)]


class Recipe(BaseModel):
    """Hyperparameters. Defaults suit a few thousand photos and a small model.

    Learning rate: linear warm-up from a tenth, then cosine to `min_learning_rate`, by steps.
    `train_sizes` splits the run: each entry trains its share of the epochs at that size, so that
    most epochs can run on small, cheap crops and the last ones at `image_size`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "mobilevit_xxs"
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=64, ge=2)
    image_size: int = Field(default=256, ge=32, le=1024)
    train_sizes: tuple[TrainSize, ...] = ()
    learning_rate: float = Field(default=2e-3, gt=0)
    min_learning_rate: float = Field(default=1e-5, ge=0)
    warmup_epochs: float = Field(default=3.0, ge=0)
    weight_decay: float = Field(default=0.02, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)
    gradient_clip: float = Field(default=5.0, gt=0)
    crop_scale: tuple[float, float] = (0.25, 1.0)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    val_fraction: float = Field(default=0.1, gt=0, lt=1)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    checkpoint_precision: Literal["fp32", "fp16"] = "fp32"
    validate_every: int = Field(default=1, ge=1)  # epochs
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        low, high = self.crop_scale
        if not 0 < low <= high <= 1:
            raise ValueError("crop_scale must be two fractions of the area, smaller first")
        if len(self.train_sizes) > self.epochs:
            raise ValueError("train_sizes has more entries than there are epochs")
        if self.epochs % self.validate_every:
            raise ValueError("validate_every must divide epochs, so that the last is validated")
        return self

    def seed_at(self, epoch: int) -> int:
        """Of everything random in `epoch`."""
        return self.seed * 100_003 + epoch

    def size_at(self, epoch: int) -> int:
        """Side of the training crops in `epoch`, pixels."""
        sizes = self.train_sizes or (self.image_size,)
        return sizes[min(epoch * len(sizes) // self.epochs, len(sizes) - 1)]


def read_recipe(run: Path) -> Recipe:
    """The recipe of the run in folder `run`.

    Raises:
        InputError: there is none.
    """
    path = run / RECIPE_FILE
    try:
        return Recipe.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"`{run}` has no run to resume: {reason}", "start a new one") from error
