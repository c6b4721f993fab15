"""Is a bundle still what was exported, and does it compute the same here?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .bundle import (
    ArtifactRecord,
    ConformanceRecord,
    Manifest,
    check_hash,
    find_file,
    read_labels,
    read_manifest,
    unlisted,
)
from .errors import BundleError, SdkError
from .images import open_image
from .parity import measure
from .prediction import Pixels, Probabilities, interface_faults, predict
from .preprocessing import Preprocessing, resize_and_crop
from .runtimes import Runtime, runtimes_for


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    subject: str  # file within the bundle
    what: str  # "hash", "listed", "labels", "preprocessing", or the runtime that ran it
    faults: tuple[str, ...]  # empty if it is good


def check_bundle(bundle: Path) -> list[Check]:
    """Everything about a bundle that can be checked here.

    1. The manifest is of the schema, and as it was written (`read_manifest`).
    2. Every file has the hash that the manifest has for it.
    3. There is nothing else in the bundle, and one label for each output.
    4. Preprocessing gives the exact pixels of every image of the conformance set.
    5. On each runtime present, every artifact has the input and output that the manifest tells,
       and gives the golden outputs.

    4 and 5 need golden images that are as they were written, and are left out if those are not.

    Raises:
        BundleError: there is no bundle, or its manifest cannot be trusted.
        InputError: a golden image was no image when it was written.
    """
    manifest = read_manifest(bundle)
    checks = [_hash_check(bundle, file, digest) for file, digest in manifest.files().items()]
    stranger = ("it is not in the manifest",)
    checks += [Check(file, "listed", stranger) for file in _others(bundle, manifest)]
    changed = {check.subject for check in checks if check.faults}
    if manifest.labels.file not in changed:
        checks.append(_labels_check(bundle, manifest))
    for case in manifest.conformance:
        if not changed & {case.file, case.pixels}:
            checks.append(_preprocessing_check(bundle, case, manifest.preprocessing))
    if changed & {golden.file for golden in manifest.golden}:
        return checks
    pixels = golden_pixels(bundle, manifest)
    for record in manifest.artifacts:
        for runtime in runtimes_for(Path(record.file)):
            checks.append(_golden_check(bundle, manifest, record, runtime, pixels))
    return checks


def _others(bundle: Path, manifest: Manifest) -> list[str]:
    """Files that the manifest does not have.

    Let be are what a file browser leaves, and in the bundle's own folder what people and Git put
    beside it: a card or another text in Markdown, and files whose names begin with a dot.
    """
    return sorted(
        path.relative_to(bundle).as_posix()
        for path in unlisted(bundle, manifest)
        if not (path.parent == bundle and (path.suffix == ".md" or path.name.startswith(".")))
    )


def golden_pixels(bundle: Path, manifest: Manifest) -> Pixels:
    """The golden images after steps 1 to 3 of preprocessing. uint8 (images, H, W, 3)

    Raises:
        BundleError: one is missing.
        InputError: one is damaged.
    """
    images = [open_image(find_file(bundle, record.file)) for record in manifest.golden]
    return np.stack([resize_and_crop(image, manifest.preprocessing) for image in images])


def _hash_check(bundle: Path, file: str, expected: str) -> Check:
    try:
        check_hash(find_file(bundle, file), expected)
    except BundleError as error:
        return Check(file, "hash", (error.message,))
    return Check(file, "hash", ())


def _labels_check(bundle: Path, manifest: Manifest) -> Check:
    try:
        read_labels(bundle, manifest)
    except BundleError as error:
        return Check(manifest.labels.file, "labels", (error.message,))
    return Check(manifest.labels.file, "labels", ())


def _preprocessing_check(bundle: Path, case: ConformanceRecord, record: Preprocessing) -> Check:
    try:
        pixels = resize_and_crop(open_image(find_file(bundle, case.file)), record)
        expected = np.asarray(open_image(find_file(bundle, case.pixels)))
    except SdkError as error:
        return Check(case.file, "preprocessing", (error.message,))
    return Check(case.file, "preprocessing", tuple(_pixel_faults(pixels, expected, case)))


def _pixel_faults(pixels: Pixels, expected: Pixels, case: ConformanceRecord) -> list[str]:
    if pixels.shape != expected.shape:
        return [f"gives {pixels.shape}, expected {expected.shape}"]
    difference = np.abs(pixels.astype(np.int16) - expected)
    allowed = case.same_kernel
    largest, mean = int(difference.max()), float(difference.mean())
    if largest <= allowed.max_difference and mean <= allowed.mean_difference:
        return []
    return [f"{case.tests}: pixels differ by {mean:.2g} levels on average, {largest} at most"]


def _golden_check(
    bundle: Path, manifest: Manifest, record: ArtifactRecord, runtime: Runtime, pixels: Pixels
) -> Check:
    """An artifact that does not even open is a fault of it, not an error of the command."""
    try:
        session = runtime.load(find_file(bundle, record.file))
        faults = interface_faults(session, record)
        if not faults:
            faults = _output_faults(predict(session, pixels), manifest, record, runtime)
    except SdkError as error:
        faults = [error.message]
    return Check(record.file, runtime.name, tuple(faults))


def _output_faults(
    given: Probabilities, manifest: Manifest, record: ArtifactRecord, runtime: Runtime
) -> list[str]:
    parity = measure(
        np.array([golden.probabilities for golden in manifest.golden], np.float32),
        given,
        names=[golden.file for golden in manifest.golden],
        source="golden",
        runtime=runtime,
        tolerance=record.parity.tolerance,
    )
    return parity.faults
