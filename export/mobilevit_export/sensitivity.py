"""Which groups of layers to keep in float, where eight bits for all of them cost too much.

Each group is kept in float by itself: how much nearer the artifact comes to the float model is what
eight bits of that group cost, how much slower it becomes is what they gain. Groups that give most
for their time are kept in float, until the artifact loses no more than it may (Nagel et al., "A
White Paper on Neural Network Quantization", arXiv:2106.08295, section 3.6, for the analysis by
layers).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilevit.prediction import feed, predict
from mobilevit.runtimes import Runtime, Session

from .calibration import Calibration

_TURNS = 25  # timings of two artifacts in turns, for one ratio
_RESOLUTION = 0.01  # of such a ratio: less is as good as no time
_SMALLEST = 1e-9  # probability that counts: eight bits round the least to 0

# keeps these groups in float and gives the artifact
Quantize = Callable[[frozenset[str]], Path]


@dataclass(frozen=True)
class Sensitivity:
    """What eight bits of one group cost and gain, all others having them too."""

    group: str
    divergence: float  # nats a photo, from what the float model gives; below 0 if they do no harm
    gain: float  # of time, a share of the artifact's with all groups in 8 bits; below 0 if slower


@dataclass(frozen=True)
class Mix:
    """Groups that stay in float, and what was measured to choose them."""

    kept_float: tuple[str, ...]
    sensitivities: tuple[Sensitivity, ...]  # the ones that cost most for their time first


def group_of(name: str, linear: bool) -> str:
    """Of a layer: its stage, and of a stage's linear layers the transformer.

    Args:
        name: of a tensor of the layer, with the names of the modules it is in.
        linear: it is a linear layer, not a convolution.
    """
    # of operations that a converter fused, the last name is the product's own
    stage = re.search(r"[._](stem|stage\d+)\b", name.split(";;")[-1])
    if stage is None:
        return "head"
    return f"{stage[1]}.transformer" if linear else stage[1]


def spread_groups(found: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Name -> group, of operations in the order they run: those without weights, whose group is
    `None`, belong to the layer in front, and those in front of all to the first."""
    groups: dict[str, str] = {}
    waiting: list[str] = []
    current = None
    for name, group in found:
        current = group or current
        if current is None:
            waiting.append(name)
        else:
            groups |= dict.fromkeys([*waiting, name], current)
            waiting = []
    return groups


def find_mix(
    quantize: Quantize,
    groups: Sequence[str],
    calibration: Calibration,
    runtime: Runtime,
    max_drop: float,
    *,
    report: Callable[[str], None],
) -> Mix:
    """Keep as few groups in float as it takes to lose no more than `max_drop`, 0..1.

    Args:
        quantize: makes an artifact.
        groups: of its layers.
        calibration: photos whose labels are known.
        runtime: that runs it here, and is timed.
        max_drop: share of labels that may be lost.
        report: is given lines for a person to read.
    """
    whole = runtime.load(quantize(frozenset()), threads=1)
    divergence = _divergence(calibration, whole)
    sensitivities = []
    for group in groups:
        session = runtime.load(quantize(frozenset({group})), threads=1)
        found = Sensitivity(
            group,
            divergence - _divergence(calibration, session),
            _slowdown(session, whole, calibration.pixels[:1]) - 1,
        )
        report(
            f"  {group} in float: {1e3 * found.divergence:+.2f} of {1e3 * divergence:.2f} "
            f"millinats nearer, {found.gain:+.1%} time"
        )
        sensitivities.append(found)
    sensitivities.sort(key=_worth, reverse=True)
    kept: list[str] = []
    for found in sensitivities:
        if found.divergence <= 0:
            break
        kept.append(found.group)
        session = runtime.load(quantize(frozenset(kept)), threads=1)
        _, drop = calibration.loss(session, len(calibration.pixels))
        report(f"  {', '.join(kept)} in float: loses {100 * drop:.2g} points")
        if drop <= max_drop:
            break
    return Mix(tuple(kept), tuple(sensitivities))


def _worth(found: Sensitivity) -> float:
    """How much nearer float comes for its time."""
    return found.divergence / max(found.gain, _RESOLUTION)


def _divergence(calibration: Calibration, session: Session) -> float:
    """Kullback and Leibler's, of the float model's probabilities from the artifact's: labels change
    on few photos, and every photo counts here. Nats, the mean over photos."""
    own = predict(session, calibration.pixels).astype(np.float64)
    reference = calibration.reference.astype(np.float64)
    logarithms = np.log(reference + _SMALLEST) - np.log(own + _SMALLEST)
    return float((reference * logarithms).sum(axis=1).mean())


def _slowdown(session: Session, other: Session, photo: NDArray[np.uint8]) -> float:
    """How many times as long the first one takes on a photo (1, H, W, 3), at its fastest."""
    turns = [(_seconds(session, photo), _seconds(other, photo)) for _ in range(_TURNS)]
    return min(first for first, _ in turns) / min(second for _, second in turns)


def _seconds(session: Session, photo: NDArray[np.uint8]) -> float:
    [source] = session.inputs
    feeds = {source.name: feed(photo, source.shape, source.dtype)}
    started = time.perf_counter()
    session.run(feeds)
    return time.perf_counter() - started
