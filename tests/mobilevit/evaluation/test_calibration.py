"""The expected calibration error is Guo et al.'s."""

from __future__ import annotations

import numpy as np
import pytest

from mobilevit.evaluation.calibration import BINS, calibration_error, reliability


def error(confidences: list[float], right: list[bool], bins: int = BINS) -> float:
    return calibration_error(reliability(np.array(confidences, np.float32), np.array(right), bins))


def test_by_hand() -> None:
    # 15 bins: 0.9 and 0.92 are in (13/15, 14/15], 0.5 in (7/15, 8/15]
    confidences, right = [0.90, 0.92, 0.90, 0.50], [True, True, True, False]
    expected = 3 / 4 * abs(1 - 2.72 / 3) + 1 / 4 * abs(0 - 0.5)
    assert error(confidences, right) == pytest.approx(expected)
    # in one bin, what is too low makes up for what is too high
    assert error(confidences, right, bins=1) == pytest.approx(abs(3 / 4 - 3.22 / 4))
    assert error(confidences, right, bins=1) != pytest.approx(expected, abs=0.01)


def test_of_confidences_that_are_right_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.1, 1, 200_000)
    right = rng.random(200_000) < confidences
    assert calibration_error(reliability(confidences, right)) < 0.005
    # the same model, surer than it should be
    assert calibration_error(reliability(confidences**0.5, right)) > 0.1


def test_as_torchmetrics_has_it() -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.full(7, 0.3), 3000).astype(np.float32)
    targets = rng.integers(0, 7, 3000)
    theirs = metrics.multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(targets), num_classes=7, n_bins=BINS
    )
    ours = reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets)
    assert calibration_error(ours) == pytest.approx(float(theirs), abs=1e-6)


def test_bins_hold_their_upper_edge_and_no_image_is_lost() -> None:
    confidences = np.array([0.0, 0.2, 1.0, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    bins = reliability(confidences, np.array([True, True, True, False]), bins=5)
    assert [b.images for b in bins] == [1, 1, 0, 0, 2]  # the float32 of 0.2 is a little above it
    assert bins[2].accuracy is None
    assert bins[4].accuracy == 0.5
    exact = reliability(np.array([0.2]), np.array([True]), bins=5)
    assert [b.images for b in exact] == [1, 0, 0, 0, 0]
