"""A machine that `ssh` reaches: a Linux board, or a Mac, with python3, NumPy and a runtime.

Nothing is installed there. A folder for temporary files holds the Python runner and the plan; a
shell there guards it, and removes it when the connection ends, however that comes to pass.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from mobilevit.errors import InputError, SdkError
from mobilevit.files import room_for
from mobilevit.runtimes import RUNTIMES

from ..cases import Offer
from ..plan import RECORDS_FILE
from ..records import DeviceDescription, DeviceState
from ..runner.archive import RUNNER_FILE, write_archive
from .ssh_connection import LOST, SshAddress, SshConnection

PATIENCE_S = 60.0

_PYTHON = (3, 10)  # the oldest that the runner runs on
_RUNTIMES = ("onnxruntime", "litert")  # that it has
_FOLDER = "mobilevit-benchmark"
_SLOWEST_BYTES_PER_S = 100_000  # of a network that is worth waiting for
_SLACK_BYTES = 16 << 20  # for records, and what the runtimes unpack

# Its folder is named by its process id, so that another can tell whether it still lives; one that
# a reboot or SIGKILL left behind is removed.
_GUARD = f"""
for folder in "${{TMPDIR:-/tmp}}/{_FOLDER}"-*; do
    guard=${{folder##*/{_FOLDER}-}}
    guard=${{guard%%-*}}
    if [ -O "$folder" ] && ! kill -0 "$guard" 2> /dev/null; then rm -rf "$folder"; fi
done
folder=$(mktemp -d "${{TMPDIR:-/tmp}}/{_FOLDER}-$$-XXXXXX") || exit
trap 'rm -rf "$folder" || {{ sleep 1; rm -rf "$folder"; }}' EXIT
trap 'exit 1' HUP INT TERM
echo "$folder"
cat > /dev/null
"""

_PROBE = """
import importlib.util, json, sys
found = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
print(json.dumps({"version": list(sys.version_info[:2]), "found": found}))
"""


class SshDevice:
    """The runner is a process of the other machine's python3.

    Args:
        address: `ssh:[USER@]HOST[:PORT]`.
        config: file of `ssh` options, instead of the user's own.
        patience_s: how long the machine may be silent: for a run, longer than its longest round.

    Raises:
        InputError: the address is none.
    """

    runtimes: Offer | None = None

    def __init__(
        self, address: str, *, config: Path | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self.address = address
        self._config = config
        self._ssh = SshConnection(SshAddress.parse(address), config, patience_s)
        self._hurry_s = min(patience_s, 5.0)  # when cleaning up, with an error to be told

    def __enter__(self) -> SshDevice:
        """Raises:
        InputError: the machine cannot be reached, or lacks what a run needs.
        ConversionError: the runner does not start there.
        """
        with ExitStack() as stack:
            stack.enter_context(self._ssh)
            self._folder = stack.enter_context(self._folder_there())
            self.runtimes = self._probe()
            self._send_runner()
            self._described = self._ask_runner()["device"]
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def describe(self) -> DeviceDescription:
        return DeviceDescription(address=self.address, **self._described)

    def state(self) -> DeviceState:
        return DeviceState(**self._ask_runner()["state"])

    def push(self, folder: Path) -> None:
        needed = _SLACK_BYTES + sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        last = self._ssh.call('df -Pk "$1"', self._folder).splitlines()[-1]
        free = int(last.split()[3]) * 1024
        if free < needed:
            raise InputError(
                f"no room on `{self._ssh.address}`: {needed >> 20} MB are needed, and "
                f"{free >> 20} MB are free in `{Path(self._folder).parent}`",
                "free some space there, or let its TMPDIR name a folder with more",
            )
        with room_for(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(folder, arcname=".")
            packed.seek(0)
            longer_s = needed / _SLOWEST_BYTES_PER_S
            script = 'exec tar -xf - -C "$1"'
            self._ssh.call(script, self._folder, stdin=packed, longer_s=longer_s)

    def run(self) -> Generator[str, None, None]:
        # temporary files of the runtimes go with the folder
        script = f'TMPDIR=$1 exec python3 "$1/{RUNNER_FILE}" "$1" --clean-up'
        with (
            tempfile.TemporaryFile() as errors,
            self._ssh.start(script, self._folder, errors=errors) as process,
        ):
            assert process.stdout is not None
            try:
                yield from self._ssh.lines(process.stdout)
                status = process.wait()
            finally:
                process.kill()  # the runner ends with its stdin
            self._ssh.check(status, errors)

    def pull(self) -> str:
        return self._ssh.call(f'cat "$1/{RECORDS_FILE}"', self._folder)

    def _probe(self) -> Offer:
        """The runtimes of its python3.

        Raises:
            InputError: there is none, or no python3, or no NumPy.
        """
        packages = [p for name in _RUNTIMES for p in RUNTIMES[name].packages]
        script = 'command -v python3 > /dev/null || exit 0; exec python3 -c "$@"'
        answer = self._ssh.call(script, _PROBE, "numpy", *packages).splitlines()
        if not answer:
            raise self._lacks("python3", "as on Debian: apt install python3 python3-numpy")
        probed = json.loads(answer[-1])
        version = tuple(probed["version"])
        if version < _PYTHON:
            wanted = f"Python {_dotted(_PYTHON)} or newer"
            raise self._lacks(wanted, f"its python3 is {_dotted(version)}")
        if "numpy" not in probed["found"]:
            raise self._lacks("NumPy", "as on Debian: apt install python3-numpy")
        has = [n for n in _RUNTIMES if any(p in probed["found"] for p in RUNTIMES[n].packages)]
        if not has:
            raise self._lacks(
                "a runtime", "there: python3 -m pip install onnxruntime, or ai-edge-litert"
            )
        return {name: RUNTIMES[name].delegates for name in has}

    def _lacks(self, what: str, hint: str) -> InputError:
        return InputError(f"`{self._ssh.address}` lacks {what}", hint)

    @contextmanager
    def _folder_there(self) -> Iterator[str]:
        """A new folder there, which its guard removes."""
        with (
            tempfile.TemporaryFile() as errors,
            self._ssh.start(_GUARD, errors=errors) as guard,
        ):
            assert guard.stdin is not None and guard.stdout is not None
            folder = next(self._ssh.lines(guard.stdout), "").rstrip("\n")
            if not folder:
                self._ssh.check(guard.wait(), errors)
            if not folder.startswith("/"):
                raise InputError(
                    f"`{self._ssh.address}` prints something before any command does: {folder!r}",
                    "let its shell's start-up files print to terminals only",
                )
            try:
                yield folder
            finally:
                guard.stdin.close()
                try:
                    status = guard.wait(self._hurry_s)
                except subprocess.TimeoutExpired:
                    status = LOST
                guard.kill()
                if status == LOST:
                    self._remove_anew(folder)

    def _remove_anew(self, folder: str) -> None:
        """The connection is lost. The guard learns of that and removes the folder; unless it was
        ended with the machine, which may be back."""
        anew = SshConnection(self._ssh.address, self._config, self._hurry_s)
        with suppress(SdkError), anew:  # out of reach still: the next run's guard removes it
            anew.call('rm -rf "$1"', folder)

    def _send_runner(self) -> None:
        """All that describing the machine takes; the plan comes with `push`."""
        with tempfile.TemporaryDirectory() as folder:
            write_archive(Path(folder) / RUNNER_FILE)
            self.push(Path(folder))

    def _ask_runner(self) -> dict[str, Any]:
        script = f'exec python3 "$1/{RUNNER_FILE}" --describe'
        answer: dict[str, Any] = json.loads(self._ssh.call(script, self._folder).splitlines()[-1])
        return answer


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
