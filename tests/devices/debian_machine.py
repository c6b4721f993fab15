"""A second machine on this one: Debian 13 with its own processes, disks and network.

`debian_root()` builds its files once; `DebianMachine` boots it from them, in namespaces of this
kernel. Its changes go to memory, so every machine starts from the same files, several can run at
once, and nothing is left of one that ends: mounts, processes and network are its own, and end with
the process that started it, however that ends.

It shares the processor and the kernel with this machine, and root in it is root here: it runs what
a test gives it, and is no prison. Nothing outside reaches its network; `Link` makes one of its
ports a port of this machine's loopback.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from time import monotonic, sleep

from mobilevit.files import atomic_folder
from mobilevit_benchmarks.devices.arm64_root import CACHE_VARIABLE

USER = "tester"  # who is not root on the machine

_SUITE = "trixie"  # Debian 13: Python 3.13, glibc 2.41, adbd 34.0.5, OpenSSH 10.0
_PACKAGES = ("adbd", "iproute2", "openssh-server", "procps", "python3")
_PYTHON = "3.13"
_WHEELS = Path(__file__).with_name("machine_wheels.txt")
# tags that glibc 2.41 satisfies (PEP 600), as far as the wheels of machine_wheels.txt use them
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux2014", "manylinux1")
_RELAY = Path(__file__).with_name("relay.py")
_TOOLS = ("debootstrap", "nsenter", "setpriv", "unshare")

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# even SIGKILL to the tests ends what is started so
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")

# $1: an empty folder, $2: the Debian tree; then size and path of each disk
_MOUNT = """
set -e
mount -t tmpfs -o size=1g,mode=755 machine "$1"
cd "$1"
mkdir debian changes work root
mount --bind "$2" debian
mount -t overlay -o lowerdir=debian,upperdir=changes,workdir=work machine root
cd root
shift 2
while [ $# -gt 0 ]; do
    mkdir -p "./$2"
    mount -t tmpfs -o "size=$1,mode=1777" disk "./$2"
    shift 2
done
mount -t tmpfs -o mode=755 dev dev
for node in full null random tty urandom zero; do
    : > dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,mode=620,ptmxmode=666 pts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
echo mounted
exec sleep infinity
"""

# its process 1; children that nobody waits for must not stay
_INIT = "trap '' CHLD; ip link set lo up; echo up; exec sleep infinity"


@cache
def why_not(*tools: str) -> str | None:
    """Why no machine can be booted here, or not be reached with `tools`; or None."""
    missing = [tool for tool in (*_TOOLS, *tools) if shutil.which(tool) is None]
    if missing:
        return f"`{missing[0]}` is not installed"
    if os.geteuid() != 0:
        return "a machine of its own needs root"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        text=True,
    )
    return None if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


def debian_root() -> Path:
    """The Debian tree, built first if it is not there or of other versions: 90 s and 440 MB.

    It is `debian` in `$MOBILEVIT_CACHE`, by default `~/.cache/mobilevit-sdk`.

    Raises:
        subprocess.CalledProcessError: debootstrap or pip failed.
    """
    cache = os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "mobilevit-sdk"
    folder = Path(cache).absolute() / "debian"
    stamp = f"{_SUITE} {' '.join(_PACKAGES)} {USER}\n{_WHEELS.read_text(encoding='utf-8')}"
    if not (folder / "stamp").is_file() or (folder / "stamp").read_text(encoding="utf-8") != stamp:
        with atomic_folder(folder) as aside:
            _build(aside / "root")
            (aside / "stamp").write_text(stamp, encoding="utf-8")
    return folder / "root"


def _build(root: Path) -> None:
    debootstrap = ["debootstrap", "--force-check-gpg", "--variant=minbase"]
    debootstrap += [f"--include={','.join(_PACKAGES)}", _SUITE, str(root)]
    _run(debootstrap)
    # `*`: no password fits; without one the account would be locked, for sshd too
    user = ["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", USER]
    _run(["chroot", str(root), *user])
    packages = root / "usr" / "local" / "lib" / f"python{_PYTHON}" / "dist-packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-deps", "--only-binary=:all:", "--implementation=cp"]
    pip += [f"--python-version={_PYTHON}"]
    pip += [f"--platform={name}_{os.uname().machine}" for name in _PLATFORMS]
    pip += ["--target", str(packages), "--requirement", str(_WHEELS)]
    _run(pip)
    # writes their bytecode
    program = "import ai_edge_litert.interpreter, numpy, onnxruntime"
    inside = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={root / 'proc'}", "chroot"]
    _run([*inside, str(root), "python3", "-c", program])
    for unneeded in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"):
        shutil.rmtree(root / unneeded)
    for key in (root / "etc" / "ssh").glob("ssh_host_*"):  # each machine has its own
        key.unlink()


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


class DebianMachine:
    """A machine that is up while its context is entered.

    Args:
        root: from `debian_root()`.
        disks: path on the machine -> size in bytes. Each is a disk of its own, writable for all,
            whose files outlive a reboot.
    """

    def __init__(self, root: Path, disks: Mapping[str, int]) -> None:
        self._root = root
        self._disks = disks
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> DebianMachine:
        self._folder = Path(tempfile.mkdtemp(prefix="mobilevit-machine-"))
        script = ["sh", "-c", _MOUNT, "mount", str(self._folder), str(self._root)]
        for path, size in self._disks.items():
            script += [str(size), path.lstrip("/")]
        self._mounts = _process([*ENDS_WITH_US, "unshare", "--mount", *script], says="mounted")
        for name in ("possible", "present"):  # where runtimes look for the processor's cores
            path = f"/sys/devices/system/cpu/{name}"
            self.write(path, Path(path).read_bytes())
        self._boot()
        return self

    def __exit__(self, *_: object) -> None:
        self._shut_down()
        self._mounts.kill()
        self._mounts.communicate()
        self._folder.rmdir()  # which fails if a mount was left

    def reboot(self) -> None:
        """End every process, at once, and boot anew. Files stay."""
        self._shut_down()
        self._boot()

    def path(self, path: str) -> Path:
        """Where a file of the machine is, for this process. Absolute links are not followed
        rightly."""
        mounts = Path(f"/proc/{self._mounts.pid}/root")
        return mounts / self._folder.relative_to("/") / "root" / path.lstrip("/")

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file of the machine, and the folders it is in, for root."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)

    def start(
        self, *command: str, environment: Mapping[str, str] | None = None, log: str | None = None
    ) -> None:
        """Start a program on the machine, as root and without stdin.

        Args:
            environment: besides PATH.
            log: file on the machine for what it prints; None to drop that.
        """
        with (self.path(log) if log else Path(os.devnull)).open("ab") as output:
            process = subprocess.Popen(
                [*self._inside(), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": _PATH, **(environment or {})},
            )
        self._started.append(process)

    def run(self, *command: str) -> str:
        """What a program prints on the machine, run as root.

        Raises:
            subprocess.CalledProcessError: it did not end with status 0.
        """
        return subprocess.run(
            [*self._inside(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={"PATH": _PATH},
            text=True,
            check=True,
        ).stdout

    def processes(self) -> dict[int, str]:
        """Every process but process 1: its id here -> its command line, words parted by spaces."""
        own = Path(f"/proc/{self.init}/ns/pid").readlink()
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal() or int(folder.name) == self.init:
                continue
            try:
                if (folder / "ns" / "pid").readlink() != own:
                    continue
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended meanwhile, or is one of the kernel's
            if words != [b""]:  # not one that is ended and not yet waited for
                found[int(folder.name)] = b" ".join(words).decode(errors="replace")
        return found

    def send_signal(self, number: signal.Signals, starting_with: str) -> int:
        """Signal every process whose command line starts so; give their count."""
        matching = [p for p, line in self.processes().items() if line.startswith(starting_with)]
        for process in matching:
            os.kill(process, number)
        return len(matching)

    @contextmanager
    def full_disk(self, path: str, leave: int = 0) -> Iterator[None]:
        """Within the context, the disk at `path` has `leave` bytes left."""
        filler = self.path(path) / ".filler"
        with filler.open("wb") as file:
            while (free := shutil.disk_usage(self.path(path)).free) > leave:
                with suppress(OSError):  # another took of it meanwhile
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free - leave)
        try:
            yield
        finally:
            filler.unlink()

    def _boot(self) -> None:
        root = self._folder / "root"
        command = [*ENDS_WITH_US, "nsenter", f"--mount=/proc/{self._mounts.pid}/ns/mnt"]
        command += ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        command += [f"--mount-proc={root / 'proc'}", "chroot", str(root), "sh", "-c", _INIT]
        self._unshare = _process(command, says="up")
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        self.init = int(children.read_text())  # its process 1, as this machine numbers it

    def _shut_down(self) -> None:
        os.kill(self.init, signal.SIGKILL)  # the kernel ends the others with it
        self._unshare.communicate()
        for process in self._started:
            process.wait()
        self._started.clear()

    def _inside(self) -> list[str]:
        """The command line that runs what follows it on the machine."""
        return ["nsenter", f"--target={self.init}", "--mount", "--pid", "--net", "--root", "--wd"]


def _process(command: Sequence[str], says: str) -> subprocess.Popen[str]:
    """A process that has printed the line `says`."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": _PATH},
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != f"{says}\n":
        process.kill()
        _, errors = process.communicate()
        raise RuntimeError(f"{command[:6]} did not start: {errors}")
    return process


class Link:
    """A port of the machine's loopback as a port of this one's, up while its context is entered.

    A process of its own copies bytes between the two, and can fail as a cable or a network does.
    """

    def __init__(self, machine: DebianMachine, machine_port: int) -> None:
        self._machine = machine
        self._machine_port = machine_port
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Link:
        self.lay()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def lay(self) -> None:
        """Take connections on `port`. Needed again after `cut`, and after the machine rebooted."""
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            command = [*ENDS_WITH_US, "nsenter", f"--net=/proc/{self._machine.init}/ns/net"]
            command += [sys.executable, str(_RELAY), str(listener.fileno())]
            self._relay = subprocess.Popen(
                [*command, str(self._machine_port)],
                stdin=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )

    def cut(self) -> None:
        """Close every connection, and take no more."""
        self._relay.kill()
        self._relay.wait()

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Within the context nothing arrives, either way; connections stay."""
        self._relay.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._relay.send_signal(signal.SIGCONT)


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = 10) -> None:
    """Return once `condition` holds.

    Raises:
        TimeoutError: it did not within `patience_s`; `what` says what was waited for.
    """
    end = monotonic() + patience_s
    while not condition():
        if monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience_s} s")
        sleep(0.02)
