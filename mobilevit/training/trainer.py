"""What Lightning's Trainer is given for a step: devices, precision, and who takes part."""

from __future__ import annotations

import signal
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from ..errors import InputError
from .batch_norm import MeanStatistics, layer_sync
from .launchers import cluster_environment
from .moving_average import MovingAverage
from .recipe import Recipe
from .saving import WholeFiles
from .team import Team


def check_batch(recipe: Recipe, processes: int) -> None:
    """
    Raises:
        InputError: the images of a step cannot be divided among the processes.
    """
    parts = processes * recipe.accumulate
    if recipe.batch_size % parts:
        among = f"{processes} processes" if processes > 1 else "one process"
        if recipe.accumulate > 1:
            among += f" in {recipe.accumulate} parts each"
        lower = max(recipe.batch_size // parts, 2) * parts
        raise InputError(
            f"batch_size {recipe.batch_size} cannot be divided evenly among {among}",
            f"set a multiple of {parts}, such as {lower}",
        )
    if recipe.batch_size < 2 * parts:
        raise InputError(
            f"batch_size {recipe.batch_size} leaves each of {processes} processes less than two "
            "images at a time",
            f"set {2 * parts} or more",
        )


def step_settings(team: Team, recipe: Recipe, model: nn.Module) -> dict[str, Any]:
    """Keyword arguments of `lightning.Trainer` that a step depends on.

    Raises:
        InputError: `recipe.sync_batchnorm` with a model whose layers cannot be shared.
    """
    return {
        "accelerator": "auto",
        **_processes(team, recipe, model),
        "precision": recipe.precision,
        "gradient_clip_val": recipe.gradient_clip,
        "accumulate_grad_batches": recipe.accumulate,
        "use_distributed_sampler": False,  # ours know the processes
    }


def step_callbacks(team: Team, recipe: Recipe) -> list[Callback]:
    """Those that take part in a step, in their order."""
    callbacks: list[Callback] = []
    if team.processes > 1:
        callbacks.append(OwnSigterm(team))
        if not recipe.sync_batchnorm:
            callbacks.append(MeanStatistics())  # before they are averaged over time
    if recipe.ema_decay:
        callbacks.append(MovingAverage(recipe.ema_decay))
    return callbacks


def _processes(team: Team, recipe: Recipe, model: nn.Module) -> dict[str, Any]:
    if team.processes == 1:
        return {"devices": 1, "plugins": [WholeFiles()]}
    # no buffers with each batch: their number may differ when validating, and `MeanStatistics`
    # keeps them the same
    strategy = DDPStrategy(timeout=timedelta(seconds=team.timeout), forward_sync_buffers=False)
    plugins: list[Any] = [cluster_environment(team.place), SaveOfFirst(team)]
    if recipe.sync_batchnorm:
        plugins.append(layer_sync(model, "cuda" if torch.cuda.is_available() else "cpu"))
    return {
        "devices": team.place.here,
        "num_nodes": team.place.hosts,
        "strategy": strategy,
        "plugins": plugins,
    }


class SaveOfFirst(WholeFiles):
    """Resumes every process from the file that process 0 has; hosts need no disk in common."""

    def __init__(self, team: Team) -> None:
        super().__init__()
        self.team = team

    def open(self, path: Path) -> BinaryIO:
        return BytesIO(self.team.all_from_first(path.read_bytes))


class OwnSigterm(Callback):
    """Takes SIGTERM back from Lightning, which would broadcast it to the others in the middle of
    whatever they compute, and of whom one may be gone."""

    def __init__(self, team: Team) -> None:
        self.team = team

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        signal.signal(signal.SIGTERM, self.team.on_sigterm)
