"""What is compared: made once, and again where what it is made from has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import mobilevit
from mobilevit.bundle import read_manifest
from mobilevit.errors import ConversionError
from mobilevit.files import atomic_folder

from ..suites.preparation import sources_hash
from .exporters import EXPORTERS, Exporter

if TYPE_CHECKING:
    from torch import nn

    from mobilevit.checkpoint import Checkpoint
    from mobilevit.prediction import Pixels

Maker = Literal["timm", "ours"]

_STAMP_FILE = "made.json"
_BUNDLE = "bundle"
_FILES = (Path(__file__), Path(__file__).with_name("exporters.py"))


@dataclass(frozen=True)
class Contender:
    """One artifact on one runtime.

    `takes_pixels`: 0..255 in, probabilities out; else 0..1 in, logits out.
    """

    model: str
    runtime: str
    maker: Maker
    precision: str
    artifact: Path
    takes_pixels: bool

    @property
    def name(self) -> str:
        return f"{self.maker} {self.precision}"

    @property
    def is_reference(self) -> bool:
        """Whether it is what the others on its runtime are compared with."""
        return self.maker == "timm" and self.precision == EXPORTERS[self.runtime].precision

    def __str__(self) -> str:
        return f"{self.model} of {self.name} on {self.runtime}"


@dataclass(frozen=True)
class Sources:
    """What the artifacts of one model are made from.

    Args:
        checkpoint: at the image size to compare at.
        twin: timm's model with its weights.
        calibration: uint8 (images, H, W, 3), RGB.
        photos: the folder they are from; None for the packaged ones.
    """

    checkpoint: Checkpoint
    twin: nn.Module
    calibration: Pixels
    photos: Path | None


# fills a folder; every precision that is refused, with the reason
_Recipe = Callable[[Sources, Exporter, Path], dict[str, str]]


class _Made(BaseModel):
    """What is kept of a folder of artifacts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stamp: str
    refused: dict[str, str]  # by precision: why there is no artifact


def make_contenders(
    sources: Sources,
    runtime: str,
    folder: Path,
    *,
    makers: Collection[Maker] = ("timm", "ours"),
    report: Callable[[str], None],
) -> tuple[list[Contender], dict[str, str]]:
    """Every artifact of one model for one runtime, timm's in float first.

    Args:
        folder: of the model; what is there already, and made from the same, is kept.

    Returns:
        the artifacts, and by name the reason why there is none.

    Raises:
        ConversionError: timm's model in float, which all others are compared with, is refused.
        InputError: the folder cannot be written to.
    """
    exporter = EXPORTERS[runtime]
    stamp = {
        "weights": sources.checkpoint.sha256,
        "image_size": sources.checkpoint.preprocessing.image_size,
        "calibration": hashlib.sha256(sources.calibration.tobytes()).hexdigest(),
    }
    found: list[Contender] = []
    refused: dict[str, str] = {}
    recipes: tuple[tuple[Maker, _Recipe, dict[str, Any]], ...] = (
        ("timm", _timm, {"tools": exporter.tool_versions(), "sources": _default_sources()}),
        ("ours", _ours, {"tools": _our_tools(exporter), "sources": sources_hash(*_FILES)}),
    )
    for maker, recipe, made_from in recipes:
        if maker not in makers:
            continue
        home = folder / f"{maker}-{runtime}"
        made = _kept(
            home,
            stamp | made_from,
            partial(recipe, sources, exporter),
            what=f"{sources.checkpoint.name} of {maker} for {runtime}",
            report=report,
        )
        refused |= {f"{maker} {precision}": why for precision, why in made.refused.items()}
        found += _contenders(sources.checkpoint.name, exporter, maker, home, made)
    return found, refused


def _kept(
    home: Path,
    made_from: Mapping[str, Any],
    make: Callable[[Path], dict[str, str]],
    *,
    what: str,
    report: Callable[[str], None],
) -> _Made:
    """What is in `home`, made first where it is not there or was made from something else."""
    text = json.dumps({**made_from, "sdk": mobilevit.__version__}, sort_keys=True)
    stamp = hashlib.sha256(text.encode()).hexdigest()
    try:
        made = _Made.model_validate_json((home / _STAMP_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        made = None
    if made is not None and made.stamp == stamp:
        report(f"{what}: there already")
        return made
    report(f"{what}: exporting")
    with atomic_folder(home) as aside:
        made = _Made(stamp=stamp, refused=make(aside))
        content = made.model_dump_json(indent=2) + "\n"
        (aside / _STAMP_FILE).write_text(content, encoding="utf-8")
    return made


def _timm(sources: Sources, exporter: Exporter, folder: Path) -> dict[str, str]:
    """Through the default exporter."""
    import torch

    from mobilevit_export.quiet import quiet

    height, width = sources.checkpoint.preprocessing.image_size
    float_file = folder / _file(exporter.precision, exporter)
    with quiet(f"converting timm's {sources.checkpoint.name} for {exporter.runtime}"):
        exporter.convert(sources.twin, torch.zeros(1, 3, height, width), float_file)
    images = torch.from_numpy(sources.calibration).permute(0, 3, 1, 2).contiguous() / 255
    refused = {}
    for precision, quantize in exporter.quantized.items():
        try:
            with quiet(f"quantizing timm's {sources.checkpoint.name} for {exporter.runtime}"):
                quantize(float_file, images, folder / _file(precision, exporter))
        except ConversionError as error:
            refused[precision] = error.message
    return refused


def _ours(sources: Sources, exporter: Exporter, folder: Path) -> dict[str, str]:
    """Through our exporter, in every precision it has for the runtime; through the default one
    where we have none."""
    if exporter.format is None:
        return _ours_by_default(sources, exporter, folder)
    from mobilevit_export import FORMATS, export

    refused = {}
    result = export(
        sources.checkpoint,
        folder / _BUNDLE,
        formats=(exporter.format,),
        precisions=FORMATS[exporter.format].precisions,
        photos=sources.photos,
        images=len(sources.calibration),
        calibration=sources.photos,
        report=lambda line: None,
    )
    for attempt in result.failures:
        refused[attempt.record.precision] = "; ".join(attempt.record.parity.faults)
    return refused


def _ours_by_default(sources: Sources, exporter: Exporter, folder: Path) -> dict[str, str]:
    import copy

    import torch

    from mobilevit.graph import ClassifierGraph
    from mobilevit_export.quiet import quiet

    checkpoint = sources.checkpoint
    graph = ClassifierGraph(copy.deepcopy(checkpoint.model), checkpoint.preprocessing)
    graph.eval().requires_grad_(False)
    example = torch.zeros(1, 3, *checkpoint.preprocessing.image_size)
    try:
        with quiet(f"converting our {checkpoint.name} for {exporter.runtime}"):
            exporter.convert(graph, example, folder / _file(exporter.precision, exporter))
    except ConversionError as error:
        return {exporter.precision: error.message}
    return {}


def _contenders(
    model: str, exporter: Exporter, maker: Maker, home: Path, made: _Made
) -> list[Contender]:
    if maker == "ours" and exporter.format is not None:
        bundle = home / _BUNDLE
        if not bundle.is_dir():  # everything was refused
            return []
        files = {record.precision: record.file for record in read_manifest(bundle).artifacts}
        return [
            Contender(model, exporter.runtime, maker, precision, bundle / file, True)
            for precision, file in files.items()
        ]
    precisions = (exporter.precision, *(exporter.quantized if maker == "timm" else ()))
    return [
        Contender(
            model,
            exporter.runtime,
            maker,
            p,
            home / _file(p, exporter),
            takes_pixels=maker == "ours",
        )
        for p in precisions
        if p not in made.refused
    ]


def _file(precision: str, exporter: Exporter) -> str:
    return f"{precision.replace(' ', '-')}{exporter.suffix}"


def _our_tools(exporter: Exporter) -> dict[str, str]:
    from mobilevit_export import FORMATS

    if exporter.format is None:
        return exporter.tool_versions()
    return FORMATS[exporter.format].tool_versions()


def _default_sources() -> str:
    """Of the files that decide what timm's artifacts are; not of our exporter."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in _FILES)).hexdigest()
