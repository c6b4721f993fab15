"""What both ways to an iPhone share: what is agreed with the app, and what is said of faults.

The app is `org.mobilevit.demo`, built and installed from Xcode. Launched with one of these, it does
that and nothing else, and ends:

    --describe        print `{"device": DeviceDescription, "state": DeviceState}`, and make
                      `Documents/mobilevit-benchmark` if it is not there
    --benchmark RUN   remove the folders of other runs; run the plan in the folder of RUN, as
                      `runner/conduct.py` does; print each record, after it was written to
                      `records.jsonl` beside the plan
    --forget RUN      remove the folder of RUN

The folder of RUN is `Documents/mobilevit-benchmark/RUN` of the app's container. What is printed is
one JSON object per line after `MOBILEVIT `, in one write, flushed; the system's and Core ML's own
messages are any other lines. While it runs a plan the app keeps the screen on. `thermal_status` of
its states is ProcessInfo's: nominal, fair, serious or critical.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobilevit.errors import ConversionError, InputError

from ..records import DeviceState

BUNDLE_ID = "org.mobilevit.demo"
RUNS = "Documents/mobilevit-benchmark"  # in the app's container
PREFIX = "MOBILEVIT "

# The first load for the Neural Engine compiles the model, and prints nothing meanwhile.
PATIENCE_S = 300.0

_CONNECT = "connect it by cable, unlock it, and tap Trust"


@dataclass(frozen=True)
class Phone:
    """An iPhone or iPad that was found."""

    udid: str
    name: str  # its owner's, or the UDID
    model: str | None  # as sold, and Apple's identifier: `iPhone 16 (iPhone17,3)`

    def __str__(self) -> str:
        return f"`{self.name}`"


class Link(AbstractContextManager["Link"], Protocol):
    """A way to a phone. Entering finds it, and whatever the user must do first is said then.

    Every method raises ConversionError, with the reason in one line, when the phone fails or is
    lost or silent, and InputError when the user must do something first.
    """

    @property
    def phone(self) -> Phone: ...

    def state(self) -> DeviceState:
        """What is known without the app."""
        ...

    def push(self, folder: Path, run: str) -> None:
        """Copy the content of `folder` to the folder of `run`."""
        ...

    def console(self, *arguments: str) -> Generator[str, None, None]:
        """Launch the app, and give what it prints, in pieces of any length, until it ends.

        An app that runs already is ended first; closing the generator ends this one.
        """
        ...

    def pull(self, run: str) -> str:
        """The content of `records.jsonl` of `run`."""
        ...

    def remove(self, run: str) -> None: ...


def answers(printed: Iterable[str]) -> Generator[str, None, None]:
    """The JSON of each line that is the app's answer, as it comes; other lines are left out.

    Args:
        printed: the app's output in pieces of any length. Where a way to the phone drops the line
            feed at the end of a piece, an object that is whole ends its line.
    """
    rest = ""
    for piece in printed:
        *lines, rest = re.split(r"\r?\n", rest + piece)
        for line in lines:
            if line.startswith(PREFIX):
                yield line.removeprefix(PREFIX)
        if rest.startswith(PREFIX) and _is_whole(rest.removeprefix(PREFIX)):
            yield rest.removeprefix(PREFIX).rstrip("\r")
            rest = ""
    if rest.startswith(PREFIX):
        yield rest.removeprefix(PREFIX)  # cut off, for the reader to say so


def _is_whole(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def choose(udid: str | None, found: dict[str, str]) -> str:
    """The UDID of the phone to take.

    Args:
        udid: the one asked for; None for the only one.
        found: names by UDID.

    Raises:
        InputError: it is not there, none is, or several are and none was asked for.
    """
    listed = ", ".join(f"`ios:{known}` ({name})" for known, name in found.items())
    if udid is not None:
        for known in found:
            if known.replace("-", "").lower() == udid.replace("-", "").lower():
                return known
        hint = f"connected: {listed}" if found else _CONNECT
        raise InputError(f"iPhone `{udid}` is not connected", hint)
    if not found:
        raise InputError("no iPhone or iPad is connected", _CONNECT)
    if len(found) > 1:
        raise InputError(f"{len(found)} iPhones or iPads are connected", f"name one: {listed}")
    return next(iter(found))


def gone(phone: object) -> ConversionError:
    return ConversionError(f"{phone} is not connected any more", "check the cable, and try again")


def not_trusted(phone: object) -> InputError:
    return InputError(f"{phone} does not trust this computer", "unlock it, and tap Trust on it")


def locked(phone: object) -> InputError:
    return InputError(f"{phone} is locked", "unlock it, and keep it unlocked while it is measured")


def developer_mode_off(phone: object) -> InputError:
    return InputError(
        f"Developer Mode is off on {phone}",
        "turn it on under Settings > Privacy & Security > Developer Mode; the phone restarts",
    )


def not_installed(phone: object) -> InputError:
    return InputError(
        f"`{BUNDLE_ID}` is not installed on {phone} as a developer's app",
        "build the iOS demo in Xcode and run it on the phone once",
    )


def developer_not_trusted(phone: object) -> InputError:
    return InputError(
        f"{phone} does not trust the developer of `{BUNDLE_ID}`",
        "trust it under Settings > General > VPN & Device Management",
    )


def no_room(phone: object) -> InputError:
    return InputError(f"there is no room on {phone} for the artifacts", "free some space on it")


def silent(phone: object, seconds: float) -> ConversionError:
    return ConversionError(
        f"{phone} has said nothing for {seconds:.0f} s",
        "keep it unlocked and the app in front, and try again",
    )
