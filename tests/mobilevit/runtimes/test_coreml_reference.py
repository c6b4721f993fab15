"""The Core ML reference: operations against torch, whole models, and damage that shows."""

from __future__ import annotations

import gc
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil.mil import Builder as mb
from coremltools.converters.mil.mil import types
from coremltools.models import datatypes
from coremltools.models.neural_network import NeuralNetworkBuilder, quantization_utils
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mobilevit.checkpoint import Checkpoint
from mobilevit.errors import ConversionError, InputError
from mobilevit.runtimes import coreml, load_session
from mobilevit.runtimes._mil_program import OPERATIONS, Value
from mobilevit.runtimes._neural_network import LAYERS
from mobilevit.runtimes.coreml_reference import load

Array = NDArray[Any]
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
MODEL = "Data/com.apple.CoreML/model.mlmodel"


@pytest.fixture(scope="module", autouse=True)
def quick_collections() -> Iterator[None]:
    """coremltools collects garbage in each conversion: 0.3 s of looking at what was imported."""
    gc.freeze()
    yield
    gc.unfreeze()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def array(*shape: int, seed: int = 0) -> Array:
    return random(*shape, seed=seed).numpy()


def save_program(
    folder: Path,
    build: Callable[..., Any],
    *xs: Tensor,
    target: Any = ct.target.iOS16,
    form: str = "mlprogram",
) -> Path:
    """The file of a function of MIL variables, untouched by coremltools' optimizations."""
    dtype = types.fp16 if xs[0].dtype == torch.float16 else types.fp32
    specs = [mb.TensorSpec(shape=tuple(x.shape), dtype=dtype) for x in xs]
    opset = target if form == "mlprogram" else None
    program = mb.program(input_specs=specs, opset_version=opset)(build)
    kwargs: dict[str, Any] = {"minimum_deployment_target": ct.target.iOS14}
    if form == "mlprogram":
        kwargs = {
            "minimum_deployment_target": target,
            "compute_precision": ct.precision.FLOAT32,
            "pass_pipeline": ct.PassPipeline.EMPTY,
        }
    model = ct.convert(program, convert_to=form, **kwargs)
    path = folder / ("program.mlpackage" if form == "mlprogram" else "network.mlmodel")
    model.save(str(path))
    return path


def evaluate(path: Path, *xs: Tensor) -> list[Array]:
    session = load(path)
    pairs = zip(session.inputs, xs, strict=True)
    feeds = {spec.name: x.numpy().astype(spec.dtype) for spec, x in pairs}
    return list(session.run(feeds).values())


def windows(
    x: Array, kernel: int, stride: int, before: int, after: int, reduce: Callable[[Array], Any]
) -> Array:
    """A pool over the last axis alone, one window at a time; the padding is not a number."""
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)], constant_values=np.nan)
    starts = range(0, padded.shape[-1] - kernel + 1, stride)
    return np.stack([reduce(padded[..., i : i + kernel]) for i in starts], axis=-1)


X = random(2, 3, 5, 7)
W = random(11, 3, 3, 2, seed=1)
V = random(7, 5, seed=2)
INT4 = types.type_mapping.string_to_nptype("int4")
UINT1, UINT2 = (types.type_mapping.string_to_nptype(f"uint{bits}") for bits in (1, 2))
GAMMA, BETA = random(3, seed=3), random(3, seed=4)


def side(x: Any, axis: int) -> Any:
    """A side of a MIL variable, as an operation of the program."""
    return mb.gather(x=mb.shape(x=x), indices=axis, axis=0)


def channels(*values: float) -> Tensor:
    """One number for each channel of X."""
    return torch.tensor(values)[:, None, None]


def conv_same(x: Tensor, left: int) -> Tensor:
    """Kernel (3, 2), stride 2: 5 rows get 1 before and 1 after, 7 columns 1 on one side."""
    return F.conv2d(F.pad(x, (left, 1 - left, 1, 1)), W, stride=2)


# what a MIL builder makes, and what torch says of the same input; in both formats
BOTH: dict[str, tuple[Callable[..., Any], Callable[[Tensor], Any]]] = {
    "conv-custom": (
        lambda x: mb.conv(
            x=x,
            weight=W.numpy(),
            bias=array(11, seed=5),
            strides=[2, 1],
            pad_type="custom",
            pad=[0, 2, 1, 0],
            dilations=[1, 3],
        ),
        lambda x: F.conv2d(F.pad(x, (1, 0, 0, 2)), W, random(11, seed=5), (2, 1), 0, (1, 3)),
    ),
    "conv-valid": (
        lambda x: mb.conv(x=x, weight=W.numpy(), pad_type="valid"),
        lambda x: F.conv2d(x, W),
    ),
    "conv-same": (
        lambda x: mb.conv(x=x, weight=W.numpy(), strides=[2, 2], pad_type="same"),
        lambda x: conv_same(x, left=0),
    ),
    "conv-depthwise": (
        lambda x: mb.conv(x=x, weight=array(6, 1, 3, 2), groups=3, pad_type="valid"),
        lambda x: F.conv2d(x, random(6, 1, 3, 2), groups=3),
    ),
    "linear": (
        lambda x: mb.linear(x=mb.reshape(x=x, shape=[6, 5, 7]), weight=array(11, 7)),
        lambda x: F.linear(x.reshape(6, 5, 7), random(11, 7)),
    ),
    "matmul": (lambda x: mb.matmul(x=x, y=V.numpy()), lambda x: x @ V),
    "matmul-transposed": (
        lambda x: mb.matmul(x=V.numpy(), y=x, transpose_x=True, transpose_y=True),
        lambda x: V.T @ x.mT,
    ),
    "layer-norm-last": (
        lambda x: mb.layer_norm(x=x, axes=[-1], gamma=array(7), beta=array(7, seed=1)),
        lambda x: F.layer_norm(x, (7,), random(7), random(7, seed=1)),
    ),
    "layer-norm-two": (
        lambda x: mb.layer_norm(x=x, axes=[2, 3], epsilon=0.1),
        lambda x: F.layer_norm(x, (5, 7), eps=0.1),
    ),
    "layer-norm-channels": (
        lambda x: mb.layer_norm(x=x, axes=[1], gamma=GAMMA.numpy(), beta=BETA.numpy(), epsilon=0.1),
        lambda x: F.layer_norm(x.movedim(1, 3), (3,), GAMMA, BETA, 0.1).movedim(3, 1),
    ),
    "batch-norm": (
        lambda x: mb.batch_norm(
            x=x,
            mean=GAMMA.numpy(),
            variance=BETA.numpy() ** 2,
            gamma=BETA.numpy(),
            beta=GAMMA.numpy(),
            epsilon=0.1,
        ),
        lambda x: F.batch_norm(x, GAMMA, BETA**2, BETA, GAMMA, eps=0.1),
    ),
    "l2-norm": (
        lambda x: mb.l2_norm(x=x, epsilon=0.5),
        lambda x: x / (x.square().sum((1, 2, 3), keepdim=True) + 0.5).sqrt(),
    ),
    "softmax-channels": (lambda x: mb.softmax(x=x, axis=1), lambda x: x.softmax(1)),
    "softmax-rows": (lambda x: mb.softmax(x=x, axis=-2), lambda x: x.softmax(2)),
    "gelu": (lambda x: mb.gelu(x=x), F.gelu),
    "gelu-tanh": (
        lambda x: mb.gelu(x=x, mode="TANH_APPROXIMATION"),
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    "gelu-sigmoid": (
        lambda x: mb.gelu(x=x, mode="SIGMOID_APPROXIMATION"),
        lambda x: x * torch.sigmoid(1.702 * x),
    ),
    "silu": (lambda x: mb.silu(x=x), F.silu),
    "relu6": (lambda x: mb.relu6(x=mb.mul(x=x, y=5.0)), lambda x: F.relu6(5 * x)),
    "leaky-relu": (lambda x: mb.leaky_relu(x=x, alpha=0.3), lambda x: F.leaky_relu(x, 0.3)),
    "elu": (lambda x: mb.elu(x=x, alpha=0.7), lambda x: F.elu(x, 0.7)),
    "sigmoid-hard": (
        lambda x: mb.sigmoid_hard(x=x, alpha=0.3, beta=0.6),
        lambda x: (0.3 * x + 0.6).clamp(0, 1),
    ),
    "scaled-tanh": (
        lambda x: mb.scaled_tanh(x=x, alpha=0.3, beta=0.6),
        lambda x: 0.3 * torch.tanh(0.6 * x),
    ),
    "thresholded-relu": (
        lambda x: mb.thresholded_relu(x=x, alpha=0.5),
        lambda x: torch.where(x >= 0.5, x, 0),
    ),
    "softplus": (lambda x: mb.softplus(x=x), F.softplus),
    "softsign": (lambda x: mb.softsign(x=x), F.softsign),
    "clip": (lambda x: mb.clip(x=x, alpha=-0.5, beta=0.3), lambda x: x.clamp(-0.5, 0.3)),
    "sub": (lambda x: mb.sub(x=1.5, y=x), lambda x: 1.5 - x),
    "real-div": (
        lambda x: mb.real_div(x=x, y=array(3, 1, 1)),
        lambda x: x / random(3, 1, 1),
    ),
    "pow": (lambda x: mb.pow(x=mb.exp(x=x), y=-1.5), lambda x: x.exp() ** -1.5),
    "rsqrt": (
        lambda x: mb.rsqrt(x=mb.square(x=x), epsilon=0.5),
        lambda x: torch.rsqrt(x * x + 0.5),
    ),
    "sqrt": (lambda x: mb.sqrt(x=mb.abs(x=x)), lambda x: x.abs().sqrt()),
    "maximum": (lambda x: mb.maximum(x=x, y=0.25), lambda x: x.clamp(min=0.25)),
    "reduce-mean": (lambda x: mb.reduce_mean(x=x, axes=[1, -1]), lambda x: x.mean((1, 3))),
    "reduce-mean-kept": (
        lambda x: mb.reduce_mean(x=x, axes=[2], keep_dims=True),
        lambda x: x.mean(2, keepdim=True),
    ),
    "reduce-sum": (lambda x: mb.reduce_sum(x=x, axes=[0]), lambda x: x.sum(0)),
    "reduce-max": (lambda x: mb.reduce_max(x=x, axes=[-2]), lambda x: x.amax(2)),
    "reduce-sum-square": (
        lambda x: mb.reduce_sum_square(x=x, axes=[1]),
        lambda x: x.square().sum(1),
    ),
    "transpose": (lambda x: mb.transpose(x=x, perm=[2, 0, 3, 1]), lambda x: x.permute(2, 0, 3, 1)),
    "reshape": (lambda x: mb.reshape(x=x, shape=[5, -1, 2]), lambda x: x.reshape(5, 21, 2)),
    "expand-dims": (
        lambda x: mb.expand_dims(x=mb.reduce_sum(x=x, axes=[1]), axes=[-1, 1]),
        lambda x: x.sum(1)[:, None, :, :, None],
    ),
    "squeeze": (
        lambda x: mb.squeeze(x=mb.reduce_sum(x=x, axes=[1, 3], keep_dims=True), axes=[-1]),
        lambda x: x.sum((1, 3), keepdim=True)[..., 0],
    ),
    "concat": (
        lambda x: mb.concat(values=[x, array(2, 3, 11, 7)], axis=-2),
        lambda x: torch.cat([x, random(2, 3, 11, 7)], 2),
    ),
    "concat-channels": (
        lambda x: mb.concat(values=[x, mb.relu(x=x)], axis=1),
        lambda x: torch.cat([x, x.relu()], 1),
    ),
    "concat-interleaved": (
        lambda x: mb.concat(values=[x, mb.relu(x=x)], axis=1, interleave=True),
        lambda x: torch.stack([x, x.relu()], 2).reshape(2, 6, 5, 7),
    ),
    "split-uneven": (
        lambda x: mb.split(x=x, split_sizes=[1, 4, 2], axis=3),
        lambda x: x.tensor_split([1, 5], 3),
    ),
    "split-even": (lambda x: mb.split(x=x, num_splits=3, axis=-3), lambda x: x.chunk(3, 1)),
    "slice": (
        lambda x: mb.slice_by_index(
            x=x,
            begin=[0, -2, 4, 1],
            end=[1, -1, 0, 99],
            stride=[1, 1, -2, 3],
            begin_mask=[True, False, False, False],
            end_mask=[True, True, False, True],
        ),
        lambda x: x[:, -2:].flip(2)[:, :, :4:2, 1::3],
    ),
    "slice-squeezed": (
        lambda x: mb.slice_by_index(
            x=x,
            begin=[1, -1, 0, 2],
            end=[0, 0, 3, -2],
            squeeze_mask=[False, True, False, False],
            end_mask=[True, False, False, False],
        ),
        lambda x: x[1:, -1, :3, 2:-2],
    ),
    "gather": (
        lambda x: mb.gather(x=x, indices=np.array([[4, 0, -1], [2, 2, 1]], np.int32), axis=2),
        lambda x: x[:, :, torch.tensor([[4, 0, -1], [2, 2, 1]])],
    ),
    "pad-constant": (
        lambda x: mb.pad(x=x, pad=[1, 0, 2, 3], mode="constant", constant_val=0.5),
        lambda x: F.pad(x, (2, 3, 1, 0), value=0.5),
    ),
    "pad-reflect": (
        lambda x: mb.pad(x=x, pad=[1, 0, 2, 3], mode="reflect"),
        lambda x: F.pad(x, (2, 3, 1, 0), mode="reflect"),
    ),
    "pad-replicate": (
        lambda x: mb.pad(x=x, pad=[1, 0, 2, 3], mode="replicate"),
        lambda x: F.pad(x, (2, 3, 1, 0), mode="replicate"),
    ),
    "avg-pool": (
        lambda x: mb.avg_pool(
            x=x, kernel_sizes=[3, 4], strides=[2, 1], pad_type="custom", pad=[1, 1, 2, 2]
        ),
        lambda x: F.avg_pool2d(x, (3, 4), (2, 1), (1, 2)),
    ),
    "avg-pool-excluded": (
        lambda x: mb.avg_pool(
            x=x,
            kernel_sizes=[3, 4],
            strides=[2, 1],
            pad_type="custom",
            pad=[1, 1, 2, 2],
            exclude_padding_from_average=True,
        ),
        lambda x: F.avg_pool2d(x, (3, 4), (2, 1), (1, 2), count_include_pad=False),
    ),
    "avg-pool-ceil": (
        lambda x: mb.avg_pool(
            x=x,
            kernel_sizes=[2, 3],
            strides=[3, 2],
            pad_type="custom",
            pad=[1, 1, 0, 0],
            ceil_mode=True,
        ),
        lambda x: F.avg_pool2d(x, (2, 3), (3, 2), (1, 0), ceil_mode=True),
    ),
    "max-pool": (
        lambda x: mb.max_pool(
            x=x, kernel_sizes=[2, 3], strides=[1, 2], pad_type="custom", pad=[1, 1, 0, 0]
        ),
        lambda x: F.max_pool2d(x, (2, 3), (1, 2), (1, 0)),
    ),
    "max-pool-same": (
        lambda x: mb.max_pool(x=x, kernel_sizes=[1, 2], strides=[1, 2], pad_type="same"),
        lambda x: windows(x.numpy(), 2, 2, 0, 1, lambda w: np.nanmax(w, -1)),
    ),
    "avg-pool-same": (
        lambda x: mb.avg_pool(
            x=x,
            kernel_sizes=[1, 4],
            strides=[1, 2],
            pad_type="same",
            exclude_padding_from_average=True,
        ),
        lambda x: windows(x.numpy(), 4, 2, 1, 2, lambda w: np.nanmean(w, -1)),
    ),
    "upsample-corners": (
        lambda x: mb.upsample_bilinear(
            x=x, scale_factor_height=3, scale_factor_width=2, align_corners=True
        ),
        lambda x: F.interpolate(x, (15, 14), mode="bilinear", align_corners=True),
    ),
    "upsample-half-pixel": (
        lambda x: mb.upsample_bilinear(
            x=x, scale_factor_height=1.4, scale_factor_width=8.001 / 7, align_corners=False
        ),
        lambda x: F.interpolate(x, (7, 8), mode="bilinear", align_corners=False),
    ),
    "upsample-nearest": (
        lambda x: mb.upsample_nearest_neighbor(x=x, scale_factor_height=2, scale_factor_width=3),
        lambda x: F.interpolate(x, scale_factor=(2, 3)),
    ),
    "resize-corners": (
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=3, target_size_width=11, sampling_mode="STRICT_ALIGN_CORNERS"
        ),
        lambda x: F.interpolate(x, (3, 11), mode="bilinear", align_corners=True),
    ),
}

# of ML Programs alone: a later version of the format, or nothing a network's converter takes
PROGRAM: dict[str, tuple[Any, Callable[..., Any], Callable[[Tensor], Any]]] = {
    "conv-same-lower": (
        ct.target.iOS16,
        lambda x: mb.conv(x=x, weight=W.numpy(), strides=[2, 2], pad_type="same_lower"),
        lambda x: conv_same(x, left=1),
    ),
    "conv-1d": (
        ct.target.iOS16,
        lambda x: mb.conv(
            x=mb.reshape(x=x, shape=[2, 15, 7]),
            weight=array(5, 15, 2),
            pad_type="custom",
            pad=[1, 0],
        ),
        lambda x: F.conv1d(F.pad(x.reshape(2, 15, 7), (1, 0)), random(5, 15, 2)),
    ),
    "reduce-l2": (
        ct.target.iOS16,
        lambda x: mb.reduce_l2_norm(x=x, axes=[1, 2]),
        lambda x: x.square().sum((1, 2)).sqrt(),
    ),
    "reshape-inherited": (
        ct.target.iOS16,
        lambda x: mb.reshape(x=x, shape=[0, -1, 1, 0]),
        lambda x: x.reshape(2, 15, 1, 7),
    ),
    "reshape-from-the-right": (
        ct.target.iOS17,
        lambda x: mb.reshape(x=x, shape=[-1, 0]),
        lambda x: x.reshape(30, 7),
    ),
    "slice-by-size": (
        ct.target.iOS16,
        lambda x: mb.slice_by_size(x=x, begin=[0, 1, -3, 2], size=[2, -1, 2, 3]),
        lambda x: x[:, 1:, 2:4, 2:5],
    ),
    "tile": (
        ct.target.iOS16,
        lambda x: mb.tile(x=x, reps=[1, 2, 3, 1]),
        lambda x: x.tile(1, 2, 3, 1),
    ),
    "pixel-shuffle": (
        ct.target.iOS16,
        lambda x: mb.pixel_shuffle(x=mb.tile(x=x, reps=[1, 4, 1, 1]), upscale_factor=2),
        lambda x: F.pixel_shuffle(x.tile(1, 4, 1, 1), 2),
    ),
    "pixel-unshuffle": (
        ct.target.iOS16,
        lambda x: mb.pixel_unshuffle(
            x=mb.tile(x=x, reps=[1, 1, 2, 2]), downscale_factor=np.uint32(2)
        ),
        lambda x: F.pixel_unshuffle(x.tile(1, 1, 2, 2), 2),
    ),
    "shape-of-numbers": (
        ct.target.iOS16,
        lambda x: mb.reshape(x=x, shape=mb.concat(values=[side(x, 1), 2, -1], axis=0)),
        lambda x: x.reshape(3, 2, 35),
    ),
    "shape-by-division": (
        ct.target.iOS16,
        lambda x: mb.reshape(
            x=x, shape=mb.concat(values=[mb.floor_div(x=side(x, 3), y=2), 2, -1], axis=0)
        ),
        lambda x: x.reshape(3, 2, 35),
    ),
    "stack": (
        ct.target.iOS16,
        lambda x: mb.stack(values=[x, mb.relu(x=x)], axis=1),
        lambda x: torch.stack([x, x.relu()], 1),
    ),
    "resize-half-pixel": (
        ct.target.iOS16,
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=3, target_size_width=11, sampling_mode="UNALIGN_CORNERS"
        ),
        lambda x: F.interpolate(x, (3, 11), mode="bilinear", align_corners=False),
    ),
    "resize-one-axis": (
        ct.target.iOS17,
        lambda x: mb.resize(
            x=x,
            shape=np.array([3, 0], np.int32),
            resized_dims=np.uint32(2),
            interpolation_mode="LINEAR",
            sampling_mode="ALIGN_CORNERS",
        ),
        lambda x: F.interpolate(x, (3, 7), mode="bilinear", align_corners=True),
    ),
    "attention": (
        ct.target.iOS18,
        lambda x: mb.scaled_dot_product_attention(
            query=x, key=array(2, 3, 11, 7), value=array(2, 3, 11, 13)
        ),
        lambda x: F.scaled_dot_product_attention(x, random(2, 3, 11, 7), random(2, 3, 11, 13)),
    ),
    "attention-masked": (
        ct.target.iOS18,
        lambda x: mb.scaled_dot_product_attention(
            query=x, key=x, value=x, attn_mask=np.tri(5, dtype=bool)
        ),
        lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    ),
    "dequantized": (
        ct.target.iOS16,
        lambda x: mb.add(
            x=x,
            y=mb.constexpr_affine_dequantize(
                quantized_data=np.arange(21, dtype=np.uint8).reshape(3, 1, 7),
                zero_point=np.array([1, 2, 3], np.uint8),
                scale=np.array([0.5, 0.25, 2], np.float32),
                axis=np.int32(0),
            ),
        ),
        lambda x: (
            x
            + (torch.arange(21.0).reshape(3, 1, 7) - torch.tensor([1, 2, 3]).reshape(3, 1, 1))
            * torch.tensor([0.5, 0.25, 2]).reshape(3, 1, 1)
        ),
    ),
    "einsum-of-keys": (
        ct.target.iOS16,
        lambda x: mb.einsum(values=[x, array(2, 7, 5, 11)], equation="nchw,nwhu->nchu"),
        lambda x: (x[:, :, :, None] @ random(2, 7, 5, 11).transpose(1, 2)[:, None])[:, :, :, 0],
    ),
    "quantize": (
        ct.target.iOS17,
        lambda x: mb.cast(
            x=mb.quantize(
                input=x, scale=np.float32(0.25), zero_point=np.int8(-100), output_dtype="int8"
            ),
            dtype="fp32",
        ),
        lambda x: ((4 * x).round() - 100).clamp(-128, 127),
    ),
    "quantize-of-channels": (
        ct.target.iOS17,
        lambda x: mb.dequantize(
            input=mb.quantize(
                input=x,
                scale=np.array([0.5, 0.25, 2], np.float32),
                zero_point=np.array([0, 3, 255], np.uint8),
                output_dtype="uint8",
                axis=-3,
            ),
            scale=np.array([1, 2, 4], np.float32),
            zero_point=np.array([7, 8, 9], np.uint8),
            axis=1,
        ),
        lambda x: (
            (
                ((x / channels(0.5, 0.25, 2)).round() + channels(0, 3, 255)).clamp(0, 255)
                - channels(7, 8, 9)
            )
            * channels(1, 2, 4)
        ),
    ),
    "palette-of-bits": (
        ct.target.iOS16,
        lambda x: mb.add(
            x=x,
            y=mb.constexpr_lut_to_dense(
                indices=np.array([0b01101100, 0b11], np.uint8),  # 0, 3, 2, 1, 3
                lut=np.array([0.5, 1, 3, 7], np.float32),
                shape=np.array([5, 1], np.uint32),
            ),
        ),
        lambda x: x + torch.tensor([0.5, 7, 3, 1, 7])[:, None],
    ),
    "palettes-of-groups": (
        ct.target.iOS18,
        lambda x: mb.add(
            x=x,
            y=mb.constexpr_lut_to_dense(
                indices=np.array([[0, 1, 3, 2, 1]] * 2 + [[3, 0, 0, 1, 2]], UINT2)[:, :, None],
                lut=(10.0 ** np.arange(12, dtype=np.float32) / 1e6).reshape(3, 1, 1, 4, 1),
            ),
        ),
        lambda x: (
            x
            + 10.0
            ** (
                torch.tensor([[0, 1, 3, 2, 1], [4, 5, 7, 6, 5], [11, 8, 8, 9, 10]])[:, :, None]
                - 6.0
            )
        ),
    ),
    "palette-of-vectors": (
        ct.target.iOS18,
        lambda x: mb.add(
            x=mb.slice_by_size(x=x, begin=[0] * 4, size=[2, 3, 5, 6]),
            y=mb.constexpr_lut_to_dense(
                indices=np.array([[0, 1, 1]], UINT1),
                lut=np.array([[1, 2], [30, 40]], np.float32).reshape(1, 1, 2, 2),
                vector_axis=np.int32(-1),
            ),
        ),
        lambda x: x[..., :6] + torch.tensor([1.0, 2, 30, 40, 30, 40]),
    ),
    "blocks-of-int4": (
        ct.target.iOS18,
        lambda x: mb.add(
            x=mb.slice_by_size(x=x, begin=[0] * 4, size=[2, 3, 5, 6]),
            y=mb.constexpr_blockwise_shift_scale(
                data=np.array([[-8, 7, 1, 2, 3, -1]] * 5, INT4),
                scale=np.array([[0.5, 2, 4]], np.float32),
                offset=np.array([[1, -1, 0]], INT4),
            ),
        ),
        lambda x: x[..., :6] + torch.tensor([-4.5, 3, 4, 6, 12, -4]),
    ),
    "sparse": (
        ct.target.iOS16,
        lambda x: mb.add(
            x=x,
            y=mb.constexpr_sparse_to_dense(
                nonzero_data=np.array([3, 5], np.float32),
                mask=np.array([0b10010], np.uint8),
                shape=np.array([5, 1], np.uint32),
            ),
        ),
        lambda x: x + torch.tensor([0.0, 3, 0, 0, 5])[:, None],
    ),
}


def check(computed: list[Array], expected: Any) -> None:
    expected = expected if isinstance(expected, tuple | list) else [expected]
    for one, other in zip(computed, expected, strict=True):
        assert one.shape == tuple(other.shape)
        np.testing.assert_allclose(one, np.asarray(other), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("form", ["mlprogram", "neuralnetwork"])
@pytest.mark.parametrize("name", BOTH)
def test_operation(name: str, form: str, tmp_path: Path) -> None:
    build, expected = BOTH[name]
    check(evaluate(save_program(tmp_path, build, X, form=form), X), expected(X))


@pytest.mark.parametrize("name", PROGRAM)
def test_operation_of_a_program(name: str, tmp_path: Path) -> None:
    target, build, expected = PROGRAM[name]
    check(evaluate(save_program(tmp_path, build, X, target=target), X), expected(X))


@pytest.mark.parametrize(
    ("mode", "count", "grid"),
    [
        ("DEFAULT", 5, [0, 0.4, 0.8, 1, 1]),
        ("OFFSET_CORNERS", 5, [0.1, 0.3, 0.5, 0.7, 0.9]),
        ("UNALIGN_CORNERS", 5, [0, 0.1, 0.5, 0.9, 1]),
        ("STRICT_ALIGN_CORNERS", 5, [0, 0.25, 0.5, 0.75, 1]),
        ("STRICT_ALIGN_CORNERS", 1, [0]),
        ("ALIGN_CORNERS", 1, [0.5]),
    ],
)
def test_sampling_modes_follow_the_examples_of_the_definition(
    mode: str, count: int, grid: list[float], tmp_path: Path
) -> None:
    x = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    path = save_program(
        tmp_path,
        lambda x: mb.resize_bilinear(
            x=x, target_size_height=1, target_size_width=count, sampling_mode=mode
        ),
        x,
    )
    check(evaluate(path, x), torch.tensor([[[grid]]]))


def test_every_result_of_a_half_program_is_rounded(tmp_path: Path) -> None:
    """1 + 2^-11 is no half, so the sum loses it; in single precision it would survive."""
    x = torch.full((2, 3), 2.0**-11, dtype=torch.float16)
    path = save_program(
        tmp_path, lambda x: mb.sub(x=mb.add(x=x, y=np.float16(1)), y=np.float16(1)), x
    )
    assert (evaluate(path, x)[0] == 0).all()
    y = random(2, 3).half()
    path = save_program(tmp_path, lambda x: mb.mul(x=mb.mul(x=x, y=x), y=x), y)
    (cube,) = evaluate(path, y)
    assert cube.dtype == np.float16
    np.testing.assert_array_equal(cube, (y * y * y).numpy())


# layers a converter does not make of the operations above


def evaluate_network(
    folder: Path, add: Callable[[NeuralNetworkBuilder], Any], x: Tensor, *outputs: str
) -> list[Array]:
    builder = NeuralNetworkBuilder(
        [("x", datatypes.Array(*x.shape))],
        [(name, None) for name in outputs or ("y",)],
        disable_rank5_shape_mapping=True,
    )
    add(builder)
    path = folder / "network.mlmodel"
    ct.utils.save_spec(builder.spec, str(path))
    return evaluate(path, x)


def named(**parameters: Any) -> dict[str, Any]:
    return {"name": "layer", "input_name": "x", "output_name": "y", **parameters}


NETWORK: dict[str, tuple[Callable[[NeuralNetworkBuilder], Any], Callable[[Tensor], Any]]] = {
    "prelu": (
        lambda b: b.add_activation(**named(non_linearity="PRELU", params=GAMMA.numpy())),
        lambda x: F.prelu(x, GAMMA),
    ),
    "parametric-softplus": (
        lambda b: b.add_activation(
            **named(non_linearity="PARAMETRICSOFTPLUS", params=[GAMMA.numpy(), BETA.numpy()])
        ),
        lambda x: GAMMA[:, None, None] * torch.log1p((BETA[:, None, None] * x).exp()),
    ),
    "scale-and-bias-of-channels": (
        lambda b: b.add_scale(
            **named(W=GAMMA.numpy(), b=BETA.numpy(), has_bias=True, shape_scale=[3], shape_bias=[3])
        ),
        lambda x: x * GAMMA[:, None, None] + BETA[:, None, None],
    ),
    "bias-of-pixels": (
        lambda b: b.add_bias(**named(b=array(1, 5, 7), shape_bias=[1, 5, 7])),
        lambda x: x + random(1, 5, 7),
    ),
    "softmax": (lambda b: b.add_softmax(**named()), lambda x: x.softmax(1)),
    "mvn-across-channels": (
        lambda b: b.add_mvn(**named(across_channels=True, normalize_variance=True, epsilon=0.1)),
        lambda x: F.layer_norm(x, (3, 5, 7), eps=0.1),
    ),
    "mvn-mean-alone": (
        lambda b: b.add_mvn(**named(across_channels=False, normalize_variance=False)),
        lambda x: x - x.mean((2, 3), keepdim=True),
    ),
    "layer-normalization": (
        lambda b: b.add_layer_normalization(
            **named(normalized_shape=[5, 7], gamma=array(5, 7), beta=array(5, 7, seed=1), eps=0.1)
        ),
        lambda x: F.layer_norm(x, (5, 7), random(5, 7), random(5, 7, seed=1), 0.1),
    ),
    "inner-product-of-rank-4": (
        lambda b: b.add_inner_product(
            **named(
                W=array(11, 105), b=None, input_channels=105, output_channels=11, has_bias=False
            )
        ),
        lambda x: F.linear(x.flatten(1), random(11, 105))[..., None, None],
    ),
    "matmul-of-weights": (
        lambda b: b.add_batched_mat_mul(
            name="layer",
            input_names=["x"],
            output_name="y",
            weight_matrix_rows=7,
            weight_matrix_columns=5,
            W=V.numpy(),
            bias=array(5),
        ),
        lambda x: x @ V + random(5),
    ),
    "pool-includes-the-last-pixel": (
        lambda b: b.add_pooling(
            **named(
                height=2,
                width=3,
                stride_height=3,
                stride_width=2,
                layer_type="AVERAGE",
                padding_type="INCLUDE_LAST_PIXEL",
                padding_top=1,
                padding_bottom=1,
                exclude_pad_area=False,
            )
        ),
        lambda x: F.avg_pool2d(x, (2, 3), (3, 2), (1, 0), ceil_mode=True),
    ),
    "pool-global": (
        lambda b: b.add_pooling(
            **named(
                height=0,
                width=0,
                stride_height=1,
                stride_width=1,
                layer_type="AVERAGE",
                padding_type="VALID",
                is_global=True,
            )
        ),
        lambda x: x.mean((2, 3), keepdim=True),
    ),
    "upsample-default": (
        lambda b: b.add_upsample(
            **named(
                scaling_factor_h=1,
                scaling_factor_w=2,
                mode="BILINEAR",
                linear_upsample_mode="DEFAULT",
            )
        ),
        lambda x: torch.stack([x, (x + torch.cat([x[..., 1:], x[..., -1:]], -1)) / 2], -1).flatten(
            3
        ),
    ),
    "unary-power": (
        lambda b: b.add_unary(**named(mode="power", alpha=3.0, shift=0.5, scale=2.0)),
        lambda x: (2 * x + 0.5) ** 3,
    ),
    "unary-inverse": (
        lambda b: b.add_unary(**named(mode="inverse", epsilon=0.25)),
        lambda x: 1 / (x + 0.25),
    ),
    "reduce-all": (
        lambda b: b.add_reduce_mean(**named(axes=None, keepdims=False, reduce_all=True)),
        lambda x: x.mean().reshape(1),
    ),
    "flatten-to-2d": (
        lambda b: b.add_flatten_to_2d(**named(axis=-2)),
        lambda x: x.reshape(6, 35),
    ),
    "constant": (
        lambda b: (
            b.add_load_constant_nd("constant", "c", array(5, 7), [5, 7]),
            b.add_subtract_broadcastable("layer", ["c", "x"], "y"),
        ),
        lambda x: random(5, 7) - x,
    ),
}


@pytest.mark.parametrize("name", NETWORK)
def test_layer_of_a_network(name: str, tmp_path: Path) -> None:
    add, expected = NETWORK[name]
    check(evaluate_network(tmp_path, add, X), expected(X))


# whole models

SIZES = {"whole patches": (64, 128), "patches that do not divide": (80, 112)}
FORMS: dict[str, dict[str, Any]] = {
    "fp32": {
        "convert_to": "mlprogram",
        "compute_precision": ct.precision.FLOAT32,
        "minimum_deployment_target": ct.target.iOS16,
    },
    "fp16": {
        "convert_to": "mlprogram",
        "compute_precision": ct.precision.FLOAT16,
        "minimum_deployment_target": ct.target.iOS16,
    },
    "mlmodel": {
        "convert_to": "neuralnetwork",
        "minimum_deployment_target": ct.target.iOS14,
    },
}


def image(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def export(model: nn.Module, x: Tensor) -> Any:
    return torch.export.export(model, (x,)).run_decompositions({})


def save_model(folder: Path, exported: Any, x: Tensor, form: str, **kwargs: Any) -> Path:
    kwargs = {
        "inputs": [ct.TensorType(name="image", shape=x.shape)],
        "outputs": [ct.TensorType(name="logits")],
        **FORMS[form],
        **kwargs,
    }
    path = folder / f"{form}{'.mlmodel' if form == 'mlmodel' else '.mlpackage'}"
    ct.convert(exported, **kwargs).save(str(path))
    return path


@pytest.fixture(scope="module")
def artifacts(
    tmp_path_factory: pytest.TempPathFactory, small_checkpoint: Checkpoint
) -> dict[tuple[str, str], Path]:
    """(size, form) -> file, of a model whose attention reaches the output."""
    made = {}
    for size, sides in SIZES.items():
        folder, x = tmp_path_factory.mktemp("artifacts"), image(*sides)
        exported = export(small_checkpoint.model, x)
        for form in FORMS if size == "whole patches" else ("fp32", "mlmodel"):
            made[size, form] = save_model(folder, exported, x, form)
    return made


@pytest.fixture(scope="module")
def package(artifacts: dict[tuple[str, str], Path]) -> Path:
    return artifacts["whole patches", "fp32"]


def logits(path: Path, size: str = "whole patches") -> Array:
    session = load(path)
    x = image(*SIZES[size]).numpy().astype(session.inputs[0].dtype)
    return session.run({"image": x})["logits"].astype(np.float32)


@torch.no_grad()
def expected_logits(checkpoint: Checkpoint, size: str = "whole patches") -> Array:
    result: Array = checkpoint.model(image(*SIZES[size])).numpy()
    return result


@pytest.mark.parametrize("form", ["fp32", "mlmodel"])
@pytest.mark.parametrize("size", SIZES)
def test_model_agrees_with_torch(
    size: str, form: str, artifacts: dict[tuple[str, str], Path], small_checkpoint: Checkpoint
) -> None:
    expected = expected_logits(small_checkpoint, size)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(logits(artifacts[size, form], size), expected, rtol=0, atol=1e-4)


def test_attention_reaches_the_output(small_checkpoint: Checkpoint) -> None:
    """The control of the test above: without it, a broken attention could pass."""
    attention = [name for name, _ in small_checkpoint.model.named_parameters() if "qkv" in name]
    state = {k: v.clone() for k, v in small_checkpoint.model.state_dict().items()}
    damaged = {k: v * 0 if k in attention else v for k, v in state.items()}
    small = image(*SIZES["whole patches"])
    changed = torch.func.functional_call(small_checkpoint.model, damaged, (small,))
    assert np.abs(changed.detach().numpy() - expected_logits(small_checkpoint)).max() > 1e-2


def test_half_program_is_near_and_not_equal(
    artifacts: dict[tuple[str, str], Path], package: Path
) -> None:
    half = logits(artifacts["whole patches", "fp16"])
    single = logits(package)
    assert 1e-5 < np.abs(half - single).max() < 0.02 * np.ptp(single)
    session = load(artifacts["whole patches", "fp16"])
    assert (session.inputs[0].dtype, session.outputs[0].dtype) == ("float16", "float16")


def test_network_with_weights_in_halves(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    single = artifacts["whole patches", "mlmodel"]
    halved = quantization_utils.quantize_weights(ct.models.MLModel(str(single)), 16)
    path = tmp_path / "half.mlmodel"
    ct.utils.save_spec(getattr(halved, "get_spec", lambda: halved)(), str(path))
    assert path.stat().st_size < 0.6 * single.stat().st_size
    difference = np.abs(logits(path) - logits(single)).max()
    assert 1e-6 < difference < 0.02 * np.ptp(logits(single))


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 5, 3)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.head(torch.relu(self.conv(x)).mean((2, 3))), -1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_image_in_and_class_probabilities_out(form: str, order: str, tmp_path: Path) -> None:
    model = Classifier().eval()
    pixels = (image(7, 11) * 255).round()
    biases = torch.tensor([0.1, 0.2, 0.3])
    path = save_model(
        tmp_path,
        export(model, pixels),
        pixels,
        form,
        inputs=[
            ct.ImageType(
                name="image",
                shape=pixels.shape,
                scale=1 / 255,
                bias=biases.tolist(),
                color_layout=getattr(ct.colorlayout, order),
            )
        ],
        outputs=None,
        classifier_config=ct.ClassifierConfig(["ant", "bee", "cat"]),
    )
    session = load(path)
    (given,), (made,) = session.inputs, session.outputs
    assert (given.shape, given.dtype) == ((1, 7, 11, 3), "uint8")
    assert (made.shape, made.dtype) == ((1, 3), "float32")
    seen = pixels if order == "RGB" else pixels.flip(1)
    with torch.no_grad():
        expected = model(seen / 255 + biases[:, None, None]).numpy()
    interleaved = pixels.permute(0, 2, 3, 1).to(torch.uint8).numpy()  # [1, 7, 11, 3]
    computed = session.run({"image": interleaved})[made.name]
    np.testing.assert_allclose(computed, expected, atol=2e-3 if form == "fp16" else 1e-5)
    spec = ct.utils.load_spec(str(path))
    assert coreml.read_interface(spec, path).labels == ("ant", "bee", "cat")


class Rows(nn.Module):
    """Swaps the halves of each row by way of shapes that only the input tells."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv(x))
        H, W = y.shape[2:]
        left, right = y.reshape(3, H, 2, W // 2).chunk(2, dim=2)
        y = torch.cat((right, left), dim=2).reshape(1, 3, H, W)
        return torch.relu(self.conv(y)).mean((2, 3))


ENUMERATED = [(1, 3, 8, 12), (1, 3, 8, 20), (1, 3, 16, 12)]


@pytest.mark.parametrize("kind", ["array", "image"])
def test_every_enumerated_shape_is_computed_and_no_other(kind: str, tmp_path: Path) -> None:
    model = Rows().eval()
    height, width = torch.export.Dim("height"), torch.export.Dim("width")
    program = torch.export.export(
        model, (random(1, 3, 8, 12),), dynamic_shapes=({2: 4 * height, 3: 4 * width},)
    ).run_decompositions({})
    shapes = ct.EnumeratedShapes(ENUMERATED, default=ENUMERATED[1])
    convert = {"array": ct.TensorType, "image": ct.ImageType}[kind]
    package = ct.convert(
        program,
        inputs=[convert(name="image", shape=shapes)],
        outputs=[ct.TensorType(name="rows")],
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
    )
    path = tmp_path / "flexible.mlpackage"
    package.save(str(path))
    session = load(path)

    def as_given(x: Array) -> Array:  # an image is of bytes, its channels last
        return x.transpose(0, 2, 3, 1).astype(np.uint8) if kind == "image" else x

    told = [as_given(np.zeros(shape, np.float32)).shape for shape in ENUMERATED]
    assert session.inputs[0].shape == told[1]
    for shape in ENUMERATED:
        x = (random(*shape).abs() * 50).round()
        with torch.no_grad():
            expected = model(x).numpy()
        given = session.run({"image": as_given(x.numpy())})["rows"]
        np.testing.assert_allclose(given, expected, rtol=1e-4)
    for shape in ((1, 3, 16, 20), (1, 3, 12, 8), (2, 3, 8, 12)):
        with pytest.raises(InputError, match=rf"{re.escape(str(told[1]))} or .*; given"):
            session.run({"image": as_given(np.zeros(shape, np.float32))})


def test_known_sides_of_a_declared_shape_are_checked() -> None:
    value = Value("y", torch.float32, (1, -1, 3))
    assert value.settle(random(1, 7, 3)).shape == (1, 7, 3)
    for shape in ((2, 7, 3), (1, 7, 4), (1, 7), (1, 7, 3, 1)):
        with pytest.raises(ValueError, match=r"where \(1, -1, 3\) is declared"):
            value.settle(random(*shape))


# damage that must show


def copied(package: Path, folder: Path) -> Path:
    path = folder / "damaged.mlpackage"
    shutil.copytree(package, path)
    return path


def edited(package: Path, folder: Path, edit: Callable[[Any], None]) -> Path:
    """A copy of a package with its program changed."""
    path = copied(package, folder)
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString((path / MODEL).read_bytes())
    edit(spec)
    (path / MODEL).write_bytes(spec.SerializeToString())
    return path


def rename_first(old: str, new: str) -> Callable[[Any], None]:
    def edit(spec: Any) -> None:
        next(op for op in coreml.operations(spec) if op.type == old).type = new

    return edit


def test_flipped_weight_changes_the_output(package: Path, tmp_path: Path) -> None:
    path = copied(package, tmp_path)
    weights = bytearray((path / WEIGHTS).read_bytes())
    weights[len(weights) // 2 + 3] ^= 0x80  # the sign of one of some half a million
    (path / WEIGHTS).write_bytes(weights)
    assert np.abs(logits(path) - logits(package)).max() > 1e-6


def test_swapped_operation_changes_the_output(package: Path, tmp_path: Path) -> None:
    path = edited(package, tmp_path, rename_first("silu", "sigmoid"))
    assert np.abs(logits(path) - logits(package)).max() > 1e-3


def test_swapped_layer_changes_the_output(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    original = artifacts["whole patches", "mlmodel"]
    spec = ct.utils.load_spec(str(original))
    layer = next(x for x in spec.neuralNetwork.layers if x.WhichOneof("layer") == "activation")
    layer.activation.tanh.SetInParent()
    path = tmp_path / "damaged.mlmodel"
    ct.utils.save_spec(spec, str(path))
    assert np.abs(logits(path) - logits(original)).max() > 1e-3


# files that cannot be evaluated


def test_operation_not_covered_fails_to_load(package: Path, tmp_path: Path) -> None:
    path = edited(package, tmp_path, rename_first("silu", "erf_of_the_moon"))
    with pytest.raises(ConversionError, match=r"`erf_of_the_moon`.*damaged\.mlpackage") as error:
        load(path)
    assert "silu" in str(error.value.hint)


def test_attribute_not_covered_fails_to_load(tmp_path: Path) -> None:
    path = save_program(
        tmp_path, lambda x: mb.gather(x=x, indices=np.array([[0], [1]]), axis=1, batch_dims=1), X
    )
    with pytest.raises(ConversionError, match=r"`gather`.*batch_dims"):
        load(path)


def test_layer_not_covered_fails_to_load(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"`lrn`, named `layer`.*not covered"):
        evaluate_network(
            tmp_path, lambda b: b.add_lrn(**named(alpha=1.0, beta=0.5, local_size=3, k=1.0)), X
        )


def test_quantized_weights_fail_to_load(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    model = ct.models.MLModel(str(artifacts["whole patches", "mlmodel"]))
    eight = quantization_utils.quantize_weights(model, 8)
    path = tmp_path / "eight.mlmodel"
    ct.utils.save_spec(getattr(eight, "get_spec", lambda: eight)(), str(path))
    with pytest.raises(ConversionError, match="quantized weights"):
        load(path)


def cut(name: str, length: int) -> Callable[[Path], Any]:
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:length])


def manifest_without(key: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        manifest = json.loads((path / "Manifest.json").read_text())
        del manifest[key]
        (path / "Manifest.json").write_text(json.dumps(manifest))

    return damage


def manifest_that_leaves(path: Path) -> None:
    """A whole model, but outside the package."""
    outside = shutil.copy(path / MODEL, path.parent / "outside.mlmodel")
    manifest = json.loads((path / "Manifest.json").read_text())
    root = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
    root["path"] = f"../../{Path(outside).name}"
    (path / "Manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (manifest_that_leaves, "points outside"),
        (lambda path: (path / WEIGHTS).unlink(), "weights"),
        (lambda path: shutil.rmtree((path / WEIGHTS).parent), "weights"),
        (cut(WEIGHTS, 100_000), "weights"),
        (cut(WEIGHTS, 10), "weights"),
        (cut(WEIGHTS, 0), "weights"),
        (lambda path: (path / WEIGHTS).write_bytes(b"\x5a" * 3_000_000), "weights"),
        (lambda path: (path / MODEL).unlink(), "the model"),
        (cut(MODEL, 50_000), "the model"),
        (cut(MODEL, 0), "no model"),
        (lambda path: (path / MODEL).write_bytes(b"\x5a" * 5000), "the model"),
        (lambda path: (path / "Manifest.json").unlink(), "the manifest"),
        (lambda path: (path / "Manifest.json").write_text("{"), "the manifest"),
        (manifest_without("rootModelIdentifier"), "the manifest"),
        (manifest_without("itemInfoEntries"), "the manifest"),
    ],
)
def test_damaged_package(
    damage: Callable[[Path], Any], message: str, package: Path, tmp_path: Path
) -> None:
    path = copied(package, tmp_path)
    damage(path)
    with pytest.raises(ConversionError, match=message) as error:
        load(path)
    assert "\n" not in error.value.message
    assert str(path) in error.value.message


@pytest.mark.parametrize("length", [0, 200_000])
def test_damaged_network(
    length: int, artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "damaged.mlmodel"
    path.write_bytes(artifacts["whole patches", "mlmodel"].read_bytes()[:length])
    with pytest.raises(ConversionError, match=r"model.*damaged\.mlmodel|damaged\.mlmodel.*model"):
        load(path)


def test_weights_of_another_count_fail_to_load(
    artifacts: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    spec = ct.utils.load_spec(str(artifacts["whole patches", "mlmodel"]))
    layer = next(x for x in spec.neuralNetwork.layers if x.WhichOneof("layer") == "convolution")
    del layer.convolution.weights.floatValue[-1]
    path = tmp_path / "damaged.mlmodel"
    ct.utils.save_spec(spec, str(path))
    with pytest.raises(ConversionError, match=r"stores .* weights"):
        load(path)


def test_reading_a_package_does_not_write_to_it(package: Path, tmp_path: Path) -> None:
    path = copied(package, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    load(path)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac opens it")
def test_core_ml_itself_says_that_it_needs_a_mac(package: Path) -> None:
    with pytest.raises(ConversionError, match=r"no Core ML that opens .*fp32\.mlpackage"):
        coreml.load(package)


# the protocol


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "takes the inputs `image`; given: none"),
        ({"picture": (1, 3, 64, 128)}, "`image`; given: `picture`"),
        ({"image": (1, 3, 128, 64)}, r"float32 \(1, 3, 64, 128\); given: .* \(1, 3, 128, 64\)"),
    ],
)
def test_feeds_are_checked(feeds: dict[str, tuple[int, ...]], message: str, package: Path) -> None:
    session = load_session(package, "coreml_reference")
    with pytest.raises(InputError, match=message):
        session.run({name: np.zeros(shape, np.float32) for name, shape in feeds.items()})


def test_dtype_of_a_feed_is_checked(package: Path) -> None:
    with pytest.raises(InputError, match=r"takes `.*`, float32 .*; given: .* float64"):
        load(package).run({"image": np.zeros((1, 3, 64, 128))})


def test_threads_are_put_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    load(save_program(tmp_path, lambda x: mb.relu(x=x), X), threads=before + 1)
    assert torch.get_num_threads() == before


def test_every_operation_and_layer_names_one_of_the_format() -> None:
    fields = ct.proto.NeuralNetwork_pb2.NeuralNetworkLayer.DESCRIPTOR.oneofs_by_name["layer"].fields
    assert set(LAYERS) <= {field.name for field in fields}
    assert all(hasattr(mb, name) for name in OPERATIONS)
