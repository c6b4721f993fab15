"""`mobilevit export`: a checkpoint in, a verified bundle out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mobilevit import __version__
from mobilevit.bundle import (
    GOLDEN_FOLDER,
    MANIFEST_FILE,
    GoldenRecord,
    Manifest,
    ModelRecord,
    hash_artifact,
    write_labels,
    write_manifest,
)
from mobilevit.checkpoint import Checkpoint, load_checkpoint
from mobilevit.errors import InputError, unknown_name
from mobilevit.files import atomic_folder, scratch_folder
from mobilevit.prediction import predict
from mobilevit.preprocessing import MAX_SIDE, MIN_SIDE, Preprocessing
from mobilevit.runtimes import RUNTIMES, Runtime, Session
from mobilevit.runtimes.torch import TorchSession

from .artifacts import Attempt, Order, Subject, make
from .calibration import folder_calibration, packaged_calibration
from .conformance import write_conformance
from .formats import (
    FORMATS,
    INPUTS,
    QUANTIZED,
    USUAL_PRECISIONS,
    ExportSpec,
    Format,
    choose,
    choose_layouts,
)
from .photos import Photo, folder_photos, packaged_photos
from .rewrite import size_step
from .verify import photo_pixels, prepare

MAX_DROP = 0.01
GOLDEN_IMAGES = 4
GOLDEN_SIDE = 320  # longer side of a golden image, pixels


@dataclass(frozen=True)
class ExportResult:
    """What an export wrote: `bundle` has the good artifacts, `rejected` the others."""

    bundle: Path | None
    attempts: tuple[Attempt, ...]
    rejected: Path | None

    @property
    def failures(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.record.parity.faults]


def export(
    checkpoint: str | Path | Checkpoint,
    out: Path,
    *,
    formats: Sequence[str] = tuple(FORMATS),
    precisions: Sequence[str] = USUAL_PRECISIONS,
    layouts: Sequence[str] = ("plain",),
    model: str | None = None,
    image_size: tuple[int, int] | None = None,
    input: str = "image",
    more_sizes: Sequence[tuple[int, int]] = (),
    dynamic_batch: bool = False,
    photos: Path | None = None,
    images: int = 32,
    calibration: Path | None = None,
    max_drop: float = MAX_DROP,
    overwrite: bool = False,
    jobs: int = 1,
    report: Callable[[str], None] = print,
) -> ExportResult:
    """Convert, read back, compare, and write a bundle of what agrees.

    Args:
        checkpoint: a path, the name of shipped weights, or one already loaded.
        out: the bundle's folder; it appears complete or not at all.
        formats, precisions: see `formats.FORMATS`; each format is made in those it has.
        layouts: of `formats.LAYOUTS`; each format is made in those it has.
        model: architecture of weights that do not say.
        image_size: (H, W); by default the checkpoint's.
        input: "image": artifacts take what their platform hands out, Core ML an RGB image, TFLite
            float32 (1, H, W, 3), ONNX uint8 (1, H, W, 3), all RGB, 0..255. "tensor": float32
            (1, 3, H, W), RGB, 0..255, in every format.
        more_sizes: (H, W) that an artifact takes besides, in formats that can; each is compared.
        dynamic_batch: artifacts take any number of images at once, in formats that can.
        photos: a folder of photos to compare on; by default crops of packaged photos.
        images: how many to compare on.
        calibration: a folder of class folders, or its parent with `train/` in it, whose photos
            give int8 its ranges, and tell what quantized artifacts lose; by default crops of
            packaged photos, which do not.
        max_drop: the share of labels that a quantized artifact may lose, 0..1. One that loses more
            is in the bundle, and its record says so.
        overwrite: replace a bundle that is there.
        jobs: how many formats are made side by side, each in a process of its own with a gigabyte
            or more of memory. These import the script that is running, so that more than one has
            to be asked for under `if __name__ == "__main__":`.
        report: is given lines for a person to read.

    Returns:
        The result. If an artifact disagreed, `failures` names it; it is not in the bundle but in
        a folder beside it, and if none agreed there is no bundle.

    Raises:
        InputError: wrong names or sizes, labels that a format cannot hold, no format that can have
            what is asked, or `out` exists.
        CheckpointError: the checkpoint cannot be read.
        ConversionError: a converter failed, or a runtime does not open what it wrote.
        MissingDependencyError: a converter or a runtime to check with is not installed.
    """
    flexible = [name for name, asked in (("sizes", more_sizes), ("batch", dynamic_batch)) if asked]
    chosen = choose(list(formats), list(precisions), flexible)
    arranged = choose_layouts([row for row, _ in chosen], layouts, bool(more_sizes))
    asked = [(order, layout) for order in chosen for layout in arranged[order[0].name]]
    checkers = {row.name: _checker(row) for row, _ in chosen}
    rejected = out.with_name(f"{out.name}.rejected")
    _check_out(out, rejected, overwrite)
    if images < 1:
        raise InputError(f"cannot compare on {images} photos", "ask for one or more")
    if jobs < 1:
        raise InputError(f"cannot export in {jobs} processes", "ask for one or more")
    if not 0 <= max_drop <= 1:
        raise InputError(f"an artifact cannot lose {max_drop:g} of all labels", "give 0 to 1")
    name = checkpoint.name if isinstance(checkpoint, Checkpoint) else Path(checkpoint).name
    if not isinstance(checkpoint, Checkpoint):
        checkpoint = load_checkpoint(checkpoint, model)
    preprocessing = _at_size(checkpoint.preprocessing, image_size)
    labels = _labels(checkpoint.labels, input, [row for row, _ in chosen])
    sizes = _image_sizes(checkpoint, preprocessing.image_size, more_sizes)
    if len(sizes) > 1 and input != "image":
        raise InputError(
            "several image sizes need `--input image`",
            "leave it out, or export each size by itself",
        )
    reference = TorchSession(replace(checkpoint, preprocessing=preprocessing))

    sample = folder_photos(photos, images) if photos else packaged_photos(images)
    source = "folder" if photos else "packaged photos"
    comparisons = [
        prepare(reference, sample, preprocessing.at_size(size), source) for size in sizes
    ]
    quantized = [precision for _, precision in chosen if precision in QUANTIZED]
    calibrated = None
    if calibration is not None and quantized:
        calibrated = folder_calibration(calibration, checkpoint.classes, reference, preprocessing)
    elif "int8" in quantized:
        calibrated = packaged_calibration(reference, preprocessing)
    range_pixels = calibrated.range_pixels if calibrated and "int8" in quantized else None
    report(
        f"{checkpoint.name}, {len(checkpoint.labels)} classes, "
        f"{' and '.join(map(_size, sizes))} pixels; comparing on {len(sample)} photos"
    )
    shutil.rmtree(rejected, ignore_errors=True)  # of an earlier export
    with scratch_folder(out) as scratch:
        orders = []
        for (row, precision), layout in asked:
            spec = ExportSpec(
                precision,
                input,
                preprocessing,
                labels,
                checkpoint.name,
                sizes[1:] if "sizes" in row.flexible else (),
                dynamic_batch and "batch" in row.flexible,
                checkpoint.sha256 or None,
                range_pixels,
                layout,
            )
            path = scratch / f"{_stem(checkpoint.name, spec)}{row.suffix}"
            orders.append(Order(row.name, spec, path, checkers[row.name].name))
        subject = Subject(checkpoint, tuple(comparisons), calibrated, max_drop)
        attempts = make(subject, orders, jobs, report)
        good = [a.record for a in attempts if not a.record.parity.faults]
        bad = [a.record for a in attempts if a.record.parity.faults]
        if bad:
            with atomic_folder(rejected) as folder:
                for record in bad:
                    os.replace(scratch / record.file, folder / record.file)
        if good:
            with atomic_folder(out) as folder:
                for record in good:
                    _share(scratch / record.file)
                    os.replace(scratch / record.file, folder / record.file)
                manifest = Manifest(
                    created=datetime.now(UTC).isoformat(timespec="seconds"),
                    sdk_version=__version__,
                    model=_model_record(checkpoint, name),
                    preprocessing=preprocessing,
                    labels=write_labels(folder, labels),
                    classes=tuple(checkpoint.classes),
                    artifacts=tuple(good),
                    golden=_write_golden(folder, sample, preprocessing, reference),
                    conformance=write_conformance(folder, preprocessing),
                )
                write_manifest(folder, manifest)
    return ExportResult(out if good else None, tuple(attempts), rejected if bad else None)


def _stem(name: str, spec: ExportSpec) -> str:
    """Of a file name. The plain layout is not named: there was no other once."""
    layout = () if spec.layout == "plain" else (spec.layout,)
    return "_".join((name.replace(":", "_"), spec.precision, *layout))


def _share(artifact: Path) -> None:
    """Let others read it: coremltools writes packages for its own user alone."""
    for part in (artifact, *artifact.rglob("*")):
        part.chmod(0o755 if part.is_dir() else 0o644)


def _checker(row: Format) -> Runtime:
    """The runtime that will compare artifacts of this format."""
    runtimes = [RUNTIMES[name] for name in row.runtimes]
    for runtime in runtimes:
        if runtime.available:
            return runtime
    runtimes[-1].require()
    raise AssertionError(f"`{runtimes[-1].name}` is and is not available")


def _check_out(out: Path, rejected: Path, overwrite: bool) -> None:
    """Nothing is replaced or removed but bundles and rejected artifacts."""
    suffixes = {row.suffix for row in FORMATS.values()}
    if rejected.exists() and not all(path.suffix in suffixes for path in rejected.iterdir()):
        raise InputError(f"`{rejected}` has more than rejected artifacts in it", "move it away")
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST_FILE).is_file()):
        raise InputError(f"`{out}` exists and is not a bundle", "choose another folder")
    if (out / MANIFEST_FILE).exists() and not overwrite:
        raise InputError(f"there is a bundle in `{out}`", "add `--overwrite` to replace it")


def _at_size(preprocessing: Preprocessing, image_size: tuple[int, int] | None) -> Preprocessing:
    if image_size is None:
        return preprocessing
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in image_size):
        raise InputError(
            f"image size {image_size[0]}x{image_size[1]} is out of range",
            f"each side must be {MIN_SIDE} to {MAX_SIDE} pixels",
        )
    return preprocessing.at_size(image_size)


def _labels(labels: Sequence[str], input: str, rows: Sequence[Format]) -> tuple[str, ...]:
    """The labels, each on one line, as every format and `labels.txt` will have them."""
    lines = tuple(" ".join(label.split()) for label in labels)
    if input not in INPUTS:
        raise unknown_name("input", input, INPUTS)
    classifier = next((row for row in rows if row.image.kind == "image"), None)
    twice = next((label for label in lines if lines.count(label) > 1), None)
    if input == "image" and classifier and twice is not None:
        raise InputError(
            f"{lines.count(twice)} labels are `{twice}`, and format `{classifier.name}` gives one "
            "probability a label",
            "rename them in the checkpoint, or export with `--input tensor`",
        )
    return lines


def _image_sizes(
    checkpoint: Checkpoint, image_size: tuple[int, int], more_sizes: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Every size of an artifact that takes several, the default first."""
    sizes = tuple(dict.fromkeys([image_size, *more_sizes]))
    step = size_step(checkpoint.model)
    for size in sizes if len(sizes) > 1 else ():
        _at_size(checkpoint.preprocessing, size)
        if any(side % step for side in size):
            raise InputError(
                f"an artifact of `{checkpoint.name}` that takes several image sizes cannot take "
                f"{_size(size)}",
                f"give multiples of {step}, or export each size by itself",
            )
    return sizes


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _model_record(checkpoint: Checkpoint, name: str) -> ModelRecord:
    return ModelRecord(
        name=checkpoint.name,
        parameters=sum(p.numel() for p in checkpoint.model.parameters()),
        checkpoint=name,
        checkpoint_sha256=checkpoint.sha256 or None,
        data=checkpoint.data,
        recipe=checkpoint.recipe,
        measured=checkpoint.measured,
    )


def _write_golden(
    bundle: Path, sample: Sequence[Photo], preprocessing: Preprocessing, reference: Session
) -> tuple[GoldenRecord, ...]:
    """Save a few photos, small and lossless, with what the reference makes of the saved files."""
    (bundle / GOLDEN_FOLDER).mkdir()
    records = []
    for number, photo in enumerate(sample[:GOLDEN_IMAGES]):
        image = photo.image.copy()
        image.thumbnail((GOLDEN_SIDE, GOLDEN_SIDE))
        path = bundle / GOLDEN_FOLDER / f"{number}.png"
        image.save(path)
        pixels = photo_pixels([Photo(path.name, image)], preprocessing)
        records.append(
            GoldenRecord(
                file=path.relative_to(bundle).as_posix(),
                sha256=hash_artifact(path)[0],
                probabilities=tuple(predict(reference, pixels)[0].tolist()),
            )
        )
    return tuple(records)
