"""From a suite's table to artifacts that can be timed, all through the same exporter.

Weights are drawn: latency does not depend on what was learnt. It does depend on numbers below
float32's normal range, which processors may compute slowly. A test holds the drawn models to having
none, but for Swin, whose mask of -100 makes some of a softmax, e⁻¹⁰⁰, with any weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

import mobilevit
from mobilevit.errors import ConversionError, MissingDependencyError
from mobilevit.files import atomic_folder

from ..cases import Subject, bundle_subjects

if TYPE_CHECKING:
    from torch import nn

    from mobilevit.preprocessing import Preprocessing

FORMATS = ("onnx", "tflite")
PRECISION = "fp32"
RECORD_FILE = "prepared.json"

_TIMM = "timm:"  # of `mobilevit.models.registry`, which needs torch
_CLASSES = 1000
_IMAGES = 4  # to compare an artifact on: the weights are drawn, and say little about photos

Family = Literal["MobileViT", "CNN", "reparameterised CNN", "transformer"]
Series = Literal["models", "patch sizes", "image sizes"]


@dataclass(frozen=True)
class Entry:
    """One model at one image size.

    Args:
        name: of its folder and artifacts, and what results call it.
        label: for people.
        model: for `create_model`; it is built with 1,000 classes.
        family: what it is made of. FastViT-T8 has no attention: its tokens are mixed by
            convolutions.
        image_size: side, pixels.
        role: what the paper makes of it, or why it is here.
        series: "models" are compared with each other; the others vary one thing of one model, and
            would count it several times over.
        config: fields of the model's config that differ from its own.
        reparameterize: merge the branches it was trained with into single convolutions, as its
            authors do before they measure (timm's `reparameterize_model`).
    """

    name: str
    label: str
    model: str
    family: Family
    image_size: int
    role: str
    series: Series = "models"
    config: Mapping[str, Any] = field(default_factory=dict)
    reparameterize: bool = False


class Record(BaseModel):
    """What is kept of an entry beside its bundles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stamp: str  # of everything the artifacts were made from
    parameters: PositiveInt  # after reparameterization
    multiply_adds: PositiveInt  # of one image of the entry's size
    resizes: bool  # a MobileViT whose patches do not divide its maps
    refused: dict[str, str]  # by format: why there is no artifact


@dataclass(frozen=True)
class Prepared:
    """An entry with its artifacts: a bundle per format, or the reason why there is none."""

    entry: Entry
    record: Record
    bundles: Mapping[str, Path]  # by format

    def subjects(self) -> list[Subject]:
        """The artifacts, each fed with a photo; their model is the entry's name.

        Raises:
            BundleError: a file was removed.
        """
        return [subject for bundle in self.bundles.values() for subject in bundle_subjects(bundle)]


def prepare(
    entries: Sequence[Entry], folder: Path, *, report: Callable[[str], None] = print
) -> list[Prepared]:
    """Export what is not in `folder` yet.

    Each entry has a folder of its own, which appears complete or not at all: after an
    interruption, what was finished is kept. It is made again where its stamp differs: what the
    entry asks for, the versions of the SDK, of timm and of the converters, the sources of models
    and exporter.

    Args:
        entries: a suite's table.
        folder: where artifacts are kept.
        report: is given lines for a person to read.

    Returns:
        One record per entry, in their order.

    Raises:
        InputError: a model or field is unknown, or the folder cannot be written to.
        MissingDependencyError: timm, a converter or a runtime to check with is not installed.
    """
    _require_tools(entries)
    sources = sources_hash(Path(__file__))
    prepared: list[Prepared] = []
    for number, entry in enumerate(entries, start=1):
        home = folder / entry.name
        stamp = _stamp(entry, sources)
        record = _read(home / RECORD_FILE)
        done = "there already"
        if record is None or record.stamp != stamp:
            with atomic_folder(home) as aside:
                record = _export(entry, stamp, aside)
            done = "exported"
        made = [format for format in FORMATS if format not in record.refused]
        refusals = [f"{format} refused: {reason}" for format, reason in record.refused.items()]
        outcome = "; ".join([f"{done} as {' and '.join(made) or 'nothing'}", *refusals])
        report(f"{number} of {len(entries)}: {entry.name}: {outcome}")
        prepared.append(Prepared(entry, record, {format: home / format for format in made}))
    return prepared


def build(entry: Entry) -> tuple[nn.Module, Preprocessing]:
    """The model, with drawn weights and in eval mode, and the normalization it was published with.

    Raises:
        InputError: the model or a field is unknown.
        MissingDependencyError: timm is not installed.
    """
    import torch

    from mobilevit.models import create_model
    from mobilevit.models.published import timm_preprocessing
    from mobilevit.preprocessing import Preprocessing

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create_model(entry.model, num_classes=_CLASSES, **entry.config).eval()
    size = (entry.image_size, entry.image_size)
    if entry.model.startswith(_TIMM):
        preprocessing = timm_preprocessing(model).at_size(size)
    else:
        preprocessing = Preprocessing(image_size=size)
    if entry.reparameterize:
        from timm.utils import reparameterize_model

        model = reparameterize_model(model)
    return model, preprocessing


def _require_tools(entries: Sequence[Entry]) -> None:
    from mobilevit_export import FORMATS as ROWS

    for format in FORMATS:
        if ROWS[format].missing_packages:
            raise MissingDependencyError(ROWS[format].missing_packages[0], "export")
    if any(entry.model.startswith(_TIMM) for entry in entries) and find_spec("timm") is None:
        raise MissingDependencyError("timm", "peers")


def _export(entry: Entry, stamp: str, folder: Path) -> Record:
    """Fill `folder`: a bundle per format, and the record."""
    from mobilevit.checkpoint import Checkpoint
    from mobilevit.models.cost import count
    from mobilevit_export import export
    from mobilevit_export.rewrite import size_step

    model, preprocessing = build(entry)
    cost = count(model, preprocessing.image_size)
    labels = [str(index) for index in range(_CLASSES)]
    checkpoint = Checkpoint(entry.name, model, labels, preprocessing)
    refused: dict[str, str] = {}
    for format in FORMATS:
        # one by one: what one converter refuses, the other may take
        try:
            result = export(
                checkpoint,
                folder / format,
                formats=(format,),
                precisions=(PRECISION,),
                images=_IMAGES,
                report=lambda line: None,
            )
        except ConversionError as error:
            refused[format] = error.message
            continue
        if result.failures:
            refused[format] = "; ".join(result.failures[0].record.parity.faults)
    record = Record(
        stamp=stamp,
        parameters=cost.parameters,
        multiply_adds=cost.multiply_adds,
        resizes=entry.image_size % size_step(model) != 0,
        refused=refused,
    )
    content = record.model_dump_json(indent=2) + "\n"
    (folder / RECORD_FILE).write_text(content, encoding="utf-8")
    return record


def _read(path: Path) -> Record | None:
    """The record, or None if there is none, or not one of this release's."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _stamp(entry: Entry, sources: str) -> str:
    """Of everything an entry's artifacts are made from. SHA-256, hexadecimal"""
    from mobilevit_export import FORMATS as ROWS

    tools = {name: row for format in FORMATS for name, row in ROWS[format].tool_versions().items()}
    if entry.model.startswith(_TIMM):
        tools["timm"] = version("timm")
    made_from = {
        "name": entry.name,
        "model": entry.model,
        "config": dict(entry.config),
        "image_size": entry.image_size,
        "reparameterize": entry.reparameterize,
        "sdk": mobilevit.__version__,
        "tools": tools,
        "sources": sources,
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def sources_hash(*callers: Path) -> str:
    """Of the code that an artifact depends on: models, the exported graph, exporter, and the files
    that call it."""
    import mobilevit_export

    library, exporter = (Path(package.__path__[0]) for package in (mobilevit, mobilevit_export))
    files = [
        *sorted((library / "models").rglob("*.py")),
        *sorted(exporter.rglob("*.py")),
        library / "graph.py",
        library / "preprocessing.py",
        *callers,
    ]
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
