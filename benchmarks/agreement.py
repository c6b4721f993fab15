"""Whether this benchmark's medians are those of independent tools, on the same files and threads.

    python benchmarks/agreement.py [BUNDLE] [--pairs 12] [--threads 1]

The other tools: for LiteRT, the one that comes with it (`ai_edge_litert.tools.
benchmark_litert_model`); for onnxruntime, a bare loop round `InferenceSession.run`, in a process
that imports nothing of this project. Ours and theirs take turns, in an order drawn anew, each in
processes of its own; the figure is the median over the pairs of ours over theirs.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from mobilevit.runtimes import load_session
from mobilevit_benchmarks import ModelFacts, ProtocolSettings, Subject, benchmark

RUNS = 80

BARE_LOOP = """
import json, sys, time
import numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
feeds = {
    x.name: (np.random.rand(*x.shape) * 255).astype("uint8" if "uint8" in x.type else "float32")
    for x in session.get_inputs()
}
times = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    session.run(None, feeds)
    times.append(time.perf_counter() - start)
print(json.dumps(sorted(times[20:])[len(times[20:]) // 2] * 1e3))
"""


def theirs_ms(artifact: Path, threads: int) -> float:
    """The median of the other tool."""
    if artifact.suffix == ".onnx":
        command = [sys.executable, "-c", BARE_LOOP, str(artifact), str(threads), str(RUNS + 20)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return float(json.loads(done.stdout))
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        tool = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model"]
        tool += ["--model", str(artifact), "--num_threads", str(threads)]
        tool += ["--warmup_runs", "20", "--num_runs", str(RUNS), "--result_json", result.name]
        subprocess.run(tool, check=True, capture_output=True)
        return float(json.load(result)["latency"]["median_ms"])


def ours_ms(artifact: Path, threads: int) -> float:
    settings = ProtocolSettings(launches=1, rounds=RUNS // 5, round_min_s=0)
    subject = Subject(artifact, artifact.name, ModelFacts(name=artifact.stem))
    result = benchmark([subject], threads=[threads], settings=settings, report=lambda _: None)
    return float(np.median(result.measurements[0].samples_ns)) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("build/latency/mobilevit_xxs"))
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for artifact in sorted(options.bundle.glob("*_fp32.*")):
        if artifact.suffix not in (".onnx", ".tflite"):
            continue
        load_session(artifact)  # says so if it cannot be run
        ratios, pair = [], {}
        for _ in range(options.pairs):
            for measure in random.sample((ours_ms, theirs_ms), 2):
                pair[measure] = measure(artifact, options.threads)
            ratios.append(pair[ours_ms] / pair[theirs_ms])
        low, middle, high = np.percentile(ratios, (10, 50, 90))
        print(
            f"{artifact.name}, {options.threads} thread(s): ours / theirs {middle:.3f} "
            f"(p10-p90 {low:.3f}-{high:.3f}, {len(ratios)} pairs); last pair "
            f"{pair[ours_ms]:.2f} and {pair[theirs_ms]:.2f} ms"
        )


if __name__ == "__main__":
    main()
