"""The report has every figure, each counted rightly, and shows any label as text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner

from mobilevit.bundle import ClassSummary, read_manifest
from mobilevit.checkpoint import Checkpoint, save_checkpoint
from mobilevit.cli import app
from mobilevit.evaluation.accuracy import Accuracy
from mobilevit.evaluation.calibration import reliability
from mobilevit.evaluation.records import (
    EvaluationReport,
    Result,
    class_figures,
    confusion_matrix,
    make_report,
    result_of,
    worst_classes,
)
from mobilevit.evaluation.report import write_report
from tests.conftest import quiet_export, write_photos

FILES = {"report.json", "report.md", "confusion.png", "reliability.png"}
HOSTILE = "a | b\n# <script>x</script> [l](u) $x_1$ \x1b[31m\u202e`{{ 7 * 7 }}`"


def measured(labels: list[str], images: int = 20) -> Result:
    """Of answers that are right more often in later classes."""
    rng = np.random.default_rng(0)
    size = len(labels)
    targets = np.repeat(np.arange(size), images)
    shift = rng.random(len(targets)) > np.linspace(0.4, 0.95, size)[targets]
    answers = (targets + shift) % size
    row = Accuracy(
        name="model.onnx (onnxruntime)",
        images=len(targets),
        top1=float((answers == targets).mean()),
        top5=1.0,
        agreement=None,
        answers=dict(Counter(zip(targets.tolist(), answers.tolist(), strict=True))),
        reliability=reliability(rng.uniform(0.3, 1, len(targets)), answers == targets),
    )
    origin = {"sha256": "a" * 64, "runtime": "onnxruntime", "runtime_version": "1"}
    return result_of(row, labels, **origin)


def report_of(result: Result) -> EvaluationReport:
    data = ClassSummary(name="photos", images=result.images, sha256="b" * 64, classes={})
    return make_report("model.onnx", data, [result])


def test_recall_and_precision_are_those_of_the_counts() -> None:
    # cat: 4 images, 3 right; dog: 2 images, none right; owl: none, and taken for once
    answers = {(0, 0): 3, (0, 2): 1, (1, 0): 2}
    cat, dog, owl = class_figures(answers, ["cat", "dog", "owl"])
    assert (cat.images, cat.recall, cat.precision) == (4, 3 / 4, 3 / 5)
    assert (dog.images, dog.recall, dog.precision) == (2, 0, None)
    assert (owl.images, owl.recall, owl.precision) == (0, None, 0)


def test_the_worst_classes_and_the_most_frequent_confusions_come_first() -> None:
    answers = {(0, 0): 3, (0, 1): 1, (1, 0): 4, (1, 1): 1, (2, 2): 5, (2, 0): 1}
    row = Accuracy("x", 15, 9 / 15, 1.0, None, answers, None)
    labels = ["cat", "dog", "owl", "never"]
    result = result_of(row, labels, sha256="a" * 64, runtime="torch", runtime_version="2")
    assert [(c.label, c.given, c.images) for c in result.confusions] == [
        (1, 0, 4), (0, 1, 1), (2, 0, 1),
    ]  # fmt: skip
    assert [c.label for c in worst_classes(result, 2)] == ["dog", "cat"]
    assert result.calibration is None  # of probabilities that are not finite


def test_the_matrix_is_the_one_of_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(2)
    targets, answers = rng.integers(0, 5, 400), rng.integers(0, 6, 400)  # the last has no images
    counts = Counter(zip(targets.tolist(), answers.tolist(), strict=True))
    row = Accuracy("x", 400, float((targets == answers).mean()), 1.0, None, dict(counts), None)
    result = result_of(row, list("abcdef"), sha256="a" * 64, runtime="torch", runtime_version="2")
    theirs = metrics.multiclass_confusion_matrix(
        torch.from_numpy(answers), torch.from_numpy(targets), num_classes=6
    )
    matrix = confusion_matrix(result)
    assert np.array_equal(matrix, theirs.numpy())
    assert not np.array_equal(matrix.T, theirs.numpy())
    assert matrix.sum() == 400


def test_the_record_has_everything_and_no_field_it_does_not_know(tmp_path: Path) -> None:
    result = measured([f"class {i}" for i in range(10)])
    write_report(report_of(result), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    text = (tmp_path / "out" / "report.json").read_text()
    assert EvaluationReport.model_validate_json(text).results == (result,)
    right = sum(round((c.recall or 0) * c.images) for c in result.classes)
    assert right + sum(c.images for c in result.confusions) == result.images
    assert result.top1 == pytest.approx(right / result.images)
    with pytest.raises(ValidationError, match="more"):
        EvaluationReport.model_validate({**json.loads(text), "more": 1})
    with pytest.raises(ValidationError, match="schema_version"):
        EvaluationReport.model_validate({**json.loads(text), "schema_version": 2})


def test_many_classes_are_cut_and_counted(tmp_path: Path) -> None:
    labels = [f"class {i}" for i in range(1000)]
    write_report(report_of(measured(labels)), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "The 20 with the lowest recall, of 1,000" in text
    assert text.count("\n| class ") == 20 + 20 + 2  # classes, confusions, two headings
    sides = [Image.open(tmp_path / name).size for name in ("confusion.png", "reliability.png")]
    assert all(400 < side < 2000 for size in sides for side in size)


@pytest.mark.parametrize("count", [2, 10, 40])
def test_a_hostile_label_is_text_in_every_file(tmp_path: Path, count: int) -> None:
    plain = [f"class {i}" for i in range(count)]
    write_report(report_of(measured(plain)), tmp_path / "plain")
    write_report(report_of(measured([HOSTILE, *plain[1:]])), tmp_path / "hostile")
    pages = {}
    for name in ("plain", "hostile"):
        text = (tmp_path / name / "report.md").read_text()
        assert all(sign.isprintable() or sign == "\n" for sign in text)
        pages[name] = MarkdownIt("commonmark").enable("table").render(text)
    assert "a | b # &lt;script&gt;x&lt;/script&gt; [l](u) $x_1$" in pages["hostile"]
    assert "{{ 7 * 7 }}" in pages["hostile"]
    for element in ("<td", "<tr", "<h", "<a", "<img", "<code", "<s"):
        assert pages["hostile"].count(element) == pages["plain"].count(element), element


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["eval", *arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_the_command_shows_and_writes_what_it_measured(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    labels = [HOSTILE, *small_checkpoint.labels[1:]]
    named = Checkpoint(**{**vars(small_checkpoint), "labels": labels})
    save_checkpoint(tmp_path / "c.safetensors", named)
    data = write_photos(tmp_path / "data", tuple("abcde"), 3)
    subject = (str(tmp_path / "c.safetensors"), "--data", str(data))
    shown = run(*subject, "--out", str(tmp_path / "out"))
    assert all(sign.isprintable() or sign == "\n" for sign in shown)
    for heading in ("ECE", "lowest recall, of 5", "most confused"):
        assert heading in shown
    record = EvaluationReport.model_validate_json((tmp_path / "out" / "report.json").read_text())
    [row] = json.loads(run(*subject, "--json"))
    assert Result.model_validate(row) == record.results[0]
    assert [c["images"] for c in row["classes"]] == [3] * 5
    assert row["runtime"] == "torch"
    assert record.data.classes == dict.fromkeys("abcde", 3)


def test_a_bundle_is_reported_beside_it_and_not_in_it(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    quiet_export(small_checkpoint, bundle, formats=["onnx"], images=2)
    data = write_photos(tmp_path / "data", tuple("abcde"), 1)
    arguments = ["eval", str(bundle), "--data", str(data), "--no-record", "--out"]
    refused = CliRunner().invoke(app, [*arguments, str(bundle / "report")])
    assert refused.exit_code == 2
    assert "is in the bundle" in refused.stderr
    assert CliRunner().invoke(app, ["verify", str(bundle)]).exit_code == 0
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    assert "same top-1" in done.stdout
    record = EvaluationReport.model_validate_json((tmp_path / "out" / "report.json").read_text())
    fp32, fp16 = record.results
    hashes = [artifact.sha256 for artifact in read_manifest(bundle).artifacts]
    assert [fp32.sha256, fp16.sha256] == hashes
    assert fp16.agreement is not None
    assert fp16.agreement.other == fp32.name
    page = (tmp_path / "out" / "report.md").read_text()
    assert "What follows is of" in page
