"""What each accelerator takes, as its own documentation or source says, one row an operation.

A row is a limit that was read in the named source on the named day; an operation without a row is
not taken. What a source leaves open is not in a row, and `Delegate.unchecked` says so. A delegate
of a later version may take more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .inspection import Inspection, Operation, Tensor

FLOAT = ("float32", "float16")
FLOAT_8BIT = (*FLOAT, "int8", "uint8")


@dataclass(frozen=True)
class Row:
    """The limits on one operation. Types and ranks are those of what flows; constants are free."""

    dtypes: tuple[str, ...] = ()  # none: those of the delegate
    rank: tuple[int, int] | None = None  # of the first input, least and most
    inputs: tuple[int, int] | None = None  # how many, least and most
    outputs: tuple[int, int] | None = None
    constants: tuple[int, ...] = ()  # the places of inputs that have to be constant
    attributes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # allowed values
    unit_strides: bool = False
    hybrid: bool = True  # whether float activations with integer weights are taken
    # of quantized tensors: the scale of each input, or the product of all, over that of the output,
    # from and below; and the place of an input whose zero point has to be 0
    scale_ratio: tuple[float, float] | None = None
    scale_product: tuple[float, float] | None = None
    no_zero_point: int | None = None


@dataclass(frozen=True)
class Delegate:
    """One accelerator under one runtime."""

    name: str
    format: str  # the format of an Inspection
    rows: Mapping[str, Row]
    source: str
    read: str  # the day, or the version it describes
    dtypes: tuple[str, ...] = ()  # of what flows; none: not checked
    max_rank: int | None = None  # of every input and output
    constant_rank: bool = False  # whether constants count too
    static: bool = False  # whether open sides are refused
    unpacks: tuple[str, ...] = ()  # constants that it unpacks itself when it loads, by type
    single: bool = False  # takes operations one by one, not regions
    max_regions: int | None = None  # by default it takes this many, the largest, and leaves others
    unchecked: str = ""


def refusal(delegate: Delegate, operation: Operation, inspection: Inspection) -> str | None:
    """Why `delegate` does not take `operation`, in few words; None where it does."""
    row = delegate.rows.get(operation.type)
    if row is None:
        return "not supported"
    inputs = inspection.activations(operation.inputs)
    outputs = inspection.activations(operation.outputs)
    return (
        _refused_rank(delegate, row, operation, inspection)
        or _refused_type(delegate, row, inputs + outputs)
        or _refused_form(row, operation, inspection)
        or _refused_scale(row, operation, inspection)
        or (_refused_shape(inputs + outputs) if delegate.static else None)
    )


def is_unpacked(delegate: Delegate, operation: Operation, inspection: Inspection) -> bool:
    """Whether `operation` only unpacks a constant, which the delegate does when it loads."""
    return operation.type == "DEQUANTIZE" and all(
        inspection.is_constant(name) and inspection.tensors[name].dtype in delegate.unpacks
        for name in operation.inputs
    )


def _refused_rank(
    delegate: Delegate, row: Row, operation: Operation, inspection: Inspection
) -> str | None:
    names = [name for name in (*operation.inputs, *operation.outputs) if name in inspection.tensors]
    for name in names:
        tensor = inspection.tensors[name]
        counts = delegate.constant_rank or not tensor.constant
        if counts and delegate.max_rank is not None and (tensor.rank or 0) > delegate.max_rank:
            return f"rank {tensor.rank} above {delegate.max_rank}"
    first = inspection.tensors.get(operation.inputs[0]) if operation.inputs else None
    if row.rank and first is not None and first.rank is not None:
        least, most = row.rank
        if not least <= first.rank <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            return f"rank {first.rank}, not {wanted}"
    return None


def _refused_type(delegate: Delegate, row: Row, tensors: list[Tensor]) -> str | None:
    allowed = row.dtypes or delegate.dtypes
    for tensor in tensors:
        if allowed and tensor.dtype not in allowed:
            return f"{tensor.dtype}"
    return None


def _refused_form(row: Row, operation: Operation, inspection: Inspection) -> str | None:
    for what, names, limits in (
        ("inputs", operation.inputs, row.inputs),
        ("outputs", operation.outputs, row.outputs),
    ):
        if limits and not limits[0] <= len(names) <= limits[1]:
            return f"{len(names)} {what}"
    for place in row.constants:
        if place < len(operation.inputs) and operation.inputs[place]:
            name = operation.inputs[place]
            if not inspection.is_constant(name) and not _is_unpacked_constant(name, inspection):
                return f"input {place} is not constant"
    for name, allowed in row.attributes.items():
        value = operation.attributes.get(name)
        if value is not None and value not in allowed:
            return f"{name} is {value}"
    if not row.hybrid:
        first, weights = (inspection.tensors[name].dtype for name in operation.inputs[:2])
        if first in FLOAT and weights not in FLOAT:
            return f"{first} with weights of {weights}"
    if row.unit_strides and any(step != 1 for step in operation.attributes.get("strides", ())):
        return "a stride other than 1"
    return None


def _refused_scale(row: Row, operation: Operation, inspection: Inspection) -> str | None:
    tensors = [inspection.tensors[name] for name in operation.inputs if name]
    scales = [tensor.scale for tensor in tensors if tensor.scale]
    if len(scales) < len(tensors) or not scales:
        return None  # not quantized, or by channel
    if row.no_zero_point is not None and tensors[row.no_zero_point].zero_point:
        return f"{tensors[0].dtype}, input {row.no_zero_point} with a zero point"
    made = inspection.tensors[operation.outputs[0]].scale
    if not made:
        return None
    ratios = [scale / made for scale in scales] if row.scale_ratio else []
    ratios += [math.prod(scales) / made] if row.scale_product else []
    least, below = row.scale_ratio or row.scale_product or (0, 0)
    if any(not least <= ratio < below for ratio in ratios):
        return f"{tensors[0].dtype}, scales too far apart"
    return None


def _is_unpacked_constant(name: str, inspection: Inspection) -> bool:
    """Whether `name` is a constant behind a DEQUANTIZE."""
    return any(
        operation.type == "DEQUANTIZE" and name in operation.outputs
        for operation in inspection.operations
    )


def _refused_shape(tensors: list[Tensor]) -> str | None:
    for tensor in tensors:
        if tensor.shape is None:
            return "a shape that is not known"
        if not all(isinstance(side, int) and side >= 0 for side in tensor.shape):
            return "an open shape"
    return None


def _rows(names: str, row: Row | None = None) -> dict[str, Row]:
    return dict.fromkeys(names.split(), row or Row())


_LITERT = "LiteRT f674577, August 2026"
_NO_MASKS = {"ellipsisMask": (0,), "newAxisMask": (0,), "shrinkAxisMask": (0,)}

XNNPACK_TFLITE = Delegate(
    name="XNNPACK delegate",
    format="TFLite",
    source="LiteRT repository, tflite/delegates/xnnpack/xnnpack_delegate.cc",
    read=_LITERT,
    dtypes=FLOAT_8BIT,
    unpacks=("float16", "int8"),
    unchecked="other limits on scales of quantized tensors; what a CPU lacks",
    rows={
        **_rows(
            "ABS CEIL COS EXP FLOOR GELU HARD_SWISH LOG NEG RELU_N1_TO_1 RELU RELU6 ROUND RSQRT "
            "SIN SQRT SQUARE",
            Row(FLOAT, (0, 6), (1, 1), (1, 1)),
        ),
        **_rows("DIV MAXIMUM MINIMUM SQUARED_DIFFERENCE", Row(FLOAT, (0, 6), (2, 2), (1, 1))),
        **_rows("ADD SUB", Row(FLOAT_8BIT, (0, 6), (2, 2), (1, 1), scale_ratio=(2**-10, 256))),
        "MUL": Row(FLOAT_8BIT, (0, 6), (2, 2), (1, 1), scale_product=(2**-16, 256)),
        **_rows("ELU LOGISTIC TANH LEAKY_RELU QUANTIZE", Row(FLOAT_8BIT, (0, 6), (1, 1))),
        **_rows("MEAN SUM REDUCE_MAX REDUCE_MIN", Row(FLOAT_8BIT, None, (2, 2), constants=(1,))),
        "DEQUANTIZE": Row((*FLOAT, "int8", "uint8"), (0, 6), (1, 1), (1, 1)),
        "PRELU": Row(FLOAT, (0, 6), (2, 2), (1, 1), constants=(1,)),
        "AVERAGE_POOL_2D": Row(FLOAT, (4, 4), (1, 1), (1, 1)),
        "MAX_POOL_2D": Row(FLOAT_8BIT, (4, 4), (1, 1), (1, 1)),
        "BATCH_MATMUL": Row(FLOAT_8BIT, (2, 6), (2, 2), (1, 1), no_zero_point=1),
        "CONCATENATION": Row(FLOAT_8BIT, None, (2, 5), (1, 1)),
        "CONV_2D": Row(FLOAT_8BIT, (4, 4), (3, 3), (1, 1), constants=(1, 2)),
        "DEPTHWISE_CONV_2D": Row(
            FLOAT_8BIT, (4, 4), (3, 3), (1, 1), constants=(1, 2), hybrid=False
        ),
        "TRANSPOSE_CONV": Row(FLOAT_8BIT, None, (3, 4), (1, 1), constants=(0, 1, 3)),
        "FULLY_CONNECTED": Row(FLOAT_8BIT, None, (2, 3), (1, 1)),
        "DEPTH_TO_SPACE": Row(FLOAT_8BIT, (4, 4), (1, 1), (1, 1)),
        "SPACE_TO_DEPTH": Row(FLOAT_8BIT, (4, 4), (1, 1), (1, 1)),
        "PAD": Row(FLOAT_8BIT, (1, 6), (2, 2), (1, 1), constants=(1,)),
        "RESHAPE": Row(FLOAT_8BIT, (0, 6), (1, 2), (1, 1), constants=(1,)),
        "RESIZE_BILINEAR": Row(FLOAT_8BIT, (4, 4), (2, 2), (1, 1), constants=(1,)),
        "SLICE": Row(FLOAT_8BIT, (0, 6), (3, 3), (1, 1), constants=(1, 2)),
        "SOFTMAX": Row(FLOAT, None, (1, 1), (1, 1), attributes={"beta": (1.0,)}),
        "SPLIT": Row(FLOAT_8BIT, None, (2, 2), (2, 4), constants=(0,)),
        "STRIDED_SLICE": Row(
            FLOAT_8BIT, (0, 6), (4, 4), (1, 1), (1, 2, 3), _NO_MASKS, unit_strides=True
        ),
        "TRANSPOSE": Row(FLOAT_8BIT, (1, 6), (2, 2), (1, 1), constants=(1,)),
        "STABLEHLO_COMPOSITE": Row(attributes={"name": ("odml.scaled_dot_product_attention",)}),
    },
)

GPU_TFLITE = Delegate(
    name="GPU delegate",
    format="TFLite",
    source="LiteRT repository, tflite/tools/versioning/gpu_compatibility.cc and "
    "tflite/delegates/gpu/common/model_builder.cc",
    read=_LITERT,
    dtypes=FLOAT_8BIT,
    max_rank=4,
    constant_rank=True,
    unpacks=("float16",),
    max_regions=1,
    unchecked="limits of a device's driver",
    rows={
        **_rows(
            "ABS CEIL COS ELU EXP FLOOR GELU LOG LOGISTIC NEG ROUND RSQRT SIGN SIN SQRT SQUARE "
            "TANH HARD_SWISH QUANTIZE",
            Row(inputs=(1, 1), outputs=(1, 1)),
        ),
        **_rows(
            "ATAN2 DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM POW SQUARED_DIFFERENCE SUB ADD MUL "
            "ADD_N BATCH_MATMUL",
            Row(inputs=(2, 2), outputs=(1, 1)),
        ),
        **_rows(
            "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL LOGICAL_AND LOGICAL_OR",
            Row((*FLOAT_8BIT, "bool"), inputs=(2, 2)),
        ),
        **_rows("RELU RELU6 RELU_N1_TO_1 LEAKY_RELU PRELU CONCATENATION PACK SPLIT SPLIT_V"),
        **_rows(
            "RESHAPE TRANSPOSE TILE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", Row(outputs=(1, 1))
        ),
        **_rows(
            "MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ALL REDUCE_ANY REVERSE_V2",
            Row(inputs=(2, 2), outputs=(1, 1), constants=(1,)),
        ),
        **_rows("CONV_2D TRANSPOSE_CONV", Row(outputs=(1, 1))),
        **_rows("PAD PADV2 MIRROR_PAD", Row(rank=(3, 4), constants=(1,))),
        **_rows("DEPTH_TO_SPACE SPACE_TO_DEPTH AVERAGE_POOL_2D MAX_POOL_2D", Row(outputs=(1, 1))),
        **_rows("SELECT SELECT_V2", Row((*FLOAT_8BIT, "bool"), inputs=(3, 3))),
        **_rows("GATHER ONE_HOT", Row((*FLOAT_8BIT, "int32"))),
        "CUMSUM": Row(FLOAT, constants=(1,)),
        "DEPTHWISE_CONV_2D": Row(rank=(4, 4), outputs=(1, 1)),
        "FULLY_CONNECTED": Row(),
        "DEQUANTIZE": Row(inputs=(1, 1), outputs=(1, 1)),
        "CAST": Row(("float32", "int32"), inputs=(1, 1)),
        "SLICE": Row(rank=(3, 4)),
        "SOFTMAX": Row(attributes={"beta": (1.0,)}),
        "STRIDED_SLICE": Row(rank=(3, 4), attributes=_NO_MASKS),
    },
)

NNAPI_TFLITE = Delegate(
    name="NNAPI delegate",
    format="TFLite",
    source="LiteRT repository, tflite/delegates/nnapi/nnapi_delegate.cc, Validate, "
    "for the newest feature level; NNAPI is deprecated since Android 15",
    read=_LITERT,
    dtypes=FLOAT_8BIT,
    unpacks=("float16",),
    max_regions=3,
    unchecked="what the driver of a device takes; versions of operations",
    rows={
        **_rows("ADD MUL SUB SQUARED_DIFFERENCE", Row((*FLOAT_8BIT, "int32"), (0, 4))),
        **_rows("DIV", Row(("float32",), (0, 4))),
        **_rows("ABS COS EXP LOG POW SIN SQRT", Row(FLOAT)),
        **_rows("ARG_MAX ARG_MIN", Row((*FLOAT_8BIT, "int32"))),
        **_rows("AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D DEPTHWISE_CONV_2D FULLY_CONNECTED"),
        **_rows("CONV_2D", Row(inputs=(3, 3))),
        **_rows("HARD_SWISH RELU RELU_N1_TO_1 RELU6 LOGISTIC TANH LEAKY_RELU PRELU RSQRT FLOOR"),
        **_rows("L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION SQUEEZE SPACE_TO_DEPTH"),
        **_rows("DEPTH_TO_SPACE SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND PAD PADV2 STRIDED_SLICE"),
        **_rows("RESIZE_BILINEAR", Row(rank=(4, 4), constants=(1,))),
        **_rows("RESIZE_NEAREST_NEIGHBOR", Row(constants=(1,))),
        **_rows("SOFTMAX CONCATENATION", Row(rank=(0, 4))),
        **_rows("RESHAPE", Row((*FLOAT_8BIT, "int32"), (0, 4), constants=(1,))),
        **_rows("TRANSPOSE", Row(constants=(1,))),
        **_rows("SLICE TILE MAXIMUM MINIMUM", Row((*FLOAT_8BIT, "int32"))),
        **_rows("EXPAND_DIMS GATHER SPLIT SPLIT_V TOPK_V2 PACK", Row((*FLOAT_8BIT, "int32"))),
        **_rows("MEAN", Row(FLOAT_8BIT, (0, 4))),
        **_rows("REDUCE_MAX REDUCE_MIN", Row(FLOAT_8BIT, (1, 8))),
        **_rows("SUM REDUCE_PROD ELU LOG_SOFTMAX", Row(("float32",))),
        **_rows("BATCH_MATMUL", Row(("float32", "int32", "int8"), (2, 4))),
        **_rows("CAST", Row(("float32", "int32", "uint8", "int8"))),
        **_rows("DEQUANTIZE QUANTIZE"),
        **_rows("NEG", Row(("float32", "int32"))),
        **_rows("TRANSPOSE_CONV", Row(constants=(0, 1))),
        **_rows("UNPACK", Row(rank=(2, 4))),
        **_rows("LOGICAL_AND LOGICAL_NOT LOGICAL_OR", Row(("bool",))),
        **_rows(
            "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL SELECT",
            Row((*FLOAT_8BIT, "bool", "int32")),
        ),
        **_rows("MIRROR_PAD REVERSE_V2", Row((*FLOAT_8BIT, "int32"), inputs=(2, 2))),
    },
)

_ORT_DOCS = "onnxruntime.ai/docs/execution-providers"

XNNPACK_ONNX = Delegate(
    name="onnxruntime XNNPACK",
    format="ONNX",
    source=f"{_ORT_DOCS}/Xnnpack-ExecutionProvider, Supported ops",
    read="its page, November 2026",
    single=True,
    unchecked="types, which the page does not give; the axis of Softmax",
    rows={
        **_rows("AveragePool MaxPool", Row(rank=(4, 4))),
        **_rows("Conv ConvTranspose QLinearConv", Row(rank=(4, 4), constants=(1, 2))),
        **_rows("Gemm MatMul", Row(rank=(2, 2))),
        **_rows("Resize", Row(rank=(2, 4), attributes={"mode": ("linear",)})),
        **_rows("Softmax"),
        **_rows(
            "com.microsoft:QLinearAveragePool com.microsoft:QLinearSoftmax "
            "com.microsoft:QLinearConvTranspose"
        ),
    },
)

NNAPI_ONNX = Delegate(
    name="onnxruntime NNAPI",
    format="ONNX",
    source=f"{_ORT_DOCS}/NNAPI-ExecutionProvider, Supported ops, and the checks of rank, shape "
    "and first type in onnxruntime/core/providers/nnapi; NNAPI is deprecated since Android 15",
    read="onnxruntime 1.31.1",
    static=True,
    unchecked="the other notes of the table; what the driver of a device takes",
    rows={
        **_rows(
            "Abs Add AveragePool BatchNormalization Clip Conv Div Elu Exp Flatten Floor Gemm "
            "GlobalAveragePool GlobalMaxPool LeakyRelu Log LRN MatMul Max Min Mul Neg PRelu Pow "
            "ReduceMean Relu Resize Sigmoid Sin Softmax Split Sqrt Squeeze Sub Tanh Unsqueeze",
            Row(("float32",)),
        ),
        **_rows("Reshape Transpose Concat", Row(("float32", "uint8"), (1, 4))),
        **_rows("Pad", Row(("float32",), (1, 4))),
        **_rows("Gather", Row(("float32", "int32"), (1, 4))),
        **_rows("Cast", Row(("float32", "int32"))),
        **_rows("DepthToSpace Identity MaxPool Slice", Row(("float32", "int32", "uint8"))),
        **_rows(
            "DequantizeLinear QuantizeLinear QLinearConv QLinearMatMul com.microsoft:QLinearAdd "
            "com.microsoft:QLinearAveragePool com.microsoft:QLinearSigmoid"
        ),
    },
)

COREML_ONNX = Delegate(
    name="onnxruntime Core ML",
    format="ONNX",
    source=f"{_ORT_DOCS}/CoreML-ExecutionProvider, Supported ops, ML Program; rank from the "
    "checker in onnxruntime.tools",
    read="onnxruntime 1.31.1",
    max_rank=5,
    unchecked="types and most notes of the table",
    rows={
        **_rows(
            "Add And ArgMax AveragePool Cast Clip Concat Conv ConvTranspose Cos DepthToSpace Ceil "
            "Div Elu Erf Exp GatherND Gelu GlobalAveragePool GlobalMaxPool GridSample "
            "GroupNormalization HardSigmoid Identity InstanceNormalization LayerNormalization "
            "LeakyRelu MatMul MaxPool Max Mul Pow PRelu Reciprocal ReduceSum ReduceMean ReduceMax "
            "Relu Reshape Resize Round Shape Sin Softplus Split Sub Sigmoid Softmax Sqrt Squeeze "
            "Tanh Tile Transpose Unsqueeze Where com.microsoft:QuickGelu com.microsoft:FusedConv"
        ),
        **_rows("Gemm", Row(constants=(1,))),
        **_rows("Slice", Row(constants=(1, 2, 3, 4))),
    },
)

DELEGATES: tuple[Delegate, ...] = (
    XNNPACK_TFLITE,
    GPU_TFLITE,
    NNAPI_TFLITE,
    XNNPACK_ONNX,
    NNAPI_ONNX,
    COREML_ONNX,
)
