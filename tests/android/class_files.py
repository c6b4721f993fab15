"""What Java's class files declare and name (Java Virtual Machine Specification, chapter 4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile


class Member(NamedTuple):
    """A method or field, or the class itself where it has no name."""

    owner: str
    name: str = ""
    descriptor: str = ""

    def __str__(self) -> str:
        return ".".join(filter(None, (self.owner.replace("/", "."), self.name)))


@dataclass(frozen=True)
class ClassFile:
    """Names of classes have slashes."""

    name: str
    parents: tuple[str, ...]  # its superclass, its interfaces
    declared: frozenset[Member]
    used: frozenset[Member]


class Jars:
    """The classes of some jars, each read when it is asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._archives = [ZipFile(path) for path in paths]
        self._holders = {
            name.removesuffix(".class"): archive
            for archive in reversed(self._archives)
            for name in archive.namelist()
            if name.endswith(".class")
        }
        self._read: dict[str, ClassFile] = {}

    def __iter__(self) -> Iterator[ClassFile]:
        return (self[name] for name in self._holders)

    def __contains__(self, name: str) -> bool:
        return name in self._holders

    def __getitem__(self, name: str) -> ClassFile:
        if name not in self._read:
            self._read[name] = read_class(self._holders[name].read(f"{name}.class"))
        return self._read[name]


# bytes of a constant behind its tag (table 4.4-A), but for text
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4}
_TEXT, _LONG, _DOUBLE, _CLASS, _NAME_AND_TYPE = 1, 5, 6, 7, 12
_REFERENCES = (9, 10, 11)  # to a field, a method, an interface's method


def read_class(content: bytes) -> ClassFile:
    texts: dict[int, str] = {}
    pairs: dict[int, tuple[int, int, int]] = {}  # tag, and one or two indices
    (count,) = struct.unpack_from(">H", content, 8)
    at, index = 10, 1
    while index < count:
        tag = content[at]
        if tag == _TEXT:
            (size,) = struct.unpack_from(">H", content, at + 1)
            texts[index] = content[at + 3 : at + 3 + size].decode(errors="replace")
            at += 3 + size
        else:
            if tag == _CLASS:
                pairs[index] = (tag, *struct.unpack_from(">H", content, at + 1), 0)
            elif tag in (*_REFERENCES, _NAME_AND_TYPE):
                pairs[index] = (tag, *struct.unpack_from(">HH", content, at + 1))
            at += 1 + _SIZES[tag]
        index += 2 if tag in (_LONG, _DOUBLE) else 1

    def class_name(index: int) -> str:
        return texts[pairs[index][1]]

    this, parent, interfaces = struct.unpack_from(">2xHHH", content, at)
    indices = struct.unpack_from(f">{interfaces}H", content, at + 8)
    at += 8 + 2 * interfaces
    name = class_name(this)
    declared = set()
    for _ in ("fields", "methods"):
        (count,) = struct.unpack_from(">H", content, at)
        at += 2
        for _ in range(count):
            _, called, typed, attributes = struct.unpack_from(">4H", content, at)
            declared.add(Member(name, texts[called], texts[typed]))
            at += 8
            for _ in range(attributes):
                at += 6 + struct.unpack_from(">I", content, at + 2)[0]
    used = set()
    for tag, first, second in pairs.values():
        if tag == _CLASS:
            used.add(Member(texts[first].lstrip("[").removeprefix("L").removesuffix(";")))
        elif tag in _REFERENCES:
            _, called, typed = pairs[second]
            used.add(Member(class_name(first), texts[called], texts[typed]))
    parents = tuple(class_name(index) for index in (parent, *indices) if index)
    return ClassFile(name, parents, frozenset(declared), frozenset(used))
