"""Labels for an image, from a bundle: NumPy and one runtime, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .bundle import ArtifactRecord, Manifest, find_file, read_labels, read_manifest
from .errors import BundleError, InputError, MissingDependencyError
from .prediction import predict
from .preprocessing import to_pixels
from .runtimes import RUNTIMES, Runtime, runtimes_for


@dataclass(frozen=True)
class Prediction:
    """One label with its probability, 0..1."""

    index: int
    label: str
    probability: float


class Client:
    """One artifact of a bundle, loaded. Not safe to share between threads."""

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
        self._session = runtime.load(find_file(bundle, artifact.file), threads)

    def probabilities(self, image: Image.Image) -> NDArray[np.float32]:
        """Any image -> float32 (classes,), 0..1"""
        pixels = to_pixels(image, self.manifest.preprocessing)  # [3, H, W]
        row: NDArray[np.float32] = predict(self._session, pixels[None])[0]
        return row

    def classify(self, image: Image.Image | str | Path, top: int = 5) -> list[Prediction]:
        """The `top` most probable labels, most probable first.

        Raises:
            InputError: the file is missing or not an image.
        """
        if not isinstance(image, Image.Image):
            image = open_image(Path(image))
        values = self.probabilities(image)
        order = np.argsort(-values, kind="stable")[:top]
        return [Prediction(int(i), self.labels[i], float(values[i])) for i in order]


def open_image(path: Path) -> Image.Image:
    """Decode an image file.

    Raises:
        InputError: it is missing, cut off, or not an image.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError:
        raise InputError(f"there is no image `{path}`", "check the path") from None
    except UnidentifiedImageError:
        raise InputError(f"`{path}` is not an image", "give a JPEG, PNG or WebP file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"`{path}` cannot be decoded: {error}", "give an intact image") from error


def load(bundle: str | Path, artifact: str | None = None, threads: int = 1) -> Client:
    """Open a bundle for classification.

    Args:
        bundle: its folder.
        artifact: file name of one of its artifacts; by default the first that a runtime here
            opens, timed runtimes before the reference evaluator.
        threads: of the runtime.

    Raises:
        BundleError: not a bundle, or it has no such artifact.
        MissingDependencyError: no runtime here opens any of its artifacts.
    """
    folder = Path(bundle)
    manifest = read_manifest(folder)
    if artifact is not None:
        record = find_record(folder, manifest, artifact)
        present = runtimes_for(Path(record.file))
        if not present:
            raise _no_runtime(record)
        return Client(folder, manifest, record, present[0], threads)
    openers = [
        (runtime, record)
        for runtime in RUNTIMES.values()
        for record in manifest.artifacts
        if runtime in runtimes_for(Path(record.file))
    ]
    if not openers:
        raise _no_runtime(manifest.artifacts[0])
    runtime, record = min(openers, key=lambda pair: not pair[0].timed)
    return Client(folder, manifest, record, runtime, threads)


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


def _no_runtime(record: ArtifactRecord) -> MissingDependencyError:
    runtime = runtimes_for(Path(record.file), available=False)[-1]  # that runs anywhere
    return MissingDependencyError(runtime.missing_package or runtime.name, runtime.extra)
