"""The way to a phone on a Mac: Apple's `xcrun devicectl`, of Xcode 16 or later.

Written from `devicectl help` and its answers as public repositories quote them; it has never run.

- `--json-output FILE` is the form that Apple keeps stable; what is printed besides is for people.
- `process launch --console` connects the app's standard streams to devicectl's, and forwards
  signals to it, but not to an app that ran already: hence `--terminate-existing`. It buffers what
  the app prints unless it writes to a terminal, so it is given one.
- `copy to` of a folder puts the folder's content into the destination. `--remove-existing-content`
  is never given: it was seen to clear all of `Documents`. There is no command that removes a file,
  so the app does it.
"""

from __future__ import annotations

import codecs
import errno
import itertools
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import tty
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pydantic import BaseModel, ValidationError

from mobilevit.errors import ConversionError, InputError, SdkError, first_fault

from ..plan import PLAN_FILE, RECORDS_FILE
from ..records import DeviceState
from . import iphone
from .iphone import BUNDLE_ID, RUNS, Phone

_INSTALL = "install Xcode 16 or later, start it once, and `xcode-select` it"
_LEAVE_S = 10.0  # for devicectl to end after its app, or after a signal


class _Connection(BaseModel):
    pairingState: str | None = None
    transportType: str | None = None  # wired or localNetwork; none of a phone that is elsewhere


class _Properties(BaseModel):
    developerModeStatus: str | None = None
    name: str | None = None


class _Hardware(BaseModel):
    udid: str | None = None
    platform: str | None = None
    reality: str | None = None
    marketingName: str | None = None
    productType: str | None = None


class _Listed(BaseModel):
    """One of `list devices`, as far as it is read here."""

    identifier: str  # CoreDevice's own
    connectionProperties: _Connection
    deviceProperties: _Properties
    hardwareProperties: _Hardware

    @property
    def is_here(self) -> bool:
        """Whether it is a phone or tablet within reach; a Mac lists all it ever met."""
        hardware = self.hardwareProperties
        return (
            hardware.udid is not None
            and hardware.platform in ("iOS", "iPadOS")
            and hardware.reality in (None, "physical")
            and self.connectionProperties.transportType is not None
        )

    @property
    def phone(self) -> Phone:
        hardware = self.hardwareProperties
        assert hardware.udid is not None, "of one that is here"
        model, kind = hardware.marketingName, hardware.productType
        return Phone(
            udid=hardware.udid,
            name=self.deviceProperties.name or hardware.udid,
            model=f"{model} ({kind})" if model and kind else model or kind,
        )


class _Devices(BaseModel):
    devices: list[_Listed]


class Devicectl:
    """Args:
    udid: the phone's, or CoreDevice's identifier of it; None for the only one.
    patience_s: how long devicectl or the app may say nothing.
    """

    def __init__(self, udid: str | None, *, patience_s: float) -> None:
        self._udid = udid
        self._patience_s = patience_s
        self._phone: Phone | None = None

    @property
    def phone(self) -> Phone:
        assert self._phone is not None, "the link is entered first"
        return self._phone

    def __enter__(self) -> Devicectl:
        if shutil.which("xcrun") is None:
            raise InputError("`xcrun` is not installed", _INSTALL)
        listed = {device.phone.udid: device for device in self._list()}
        asked = self._udid
        for udid, device in listed.items():
            if asked is not None and asked.lower() == device.identifier.lower():
                asked = udid
        names = {udid: device.phone.name for udid, device in listed.items()}
        device = listed[iphone.choose(asked, names)]
        phone = device.phone
        if device.connectionProperties.pairingState != "paired":
            raise iphone.not_trusted(phone)
        if device.deviceProperties.developerModeStatus == "disabled":
            raise iphone.developer_mode_off(phone)
        self._phone = phone
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._phone = None

    def state(self) -> DeviceState:
        return DeviceState()  # devicectl tells of no battery

    def push(self, folder: Path, run: str) -> None:
        self._copy("to", str(folder), f"{RUNS}/{run}")
        with tempfile.TemporaryDirectory() as back:
            # a folder that came to lie elsewhere would be met as a missing artifact, much later
            plan = Path(back) / PLAN_FILE
            self._copy("from", f"{RUNS}/{run}/{PLAN_FILE}", str(plan))
            if not plan.is_file() or plan.read_bytes() != (folder / PLAN_FILE).read_bytes():
                raise ConversionError(
                    f"`devicectl` did not copy the plan to `{RUNS}/{run}` on {self.phone}",
                    "Xcode 16 is known to copy a folder's content",
                )

    def console(self, *arguments: str) -> Generator[str, None, None]:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
            answer = Path(folder) / "answer.json"
            command = ["xcrun", "devicectl", "device", "process", "launch"]
            command += ["--device", self.phone.udid, "--console", "--terminate-existing"]
            # without `--` the app's arguments would be devicectl's
            command += ["--json-output", str(answer), BUNDLE_ID, "--", *arguments]
            status = yield from self._attached(command, errors)
            if status != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace")
                raise _failure(self.phone, _read(answer), said, "the app ended")

    def _attached(self, command: list[str], errors: IO[bytes]) -> Generator[str, None, int]:
        ours, its = pty.openpty()
        try:
            tty.setraw(its)  # no echo, and lines as they are
            # a session of its own: Ctrl-C is answered here
            with subprocess.Popen(
                command, stdin=its, stdout=its, stderr=errors, start_new_session=True
            ) as process:
                os.close(its)
                try:
                    yield from self._pieces(ours)
                    return process.wait(_LEAVE_S)
                except subprocess.TimeoutExpired as expired:
                    raise iphone.silent(self.phone, _LEAVE_S) from expired
                finally:
                    _end(process)
        finally:
            os.close(ours)

    def _pieces(self, terminal: int) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        tail = ""
        while True:
            ready, _, _ = select.select([terminal], [], [], self._patience_s)
            if not ready:
                raise iphone.silent(self.phone, self._patience_s)
            try:
                content = os.read(terminal, 1 << 16)
            except OSError as error:
                if error.errno != errno.EIO:  # Linux's word for the end; macOS gives no bytes
                    raise
                content = b""
            if not content:
                break
            piece = decoder.decode(content)
            tail = (tail + piece)[-1000:]
            yield piece
        if killed := re.search(r"App terminated due to signal (\d+)", tail):
            raise ConversionError(
                f"`{BUNDLE_ID}` on {self.phone} was ended by signal {killed[1]}",
                "iOS does that with signal 9 when memory runs out; try fewer artifacts at once",
            )

    def pull(self, run: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            records = Path(folder) / RECORDS_FILE
            self._copy("from", f"{RUNS}/{run}/{RECORDS_FILE}", str(records))
            return records.read_text(encoding="utf-8")

    def remove(self, run: str) -> None:
        for _ in self.console("--forget", run):
            pass

    def _list(self) -> list[_Listed]:
        result = self._ask("list", "devices")
        try:
            devices = _Devices.model_validate(result).devices
        except ValidationError as error:
            raise ConversionError(
                f"`devicectl list devices` answers in a form not known here: {first_fault(error)}",
                "Xcode 16 and 26 answer in a form that is",
            ) from error
        return [device for device in devices if device.is_here]

    def _copy(self, way: str, source: str, destination: str) -> None:
        self._ask(
            *("device", "copy", way, "--device", self.phone.udid),
            *("--domain-type", "appDataContainer", "--domain-identifier", BUNDLE_ID),
            *("--source", source, "--destination", destination),
        )

    def _ask(self, *arguments: str) -> Any:
        """The `result` of devicectl's answer."""
        of = self._phone or "the phone"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "answer.json"
            try:
                done = subprocess.run(
                    ["xcrun", "devicectl", *arguments, "--json-output", str(file)],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=self._patience_s,
                )
            except subprocess.TimeoutExpired as expired:
                raise iphone.silent(of, self._patience_s) from expired
            answer = _read(file)
            if done.returncode != 0 or "result" not in answer:
                words = itertools.takewhile(lambda word: not word.startswith("-"), arguments)
                what = f"`devicectl {' '.join(words)}` failed"
                raise _failure(of, answer, done.stderr.decode(errors="replace"), what)
            return answer["result"]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)  # devicectl passes it to the app
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _read(file: Path) -> dict[str, Any]:
    """An answer of devicectl's; empty where it wrote none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


# What devicectl and the services behind it say, and what it means to the user.
_MEANINGS: tuple[tuple[str, Callable[[object], SdkError]], ...] = (
    (r"unable to find utility .devicectl", lambda _: InputError("there is no devicectl", _INSTALL)),
    # the container of an app that is not there, or came from the App Store
    (r"ContainerLookupErrorDomain", iphone.not_installed),
    (r"FBSApplicationLibrary\) returned nil", iphone.not_installed),
    (r"could not be, unlocked|reason: Locked|: Locked\b", iphone.locked),
    (r"explicitly trusted", iphone.developer_not_trusted),
    (r"Developer Mode is disabled", iphone.developer_mode_off),
    (r"must be paired|not paired", iphone.not_trusted),
    # ENOSPC; NSFileWriteOutOfSpaceError
    (r"No space left|NSPOSIXErrorDomain 28\b|NSCocoaErrorDomain 640\b", iphone.no_room),
    # not found; not located; disconnected while connecting
    (r"CoreDeviceError (error )?(1000|1011|4000)\b", iphone.gone),
)


def _failure(phone: object, answer: dict[str, Any], errors: str, what: str) -> SdkError:
    """The error for an answer whose outcome is not success."""
    said = list(_chain(answer.get("error")))
    texts = [*said, *errors.splitlines()]
    for pattern, meaning in _MEANINGS:
        if any(re.search(pattern, text) for text in texts):
            return meaning(phone)
    lines = [text.strip() for text in texts if text.strip()]
    # the first of the JSON is the outermost error; stderr has it after ERROR:
    plain = next((line for line in lines if "ERROR:" in line), lines[0] if lines else "no reason")
    reason = plain.partition("ERROR:")[2].strip() or plain
    return ConversionError(f"{what}: {reason.rstrip('.')}")


def _chain(error: Any) -> Iterator[str]:
    """What an NSError of an answer says, and those beneath it, outermost first."""
    if not isinstance(error, dict):
        return
    info = error.get("userInfo")
    info = info if isinstance(info, dict) else {}
    values = {key: value for key, value in info.items() if isinstance(value, dict)}
    first = ("NSLocalizedDescription", "NSLocalizedFailureReason")
    for key in sorted(values, key=lambda key: first.index(key) if key in first else len(first)):
        if isinstance(values[key].get("string"), str):
            text = values[key]["string"]
            yield text if key in first else f"{key}: {text}"
    yield f"{error.get('domain')} {error.get('code')}"
    for value in values.values():
        yield from _chain(value.get("error"))
