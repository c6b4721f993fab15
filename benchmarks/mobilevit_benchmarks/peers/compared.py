"""The comparison from end to end: weights -> artifacts -> checked -> timed -> record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import mobilevit
from mobilevit.bundle import DataSummary, hash_artifact
from mobilevit.errors import ConversionError, InputError, MissingDependencyError, unknown_name
from mobilevit.files import atomic_file

from ..cases import Subject
from ..comparison import RESOLUTION, compare_measurements
from ..counting import count
from ..devices.arm64_root import DEFAULT_CPU, arm64_root
from ..measurement import BenchmarkResult, Measurement, ModelFacts
from ..plan import ProtocolSettings
from ..protocol import benchmark
from ..statistics import middle, summarize
from .artifacts import Contender, Sources, make_contenders
from .checking import Check, check, open_contender, timed_feeds
from .exporters import EXPORTERS
from .record import GraphRow, LeftOut, PeersRecord, Row, Speed
from .table import markdown

if TYPE_CHECKING:
    from mobilevit.checkpoint import Checkpoint
    from mobilevit.data.image_folder import ImageFolder
    from mobilevit.prediction import Pixels, Probabilities

MODELS = ("xxs", "xs", "s")
RECORD_FILE = "peers.json"
TABLE_FILE = "peers.md"

_CHECK_IMAGES = 32
_COUNTED = ("onnxruntime", "litert")  # the runtimes of the emulated processor

Report = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What is compared, and how often it is timed.

    Args:
        models: of MODELS; their weights are those that ship with the package.
        runtimes: of EXPORTERS; what is not installed is left out, and listed.
        data: folder to measure top-1 on, and `images` of it; None: it is not measured.
        photos: folder to calibrate on; None for photos that come with packages.
        count: whether to count arm64 instructions as well, under QEMU.
    """

    models: tuple[str, ...] = MODELS
    runtimes: tuple[str, ...] = tuple(EXPORTERS)
    image_size: int = 256
    data: Path | None = None
    images: int | None = None
    photos: Path | None = None
    calibration_images: int = 32
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    count: bool = False


@dataclass(frozen=True)
class _Checked:
    contender: Contender
    check: Check


def compare_with_peers(
    settings: Settings, out: Path, *, command: str = "", report: Report = print
) -> PeersRecord:
    """Make what is not in `out` yet, check it, time it, and write `peers.json` and `peers.md`.

    Both are written anew after each model.

    Raises:
        InputError: a name is unknown, a folder cannot be read or written to, or a tool to count
            with is missing.
        MissingDependencyError: timm is not installed.
        ConversionError: timm's float export is refused, or is not what the checkpoint is; or
            nothing can be timed.
    """
    from mobilevit.checkpoint import load_checkpoint

    for model in settings.models:
        if model not in MODELS:
            raise unknown_name("model", model, MODELS)
    runtimes, left_out = _present(settings.runtimes)
    if find_spec("timm") is None:
        raise MissingDependencyError("timm", "peers")
    if settings.count:
        arm64_root()  # what is missing shows before hours are spent
    size = (settings.image_size, settings.image_size)
    checkpoints = [
        _sized(load_checkpoint(f"mobilevit_{x}.imagenette"), size) for x in settings.models
    ]
    folder, data = _data(settings, checkpoints[0])
    record = PeersRecord(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        sdk_version=mobilevit.__version__,
        tools={k: v for name in runtimes for k, v in EXPORTERS[name].tool_versions().items()},
        image_size=size,
        weights={checkpoint.name: checkpoint.sha256 for checkpoint in checkpoints},
        calibration=_calibration_name(settings),
        rounds=settings.protocol.rounds,
        launches=settings.protocol.launches,
        data=data,
        processor=DEFAULT_CPU if settings.count else None,
        left_out=tuple(left_out),
    )
    for checkpoint in checkpoints:
        sources = _sources(settings, checkpoint)
        contenders, refused = _make(sources, runtimes, out / checkpoint.name, report)
        record = _extended(record, left_out=tuple(refused))
        record = compare(record, settings, checkpoint, contenders, folder, out, report)
        record.write(out / RECORD_FILE)
        with atomic_file(out / TABLE_FILE) as aside:
            aside.write_text(markdown(record), encoding="utf-8")
    return record


def _present(names: Sequence[str]) -> tuple[list[str], list[LeftOut]]:
    """The runtimes that are installed with their exporters, and those that are not."""
    if not names:
        raise InputError("there is no runtime to compare on", f"known: {', '.join(EXPORTERS)}")
    present, left_out = [], []
    for name in names:
        if name not in EXPORTERS:
            raise unknown_name("runtime", name, EXPORTERS)
        missing = EXPORTERS[name].missing_package
        if missing is None:
            present.append(name)
        else:
            left_out.append(LeftOut(what=name, reason=f"`{missing}` is not installed"))
    if not present:
        raise InputError(
            "no runtime is installed with its exporter: " + "; ".join(x.reason for x in left_out),
            "pip install 'mobilevit-sdk[export]'",
        )
    return present, left_out


def _sized(checkpoint: Checkpoint, size: tuple[int, int]) -> Checkpoint:
    return replace(checkpoint, preprocessing=checkpoint.preprocessing.at_size(size))


def _data(
    settings: Settings, checkpoint: Checkpoint
) -> tuple[ImageFolder | None, DataSummary | None]:
    """The photos to measure top-1 on, and their record."""
    if settings.data is None:
        return None, None
    from mobilevit.data.image_folder import summarize as summarize_folder
    from mobilevit.evaluation.accuracy import open_folder

    classes = checkpoint.classes
    folder = open_folder(settings.data, classes, len(checkpoint.labels), settings.images)
    told = summarize_folder(folder)
    return folder, DataSummary(name=told.name, images=told.images, sha256=told.sha256)


def _calibration_name(settings: Settings) -> str:
    where = "photos of packages" if settings.photos is None else f"photos of {settings.photos.name}"
    return f"{settings.calibration_images} {where}"


def _make(
    sources: Sources, runtimes: Sequence[str], folder: Path, report: Report
) -> tuple[list[Contender], list[LeftOut]]:
    contenders, left_out = [], []
    for runtime in runtimes:
        made, refused = make_contenders(sources, runtime, folder, report=report)
        contenders += made
        left_out += [
            LeftOut(what=f"{sources.checkpoint.name} of {name} on {runtime}", reason=reason)
            for name, reason in refused.items()
        ]
    return contenders, left_out


def compare(
    record: PeersRecord,
    settings: Settings,
    checkpoint: Checkpoint,
    contenders: Sequence[Contender],
    folder: ImageFolder | None,
    out: Path,
    report: Report,
) -> PeersRecord:
    """`record` with one model more.

    Args:
        checkpoint: at the image size to compare at.
        contenders: below `out`.
        folder: photos to measure top-1 on, if it is to be.

    Raises:
        ConversionError: as `compare_with_peers`.
    """
    from mobilevit.prediction import predict
    from mobilevit.runtimes.torch import TorchSession
    from mobilevit_export.photos import packaged_photos
    from mobilevit_export.verify import photo_pixels

    photos = packaged_photos(_CHECK_IMAGES)
    names = tuple(photo.name for photo in photos)
    pixels = photo_pixels(photos, checkpoint.preprocessing)
    reference = predict(TorchSession(checkpoint), pixels)
    checked: list[_Checked] = []
    left_out: list[LeftOut] = []
    for contender in contenders:
        found = _checked(contender, pixels, reference, names, report)
        if isinstance(found, LeftOut):
            left_out.append(found)
        else:
            checked.append(found)
    result = _time(checked, settings, pixels, report)
    counts = _count(checked, settings, pixels, report)
    for kind, samples in (("latency", result), ("counts", counts)):
        if samples is not None:
            samples.write(out / f"{checkpoint.name}.{kind}.json")
            record = _extended(record, results=(f"{checkpoint.name}.{kind}.json",))
            left_out += [
                LeftOut(what=f"{x.model} of {x.name}, {kind}", reason=x.reason)
                for x in samples.not_timed
            ]
    top1 = _top1(checked, folder, checkpoint, report)
    return _extended(
        record if result is None else record.model_copy(update={"device": result.device}),
        rows=tuple(_rows(checked, result, counts, top1, out)),
        graphs=tuple(_graph_rows(checked, out)),
        left_out=tuple(left_out),
    )


def _extended(record: PeersRecord, **more: tuple[object, ...]) -> PeersRecord:
    """With more of what it has several of."""
    return record.model_copy(update={name: getattr(record, name) + x for name, x in more.items()})


def _sources(settings: Settings, checkpoint: Checkpoint) -> Sources:
    """With timm's model, compared with ours on a few of the photos to calibrate on."""
    import torch

    from mobilevit_export.photos import folder_photos, packaged_photos
    from mobilevit_export.verify import photo_pixels

    from .twin import timm_twin

    count = settings.calibration_images
    if count < 1:
        raise InputError(f"cannot calibrate on {count} photos", "ask for one or more")
    photos = folder_photos(settings.photos, count) if settings.photos else packaged_photos(count)
    pixels = photo_pixels(photos, checkpoint.preprocessing)
    few = torch.from_numpy(pixels[:4]).permute(0, 3, 1, 2).contiguous() / 255
    return Sources(
        checkpoint=checkpoint,
        twin=timm_twin(checkpoint, few),
        calibration=pixels,
        photos=settings.photos,
    )


def _checked(
    contender: Contender,
    pixels: Pixels,
    reference: Probabilities,
    names: tuple[str, ...],
    report: Report,
) -> _Checked | LeftOut:
    """Raises ConversionError where it is what the others are compared with, and is wrong."""
    try:
        found = check(contender, pixels, reference, names)
    except ConversionError as error:
        if contender.is_reference:
            raise
        report(f"{contender}: left out: {error.message}")
        return LeftOut(what=str(contender), reason=error.message)
    report(
        f"{contender}: the same label as torch on {found.same_top1:.1%} of {found.images} photos, "
        f"probabilities differ by up to {found.max_difference:.1e}"
    )
    return _Checked(contender, found)


def _subject(contender: Contender, pixels: Pixels) -> Subject:
    return Subject(
        artifact=contender.artifact,
        name=contender.name,
        model=ModelFacts(name=contender.model),
        runtime=contender.runtime,
        feeds=timed_feeds(contender, pixels[:1]),
    )


def _time(
    checked: Sequence[_Checked], settings: Settings, pixels: Pixels, report: Report
) -> BenchmarkResult | None:
    """All of them in turns; None where none can be timed here."""
    timed = [x.contender for x in checked if EXPORTERS[x.contender.runtime].timed]
    if not timed:
        return None
    return benchmark(
        [_subject(contender, pixels) for contender in timed],
        settings=settings.protocol,
        report=report,
    )


def _count(
    checked: Sequence[_Checked], settings: Settings, pixels: Pixels, report: Report
) -> BenchmarkResult | None:
    """In one process each: counts repeat, and a run of reference kernels takes a minute."""
    counted = [x.contender for x in checked if x.contender.runtime in _COUNTED]
    if not settings.count or not counted:
        return None
    return count([_subject(x, pixels) for x in counted], processes=1, report=report)


def _top1(
    checked: Sequence[_Checked],
    folder: ImageFolder | None,
    checkpoint: Checkpoint,
    report: Report,
) -> Mapping[Contender, float]:
    """What each gets right, a share; nothing without photos."""
    if folder is None:
        return {}
    from mobilevit.evaluation.accuracy import evaluate

    chosen = [x.contender for x in checked if EXPORTERS[x.contender.runtime].timed]
    threads = os.cpu_count() or 1
    sessions = {str(contender): open_contender(contender, threads) for contender in chosen}
    report(f"{checkpoint.name}: top-1 of {len(sessions)} artifacts on {len(folder.samples)} photos")
    rows = evaluate(sessions, folder, checkpoint.preprocessing)
    return {contender: row.top1 for contender, row in zip(chosen, rows, strict=True)}


def _rows(
    checked: Sequence[_Checked],
    result: BenchmarkResult | None,
    counts: BenchmarkResult | None,
    top1: Mapping[Contender, float],
    out: Path,
) -> list[Row]:
    timed = {(m.runtime, m.name): m for m in result.measurements} if result else {}
    counted = {(c.runtime, c.name): c for c in counts.counts} if counts else {}
    references = {
        x.contender.runtime: timed.get((x.contender.runtime, x.contender.name))
        for x in checked
        if x.contender.is_reference
    }
    rows = []
    for x in checked:
        contender = x.contender
        if not EXPORTERS[contender.runtime].timed:
            continue
        key = contender.runtime, contender.name
        measurement, instructions = timed.get(key), counted.get(key)
        sha256, size = hash_artifact(contender.artifact)
        rows.append(
            Row(
                model=contender.model,
                runtime=contender.runtime,
                runtime_version=x.check.runtime_version,
                maker=contender.maker,
                precision=contender.precision,
                artifact=contender.artifact.relative_to(out).as_posix(),
                artifact_sha256=sha256,
                artifact_bytes=size,
                images=x.check.images,
                same_top1=x.check.same_top1,
                max_difference=x.check.max_difference,
                p50_ns=None if measurement is None else summarize(measurement.launches).p50_ns,
                delegate_ran=None if measurement is None else measurement.delegate_ran,
                speed=_speed(result, measurement, references.get(contender.runtime)),
                top1=top1.get(contender),
                instructions=None if instructions is None else middle(instructions.instructions),
            )
        )
    return rows


def _speed(
    result: BenchmarkResult | None, case: Measurement | None, reference: Measurement | None
) -> Speed | None:
    if result is None or case is None or reference is None or case is reference:
        return None
    found = compare_measurements(result, case, reference, RESOLUTION)
    ratio = found.ratio  # of times
    return Speed(
        times=1 / ratio.estimate,
        low=1 / ratio.high,
        high=1 / ratio.low,
        verdict=str(found.verdict),
        remark=found.unfit,
    )


def _graph_rows(checked: Sequence[_Checked], out: Path) -> list[GraphRow]:
    from mobilevit_export import inspect

    rows = []
    for x in checked:
        contender = x.contender
        if EXPORTERS[contender.runtime].timed:
            continue
        inspection = inspect(contender.artifact)
        rows.append(
            GraphRow(
                model=contender.model,
                maker=contender.maker,
                precision=contender.precision,
                artifact=contender.artifact.relative_to(out).as_posix(),
                artifact_bytes=inspection.size,
                operations=len(inspection.operations),
                max_rank=inspection.max_rank,
                images=x.check.images,
                same_top1=x.check.same_top1,
                max_difference=x.check.max_difference,
            )
        )
    return rows
