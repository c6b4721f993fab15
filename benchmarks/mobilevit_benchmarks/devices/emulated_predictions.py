"""What an arm64 processor computes of photos, under QEMU.

The emulator rounds as the processor does, in halves too: the answers are those of the phone's own
kernels. The time is nobody's.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobilevit.errors import ConversionError, InputError
from mobilevit.prediction import Pixels, Probabilities

from .arm64_root import DEFAULT_CPU
from .emulated_process import EmulatedProgram

_GUEST = Path(__file__).with_name("predicted_photos.py")
_TIMEOUT_S = 600.0  # to start and to load
_PHOTO_TIMEOUT_S = 120.0  # for each; halves take 20 s at 256 pixels on a busy machine


@dataclass(frozen=True)
class EmulatedPredictions:
    """Probabilities of every photo, and what gave them."""

    probabilities: Probabilities  # (images, classes)
    seconds: float  # of emulation, all photos; no latency
    cpu: str  # one of CPUS
    qemu_version: str
    runtime_version: str


def predict_emulated(
    artifact: Path, pixels: Pixels, *, runtime: str = "litert", cpu: str = DEFAULT_CPU
) -> EmulatedPredictions:
    """Run every photo on an emulated processor, with one thread, in one process.

    Args:
        artifact: what `runtime` opens, with one input for a photo.
        pixels: uint8 (images, H, W, 3), RGB.
        runtime: "litert" or "onnxruntime", of the versions in arm64_wheels.txt.
        cpu: one of `arm64_root.CPUS`.

    Raises:
        InputError: there is no photo, or it is not of the artifact's size; a wrong name; a tool is
            missing (see `arm64_root`).
        ConversionError: the runtime refuses the artifact, its process ends or takes too long, or
            what it gives is not finite.
    """
    if not len(pixels):
        raise InputError("there is no photo to run", "give one or more")
    what = f"{runtime} with `{artifact}` on {cpu}"
    with tempfile.TemporaryDirectory(prefix="mobilevit-photos-") as folder:
        scratch = Path(folder)
        program = EmulatedProgram(_GUEST, cpu=cpu, folder=scratch)
        np.save(scratch / "pixels.npy", pixels, allow_pickle=False)
        command = {
            "artifact": str(artifact.absolute()),
            "runtime": runtime,
            "pixels": str(scratch / "pixels.npy"),
            "probabilities": str(scratch / "probabilities.npy"),
        }
        timeout_s = _TIMEOUT_S + _PHOTO_TIMEOUT_S * len(pixels)
        reply = program.run(command, what=what, timeout_s=timeout_s)
        given = np.load(scratch / "probabilities.npy", allow_pickle=False)
    if wrong := int((~np.isfinite(given)).any(axis=1).sum()):
        raise ConversionError(
            f"{what}: {wrong} of {len(given)} photos give values that are not finite",
            "halves end at 65,504: the model's values may be beyond",
        )
    return EmulatedPredictions(
        probabilities=given,
        seconds=reply["seconds"],
        cpu=cpu,
        qemu_version=program.qemu_version(),
        runtime_version=reply["runtime_version"],
    )
