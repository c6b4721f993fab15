"""Runtimes that nothing here is exported for: opened where they are installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mobilevit.errors import ConversionError, InputError
from mobilevit.runtimes import RUNTIMES, TensorSpec, load_session
from mobilevit_benchmarks.peers.exporters import EXPORTERS

NAMES = ("openvino", "executorch")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_run_as_it_was_written(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name, reason=f"needs {name}, which is no dependency")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    path = tmp_path / f"model{EXPORTERS[name].suffix}"
    image = torch.rand(1, 3, 8, 8)
    EXPORTERS[name].convert(model.requires_grad_(False), image, path)
    session = load_session(path)
    assert RUNTIMES[name].version()
    [source], [target] = session.inputs, session.outputs
    assert source == TensorSpec(source.name, (1, 3, 8, 8), "float32")
    assert target == TensorSpec(target.name, (1, 5), "float32")
    given = session.run({source.name: image.numpy()})[target.name]
    np.testing.assert_allclose(given, model(image).numpy(), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name, reason=f"needs {name}, which is no dependency")
    path = tmp_path / f"model{EXPORTERS[name].suffix}"
    path.write_bytes(b"no model")
    with pytest.raises(ConversionError, match="cannot open"):
        load_session(path)


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_not_installed_is_installed_by_its_own_name(name: str) -> None:
    absent = replace(RUNTIMES[name], packages=("not_there",))
    assert not absent.available
    with pytest.raises(InputError, match="`not_there` is not installed") as error:
        absent.require()
    assert error.value.hint == "pip install not_there"
