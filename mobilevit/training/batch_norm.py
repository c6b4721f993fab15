"""Batch normalization in several processes: statistics of all of them, at each step or over time.

On GPUs torch has `SyncBatchNorm`, which refuses tensors on a CPU; here is the same for those.
"""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins import LayerSync, TorchSyncBatchNorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError


class SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes, in each; gradients are summed likewise."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class SharedBatchNorm(_BatchNorm):
    """Batch normalization by mean and variance of the batches of all processes together.

    The batches are of one size, and so are their images. Has the state of an `nn.BatchNorm2d`.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, …) -> the same"""
        if not self.training:
            return super().forward(input)
        x = input.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(x.ndim)]
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean = _sum(x.sum(axes)) / count  # [C]
        centred = x - mean.view(shape)
        variance = _sum(centred.square().sum(axes)) / count  # [C]
        self._remember(mean.detach(), variance.detach() * (count / max(1, count - 1)))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        y = centred * scale.view(shape)
        return (y + self.bias.view(shape) if self.affine else y).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum
        if share is None:  # of all batches alike
            share = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def _sum(value: Tensor) -> Tensor:
    return SumOverProcesses.apply(value)  # type: ignore[no-untyped-call]


class CpuSync(LayerSync):
    """Lightning's exchange of layers, for tensors on a CPU."""

    def apply(self, model: nn.Module) -> nn.Module:
        return _exchange(model, nn.BatchNorm2d, SharedBatchNorm)

    def revert(self, model: nn.Module) -> nn.Module:
        return _exchange(model, SharedBatchNorm, nn.BatchNorm2d)


def layer_sync(model: nn.Module, device_type: str) -> LayerSync:
    """What exchanges the batch normalization layers of `model` while it is trained.

    Raises:
        InputError: it has layers that do more, such as timm's with an activation in them.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm) and type(layer) is not nn.BatchNorm2d:
            raise InputError(
                f"`{name}` of the model is a {type(layer).__name__}, whose statistics cannot be "
                "shared by processes",
                "set `sync_batchnorm=false`",
            )
    return CpuSync() if device_type == "cpu" else TorchSyncBatchNorm()


def _exchange(model: nn.Module, old: type[_BatchNorm], new: type[_BatchNorm]) -> nn.Module:
    for name, layer in list(model.named_modules()):
        if type(layer) is old:
            model.set_submodule(name, _with_state_of(layer, new))
    return model


def _with_state_of(layer: Any, kind: type[_BatchNorm]) -> _BatchNorm:
    """The very parameters and buffers, so that the optimizer and the average keep theirs."""
    made = kind(
        layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats
    )
    made._parameters, made._buffers = layer._parameters, layer._buffers
    return made.train(layer.training)


class MeanStatistics(Callback):
    """Batch normalization's running statistics become the mean over the processes at every step.

    Each process normalizes by its own batch; what it remembers for validation, for the moving
    average and for the checkpoint is then of all images and the same in all. Runs before the
    moving average is taken.
    """

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        statistics = [
            buffer
            for layer in pl_module.modules()
            if isinstance(layer, _BatchNorm)
            for buffer in (layer.running_mean, layer.running_var)
            if buffer is not None
        ]
        if not statistics:
            return
        together = torch.cat([buffer.float() for buffer in statistics])
        dist.all_reduce(together)
        together /= trainer.world_size
        parts = torch.split(together, [len(buffer) for buffer in statistics])
        for buffer, part in zip(statistics, parts, strict=True):
            buffer.copy_(part)
