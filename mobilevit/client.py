"""Labels for an image, from a bundle: NumPy and one runtime, no torch.

    client = mobilevit.load("bundle")
    for prediction in client.classify("photo.jpg", top=3):
        print(prediction.label, prediction.probability)

`classify_batch` is for many images at once, `stream` for one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .bundle import ArtifactRecord, Manifest, check_hash, find_file, read_labels, read_manifest
from .errors import BundleError, InputError
from .images import ImageSource, open_image
from .prediction import Pixels, Probabilities, interface_faults, predict
from .preprocessing import resize_and_crop
from .runtimes import RUNTIMES, Runtime, runtimes_for

# of artifacts that a runtime opens, the one nearest to what was trained; others are by name
_PRECISIONS = ("fp32", "fp16", "int8-weights", "int8", "palette6", "palette4")


@dataclass(frozen=True)
class Prediction:
    """One label with its probability, 0..1."""

    index: int
    label: str
    probability: float


class Client:
    """One artifact of a bundle, loaded. Not safe to share between threads.

    Raises:
        BundleError: the labels or the artifact are missing, or not those that were exported, or
            the artifact is not what the manifest tells.
        ConversionError: the runtime does not open the artifact.
    """

    def __init__(
        self,
        bundle: Path,
        manifest: Manifest,
        artifact: ArtifactRecord,
        runtime: Runtime,
        threads: int = 1,
    ) -> None:
        self.manifest = manifest
        self.labels = read_labels(bundle, manifest)
        self.artifact = artifact
        self.runtime = runtime
        path = find_file(bundle, artifact.file)
        check_hash(path, artifact.sha256)
        self._session = runtime.load(path, threads)
        if faults := interface_faults(self._session, artifact):
            raise BundleError(f"`{path}`: {faults[0]}", "export the bundle again")

    def classify(self, image: ImageSource, top: int = 5) -> list[Prediction]:
        """The `top` most probable labels, most probable first.

        Args:
            image: a path; the bytes of a file; a Pillow image; or a uint8 array (H, W, 3) of RGB,
                (H, W, 4) of RGBA or (H, W) of gray, 0..255. Any size.
            top: how many; there are no more than the labels.

        Raises:
            InputError: it is missing or not an image, or `top` is below 1.
        """
        _check_top(top)
        [row] = self.probabilities(self.pixels(image)[None])
        return self.most_probable(row, top)

    def classify_batch(
        self, images: Sequence[ImageSource] | NDArray[np.uint8], top: int = 5
    ) -> list[list[Prediction]]:
        """`classify` for each, decoded side by side, and in one run if the artifact takes batches.

        Args:
            images: a sequence of what `classify` takes, or a uint8 array (N, H, W, 3) of RGB.
            top: how many labels of each.

        Raises:
            InputError: one is missing or not an image, and the message says which; or `top` is
                below 1.
        """
        _check_top(top)
        if isinstance(images, str | bytes):
            raise InputError("one image is not a batch", "give a list, or call `classify`")
        if len(images) == 0:
            return []
        with ThreadPoolExecutor() as pool:
            pixels = np.stack(list(pool.map(self._numbered_pixels, enumerate(images))))
        return [self.most_probable(row, top) for row in self.probabilities(pixels)]

    def stream(self, images: Iterable[ImageSource], top: int = 5) -> Iterator[list[Prediction]]:
        """`classify` for each as it comes, one at a time: the answer to an image is there before
        the next one is asked for, so `images` may be endless, live, or reuse its buffer.

        Raises:
            InputError: one is missing or not an image, and the message says which; or `top` is
                below 1.
        """
        _check_top(top)
        for numbered in enumerate(images):
            [row] = self.probabilities(self._numbered_pixels(numbered)[None])
            yield self.most_probable(row, top)

    def pixels(self, image: ImageSource) -> Pixels:
        """What the network sees of an image. uint8 (H, W, 3), RGB

        Raises:
            InputError: it is missing or not an image.
        """
        return resize_and_crop(open_image(image), self.manifest.preprocessing)

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """uint8 (images, H, W, 3), RGB, as `pixels` gives them -> float32 (images, classes)

        Raises:
            InputError: they are of another dtype or shape, or there are none.
        """
        H, W = self.manifest.preprocessing.image_size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (H, W, 3) or len(pixels) == 0:
            raise InputError(
                f"the pixels are {pixels.dtype} {pixels.shape}, and should be uint8 "
                f"(images, {H}, {W}, 3)",
                "make them with `pixels(image)`, and stack them",
            )
        return predict(self._session, pixels)

    def most_probable(self, probabilities: NDArray[np.float32], top: int) -> list[Prediction]:
        """The `top` most probable labels of one image. float32 (classes,)"""
        order = np.argsort(-probabilities, kind="stable")[:top]
        return [Prediction(int(i), self.labels[i], float(probabilities[i])) for i in order]

    def _numbered_pixels(self, numbered: tuple[int, ImageSource]) -> Pixels:
        number, image = numbered
        try:
            return self.pixels(image)
        except InputError as error:
            raise InputError(f"image {number}: {error.message}", error.hint) from error


def _check_top(top: int) -> None:
    if top < 1:
        raise InputError(f"the {top} most probable labels cannot be told", "ask for one or more")


def load(bundle: str | Path, artifact: str | None = None, threads: int = 1) -> Client:
    """Open a bundle for classification. What is read of it is checked against its hashes.

    Args:
        bundle: its folder.
        artifact: file name of one of its artifacts; by default the most precise one that a runtime
            here opens, timed runtimes before the reference evaluator.
        threads: of the runtime.

    Raises:
        BundleError: not a bundle, not as it was exported, or it has no such artifact.
        MissingDependencyError: no runtime here opens any of its artifacts.
    """
    folder = Path(bundle)
    manifest = read_manifest(folder)
    if artifact is not None:
        record = find_record(folder, manifest, artifact)
        present = runtimes_for(Path(record.file))
        if not present:
            raise _no_runtime([record])
        return Client(folder, manifest, record, present[0], threads)
    openers = [
        (runtime, record)
        for runtime in RUNTIMES.values()
        for record in manifest.artifacts
        if runtime in runtimes_for(Path(record.file))
    ]
    if not openers:
        raise _no_runtime(manifest.artifacts)
    runtime, record = min(openers, key=_preference)
    return Client(folder, manifest, record, runtime, threads)


def _preference(opener: tuple[Runtime, ArtifactRecord]) -> tuple[bool, int, bool, int, bool]:
    """Smaller is better: a timed runtime, the first of those, an artifact without a fault, the most
    precise one, of a plain graph."""
    runtime, record = opener
    known = record.precision in _PRECISIONS
    rank = _PRECISIONS.index(record.precision) if known else len(_PRECISIONS)
    place = list(RUNTIMES).index(runtime.name)
    return not runtime.timed, place, bool(record.faults), rank, record.layout != "plain"


def find_record(bundle: Path, manifest: Manifest, artifact: str) -> ArtifactRecord:
    """The manifest's record of the artifact with this file name.

    Raises:
        BundleError: there is none.
    """
    for record in manifest.artifacts:
        if record.file == artifact:
            return record
    names = ", ".join(record.file for record in manifest.artifacts)
    raise BundleError(f"`{bundle}` has no artifact `{artifact}`", f"it has {names}")


def _no_runtime(records: Sequence[ArtifactRecord]) -> InputError:
    """Why none of the records can be loaded here."""
    known = [r for record in records[:1] for r in runtimes_for(Path(record.file), available=False)]
    if not known:
        return BundleError(f"no runtime opens `{records[0].file}`", "upgrade mobilevit-sdk")
    runtime = known[-1]  # that runs anywhere
    return runtime.missing(runtime.missing_package or runtime.name)
