"""Halves in an ONNX model of float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

_SINGLE, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def halve(model: ModelProto) -> ModelProto:
    """Store and compute in halves, with casts where float32 goes on.

    Input and output keep their types, and so do the scale of the pixels, the inside of norms, where
    squares overflow, and the last softmax.
    """
    halved = ModelProto()
    halved.CopyFrom(model)
    graph, given = halved.graph, list(model.graph.node)
    single = {output for node in _float_nodes(given) for output in node.output}
    single |= {value.name for value in graph.input}

    def computes_in(node: NodeProto) -> int:
        return _SINGLE if node.output[0] in single else _HALF

    types = {name: _SINGLE if name in single else _HALF for name in _floats(model)}
    for tensor in graph.initializer:
        if tensor.data_type == _SINGLE:
            readers = {computes_in(node) for node in given if tensor.name in _halved_inputs(node)}
            types[tensor.name] = _HALF if readers == {_HALF} else _SINGLE
            if types[tensor.name] == _HALF:
                values = numpy_helper.to_array(tensor).astype(np.float16)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    nodes: list[NodeProto] = []
    casts: dict[str, str] = {}
    for node in given:
        own, copied = computes_in(node), NodeProto()
        copied.CopyFrom(node)
        for index, name in enumerate(_halved_inputs(node)):
            if types.get(name, own) == own:
                continue
            if name not in casts:
                casts[name] = f"{name}_as_{'float' if own == _SINGLE else 'half'}"
                nodes.append(helper.make_node("Cast", [name], [casts[name]], to=own))
            copied.input[index] = casts[name]
        nodes.append(copied)
    for index, name in enumerate(copied.output):
        if types[name] == _HALF:
            copied.output[index] = f"{name}_as_half"
            nodes.append(helper.make_node("Cast", copied.output[index:], [name], to=_SINGLE))
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return halved


def _halved_inputs(node: NodeProto) -> Sequence[str]:
    """What a node reads in the type it computes in: the scales of a resize are float32 always."""
    return node.input[:1] if node.op_type == "Resize" else node.input


def _floats(model: ModelProto) -> Iterator[str]:
    """Names of what is given or computed in float32."""
    graph = shape_inference.infer_shapes(model).graph
    for value in (*graph.input, *graph.value_info, *graph.output):
        if value.type.tensor_type.elem_type == _SINGLE:
            yield value.name


def _float_nodes(nodes: Sequence[NodeProto]) -> Iterator[NodeProto]:
    """Those in front of the first convolution, those of norms up to the quotient, and a softmax at
    the end."""
    squares: set[str] = set()  # and what is made of them
    in_front = True
    for node in nodes:
        in_front = in_front and node.op_type != "Conv"
        of_norm = node.op_type == "Pow" or (
            node.op_type in ("ReduceMean", "Add", "Sqrt") and node.input[0] in squares
        )
        if of_norm:
            squares.update(node.output)
        quotient = node.op_type == "Div" and node.input[1] in squares
        last_softmax = node is nodes[-1] and node.op_type == "Softmax"
        if in_front or of_norm or quotient or last_softmax:
            yield node
