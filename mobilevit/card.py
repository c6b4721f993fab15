"""The model card of a bundle: its manifest, in Markdown, with the front matter of Hugging Face.

The card says what the manifest says and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .bundle import ClassSummary, Manifest, TensorRecord, read_labels, read_manifest
from .templates import render

TEMPLATE = "card.md.j2"

_LABELS = 20  # that are written out
_REFERENCE = "coreml_reference"  # the runtime that follows Core ML's file on any machine
_KINDS = {
    "tensor": "",
    "image": ", an image of the platform",
    "dictionary": ", a dictionary by label",
}


def render_card(bundle: str | Path) -> str:
    """The card of the bundle in folder `bundle`, Markdown that ends with a line break.

    Raises:
        BundleError: not a bundle, or its manifest or labels are not as they were exported.
    """
    bundle = Path(bundle)
    manifest = read_manifest(bundle)
    labels = read_labels(bundle, manifest)
    return render(
        TEMPLATE,
        {
            "tensor": _tensor,
            "per_class": per_class,
            "decibel": lambda value: "no difference" if value is None else f"{value:.1f} dB",
            "megabytes": lambda size: f"{size / 1e6:.2f} MB",
            "join_figures": lambda values: ", ".join(f"{value:.4g}" for value in values),
        },
        manifest=manifest,
        model=manifest.model,
        preprocessing=manifest.preprocessing,
        labels=labels[:_LABELS],
        more_labels=max(0, len(labels) - _LABELS),
        formats=sorted({artifact.format for artifact in manifest.artifacts}),
        evaluations=_evaluations(manifest),
        quantized=[record for record in manifest.artifacts if record.quantization],
        timed=[record for record in manifest.artifacts if record.sibling],
        unmeasured=[record.file for record in manifest.artifacts if not record.accuracy],
        by_reference=[
            record.file for record in manifest.artifacts if record.parity.runtime == _REFERENCE
        ],
    )


def _evaluations(manifest: Manifest) -> list[dict[str, Any]]:
    """Accuracy by the photos it was measured on: `data`, and `rows` of (artifact, accuracy)."""
    found: dict[str, dict[str, Any]] = {}
    for artifact in manifest.artifacts:
        for accuracy in artifact.accuracy:
            entry = found.setdefault(accuracy.data.sha256, {"data": accuracy.data, "rows": []})
            entry["rows"].append((artifact, accuracy))
    return list(found.values())


def _tensor(record: TensorRecord) -> str:
    shape = ", ".join(str(side) for side in record.shape)
    low, high = record.range
    return (
        f"{record.name}, {record.dtype} ({shape}), {record.layout}, {low:g} to {high:g}"
        f"{_KINDS[record.kind]}"
    )


def per_class(data: ClassSummary) -> str:
    """How many classes the data has, and how many images each."""
    if not data.classes:
        return "none"
    low, high = min(data.classes.values()), max(data.classes.values())
    each = f"{low:,} to {high:,}" if low < high else f"{low:,}"
    return f"{len(data.classes):,}, of {each} images"
