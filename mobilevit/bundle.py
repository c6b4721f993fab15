"""The bundle: one folder that an app, a benchmark or a colleague can use as it is.

manifest.json   the only contract its readers share; the schema is `Manifest`
labels.txt      one label a line, in the order of the outputs
NAME.onnx …     the artifacts
golden/         real images with the outputs the reference gave for them
"""

from __future__ import annotations

import hashlib
from math import floor
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .errors import BundleError, first_fault
from .preprocessing import Preprocessing

MANIFEST_FILE = "manifest.json"
LABELS_FILE = "labels.txt"
GOLDEN_FOLDER = "golden"


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value:
        raise ValueError(f"`{value}` is not a path inside the bundle")
    return value


RelativePath = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """Base of everything in a manifest: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TensorRecord(Record):
    """The input or the output of an artifact."""

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "float16", "uint8"]
    layout: Literal["NCHW", "NHWC", "NC"]
    range: tuple[float, float]  # of the values, inclusive


class ToleranceRecord(Record):
    """What an artifact of a precision may differ by, and still count as the same model."""

    max_abs_difference: float
    top1_agreement: float  # share of images, 0..1, at least; one may always differ
    psnr_db: float  # at least


class ParityRecord(Record):
    """An artifact, reloaded from disk, against the checkpoint in torch and float32.

    Differences are of probabilities. PSNR is 10 log10(1 / mean squared difference), in dB, over
    all images and classes; `None` where no two outputs differ.
    """

    runtime: str
    runtime_version: str
    images: int
    image_source: str
    max_abs_difference: float
    top1_agreement: float
    psnr_db: float | None
    worst_image: str  # the one with the largest difference
    tolerance: ToleranceRecord

    @property
    def faults(self) -> list[str]:
        """What is out of tolerance, in words; empty if the artifact is good."""
        allowed = self.tolerance
        faults = []
        # written so that NaN counts as a fault
        if not self.max_abs_difference <= allowed.max_abs_difference:
            faults.append(
                f"probabilities differ by up to {self.max_abs_difference:.2g} "
                f"(allowed {allowed.max_abs_difference:g})"
            )
        disagreeing = round((1 - self.top1_agreement) * self.images)
        # a single photo may have two labels that are as good as equal
        if disagreeing > max(1, floor((1 - allowed.top1_agreement) * self.images)):
            faults.append(
                f"top-1 agrees on {self.top1_agreement:.1%} of {self.images} images "
                f"(needed {allowed.top1_agreement:.1%})"
            )
        if self.psnr_db is not None and not self.psnr_db >= allowed.psnr_db:
            faults.append(f"PSNR is {self.psnr_db:.1f} dB (needed {allowed.psnr_db:g})")
        return faults


class ArtifactRecord(Record):
    """One exported file; an `.mlpackage` is a folder and counts as one."""

    file: RelativePath
    format: str
    precision: str
    sha256: Sha256
    size: int  # bytes
    input: TensorRecord
    output: TensorRecord
    parity: ParityRecord
    tools: dict[str, str]  # converter packages and their versions


class GoldenRecord(Record):
    """An image and the probabilities the reference gave for it."""

    file: RelativePath
    sha256: Sha256
    probabilities: tuple[float, ...]


class ModelRecord(Record):
    """Where the weights came from."""

    name: str
    parameters: int
    checkpoint: str  # file name, or name of shipped weights
    checkpoint_sha256: Sha256 | None  # None if it came from memory
    recipe: dict[str, object]
    measured: dict[str, object]


class Manifest(Record):
    """`manifest.json`."""

    schema_version: Literal[1] = 1
    created: str  # ISO 8601, UTC
    model: ModelRecord
    preprocessing: Preprocessing
    labels: int  # how many, in labels.txt
    classes: tuple[str, ...] = ()  # names of the class folders of the data it was trained on
    artifacts: tuple[ArtifactRecord, ...] = Field(min_length=1)
    golden: tuple[GoldenRecord, ...] = Field(min_length=1)


def hash_artifact(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file, or of a folder: over each file's path and hash.

    A folder's hash is that of the lines `<sha256>  <path>\\n`, sorted by path, paths relative and
    with forward slashes: what `sha256sum` prints for its files, hashed.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size
    files = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()}
    hashed = {name: hash_artifact(files[name]) for name in sorted(files)}
    lines = "".join(f"{digest}  {name}\n" for name, (digest, _) in hashed.items())
    return hashlib.sha256(lines.encode()).hexdigest(), sum(size for _, size in hashed.values())


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of the bundle in folder `bundle`.

    Raises:
        BundleError: no bundle there, or one this version does not understand.
    """
    path = bundle / MANIFEST_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(
            f"`{bundle}` is not a bundle: it has no {MANIFEST_FILE}",
            "make one with `mobilevit export`",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"`{path}` cannot be read: {error}", "export the bundle again") from error
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(
            f"`{path}` is not a manifest this version understands: {first_fault(error)}",
            "export the bundle again",
        ) from error


def read_labels(bundle: Path, manifest: Manifest) -> list[str]:
    """The labels, in the order of the outputs.

    Raises:
        BundleError: missing, or not as many as the manifest says.
    """
    path = bundle / LABELS_FILE
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"`{path}` cannot be read: {error}", "export the bundle again") from error
    if len(labels) != manifest.labels:
        raise BundleError(
            f"`{path}` has {len(labels)} labels, the manifest says {manifest.labels}",
            "export the bundle again",
        )
    return labels


def write_labels(bundle: Path, labels: list[str]) -> None:
    """Write `labels.txt`; a line break within a label becomes a space."""
    text = "".join(" ".join(label.split()) + "\n" for label in labels)
    (bundle / LABELS_FILE).write_text(text, encoding="utf-8")


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write `manifest.json` into a folder that is still set aside."""
    text = manifest.model_dump_json(indent=2) + "\n"
    (bundle / MANIFEST_FILE).write_text(text, encoding="utf-8")


def find_file(bundle: Path, file: str) -> Path:
    """Path of an artifact or a golden image.

    Raises:
        BundleError: it is not there, or it or something in it is a link that leaves the bundle.
    """
    path = bundle / file
    if not path.exists():
        raise BundleError(f"`{path}` is missing", "export the bundle again")
    root = bundle.resolve()
    for part in (path, *path.rglob("*")):
        if not part.resolve().is_relative_to(root):
            raise BundleError(f"`{part}` is a link out of the bundle", "export it again")
    return path
