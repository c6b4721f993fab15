"""Which part of the model each operation belongs to, as far as the names in a file tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mobilevit_export.inspection import Inspection, Operation

from .records import INPUT, UNKNOWN

Path = tuple[str, ...]  # attributes from the model down to a module, such as ("stages", "0", "1")


@dataclass(frozen=True)
class Module:
    """The module that an operation comes from; an empty path where no name tells it."""

    path: Path = ()
    type: str = ""  # its class, where the name tells


# litert-torch: `package.Class_attribute/package.Class_attribute;number`, without an attribute at
# the root; operations that were fused are joined by `;;`
_SCOPE = re.compile(r"(?:\w+\.)+(_?[A-Za-z0-9]+)(?:_(\w+))?")
# torch's older ONNX exporter: `/stages/stages.0/conv/Conv`
_SLASHED = re.compile(r"/(.+)/[^/]+")
# of these and what was fused with them, the last name is their own and the first that of a norm
# or an activation; in between may be others, which had the same constant
_PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def tflite_module(operation: Operation) -> Module:
    """From the name of what the operation makes, which is where the converters put it."""
    names = operation.outputs[0].split(";;") if operation.outputs else [""]
    name = names[-1 if operation.type in _PRODUCTS else 0].split(";")[0]
    scopes = [_SCOPE.fullmatch(part) for part in name.split("/")]
    if all(scopes):
        found = [scope for scope in scopes if scope]
        path = tuple(scope[2] for scope in found if scope[2])
        return Module(path, found[-1][1])
    return Module(tuple(name.split("/")[:-1]))


def onnx_modules(graph: Inspection) -> list[Module]:
    """From the names of weights, `stages.0.conv.weight`, or else the operations' own. A weight that
    several operations read tells nothing: exporters keep one of those that are equal."""
    readers = Counter(name for operation in graph.operations for name in operation.inputs)
    own = {name for name, count in readers.items() if count == 1 and graph.is_constant(name)}
    return [_onnx_module(operation, own) for operation in graph.operations]


def _onnx_module(operation: Operation, weights: Collection[str]) -> Module:
    for name in operation.inputs:
        if name in weights and re.fullmatch(r"\w+(\.\w+)+", name):
            return Module(tuple(name.split(".")[:-1]))
    slashed = _SLASHED.fullmatch(operation.name)
    if slashed is None:
        return Module()
    parts = slashed[1].split("/")
    # the child of a container is called by the container's name and its own
    children = (b.removeprefix(f"{a}.") for a, b in pairwise(parts))
    return Module((parts[0], *children))


def stages_of(graph: Inspection, modules: Sequence[Module]) -> list[str]:
    """A stage for each operation of `graph`.

    What every path begins with is left out; then the first name is the stage. One that holds more
    than half of the operations, and is not numbered itself, is a container, and its children are
    the stages: `backbone.stem` gives `stem`, and `blocks.3` stays as it is. An operation without a
    path is of the stage of what it reads, the latest where there are several; `INPUT` where it
    reads from the model's inputs alone. With no path in the whole file all are `UNKNOWN`.
    """
    names = _stage_names([module.path for module in modules])
    if not any(names):
        return [UNKNOWN] * len(modules)
    return spread(graph.operations, names)


def spread(operations: Sequence[Operation], names: Sequence[str]) -> list[str]:
    """Fill in the stages that are empty, along the data."""
    order = {name: place for place, name in enumerate(dict.fromkeys(filter(None, names)))}
    order[INPUT] = -1
    made: dict[str, str] = {}
    stages = []
    for operation, name in zip(operations, names, strict=True):
        before = [made[tensor] for tensor in operation.inputs if tensor in made]
        stage = name or max(before, key=order.__getitem__, default=INPUT)
        made |= dict.fromkeys(filter(None, operation.outputs), stage)
        stages.append(stage)
    return stages


def _stage_names(paths: Sequence[Path]) -> list[str]:
    paths = _without_common(paths)
    depth = Counter(path[:1] for path in paths if path)
    total = sum(depth.values())
    opened = {
        top
        for top, held in depth.items()
        if 2 * held > total and not top[0][-1].isdigit() and _has_children(top, paths)
    }
    words = [path[:2] if path[:1] in opened else path[:1] for path in paths]
    names = dict(_named(words))
    if {"head_conv", "classifier"} <= set(names.values()):  # MobileViT's
        both = ("head_conv", "classifier")
        names = {word: "head" if name in both else name for word, name in names.items()}
    return [names.get(word, "") for word in words]


def _without_common(paths: Sequence[Path]) -> list[Path]:
    """Paths without the names that all of those that go as deep begin with."""
    paths = list(paths)
    while True:
        tops = {path[0] for path in paths if path}
        seconds = {path[1] for path in paths if len(path) > 1}
        if len(tops) != 1 or not seconds or any(name.isdigit() for name in seconds):
            return paths
        paths = [path[1:] for path in paths]


def _has_children(top: Path, paths: Sequence[Path]) -> bool:
    return len({path[1] for path in paths if path[:1] == top and len(path) > 2}) > 1


def _named(words: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for word in dict.fromkeys(filter(None, words)):
        last = word[-1]
        name = ".".join(word) if last.isdigit() else last
        yield word, re.sub(r"^stage(\d+)$", r"stage \1", name)


def stage_of_tensors(graph: Inspection, stages: Sequence[str]) -> Mapping[str, str]:
    """By name: of every tensor that an operation makes, of every constant that one alone reads,
    and of every operation."""
    found: dict[str, str] = {}
    readers = Counter(name for operation in graph.operations for name in operation.inputs)
    for operation, stage in zip(graph.operations, stages, strict=True):
        for name in operation.inputs:
            if graph.is_constant(name) and readers[name] == 1:
                found[name] = stage
    for operation, stage in zip(graph.operations, stages, strict=True):
        found |= dict.fromkeys(filter(None, operation.outputs), stage)
        if operation.name:
            found.setdefault(operation.name, stage)
    return found
