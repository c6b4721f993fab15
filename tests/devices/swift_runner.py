"""The app's benchmark entry point as a program, as `make -C ios_demo/ci build` builds it.

Where the Swift of a Debian 13 in a folder built it, it runs outside of that by the loader and the
libraries in there, and sees what any other program sees.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.devices.installs import REPOSITORY

_PROGRAM = REPOSITORY / "ios_demo" / "build" / "swift" / "release" / "mobilevit-bench"

NOT_BUILT = (
    None if _PROGRAM.is_file() else "the app's entry point is not built: make -C ios_demo/ci build"
)


def command() -> list[str]:
    """What starts it, before its arguments. `ios_demo/ci/swift` says where the folder is."""
    named = os.environ.get("MOBILEVIT_SWIFT_ROOT")
    if named is None and shutil.which("swift") is not None:
        return [str(_PROGRAM)]
    cache = os.environ.get("MOBILEVIT_CACHE", str(Path.home() / ".cache" / "mobilevit-sdk"))
    root = Path(named or f"{cache}/swift-trixie")
    loader = max(root.glob("lib*/ld-linux-*.so.*"))  # lib64 where there is one
    libraries = [*root.glob("usr/lib/*-linux-gnu"), root / "usr/libexec/swift/lib/swift/linux"]
    return [str(loader), "--library-path", os.pathsep.join(map(str, libraries)), str(_PROGRAM)]
