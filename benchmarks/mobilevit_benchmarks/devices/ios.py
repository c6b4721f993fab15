"""An iPhone or iPad, measured by the demo app on it: `ios`, or `ios:UDID` where several are.

The app times Core ML; this end brings it the plan and takes the records home. On a Mac the way to
the phone is Apple's `devicectl` (`devicectl.py`), elsewhere pymobiledevice3 (`pymobiledevice.py`).
What the app has to do is told in `iphone.py`.

None of this has ever met a phone. It was written from the documentation and sources of those tools.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType

from pydantic import BaseModel, ConfigDict, ValidationError

from mobilevit.errors import ConversionError, InputError, SdkError, first_fault
from mobilevit.runtimes import RUNTIMES

from ..cases import Offer
from ..plan import PLAN_FILE
from ..records import DeviceDescription, DeviceState
from .iphone import BUNDLE_ID, PATIENCE_S, Link, answers

# 40 digits before the A12, 8-16 since; CoreDevice's own identifiers have 8-4-4-4-12
_UDID = re.compile(r"[0-9A-Fa-f-]{24,40}")
_REBUILD = "build the iOS demo of this release, and run it on the phone once"


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    device: DeviceDescription
    state: DeviceState


class IosDevice:
    def __init__(self, address: str, link: Link) -> None:
        self.address = address
        self.runtimes: Offer | None = {"coreml": RUNTIMES["coreml"].delegates}
        self._link = link
        self._run: str | None = None

    def __enter__(self) -> IosDevice:
        self._link.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run, self._run = self._run, None
        try:
            if run is not None:
                # out of reach: the app removes the folder before its next run
                with suppress(SdkError):
                    self._link.remove(run)
        finally:
            self._link.__exit__(kind, error, traceback)

    def describe(self) -> DeviceDescription:
        """Launches the app: only it knows its cores and memory."""
        described = self._ask().device
        return described.model_copy(
            update={"address": self.address, "model": self._link.phone.model or described.model}
        )

    def state(self) -> DeviceState:
        known = self._link.state().model_dump(exclude_none=True, exclude_defaults=True)
        return self._ask().state.model_copy(update=known)

    def push(self, folder: Path) -> None:
        plan = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
        self._run = str(plan["run"])
        self._link.push(folder, self._run)

    def run(self) -> Generator[str, None, None]:
        assert self._run is not None, "push comes first"
        with closing(self._link.console("--benchmark", self._run)) as printed:
            for answer in answers(printed):
                yield answer + "\n"
                if '"ended"' in answer and json.loads(answer).get("record") == "ended":
                    return  # whether the app ends or not

    def pull(self) -> str:
        assert self._run is not None, "push comes first"
        return self._link.pull(self._run)

    def _ask(self) -> _Described:
        with closing(self._link.console("--describe")) as printed:
            answer = next(answers(printed), None)
        if answer is None:
            raise ConversionError(
                f"`{BUNDLE_ID}` on {self._link.phone} ended without an answer", _REBUILD
            )
        try:
            return _Described.model_validate_json(answer)
        except ValidationError as error:
            raise ConversionError(
                f"`{BUNDLE_ID}` on {self._link.phone} describes the phone in a form not known "
                f"here: {first_fault(error)}",
                _REBUILD,
            ) from error


def open_ios(udid: str | None, *, patience_s: float = PATIENCE_S) -> IosDevice:
    """The phone of a UDID, or the only one, not yet looked for.

    Args:
        patience_s: how long the phone may say nothing before it counts as lost.

    Raises:
        InputError: `udid` is none.
    """
    if udid is not None and not _UDID.fullmatch(udid):
        raise InputError(
            f"`{udid}` is no UDID of an iPhone",
            "`xcrun devicectl list devices` or `pymobiledevice3 usbmux list` shows it",
        )
    address = "ios" if udid is None else f"ios:{udid}"
    host: str = sys.platform  # a variable, as mypy takes no branch for another system
    if host == "darwin":
        from .devicectl import Devicectl

        return IosDevice(address, Devicectl(udid, patience_s=patience_s))
    from .pymobiledevice import PyMobileDevice

    return IosDevice(address, PyMobileDevice(udid, patience_s=patience_s))
