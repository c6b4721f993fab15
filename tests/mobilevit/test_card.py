"""The card says what the manifest says, and nothing in the manifest can say more than it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from mobilevit.bundle import hash_artifact
from mobilevit.card import render_card
from mobilevit.cli import app
from mobilevit.errors import BundleError
from tests.hostile.cases import fake_bundle, sign

DATA = {"name": "photos", "images": 30, "sha256": "d" * 64}
TRAINING = {**DATA, "classes": {"a": 10, "b": 20}}
ACCURACY = {
    "runtime": "onnxruntime",
    "runtime_version": "1.31.1",
    "data": DATA,
    "top1": 0.8459,
    "top5": 0.9852,
    "measured": "2026-11-22T20:04:02+00:00",
}


def change(bundle: Path, **changes: Any) -> Path:
    """The manifest with some of it, or of its one artifact, changed, and signed anew."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    artifact = manifest["artifacts"][0]
    for key, value in changes.items():
        (manifest if key in manifest else artifact)[key] = value
    sign(bundle, manifest)
    return bundle


def with_labels(bundle: Path, labels: list[str]) -> Path:
    (bundle / "labels.txt").write_text("".join(f"{label}\n" for label in labels), "utf-8")
    manifest = json.loads((bundle / "manifest.json").read_text())
    count = len(labels)
    manifest["labels"] = {"sha256": hash_artifact(bundle / "labels.txt")[0], "count": count}
    manifest["artifacts"][0]["output"]["shape"] = [1, count]
    manifest["golden"][0]["probabilities"] = [1 / count] * count
    sign(bundle, manifest)
    return bundle


def parts(card: str) -> tuple[str, str]:
    """Front matter and text."""
    empty, front, text = card.split("---\n", 2)
    assert not empty
    return front, text


def html(card: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(parts(card)[1])


def sections(card: str) -> dict[str, str]:
    first, *rest = parts(card)[1].split("\n## ")
    return {"": first, **{text.split("\n")[0]: text for text in rest}}


def test_a_bare_manifest_claims_nothing(tmp_path: Path) -> None:
    card = render_card(fake_bundle(tmp_path))
    section = sections(card)
    assert "does not say what data it was trained on" in section["Training"]
    assert "has no recipe" in section["Training"]
    assert "accuracy of no artifact" in section["Accuracy"]
    assert "no latency" in section["Limits"]
    assert "Apple" not in card
    assert "model-index" not in parts(card)[0]
    assert "| `model.onnx` | not recorded | not recorded |" in section["Artifacts"]
    assert not {"Quantization", "Against fp32"} & section.keys()


def test_every_figure_of_the_manifest_is_there(tmp_path: Path) -> None:
    model = {
        "name": "mobilevit_xxs",
        "parameters": 954234,
        "checkpoint": "run/checkpoint.safetensors",
        "checkpoint_sha256": "c" * 64,
        "data": {"train": TRAINING},
        "recipe": {"epochs": 30, "train_sizes": [96, 128]},
        "measured": {"top1": 0.84586},
    }
    bundle = change(
        fake_bundle(tmp_path), model=model, accuracy=[ACCURACY], tools={"onnx": "1.23.2"}
    )
    section = sections(render_card(bundle))
    assert "954,234" in section[""]
    assert f"`{'c' * 64}`" in section[""]
    assert "| train | photos | 30 | 2, of 10 to 20 images | `dddddddddddd` |" in section["Training"]
    assert "| epochs | 30 |" in section["Training"]
    assert "| top1 | 0.84586 |" in section["Training"]
    assert "max(32 / height, 32 / width) / 0.9, bilinear" in section["Preprocessing"]
    assert "| `model.onnx` | onnx | fp32 | 0.00 MB |" in section["Artifacts"]
    assert "onnx 1.23.2" in section["Artifacts"]
    assert "| onnxruntime 1 | 1, folder | 0 (1) | 100.00% (100.00%) | no diff" in section["Parity"]
    assert "| photos | 30 | 84.59% | 98.52% | `dddddddddddd` |" in section["Accuracy"]
    assert "| `golden/0.png` | black | 0, 0 | 0, 0 |" in section["Golden and conformance sets"]
    assert "| 1 | b |" in section["Labels"]


def test_what_quantization_cost_and_whether_it_pays(tmp_path: Path) -> None:
    calibration = {"source": "photos", "images": 1280, "sha256": "e" * 64}
    quantization = {"calibration": calibration, "repairs": ["bias correction"], "max_drop": 0.01}
    sibling = {"file": "fp32.onnx", "runtime": "onnxruntime", "runtime_version": "1.31.1"}
    sibling |= {"machine": "a machine", "speedup": 0.81, "low": 0.799, "high": 0.82}
    fields = {"precision": "int8", "layout": "neural-engine", "needs": {"onnxruntime": "1.14"}}
    bundle = fake_bundle(
        tmp_path,
        {**fields, "quantization": quantization, "sibling": {**sibling, "faults": ["slower"]}},
    )
    section = sections(render_card(bundle))
    assert "| `model.onnx` | onnx | int8, neural-engine |" in section["Artifacts"]
    assert "| onnxruntime 1.14 |" in section["Artifacts"]
    assert (
        "| `model.onnx` | 1,280, photos, `eeeeeeeeeeee` | bias correction | none | not measured "
        "| not measured (1.00%) |"
    ) in section["Quantization"]
    assert (
        "| `model.onnx` | `fp32.onnx` | 0.81 (0.80 to 0.82) | onnxruntime 1.31.1 | a machine "
        "| slower |"
    ) in section["Against fp32"]
    weights_only = {"calibration": None, "agreement": 0.999, "top1_drop": -0.002, "max_drop": 0}
    section = sections(render_card(change(bundle, quantization=weights_only, sibling=None)))
    assert "| weights only | none | none | 99.90% | -0.20% (0.00%) |" in section["Quantization"]
    assert "Against fp32" not in section


def test_the_reference_evaluator_is_not_taken_for_apples_runtime(tmp_path: Path) -> None:
    bundle = fake_bundle(tmp_path)
    parity = json.loads((bundle / "manifest.json").read_text())["artifacts"][0]["parity"]
    change(bundle, parity={**parity, "runtime": "coreml_reference"})
    assert "not by Apple's runtime: `model.onnx`" in sections(render_card(bundle))["Limits"]


def test_front_matter_is_what_hugging_face_reads(tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(render_card(change(fake_bundle(tmp_path), accuracy=[ACCURACY])))
    assert card.data.library_name == "mobilevit-sdk"
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.tags == ["m", "onnx"]
    assert [(row.metric_type, row.metric_value) for row in card.data.eval_results] == [
        ("accuracy", 0.8459),
        ("accuracy", 0.9852),
    ]
    assert card.data.eval_results[0].dataset_name == "photos"


def test_long_lists_of_labels_are_cut_and_counted(tmp_path: Path) -> None:
    bundle = with_labels(fake_bundle(tmp_path), [f"label {number}" for number in range(1000)])
    labels = sections(render_card(bundle))["Labels"]
    assert "label 19" in labels
    assert "label 20" not in labels
    assert "980 more" in labels


HOSTILE = [
    "<script>alert(1)</script>",
    "[a](javascript:x)",
    "![a](x.png)",
    "`code`",
    "**bold**",
    "__init__",
    "a | b",
    "back\\",
    "&lt;b&gt;",
    "# heading",
    "- item",
    "---",
    "<!-- comment",
    "<http://x.y>",
    "{{ model }}",
    "{% raw %}",
    "\u202eright to left",
    "$x$",
    "~~gone~~",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_labels_are_text(tmp_path: Path, text: str) -> None:
    bundle = with_labels(fake_bundle(tmp_path), [text, "b"])
    model = json.loads((bundle / "manifest.json").read_text())["model"]
    plain = render_card(change(bundle, model={**model, "name": "n", "recipe": {"k": "v"}}))
    card = render_card(change(bundle, model={**model, "name": text, "recipe": {text: [text]}}))
    page = html(card)
    shown = text.replace("\u202e", " ")
    for sign_, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        shown = shown.replace(sign_, reference)
    assert f"<h1>{shown.strip()}</h1>" in page
    assert f"<td>{shown.strip()}</td>" in page
    # the same elements as with harmless names
    for sign_ in ("<td", "<tr", "<h", "<a", "<img", "<em", "<strong", "<code", "<li", "<hr", "<s"):
        assert page.count(sign_) == html(plain).count(sign_), sign_


def test_hostile_names_stay_within_their_quotes_in_the_front_matter(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    bundle = fake_bundle(tmp_path)
    model = json.loads((bundle / "manifest.json").read_text())["model"]
    for text in (*HOSTILE, 'a"\n---\nlicense: mit', "a\u2028b", "\U0001f600", "x: y"):
        change(bundle, model={**model, "name": text}, accuracy=[ACCURACY])
        front = yaml.safe_load(parts(render_card(bundle))[0])
        assert "license" not in front
        name = "".join(sign_ if sign_.isprintable() else " " for sign_ in text)
        assert front["tags"][0] == front["model-index"][0]["name"] == name


def test_a_changed_bundle_has_no_card(tmp_path: Path) -> None:
    bundle = fake_bundle(tmp_path)
    (bundle / "labels.txt").write_text("b\na\n")
    with pytest.raises(BundleError, match="not the file that was exported"):
        render_card(bundle)


def test_the_command_writes_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    bundle = fake_bundle(tmp_path)
    shown = CliRunner().invoke(app, ["card", str(bundle)])
    assert shown.exit_code == 0
    file = tmp_path / "cards" / "README.md"
    written = CliRunner().invoke(app, ["card", str(bundle), "--out", str(file)])
    assert written.exit_code == 0
    assert not written.stdout
    assert file.read_text("utf-8") == shown.stdout == render_card(bundle)
    assert [path.name for path in file.parent.iterdir()] == ["README.md"]
