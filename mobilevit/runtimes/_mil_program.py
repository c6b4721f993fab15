"""The operations of an ML Program, each as its definition in coremltools' MIL op docs, in torch.

A float travels as float32 whatever its type in the program; `Value.settle` rounds each result to
the type the program declares for it. A function takes its operation's inputs by name: floats are
tensors, constants of integers, booleans and text are Python's.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from coremltools.converters.mil.frontend.milproto.load import load as load_program
from coremltools.converters.mil.mil import types
from torch import Tensor
from torch.nn import functional as F

from ..errors import ConversionError, reason
from ._mil_weights import DECOMPRESSIONS, read_constants
from .coreml import operations

Operation = TypeVar("Operation", bound=Callable[..., Any])

OPERATIONS: dict[str, Callable[..., Any]] = {}

_TORCH_DTYPES = {
    types.fp16: torch.float16,
    types.fp32: torch.float32,
    types.int32: torch.int32,
    types.int16: torch.int16,
    types.uint16: torch.int32,  # sides and places, which torch hardly computes with in uint16
    types.int8: torch.int8,
    types.uint8: torch.uint8,
    types.bool: torch.bool,
}
# what coremltools' reader raises on a program it cannot read; a weight file that is missing,
# truncated or garbage comes as RuntimeError or ValueError
_READER_ERRORS = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Value:
    """A result of a step. `key` finds it among the values."""

    key: Hashable
    dtype: torch.dtype
    shape: tuple[int, ...] | None = None  # a side of -1 is open; None: the file declares none

    def settle(self, result: Tensor) -> Tensor:
        """`result` in the declared type. Halves are rounded, and travel on as float32.

        They are rounded in place, which saves a tensor. A result that shares the memory of what it
        was made of, as a reshape's does, has its type too, and rounding halves changes nothing.
        """
        if self.shape is not None and not fits(result.shape, self.shape):
            raise ValueError(f"shape {tuple(result.shape)} where {self.shape} is declared")
        rounded = result.to(self.dtype)
        if self.dtype != torch.float16:
            return rounded
        return result.copy_(rounded) if result.dtype == torch.float32 else rounded.float()


@dataclass(frozen=True)
class Step:
    """One operation or layer: the keys of what it reads, by argument, and what it makes."""

    label: str  # for messages
    function: Callable[..., Any]  # -> Tensor | Sequence[Tensor]
    arguments: Mapping[str, Hashable | list[Hashable]]  # a list: of several values
    results: Sequence[Value]

    def reads(self) -> Iterator[Hashable]:
        for key in self.arguments.values():
            yield from key if isinstance(key, list) else (key,)


@dataclass(frozen=True)
class Graph:
    """Steps in the order they run, and where their values come from and go to."""

    steps: Sequence[Step]
    constants: Mapping[Hashable, Any]
    inputs: Mapping[str, Hashable]  # a name in the file's description -> its key
    outputs: Mapping[str, Hashable]


def fits(shape: Sequence[int], declared: Sequence[int]) -> bool:
    """Whether `shape` is what is declared, where a side of -1 is open."""
    return len(shape) == len(declared) and all(
        side in (-1, given) for given, side in zip(shape, declared, strict=True)
    )


def operation(name: str) -> Callable[[Operation], Operation]:
    """Register a function as the operation `name`."""

    def register(function: Operation) -> Operation:
        OPERATIONS[name] = function
        return function

    return register


def read_program(spec: Any, weights: Path, artifact: Path) -> Graph:
    """The graph of `spec`, an ML Program, with its weights from the folder `weights`.

    Raises:
        ConversionError: an operation is not covered, or the program or its weights are damaged.
    """
    if "main" not in spec.mlProgram.functions:
        raise ConversionError(f"the program of `{artifact}` has no function `main`")
    _check_covered(spec, artifact)
    try:
        program = load_program(spec, spec.specificationVersion, str(weights))
        main = program.functions["main"]
        constants = {
            result: _constant(value)
            for result, value in read_constants(main.operations).items()
            if result in main.outputs or _is_read(result)
        }
    except _READER_ERRORS as error:
        raise ConversionError(
            f"the program or the weights of `{artifact}` are damaged: {reason(error)}",
            "export it again",
        ) from error
    steps, outputs = [], {output.name: output for output in main.outputs}
    for op in main.operations:
        if op.op_type == "classify":  # its label and its dictionary are of no use to a computation
            outputs[op.outputs[1].name] = op.inputs["probabilities"]
        elif not _is_constant(op.op_type):
            steps.append(_step(op, artifact))
    return Graph(steps, constants, dict(main.inputs), outputs)


def _check_covered(spec: Any, artifact: Path) -> None:
    for op in operations(spec):
        if op.type not in OPERATIONS and op.type != "classify" and not _is_constant(op.type):
            made = op.outputs[0].name if op.outputs else ""
            raise ConversionError(
                f"operation `{op.type}`, which makes `{made}`, of `{artifact}` is not covered",
                f"covered: {', '.join(sorted(OPERATIONS | DECOMPRESSIONS))}",
            )


def _is_constant(op_type: str) -> bool:
    return op_type == "const" or op_type in DECOMPRESSIONS


def _is_read(result: Any) -> bool:
    """Whether a step reads it, and not only a `constexpr_`."""
    return any(not _is_constant(reader.op_type) for reader in result.child_ops)


def _constant(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        if np.issubdtype(value.dtype, np.floating):
            return torch.tensor(np.asarray(value, np.float32))
        return value.tolist()
    return value


def _step(op: Any, artifact: Path) -> Step:
    made = op.outputs[0].name
    label = f"operation `{op.op_type}`, which makes `{made}`, of `{artifact}`"
    function = OPERATIONS[op.op_type]
    if unknown := op.inputs.keys() - inspect.signature(function).parameters.keys():
        raise ConversionError(f"{label} has an input not covered: `{min(unknown)}`")
    results = []
    for result in op.outputs:
        if result.dtype not in _TORCH_DTYPES:
            name = types.builtin_to_string(result.dtype)
            raise ConversionError(f"{label} has a type not covered: {name}")
        sides = tuple(int(n) if isinstance(n, int | np.integer) else -1 for n in result.shape)
        results.append(Value(result, _TORCH_DTYPES[result.dtype], sides))
    arguments = {
        name: list(value) if isinstance(value, list | tuple) else value
        for name, value in op.inputs.items()
    }
    return Step(label, function, arguments, results)


# elementwise


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x: function(x)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x, y: function(torch.as_tensor(x), torch.as_tensor(y))


OPERATIONS |= {
    "abs": _unary(torch.abs),
    "ceil": _unary(torch.ceil),
    "cos": _unary(torch.cos),
    "erf": _unary(torch.erf),
    "exp": _unary(torch.exp),
    "exp2": _unary(torch.exp2),
    "floor": _unary(torch.floor),
    "identity": _unary(torch.clone),
    "relu": _unary(torch.relu),
    "relu6": _unary(F.relu6),
    "round": _unary(torch.round),
    "sigmoid": _unary(torch.sigmoid),
    "sign": _unary(torch.sign),
    "silu": _unary(F.silu),
    "sin": _unary(torch.sin),
    "softplus": _unary(F.softplus),
    "softsign": _unary(F.softsign),
    "sqrt": _unary(torch.sqrt),
    "square": _unary(torch.square),
    "tanh": _unary(torch.tanh),
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "real_div": _binary(torch.div),
    "floor_div": _binary(torch.floor_divide),
    "pow": _binary(torch.pow),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
}


@operation("cast")
def cast(x: Any, dtype: str) -> Tensor:
    return torch.as_tensor(x).clone()  # `Value.settle` does it, in place


@operation("clip")
def clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(x, alpha), beta)


@operation("inverse")
def inverse(x: Tensor, epsilon: Tensor) -> Tensor:
    return 1 / (x + epsilon)


@operation("log")
def log(x: Tensor, epsilon: Tensor) -> Tensor:
    return torch.log(x + epsilon)


@operation("rsqrt")
def rsqrt(x: Tensor, epsilon: Tensor) -> Tensor:
    return torch.rsqrt(x + epsilon)


# quantization


@operation("quantize")
def quantize(
    input: Tensor,
    scale: Tensor,
    output_dtype: str,
    zero_point: Any = None,
    axis: int | None = None,
) -> Tensor:
    """clip(round(input / scale) + zero_point), a half rounded to even."""
    limits = torch.iinfo(torch.uint8 if output_dtype == "uint8" else torch.int8)
    x = torch.round(input / _along(scale, input, axis))
    return (x + _along(zero_point, input, axis)).clamp(limits.min, limits.max)


@operation("dequantize")
def dequantize(
    input: Tensor, scale: Tensor, zero_point: Any = None, axis: int | None = None
) -> Tensor:
    """scale * (input - zero_point)"""
    return (input.float() - _along(zero_point, input, axis)) * _along(scale, input, axis)


def _along(parameter: Any, x: Tensor, axis: int | None) -> Tensor:
    """A number, or one for each place on `axis` of `x`, to compute with `x`. None is 0."""
    values = torch.as_tensor(0 if parameter is None else parameter).float()
    if axis is None or not values.ndim:
        return values
    return values.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


# activations


@operation("clamped_relu")
def clamped_relu(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.minimum(torch.where(x >= 0, x, alpha * x), beta)


@operation("elu")
def elu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x > 0, x, alpha * torch.expm1(x))


@operation("gelu")
def gelu(x: Tensor, mode: str) -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate="tanh" if mode == "TANH_APPROXIMATION" else "none")


@operation("leaky_relu")
def leaky_relu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= 0, x, alpha * x)


@operation("linear_activation")
def linear_activation(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return alpha * x + beta


@operation("scaled_tanh")
def scaled_tanh(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return alpha * torch.tanh(beta * x)


@operation("sigmoid_hard")
def sigmoid_hard(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return (alpha * x + beta).clamp(0, 1)


@operation("softmax")
def softmax(x: Tensor, axis: int) -> Tensor:
    return torch.softmax(x, axis)


@operation("thresholded_relu")
def thresholded_relu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= alpha, x, 0.0)


# products


@operation("linear")
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


@operation("matmul")
def matmul(x: Tensor, y: Tensor, transpose_x: bool, transpose_y: bool) -> Tensor:
    x = x.mT if transpose_x and x.ndim > 1 else x
    return x @ (y.mT if transpose_y and y.ndim > 1 else y)


@operation("einsum")
def einsum(values: list[Tensor], equation: str) -> Tensor:
    return torch.einsum(equation, *values)


@operation("scaled_dot_product_attention")
def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None
) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if attn_mask is not None:
        mask = torch.as_tensor(attn_mask)
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return torch.softmax(scores, -1) @ value


@operation("conv")
def conv(
    x: Tensor,
    weight: Tensor,
    strides: list[int],
    pad_type: str,
    pad: list[int],
    dilations: list[int],
    groups: int,
    bias: Tensor | None = None,
) -> Tensor:
    spans = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    x = _padded(x, _margins(x, spans, strides, pad_type, pad))
    convolve = (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3]
    return convolve(x, weight, bias, strides, 0, dilations, groups)


# pools


@operation("avg_pool")
def avg_pool(
    x: Tensor,
    kernel_sizes: list[int],
    strides: list[int],
    pad_type: str,
    pad: list[int],
    ceil_mode: bool,
    exclude_padding_from_average: bool,
) -> Tensor:
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.ndim - 3]
    margins = _margins(x, kernel_sizes, strides, pad_type, pad)
    beyond = _ceil_margins(x, kernel_sizes, strides, margins) if ceil_mode else []
    # what the last window of ceil mode reads beyond the padding never counts
    ones = torch.ones_like(x[:1, :1])
    counted = _padded(ones, margins, float(not exclude_padding_from_average))
    total = pool(_padded(_padded(x, margins), beyond), kernel_sizes, strides)
    return total / pool(_padded(counted, beyond), kernel_sizes, strides)


@operation("max_pool")
def max_pool(
    x: Tensor,
    kernel_sizes: list[int],
    strides: list[int],
    pad_type: str,
    pad: list[int],
    ceil_mode: bool,
) -> Tensor:
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]
    margins = _margins(x, kernel_sizes, strides, pad_type, pad)
    beyond = _ceil_margins(x, kernel_sizes, strides, margins) if ceil_mode else []
    return pool(_padded(_padded(x, margins, -math.inf), beyond, -math.inf), kernel_sizes, strides)


Margins = list[tuple[int, int]]  # before and after each spatial axis


def _margins(
    x: Tensor, spans: Sequence[int], strides: Sequence[int], pad_type: str, pad: Sequence[int]
) -> Margins:
    """The padding of a window of `spans`; `same` puts the larger half after, as TensorFlow does."""
    if pad_type == "custom":
        return list(zip(pad[::2], pad[1::2], strict=True))
    if pad_type == "valid":
        return [(0, 0) for _ in spans]
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"pad_type `{pad_type}` is not covered")
    totals = [
        max(0, (math.ceil(side / stride) - 1) * stride + span - side)
        for side, span, stride in zip(x.shape[2:], spans, strides, strict=True)
    ]
    margins = [(total // 2, total - total // 2) for total in totals]
    return margins if pad_type == "same" else [(after, before) for before, after in margins]


def _ceil_margins(
    x: Tensor, spans: Sequence[int], strides: Sequence[int], margins: Margins
) -> Margins:
    """What ceil mode adds at the end, so that a last, partial window fits; none that starts in
    the padding."""
    added = []
    for side, span, stride, (before, after) in zip(
        x.shape[2:], spans, strides, margins, strict=True
    ):
        windows = math.ceil((side + before + after - span) / stride) + 1
        if before + after > 0 and (windows - 1) * stride >= side + before:
            windows -= 1
        added.append((0, max(0, (windows - 1) * stride + span - side - before - after)))
    return added


def _padded(x: Tensor, margins: Margins, value: float = 0.0) -> Tensor:
    return F.pad(x, [n for pair in reversed(margins) for n in pair], value=value)


# normalizations


@operation("batch_norm")
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    epsilon: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
) -> Tensor:
    return F.batch_norm(x, mean, variance, gamma, beta, eps=float(epsilon))


@operation("l2_norm")
def l2_norm(x: Tensor, epsilon: Tensor) -> Tensor:
    return x / torch.sqrt(x.square().sum((-3, -2, -1), keepdim=True) + epsilon)


@operation("layer_norm")
def layer_norm(
    x: Tensor,
    axes: list[int],
    epsilon: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
) -> Tensor:
    axes = [axis % x.ndim for axis in axes]
    shape = [side if i in axes else 1 for i, side in enumerate(x.shape)]
    centred = x - x.mean(axes, keepdim=True)
    y = centred * torch.rsqrt(centred.square().mean(axes, keepdim=True) + epsilon)
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


# reductions


def _reduction(function: Callable[..., Tensor]) -> Callable[..., Any]:
    def reduce(x: Tensor, axes: list[int] | None = None, keep_dims: bool = False) -> Tensor:
        return function(x, dim=list(range(x.ndim)) if axes is None else axes, keepdim=keep_dims)

    return reduce


OPERATIONS |= {
    "reduce_mean": _reduction(torch.mean),
    "reduce_sum": _reduction(torch.sum),
    "reduce_max": _reduction(torch.amax),
    "reduce_min": _reduction(torch.amin),
    "reduce_l2_norm": _reduction(torch.linalg.vector_norm),
    "reduce_sum_square": _reduction(lambda x, **how: torch.sum(x.square(), **how)),
}


# shapes


@operation("shape")
def shape(x: Tensor) -> Tensor:
    return torch.tensor(x.shape)


@operation("reshape")
def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    """A side of 0 is taken from `x`, counted from the right; one of -1 is what remains."""
    inherited = (1,) * len(shape) + tuple(x.shape)
    sides = inherited[len(inherited) - len(shape) :]
    return x.reshape([int(n) or side for n, side in zip(shape, sides, strict=True)])


@operation("transpose")
def transpose(x: Tensor, perm: list[int]) -> Tensor:
    return x.permute(perm)


@operation("pixel_shuffle")
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    return F.pixel_shuffle(x, upscale_factor)


@operation("pixel_unshuffle")
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    return F.pixel_unshuffle(x, downscale_factor)


@operation("expand_dims")
def expand_dims(x: Tensor, axes: list[int]) -> Tensor:
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


@operation("squeeze")
def squeeze(x: Tensor, axes: list[int] | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


@operation("concat")
def concat(values: list[Any], axis: int, interleave: bool) -> Tensor:
    """A number, such as a side of a shape, counts as a tensor of one."""
    values = [torch.as_tensor(value) for value in values]
    values = [value if value.ndim else value.reshape(1) for value in values]
    if interleave:
        return torch.stack(values, axis % values[0].ndim + 1).flatten(
            axis % values[0].ndim, axis % values[0].ndim + 1
        )
    return torch.cat(values, axis)


@operation("stack")
def stack(values: list[Tensor], axis: int) -> Tensor:
    return torch.stack(values, axis)


@operation("split")
def split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: list[int] | None = None
) -> Sequence[Tensor]:
    if split_sizes is None:
        split_sizes = [x.shape[axis] // (num_splits or 1)] * (num_splits or 1)
    return torch.split(x, split_sizes, axis)


@operation("slice_by_index")
def slice_by_index(
    x: Tensor,
    begin: Sequence[int],
    end: Sequence[int],
    stride: Sequence[int] | None = None,
    begin_mask: Sequence[bool] | None = None,
    end_mask: Sequence[bool] | None = None,
    squeeze_mask: Sequence[bool] | None = None,
) -> Tensor:
    single = squeeze_mask or [False] * x.ndim
    for axis, side in enumerate(x.shape):
        first = None if begin_mask and begin_mask[axis] else int(begin[axis])
        last = None if end_mask and end_mask[axis] else int(end[axis])
        step = int(stride[axis]) if stride else 1
        places = range(side)[first:last:step]  # torch slices by no negative step
        taken = [range(side)[first or 0]] if single[axis] else list(places)
        x = x.index_select(axis, torch.tensor(taken, dtype=torch.int64))
    return x.squeeze(tuple(axis for axis in range(x.ndim) if single[axis]))


@operation("slice_by_size")
def slice_by_size(x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    for axis, (first, length) in enumerate(zip(begin, size, strict=True)):
        start = int(first) % x.shape[axis]
        x = x.narrow(axis, start, x.shape[axis] - start if length == -1 else int(length))
    return x


@operation("gather")
def gather(
    x: Any, indices: Any, axis: int, batch_dims: int = 0, validate_indices: bool | None = None
) -> Tensor:
    if batch_dims:
        raise ValueError(f"batch_dims {batch_dims} is not covered")
    x, indices = torch.as_tensor(x), torch.as_tensor(indices)
    axis %= x.ndim
    if validate_indices is None:  # before iOS 17 a negative index counts from the end
        indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    taken: Tensor = x.index_select(axis, indices.flatten().long())
    return taken.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@operation("tile")
def tile(x: Tensor, reps: Sequence[int]) -> Tensor:
    return x.tile([int(n) for n in reps])


@operation("pad")
def pad(x: Tensor, pad: Sequence[int], mode: str, constant_val: Tensor) -> Tensor:
    margins = [(int(before), int(after)) for before, after in zip(pad[::2], pad[1::2], strict=True)]
    if mode == "constant":
        return _padded(x, margins, float(constant_val))
    for axis, (before, after) in enumerate(margins, x.ndim - len(margins)):
        places = torch.arange(-before, x.shape[axis] + after)
        if mode == "reflect":
            last = x.shape[axis] - 1
            places = last - (last - places.abs()).abs()
        x = x.index_select(axis, places.clamp(0, x.shape[axis] - 1))
    return x


# sizes of images


def grid(mode: str, side: int, count: int) -> Tensor:
    """Where `count` samples lie on an axis of `side` pixels, by the name of a sampling mode.

    ALIGN_CORNERS and STRICT_ALIGN_CORNERS put the first and last on the outermost pixels' centres,
    UNALIGN_CORNERS keeps the outermost edges (torch's `align_corners=False`), DEFAULT starts on the
    first centre, OFFSET_CORNERS spreads samples over the centres' span.
    """
    steps = torch.arange(count, dtype=torch.float64)
    if mode == "ALIGN_CORNERS" and count == 1:
        points = steps + (side - 1) / 2
    elif mode in ("ALIGN_CORNERS", "STRICT_ALIGN_CORNERS"):
        points = steps * ((side - 1) / max(1, count - 1))
    elif mode == "DEFAULT":
        points = steps * (side / count)
    elif mode == "UNALIGN_CORNERS":
        points = (steps + 0.5) * (side / count) - 0.5
    elif mode == "OFFSET_CORNERS":
        points = (steps + 0.5) * (max(1, side - 1) / count)
    else:
        raise ValueError(f"sampling mode `{mode}` is not covered")
    return points.clamp(0, side - 1)


def interpolate(x: Tensor, axis: int, points: Tensor) -> Tensor:
    """Linear interpolation of `x` along a negative `axis`, at `points` in pixels."""
    low = points.floor().long()
    high = (low + 1).clamp(max=x.shape[axis] - 1)
    weight = (points - low).float().reshape(-1, *[1] * (-axis - 1))
    return torch.lerp(x.index_select(axis, low), x.index_select(axis, high), weight)


@operation("resize_bilinear")
def resize_bilinear(
    x: Tensor, target_size_height: int, target_size_width: int, sampling_mode: str
) -> Tensor:
    x = interpolate(x, -2, grid(sampling_mode, x.shape[-2], target_size_height))
    return interpolate(x, -1, grid(sampling_mode, x.shape[-1], target_size_width))


@operation("upsample_bilinear")
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: float | Tensor,
    scale_factor_width: float | Tensor,
    align_corners: bool,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Samples lie by the ratio of the sizes, which rounding may take off the scale factor."""
    if half_pixel_centers is None:
        half_pixel_centers = not align_corners
    if align_corners and half_pixel_centers:
        raise ValueError("align_corners with half_pixel_centers is not covered")
    mode = "UNALIGN_CORNERS" if half_pixel_centers else "DEFAULT"
    mode = "STRICT_ALIGN_CORNERS" if align_corners else mode
    height = math.floor(x.shape[-2] * scale_factor_height)
    width = math.floor(x.shape[-1] * scale_factor_width)
    return resize_bilinear(x, height, width, mode)


@operation("upsample_nearest_neighbor")
def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: float | Tensor, scale_factor_width: float | Tensor
) -> Tensor:
    for axis, scale in ((-2, float(scale_factor_height)), (-1, float(scale_factor_width))):
        if not scale.is_integer():
            raise ValueError(f"scale factor {scale} is not covered, only whole ones are")
        x = x.repeat_interleave(int(scale), axis)
    return x


@operation("resize")
def resize(
    x: Tensor, shape: Sequence[int], resized_dims: int, interpolation_mode: str, sampling_mode: str
) -> Tensor:
    """A side of 0 in `shape` stays as it is."""
    if interpolation_mode != "LINEAR":
        raise ValueError(f"interpolation mode `{interpolation_mode}` is not covered")
    for axis in range(-resized_dims, 0):
        count = int(shape[axis]) or x.shape[axis]
        x = interpolate(x, axis, grid(sampling_mode, x.shape[axis], count))
    return x
