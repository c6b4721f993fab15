"""Reads `project.pbxproj`: which targets an Xcode project has, and which files belong to them.

The file is a property list in OpenStep's notation: `{ key = value; }`, `( value, )`, quoted or
bare strings, comments. `objects` holds every object under its identifier, with its class in `isa`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

Value = str | list["Value"] | dict[str, "Value"]

_TOKEN = re.compile(
    r"""\s+ | //[^\n]* | /\*.*?\*/ | (?P<sign>[{}()=;,]) | <(?P<data>[^>]*)>
    | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)' | (?P<bare>[\w.$:/@+%~-]+)""",
    re.DOTALL | re.VERBOSE,
)
_MAX_DEPTH = 50  # of brackets; Xcode's files have five
_RESOURCES = "PBXResourcesBuildPhase"
_SOURCES = "PBXSourcesBuildPhase"


@dataclass(frozen=True)
class Target:
    """A native target. Its paths begin as the project's does, and have no `..` within."""

    name: str
    product_type: str  # such as com.apple.product-type.application
    synchronized: tuple[Path, ...]  # folders of which every file belongs to it (Xcode 16)
    excluded: frozenset[Path]  # files in those that do not belong to it
    sources: tuple[Path, ...]
    resources: tuple[Path, ...]

    def holds(self, path: Path) -> bool:
        """Whether `path` is copied into its product: it is listed, or in a folder that is."""
        if any(path == listed or listed in path.parents for listed in self.resources):
            return True
        return path not in self.excluded and any(s in path.parents for s in self.synchronized)


def read_targets(project: Path) -> list[Target]:
    """The native targets of an `.xcodeproj`, in the order Xcode shows them.

    Raises:
        InputError: its `project.pbxproj` is missing or damaged.
    """
    path = project / "project.pbxproj"
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"`{path}` cannot be read: {error.strerror}") from error
    try:
        return _Objects(_parse(text), project.parent).targets()
    except ValueError as error:
        raise InputError(
            f"`{path}` is not a project that can be read: {error}", "open and save it in Xcode"
        ) from error


class _Objects:
    """The objects of a project; what is not there or of another type counts as empty."""

    def __init__(self, plist: Value, folder: Path) -> None:
        self._objects = _table(_table(plist).get("objects"))
        self._project = self._get(_table(plist).get("rootObject"))
        self._root = folder / _text(self._project.get("projectDirPath"))
        self._parents = {
            child: parent
            for parent, value in self._objects.items()
            for child in _texts(_table(value).get("children"))
        }

    def targets(self) -> list[Target]:
        if self._project.get("isa") != "PBXProject":
            raise ValueError("it has no project in it")
        found = []
        for identifier in _texts(self._project.get("targets")):
            target = self._get(identifier)
            if target.get("isa") == "PBXNativeTarget":
                found.append(self._target(identifier, target))
        return found

    def _target(self, identifier: str, target: dict[str, Value]) -> Target:
        groups = _texts(target.get("fileSystemSynchronizedGroups"))
        excluded = {
            folder / name
            for group in groups
            if (folder := self._path(group)) is not None
            for exception in map(self._get, _texts(self._get(group).get("exceptions")))
            if exception.get("target") == identifier
            for name in _texts(exception.get("membershipExceptions"))
        }
        return Target(
            name=_text(target.get("name")),
            product_type=_text(target.get("productType")),
            synchronized=self._paths(groups),
            excluded=frozenset(excluded),
            sources=self._phase(target, _SOURCES),
            resources=self._phase(target, _RESOURCES),
        )

    def _phase(self, target: dict[str, Value], kind: str) -> tuple[Path, ...]:
        """What a phase lists, without its groups: a storyboard in several languages is one, and its
        path is that of the folder it is in."""
        phases = [self._get(phase) for phase in _texts(target.get("buildPhases"))]
        files = [
            _text(self._get(file).get("fileRef"))
            for phase in phases
            if phase.get("isa") == kind
            for file in _texts(phase.get("files"))
        ]
        return self._paths([f for f in files if self._get(f).get("isa") == "PBXFileReference"])

    def _paths(self, identifiers: list[str]) -> tuple[Path, ...]:
        paths = (self._path(identifier) for identifier in identifiers)
        return tuple(path for path in paths if path is not None)

    def _path(self, identifier: str) -> Path | None:
        """Of a file or group; None for what the build makes or the SDK brings."""
        parts: list[str] = []
        seen: set[str] = set()
        current: str | None = identifier
        while current is not None and current not in seen:
            seen.add(current)
            item = self._get(current)
            if not item:
                return None
            parts.insert(0, _text(item.get("path")))
            tree = _text(item.get("sourceTree")) or "<group>"
            if tree == "<absolute>":
                return Path(os.path.normpath(Path(*parts)))
            if tree not in ("<group>", "SOURCE_ROOT"):
                return None
            current = self._parents.get(current) if tree == "<group>" else None
        return Path(os.path.normpath(self._root.joinpath(*parts)))

    def _get(self, identifier: Value | None) -> dict[str, Value]:
        return _table(self._objects.get(_text(identifier)))


def _table(value: Value | None) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Value | None) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _parse(text: str) -> Value:
    tokens = _tokens(text)
    value, end = _value(tokens, 0, 0)
    if end != len(tokens):
        raise ValueError("there is something after its end")
    return value


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text), of which the last of an unfinished file may be missing."""
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            raise ValueError(f"line {line} is not a property list's")
        position = match.end()
        if match.lastgroup is not None:
            tokens.append((match.lastgroup, match[match.lastgroup]))
    return tokens


def _value(tokens: list[tuple[str, str]], at: int, depth: int) -> tuple[Value, int]:
    kind, text = _token(tokens, at)
    if kind in ("double", "single"):
        return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL), at + 1
    if kind != "sign":
        return text, at + 1
    if text not in "{(" or depth == _MAX_DEPTH:
        raise ValueError(f"there is a `{text}` where a value should be")
    at += 1
    if text == "(":
        items: list[Value] = []
        while _token(tokens, at) != ("sign", ")"):
            item, at = _value(tokens, at, depth + 1)
            items.append(item)
            if _token(tokens, at) == ("sign", ","):
                at += 1
        return items, at + 1
    table: dict[str, Value] = {}
    while _token(tokens, at) != ("sign", "}"):
        key, at = _value(tokens, at, depth + 1)
        at = _sign(tokens, at, "=")
        table[_text(key)], at = _value(tokens, at, depth + 1)
        at = _sign(tokens, at, ";")
    return table, at + 1


def _token(tokens: list[tuple[str, str]], at: int) -> tuple[str, str]:
    if at >= len(tokens):
        raise ValueError("it is cut off")
    return tokens[at]


def _sign(tokens: list[tuple[str, str]], at: int, sign: str) -> int:
    kind, text = _token(tokens, at)
    if (kind, text) != ("sign", sign):
        raise ValueError(f"there is `{text[:40]}` where a `{sign}` should be")
    return at + 1
