"""Eight bits where they are harmless, float where they are not, as measured on photos."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mobilevit.bundle import QuantizationRecord, read_manifest
from mobilevit.checkpoint import Checkpoint, load_checkpoint
from mobilevit.models.mobilevit import TransformerLayer
from mobilevit.prediction import predict
from mobilevit.runtimes.torch import TorchSession
from mobilevit_export import export
from mobilevit_export.photos import packaged_photos
from mobilevit_export.sensitivity import group_of, spread_groups
from mobilevit_export.verify import photo_pixels

GROUPS = [
    *("stem", "stage1", "stage2", "stage3", "stage3.transformer", "stage4"),
    *("stage4.transformer", "stage5", "stage5.transformer", "head"),
]


@pytest.fixture(scope="module")
def fragile() -> Checkpoint:
    """Computes what the shipped weights compute, but eight bits cannot hold what attention of
    stage 4 reads: one of its channels is thousands of times as large as the others."""
    checkpoint = load_checkpoint("mobilevit_xxs.imagenette")
    model = copy.deepcopy(checkpoint.model).eval()
    for layer in model.get_submodule("backbone.stage4").modules():
        if isinstance(layer, TransformerLayer):
            qkv, proj = layer.attention.qkv, layer.attention.proj
            value = 2 * proj.in_features  # the first row of the values
            with torch.no_grad():
                qkv.weight[value] *= 4096
                qkv.bias[value] *= 4096
                proj.weight[:, 0] /= 4096
    small = checkpoint.preprocessing.at_size((128, 128))
    return replace(checkpoint, model=model, preprocessing=small)


@pytest.fixture(scope="module")
def own_labels(fragile: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in folders of the classes that the float model puts them in."""
    folder = tmp_path_factory.mktemp("photos")
    photos = packaged_photos(48)
    pixels = photo_pixels(photos, fragile.preprocessing)
    chosen = predict(TorchSession(fragile), pixels).argmax(axis=1)
    for number, (photo, target) in enumerate(zip(photos, chosen, strict=True)):
        place = folder / fragile.classes[target]
        place.mkdir(exist_ok=True)
        photo.image.save(place / f"{number}.png")
    return folder


def made(bundle: Path) -> QuantizationRecord:
    [artifact] = read_manifest(bundle).artifacts
    assert artifact.quantization is not None
    return artifact.quantization


def test_layers_that_eight_bits_break_stay_in_float(
    fragile: Checkpoint, own_labels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    lines: list[str] = []
    result = export(
        fragile,
        out,
        formats=("onnx",),
        precisions=("int8",),
        calibration=own_labels,
        max_drop=0.1,
        report=lines.append,
    )
    assert not result.failures
    record = made(out)
    assert record.kept_float[0] == "stage4.transformer"
    assert record.top1_drop is not None
    assert record.top1_drop <= 0.1
    measured = [line.split(" in float")[0].strip() for line in lines if "nearer" in line]
    assert measured == GROUPS


def test_groups_follow_the_order_of_the_operations() -> None:
    found = [("scale", None), ("stem", "stem"), ("silu", None), ("conv", "head"), ("mean", None)]
    assert spread_groups(found) == {
        "scale": "stem",
        "stem": "stem",
        "silu": "stem",
        "conv": "head",
        "mean": "head",
    }


@pytest.mark.parametrize(
    ("name", "linear", "group"),
    [
        ("classifier.model.backbone.stem.conv.weight", False, "stem"),
        ("classifier.model.backbone.stage3.1.transformer.0.q.weight", True, "stage3.transformer"),
        ("classifier.model.backbone.stage3.1.undivided.fusion.conv.weight", False, "stage3"),
        ("classifier.model.classifier.weight", True, "head"),
        ("a.Sequential_stage2/b.Conv2d_conv;;a.Sequential_stage4/b.Conv2d_conv", False, "stage4"),
    ],
)
def test_a_layer_is_of_its_stage(name: str, linear: bool, group: str) -> None:
    assert group_of(name, linear) == group
