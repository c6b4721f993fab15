"""What a phone's processor makes of a LiteRT file: labels and probabilities, under QEMU.

    python -m mobilevit_benchmarks.emulated_accuracy BUNDLE --data DIR

XNNPACK computes a file that says `reduced_precision_support` in halves, where the processor has
such arithmetic (Armv8.2's FEAT_FP16: cortex-a76 has it, cortex-a57 does not). No x86 processor
does, so that accuracy measured there says nothing of it. The emulator computes the same bits as the
processor, some hundred times slower; it tells no latency.

Whether halves were computed is not believed but shown: the same file without the entry gives other
bits then, and the same bits to the last one where the processor computed in floats.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mobilevit.errors import BundleError, InputError, SdkError, unknown_name
from mobilevit.files import atomic_file, scratch_folder

from .devices.arm64_emulated import count_instructions
from .devices.arm64_root import CPUS
from .devices.emulated_predictions import EmulatedPredictions, predict_emulated

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.table import Table

    from mobilevit.bundle import ArtifactRecord, Manifest
    from mobilevit.prediction import Pixels, Probabilities

HALVES_ENTRY = b"reduced_precision_support"  # the name of the metadata that XNNPACK looks for
CONTROL_PHOTOS = 4  # halves that differed on none of them would round as floats do
REFERENCE = "fp32"


@dataclass(frozen=True)
class Settings:
    """What is evaluated, and on which processors."""

    bundle: Path
    data: Path
    images: int = 100
    precision: str = "fp16"
    cpus: tuple[str, ...] = ("cortex-a76", "cortex-a57")
    count: bool = False


@dataclass(frozen=True)
class Row:
    """One processor's answers against the reference's; shares are of the photos, 0..1."""

    cpu: str
    halves: bool | None  # whether it computed in them; None: the file does not let it
    top1: float
    same_label: float
    largest_difference: float  # of a probability
    seconds_per_photo: float  # of emulation; no latency
    instructions: int | None  # of one photo
    qemu_version: str
    runtime_version: str


@dataclass(frozen=True)
class Photos:
    pixels: Pixels  # uint8 (images, H, W, 3)
    targets: NDArray[np.int64]  # (images,)


def without_halves(artifact: Path, path: Path) -> bool:
    """Write a copy of a `.tflite` file to `path` in which XNNPACK finds no leave for halves.

    The entry's name is changed and nothing moves: weights and graph are the same bytes.

    Returns:
        whether there was such an entry; if not, nothing is written.

    Raises:
        InputError: the name is there more than once.
    """
    content = artifact.read_bytes()
    found = content.count(HALVES_ENTRY)
    if found > 1:
        raise InputError(f"`{artifact}` names `{HALVES_ENTRY.decode()}` {found} times", "once will")
    if found:
        path.write_bytes(content.replace(HALVES_ENTRY, HALVES_ENTRY.upper()))
    return bool(found)


def evaluate(
    artifact: Path,
    photos: Photos,
    reference: Probabilities,
    cpus: Sequence[str],
    *,
    count: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Run every photo on each processor, and a few through the file without leave for halves.

    Args:
        reference: what fp32 gives of the photos, float32 (images, classes).
        count: instructions of the first photo too; needs a C compiler.
        report: is given a line for each processor.

    Raises:
        InputError, ConversionError: as `predict_emulated` and `count_instructions`.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="mobilevit-control-") as folder:
        control = Path(folder) / artifact.name
        allowed = without_halves(artifact, control)
        for cpu in cpus:
            given = predict_emulated(artifact, photos.pixels, cpu=cpu)
            halves = None
            if allowed:
                few = predict_emulated(control, photos.pixels[:CONTROL_PHOTOS], cpu=cpu)
                halves = not np.array_equal(
                    few.probabilities, given.probabilities[: len(few.probabilities)]
                )
            instructions = _instructions(artifact, photos, cpu) if count else None
            rows.append(_row(given, photos, reference, halves, instructions))
            report(f"{cpu}: {rows[-1].seconds_per_photo:.1f} s a photo")
    return rows


def _row(
    given: EmulatedPredictions,
    photos: Photos,
    reference: Probabilities,
    halves: bool | None,
    instructions: int | None,
) -> Row:
    labels = given.probabilities.argmax(axis=1)
    return Row(
        cpu=given.cpu,
        halves=halves,
        top1=float((labels == photos.targets).mean()),
        same_label=float((labels == reference.argmax(axis=1)).mean()),
        largest_difference=float(np.abs(given.probabilities - reference).max()),
        seconds_per_photo=given.seconds / len(photos.pixels),
        instructions=instructions,
        qemu_version=given.qemu_version,
        runtime_version=given.runtime_version,
    )


def _instructions(artifact: Path, photos: Photos, cpu: str) -> int:
    from mobilevit.prediction import feed
    from mobilevit.runtimes import load_session

    [source] = load_session(artifact, "litert").inputs
    feeds = {source.name: feed(photos.pixels[:1], source.shape, source.dtype)}
    counts = count_instructions(artifact, runtime="litert", cpu=cpu, repeats=1, runs=1, feeds=feeds)
    return counts.per_process[0]


def evaluate_bundle(settings: Settings, report: Callable[[str], None]) -> dict[str, Any]:
    """The record that `--json` writes.

    Raises:
        InputError: no such processor, photos that do not fit, an artifact that the bundle does not
            have, or a tool is missing.
        ConversionError: a runtime or the emulator fails.
    """
    from mobilevit.bundle import check_hash, find_file, read_manifest
    from mobilevit.data.image_folder import skipped_lines, summarize
    from mobilevit.evaluation.accuracy import open_folder
    from mobilevit.images import open_image
    from mobilevit.prediction import predict
    from mobilevit.preprocessing import resize_and_crop
    from mobilevit.runtimes import RUNTIMES, load_session

    if not settings.cpus:
        raise InputError("no processor is named", f"give some of {', '.join(CPUS)}")
    for cpu in settings.cpus:
        if cpu not in CPUS:
            raise unknown_name("emulated processor", cpu, CPUS)
    manifest = read_manifest(settings.bundle)
    records = [_find(settings.bundle, manifest, p) for p in (settings.precision, REFERENCE)]
    artifact, reference = (find_file(settings.bundle, record.file) for record in records)
    for path, record in zip((artifact, reference), records, strict=True):
        check_hash(path, record.sha256)
    folder = open_folder(settings.data, manifest.classes, manifest.labels.count, settings.images)
    for line in skipped_lines(folder.skipped):
        report(line)
    images = [resize_and_crop(open_image(p), manifest.preprocessing) for p, _ in folder.samples]
    photos = Photos(np.stack(images), np.array([target for _, target in folder.samples]))
    expected = predict(load_session(reference, "litert"), photos.pixels)
    rows = evaluate(artifact, photos, expected, settings.cpus, count=settings.count, report=report)
    return {
        "model": manifest.model.name,
        "artifact": {"file": records[0].file, "sha256": records[0].sha256},
        "reference": {
            "file": records[1].file,
            "sha256": records[1].sha256,
            "runtime_version": RUNTIMES["litert"].version(),
            "top1": float((expected.argmax(axis=1) == photos.targets).mean()),
        },
        "image_size": list(photos.pixels.shape[1:3]),
        "photos": summarize(folder).model_dump(mode="json"),
        "rows": [asdict(row) for row in rows],
    }


def _find(bundle: Path, manifest: Manifest, precision: str) -> ArtifactRecord:
    for record in manifest.artifacts:
        if (record.format, record.precision) == ("tflite", precision):
            return record
    raise BundleError(
        f"`{bundle}` has no TFLite artifact of {precision}",
        f"export it with `--format tflite --precision {REFERENCE},{precision}`",
    )


def table_of(record: dict[str, Any]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("processor", no_wrap=True)
    table.add_column("computes in", no_wrap=True)
    for name in ("top-1", "same label", "largest difference", "s a photo", "M instructions"):
        table.add_column(name, justify="right", no_wrap=True)
    told = record["reference"]
    table.add_row(f"this one, {REFERENCE}", "floats", f"{told['top1']:.1%}", "", "", "", "")
    for row in (Row(**row) for row in record["rows"]):
        table.add_row(
            row.cpu,
            {None: "-", True: "halves", False: "floats"}[row.halves],
            f"{row.top1:.1%}",
            f"{row.same_label:.1%}",
            f"{row.largest_difference:.1e}",
            f"{row.seconds_per_photo:.1f}",
            "-" if row.instructions is None else f"{row.instructions / 1e6:.1f}",
        )
    return table


def _arguments(arguments: Sequence[str] | None) -> tuple[Settings, Path | None]:
    parser = argparse.ArgumentParser(
        prog="python -m mobilevit_benchmarks.emulated_accuracy",
        description="Labels and probabilities of a LiteRT file on emulated arm64 processors.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help=f"with {REFERENCE} besides")
    parser.add_argument("--data", type=Path, required=True, help="folder of class folders")
    parser.add_argument(
        "--images", type=int, default=Settings.images, help="how many, evenly spread"
    )
    parser.add_argument("--precision", default=Settings.precision, help="of the TFLite artifact")
    parser.add_argument(
        "--cpu",
        dest="cpus",
        type=_names,
        default=Settings.cpus,
        metavar="CPU,...",
        help=f"of {', '.join(CPUS)}",
    )
    parser.add_argument(
        "--count", action="store_true", help="instructions of a photo too; needs a C compiler"
    )
    parser.add_argument("--json", type=Path, dest="out", help="file with all of it")
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    return Settings(**given), out


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in text.split(",") if name))


def main(arguments: Sequence[str] | None = None) -> None:
    from rich.console import Console

    settings, out = _arguments(arguments)
    if out is not None:
        with scratch_folder(out):  # a folder that cannot be written to shows now
            pass
    record = evaluate_bundle(settings, lambda line: print(line, file=sys.stderr, flush=True))
    console = Console(width=120, highlight=False)
    console.print(table_of(record))
    first = Row(**record["rows"][0])
    height, width = record["image_size"]
    console.print(
        f"{record['artifact']['file']}, {record['photos']['images']} photos of "
        f"{record['photos']['name']}, {width}x{height}; emulated by QEMU {first.qemu_version}, "
        f"LiteRT {first.runtime_version}: the bits are the processor's, the time is not; "
        f"difference: of a probability, from {record['reference']['file']} on this machine"
    )
    if out is not None:
        with atomic_file(out) as aside:
            aside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except SdkError as error:
        sys.exit(f"error: {error}")
