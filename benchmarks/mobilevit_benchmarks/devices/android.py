"""An Android phone, over adb. The app of android_demo/ runs the plan there, as an instrumentation.

The plan goes to /data/local/tmp, which adb may write and apps may read. The app writes its records
to its own folder on the shared storage, which it may write and adb may read, and reports each
besides, so that they stream. It goes on when adb is gone: a run that was cut off is stopped, and
what it left is removed, as soon as the phone can be reached; at the latest before the next run.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mobilevit.errors import ConversionError, InputError, SdkError

from ..cases import Offer, Subject, subjects_by_hash
from ..measurement import BenchmarkResult, ToolFigures
from ..plan import RECORDS_FILE
from ..records import DeviceDescription, DeviceState
from . import Device
from .adb import Adb
from .android_facts import describe, state
from .benchmark_model import run_benchmark_model
from .instrumentation import Finished, not_installed, read_instrumentation

if TYPE_CHECKING:
    from adbutils import AdbClient

PACKAGE = "org.mobilevit.demo"
PATIENCE_S = 60.0

_PLANS = "/data/local/tmp"
_FOLDER = "mobilevit-benchmark-"
_SLACK_BYTES = 16 << 20


class AndroidDevice:
    """The runner is the app.

    Args:
        serial: adb's; None where it sees one phone only.
        package: of the app.
        client: of adb's server; None for the usual one.
        patience_s: how long the phone may be silent: for a run, longer than its longest round.
    """

    runtimes: Offer | None = None

    def __init__(
        self,
        serial: str | None = None,
        *,
        package: str = PACKAGE,
        client: AdbClient | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.address = "android" if serial is None else f"android:{serial}"
        self._package = package
        self._component = f"{package}/.BenchmarkInstrumentation"
        self._adb = Adb(serial, client, patience_s)
        name = _FOLDER + secrets.token_hex(4)
        self._own_folders = f"/sdcard/Android/data/{package}/files"
        self._plan = f"{_PLANS}/{name}"
        self._records = f"{self._own_folders}/{name}"
        self._hurry_s = min(patience_s, 5.0)  # when cleaning up, with an error to be told

    def __enter__(self) -> AndroidDevice:
        """Raises:
        InputError: the phone cannot be used, or lacks the app.
        ConversionError: the app does not say what it has.
        """
        self._adb.choose()
        self.address = f"android:{self._adb.serial}"
        installed = f"pm path {self._package} > /dev/null && echo installed || true"
        if not self._adb.script(installed):
            raise not_installed(self._component)
        self._clean(f"{_FOLDER}*")
        described = self._ask_app()
        self.runtimes = {name: tuple(delegates) for name, delegates in described.items()}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(SdkError):  # out of reach: the next run cleans up
            if self._adb.wait(self._hurry_s):
                self._clean(self._plan.rpartition("/")[2])

    def describe(self) -> DeviceDescription:
        version = self._adb.script(
            f"dumpsys package {self._package} | grep -m 1 versionName || true"
        ).partition("=")[2]
        return describe(self._adb, self.address, f"{self._package} {version}".strip())

    def state(self) -> DeviceState:
        return state(self._adb)

    def push(self, folder: Path) -> None:
        needed = _SLACK_BYTES + sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        free = int(self._adb.shell("df", "-k", _PLANS).splitlines()[-1].split()[3]) * 1024
        if free < needed:
            raise InputError(
                f"no room on phone `{self._adb.serial}`: {needed >> 20} MB are needed, and "
                f"{free >> 20} MB are free",
                "remove apps or photos from it",
            )
        self._adb.shell("mkdir", "-m", "755", self._plan)
        for file in (path for path in folder.rglob("*") if path.is_file()):
            self._adb.send(file, f"{self._plan}/{file.relative_to(folder).as_posix()}")
        self._adb.shell("chmod", "-R", "a+rX", self._plan)  # the app is another user

    def run(self) -> Generator[str, None, None]:
        yield from self._instrument("record", plan=self._plan, records=self._records)

    def pull(self) -> str:
        return self._adb.shell("cat", f"{self._records}/{RECORDS_FILE}")

    def run_tool(self, tool: Path, artifact: Path, threads: int, delegate: str) -> ToolFigures:
        """Run Google's `benchmark_model` on an artifact, as `run_benchmark_model` does.

        Raises:
            InputError: a file is missing, or the delegate is unknown.
            ConversionError: the tool measures nothing, or the phone is lost.
        """
        folder = f"{self._plan}/tool"
        return run_benchmark_model(self._adb, folder, tool, artifact, threads, delegate)

    def _ask_app(self) -> Mapping[str, list[str]]:
        """The runtimes in the app, and the delegates of each."""
        with closing(self._instrument("runtimes", describe="true")) as answers:
            for answer in answers:
                offer: Mapping[str, list[str]] = json.loads(answer)
                return offer
        raise ConversionError(
            f"`{self._component}` does not say what it can time",
            "build and install the app of this release",
        )

    def _instrument(self, key: str, **options: str) -> Generator[str, None, None]:
        """What the app reports as `key`, as lines."""
        words = ["am", "instrument", "-w", "-r"]
        for name, value in options.items():
            words += ["-e", name, value]
        finished = False
        try:
            with closing(self._adb.lines(*words, self._component)) as lines:
                for reported in read_instrumentation(lines, self._component):
                    if isinstance(reported, Finished):
                        finished = True
                    elif key in reported:
                        yield reported[key] + "\n"
        finally:
            if not finished:  # the app does not know that nobody listens
                with suppress(SdkError):  # out of reach: so does leaving, or the next run
                    self._adb.script(f"am force-stop {self._package}", self._hurry_s)
        if not finished:
            raise ConversionError(f"`{self._component}` ended early, and did not say why")

    def _clean(self, name: str) -> None:
        """Stop the app, and remove its folders of that name, which may be a pattern."""
        assert re.fullmatch(rf"{_FOLDER}([0-9a-f]+|\*)", name)  # it is not quoted
        self._adb.script(
            f"am force-stop {self._package}; rm -rf {_PLANS}/{name} {self._own_folders}/{name}",
            self._hurry_s,
        )


def with_tool_figures(
    result: BenchmarkResult,
    subjects: Sequence[Subject],
    device: Device,
    tool: Path,
    *,
    report: Callable[[str], None] = print,
) -> BenchmarkResult:
    """`result` with what Google's `benchmark_model` prints of its `.tflite` artifacts, given the
    same threads and delegates.

    Args:
        device: the phone that was measured.
        tool: the binary, of the phone's kind.

    Raises:
        InputError: the device is not a phone over adb, or as `run_benchmark_model`.
        ConversionError: as `run_benchmark_model`.
    """
    if not isinstance(device, AndroidDevice):
        raise InputError("`benchmark_model` runs on `--device android`", "leave it out elsewhere")
    by_hash = {sha256: x.artifact for sha256, x in subjects_by_hash(subjects).items()}
    figures = []
    with device:
        for m in result.measurements:
            artifact = by_hash[m.artifact_sha256]
            if m.batch != 1 or artifact.suffix != ".tflite":
                continue
            told = device.run_tool(tool, artifact, m.threads, m.delegate)
            figures.append(told)
            report(f"{told.tool} of {told.artifact}: mean {told.mean_us / 1e3:.2f} ms")
    return result.model_copy(update={"tools": tuple(figures)})
