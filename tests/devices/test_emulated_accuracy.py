"""Halves on emulated arm64 processors: computed where the processor has them, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mobilevit.checkpoint import Checkpoint
from mobilevit.graph import ClassifierGraph
from mobilevit.prediction import Pixels, Probabilities, predict
from mobilevit.runtimes import load_session
from mobilevit_benchmarks.devices.emulated_predictions import predict_emulated
from mobilevit_benchmarks.emulated_accuracy import without_halves
from mobilevit_export.formats import FORMATS, ExportSpec
from mobilevit_export.photos import packaged_photos
from mobilevit_export.verify import photo_pixels

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

WITH, WITHOUT = "cortex-a76", "cortex-a57"  # half arithmetic


@pytest.fixture(scope="module")
def halves(small_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = small_checkpoint
    spec = ExportSpec(
        "fp16", "image", checkpoint.preprocessing, tuple(checkpoint.labels), checkpoint.name
    )
    path = tmp_path_factory.mktemp("halves") / "fp16.tflite"
    graph = ClassifierGraph(checkpoint.model, checkpoint.preprocessing).eval()
    FORMATS["tflite"].convert(graph, spec).save(spec, path)
    return path


@pytest.fixture(scope="module")
def pixels(small_checkpoint: Checkpoint) -> Pixels:
    return photo_pixels(packaged_photos(3), small_checkpoint.preprocessing)


@pytest.fixture(scope="module")
def answers(
    halves: Path, pixels: Pixels, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, bool], Probabilities]:
    """Of both processors, with the entry and without."""
    control = tmp_path_factory.mktemp("control") / "control.tflite"
    assert without_halves(halves, control)
    return {
        (cpu, allowed): predict_emulated(path, pixels, cpu=cpu).probabilities
        for cpu in (WITH, WITHOUT)
        for path, allowed in ((halves, True), (control, False))
    }


def test_halves_are_computed_where_the_processor_has_them(
    halves: Path, pixels: Pixels, answers: dict[tuple[str, bool], Probabilities]
) -> None:
    here = predict(load_session(halves, "litert"), pixels)  # in floats
    np.testing.assert_array_equal(answers[WITHOUT, True], answers[WITHOUT, False])
    np.testing.assert_allclose(answers[WITHOUT, True], here, rtol=0, atol=1e-5)
    assert 1e-5 < np.abs(answers[WITH, True] - here).max() < 0.02
    for given in answers.values():
        np.testing.assert_array_equal(given.argmax(axis=1), here.argmax(axis=1))


def test_control_without_the_entry_both_processors_give_the_same_bits(
    answers: dict[tuple[str, bool], Probabilities],
) -> None:
    np.testing.assert_array_equal(answers[WITH, False], answers[WITHOUT, False])
    assert not np.array_equal(answers[WITH, True], answers[WITHOUT, True])
