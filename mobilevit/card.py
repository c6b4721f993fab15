"""The model card of a bundle: its manifest, in Markdown, with the front matter of Hugging Face.

The card says what the manifest says and nothing else. Names and labels are foreign input: whatever
the template writes is escaped, unless it was made as Markdown or YAML here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .bundle import ClassSummary, Manifest, TensorRecord, read_labels, read_manifest
from .markdown import Written, finalized, on_one_line

TEMPLATE = "card.md.j2"

_LABELS = 20  # that are written out
_HASH = 12  # digits of a hash in a table
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
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # that is for HTML; `finalize` does it for Markdown
        finalize=finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "yaml": _yaml,
        "code": _code,
        "tensor": _tensor,
        "per_class": _per_class,
        "thousands": lambda number: f"{number:,}",
        "percent": lambda share: f"{share:.2%}",
        "decibel": lambda value: "no difference" if value is None else f"{value:.1f} dB",
        "short": lambda digest: _code(digest[:_HASH]),
        "megabytes": lambda size: f"{size / 1e6:.2f} MB",
        "share": lambda value: f"{value:.5f}",
        "figure": lambda value: f"{value:.4g}",
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        "join_figures": lambda values: ", ".join(f"{value:.4g}" for value in values),
    }
    return environment.get_template(TEMPLATE).render(
        manifest=manifest,
        model=manifest.model,
        preprocessing=manifest.preprocessing,
        labels=labels[:_LABELS],
        more_labels=max(0, len(labels) - _LABELS),
        formats=sorted({artifact.format for artifact in manifest.artifacts}),
        evaluations=_evaluations(manifest),
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


def _yaml(value: str) -> Written:
    """A string as YAML has it in quotes, which is as JSON has it."""
    return Written(json.dumps(on_one_line(value), ensure_ascii=False))


def _code(text: str) -> Written:
    """A path or a hash of the manifest, whose schema lets no sign into it that would end this."""
    return Written(f"`{text}`")


def _tensor(record: TensorRecord) -> str:
    shape = ", ".join(str(side) for side in record.shape)
    low, high = record.range
    return (
        f"{record.name}, {record.dtype} ({shape}), {record.layout}, {low:g} to {high:g}"
        f"{_KINDS[record.kind]}"
    )


def _per_class(data: ClassSummary) -> str:
    if not data.classes:
        return "none"
    counts = data.classes.values()
    return f"{len(data.classes):,}, of {min(counts):,} to {max(counts):,} images"
