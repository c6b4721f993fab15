"""The exported Core ML models have the inputs and outputs that the manifest promises the Swift
code, read from their specification: coremltools predicts on Macs alone, and reads anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mobilevit.bundle import ArtifactRecord, read_labels, read_manifest

REPOSITORY = Path(__file__).parents[2]
BUNDLE = REPOSITORY / "build" / "ios" / "bundle"
KIT = REPOSITORY / "ios_demo" / "Sources" / "MobileViTKit"
IOS_16 = 7  # version of the specification
pytestmark = pytest.mark.skipif(
    not (BUNDLE / "manifest.json").is_file(), reason="`make test-ios` exports it"
)


def records() -> list[ArtifactRecord]:
    return [r for r in read_manifest(BUNDLE).artifacts if r.format == "coreml"]


def specification(record: ArtifactRecord) -> Any:
    import coremltools

    return coremltools.utils.load_spec(str(BUNDLE / record.file))


def classes(specification: Any) -> list[str]:
    """The labels that the program itself has, of its last operation."""
    [block] = specification.mlProgram.functions["main"].block_specializations.values()
    [classify] = [op for op in block.operations if op.type == "classify"]
    [argument] = classify.inputs["classes"].arguments
    labels = argument.value.immediateValue.list.values
    return [label.immediateValue.tensor.strings.values[0] for label in labels]


def test_there_are_both_precisions() -> None:
    assert {r.precision for r in records()} == {"fp32", "fp16"}


def test_inputs_and_outputs_are_the_manifests() -> None:
    labels = read_labels(BUNDLE, read_manifest(BUNDLE))
    for record in records():
        spec = specification(record)
        assert spec.specificationVersion == IOS_16
        [image] = spec.description.input
        batch, height, width, channels = record.input.shape
        assert (record.input.kind, record.input.dtype, record.input.layout) == (
            "image",
            "uint8",
            "NHWC",
        )
        assert (batch, channels) == (1, 3)
        assert image.name == record.input.name
        assert image.type.WhichOneof("Type") == "imageType"
        given = image.type.imageType
        assert (given.height, given.width) == (height, width)
        assert given.colorSpace == given.ColorSpace.Value("RGB")
        assert given.WhichOneof("SizeFlexibility") is None
        outputs = {output.name: output.type for output in spec.description.output}
        assert record.output.kind == "dictionary"
        table = outputs[record.output.name]
        assert table.WhichOneof("Type") == "dictionaryType"
        assert table.dictionaryType.WhichOneof("KeyType") == "stringKeyType"
        assert spec.description.predictedProbabilitiesName == record.output.name
        assert list(record.output.shape) == [1, len(labels)]
        assert classes(spec) == labels


def test_they_say_of_themselves_what_the_bundle_does() -> None:
    """By this the library knows a model that Xcode compiled."""
    manifest = read_manifest(BUNDLE)
    labels = read_labels(BUNDLE, manifest)
    for record in records():
        told = dict(specification(record).description.metadata.userDefined)
        assert told["model"] == manifest.model.name
        assert told["checkpoint_sha256"] == manifest.model.checkpoint_sha256
        assert told["precision"] == record.precision
        assert json.loads(told["preprocessing"]) == manifest.preprocessing.model_dump(mode="json")
        assert json.loads(told["labels"]) == list(labels)


def test_swift_takes_the_names_from_the_manifest() -> None:
    """No name of a feature stands in its code."""
    names = {n for r in records() for n in (r.input.name, r.output.name)}
    code = "\n".join(
        re.sub(r"//.*", "", file.read_text(encoding="utf-8")) for file in KIT.rglob("*.swift")
    )
    assert "featureValue(for" in code
    assert {name for name in names if f'"{name}"' in code} == set()
