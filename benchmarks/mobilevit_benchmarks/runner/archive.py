"""The runner as one file: what `python runner.pyz` needs, and nothing that imports more."""

from __future__ import annotations

import zipfile
from importlib.resources import files
from pathlib import Path

RUNNER_FILE = "runner.pyz"

_MODULES = {
    "mobilevit": ("__init__.py", "errors.py", "capture.py"),
    "mobilevit.runtimes": ("__init__.py", "base.py", "onnxruntime.py", "litert.py"),
    "mobilevit_benchmarks": ("__init__.py",),
    "mobilevit_benchmarks.runner": (
        "__init__.py",
        "__main__.py",
        "conduct.py",
        "machine.py",
        "processes.py",
        "sentinel.py",
        "worker.py",
    ),
}
_MAIN = "from mobilevit_benchmarks.runner.__main__ import main\n\nmain()\n"


def write_archive(path: Path) -> None:
    """Write the zip application to `path`; the same sources give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for package, names in _MODULES.items():
            for name in names:
                source = files(package).joinpath(name).read_bytes()
                archive.writestr(_entry(f"{package.replace('.', '/')}/{name}"), source)
        archive.writestr(_entry("__main__.py"), _MAIN)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, and not of now
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
