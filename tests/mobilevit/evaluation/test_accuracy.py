"""Accuracy of artifacts: counted rightly, compared with each other, and kept in the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from mobilevit.bundle import read_manifest
from mobilevit.cli import app
from mobilevit.data.image_folder import ImageFolder, scan, summarize
from mobilevit.errors import InputError
from mobilevit.evaluation.accuracy import evaluate, open_folder
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import TensorSpec
from tests.conftest import write_photos

RECORD = Preprocessing(image_size=(32, 32))


class Scripted:
    """A session that answers with given rows, whatever it is shown."""

    inputs = (TensorSpec("image", (1, 32, 32, 3), "uint8"),)
    outputs = (TensorSpec("probabilities", (1, 6), "float32"),)

    def __init__(self, rows: list[list[float]]) -> None:
        self.rows = iter(rows)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {"probabilities": np.array([next(self.rows)], np.float32)}


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    return scan(write_photos(tmp_path / "data", tuple("abcdef"), 1))


def test_counts_and_agreement_are_those_of_the_rows(folder: ImageFolder) -> None:
    # the right class is the row's number; by hand: top-1 of rows 0, 1, 2; row 5's is the last
    first = [
        [0.5, 0.2, 0.1, 0.09, 0.06, 0.05],
        [0.2, 0.5, 0.1, 0.09, 0.06, 0.05],
        [0.2, 0.1, 0.5, 0.09, 0.06, 0.05],
        [0.5, 0.2, 0.1, 0.09, 0.06, 0.05],
        [0.5, 0.2, 0.1, 0.09, 0.06, 0.05],
        [0.5, 0.2, 0.1, 0.09, 0.06, 0.05],
    ]
    second = [row.copy() for row in first]
    second[0][0:2] = [0.2, 0.5]  # labels that were 0.3 apart change places
    second[5][4:6] = [0.05, 0.06]  # 0.01 apart, the last of them out of the five
    one, two = evaluate({"one": Scripted(first), "two": Scripted(second)}, folder, RECORD)
    assert (one.images, one.top1, one.top5) == (6, 3 / 6, 5 / 6)
    assert (two.images, two.top1, two.top5) == (6, 2 / 6, 6 / 6)
    assert one.agreement is None
    assert two.agreement is not None
    assert (two.agreement.other, two.agreement.same_top1, two.agreement.same_top5) == ("one", 5, 4)
    assert two.agreement.widest_swap == pytest.approx(0.3)


def test_every_answer_is_counted_where_it_belongs(folder: ImageFolder) -> None:
    """By hand; then with the photos of two classes under each other's name."""
    rows = np.full((6, 6), 0.1) + 0.4 * np.eye(6)[[0, 1, 2, 0, 0, 5]]
    [right] = evaluate({"x": Scripted(rows.tolist())}, folder, RECORD)
    assert right.answers == {(0, 0): 1, (1, 1): 1, (2, 2): 1, (3, 0): 1, (4, 0): 1, (5, 5): 1}
    assert right.top1 == 4 / 6
    other = {0: 1, 1: 0}
    samples = tuple((path, other.get(target, target)) for path, target in folder.samples)
    [wrong] = evaluate({"x": Scripted(rows.tolist())}, replace(folder, samples=samples), RECORD)
    assert wrong.answers == {(1, 0): 1, (0, 1): 1, (2, 2): 1, (3, 0): 1, (4, 0): 1, (5, 5): 1}
    assert wrong.top1 == 2 / 6
    assert right.reliability is not None and wrong.reliability is not None
    # as sure as before, and less often right
    [before], [after] = ([b for b in r.reliability or () if b.images] for r in (right, wrong))
    assert (before.images, before.confidence, before.accuracy) == (6, pytest.approx(0.5), 4 / 6)
    assert (after.images, after.confidence, after.accuracy) == (6, pytest.approx(0.5), 2 / 6)


def test_probabilities_that_are_not_numbers_have_no_calibration(folder: ImageFolder) -> None:
    rows = np.full((6, 6), 0.1) + 0.4 * np.eye(6)
    rows[3] = np.nan
    [row] = evaluate({"x": Scripted(rows.tolist())}, folder, RECORD)
    assert row.reliability is None
    assert row.images == sum(row.answers.values()) == 6


def test_a_part_of_the_photos_is_evenly_spread(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "data", ("a", "b"), 10)
    part = open_folder(root, (), 2, images=4)
    assert [(path.parent.name, path.stem) for path, _ in part.samples] == [
        ("a", "0"), ("a", "5"), ("b", "0"), ("b", "5"),
    ]  # fmt: skip
    assert len(open_folder(root, (), 2, images=99).samples) == 20
    with pytest.raises(InputError, match="cannot evaluate on 0 images"):
        open_folder(root, (), 2, images=0)


def test_a_summary_changes_with_any_photo(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "val", ("a", "b"), 3)
    before = summarize(scan(root))
    assert (before.images, before.classes) == (6, {"a": 3, "b": 3})
    assert before.name == f"{tmp_path.name}/val"
    assert summarize(scan(root)) == before
    (root / "a" / "0.jpg").write_bytes((root / "b" / "0.jpg").read_bytes())
    assert summarize(scan(root)).sha256 != before.sha256


def test_eval_writes_the_accuracy_into_the_manifest_once(bundle: Path, tmp_path: Path) -> None:
    data = write_photos(tmp_path / "data", tuple("abcde"), 2)
    names = [f"mobilevit_xxs_{p}.{s}" for s in ("onnx", "tflite") for p in ("fp32", "fp16")]

    def run(*options: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(app, ["eval", str(bundle), "--data", str(data), *options])
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout) if "--json" in options else []

    rows = run("--json", "--no-record")
    assert not any(artifact.accuracy for artifact in read_manifest(bundle).artifacts)
    run()
    run()  # the same photos again replace the figure
    records = {a.file: a.accuracy for a in read_manifest(bundle).artifacts}
    assert set(names) <= records.keys()
    for row, (file, accuracy) in zip(rows, records.items(), strict=True):
        assert row["name"].startswith(file)
        assert [(record.top1, record.top5) for record in accuracy] == [(row["top1"], row["top5"])]
        assert accuracy[0].data.images == 10
    assert CliRunner().invoke(app, ["verify", str(bundle)]).exit_code == 0
    run("--images", "4")
    assert len(read_manifest(bundle).artifacts[0].accuracy) == 2
