"""Labels for an image, from a bundle: NumPy and one runtime, no torch.

client = mobilevit.load("bundle")
for prediction in client.classify("photo.jpg", top=3):
    print(prediction.label, prediction.probability)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .bundle import ArtifactRecord, Manifest, check_hash, find_file, read_labels, read_manifest
from .errors import BundleError, InputError, MissingDependencyError
from .images import ImageSource, open_image
from .prediction import Pixels, Probabilities, interface_faults, predict
from .preprocessing import resize_and_crop
from .runtimes import RUNTIMES, Runtime, runtimes_for

_AHEAD = 4  # images of a stream that are decoded before they are asked for
# of artifacts that a runtime opens, the one nearest to what was trained; others are by name
_PRECISIONS = ("fp32", "fp16")


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

        Raises:
            InputError: it is missing or not an image.
        """
        return self._best(self.probabilities(self.pixels(image)[None])[0], top)

    def classify_batch(self, images: Sequence[ImageSource], top: int = 5) -> list[list[Prediction]]:
        """`classify` for each, decoded side by side, and in one run if the artifact takes batches.

        Raises:
            InputError: one is missing or not an image; the message says which.
        """
        if not images:
            return []
        with ThreadPoolExecutor() as pool:
            pixels = np.stack(list(pool.map(self._numbered_pixels, enumerate(images))))
        return [self._best(row, top) for row in self.probabilities(pixels)]

    def stream(self, images: Iterable[ImageSource], top: int = 5) -> Iterator[list[Prediction]]:
        """`classify` for each as it comes, in order; the next few are decoded meanwhile.

        Never more than a few are in memory, so `images` may be endless.

        Raises:
            InputError: one is missing or not an image; the message says which.
        """
        waiting: deque[Future[Pixels]] = deque()
        with ThreadPoolExecutor() as pool:
            try:
                for numbered in enumerate(images):
                    waiting.append(pool.submit(self._numbered_pixels, numbered))
                    if len(waiting) > _AHEAD:
                        yield self._best(
                            self.probabilities(waiting.popleft().result()[None])[0], top
                        )
                while waiting:
                    yield self._best(self.probabilities(waiting.popleft().result()[None])[0], top)
            finally:
                pool.shutdown(cancel_futures=True)

    def pixels(self, image: ImageSource) -> Pixels:
        """What the network sees of an image. uint8 (H, W, 3), RGB

        Raises:
            InputError: it is missing or not an image.
        """
        return resize_and_crop(open_image(image), self.manifest.preprocessing)

    def probabilities(self, pixels: Pixels) -> Probabilities:
        """uint8 (images, H, W, 3), RGB, as `pixels` gives them -> float32 (images, classes)"""
        return predict(self._session, pixels)

    def _numbered_pixels(self, numbered: tuple[int, ImageSource]) -> Pixels:
        number, image = numbered
        try:
            return self.pixels(image)
        except InputError as error:
            raise InputError(f"image {number}: {error.message}", error.hint) from error

    def _best(self, row: NDArray[np.float32], top: int) -> list[Prediction]:
        order = np.argsort(-row, kind="stable")[:top]
        return [Prediction(int(i), self.labels[i], float(row[i])) for i in order]


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


def _preference(opener: tuple[Runtime, ArtifactRecord]) -> tuple[bool, int, int]:
    """Smaller is better: a timed runtime, the first of those, the most precise artifact."""
    runtime, record = opener
    known = record.precision in _PRECISIONS
    rank = _PRECISIONS.index(record.precision) if known else len(_PRECISIONS)
    return not runtime.timed, list(RUNTIMES).index(runtime.name), rank


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
    return MissingDependencyError(runtime.missing_package or runtime.name, runtime.extra)
