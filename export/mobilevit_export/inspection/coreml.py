"""Reads an `.mlpackage` or `.mlmodel`: an ML Program, or a neural network.

An ML Program declares the type of every value. A neural network declares none: its shapes are
those that its layers give for an input of zeros, computed by the reference of this SDK, and stay
unknown where that does not cover a layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import coremltools as ct
import torch

from mobilevit.errors import ConversionError
from mobilevit.runtimes._neural_network import read_network
from mobilevit.runtimes.coreml import operations, read_interface
from mobilevit.runtimes.coreml_reference import model_files, read_spec, run_step

from .records import (
    Inspection,
    Operation,
    Port,
    Shape,
    Side,
    Tensor,
    WeightCount,
    Weights,
    count,
)

_MIL = ct.proto.MIL_pb2
_ARRAY = ct.proto.FeatureTypes_pb2.ArrayFeatureType
_IMAGE = ct.proto.FeatureTypes_pb2.ImageFeatureType
_FORMATS = {
    "mlProgram": "Core ML, ML Program",
    "neuralNetwork": "Core ML, neural network",
    "neuralNetworkClassifier": "Core ML, neural network",
}
_BITS = {"bool": 8, "bfloat16": 16, "float8e4m3fn": 8, "float8e5m2": 8}
_KEPT = 64  # the longest attribute that is kept, in characters or numbers


def read(artifact: Path) -> Inspection:
    """Raises:
    ConversionError: the file is damaged, or holds neither of the two.
    """
    model, _ = model_files(artifact)
    spec = read_spec(model, artifact)
    kind = spec.WhichOneof("Type")
    if kind not in _FORMATS:
        held = f"a model of type `{kind}`" if kind else "no model"
        raise ConversionError(
            f"`{artifact}` holds {held}", "an ML Program or a neural network can be read"
        )
    metadata = _metadata(spec)
    if kind == "mlProgram":
        tensors, found, weights = _program(spec, artifact)
        labels = _program_labels(spec)
    else:
        network = getattr(spec, kind)
        tensors, found, unknown = _network(spec, network, artifact)
        weights = _network_weights(network)
        labels = _network_labels(network) if kind == "neuralNetworkClassifier" else 0
        if unknown:
            metadata["shapes"] = f"not told by the file, and not inferred: {unknown}"
    if labels:
        metadata["class labels"] = str(labels)
    return Inspection(
        file=artifact.name,
        format=_FORMATS[kind],
        size=_size(artifact),
        inputs=tuple(_port(feature, labels, tensors) for feature in spec.description.input),
        outputs=tuple(_port(feature, labels, tensors) for feature in spec.description.output),
        metadata=metadata,
        tensors=tensors,
        operations=found,
        weights=weights,
    )


def _size(artifact: Path) -> int:
    files = [artifact] if artifact.is_file() else artifact.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def _metadata(spec: Any) -> dict[str, str]:
    described = spec.description.metadata
    opsets = ", ".join(
        f"{name} {function.opset}" for name, function in spec.mlProgram.functions.items()
    )
    found = {
        "description": described.shortDescription,
        "author": described.author,
        "license": described.license,
        "version": described.versionString,
        "specification version": str(spec.specificationVersion),
        "functions": opsets,
        **described.userDefined,
    }
    return {key: value for key, value in found.items() if value}


# inputs and outputs


def _port(feature: Any, labels: int, tensors: dict[str, Tensor]) -> Port:
    """An image is bytes with the channels last, as a photo is; inside they come first."""
    kind = feature.type.WhichOneof("Type")
    if kind == "multiArrayType":
        array = feature.type.multiArrayType
        shapes = _array_shapes(array)
        shape: Shape | None = _summary(shapes)
        if not shape and feature.name in tensors:  # the output of a network declares none
            shape = tensors[feature.name].shape
        return Port(feature.name, _array_dtype(array), shape, shapes=_several(shapes))
    if kind == "imageType":
        image = feature.type.imageType
        colours = _IMAGE.ColorSpace.Name(image.colorSpace)
        channels = 1 if colours.startswith("GRAYSCALE") else 3
        shapes = tuple((1, *sides, channels) for sides in _image_sizes(image))
        return Port(
            feature.name, "uint8", _summary(shapes), f"image {colours}", shapes=_several(shapes)
        )
    if kind == "dictionaryType":
        return Port(feature.name, "dictionary", None, f"probability of each of {labels} labels")
    return Port(feature.name, (kind or "unknown").removesuffix("Type"), None)


def _array_dtype(array: Any) -> str:
    name = _ARRAY.ArrayDataType.Name(array.dataType).lower()
    return {"double": "float64"}.get(name, str(name))


def _array_shapes(array: Any) -> tuple[Shape, ...]:
    """Every shape listed, the default first; a range of shapes is one, of bounds."""
    if array.HasField("shapeRange"):
        return (tuple(_bounds(side) for side in array.shapeRange.sizeRanges),)
    listed = [tuple(map(int, item.shape)) for item in array.enumeratedShapes.shapes]
    default = tuple(map(int, array.shape))
    return tuple(dict.fromkeys([default, *listed] if default or not listed else listed))


def _image_sizes(image: Any) -> tuple[tuple[Side, Side], ...]:
    """The same of an image: height and width."""
    if image.HasField("imageSizeRange"):
        sizes = image.imageSizeRange
        return ((_bounds(sizes.heightRange), _bounds(sizes.widthRange)),)
    sizes = (image, *image.enumeratedSizes.sizes)
    return tuple(dict.fromkeys((int(size.height), int(size.width)) for size in sizes))


def _several(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    return shapes if len(shapes) > 1 else ()


def _summary(shapes: tuple[Shape, ...]) -> Shape:
    """The shapes as one: each side by what it can be."""
    if len(shapes) == 1:
        return shapes[0]
    return tuple(_choice(sides) for sides in zip(*shapes, strict=False))


def _bounds(side: Any) -> Side:
    if side.lowerBound == side.upperBound:
        return int(side.lowerBound)
    return f"{side.lowerBound}..{side.upperBound if side.upperBound > 0 else ''}"


def _choice(sides: Iterable[Side]) -> Side:
    distinct = sorted(map(int, set(sides)))
    return distinct[0] if len(distinct) == 1 else "|".join(map(str, distinct))


def _network_labels(network: Any) -> int:
    kind = network.WhichOneof("ClassLabels")
    return len(getattr(network, kind).vector) if kind else 0


def _program_labels(spec: Any) -> int:
    values = {output.name: op for op in operations(spec) for output in op.outputs}
    for operation in operations(spec):
        if operation.type == "classify":
            argument = operation.inputs["classes"].arguments[0]
            if argument.name in values:
                return len(values[argument.name].attributes["val"].immediateValue.list.values)
            return len(argument.value.immediateValue.list.values)
    return 0


# an ML Program


def _program(
    spec: Any, artifact: Path
) -> tuple[dict[str, Tensor], tuple[Operation, ...], tuple[Weights, ...]]:
    if "main" not in spec.mlProgram.functions:
        raise ConversionError(f"the program of `{artifact}` has no function `main`")
    constants: dict[str, Any] = {}
    tensors = {
        item.name: _tensor(item, constant=False) for item in spec.mlProgram.functions["main"].inputs
    }
    weights, found = WeightCount(), []
    palettised = _palettised(spec)
    for item in operations(spec):
        constant = item.type == "const" or item.type.startswith("constexpr_")
        tensors |= {output.name: _tensor(output, constant) for output in item.outputs}
        if constant:
            _weigh(item, weights, palettised)
            if item.type == "const" and item.outputs:
                constants[item.outputs[0].name] = _plain(item.attributes["val"])
        else:
            found.append(_operation(item, constants))
    return tensors, tuple(found), weights.result()


def _tensor(item: Any, constant: bool) -> Tensor:
    if item.type.WhichOneof("type") == "dictionaryType":
        return Tensor(item.name, "dictionary", None, constant)
    declared = item.type.tensorType
    if item.type.WhichOneof("type") != "tensorType" or declared.rank < 0:
        return Tensor(item.name, _dtype(declared.dataType), None, constant)
    return Tensor(item.name, _dtype(declared.dataType), _sides(declared), constant)


def _sides(declared: Any) -> Shape:
    return tuple(
        int(side.constant.size) if side.HasField("constant") else -1 for side in declared.dimensions
    )


def _dtype(code: int) -> str:
    return str(_MIL.DataType.Name(code)).lower()


def _plain(value: Any) -> Any:
    """A small constant as Python's, None for a large one."""
    tensor = value.immediateValue.tensor
    kind = tensor.WhichOneof("value")
    if kind is None or kind == "bytes":
        return None
    values = tuple(getattr(tensor, kind).values)
    if len(values) > _KEPT:
        return None
    return values if value.type.tensorType.rank else (values or (None,))[0]


def _operation(item: Any, constants: dict[str, Any]) -> Operation:
    inputs, attributes = [], {}
    for name, argument in item.inputs.items():
        for binding in argument.arguments:
            if binding.WhichOneof("binding") == "name":
                inputs.append(binding.name)
                value = constants.get(binding.name)
            else:
                value = _plain(binding.value)
            if value is not None:
                attributes[name] = value
    named = item.attributes["name"].immediateValue.tensor.strings.values
    outputs = tuple(output.name for output in item.outputs)
    name = named[0] if named else (outputs or ("",))[0]
    return Operation(item.type, name, tuple(inputs), outputs, attributes)


def _palettised(spec: Any) -> set[str]:
    """The names of values that are indices into a table."""
    return {
        binding.name
        for item in operations(spec)
        if item.type == "constexpr_lut_to_dense"
        for binding in item.inputs["indices"].arguments
    }


def _weigh(item: Any, weights: WeightCount, palettised: set[str]) -> None:
    """Count what one constant stores. A `constexpr_` operation holds its weights itself, up to
    iOS 17 as attributes and later as inputs, or its inputs are constants of their own."""
    held = dict(item.attributes)
    for name, argument in item.inputs.items():
        for binding in argument.arguments:
            if binding.WhichOneof("binding") == "value":
                held[name] = binding.value
    if item.type == "const":
        declared, name = item.attributes["val"].type.tensorType, item.outputs[0].name
        dtype = _dtype(declared.dataType)
        if dtype not in ("string", "unused_type") and -1 not in _sides(declared):
            elements = count(side for side in _sides(declared) if isinstance(side, int))
            label = f"{dtype} palettised" if name in palettised else dtype
            weights.add(label, elements, -(-elements * _bits(dtype) // 8))
    elif "indices" in item.attributes:  # packed, and of one table
        shape = _sides(item.outputs[0].type.tensorType)
        entries = _stored(held["lut"])
        bits = max(entries - 1, 1).bit_length()
        elements = count(side for side in shape if isinstance(side, int))
        weights.add(f"uint{bits} palettised", elements, _stored(held["indices"]))
    else:
        for key in ("quantized_data", "source_val", "nonzero_data", "data", "indices"):
            if key in held:
                dtype = _dtype(held[key].type.tensorType.dataType)
                elements = _stored(held[key])
                label = f"{dtype} palettised" if key == "indices" else dtype
                weights.add(label, elements, -(-elements * _bits(dtype) // 8))


def _stored(value: Any) -> int:
    return count(side for side in _sides(value.type.tensorType) if isinstance(side, int))


def _bits(dtype: str) -> int:
    return _BITS.get(dtype) or int("".join(c for c in dtype if c.isdigit()))


# a neural network


def _network(
    spec: Any, network: Any, artifact: Path
) -> tuple[dict[str, Tensor], tuple[Operation, ...], str]:
    """Tensors, layers, and why shapes are unknown where they are."""
    try:
        shapes, unknown = _inferred_shapes(spec, artifact), ""
    except ConversionError as error:
        shapes, unknown = {}, error.message
    tensors = {
        feature.name: Tensor(feature.name, "float", _inner_shape(feature))
        for feature in spec.description.input
    }
    found = []
    for item in network.layers:
        kind = item.WhichOneof("layer")
        constant = kind in ("loadConstant", "loadConstantND")
        declared = [tuple([-1] * t.rank) if t.rank else None for t in item.outputTensor]
        for index, name in enumerate(item.output):
            shape = shapes.get(name, declared[index] if index < len(declared) else None)
            tensors[name] = Tensor(name, "float", shape, constant)
        if not constant:
            attributes = dict(_attributes(getattr(item, kind))) if kind else {}
            inputs, outputs = tuple(item.input), tuple(item.output)
            found.append(Operation(kind or "unknown", item.name, inputs, outputs, attributes))
    return tensors, tuple(found), unknown


def _inner_shape(feature: Any) -> Shape | None:
    """The shape that the layers see of an input: channels first."""
    shape = _port(feature, 0, {}).shape
    if feature.type.WhichOneof("Type") != "imageType" or shape is None:
        return shape
    batch, height, width, channels = shape
    return batch, channels, height, width


def _inferred_shapes(spec: Any, artifact: Path) -> dict[str, Shape]:
    interface, graph = read_interface(spec, artifact), read_network(spec, artifact)
    dtypes = {"int32": torch.int32}
    values: dict[Any, Any] = {
        item.name: torch.zeros(item.shape, dtype=dtypes.get(item.dtype, torch.float32))
        for item in interface.inputs
    }
    for name in interface.images:
        values[name] = values[name].permute(0, 3, 1, 2)  # [1, H, W, 3] -> [1, 3, H, W]
    with torch.inference_mode():
        for step in graph.steps:
            run_step(step, values)
    return {str(name): tuple(value.shape) for name, value in values.items()}


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    for field, value in layer.ListFields():
        if field.message_type is not None:
            continue
        if field.is_repeated:
            if len(value) <= _KEPT:
                yield field.name, tuple(value)
        elif not isinstance(value, bytes):
            yield field.name, value


def _network_weights(network: Any) -> tuple[Weights, ...]:
    weights = WeightCount()
    for stored in _weight_params(network.layers):
        if stored.floatValue:
            weights.add("float32", len(stored.floatValue), 4 * len(stored.floatValue))
        if stored.float16Value:
            weights.add("float16", len(stored.float16Value) // 2, len(stored.float16Value))
        if stored.int8RawValue:
            weights.add("int8", len(stored.int8RawValue), len(stored.int8RawValue))
        if stored.rawValue:
            bits = stored.quantization.numberOfBits or 8
            table = stored.quantization.HasField("lookupTableQuantization")
            label = f"uint{bits} palettised" if table else f"uint{bits}"
            weights.add(label, 8 * len(stored.rawValue) // bits, len(stored.rawValue))
    return weights.result()


def _weight_params(messages: Iterable[Any]) -> Iterator[Any]:
    """Every WeightParams below these messages."""
    for message in messages:
        for field, value in message.ListFields():
            if field.message_type is None or field.message_type.GetOptions().map_entry:
                continue
            inner = list(value) if field.is_repeated else [value]
            if field.message_type.name == "WeightParams":
                yield from inner
            else:
                yield from _weight_params(inner)
