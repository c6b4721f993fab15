"""timm's model with the shipped weights is the same function, and it is known when it is not."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from mobilevit.checkpoint import load_checkpoint
from mobilevit.errors import ConversionError
from mobilevit_benchmarks.peers.twin import TOLERANCE, timm_twin
from tests.conftest import sample_pixels

pytest.importorskip("timm", reason="needs the `peers` extra")


def test_timms_model_computes_the_same() -> None:
    checkpoint = load_checkpoint("mobilevit_xxs.imagenette")
    twin = timm_twin(checkpoint, sample_pixels())
    assert type(twin).__module__.startswith("timm.") and not twin.training
    unseen = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        difference = (twin(unseen) - checkpoint.model(unseen)).abs().max()
    assert difference <= TOLERANCE


def test_control_another_function_with_the_same_weights_is_refused() -> None:
    checkpoint = load_checkpoint("mobilevit_xxs.imagenette")
    other = deepcopy(checkpoint.model)
    other.get_submodule("backbone.stage3.1.norm").eps = 1e-2  # type: ignore[assignment]
    with pytest.raises(ConversionError, match=r"differs by .* of a logit"):
        timm_twin(replace(checkpoint, model=other), sample_pixels())
