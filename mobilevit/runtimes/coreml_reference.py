"""A reference for Core ML files that runs anywhere: torch, on the CPU, from the saved file alone.

Core ML predicts only on a Mac. This evaluates an `.mlpackage`'s ML Program operation by operation
and an `.mlmodel`'s neural network layer by layer, from the weights in the file, so a converter's
mistake shows in any CI. It vouches for the graph, by the definitions of its operations; not for
Apple's runtime, which may fuse, reorder and accumulate as it likes, and not for its speed.

An ML Program is computed in its own precision: the result of every operation is rounded to the
type the program declares. Within one fp16 operation the arithmetic is float32 and its result is
rounded once, which does not depend on the CPU; a runtime that also accumulates in fp16 differs by
more. A neural network leaves its precision to the device; here it is float32, also where weights
are stored as halves.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ConversionError, reason
from ._mil_program import Graph, Step, read_program
from ._neural_network import read_network
from .base import Arrays, TensorSpec, check_feeds
from .coreml import read_interface


class CoreMLReferenceSession:
    """Evaluates one file. `load` makes it, and has run it once on zeros."""

    delegate = "torch, operation by operation"

    def __init__(self, artifact: Path, threads: int) -> None:
        model, weights = model_files(artifact)
        spec = read_spec(model, artifact)
        self._interface = read_interface(spec, artifact)
        self._graph = _graph(spec, weights, artifact)
        self._given = _keys(self._interface.inputs, self._graph.inputs, artifact)
        self._wanted = _keys(self._interface.outputs, self._graph.outputs, artifact)
        self._last_reads = _last_reads(self._graph.steps, self._wanted.values())
        self._threads = threads
        self.inputs = self._interface.inputs
        # finds what does not compute before anyone asks, and the shapes a network does not declare
        zeros = {item.name: np.zeros(item.shape, item.dtype) for item in self.inputs}
        computed = self._evaluate(zeros)
        self.outputs = tuple(
            _settled(item, computed[item.name], artifact) for item in self._interface.outputs
        )

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Every input by name, in its exact shape and dtype -> every output by name.

        Raises:
            InputError: an input is missing, unknown, or of another shape or dtype.
        """
        check_feeds(self.inputs, feeds, self._interface.shapes)
        computed = self._evaluate(feeds)
        return {item.name: computed[item.name].numpy().astype(item.dtype) for item in self.outputs}

    def _evaluate(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        values: dict[Hashable, Any] = dict(self._graph.constants)
        for name, array in feeds.items():
            value = torch.tensor(array)
            if colours := self._interface.images.get(name):
                value = value.permute(0, 3, 1, 2).float()  # [1, H, W, 3] -> [1, 3, H, W]
                value = value.flip(1) if colours == "BGR" else value
            values[self._given[name]] = value.float() if value.is_floating_point() else value
        with torch.inference_mode(), _intra_op_threads(self._threads):
            for step, done in zip(self._graph.steps, self._last_reads, strict=True):
                run_step(step, values)
                for key in done:
                    del values[key]
        outputs = {name: torch.as_tensor(values[key]) for name, key in self._wanted.items()}
        if dictionary := self._interface.probabilities:
            outputs[dictionary] = outputs[dictionary].reshape(1, -1)
        return outputs


def load(artifact: Path, *, threads: int = 1) -> CoreMLReferenceSession:
    """Open an `.mlpackage` or `.mlmodel`; what is in it decides, not its suffix.

    Shapes are those the file describes. Where it enumerates several, the session's `inputs` have
    the default one and `run` takes each of them; of a range, it takes the default alone.

    Raises:
        ConversionError: the file is damaged, or has an operation, layer, input or output that is
            not covered.
    """
    return CoreMLReferenceSession(artifact, threads)


def version() -> str:
    return str(ct.__version__)


def model_files(artifact: Path) -> tuple[Path, Path]:
    """The model file, and the folder of weights that an ML Program names them in.

    Read without coremltools' `ModelPackage`, which writes the manifest anew when it opens one.
    """
    if not artifact.is_dir():
        return artifact, artifact.parent / "weights"
    try:
        manifest = json.loads((artifact / "Manifest.json").read_text(encoding="utf-8"))
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]
        model = artifact / "Data" / item["path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f"the manifest of `{artifact}` cannot be read: {reason(error)}", "export it again"
        ) from error
    if not model.resolve().is_relative_to(artifact.resolve()):
        raise ConversionError(
            f"the manifest of `{artifact}` points outside it: `{item['path']}`", "export it again"
        )
    return model, model.parent / "weights"


def read_spec(model: Path, artifact: Path) -> Any:
    """The Model message in the file `model` of `artifact`."""
    spec = ct.proto.Model_pb2.Model()
    try:
        spec.ParseFromString(model.read_bytes())
    except (OSError, DecodeError) as error:
        raise ConversionError(
            f"the model of `{artifact}` cannot be read: {reason(error)}", "export it again"
        ) from error
    return spec


def _graph(spec: Any, weights: Path, artifact: Path) -> Graph:
    kind = spec.WhichOneof("Type")
    if kind == "mlProgram":
        return read_program(spec, weights, artifact)
    if kind in ("neuralNetwork", "neuralNetworkClassifier"):
        return read_network(spec, artifact)
    held = f"a model of type `{kind}`" if kind else "no model"
    raise ConversionError(
        f"`{artifact}` holds {held}", "an ML Program or a neural network can be evaluated"
    )


def _keys(
    described: Iterable[TensorSpec], known: Mapping[str, Hashable], artifact: Path
) -> dict[str, Hashable]:
    """Where the graph keeps each input or output that the file describes."""
    for item in described:
        if item.name not in known:
            raise ConversionError(f"`{artifact}` describes `{item.name}`, which it does not have")
    return {item.name: known[item.name] for item in described}


def _last_reads(steps: Sequence[Step], wanted: Iterable[Hashable]) -> list[list[Hashable]]:
    """For each step, the keys that no later one reads, to be freed."""
    kept = set(wanted)
    freed = []
    for step in reversed(steps):
        keys = {value.key for value in step.results} | set(step.reads())
        freed.append(list(keys - kept))
        kept |= keys
    return freed[::-1]


def run_step(step: Step, values: dict[Hashable, Any]) -> None:
    """Compute one step from `values`, and put its results there."""
    arguments = {
        name: [values[k] for k in key] if isinstance(key, list) else values[key]
        for name, key in step.arguments.items()
    }
    try:
        results = step.function(**arguments)
        results = (results,) if isinstance(results, Tensor) else results
        for value, result in zip(step.results, results, strict=True):
            values[value.key] = value.settle(result)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:  # torch's, of misfits
        raise ConversionError(f"{step.label} does not compute: {reason(error)}") from error


def _settled(item: TensorSpec, computed: Tensor, artifact: Path) -> TensorSpec:
    if item.shape and item.shape != tuple(computed.shape):
        raise ConversionError(
            f"output `{item.name}` of `{artifact}` has shape {tuple(computed.shape)}, "
            f"and is described with {item.shape}"
        )
    return TensorSpec(item.name, item.shape or tuple(computed.shape), item.dtype)


@contextmanager
def _intra_op_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
