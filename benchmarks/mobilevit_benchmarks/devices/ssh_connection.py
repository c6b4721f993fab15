"""A connection to another machine by the system's `ssh`, and commands run over it.

One process of `ssh` holds the connection, so that the user is asked to authenticate once; each
command is another that goes through it. The user's own configuration of `ssh` holds throughout,
except that nothing may ask at a terminal.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from time import monotonic, sleep
from typing import IO

from mobilevit.errors import ConversionError, InputError

LOST = 255  # the status of `ssh` when the connection failed, whatever the command did

# neither part can be taken for an option
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_ADDRESS = re.compile(rf"ssh:(?:({_NAME})@)?({_NAME}|\[[0-9A-Za-z.:%]+\])(?::([0-9]{{1,5}}))?")


@dataclass(frozen=True)
class SshAddress:
    """Where to connect to; None leaves it to the configuration of `ssh`."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, address: str) -> SshAddress:
        """Of `ssh:[USER@]HOST[:PORT]`; an IPv6 address is written in brackets.

        Raises:
            InputError: it is not of that form.
        """
        found = _ADDRESS.fullmatch(address)
        if found is None or not 0 < int(found[3] or 22) < 1 << 16:
            raise InputError(
                f"`{address}` is not an address of a device", "write ssh:[USER@]HOST[:PORT]"
            )
        user, host, port = found.groups()
        return cls(host.strip("[]"), user, int(port) if port else None)

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host


class SshConnection:
    """Open while its context is entered.

    Args:
        config: file of `ssh` options, instead of the user's own.
        patience_s: how long the other end may be silent before the connection counts as lost.
    """

    def __init__(self, address: SshAddress, config: Path | None, patience_s: float) -> None:
        self.address = address
        self._config = config
        self._patience_s = patience_s

    def __enter__(self) -> SshConnection:
        """Raises:
        InputError: there is no `ssh`, or the host cannot be reached or does not let the user in.
        """
        if sys.platform == "win32" or shutil.which("ssh") is None:
            raise InputError("`ssh` is not installed", "as on Debian: apt install openssh-client")
        with ExitStack() as stack:
            # of short names: the path of a socket may have 104 characters
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mv-"))
            self._socket = Path(folder) / "s"
            self._errors = stack.enter_context((Path(folder) / "errors").open("w+b"))
            stack.callback(self._close)
            self._master = subprocess.Popen(
                self._command("-o", "ControlMaster=yes", "-N"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for us, who still have to clean up
            )
            self._wait_for_master()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(
        self, script: str, *arguments: str, errors: IO[bytes], stdin: IO[bytes] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a script of `sh` there, with a pipe to its stdout. Killing the process closes its
        stdin and stdout there.

        Args:
            errors: file that takes its stderr.
            stdin: file that it reads; None for a pipe.
        """
        words = shlex.join(["exec", "sh", "-c", script, "sh", *arguments])
        return subprocess.Popen(
            self._command("-o", "ControlMaster=no", command=words),
            stdin=stdin or subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )

    def call(
        self, script: str, *arguments: str, stdin: IO[bytes] | None = None, longer_s: float = 0
    ) -> str:
        """What a script of `sh` prints there.

        Args:
            stdin: file that it reads.
            longer_s: what it may take beyond patience.

        Raises:
            ConversionError: it did not end with status 0, or in time.
        """
        with (
            tempfile.TemporaryFile() as errors,
            self.start(script, *arguments, errors=errors, stdin=stdin) as process,
        ):
            try:
                output, _ = process.communicate(timeout=self._patience_s + longer_s)
            except subprocess.TimeoutExpired as error:
                raise self.silent() from error
            finally:
                process.kill()
            self.check(process.returncode, errors)
        return output.decode(errors="replace")

    def lines(self, stream: IO[bytes]) -> Iterator[str]:
        """Lines of a command's stdout as they come, with their line feeds; the last may have none.

        Raises:
            ConversionError: none came for as long as patience lasts.
        """
        rest = b""
        while True:
            ready, _, _ = select([stream], [], [], self._patience_s)
            if not ready:
                raise self.silent()
            content = os.read(stream.fileno(), 1 << 16)
            *lines, rest = (rest + content).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace") + "\n"
            if not content:
                break
        if rest:
            yield rest.decode(errors="replace")

    def check(self, status: int, errors: IO[bytes]) -> None:
        """Raises:
        ConversionError: a command ended with another status than 0; `errors` has its stderr.
        """
        if status == 0:
            return
        if status == LOST:
            raise self._lost(errors)
        said = last_line(errors) or f"it ended with status {status}"
        hint = "free some space there" if "No space left on device" in said else None
        raise ConversionError(f"a command failed on `{self.address}`: {said}", hint)

    def silent(self) -> ConversionError:
        return ConversionError(
            f"`{self.address}` said nothing for {self._patience_s:g} s",
            "is it busy, asleep, or out of reach?",
        )

    def _lost(self, errors: IO[bytes]) -> ConversionError:
        with suppress(subprocess.TimeoutExpired):  # it has the reason once it has ended
            self._master.wait(1)
        said = last_line(self._errors) or last_line(errors)
        return ConversionError(
            f"the connection to `{self.address}` was lost" + (f": {said}" if said else ""),
            "what is left there of this run, the next one removes",
        )

    def _wait_for_master(self) -> None:
        end = monotonic() + self._patience_s
        while not self._socket.exists():
            if self._master.poll() is None and monotonic() < end:
                sleep(0.02)
                continue
            said = last_line(self._errors) or f"no answer within {self._patience_s:g} s"
            raise InputError(f"cannot connect to `{self.address}`: {said}", self._way_in(said))

    def _way_in(self, said: str) -> str:
        words = f"ssh {self.address}"
        if self.address.port:
            words = f"ssh -p {self.address.port} {self.address}"
        if "Permission denied" in said or "Too many authentication failures" in said:
            return f"`{words}` must work without a password: see ssh-copy-id, ssh-agent"
        if "Host key verification failed" in said:
            return f"run `{words}` once, and look whether the key it shows is the host's"
        return f"try `{words}`"

    def _close(self) -> None:
        if hasattr(self, "_master"):
            self._master.terminate()  # which closes the connection in good order
            try:
                self._master.wait(1)
            except subprocess.TimeoutExpired:
                self._master.kill()
                self._master.wait()

    def _command(self, *options: str, command: str | None = None) -> list[str]:
        alive_s = max(1, min(10, int(self._patience_s / 3)))
        settings = {
            "BatchMode": "yes",  # never asks
            "ClearAllForwardings": "yes",
            "ConnectTimeout": str(max(1, int(self._patience_s))),
            "ControlPath": str(self._socket),
            "ControlPersist": "no",
            "EscapeChar": "none",
            "ForwardAgent": "no",
            "ForwardX11": "no",
            "PermitLocalCommand": "no",
            "RemoteCommand": "none",
            "RequestTTY": "no",
            "ServerAliveInterval": str(alive_s),
            "ServerAliveCountMax": "3",
        }
        words = ["ssh"]
        if self._config is not None:
            words += ["-F", str(self._config)]
        for name, value in settings.items():
            words += ["-o", f"{name}={value}"]
        if self.address.user is not None:
            words += ["-l", self.address.user]
        if self.address.port is not None:
            words += ["-p", str(self.address.port)]
        words += [*options, "--", self.address.host]
        return words if command is None else [*words, command]


def last_line(file: IO[bytes]) -> str:
    """The last line with anything on it, without a full stop; empty if there is none."""
    file.seek(0)
    said = file.read().decode(errors="replace").split("\n")
    return next((line.strip().rstrip(".") for line in reversed(said) if line.strip()), "")
