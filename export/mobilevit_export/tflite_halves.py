"""Halves in a `.tflite`: weights stored as such, in a form in which XNNPACK computes in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .tflite_file import (
    add_buffer,
    add_metadata,
    add_tensor,
    drop_unused,
    new_operator,
    read_model,
    write_model,
)

_Kind, _Type = schema.BuiltinOperator, schema.TensorType
# whose constants are stored as halves: weights, biases, and the zeros of margins
_WITH_CONSTANTS = (
    _Kind.CONV_2D,
    _Kind.DEPTHWISE_CONV_2D,
    _Kind.FULLY_CONNECTED,
    _Kind.CONCATENATION,
)
_OF_HALVES = 3  # the first version of DEQUANTIZE that takes them


def halve(path: Path) -> None:
    """Store the weights of the float32 model at `path` as halves, and let it be computed in them.

    XNNPACK computes and adds up in halves where the processor has such arithmetic, ARMv8.2's:
    phones since about 2018 (tflite/delegates/xnnpack, `reduced_precision_support`; TensorFlow's
    converter writes the same). Where it has not, weights are unpacked when the file is opened.
    """
    model = read_model(path)
    [graph] = model.subgraphs
    _join_margins(model, graph)
    _halve_weights(model, graph)
    drop_unused(model)
    add_metadata(model, "reduced_precision_support", b"fp16accfp16")
    write_model(model, path)


def _join_margins(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    """Put concatenations with zeros in the place of PAD.

    XNNPACK makes one operator of PAD and the convolution behind it, but in LiteRT 2.3.0 not where
    it computes in halves; by itself PAD takes several times the instructions of these copies.
    """
    given, graph.operators = graph.operators, []
    for operator in given:
        if _kind(model, operator) == _Kind.PAD:
            graph.operators += _joins(model, graph, operator)
        else:
            graph.operators.append(operator)


def _joins(
    model: schema.ModelT, graph: schema.SubGraphT, pad: schema.OperatorT
) -> list[schema.OperatorT]:
    """What does as `pad` does: a concatenation for each axis that it makes longer."""
    (current, paddings), [padded] = pad.inputs, pad.outputs
    content = model.buffers[graph.tensors[paddings].buffer].data
    margins = np.frombuffer(content, np.int32).reshape(-1, 2)  # [axis, (before, after)]
    name, shape = graph.tensors[padded].name, [*graph.tensors[current].shape]
    axes = np.flatnonzero(margins.any(axis=1))
    joins = []
    for axis in axes:
        zeros: dict[int, list[int]] = {0: []}  # tensors, by length
        for length in margins[axis]:
            if length not in zeros:
                shape[axis] = length
                buffer = add_buffer(model, np.zeros(shape, np.float32).tobytes())
                zeros[length] = [add_tensor(graph, name + b";margin", shape, buffer)]
        before, after = margins[axis]
        parts = [*zeros[before], current, *zeros[after]]
        shape[axis] = graph.tensors[padded].shape[axis]
        current = padded if axis == axes[-1] else add_tensor(graph, name + b";rows", shape)
        join = new_operator(model, _Kind.CONCATENATION, parts, current)
        join.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
        join.builtinOptions = schema.ConcatenationOptionsT(axis=axis)
        joins.append(join)
    return joins


def _halve_weights(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    """Let what is constant of convolutions, linear layers and margins be unpacked from halves.

    Biases too: LiteRT 1.4's XNNPACK leaves an operator whose bias is of another type than its
    weights.
    """
    constants = {
        tensor: None
        for operator in graph.operators
        if _kind(model, operator) in _WITH_CONSTANTS
        for tensor in operator.inputs
        if tensor >= 0 and _is_float_constant(model, graph.tensors[tensor])
    }
    unpackings = []
    for number in constants:
        tensor = graph.tensors[number]
        values = np.frombuffer(model.buffers[tensor.buffer].data, np.float32)
        stored = add_buffer(model, values.astype(np.float16).tobytes())
        halves = add_tensor(graph, tensor.name + b";halves", tensor.shape, stored, _Type.FLOAT16)
        unpackings.append(new_operator(model, _Kind.DEQUANTIZE, [halves], number, _OF_HALVES))
        tensor.buffer = 0  # that of all that is computed
    graph.operators = [*unpackings, *graph.operators]


def _is_float_constant(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    return tensor.type == _Type.FLOAT32 and model.buffers[tensor.buffer].data is not None


def _kind(model: schema.ModelT, operator: schema.OperatorT) -> int:
    code = model.operatorCodes[operator.opcodeIndex]
    # a file for old runtimes has the code in the old field, which is one byte and stops at 127
    return max(code.builtinCode, code.deprecatedBuiltinCode)
