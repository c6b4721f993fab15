"""Where a measurement runs. A device takes a plan's folder and brings back records.

`runner/conduct.py` decides what is measured and when; a device only carries it out, so that a
latency means the same thing on each.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from mobilevit.errors import InputError

from ..cases import Offer
from ..records import DeviceDescription, DeviceState


class Device(AbstractContextManager["Device"], Protocol):
    """A machine that can be measured. Entering prepares it; leaving removes what was put there,
    however it ends, as far as the device can still be reached.

    Every method raises ConversionError, with the reason in one line, when the device fails or is
    lost, and InputError when the user must do something first.
    """

    @property
    def address(self) -> str:
        """How the user names it, such as `local` or `ssh:pi`."""
        ...

    @property
    def runtimes(self) -> Offer | None:
        """Those it has, with their delegates; None: those of this Python."""
        ...

    def describe(self) -> DeviceDescription: ...

    def state(self) -> DeviceState: ...

    def push(self, folder: Path) -> None:
        """Copy a plan's folder to the device, into a new folder there.

        Raises:
            InputError: there is no room for it.
        """
        ...

    def run(self) -> Generator[str, None, None]:
        """Run the plan that was pushed; lines of records as they come, each with its line feed.

        Closing the generator stops the run.
        """
        ...

    def pull(self) -> str:
        """All lines of the run, from the device's own file."""
        ...


KINDS = {
    "local": "this machine",
    "ssh:HOST": "a Linux board with python3, NumPy and a runtime",
    "android:SERIAL": "a phone, over adb; `android` where there is one",
    "ios:UDID": "an iPhone or iPad, over USB; `ios` where there is one",
    "coreml": "Core ML on this Mac",
    "arm64-emulated": "counts instructions, and no time",
}


def open_device(address: str) -> Device:
    """The device of an address, not yet prepared.

    Raises:
        InputError: no such kind of device, or an address that is none.
    """
    kind, _, rest = address.partition(":")
    if kind == "local" and not rest:
        from .local import LocalDevice

        return LocalDevice()
    if kind == "coreml" and not rest:
        from .coreml import CoreMLDevice

        return CoreMLDevice()
    if kind == "ios" and address != "ios:":
        from .ios import open_ios

        return open_ios(rest or None)
    if kind == "ssh":
        from .ssh import SshDevice

        return SshDevice(address)
    if kind == "android" and (rest or address == kind):
        from .android import AndroidDevice

        return AndroidDevice(rest or None)
    raise InputError(
        f"unknown device `{address}`",
        "known: " + "; ".join(f"{name}, {what}" for name, what in KINDS.items()),
    )
