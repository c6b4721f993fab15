"""The layers of a Core ML neural network, as its format defines them, in torch and float32.

A function takes a layer's parameters, decodes its weights once, and gives back what computes the
layer. Many layers are operations of an ML Program under an older name, and are computed by those.
The axes called channel, height and width are the last three, whatever the rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ConversionError
from . import _mil_program as mil
from ._mil_program import OPERATIONS, Graph, Step, Value

Compute = Callable[..., Any]  # (*inputs: Tensor) -> Tensor | Sequence[Tensor]

LAYERS: dict[str, Callable[[Any], Compute]] = {}

_PROTO = ct.proto.NeuralNetwork_pb2
_ACTIVATIONS = {
    "linear": "linear_activation",
    "ReLU": "relu",
    "leakyReLU": "leaky_relu",
    "thresholdedReLU": "thresholded_relu",
    "tanh": "tanh",
    "scaledTanh": "scaled_tanh",
    "sigmoid": "sigmoid",
    "sigmoidHard": "sigmoid_hard",
    "ELU": "elu",
    "softsign": "softsign",
    "softplus": "softplus",
}
_UPSAMPLE_MODES = {
    _PROTO.UpsampleLayerParams.DEFAULT: "DEFAULT",
    _PROTO.UpsampleLayerParams.ALIGN_CORNERS_TRUE: "STRICT_ALIGN_CORNERS",
    _PROTO.UpsampleLayerParams.ALIGN_CORNERS_FALSE: "UNALIGN_CORNERS",
}
_SAMPLING_MODES = {
    _PROTO.SamplingMode.STRICT_ALIGN_ENDPOINTS_MODE: "STRICT_ALIGN_CORNERS",
    _PROTO.SamplingMode.ALIGN_ENDPOINTS_MODE: "ALIGN_CORNERS",
    _PROTO.SamplingMode.UPSAMPLE_MODE: "DEFAULT",
    _PROTO.SamplingMode.ROI_ALIGN_MODE: "OFFSET_CORNERS",
}
_GELU_MODES = {
    _PROTO.GeluLayerParams.EXACT: "EXACT",
    _PROTO.GeluLayerParams.TANH_APPROXIMATION: "TANH_APPROXIMATION",
    _PROTO.GeluLayerParams.SIGMOID_APPROXIMATION: "SIGMOID_APPROXIMATION",
}


def layer(name: str) -> Callable[[Callable[[Any], Compute]], Callable[[Any], Compute]]:
    """Register a function as the layer `name`."""

    def register(function: Callable[[Any], Compute]) -> Callable[[Any], Compute]:
        LAYERS[name] = function
        return function

    return register


def read_network(spec: Any, artifact: Path) -> Graph:
    """The graph of `spec`, a neural network or a classifier made of one.

    Raises:
        ConversionError: a layer is not covered or damaged, or weights are quantized.
    """
    network = getattr(spec, spec.WhichOneof("Type"))
    _check_mappings(spec, network, artifact)
    inputs = {feature.name: feature.name for feature in spec.description.input}
    steps = [_preprocessing(item, spec, artifact) for item in network.preprocessing]
    known = set(inputs)
    for item in network.layers:
        steps.append(_step(item, known, artifact))
        known |= set(item.output)
    outputs = {name: name for name in known}
    if spec.WhichOneof("Type") == "neuralNetworkClassifier":
        last = network.layers[-1].output[0] if network.layers else ""
        described = spec.description.predictedProbabilitiesName
        outputs[described] = network.labelProbabilityLayerName or last
    return Graph(steps, {}, inputs, outputs)


def _check_mappings(spec: Any, network: Any, artifact: Path) -> None:
    for feature in spec.description.input:
        exact = network.arrayInputShapeMapping == _PROTO.EXACT_ARRAY_MAPPING
        if feature.type.WhichOneof("Type") == "imageType":
            exact = network.imageInputShapeMapping == _PROTO.RANK4_IMAGE_MAPPING
        if not exact:
            raise ConversionError(
                f"input `{feature.name}` of `{artifact}` is mapped to rank 5, which is not covered",
                "convert for iOS 13 or later",
            )


def _preprocessing(item: Any, spec: Any, artifact: Path) -> Step:
    """The scaling of an image, in its own order of channels."""
    label = f"the preprocessing of `{item.featureName}` of `{artifact}`"
    features = [f for f in spec.description.input if f.name == item.featureName]
    if item.WhichOneof("preprocessor") != "scaler" or not features:
        raise ConversionError(f"{label} is not covered", "covered: a scaler of an image")
    scaler = item.scaler
    biases = [scaler.redBias, scaler.greenBias, scaler.blueBias]
    if features[0].type.imageType.colorSpace == ct.proto.FeatureTypes_pb2.ImageFeatureType.BGR:
        biases.reverse()
    bias = torch.tensor(biases).reshape(3, 1, 1)
    return Step(
        label,
        lambda x: x * scaler.channelScale + bias,
        {"x": item.featureName},
        [Value(item.featureName, torch.float32)],
    )


def _step(item: Any, known: set[str], artifact: Path) -> Step:
    kind = item.WhichOneof("layer")
    label = f"layer `{kind}`, named `{item.name}`, of `{artifact}`"
    if kind not in LAYERS:
        raise ConversionError(f"{label} is not covered", f"covered: {', '.join(sorted(LAYERS))}")
    if unknown := [name for name in item.input if name not in known]:
        raise ConversionError(f"{label} reads `{unknown[0]}`, which nothing before it makes")
    try:
        compute = LAYERS[kind](getattr(item, kind))
    except KeyError as error:  # a mode of a later version of the format
        raise ConversionError(f"{label} has a mode not covered: {error}") from error
    except ValueError as error:
        raise ConversionError(f"{label} {error}") from error
    return Step(
        label,
        lambda inputs: compute(*inputs),
        {"inputs": list(item.input)},
        [Value(name, torch.float32) for name in item.output],
    )


def _weights(stored: Any, *shape: int) -> Tensor:
    """Weights of a shape, from single or half precision, as float32."""
    if stored.HasField("quantization") or stored.rawValue or stored.int8RawValue:
        raise ValueError("has quantized weights, which are not covered")
    if stored.float16Value:
        values = np.frombuffer(stored.float16Value, "<f2").astype(np.float32)
    else:
        values = np.array(stored.floatValue, np.float32)
    if values.size != math.prod(shape):
        raise ValueError(f"stores {values.size} weights where shape {shape} is declared")
    return torch.from_numpy(values.reshape(shape))


def _vector(stored: Any) -> Tensor:
    """One weight a channel, or one for all, to be broadcast."""
    count = len(stored.float16Value) // 2 or len(stored.floatValue)
    return _weights(stored, count, 1, 1)


def _number(value: float, default: float) -> Tensor:
    """A constant, for which the format takes 0 as not set."""
    return torch.tensor(value or default)


def _at_least_1d(x: Tensor) -> Tensor:
    return x.reshape(1) if x.ndim == 0 else x


# elementwise


@layer("activation")
def _activation(p: Any) -> Compute:
    kind = p.WhichOneof("NonlinearityType")
    if kind == "PReLU":
        alpha = _vector(p.PReLU.alpha)
        return lambda x: torch.where(x >= 0, x, alpha * x)
    if kind == "parametricSoftplus":
        alpha, beta = _vector(p.parametricSoftplus.alpha), _vector(p.parametricSoftplus.beta)
        return lambda x: alpha * F.softplus(beta * x)
    if kind not in _ACTIVATIONS:
        raise ValueError(f"has an activation not covered: `{kind}`")
    function, own = OPERATIONS[_ACTIVATIONS[kind]], getattr(p, kind)
    constants = {f.name: torch.tensor(getattr(own, f.name)) for f in own.DESCRIPTOR.fields}
    return lambda x: function(x, **constants)


@layer("unary")
def _unary(p: Any) -> Compute:
    scale, epsilon = _number(p.scale, 1.0), _number(p.epsilon, 1e-6)
    function: Callable[[Tensor], Tensor] = {
        p.SQRT: torch.sqrt,
        p.RSQRT: lambda x: torch.rsqrt(x + epsilon),
        p.INVERSE: lambda x: 1 / (x + epsilon),
        p.POWER: lambda x: x**p.alpha,
        p.EXP: torch.exp,
        p.LOG: torch.log,
        p.ABS: torch.abs,
        p.THRESHOLD: lambda x: x.clamp(min=p.alpha),
    }[p.type]
    return lambda x: function(scale * x + p.shift)


def _fold(function: Callable[[Any, Any], Any]) -> Callable[[Any], Compute]:
    """A layer of any number of inputs; or of one, with the constant alpha."""

    def build(p: Any) -> Compute:
        def compute(first: Tensor, *others: Tensor) -> Tensor:
            for other in others or (p.alpha,):
                first = function(first, other)
            return first

        return compute

    return build


def _plain(function: Compute) -> Callable[[Any], Compute]:
    """A layer without parameters."""
    return lambda p: function


LAYERS |= {"add": _fold(torch.add), "multiply": _fold(torch.mul)}
LAYERS |= {
    "addBroadcastable": _plain(torch.add),
    "subtractBroadcastable": _plain(torch.sub),
    "multiplyBroadcastable": _plain(torch.mul),
    "divideBroadcastable": _plain(torch.div),
    "powBroadcastable": _plain(torch.pow),
    "maxBroadcastable": _plain(torch.maximum),
    "minBroadcastable": _plain(torch.minimum),
    "copy": _plain(torch.clone),
    "erf": _plain(torch.erf),
    "tanh": _plain(torch.tanh),
}


@layer("clip")
def _clip(p: Any) -> Compute:
    return lambda x: x.clamp(p.minVal, p.maxVal)


@layer("clampedReLU")
def _clamped_relu(p: Any) -> Compute:
    return lambda x: mil.clamped_relu(x, torch.tensor(p.alpha), torch.tensor(p.beta))


@layer("gelu")
def _gelu(p: Any) -> Compute:
    mode = _GELU_MODES[p.mode]
    return lambda x: mil.gelu(x, mode)


def _per_channel(stored: Any, shape: Sequence[int]) -> Tensor:
    """Weights of shape [1], [C], [1, H, W] or [C, H, W], to be broadcast."""
    return _weights(stored, *shape, *[1] * (3 - len(shape)))


@layer("scale")
def _scale(p: Any) -> Compute:
    scale = _per_channel(p.scale, p.shapeScale)
    bias = _per_channel(p.bias, p.shapeBias) if p.hasBias else torch.tensor(0.0)
    return lambda x: x * scale + bias


@layer("bias")
def _bias(p: Any) -> Compute:
    bias = _per_channel(p.bias, p.shape)
    return lambda x: x + bias


# products


@layer("innerProduct")
def _inner_product(p: Any) -> Compute:
    weight = _weights(p.weights, p.outputChannels, p.inputChannels)
    bias = _weights(p.bias, p.outputChannels) if p.hasBias else None

    def compute(x: Tensor) -> Tensor:
        if x.ndim < 4:
            return F.linear(x, weight, bias)
        return F.linear(x.flatten(-3), weight, bias)[..., None, None]

    return compute


@layer("batchedMatmul")
def _batched_matmul(p: Any) -> Compute:
    if not p.weightMatrixFirstDimension:  # both matrices are inputs
        return lambda a, b: mil.matmul(a, b, p.transposeA, p.transposeB)
    rows, columns = p.weightMatrixFirstDimension, p.weightMatrixSecondDimension
    weight = _weights(p.weights, columns, rows)  # column-major
    bias = _weights(p.bias, columns) if p.hasBias else None
    return lambda a: F.linear(a, weight, bias)


@layer("convolution")
def _convolution(p: Any) -> Compute:
    if p.isDeconvolution:
        raise ValueError("is a deconvolution, which is not covered")
    kernel = _pair(p.kernelSize, 3)
    weight = _weights(p.weights, p.outputChannels, p.kernelChannels, *kernel)
    bias = _weights(p.bias, p.outputChannels) if p.hasBias else None
    strides, dilations = _pair(p.stride, 1), _pair(p.dilationFactor, 1)
    pad_type, pad = _padding_of_window(p, p.WhichOneof("ConvolutionPaddingType"))
    groups = p.nGroups or 1
    return lambda x: mil.conv(x, weight, strides, pad_type, pad, dilations, groups, bias)


@layer("pooling")
def _pooling(p: Any) -> Compute:
    if p.type not in (p.MAX, p.AVERAGE):
        raise ValueError("pools by the L2 norm, which is not covered")
    if p.globalPooling:
        reduce = torch.amax if p.type == p.MAX else torch.mean
        return lambda x: reduce(x, dim=(-2, -1), keepdim=True)
    kernel, strides = _pair(p.kernelSize, 3), _pair(p.stride, 1)
    kind = p.WhichOneof("PoolingPaddingType")
    ceil = kind == "includeLastPixel"
    if ceil:
        pad_type = "custom"
        pad = [n for n in _pair(p.includeLastPixel.paddingAmounts, 0) for _ in range(2)]
    else:
        pad_type, pad = _padding_of_window(p, kind)
    if p.type == p.MAX:
        return lambda x: mil.max_pool(x, kernel, strides, pad_type, pad, ceil)
    exclude = p.avgPoolExcludePadding
    return lambda x: mil.avg_pool(x, kernel, strides, pad_type, pad, ceil, exclude)


def _pair(sizes: Sequence[int], default: int) -> list[int]:
    return list(sizes) or [default, default]


def _padding_of_window(p: Any, kind: str | None) -> tuple[str, list[int]]:
    """The padding of a convolution or pool in the words of an ML Program."""
    if kind == "same":
        heavy = p.same.asymmetryMode == _PROTO.SamePadding.TOP_LEFT_HEAVY
        return ("same_lower" if heavy else "same"), []
    return "custom", _borders(p.valid.paddingAmounts)


def _borders(amounts: Any) -> list[int]:
    """Before and after, of height and then of width."""
    edges = [n for b in amounts.borderAmounts for n in (b.startEdgeSize, b.endEdgeSize)]
    return edges or [0, 0, 0, 0]


# normalizations


@layer("batchnorm")
def _batchnorm(p: Any) -> Compute:
    if p.computeMeanVar:
        raise ValueError("normalizes by statistics of its input, which is not covered")
    gamma, beta, mean, variance = (
        _weights(stored, p.channels, 1, 1) for stored in (p.gamma, p.beta, p.mean, p.variance)
    )
    scale = gamma * torch.rsqrt(variance + _number(p.epsilon, 1e-5))
    return lambda x: (x - mean) * scale + beta


@layer("mvn")
def _mvn(p: Any) -> Compute:
    axes = (-3, -2, -1) if p.acrossChannels else (-2, -1)
    epsilon = _number(p.epsilon, 1e-6)

    def compute(x: Tensor) -> Tensor:
        centred = x - x.mean(axes, keepdim=True)
        if not p.normalizeVariance:
            return centred
        return centred * torch.rsqrt(centred.square().mean(axes, keepdim=True) + epsilon)

    return compute


@layer("layerNormalization")
def _layer_normalization(p: Any) -> Compute:
    shape = list(p.normalizedShape)
    gamma, beta = _weights(p.gamma, *shape), _weights(p.beta, *shape)
    return lambda x: F.layer_norm(x, shape, gamma, beta, p.eps)


@layer("l2normalize")
def _l2normalize(p: Any) -> Compute:
    epsilon = _number(p.epsilon, 1e-6)
    return lambda x: mil.l2_norm(x, epsilon)


@layer("softmax")
def _softmax(p: Any) -> Compute:
    return lambda x: torch.softmax(x, -3)


@layer("softmaxND")
def _softmax_nd(p: Any) -> Compute:
    return lambda x: torch.softmax(x, p.axis)


# reductions


def _reduction(function: Callable[..., Any]) -> Callable[[Any], Compute]:
    def build(p: Any) -> Compute:
        axes = None if p.reduceAll else list(p.axes)
        return lambda x: _at_least_1d(function(x, axes, p.keepDims))

    return build


LAYERS |= {
    "reduceMean": _reduction(OPERATIONS["reduce_mean"]),
    "reduceSum": _reduction(OPERATIONS["reduce_sum"]),
    "reduceMax": _reduction(OPERATIONS["reduce_max"]),
    "reduceMin": _reduction(OPERATIONS["reduce_min"]),
    "reduceL2": _reduction(OPERATIONS["reduce_l2_norm"]),
    "reduceSumSquare": _reduction(OPERATIONS["reduce_sum_square"]),
}


# shapes and constants


@layer("reshapeStatic")
def _reshape_static(p: Any) -> Compute:
    return lambda x: x.reshape(list(p.targetShape))


@layer("flattenTo2D")
def _flatten_to_2d(p: Any) -> Compute:
    def compute(x: Tensor) -> Tensor:
        axis = p.axis + x.ndim if p.axis < 0 else p.axis
        return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))

    return compute


@layer("transpose")
def _transpose(p: Any) -> Compute:
    return lambda x: x.permute(list(p.axes))


@layer("squeeze")
def _squeeze(p: Any) -> Compute:
    axes = None if p.squeezeAll else list(p.axes)
    return lambda x: _at_least_1d(mil.squeeze(x, axes))


@layer("expandDims")
def _expand_dims(p: Any) -> Compute:
    return lambda x: mil.expand_dims(x, list(p.axes))


@layer("concat")
def _concat(p: Any) -> Compute:
    return lambda *xs: torch.cat(xs, -5 if p.sequenceConcat else -3)


@layer("concatND")
def _concat_nd(p: Any) -> Compute:
    return lambda *xs: mil.concat(list(xs), p.axis, p.interleave)


@layer("stack")
def _stack(p: Any) -> Compute:
    return lambda *xs: torch.stack(xs, p.axis)


@layer("split")
def _split(p: Any) -> Compute:
    return lambda x: mil.split(x, -3, p.nOutputs)


@layer("splitND")
def _split_nd(p: Any) -> Compute:
    return lambda x: mil.split(x, p.axis, p.numSplits, list(p.splitSizes) or None)


@layer("sliceStatic")
def _slice_static(p: Any) -> Compute:
    return lambda x: _at_least_1d(
        mil.slice_by_index(
            x, p.beginIds, p.endIds, p.strides, p.beginMasks, p.endMasks, p.squeezeMasks
        )
    )


@layer("gather")
def _gather(p: Any) -> Compute:
    return lambda x, indices: mil.gather(x, indices.long(), p.axis)


@layer("loadConstant")
def _load_constant(p: Any) -> Compute:
    data = _weights(p.data, 1, 1, *p.shape)
    return lambda: data


@layer("loadConstantND")
def _load_constant_nd(p: Any) -> Compute:
    data = _weights(p.data, *p.shape)
    return lambda: data


# sizes of images


@layer("padding")
def _padding(p: Any) -> Compute:
    modes = {"constant": "constant", "reflection": "reflect", "replication": "replicate"}
    mode = modes[p.WhichOneof("PaddingType")]
    amounts, value = _borders(p.paddingAmounts), torch.tensor(p.constant.value)
    return lambda x: mil.pad(x, amounts, mode, value)


@layer("upsample")
def _upsample(p: Any) -> Compute:
    factors = list(p.scalingFactor) or list(p.fractionalScalingFactor) or [1, 1]
    if p.mode == p.NN:
        return lambda x: mil.upsample_nearest_neighbor(x, *factors)
    mode = _UPSAMPLE_MODES[p.linearUpsampleMode]

    def compute(x: Tensor) -> Tensor:
        pairs = zip(x.shape[-2:], factors, strict=True)
        # in single precision, as the factors are stored: 5 * 1.4 is 7 there
        height, width = (int(np.float32(n) * np.float32(f)) for n, f in pairs)
        return mil.resize_bilinear(x, height, width, mode)

    return compute


@layer("resizeBilinear")
def _resize_bilinear(p: Any) -> Compute:
    height, width = _pair(p.targetSize, 1)
    mode = _SAMPLING_MODES[p.mode.samplingMethod]
    return lambda x: mil.resize_bilinear(x, height, width, mode)
