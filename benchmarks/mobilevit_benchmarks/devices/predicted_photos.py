"""What runs in the emulated Python: every photo through one artifact.

    echo '{"artifact": …}' | qemu-aarch64 python predicted_photos.py

It reads one JSON object from stdin and answers with one on stdout:

    {"artifact", "runtime", "pixels", "probabilities"}
        -> {"runtime_version", "seconds"}, or {"error", "message", "hint"} of an error that the
           user can put right

`pixels` names a NumPy file with uint8 (images, H, W, 3), RGB, and `probabilities` the one that it
writes, with float32 (images, classes). `seconds` is of all photos, the emulator's time and nobody's
else.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from mobilevit.errors import InputError
from mobilevit.prediction import predict
from mobilevit.runtimes import RUNTIMES, load_session
from mobilevit_benchmarks.answering import answer


def predict_photos(artifact: str, runtime: str, pixels: str, probabilities: str) -> dict[str, Any]:
    """Load with one thread and run every photo.

    Raises:
        InputError: the artifact takes photos of another size.
        ConversionError: the runtime does not open the artifact.
    """
    photos = np.load(pixels, allow_pickle=False)
    session = load_session(Path(artifact), runtime, threads=1)
    height, width = photos.shape[1:3]
    for source in session.inputs:
        if sorted(source.shape[1:]) != sorted((height, width, 3)):
            raise InputError(f"`{artifact}` takes {source}, and not photos of {width}x{height}")
    began = perf_counter()
    given = predict(session, photos)
    seconds = perf_counter() - began
    np.save(probabilities, given, allow_pickle=False)
    return {"runtime_version": RUNTIMES[runtime].version(), "seconds": seconds}


if __name__ == "__main__":
    answer(predict_photos)
