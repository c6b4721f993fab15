"""What an APK is made of, read with Debian's tools; where these have no answer, from its bytes."""

from __future__ import annotations

import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

PAGE = 16384  # bytes, of the systems with the largest pages
ABIS = ("arm64-v8a", "armeabi-v7a", "x86", "x86_64")
TOOLS = ("aapt2", "apksigner", "dexdump", "zipalign")


def output(*command: str | Path) -> str:
    """Standard output of a command that succeeds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout


def components(apk: Path) -> dict[str, list[str]]:
    """Element of the manifest -> the classes that it names, with their packages."""
    found: dict[str, list[str]] = {}
    element = package = ""
    for line in output("aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", apk).split(
        "\n"
    ):
        if match := re.match(r"\s*E: ([\w-]+)", line):
            element = match[1]
        elif match := re.match(r'\s*A: package="(.*?)"', line):
            package = match[1]
        elif (match := re.search(r'android:name\(\w+\)="([\w.$]+)"', line)) and element in (
            "application",
            "activity",
            "provider",
            "service",
            "receiver",
            "instrumentation",
        ):
            name = match[1]
            found.setdefault(element, []).append(package + name if name[0] == "." else name)
    return found


@dataclass(frozen=True)
class Dex:
    """Classes by their Java names, native methods as `class.method`."""

    classes: frozenset[str]
    natives: frozenset[str]
    invokes_custom: bool


def read_dex(dex: Path) -> Dex:
    classes, natives = set(), set()
    name = method = ""
    invokes_custom = False
    with subprocess.Popen(
        ["dexdump", "-d", dex], stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if match := re.match(r"\s+Class descriptor\s*: 'L(.*);'", line):
                name = match[1].replace("/", ".")
                classes.add(name)
            elif match := re.match(r"\s+name\s+: '(.*)'", line):
                method = match[1]
            elif re.match(r"\s+access\s+: .*\bNATIVE\b", line):
                natives.add(f"{name}.{method}")
            elif ": invoke-custom" in line:
                invokes_custom = True
    assert process.returncode == 0, f"dexdump refuses {dex}"
    return Dex(frozenset(classes), frozenset(natives), invokes_custom)


def unaligned(apk: Path) -> list[str]:
    """Entries that are stored as they are and do not begin at a multiple of `PAGE`."""
    with ZipFile(apk) as archive, apk.open("rb") as file:
        found = []
        for entry in archive.infolist():
            file.seek(entry.header_offset + 26)
            name_length, extra_length = struct.unpack("<HH", file.read(4))
            start = entry.header_offset + 30 + name_length + extra_length
            if entry.compress_type == ZIP_STORED and start % PAGE:
                found.append(entry.filename)
    return found


def load_alignment(library: bytes) -> int:
    """Least alignment of what an ELF file has loaded, in bytes: the largest page it can be used
    with (System V ABI, program header, `PT_LOAD`)."""
    assert library[:4] == b"\x7fELF" and library[5] == 1  # little-endian
    wide = library[4] == 2
    table, size, count = (
        (struct.unpack_from("<Q", library, 32)[0], *struct.unpack_from("<HH", library, 54))
        if wide
        else (struct.unpack_from("<I", library, 28)[0], *struct.unpack_from("<HH", library, 42))
    )
    alignments: list[int] = []
    for header in range(table, table + size * count, size):
        if struct.unpack_from("<I", library, header)[0] == 1:
            where = ("<Q", header + 48) if wide else ("<I", header + 28)
            alignments.append(struct.unpack_from(where[0], library, where[1])[0])
    return min(alignments)
