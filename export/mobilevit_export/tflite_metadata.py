"""TFLite Metadata: what a `.tflite` file tells Android's tools and MediaPipe Tasks of itself.

The metadata is a flatbuffer in a buffer of the model, named `TFLITE_METADATA`; the labels are in a
zip archive that is appended to the file (TensorFlow Lite's guide "Adding metadata"; the schema is
metadata_schema.fbs). MediaPipe's Python package has the schema; the writer it once had needs a
native module which its version 1.2 no longer brings.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import flatbuffers
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

from mobilevit.bundle import INPUT, LABELS_FILE, OUTPUT

from .formats import ExportSpec
from .tflite_file import add_metadata, read_model, write_model

METADATA_NAME = "TFLITE_METADATA"
_MIN_PARSER_VERSION = "1.0.0"  # the first, which has all that is used here
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's first date, so that the same model gives the same file


def write_metadata(path: Path, spec: ExportSpec) -> None:
    """Add input and output descriptions, normalisation and labels to the `.tflite` at `path`.

    The scale is inside the graph, so the normalisation told is mean 0, deviation 1.
    """
    model = read_model(path)
    model.description = spec.description
    add_metadata(model, METADATA_NAME, _metadata(spec))
    write_model(model, path)
    with zipfile.ZipFile(path, "a") as archive:
        labels = "".join(f"{label}\n" for label in spec.labels)
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, _EPOCH), labels)


def _metadata(spec: ExportSpec) -> bytes:
    image = schema.TensorMetadataT()
    image.name = INPUT
    image.description = "RGB, 0..255, upright, resized and cropped"
    image.content = _content(schema.ContentProperties.ImageProperties, schema.ImagePropertiesT())
    image.content.contentProperties.colorSpace = schema.ColorSpaceType.RGB
    normalization = schema.NormalizationOptionsT()
    normalization.mean, normalization.std = [0.0], [1.0]
    unit = schema.ProcessUnitT()
    unit.optionsType = schema.ProcessUnitOptions.NormalizationOptions
    unit.options = normalization
    image.processUnits = [unit]
    image.stats = _stats(0, 255)

    labels = schema.AssociatedFileT()
    labels.name = LABELS_FILE
    labels.description = "One label a line, in the order of the outputs"
    labels.type = schema.AssociatedFileType.TENSOR_AXIS_LABELS
    probabilities = schema.TensorMetadataT()
    probabilities.name = OUTPUT
    probabilities.description = "Probability of each label"
    probabilities.content = _content(
        schema.ContentProperties.FeatureProperties, schema.FeaturePropertiesT()
    )
    probabilities.stats = _stats(0, 1)
    probabilities.associatedFiles = [labels]

    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [image]
    graph.outputTensorMetadata = [probabilities]
    metadata = schema.ModelMetadataT()
    metadata.name = spec.model
    metadata.description = spec.description
    metadata.subgraphMetadata = [graph]
    metadata.minParserVersion = _MIN_PARSER_VERSION
    builder = flatbuffers.Builder(1024)
    builder.Finish(metadata.Pack(builder), b"M001")
    return bytes(builder.Output())


def _content(kind: int, properties: object) -> schema.ContentT:
    content = schema.ContentT()
    content.contentPropertiesType, content.contentProperties = kind, properties
    return content


def _stats(low: float, high: float) -> schema.StatsT:
    stats = schema.StatsT()
    stats.min, stats.max = [float(low)], [float(high)]
    return stats
