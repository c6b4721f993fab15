"""The harnesses of this folder, for a few seconds each; their docstrings tell how to run them for
long."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


@pytest.mark.skipif(find_spec("atheris") is None, reason="needs atheris, which has Linux wheels")
@pytest.mark.parametrize(
    ("harness", "runs"), [("fuzz_image.py", 3000), ("fuzz_manifest.py", 600)], ids=["image", "json"]
)
def test_nothing_but_our_error_comes_out(harness: str, runs: int, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    options = ["-seed=1", "-timeout=20", "-max_len=20000", f"-runs={runs}", str(corpus)]
    done = subprocess.run(
        [sys.executable, str(FOLDER / harness), *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {runs} runs" in done.stderr
