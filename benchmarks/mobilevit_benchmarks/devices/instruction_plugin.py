"""The plugin for QEMU that counts instructions, compiled on this machine when first needed.

What it counts, and how a program marks its runs, is told in instruction_count.c.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from mobilevit.errors import InputError
from mobilevit.files import atomic_file

from .arm64_root import cache_folder

_SOURCE = Path(__file__).with_name("instruction_count.c")
_FLAGS = ("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")
_APT = "apt-get install --no-install-recommends gcc libc6-dev"


def instruction_plugin() -> Path:
    """The shared library, in `cache_folder()`, built first if there is none of this source and this
    compiler.

    Raises:
        InputError: there is no C compiler, it fails, or the folder cannot be written to.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise InputError("`cc`, a C compiler, is not installed", _APT)
    library = cache_folder() / f"instruction_count-{_stamp(compiler)}.so"
    if not library.is_file():
        with atomic_file(library) as aside:
            command = [compiler, *_FLAGS, str(_SOURCE), "-o", str(aside)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                said = done.stderr.strip().splitlines()
                reason = said[0] if said else f"it ended with status {done.returncode}"
                raise InputError(f"`cc` cannot build `{_SOURCE.name}`: {reason}", _APT)
    return library


def plugin_option(library: Path, out: Path) -> tuple[str, str]:
    """QEMU's option that loads the plugin and has it write its counts to `out`."""

    def escaped(path: Path) -> str:  # a comma would begin the next option
        return str(path.absolute()).replace(",", ",,")

    return "-plugin", f"{escaped(library)},out={escaped(out)}"


def _stamp(compiler: str) -> str:
    """Of everything the library is made from."""
    made_from = hashlib.sha256(_SOURCE.read_bytes())
    made_from.update(" ".join(_FLAGS).encode())
    # its target and version, gcc's and clang's alike
    told = subprocess.run([compiler, "-v"], stdin=subprocess.DEVNULL, capture_output=True)
    made_from.update(told.stderr)
    return made_from.hexdigest()[:16]
