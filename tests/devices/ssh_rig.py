"""A host to test with: a real OpenSSH server on a machine of its own, with a user, a key and a
client's configuration made for it. The client is this machine's `ssh`."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.devices.debian_machine import USER, DebianMachine, Link, wait_until

NAME = "rig"  # what the client's configuration calls it
DISK_BYTES = 48 << 20

_PORT = 22
_SSHD = "/usr/sbin/sshd"
_SERVER = f"""\
Port {_PORT}
ListenAddress 127.0.0.1
HostKey /etc/ssh/key
AuthorizedKeysFile /etc/ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


class SshHost:
    """A host that `ssh -F config rig` reaches while its context is entered. Its folder for
    temporary files is a small disk of its own.

    Args:
        root: from `debian_root()`.
    """

    def __init__(self, root: Path) -> None:
        self.machine = DebianMachine(root, {"/tmp": DISK_BYTES})

    def __enter__(self) -> SshHost:
        self.machine.__enter__()
        self._keys = tempfile.TemporaryDirectory(prefix="mobilevit-ssh-")
        folder = Path(self._keys.name)
        for name in ("host", "client"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        self.machine.write("/etc/ssh/key", (folder / "host").read_bytes(), mode=0o600)
        self.machine.write("/etc/ssh/authorized_keys", (folder / "client.pub").read_bytes())
        self.machine.write("/etc/ssh/sshd_config", _SERVER)
        self.link = Link(self.machine, _PORT)
        self.start_sshd()
        self.link.lay()
        host_key = (folder / "host.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.link.port} {host_key}")
        self.config = folder / "config"
        self.config.write_text(
            f"Host {NAME}\n"
            "  HostName 127.0.0.1\n"
            f"  Port {self.link.port}\n"
            f"  User {USER}\n"
            f"  IdentityFile {folder / 'client'}\n"
            "  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {folder / 'known_hosts'}\n"
            "  GlobalKnownHostsFile none\n"
            "  StrictHostKeyChecking yes\n"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.link.cut()
        self.machine.__exit__()
        self._keys.cleanup()

    def start_sshd(self) -> None:
        self.machine.write("/run/sshd/.keep", "")
        self.machine.start(_SSHD, "-D", "-E", "/root/sshd.log")
        wait_until(lambda: f":{_PORT}" in self.machine.run("ss", "-Hltn"), "sshd")

    def ssh(self, command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run a command on it.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout` seconds.
        """
        return subprocess.run(
            self._ssh(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def started(self, command: str) -> subprocess.Popen[str]:
        """A command that runs on it."""
        return subprocess.Popen(
            self._ssh(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def kill_connections(self) -> None:
        self.machine.send_signal(signal.SIGKILL, starting_with="sshd-session:")

    def reboot(self) -> None:
        """As when it is switched off and on: back as soon as this returns."""
        self.machine.reboot()
        self.link.cut()
        self.start_sshd()
        self.link.lay()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Within the context, it does not know the client's key."""
        keys = self.machine.path("/etc/ssh/authorized_keys")
        known = keys.read_bytes()
        keys.write_bytes(b"")
        try:
            yield
        finally:
            keys.write_bytes(known)

    def files(self) -> list[str]:
        """Everything in its folder for temporary files."""
        folder = self.machine.path("/tmp")
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def _ssh(self, command: str) -> list[str]:
        return ["ssh", "-F", str(self.config), "-o", "BatchMode=yes", NAME, command]
