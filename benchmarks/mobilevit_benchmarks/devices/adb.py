"""A phone as adb's server shows it: which one is meant, commands in its shell, files.

`adbutils` speaks to the server; every exchange has a limit of time here, which its own have not
throughout.
"""

from __future__ import annotations

import shlex
import stat
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from mobilevit.errors import ConversionError, InputError, MissingDependencyError

if TYPE_CHECKING:
    from adbutils import AdbClient, AdbConnection, AdbDevice

_STDOUT, _STDERR, _EXIT = 1, 2, 3  # kinds of packets of adb's `shell_v2` protocol
_CHUNK_BYTES = 1 << 16  # the most that its `sync` protocol takes at once


class Adb:
    """The shell and the files of one phone.

    Args:
        client: of adb's server; None for the one that the environment names, or the usual one.
        patience_s: how long the phone may be silent.
    """

    def __init__(self, serial: str | None, client: AdbClient | None, patience_s: float) -> None:
        self._wanted = serial
        self._client = client
        self._patience_s = patience_s

    def choose(self) -> None:
        """Find the phone, and look whether it can be used.

        Raises:
            MissingDependencyError: adbutils is not installed.
            InputError: there is no adb, no phone, no phone of that serial, or several and no
                serial; or it is not ready for commands.
        """
        try:
            import adbutils
        except ModuleNotFoundError as error:
            raise MissingDependencyError("adbutils", "devices") from error
        try:
            client = self._client or adbutils.AdbClient()
            states = {phone.serial: phone.state for phone in client.list()}
        except (adbutils.AdbError, OSError) as error:
            raise InputError(
                f"adb's server does not answer: {error}", "as on Debian: apt install adb"
            ) from error
        listed = ", ".join(sorted(states)) or "none"
        if self._wanted is not None and self._wanted not in states:
            raise InputError(
                f"there is no phone `{self._wanted}`", f"phones that adb sees: {listed}; {_PLUG_IN}"
            )
        if not states:
            raise InputError("adb sees no phone", _PLUG_IN)
        if self._wanted is None and len(states) > 1:
            raise InputError(
                f"there are {len(states)} phones: {listed}",
                f"name one, such as --device android:{min(states)}",
            )
        self.serial = self._wanted or next(iter(states))
        state = states[self.serial]
        if state != "device":
            raise InputError(
                f"phone `{self.serial}` {_STATES.get(state, f'is in state `{state}`')}",
                _WAYS_OUT.get(state, "start it into Android"),
            )
        self._client = client
        self._device: AdbDevice = client.device(self.serial)

    def present(self) -> bool:
        """Whether it takes commands now."""
        from adbutils import AdbError

        assert self._client is not None
        try:
            states = {phone.serial: phone.state for phone in self._client.list()}
        except (AdbError, OSError):
            return False
        return states.get(self.serial) == "device"

    def wait(self, limit_s: float) -> bool:
        """Whether it takes commands, within `limit_s`."""
        end = monotonic() + limit_s
        while not self.present():
            if monotonic() > end:
                return False
            sleep(0.1)
        return True

    def shell(self, *words: str) -> str:
        """What a command prints; raises as `script` does."""
        return self.script(shlex.join(words))

    def script(self, text: str, limit_s: float | None = None) -> str:
        """What a script of the phone's shell prints.

        Args:
            limit_s: how long the phone may be silent; None for as long as patience lasts.

        Raises:
            ConversionError: it did not end with status 0, or the phone is silent or lost.
        """
        said = {_STDOUT: b"", _STDERR: b"", _EXIT: b""}
        with self._exchange("shell,v2:" + text, limit_s) as connection:
            while not said[_EXIT]:
                kind, content = _packet(connection)
                said[kind] += content
        output, errors, status = (x.decode(errors="replace") for x in said.values())
        if status != "\0":
            last = errors.strip().splitlines() or [f"it ended with status {ord(status)}"]
            raise ConversionError(f"a command failed on phone `{self.serial}`: {last[-1]}")
        return output

    def lines(self, *words: str) -> Generator[str, None, None]:
        """Lines of a command's stdout and stderr as they come, until it ends, without line feeds.

        Raises:
            ConversionError: the phone is silent or lost.
        """
        rests = {_STDOUT: b"", _STDERR: b""}
        with self._exchange("shell,v2:" + shlex.join(words)) as connection:
            while True:
                kind, content = _packet(connection)
                if kind == _EXIT:
                    break
                *lines, rests[kind] = (rests[kind] + content).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
        for rest in filter(None, rests.values()):
            yield rest.decode(errors="replace")

    def send(self, file: Path, path: str, mode: int = 0o644) -> None:
        """Copy a file to `path`; the folders it is in are made as needed.

        Raises:
            ConversionError: the phone does not take it, or is silent or lost.
        """
        target = f"{path},{stat.S_IFREG | mode}".encode()
        with file.open("rb") as source, self._exchange("sync:") as connection:
            connection.conn.sendall(struct.pack("<4sI", b"SEND", len(target)) + target)
            while chunk := source.read(_CHUNK_BYTES):
                connection.conn.sendall(struct.pack("<4sI", b"DATA", len(chunk)) + chunk)
            connection.conn.sendall(struct.pack("<4sI", b"DONE", int(time())))
            answer, length = struct.unpack("<4sI", connection.read_exact(8))
            said = connection.read_exact(length).decode(errors="replace")
        if answer != b"OKAY":
            raise ConversionError(
                f"phone `{self.serial}` does not take `{path}`: {said}",
                "free some space there" if "No space left" in said else None,
            )

    @contextmanager
    def _exchange(self, service: str, limit_s: float | None = None) -> Iterator[AdbConnection]:
        """A connection to a service of the phone's; what fails in its context is the phone's."""
        from adbutils import AdbError, AdbTimeout

        limit_s = limit_s or self._patience_s
        try:
            with self._device.open_transport(timeout=limit_s) as connection:
                connection.send_command(service)
                connection.check_okay()
                yield connection
        except (AdbTimeout, TimeoutError) as error:
            raise ConversionError(
                f"phone `{self.serial}` said nothing for {limit_s:g} s",
                "is it busy, asleep, or switched off?",
            ) from error
        except (AdbError, EOFError, OSError) as error:
            raise ConversionError(
                f"phone `{self.serial}` is gone: it was unplugged, or restarts",
                "what is left there of this run, the next one removes",
            ) from error


def _packet(connection: AdbConnection) -> tuple[int, bytes]:
    """Its kind and content.

    Raises:
        EOFError: the connection ended.
    """
    kind, length = struct.unpack("<BI", connection.read_exact(5))
    return kind, connection.read_exact(length)


_PLUG_IN = "plug it in, and switch on USB debugging in its developer options"
_STATES = {
    "unauthorized": "has not accepted this computer",
    "offline": "does not answer adb",
    "no permissions": "is closed to this user",
    "authorizing": "asks whether to accept this computer",
}
_WAYS_OUT = {
    "unauthorized": "unlock it, and allow USB debugging when it asks",
    "authorizing": "unlock it, and allow USB debugging when it asks",
    "offline": "unplug it and plug it in again, or: adb reconnect offline",
    "no permissions": "add a udev rule for it, as of Debian's android-sdk-platform-tools-common",
}
