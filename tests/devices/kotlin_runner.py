"""The app's benchmark entry point as a program, as `make -C android_demo/ci runner` builds it."""

from __future__ import annotations

from tests.devices.installs import REPOSITORY

_BUILT = REPOSITORY / "android_demo" / "build" / "runner"
JAR = _BUILT / "runner.jar"
JAVA = _BUILT / "java"  # a Java that runs it

NOT_BUILT = (
    None
    if JAR.is_file() and (JAVA / "release").is_file()
    else "the app's entry point is not built: make -C android_demo/ci runner"
)
