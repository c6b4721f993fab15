"""Is a bundle still what was exported, and does it compute the same here?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .bundle import (
    ArtifactRecord,
    Manifest,
    find_file,
    hash_artifact,
    read_labels,
    read_manifest,
)
from .client import open_image
from .errors import BundleError, SdkError
from .parity import measure
from .prediction import Pixels, Probabilities, predict
from .preprocessing import to_pixels
from .runtimes import Runtime, runtimes_for


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    subject: str  # file within the bundle
    what: str  # "hash", or the runtime that ran it
    faults: tuple[str, ...]  # empty if it is good


def check_bundle(bundle: Path) -> list[Check]:
    """Compare every hash with the manifest, and every artifact with the golden outputs on each
    runtime present.

    Raises:
        BundleError: there is no bundle, or its labels do not fit.
    """
    manifest = read_manifest(bundle)
    read_labels(bundle, manifest)
    checks = [_hash_check(bundle, record.file, record.sha256) for record in manifest.artifacts]
    golden = [_hash_check(bundle, record.file, record.sha256) for record in manifest.golden]
    checks += golden
    if any(check.faults for check in golden):
        return checks
    pixels = golden_pixels(bundle, manifest)
    reference = np.array([record.probabilities for record in manifest.golden], np.float32)
    for record in manifest.artifacts:
        for runtime in runtimes_for(Path(record.file)):
            checks.append(_golden_check(bundle, manifest, record, runtime, pixels, reference))
    return checks


def golden_pixels(bundle: Path, manifest: Manifest) -> Pixels:
    """The golden images after steps 1 to 3 of preprocessing. uint8 (images, 3, H, W)

    Raises:
        InputError: one is missing or damaged.
    """
    images = [open_image(find_file(bundle, record.file)) for record in manifest.golden]
    return np.stack([to_pixels(image, manifest.preprocessing) for image in images])


def _hash_check(bundle: Path, file: str, expected: str) -> Check:
    try:
        path = find_file(bundle, file)
    except BundleError as error:
        return Check(file, "hash", (error.message,))
    if hash_artifact(path)[0] != expected:
        return Check(file, "hash", ("the file is not the one that was exported",))
    return Check(file, "hash", ())


def _golden_check(
    bundle: Path,
    manifest: Manifest,
    record: ArtifactRecord,
    runtime: Runtime,
    pixels: Pixels,
    reference: Probabilities,
) -> Check:
    """An artifact that does not even open is a fault of it, not an error of the command."""
    try:
        given = predict(runtime.load(find_file(bundle, record.file)), pixels)
    except SdkError as error:
        return Check(record.file, runtime.name, (error.message,))
    if given.shape != reference.shape:
        return Check(record.file, runtime.name, (f"it gives {given.shape[1]} probabilities",))
    parity = measure(
        reference,
        given,
        names=[golden.file for golden in manifest.golden],
        source="golden",
        runtime=runtime,
        tolerance=record.parity.tolerance,
    )
    return Check(record.file, runtime.name, tuple(parity.faults))
