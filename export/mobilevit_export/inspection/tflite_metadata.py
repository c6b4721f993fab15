"""TFLite Metadata: the flatbuffer in the entry `TFLITE_METADATA`, and the files packed behind it.

The schema is the one mediapipe ships; without mediapipe the entry stays closed, and says so.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

IDENTIFIER = b"M001"  # at byte 4, by the schema's `file_identifier`
_LABELS_LIMIT = 16 << 20  # bytes that are unpacked, of all labels files together
_CHUNK = 1 << 16
_COLOURS = {1: "image RGB", 2: "image grayscale"}  # ColorSpaceType of the schema
# what the generated reader raises where a flatbuffer points outside itself
_DAMAGE = (struct.error, LookupError, TypeError, ValueError, AttributeError, OverflowError)
_BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    EOFError,
)
# the methods that zipfile unpacks a piece at a time: of bzip2 and LZMA it takes whole what a
# piece of the file grows to (`ZipExtFile._read1` of Python 3.11)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Decoded:
    """`words` are lines for a person; `inputs` and `outputs` the kinds of the ports, in order."""

    words: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def decode(entry: bytes, file: bytes) -> Decoded:
    """The metadata in `entry`, with the labels that are packed behind the model in `file`."""
    try:
        from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
    except ModuleNotFoundError:
        return _closed(entry, "`mediapipe`, which knows their format, is not installed")
    if entry[4:8] != IDENTIFIER:
        return _closed(entry, "no TFLite Metadata")
    try:
        model = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(entry, 0))
        return _decoded(model, file)
    except _DAMAGE:
        return _closed(entry, "damaged")


def _closed(entry: bytes, why: str) -> Decoded:
    return Decoded({"TFLITE_METADATA": f"{len(entry)} bytes, not read: {why}"})


def _decoded(model: Any, file: bytes) -> Decoded:
    words = {
        "name": _text(model.name),
        "about": _text(model.description),
        "version": _text(model.version),
        "author": _text(model.author),
        "license": _text(model.license),
        "minimum parser version": _text(model.minParserVersion),
    }
    graph = (model.subgraphMetadata or [None])[0]
    inputs = (graph.inputTensorMetadata or []) if graph else []
    outputs = (graph.outputTensorMetadata or []) if graph else []
    lengths = _lengths(file, (name for item in (*inputs, *outputs) for name in _files(item)))
    for direction, items in (("input", inputs), ("output", outputs)):
        for index, item in enumerate(items):
            words[f"{direction} {index}"] = _described(item)
            labels = (f"{name}, {lengths.get(name, 'not in the file')}" for name in _files(item))
            words[f"{direction} {index} labels"] = "; ".join(labels)
    return Decoded(
        words={key: value for key, value in words.items() if value},
        inputs=tuple(_colours(item) for item in inputs),
        outputs=tuple("one for each label" if o.associatedFiles else "" for o in outputs),
    )


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def _files(item: Any) -> list[str]:
    return [_text(file.name) for file in item.associatedFiles or []]


def _described(item: Any) -> str:
    said = [_text(item.name), _text(item.description), _colours(item)]
    for unit in item.processUnits or []:
        if hasattr(unit.options, "mean"):  # NormalizationOptions
            mean, std = _numbers(unit.options.mean), _numbers(unit.options.std)
            said.append(f"(value - {mean}) / {std}")
    if item.stats is not None and item.stats.min is not None:
        said.append(f"values {_numbers(item.stats.min)} to {_numbers(item.stats.max)}")
    return "; ".join(filter(None, said))


def _numbers(values: Any) -> str:
    numbers = [f"{value:g}" for value in ([] if values is None else values)]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def _colours(item: Any) -> str:
    properties = item.content.contentProperties if item.content is not None else None
    return _COLOURS.get(getattr(properties, "colorSpace", 0), "")


def _lengths(file: bytes, names: Iterable[str]) -> Mapping[str, str]:
    """How long each of these files behind the model is, or why it was not read; without those
    that are not there."""
    lengths: dict[str, str] = {}
    left = _LABELS_LIMIT
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as packed:
            items = {item.filename: item for item in packed.infolist()}
            for name in dict.fromkeys(names):
                if name not in items:
                    continue
                if items[name].compress_type not in _METHODS:
                    lengths[name] = "not read: neither stored nor deflated"
                elif items[name].file_size > left:
                    lengths[name] = "not read: too long"
                else:
                    left -= items[name].file_size  # zipfile gives no more, whatever is packed
                    lengths[name] = _length(packed, items[name])
    except _BAD_ZIP:
        return lengths  # most often there is no zip at all
    return lengths


def _length(packed: zipfile.ZipFile, item: zipfile.ZipInfo) -> str:
    lines, last = 0, b"\n"
    try:
        with packed.open(item) as text:
            while chunk := text.read(_CHUNK):
                lines += chunk.count(b"\n")
                last = chunk[-1:]
    except _BAD_ZIP:
        return "not read: damaged"
    lines += last != b"\n"  # the last line may lack its end
    return f"{lines} lines"
