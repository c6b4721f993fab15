"""An arm64 Python with both runtimes on this machine, run by QEMU's user-mode emulator.

`arm64_root()` builds a folder of Debian's arm64 packages and aarch64 wheels, once;
`emulated_python()` says how to run programs in it. Nothing in it is installed: there is no chroot,
and the kernel is not told of the emulator.

An emulated processor computes what the real one computes, and executes the instructions that the
real one would execute. It is no measure of time or of memory.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobilevit.errors import ConversionError, InputError, unknown_name
from mobilevit.files import atomic_folder

CACHE_VARIABLE = "MOBILEVIT_CACHE"  # names the folder where the tree is kept

_SUITE = "bookworm"  # Debian 12: Python 3.11, glibc 2.36
_PACKAGES = ("libstdc++6", "python3.11")  # besides the essential ones
_PYTHON = "3.11"
_WHEELS = Path(__file__).with_name("arm64_wheels.txt")
# tags that glibc 2.36 satisfies (PEP 600), as far as the wheels of arm64_wheels.txt use them
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")

_APT = "apt-get install --no-install-recommends qemu-user debootstrap"


@dataclass(frozen=True)
class _Processor:
    """What /proc/cpuinfo tells of a core: the fields of its MIDR_EL1 register.

    QEMU 7.2 shows a program the host's /proc/cpuinfo. onnxruntime 1.31.1 and ai-edge-litert 2.3.0
    read it to choose kernels, and end with SIGSEGV where it names no Arm core they know.
    """

    variant: int
    part: int
    revision: int

    @property
    def cpuinfo(self) -> str:
        """One core, in the words of Linux (arch/arm64/kernel/cpuinfo.c)."""
        return (
            "processor\t: 0\n"
            "CPU implementer\t: 0x41\n"  # Arm
            "CPU architecture: 8\n"
            f"CPU variant\t: 0x{self.variant:x}\n"
            f"CPU part\t: 0x{self.part:03x}\n"
            f"CPU revision\t: {self.revision}\n"
        )


# By QEMU's names. Values are those that `mrs x0, midr_el1` gives under QEMU 7.2, but for `max`,
# which is no real core: it goes as a Neoverse V1, the nearest that the runtimes know.
CPUS = {
    "cortex-a57": _Processor(variant=0x1, part=0xD07, revision=0),  # Armv8.0
    "cortex-a76": _Processor(variant=0x4, part=0xD0B, revision=1),  # Armv8.2: fp16, dot product
    "max": _Processor(variant=0x1, part=0xD40, revision=1),  # all that QEMU has: i8mm, SVE …
}
DEFAULT_CPU = "cortex-a76"


@dataclass(frozen=True)
class EmulatedPython:
    """How to start the arm64 Python."""

    argv: tuple[str, ...]  # up to the interpreter; what it is to run follows
    environment: dict[str, str]


def cache_folder() -> Path:
    """Where what is built for emulation is kept: `$MOBILEVIT_CACHE`, by default
    `~/.cache/mobilevit-sdk`."""
    named = os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "mobilevit-sdk"
    return Path(named).absolute()


def arm64_root() -> Path:
    """The folder with the arm64 tree, built first if it is not there or of other versions.

    It is `arm64` in `cache_folder()`, and takes about 430 MB. Building needs root (debootstrap
    does), Debian's mirror and pip's index.

    Raises:
        InputError: a tool is missing or fails, or the folder cannot be written to.
        ConversionError: the runtimes do not start in the tree that was built.
    """
    root = cache_folder() / "arm64"
    stamp = _stamp()
    if not (root / "stamp").is_file() or (root / "stamp").read_text(encoding="utf-8") != stamp:
        with atomic_folder(root) as aside:
            _unpack_debian(aside / "debian", downloads=aside / "downloads")
            _install_wheels(aside / "site-packages")
            for name, processor in CPUS.items():
                _show_processor(aside, name, processor)
            _try_runtimes(aside)
            (aside / "stamp").write_text(stamp, encoding="utf-8")
    return root


def emulated_python(
    root: Path,
    *,
    cpu: str = DEFAULT_CPU,
    imports: Sequence[Path] = (),
    qemu_options: Sequence[str] = (),
) -> EmulatedPython:
    """The command line and environment of the Python in `root`.

    Args:
        root: from `arm64_root()`.
        cpu: one of `CPUS`.
        imports: folders to import from, before the packages of the tree: mobilevit's, say.
        qemu_options: further ones, such as `("-plugin", "count.so", "-d", "plugin")`.

    Raises:
        InputError: no such processor, or QEMU is not installed.
    """
    if cpu not in CPUS:
        raise unknown_name("emulated processor", cpu, CPUS)
    steered = ("PYTHON", "LD_")  # meant for this machine's Python and loader
    environment = {k: v for k, v in os.environ.items() if not k.startswith(steered)}
    paths = [*imports, root / "site-packages"]
    return EmulatedPython(
        argv=(
            _tool("qemu-aarch64"),
            *("-cpu", cpu),
            *("-L", str(root / "cpus" / cpu)),
            *qemu_options,
            str(root / "debian" / "usr" / "bin" / f"python{_PYTHON}"),
        ),
        environment={
            **environment,
            "PYTHONPATH": os.pathsep.join(str(path.absolute()) for path in paths),
            "PYTHONSAFEPATH": "1",
            "PYTHONNOUSERSITE": "1",
        },
    )


def _stamp() -> str:
    """Everything the tree is made from, but for the point release of Debian."""
    lines = [
        f"debian {_SUITE} {' '.join(_PACKAGES)}",
        _WHEELS.read_text(encoding="utf-8"),
        *(f"{name}\n{processor.cpuinfo}" for name, processor in CPUS.items()),
    ]
    return "\n".join(lines)


def _unpack_debian(tree: Path, downloads: Path) -> None:
    """Debian's packages for arm64, signatures checked, unpacked and not configured."""
    command = [_tool("debootstrap"), "--download-only", "--force-check-gpg", "--arch=arm64"]
    command += ["--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(downloads)]
    dpkg, _ = _tool("dpkg-deb"), _tool("qemu-aarch64")  # say so before anything is downloaded
    _run(command, "debootstrap cannot download Debian's arm64 packages")
    tree.mkdir()
    for package in sorted((downloads / "var" / "cache" / "apt" / "archives").glob("*.deb")):
        _run([dpkg, "--extract", str(package), str(tree)], f"dpkg-deb cannot unpack `{package}`")
    shutil.rmtree(downloads)


def _install_wheels(folder: Path) -> None:
    """The aarch64 wheels of arm64_wheels.txt, put there by this Python's pip."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={_PYTHON}", *(f"--platform={name}" for name in _PLATFORMS)]
    command += ["--target", str(folder), "--requirement", str(_WHEELS)]
    _run(command, "pip cannot install the aarch64 wheels")


def _show_processor(root: Path, name: str, processor: _Processor) -> None:
    """A view of the tree for QEMU's `-L`: a path that is in it is read there, any other on the
    host. One core, so that what the runtimes see does not depend on the host's count."""
    view = root / "cpus" / name
    cpus = view / "sys" / "devices" / "system" / "cpu"
    cpus.mkdir(parents=True)
    for file in ("possible", "present"):
        (cpus / file).write_text("0\n")
    (view / "proc").mkdir()
    (view / "proc" / "cpuinfo").write_text(processor.cpuinfo)
    for folder in ("lib", "usr"):
        (view / folder).symlink_to(Path("..") / ".." / "debian" / folder)


def _try_runtimes(root: Path) -> None:
    """Import them once; their bytecode, and that of Python's library, is kept in the tree."""
    python = emulated_python(root)
    program = "import ai_edge_litert.interpreter, numpy, onnxruntime, PIL.Image, pydantic"
    tried = subprocess.run(
        [*python.argv, "-c", program], env=python.environment, capture_output=True, text=True
    )
    if tried.returncode != 0:
        raise ConversionError(
            f"the runtimes do not start under qemu-aarch64: {_last_line(tried)}",
            "QEMU 7.2, Debian 12's, is known to run them",
        )


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise InputError(f"`{name}` is not installed", _APT)
    return path


def _run(command: list[str], failure: str) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        hint = "building the arm64 tree needs root, Debian's mirror and pip's index"
        raise InputError(f"{failure}: {_last_line(done)}", hint)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stderr or done.stdout or "").strip().splitlines()
    return said[-1].strip().rstrip(".") if said else f"it ended with status {done.returncode}"
