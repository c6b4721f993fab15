"""Does an artifact compute what the checkpoint computes? Nothing is timed before that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilevit.bundle import INPUT, OUTPUT
from mobilevit.errors import ConversionError
from mobilevit.parity import TOLERANCES, measure
from mobilevit.prediction import Pixels, Probabilities, feed, predict
from mobilevit.runtimes import RUNTIMES, Session, TensorSpec, load_session
from mobilevit.runtimes.base import Arrays

from .artifacts import Contender
from .exporters import EXPORTERS


@dataclass(frozen=True)
class Steps:
    """What integers of a tensor stand for: (value - zero) * scale."""

    scale: float
    zero: int

    def quantized(self, values: NDArray[np.float32], dtype: str) -> NDArray[Any]:
        limits = np.iinfo(dtype)
        steps = np.round(values / self.scale) + self.zero
        return np.clip(steps, limits.min, limits.max).astype(dtype)

    def restored(self, steps: NDArray[Any]) -> NDArray[np.float32]:
        return ((steps.astype(np.float32) - self.zero) * self.scale).astype(np.float32)


class LogitsSession:
    """An artifact that takes 0..1 and gives logits, behind the interface of ours: float32
    (1, 3, H, W), 0..255 -> probabilities. Where its own tensors are integers, as LiteRT's static
    recipe has them, that is done here as an app would have to.

    Args:
        steps: of the input and the output, where they are integers.

    Raises:
        ConversionError: it has not one input and one output, takes anything but an image, or has
            integers whose steps are not known.
    """

    def __init__(self, session: Session, steps: tuple[Steps, Steps] | None = None) -> None:
        if len(session.inputs) != 1 or len(session.outputs) != 1 or session.inputs[0].shape[1] != 3:
            told = ", ".join(map(str, (*session.inputs, *session.outputs)))
            raise ConversionError(f"an image and its logits were expected, the artifact has {told}")
        self._session, self._steps = session, steps
        [self._source], [self._target] = session.inputs, session.outputs
        self.inputs: tuple[TensorSpec, ...] = (TensorSpec(INPUT, self._source.shape, "float32"),)
        self.outputs: tuple[TensorSpec, ...] = (TensorSpec(OUTPUT, self._target.shape, "float32"),)
        self.delegate = session.delegate

    def own_feeds(self, pixels: NDArray[np.float32]) -> Arrays:
        """What the artifact itself takes for pixels (1, 3, H, W), 0..255."""
        scaled = pixels / np.float32(255)
        if self._source.dtype != "float32":
            scaled = self._known_steps()[0].quantized(scaled, self._source.dtype)
        return {self._source.name: scaled}

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        logits = self._session.run(self.own_feeds(feeds[INPUT]))[self._target.name]
        if logits.dtype.kind == "i":
            logits = self._known_steps()[1].restored(logits)
        return {OUTPUT: _softmax(logits.astype(np.float32))}

    def _known_steps(self) -> tuple[Steps, Steps]:
        if self._steps is None:
            raise ConversionError(f"what the integers of {self._source} stand for is not known")
        return self._steps


def open_contender(contender: Contender, threads: int = 1) -> Session:
    """With the interface of our artifacts, whoever made it.

    Raises:
        ConversionError: the runtime does not open it.
    """
    session = _load(contender, threads)
    return session if contender.takes_pixels else _logits(contender, session)


def timed_feeds(contender: Contender, pixels: Pixels) -> dict[str, NDArray[Any]]:
    """One photo as the artifact itself takes it. pixels: uint8 (1, H, W, 3), RGB"""
    session = _load(contender)
    if contender.takes_pixels:
        [spec] = session.inputs
        return {spec.name: feed(pixels, spec.shape, spec.dtype)}
    adapted = _logits(contender, session)
    [spec] = adapted.inputs
    return adapted.own_feeds(feed(pixels, spec.shape, spec.dtype))


def _load(contender: Contender, threads: int = 1) -> Session:
    return load_session(contender.artifact, _checker(contender.runtime), threads)


def _logits(contender: Contender, session: Session) -> LogitsSession:
    tflite = contender.artifact.suffix == ".tflite"
    return LogitsSession(session, _tflite_steps(contender.artifact) if tflite else None)


def _tflite_steps(artifact: Path) -> tuple[Steps, Steps]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(artifact)).get_signature_runner()
    [source] = runner.get_input_details().values()
    [target] = runner.get_output_details().values()
    return Steps(*source["quantization"]), Steps(*target["quantization"])


@dataclass(frozen=True)
class Check:
    """How an artifact's probabilities compare with the checkpoint's in torch, on photos."""

    runtime: str  # that computed them
    runtime_version: str
    images: int
    same_top1: float  # share of the photos
    max_difference: float  # of a probability


def check(
    contender: Contender, pixels: Pixels, reference: Probabilities, names: tuple[str, ...]
) -> Check:
    """Run every photo.

    Args:
        pixels: uint8 (images, H, W, 3), RGB.
        reference: the checkpoint's, (images, classes).
        names: of the photos.

    Raises:
        ConversionError: the runtime refuses the artifact, its output has another shape or is
            not finite, or it is in float and disagrees.
    """
    runtime = RUNTIMES[_checker(contender.runtime)]
    given = predict(open_contender(contender), pixels)
    if given.shape != reference.shape:
        raise ConversionError(
            f"{contender} gives {given.shape[1]} probabilities, the model {reference.shape[1]}"
        )
    if not np.isfinite(given).all():
        raise ConversionError(f"{contender} gives probabilities that are not numbers")
    parity = measure(
        reference,
        given,
        names=names,
        source="photos",
        runtime=runtime,
        tolerance=TOLERANCES.get(contender.precision, TOLERANCES["fp16"]),
    )
    if contender.precision in ("fp32", "fp16") and parity.faults:
        raise ConversionError(
            f"{contender} is not what the checkpoint is: {'; '.join(parity.faults)}",
            "there is nothing to compare before that is put right",
        )
    return Check(
        runtime=runtime.name,
        runtime_version=parity.runtime_version,
        images=len(pixels),
        same_top1=parity.top1_agreement,
        max_difference=parity.max_abs_difference,
    )


def _checker(runtime: str) -> str:
    """Core ML itself predicts on a Mac alone; what its programs mean can be computed anywhere."""
    return runtime if EXPORTERS[runtime].timed else "coreml_reference"


def _softmax(logits: Probabilities) -> Probabilities:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
