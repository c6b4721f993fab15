"""What an app does, in a process of its own: load a bundle, label a photo. Run by any Python that
has the client:

    python client.py BUNDLE PHOTO

One JSON object on standard output: what it took, what it imported, what it answered.
"""

import sys
from time import perf_counter

# packages of the training, export and report side, which the client must do without
HEAVY = (
    "coremltools",
    "jax",
    "lightning",
    "litert_torch",
    "matplotlib",
    "mobilevit_export",
    "onnx",
    "pandas",
    "safetensors",
    "scipy",
    "skimage",
    "sklearn",
    "sympy",
    "tensorflow",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)


def main(bundle: str, photo: str) -> None:
    start = perf_counter()
    import mobilevit

    imported = perf_counter()
    client = mobilevit.load(bundle)
    predictions = client.classify(photo, top=5)
    labelled = perf_counter()
    loaded = [name for name in HEAVY if name in sys.modules]

    import json
    import re
    from importlib.util import find_spec
    from pathlib import Path

    # not ru_maxrss: on Linux a child inherits its parent's
    status = Path("/proc/self/status").read_text()
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)
    report = {
        "import_s": imported - start,
        "first_label_s": labelled - imported,
        "peak_bytes": int(peak[1]) * 1024 if peak else None,
        "heavy_loaded": loaded,
        # mobilevit_export is in the wheel; what it imports is not in a client's environment
        "heavy_installed": [n for n in HEAVY if n != "mobilevit_export" and find_spec(n)],
        "runtime": client.runtime.name,
        "runtime_version": client.runtime.version(),
        "artifact": client.artifact.file,
        "labels": [p.label for p in predictions],
        "probabilities": [p.probability for p in predictions],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
