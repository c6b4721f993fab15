"""The way to a phone on Linux: PyPI's pymobiledevice3 over usbmuxd.

Written from the sources of pymobiledevice3 11.45; it has never met a phone. Used of it:

- usbmux and lockdown find the phone and pair with it, which the user confirms on the phone;
- HouseArrestService reads and writes the app's container, for an app that Xcode built to debug;
- DVT's process control launches the app and tells what it prints. It needs Apple's developer disk
  image, which pymobiledevice3 downloads and mounts, and from iOS 17 on a tunnel. From iOS 17.4 that
  is one within this process; before, `pymobiledevice3 remote tunneld` must run as root.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from mobilevit.errors import ConversionError, InputError, MissingDependencyError, SdkError, reason

from ..plan import RECORDS_FILE
from ..records import DeviceState
from . import iphone
from .iphone import BUNDLE_ID, RUNS, Phone

T = TypeVar("T")

_PAIRING_S = 60.0  # for the user to tap Trust and enter the passcode
_LOOK_S = 3.0  # of silence, before it is asked whether the app still runs
_NO_SPACE_LEFT = 18  # of AFC's errors


class PyMobileDevice:
    """Args:
    udid: the phone's; None for the only one.
    patience_s: how long the phone may say nothing.
    """

    def __init__(self, udid: str | None, *, patience_s: float) -> None:
        self._udid = udid
        self._patience_s = patience_s
        self._phone: Phone | None = None
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._lockdown: Any = None
        self._container: Any = None
        self._control: Any = None
        self._reading: asyncio.Future[Any] | None = None

    @property
    def phone(self) -> Phone:
        assert self._phone is not None, "the link is entered first"
        return self._phone

    def __enter__(self) -> PyMobileDevice:
        if find_spec("pymobiledevice3") is None:
            raise MissingDependencyError("pymobiledevice3", "devices")
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        try:
            self._wait(self._connect())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._phone = None
        self._reading = None
        try:
            # of a phone that is gone there is nothing left to close
            with suppress(SdkError):
                self._wait(self._stack.aclose())
        finally:
            self._runner.close()

    async def _connect(self) -> None:
        from pymobiledevice3.lockdown import create_using_usbmux
        from pymobiledevice3.services.dvt.instruments.dvt_provider import DvtProvider
        from pymobiledevice3.services.dvt.instruments.process_control import ProcessControl
        from pymobiledevice3.services.house_arrest import HouseArrestService
        from pymobiledevice3.usbmux import list_devices

        wired = [device for device in await list_devices() if device.is_usb]
        udid = iphone.choose(self._udid, {device.serial: "USB" for device in wired})
        self._phone = Phone(udid, udid, None)
        lockdown = await create_using_usbmux(
            serial=udid, connection_type="USB", pair_timeout=_PAIRING_S
        )
        self._stack.push_async_callback(lockdown.close)
        values = lockdown.all_values
        kind, model = lockdown.product_type, lockdown.display_name
        self._phone = Phone(
            udid=udid,
            name=str(values.get("DeviceName", udid)),
            model=f"{model} ({kind})" if model else kind,
        )
        if lockdown.has_developer_mode and not await lockdown.get_developer_mode_status():
            raise iphone.developer_mode_off(self._phone)
        enter = self._stack.enter_async_context
        self._lockdown = lockdown
        self._container = await enter(await HouseArrestService.create(lockdown, BUNDLE_ID))
        services = await self._developer_services(lockdown)
        self._control = await enter(ProcessControl(await enter(DvtProvider(services))))

    async def _developer_services(self, lockdown: Any) -> Any:
        """What DVT is asked for: lockdown, or from iOS 17 on the end of a tunnel."""
        from pymobiledevice3.exceptions import (
            AlreadyMountedError,
            TunneldConnectionError,
            UserspaceTunnelUnavailableError,
        )
        from pymobiledevice3.remote.userspace_tunnel import UserspaceRsdTunnel
        from pymobiledevice3.services.mobile_image_mounter import auto_mount
        from pymobiledevice3.tunneld.api import get_tunneld_device_by_udid

        services = lockdown
        if int(lockdown.product_version.split(".")[0]) >= 17:
            tunnel = UserspaceRsdTunnel(serial=lockdown.udid, remotepairing_fallback=False)
            try:
                services = await self._stack.enter_async_context(tunnel)
            except UserspaceTunnelUnavailableError:
                try:
                    services = await get_tunneld_device_by_udid(lockdown.udid)
                except TunneldConnectionError:
                    services = None
                if services is None:
                    raise InputError(
                        f"{self.phone} has iOS {lockdown.product_version}, which is reached "
                        "through a tunnel, and there is none",
                        "start one and leave it running: "
                        "`sudo python -m pymobiledevice3 remote tunneld`",
                    ) from None
                self._stack.push_async_callback(services.close)
        with suppress(AlreadyMountedError):
            await auto_mount(services)
        return services

    def state(self) -> DeviceState:
        battery = self._wait(self._battery()) or {}
        full, now = battery.get("MaxCapacity"), battery.get("CurrentCapacity")
        external = battery.get("ExternalConnected")
        return DeviceState(
            battery_percent=min(100.0, 100 * now / full) if full and now is not None else None,
            power=None if external is None else "mains" if external else "battery",
        )

    async def _battery(self) -> dict[str, Any] | None:
        from pymobiledevice3.services.diagnostics import DiagnosticsService

        async with DiagnosticsService(self._lockdown) as diagnostics:
            told: dict[str, Any] | None = await diagnostics.get_battery()
            return told

    def push(self, folder: Path, run: str) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        free = self._wait(self._container.get_device_info()).get("FSFreeBytes")
        if free is not None and int(free) < sum(file.stat().st_size for file in files):
            raise iphone.no_room(self.phone)
        for file in files:
            self._wait(self._write(file, f"/{RUNS}/{run}/{file.relative_to(folder).as_posix()}"))

    async def _write(self, file: Path, to: str) -> None:
        await self._container.makedirs(to.rpartition("/")[0])
        await self._container.set_file_contents(to, file.read_bytes())

    def console(self, *arguments: str) -> Generator[str, None, None]:
        launch = self._control.launch(BUNDLE_ID, list(arguments), kill_existing=True)
        pid: int = self._wait(launch)
        try:
            while (piece := self._wait(self._next(pid), patient=False)) is not None:
                yield piece
        finally:
            # it may have ended by itself, or the phone may be gone
            with suppress(SdkError):
                self._wait(self._control.kill(pid))

    async def _next(self, pid: int) -> str | None:
        """What the app printed next; None when it has ended."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while loop.time() < until:
            if self._reading is None:
                self._reading = asyncio.ensure_future(anext(aiter(self._control)))
            # not `wait_for`: what it cancels could be lost
            await asyncio.wait({self._reading}, timeout=_LOOK_S)
            if self._reading.done():
                printed, self._reading = self._reading.result(), None
                if printed.pid == pid:  # and not one that was ended before
                    return str(printed.message)
            elif await self._running() != pid:
                return None
        raise iphone.silent(self.phone, self._patience_s)

    async def _running(self) -> int:
        """The app's process; 0: none."""
        asked = self._control.process_identifier_for_bundle_identifier(BUNDLE_ID)
        pid: int = await asyncio.wait_for(asked, self._patience_s)
        return pid

    def pull(self, run: str) -> str:
        content: bytes = self._wait(
            self._container.get_file_contents(f"/{RUNS}/{run}/{RECORDS_FILE}")
        )
        return content.decode("utf-8")

    def remove(self, run: str) -> None:
        with suppress(SdkError):  # it does not run
            self._wait(self._kill())
        self._wait(self._container.rm(f"/{RUNS}/{run}"))

    async def _kill(self) -> None:
        if pid := await self._running():
            await self._control.kill(pid)

    def _wait(self, task: Coroutine[Any, Any, T], *, patient: bool = True) -> T:
        """The result of `task`, with errors of pymobiledevice3 made ours.

        Args:
            patient: False for a task that itself counts how long the phone says nothing.
        """
        with self._our_errors():
            try:
                return self._runner.run(
                    asyncio.wait_for(task, self._patience_s) if patient else task
                )
            except TimeoutError as error:
                raise iphone.silent(self._named, self._patience_s) from error

    @property
    def _named(self) -> object:
        """The phone, for an error; `task` may have found it meanwhile."""
        return self._phone or "the phone"

    @contextmanager
    def _our_errors(self) -> Iterator[None]:
        from pymobiledevice3.dtx.exceptions import DTXNsError, DTXProtocolError
        from pymobiledevice3.dtx.service import QueueShutDown
        from pymobiledevice3.exceptions import PyMobileDevice3Exception

        try:
            yield
        except SdkError:
            raise
        except QueueShutDown as error:
            raise iphone.gone(self._named) from error
        except (
            PyMobileDevice3Exception,
            DTXNsError,
            DTXProtocolError,
            OSError,
            EOFError,  # asyncio.IncompleteReadError
            ValueError,  # bytestruct's, for what fits no protocol
            AssertionError,  # ProcessControl.launch's, for no process
        ) as error:
            raise _meaning(error, self._named) from error


def _meaning(error: Exception, phone: object) -> SdkError:
    """Our error for one of pymobiledevice3's."""
    from pymobiledevice3 import exceptions as known

    said = str(error)
    match error:
        case known.ConnectionFailedToUsbmuxdError():
            return InputError(
                "usbmuxd does not run on this computer, so no iPhone can be reached",
                "`apt-get install usbmuxd` on Debian; it starts when a phone is plugged in",
            )
        case known.PasswordRequiredError() | known.PasscodeRequiredError():
            return iphone.locked(phone)
        case (
            known.PairingError()
            | known.FatalPairingError()
            | known.NotPairedError()
            | known.NotTrustedError()
        ):
            return iphone.not_trusted(phone)
        case known.DeveloperModeIsNotEnabledError():
            return iphone.developer_mode_off(phone)
        case known.AppNotInstalledError():
            return iphone.not_installed(phone)
        case known.AfcException() if error.status == _NO_SPACE_LEFT:
            return iphone.no_room(phone)
        case (
            known.NoDeviceConnectedError()
            | known.DeviceNotFoundError()
            | known.ConnectionTerminatedError()
            | known.BadDevError()
            | ConnectionError()
            | EOFError()
        ):
            return iphone.gone(phone)
    if "refused to open the container" in said or "FBSApplicationLibrary) returned nil" in said:
        return iphone.not_installed(phone)
    if "could not be, unlocked" in said or "DeviceLocked" in said:
        return iphone.locked(phone)
    if "explicitly trusted" in said:
        return iphone.developer_not_trusted(phone)
    return ConversionError(f"pymobiledevice3 cannot use {phone}: {reason(error).rstrip('.')}")
