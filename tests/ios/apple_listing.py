"""What Apple's frameworks have, as told by others: the declarations for TypeScript that
NativeScript made from the headers of an SDK, with the version of iOS each came in, and PyObjC's
tables of constants. `python -m tests.ios.apple_listing` brings both from package registries.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from mobilevit.files import atomic_folder
from mobilevit_benchmarks.devices.arm64_root import cache_folder
from tests.ios.swift_code import Version, version

TYPES_VERSION = "9.1.2"
TYPES = f"@nativescript/types-ios@{TYPES_VERSION}"
PYOBJC_VERSION = "12.2.2"
PYOBJC = ("AVFoundation", "CoreML", "Quartz")  # frameworks; Quartz has Core Graphics and others

_TYPES_FOLDER = cache_folder() / "apple-api" / f"types-ios-{TYPES_VERSION}"
_PYOBJC_FOLDER = cache_folder() / "apple-api" / f"pyobjc-{PYOBJC_VERSION}"
_SINCE = re.compile(r"@since ([\d.]+)")
_DEPRECATED = re.compile(r"@deprecated ([\d.]+)")


@dataclass(frozen=True)
class Known:
    """That something is there."""

    since: Version = ()  # of iOS; empty: as old as what it is in
    deprecated: Version = (100000,)  # as the listing has it for "not yet"


@dataclass
class Declared:
    kind: str
    known: Known
    members: dict[tuple[str, bool], Known] = field(default_factory=dict)  # name, of the class


def _known(comment: str) -> Known:
    since, deprecated = _SINCE.search(comment), _DEPRECATED.search(comment)
    return Known(
        version(since[1]) if since else Known.since,
        version(deprecated[1]) if deprecated else Known.deprecated,
    )


_COMMENT = r"(?P<comment>/\*\*(?:(?!\*/).)*\*/\s*)?"
_TOP = re.compile(
    rf"^{_COMMENT}(?:declare )?(?P<kind>class|interface|const enum|function|const|var) "
    r"(?P<name>\w+)(?P<rest>[^\n]*)\n",
    re.MULTILINE | re.DOTALL,
)
_MEMBER = re.compile(
    rf"^\t{_COMMENT}(?P<static>static )?(?:readonly )?(?P<name>\w+)\??(?: = |[(:<,]|$)",
    re.MULTILINE | re.DOTALL,
)


class Listing:
    """NativeScript's, read as a whole: 15 MB of text."""

    def __init__(self, folder: Path) -> None:
        self._declared: dict[str, Declared] = {}
        for file in sorted(folder.rglob("*.d.ts")):
            self._read(file.read_text(encoding="utf-8"))

    def _read(self, text: str) -> None:
        for match in _TOP.finditer(text):
            name, kind = match["name"], match["kind"]
            if kind == "var" and name in self._declared:
                continue  # the object beside a protocol or a struct of the same name
            declared = Declared(kind, _known(match["comment"] or ""))
            if match["rest"].rstrip().endswith("{"):
                body = text[match.end() : text.index("\n}", match.end() - 1)]
                for member in _MEMBER.finditer(body):
                    key = (member["name"], bool(member["static"]))
                    declared.members.setdefault(key, _known(member["comment"] or ""))
            self._declared[name] = declared

    def __len__(self) -> int:
        return len(self._declared)

    def find(self, line: str) -> Known | None:
        """What a line of a stub names: `ObjC NAME`, `ObjC +[Class selector:with:]`,
        `ObjC -[Class selector]`, `ObjC Type.member` or `C name`."""
        _, _, name = line.partition(" ")
        if method := re.fullmatch(r"([+-])\[(\w+) ([\w:]+)\]", name):
            first, *rest = method[3].rstrip(":").split(":")
            joined = first + "".join(part[:1].upper() + part[1:] for part in rest)
            return self._member(method[2], joined, method[1] == "+")
        if "." in name:
            owner, member = name.split(".", 1)
            return self._member(owner, member, False) or self._member(owner, member, True)
        declared = self._declared.get(name)
        return declared.known if declared else None

    def _member(self, owner: str, name: str, of_class: bool) -> Known | None:
        declared = self._declared.get(owner)
        if declared is None:
            return None
        known = declared.members.get((name, of_class))
        if known is None:
            return None
        whole = declared.known
        return Known(max(known.since, whole.since), min(known.deprecated, whole.deprecated))


@cache
def listing() -> Listing:
    return Listing(_TYPES_FOLDER)


@cache
def constants() -> Mapping[str, int | None]:
    """PyObjC's: names of constants and of the cases of enumerations, with these cases' values."""
    found: dict[str, int | None] = {}
    for wheel in sorted(_PYOBJC_FOLDER.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith("_metadata.py"):
                    found |= _tables(archive.read(name).decode())
    return found


def _tables(source: str) -> dict[str, int | None]:
    """Without running it: it asks for a Mac's modules."""
    tables = {"constants": "", "enums": ""}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, value = statement.targets[0].id, statement.value
            if name in tables and isinstance(value, ast.Constant):
                tables[name] = str(value.value)
    found: dict[str, int | None] = {
        entry.split("@")[0]: None for entry in tables["constants"].split("$") if entry
    }
    for entry in filter(None, tables["enums"].split("$")):
        name, _, value = entry.partition("@")
        found[name] = int(value) if re.fullmatch(r"-?\d+", value) else None
    return found


def fetched() -> bool:
    return _TYPES_FOLDER.is_dir() and _PYOBJC_FOLDER.is_dir()


def fetch() -> None:
    """By npm and pip, what is not in the cache."""
    if not _TYPES_FOLDER.is_dir():
        with atomic_folder(_TYPES_FOLDER) as aside:
            subprocess.run(["npm", "pack", "--silent", TYPES], cwd=aside, check=True)
            [archive] = aside.glob("*.tgz")
            with tarfile.open(archive) as packed:
                packed.extractall(aside, filter="data")
            archive.unlink()
    if not _PYOBJC_FOLDER.is_dir():
        names = [f"pyobjc-framework-{name}=={PYOBJC_VERSION}" for name in PYOBJC]
        with atomic_folder(_PYOBJC_FOLDER) as aside:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
            options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.11"]
            options += ["--platform=macosx_10_9_universal2", f"--dest={aside}"]
            subprocess.run([*pip, *options, *names], check=True)


if __name__ == "__main__":
    fetch()
