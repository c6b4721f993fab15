"""Reads Swift line by line, as far as the tests need it: what the interfaces in ios_demo/ci/stubs
declare, which are written so that each declaration begins on a line of its own, after a comment
that names Apple's API; and where sources use what not every version of iOS has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "ios_demo" / "ci" / "stubs"
# Apple's modules of Swift alone, which no listing of Objective-C's API has
SWIFT_ONLY = {"Charts", "Combine", "CoreTransferable", "CryptoKit", "SwiftUI"}

_MARK = re.compile(r"\s*// ((?:ObjC|C) \S.*|Swift\b.*)$")
_WORDS = r"(?:@[\w.]+(?:\([^)]*\))?|open|public|final|class|static|nonisolated(?:\(unsafe\))?"
_WORDS += r"|override|required|convenience|weak|indirect|mutating|nonmutating|unowned|lazy|prefix)"
_DECLARATION = re.compile(
    rf"\s*(?:{_WORDS}\s+)*"
    r"(?P<kind>class|struct|enum|protocol|actor|func|var|let|init|case|typealias|subscript"
    r"|extension|associatedtype)\b(?P<rest>.*)"
)
# what Swift's importer makes of every option set, raw type and class of Objective-C's
_IMPORTED = re.compile(
    r"(?:let|var) rawValue\b|init\??\(rawValue:|typealias (?:RawValue|ArrayLiteralElement)\b"
    r"|func (?:copy\(with|encode\(with|hash\(into|isEqual\()|init\(\)"
)


_AVAILABLE = re.compile(r"@available\(iOS (?P<version>\d[\d.]*)")
_ASKS = re.compile(r"[#@]available\(iOS (?P<version>\d[\d.]*)")

Version = tuple[int, ...]


def version(text: str) -> Version:
    """Without a zero at its end: 16.0 is 16."""
    parts = tuple(int(part) for part in text.split("."))
    return parts if any(parts[1:]) else parts[:1]


@dataclass(frozen=True)
class Declaration:
    module: str
    line: int
    text: str
    mark: str | None  # `ObjC …`, `C …` or `Swift …`
    kind: str
    name: str  # in Swift; empty where it has none
    available: Version  # of iOS, that it or what it is in is said to need; empty: any
    within_swift: bool  # in a type that is Swift's
    imported: bool  # one of those that the importer makes

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.text.strip()}"


def declarations(module: str, text: str) -> list[Declaration]:
    """Without extensions themselves, and without what closes or goes on from another line."""
    found: list[Declaration] = []
    owners: list[Declaration | None] = []  # of the brackets that are open
    mark: str | None = None
    available: Version = ()
    round_depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if match := _MARK.fullmatch(line):
            mark = match[1]
            continue
        code = re.sub(r"//.*", "", line)
        if newer := _AVAILABLE.search(code):
            available = version(newer["version"])
        declared = _DECLARATION.match(code) if round_depth == 0 else None
        owner = next((o for o in reversed(owners) if o), None)
        made: Declaration | None = None
        if declared:
            named = re.match(r"\s*(\w+)", declared["rest"])
            made = Declaration(
                module=module,
                line=number,
                text=line,
                mark=mark,
                kind=declared["kind"],
                name=named[1] if named else "",
                available=available or (owner.available if owner else ()),
                within_swift=bool(owner)
                and (owner.within_swift or (owner.mark or "").startswith("Swift")),
                imported=bool(_IMPORTED.match(declared["kind"] + declared["rest"])),
            )
            if declared["kind"] != "extension":
                found.append(made)
            mark, available = None, ()
        round_depth += code.count("(") - code.count(")")
        for sign in re.findall(r"[{}]", code):
            if sign == "{":
                owners.append(made)
            elif owners:
                owners.pop()
    return found


def all_declarations() -> list[Declaration]:
    return [
        declaration
        for file in sorted(FOLDER.glob("*.swiftinterface"))
        for declaration in declarations(file.stem, file.read_text(encoding="utf-8"))
    ]


def unasked(code: str, name: str, needed: Version) -> list[int]:
    """The lines that use `name` outside of `if #available(iOS …, *) { }` of a version as new as
    `needed`, and of declarations that need it themselves.

    A compiler that builds for Linux takes every `#available` for true, and misses none.
    """
    lines = []
    headers: list[str] = []  # of the brackets that are open: what stands before them
    since = 0
    code = re.sub(r"//[^\n]*", "", code)
    for match in re.finditer(rf"[{{}}]|\b{re.escape(name)}\b", code):
        if match[0] == "{":
            headers.append(code[since : match.start()])
        elif match[0] == "}":
            if headers:
                headers.pop()
        elif not any(_asks(header, needed) for header in headers):
            lines.append(code.count("\n", 0, match.start()) + 1)
        if match[0] in "{}":
            since = match.end()
    return lines


def _asks(header: str, needed: Version) -> bool:
    """Not that of a `guard`: what follows in its brackets is for older systems."""
    asked = _ASKS.findall(header)
    in_else = header.rstrip().endswith("else")
    return bool(asked) and not in_else and version(asked[-1]) >= needed
