"""`.tflite` files under the oldest LiteRT that the client takes, for apps update more slowly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from mobilevit.bundle import read_manifest
from mobilevit.checkpoint import load_checkpoint
from mobilevit_export.tflite_file import add_buffer, read_model, write_model
from tests.conftest import quiet_export
from tests.devices.conftest import SCRATCH
from tests.devices.installs import environment_of_its_own

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

OLDEST = "1.4.0"  # as the extra `litert` in pyproject.toml says
# of probabilities, between two versions of XNNPACK; integers may round the other way
TOLERANCES = {"fp32": 1e-5, "fp16": 1e-5, "int8": 0.03, "int8-weights": 1e-5}
PROGRAM = """
import json, sys
from importlib.metadata import version
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
[image], [output] = interpreter.get_input_details(), interpreter.get_output_details()
pixels = np.random.default_rng(0).integers(0, 256, image["shape"]).astype(image["dtype"])
interpreter.set_tensor(image["index"], pixels)
interpreter.invoke()
operations = [operation["op_name"] for operation in interpreter._get_ops_details()]
print(json.dumps({
    "version": version("ai-edge-litert"),
    "partitions": operations.count("DELEGATE"),
    "probabilities": interpreter.get_tensor(output["index"])[0].tolist(),
}))
"""


@pytest.fixture(scope="module")
def oldest() -> dict[str, str]:
    """The environment of a Python that imports it."""
    folder = SCRATCH / f"litert-{OLDEST}"
    clean = environment_of_its_own()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--upgrade", "--target", str(folder), f"ai-edge-litert=={OLDEST}"]
    subprocess.run(pip, env=clean, check=True)
    return {**clean, "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shipped XXS at a small size, by precision."""
    checkpoint = load_checkpoint("mobilevit_xxs.imagenette")
    small = replace(checkpoint, preprocessing=checkpoint.preprocessing.at_size((128, 128)))
    out = tmp_path_factory.mktemp("oldest") / "bundle"
    quiet_export(small, out, formats=("tflite",), precisions=tuple(TOLERANCES), images=16)
    return {record.precision: out / record.file for record in read_manifest(out).artifacts}


def opened(path: Path, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("precision", TOLERANCES)
def test_it_opens_as_one_partition_and_gives_the_same(
    oldest: dict[str, str], files: dict[str, Path], precision: str
) -> None:
    old, new = opened(files[precision], oldest), opened(files[precision], dict(os.environ))
    assert old["version"] == OLDEST != new["version"]
    assert old["partitions"] == new["partitions"] == 1
    np.testing.assert_allclose(
        old["probabilities"], new["probabilities"], rtol=0, atol=TOLERANCES[precision]
    )


def test_a_bias_of_another_type_than_its_weights_would_be_seen(
    oldest: dict[str, str], files: dict[str, Path], tmp_path: Path
) -> None:
    """The control: what keeps fp16 in one partition, taken back for one convolution."""
    model = read_model(files["fp16"])
    [graph] = model.subgraphs
    convolution = next(
        operator
        for operator in graph.operators
        if operator.builtinOptionsType == schema.BuiltinOptions.Conv2DOptions
    )
    bias = convolution.inputs[2]
    [unpacking] = [operator for operator in graph.operators if bias in operator.outputs]
    graph.operators.remove(unpacking)
    halves = model.buffers[graph.tensors[unpacking.inputs[0]].buffer].data
    floats = np.frombuffer(halves, np.float16).astype(np.float32)
    graph.tensors[bias].buffer = add_buffer(model, floats.tobytes())
    changed = tmp_path / "changed.tflite"
    write_model(model, changed)
    assert opened(changed, dict(os.environ))["partitions"] == 1
    assert opened(changed, oldest)["partitions"] > 1
