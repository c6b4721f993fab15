"""How often the verdict is right: equal things, and things that differ by a known load.

    python benchmarks/verdicts.py [--times 50] [--out build/verdicts]

The model is a stack of 40 equal convolutions on onnxruntime, one thread. Each time, three cases
are measured in turns: the model, a copy of its file (A/A: a winner would be wrong), and the model
with 2 convolutions more, which is 5 % more work (A/B: "slower" is right, and anything else wrong).
Results are kept in OUT and taken up again, so that a run may be interrupted.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mobilevit_benchmarks import (
    BenchmarkResult,
    ModelFacts,
    Subject,
    benchmark,
    compare,
)
from mobilevit_benchmarks.comparison import Verdict

LAYERS, MORE = 40, 2  # 5 %
CHANNELS, SIDE = 32, 48


def save_stack(path: Path, layers: int) -> Path:
    """`layers` convolutions of CHANNELS to CHANNELS, 3x3, on SIDE x SIDE pixels."""
    random = np.random.default_rng(0)
    shape = [1, CHANNELS, SIDE, SIDE]
    weights, nodes = [], []
    for layer in range(layers):
        kernel = random.standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32) / (3 * CHANNELS)
        weights.append(numpy_helper.from_array(kernel, f"kernel{layer}"))
        target = "y" if layer == layers - 1 else f"x{layer + 1}"
        nodes.append(
            helper.make_node("Conv", [f"x{layer}", f"kernel{layer}"], [target], pads=[1, 1, 1, 1])
        )
    graph = helper.make_graph(
        nodes,
        "stack",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        weights,
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("build/verdicts"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    base = save_stack(options.out / "stack.onnx", LAYERS)
    copy = Path(shutil.copyfile(base, options.out / "copy.onnx"))
    more = save_stack(options.out / "more.onnx", LAYERS + MORE)
    fact = ModelFacts(name="stack")
    subjects = [Subject(path, path.stem, fact) for path in (base, copy, more)]
    verdicts: dict[str, Counter[Verdict]] = {"copy": Counter(), "more": Counter()}
    ratios: dict[str, list[float]] = {"copy": [], "more": []}
    for time in range(options.times):
        kept = options.out / f"{time}.json"
        if not kept.exists():
            benchmark(subjects, report=lambda _: None).write(kept)
        for found in compare(BenchmarkResult.read(kept)):
            verdicts[found.name][found.verdict] += 1
            ratios[found.name].append(found.ratio.estimate)
            if found.name == "copy" and found.verdict in (Verdict.FASTER, Verdict.SLOWER):
                print(f"{kept}: a copy was called {found.verdict}: {found.ratio}")
    for name, what in (("copy", "A/A, the same twice"), ("more", "A/B, 5 % more work")):
        low, middle, high = np.percentile(ratios[name], (10, 50, 90))
        told = ", ".join(f"{count} {verdict}" for verdict, count in verdicts[name].most_common())
        print(f"{what}: {told}; ratio {middle:.3f} (p10-p90 {low:.3f}-{high:.3f})")


if __name__ == "__main__":
    main()
