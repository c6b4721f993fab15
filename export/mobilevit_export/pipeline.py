"""`mobilevit export`: a checkpoint in, a verified bundle out."""

from __future__ import annotations

import copy
import gc
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mobilevit import __version__
from mobilevit.bundle import (
    GOLDEN_FOLDER,
    MANIFEST_FILE,
    ArtifactRecord,
    GoldenRecord,
    Manifest,
    ModelRecord,
    ParityRecord,
    QuantizationRecord,
    hash_artifact,
    write_labels,
    write_manifest,
)
from mobilevit.checkpoint import Checkpoint, load_checkpoint
from mobilevit.errors import InputError, unknown_name
from mobilevit.files import atomic_folder, scratch_folder
from mobilevit.graph import ClassifierGraph
from mobilevit.prediction import predict
from mobilevit.preprocessing import MAX_SIDE, MIN_SIDE, Preprocessing
from mobilevit.runtimes import RUNTIMES, Runtime, Session
from mobilevit.runtimes.torch import TorchSession

from .calibration import Calibration, folder_calibration, packaged_calibration
from .conformance import write_conformance
from .formats import (
    FORMATS,
    INPUTS,
    QUANTIZED,
    USUAL_PRECISIONS,
    Conversion,
    ExportSpec,
    Format,
    Layout,
    choose,
    choose_layouts,
)
from .photos import Photo, folder_photos, packaged_photos
from .quiet import quiet
from .rewrite import size_step
from .sensitivity import find_mix
from .verify import Comparison, compare, photo_pixels, prepare, worst

MAX_DROP = 0.01
GOLDEN_IMAGES = 4
GOLDEN_SIDE = 320  # longer side of a golden image, pixels


# photos that loss is measured on, where a runtime takes long for each
_JUDGED = {"coreml_reference": 64}


@dataclass(frozen=True)
class Attempt:
    """One artifact, good or not."""

    record: ArtifactRecord
    parities: dict[tuple[int, int], ParityRecord]  # at each (H, W); the record has the worst
    convert_seconds: float  # what artifacts of a format share counts to the first of them
    verify_seconds: float


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
    orders = [(order, layout) for order in chosen for layout in arranged[order[0].name]]
    checkers = {row.name: _checker(row) for row, _ in chosen}
    rejected = out.with_name(f"{out.name}.rejected")
    _check_out(out, rejected, overwrite)
    if images < 1:
        raise InputError(f"cannot compare on {images} photos", "ask for one or more")
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
    # converters may leave marks on what they are given
    graph = ClassifierGraph(copy.deepcopy(checkpoint.model), preprocessing)
    graph.eval().requires_grad_(False)

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
        attempts = []
        conversions: dict[tuple[str, Layout], Conversion] = {}
        for (row, precision), layout in orders:
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
            report(f"{path.name}: converting")
            checker = checkers[row.name]
            started = time.monotonic()
            with quiet(f"converting to {row.name} {precision}"), _uncollected():
                if (row.name, layout) not in conversions:
                    conversions[row.name, layout] = row.convert(graph, spec)
                conversions[row.name, layout].save(spec, path)
            seconds = time.monotonic() - started
            attempt = _attempt(row, spec, path, seconds, checker, comparisons)
            if precision in QUANTIZED:
                told = _quantization(path, checker, spec, calibrated, max_drop)
                conversion = conversions[row.name, layout]
                if told.faults and calibrated and checker.timed and conversion.layer_groups:
                    report(f"{path.name}: {told.faults[0]}; looking for layers to keep in float")
                    spec = _mixed(conversion, spec, path, checker, calibrated, max_drop, report)
                    attempt = _attempt(row, spec, path, seconds, checker, comparisons)
                    told = _quantization(path, checker, spec, calibrated, max_drop)
                record = attempt.record.model_copy(update={"quantization": told})
                attempt = replace(attempt, record=record)
            attempts.append(attempt)
            for line in _lines(attempts[-1]):
                report(line)
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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which goes through all that a converter holds, over and over: a
    tenth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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


def _attempt(
    row: Format,
    spec: ExportSpec,
    path: Path,
    convert_seconds: float,
    checker: Runtime,
    comparisons: Sequence[Comparison],
) -> Attempt:
    """Read back from disk, run on every photo at every size it takes, compare."""
    converted = time.monotonic()
    parities = {
        comparison.image_size: compare(comparison, path, checker, spec.precision)
        for comparison in comparisons
        if comparison.image_size in spec.image_sizes
    }
    digest, size = hash_artifact(path)
    record = ArtifactRecord(
        file=path.name,
        format=row.name,
        precision=spec.precision,
        sha256=digest,
        size=size,
        input=row.input_record(spec),
        output=row.output_record(spec),
        parity=worst(list(parities.values())),
        layout=spec.layout,
        needs=row.needs(spec),
        tools=row.tool_versions(),
    )
    return Attempt(
        record=record,
        parities=parities,
        convert_seconds=convert_seconds,
        verify_seconds=time.monotonic() - converted,
    )


def _mixed(
    conversion: Conversion,
    spec: ExportSpec,
    path: Path,
    checker: Runtime,
    calibration: Calibration,
    max_drop: float,
    report: Callable[[str], None],
) -> ExportSpec:
    """Replace an artifact that loses too much by one that leaves some layers in float."""
    numbers = itertools.count()
    with tempfile.TemporaryDirectory(prefix="mobilevit-mix-") as folder:

        def save(kept_float: frozenset[str]) -> Path:
            trial = Path(folder, f"{next(numbers)}{path.suffix}")
            with quiet(f"quantizing for {checker.name}"):
                conversion.save(replace(spec, kept_float=tuple(kept_float)), trial)
            return trial

        mix = find_mix(save, conversion.layer_groups, calibration, checker, max_drop, report=report)
    spec = replace(spec, kept_float=mix.kept_float)
    with quiet(f"quantizing for {checker.name}"):
        conversion.save(spec, path)
    return spec


def _quantization(
    path: Path,
    checker: Runtime,
    spec: ExportSpec,
    calibration: Calibration | None,
    max_drop: float,
) -> QuantizationRecord:
    """What a quantized artifact was made with, and what it loses where that can be told."""
    agreement = drop = None
    if calibration is not None and calibration.labels is not None:
        count = _JUDGED.get(checker.name, len(calibration.pixels))
        agreement, drop = calibration.loss(checker.load(path, threads=1), count)
    return QuantizationRecord(
        calibration=calibration.record if calibration else None,
        kept_float=spec.kept_float,
        agreement=agreement,
        top1_drop=drop,
        max_drop=max_drop,
    )


def _lines(attempt: Attempt) -> Iterator[str]:
    record = attempt.record
    yield (
        f"{record.format} {record.precision}: converted in {attempt.convert_seconds:.0f} s, "
        f"compared in {attempt.verify_seconds:.0f} s by {record.parity.runtime}, "
        + ("DISAGREES" if record.parity.faults else "agrees")
    )
    for size, parity in attempt.parities.items() if len(attempt.parities) > 1 else ():
        yield (
            f"  at {_size(size)} "
            + ("; ".join(parity.faults) or f"by up to {parity.max_abs_difference:.1e}")
        )


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
