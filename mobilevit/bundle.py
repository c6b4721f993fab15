"""The bundle: one folder that an app, a benchmark or a colleague can use as it is.

manifest.json   the only contract its readers share; the schema is `Manifest`
labels.txt      one label a line, in the order of the outputs
NAME.onnx …     the artifacts
golden/         photos with the outputs the reference gave for them, and in `preprocessing/`
                images of every kind with the pixels that reach the network

Every byte is accounted for: the manifest has the hash of each file, and its own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from math import floor
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from .errors import BundleError, first_fault
from .files import atomic_file
from .preprocessing import Preprocessing

MANIFEST_FILE = "manifest.json"
LABELS_FILE = "labels.txt"
GOLDEN_FOLDER = "golden"
CONFORMANCE_FOLDER = "golden/preprocessing"
BROWSER_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")  # what looking at a folder leaves in it
SCHEMA_VERSION = 1  # raised by every change of a field, once there is a release

# of the tensors of every artifact
INPUT = "image"
OUTPUT = "probabilities"

_AGAIN = "export the bundle again, or copy it again"
_UNSIGNED = "0" * 64
# no part begins with a dot
_PATH = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*(/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*)*")
_MAX_PATH = 200  # characters


def _inside(value: str) -> str:
    if len(value) > _MAX_PATH or not _PATH.fullmatch(value):
        raise ValueError(f"`{value[:_MAX_PATH]}` is not a path inside the bundle")
    return value


RelativePath = Annotated[
    str,
    AfterValidator(_inside),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_PATH.pattern}$", "maxLength": _MAX_PATH}
        | {"description": "A path inside the bundle, with forward slashes"}
    ),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TensorName = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
Share = Annotated[float, Field(ge=0, le=1)]
# what every client has a type for: 32 bits, and the integers that a double holds
Side = Annotated[int, Field(ge=-1, le=2**31 - 1)]
Size = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Record(BaseModel):
    """Base of everything in a manifest: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,  # what is always written
    )


class TensorRecord(Record):
    """The input or the output of an artifact.

    `kind` is how the platform takes or gives it: a tensor; Core ML's image, which is a pixel
    buffer or a `CGImage`; or Core ML's dictionary from label to probability.
    """

    name: TensorName
    kind: Literal["tensor", "image", "dictionary"] = "tensor"
    shape: tuple[Side, ...]  # a side of -1 is dynamic
    more_shapes: tuple[tuple[Side, ...], ...] = ()  # that an input takes besides
    dtype: Literal["float32", "float16", "uint8"]
    layout: Literal["NCHW", "NHWC", "NC"]
    range: tuple[float, float]  # of the values, inclusive


class ToleranceRecord(Record):
    """What an artifact of a precision may differ by, and still count as the same model."""

    max_abs_difference: float
    top1_agreement: Share  # of images, at least; one may always differ
    psnr_db: float  # at least


class ParityRecord(Record):
    """An artifact, reloaded from disk, against the checkpoint in torch and float32.

    Differences are of probabilities. PSNR is 10 log10(1 / mean squared difference), in dB, over
    all images and classes; `None` where no two outputs differ.
    """

    model_config = ConfigDict(allow_inf_nan=True)  # what a broken artifact measures

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


class DataSummary(Record):
    """A folder of photos that was trained or evaluated on."""

    name: str  # of the folder
    images: NonNegativeInt
    sha256: Sha256  # of the lines `<sha256>  <path>\n` of its images, sorted by path


class ClassSummary(DataSummary):
    """The same, with how many photos each class has."""

    classes: dict[str, int]  # name of the class folder -> images in it


class AccuracyRecord(Record):
    """What share of photos an artifact labels rightly, 0..1."""

    runtime: str
    runtime_version: str
    data: DataSummary
    top1: Share
    top5: Share
    measured: str  # ISO 8601, UTC


class CalibrationRecord(Record):
    """The photos that a quantized artifact was judged on; part of them gave int8 its ranges."""

    source: str  # `packaged photos`, or the name of a folder
    images: PositiveInt
    sha256: Sha256 | None  # of the folder, as in `DataSummary`; None for packaged photos


class QuantizationRecord(Record):
    """How an artifact of small integers, or of a palette, was made and what it lost by it.

    Agreement and accuracy are of the calibration photos; `None` where they were not measured.
    """

    calibration: CalibrationRecord | None  # None where no photos took part
    repairs: tuple[str, ...] = ()  # what was done to keep it accurate, in words
    kept_float: tuple[str, ...] = ()  # groups of layers that are not quantized
    agreement: Share | None = None  # with the first label of the fp32 model
    top1_drop: float | None = None  # a share, as accuracy is; negative where it gained
    max_drop: Share  # what it was allowed to lose

    @property
    def faults(self) -> list[str]:
        """What it lost beyond that, in words; empty if it did not, or nobody looked."""
        if self.top1_drop is not None:
            if self.top1_drop > self.max_drop:
                return [
                    f"loses {100 * self.top1_drop:.2g} points of accuracy, "
                    f"more than the {100 * self.max_drop:.2g} allowed"
                ]
        elif self.agreement is not None and self.agreement < 1 - self.max_drop:
            return [
                f"gives the label of fp32 on {self.agreement:.1%} of the calibration photos, "
                f"fewer than the {1 - self.max_drop:.1%} needed"
            ]
        return []


class SiblingRecord(Record):
    """An artifact timed against the fp32 one of its format, in turns, where it was exported."""

    file: RelativePath  # the fp32 artifact
    runtime: str
    runtime_version: str
    machine: str
    speedup: float  # the time of fp32 over that of this one
    low: float  # the 95 % interval
    high: float
    faults: tuple[str, ...] = ()  # in words: it is slower, or less accurate than allowed


class ArtifactRecord(Record):
    """One exported file; an `.mlpackage` is a folder and counts as one.

    Of two layouts of the graph, `neural-engine` follows Apple's principles for its Neural Engine.
    """

    file: RelativePath
    format: str
    precision: str
    layout: Literal["plain", "neural-engine"] = "plain"
    sha256: Sha256
    size: Size  # bytes
    input: TensorRecord
    output: TensorRecord
    parity: ParityRecord
    accuracy: tuple[AccuracyRecord, ...] = ()  # one for each runtime and set of photos
    quantization: QuantizationRecord | None = None  # of a quantized one
    sibling: SiblingRecord | None = None  # where it was timed
    needs: dict[str, str] = {}  # the least version of what opens it, such as `iOS`: `16`
    tools: dict[str, str]  # converter packages and their versions

    @property
    def variant(self) -> str:
        """What tells it from others of its format, such as `fp16` or `fp16, neural-engine`."""
        return self.precision if self.layout == "plain" else f"{self.precision}, {self.layout}"

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with it beside its fp32 sibling, in words: it is slower, or lost more
        accuracy than it may. Empty where nothing is, or nobody looked."""
        if self.sibling is not None:
            return self.sibling.faults
        return tuple(self.quantization.faults) if self.quantization else ()


class LabelsRecord(Record):
    """`labels.txt`."""

    file: RelativePath = LABELS_FILE
    sha256: Sha256
    count: Annotated[PositiveInt, Field(le=2**31 - 1)]


class GoldenRecord(Record):
    """An image and the probabilities the reference gave for it."""

    file: RelativePath
    sha256: Sha256
    probabilities: tuple[Share, ...]


class PixelTolerance(Record):
    """How far pixels may be from the expected ones, in levels of 0..255, over all channels."""

    max_difference: NonNegativeFloat
    mean_difference: NonNegativeFloat


class ConformanceRecord(Record):
    """An image file of some kind, and what steps 1 to 3 of preprocessing make of it."""

    file: RelativePath
    sha256: Sha256
    pixels: RelativePath  # a PNG of the crop, RGB, 8 bits: the exact tensor
    pixels_sha256: Sha256
    tests: str  # what of the steps it tests, in words
    same_kernel: PixelTolerance  # for clients that resize as Pillow does
    other_kernel: PixelTolerance  # for clients with the resize of their platform


class ModelRecord(Record):
    """Where the weights came from."""

    name: str
    parameters: int
    checkpoint: str  # file name, or name of shipped weights
    checkpoint_sha256: Sha256 | None  # None if it came from memory
    data: dict[str, ClassSummary] = {}  # what it was trained and validated on, where known
    recipe: dict[str, object]
    measured: dict[str, object]


class Manifest(Record):
    """`manifest.json`.

    `digest` is the SHA-256 of the file's own bytes with these 64 digits as zeros.
    """

    schema_version: Literal[1] = 1
    created: str  # ISO 8601, UTC
    sdk_version: str  # of the mobilevit-sdk that exported it
    model: ModelRecord
    preprocessing: Preprocessing
    labels: LabelsRecord
    classes: tuple[str, ...] = ()  # names of the class folders of the data it was trained on
    artifacts: tuple[ArtifactRecord, ...] = Field(min_length=1)
    golden: tuple[GoldenRecord, ...] = Field(min_length=1)
    conformance: tuple[ConformanceRecord, ...] = Field(min_length=1)
    digest: Sha256 = _UNSIGNED

    @model_validator(mode="after")
    def _fits_together(self) -> Manifest:
        count = self.labels.count
        H, W = self.preprocessing.image_size
        for artifact in self.artifacts:
            if artifact.output.shape[-1:] != (count,):
                raise ValueError(
                    f"`{artifact.file}` gives {artifact.output.shape}, there are {count} labels"
                )
            image = {"NHWC": (H, W, 3), "NCHW": (3, H, W)}.get(artifact.input.layout)
            if artifact.input.shape[1:] != image:
                raise ValueError(
                    f"`{artifact.file}` takes {artifact.input.shape}, {artifact.input.layout}, "
                    f"images are {H}x{W}"
                )
        files = [artifact.file for artifact in self.artifacts]
        if len(set(files)) != len(files):
            raise ValueError("two artifacts are the same file")
        for golden in self.golden:
            if len(golden.probabilities) != count:
                raise ValueError(
                    f"`{golden.file}` has {len(golden.probabilities)} probabilities, "
                    f"there are {count} labels"
                )
        if self.classes and len(self.classes) != count:
            raise ValueError(f"{len(self.classes)} classes, and {count} labels")
        return self

    def files(self) -> dict[str, str]:
        """Every file or `.mlpackage` of the bundle but the manifest, with its SHA-256."""
        files = {self.labels.file: self.labels.sha256}
        files |= {artifact.file: artifact.sha256 for artifact in self.artifacts}
        files |= {golden.file: golden.sha256 for golden in self.golden}
        for case in self.conformance:
            files |= {case.file: case.sha256, case.pixels: case.pixels_sha256}
        return files


def hash_artifact(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file, or of a folder: over each file's path and hash.

    A folder's hash is that of the lines `<sha256>  <path>\\n`, sorted by path, paths relative and
    with forward slashes: what `sha256sum` prints for its files, hashed.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size
    return hash_files({p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()})


def hash_files(files: Mapping[str, Path]) -> tuple[str, int]:
    """The same of chosen files, by the path that each goes under."""
    hashed = {name: hash_artifact(files[name]) for name in sorted(files)}
    lines = "".join(f"{digest}  {name}\n" for name, (digest, _) in hashed.items())
    # as the names are on disk, UTF-8 or not
    return hashlib.sha256(os.fsencode(lines)).hexdigest(), sum(size for _, size in hashed.values())


class _Version(BaseModel):
    schema_version: PositiveInt


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of the bundle in folder `bundle`, as it was written.

    Types are strict: `"1"`, `1.0` and `true` are no integers, so that readers in other languages
    need none of pydantic's conversions.

    Raises:
        BundleError: no bundle there, one of a newer schema, or one that was changed since.
    """
    path = bundle / MANIFEST_FILE
    try:
        if not path.is_file():
            raise BundleError(
                f"`{bundle}` is not a bundle: it has no {MANIFEST_FILE}",
                "make one with `mobilevit export`",
            )
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"`{path}` cannot be read: {error.strerror}", _AGAIN) from error
    try:
        version = _Version.model_validate_json(content, strict=True).schema_version
        if version > SCHEMA_VERSION:
            raise BundleError(
                f"`{path}` has schema version {version}, and this release reads {SCHEMA_VERSION}",
                "upgrade mobilevit-sdk",
            )
        manifest = Manifest.model_validate_json(content, strict=True)
    except ValidationError as error:
        raise BundleError(
            f"`{path}` is not a manifest this version understands: {first_fault(error)}", _AGAIN
        ) from error
    if _digest(content, manifest.digest) != manifest.digest:
        if _digest(content.replace(b"\r\n", b"\n"), manifest.digest) == manifest.digest:
            raise BundleError(
                f"the line ends of `{path}` were changed, as Git does on Windows",
                "mark the bundle's folder `-text` in .gitattributes, and copy it again",
            )
        raise BundleError(f"`{path}` was changed after it was written", _AGAIN)
    return manifest


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write `manifest.json` with its digest; one that is there is replaced whole.

    Raises:
        InputError: the file cannot be written.
    """
    unsigned = manifest.model_copy(update={"digest": _UNSIGNED})
    content = unsigned.model_dump_json(indent=2).encode() + b"\n"
    digest = hashlib.sha256(content).hexdigest()
    with atomic_file(bundle / MANIFEST_FILE) as aside:
        # the digest is the last field: what looks like it in a recipe comes before
        aside.write_bytes(digest.encode().join(content.rsplit(_UNSIGNED.encode(), 1)))


def _digest(content: bytes, written: str) -> str:
    return hashlib.sha256(_UNSIGNED.encode().join(content.rsplit(written.encode(), 1))).hexdigest()


def read_labels(bundle: Path, manifest: Manifest) -> list[str]:
    """The labels, in the order of the outputs.

    Raises:
        BundleError: missing, changed, or not as many as the manifest says.
    """
    path = find_file(bundle, manifest.labels.file)
    check_hash(path, manifest.labels.sha256)
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"`{path}` cannot be read: {error}", _AGAIN) from error
    if len(labels) != manifest.labels.count:
        raise BundleError(
            f"`{path}` has {len(labels)} labels, the manifest says {manifest.labels.count}", _AGAIN
        )
    return labels


def write_labels(bundle: Path, labels: Sequence[str]) -> LabelsRecord:
    """Write `labels.txt`, one a line. The labels have no line breaks."""
    path = bundle / LABELS_FILE
    path.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8", newline="\n")
    return LabelsRecord(sha256=hash_artifact(path)[0], count=len(labels))


def check_hash(path: Path, sha256: str) -> None:
    """Raises BundleError unless the file or folder `path` has this hash."""
    try:
        found = hash_artifact(path)[0]
    except OSError as error:
        raise BundleError(f"`{path}` cannot be read: {error.strerror}", _AGAIN) from error
    if found != sha256:
        raise BundleError(f"`{path}` is not the file that was exported", _AGAIN)


def unlisted(bundle: Path, manifest: Manifest) -> Iterator[Path]:
    """What is in the bundle and not in its manifest, but for folders and what file browsers leave.
    A link to a folder counts as a file."""
    listed = [bundle / MANIFEST_FILE, *(bundle / file for file in manifest.files())]
    for path in bundle.rglob("*"):
        if path.name in BROWSER_FILES or (path.is_dir() and not path.is_symlink()):
            continue
        if not any(path.is_relative_to(own) for own in listed):
            yield path


def find_file(bundle: Path, file: str) -> Path:
    """Path of an artifact or a golden image.

    Raises:
        BundleError: it is not there, or it or something in it is a link that leads nowhere or out
            of the bundle, or is neither a file nor a folder.
    """
    path = bundle / file
    if not os.path.lexists(path):
        raise BundleError(f"`{path}` is missing", _AGAIN)
    root = bundle.resolve()
    for part in (path, *path.rglob("*")):
        try:
            real = part.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, until 3.13
            raise BundleError(f"`{part}` is a link to nothing", _AGAIN) from error
        if not real.is_relative_to(root):
            raise BundleError(f"`{part}` is a link out of the bundle", _AGAIN)
        if not (real.is_file() or real.is_dir()):
            raise BundleError(f"`{part}` is neither a file nor a folder", _AGAIN)
    return path
