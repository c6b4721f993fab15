"""iOS: targets of Xcode projects and of Swift packages.

The bundle goes in as one folder, `MobileViT.bundle`: Xcode copies a folder with this suffix whole.
Loose files of a target end side by side in the app, where `manifest.json` and `golden/` could meet
others of that name; Xcode rewrites loose PNG files and compiles a loose `.mlpackage`, and then
neither is the file that the manifest has the hash of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .base import Module, project_folders, read_code
from .pbxproj import Target, read_targets

FOLDER = "MobileViT.bundle"

_APPLICATION = "com.apple.product-type.application"
_TESTS = (".unit-test", ".ui-testing")  # ends of product types
# where SwiftPM looks for a target that has no path (PackageDescription, `Target.path`)
_PACKAGE_SOURCES = ("Sources", "Source", "src", "srcs")
_PACKAGE_TARGET = re.compile(r"""\.(?:target|executableTarget)\s*\(\s*name\s*:\s*"([^"]+)\"""")
_PATH = re.compile(r"""\bpath\s*:\s*"([^"]+)\"""")
_RULE = re.compile(r"""\.(copy|process)\s*\(\s*"([^"]+)\"""")


@dataclass(frozen=True)
class XcodeTarget:
    """A target of an Xcode project."""

    project: Path  # the .xcodeproj
    path: str  # the project's path within the app, and the target's name
    target: Target

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def is_app(self) -> bool:
        return self.target.product_type == _APPLICATION

    @property
    def folder(self) -> Path:
        """In a synchronized folder of the target, where it belongs to it without more ado; else in
        the folder called like the target, as Xcode's templates have it; else where its sources
        are."""
        root = Path(os.path.normpath(self.project.parent))
        named = [path for path in self.target.synchronized if path.name == self.name]
        for folder in (*named, *self.target.synchronized, root / self.name):
            if folder.is_dir():
                return folder / FOLDER
        sources = [path.parent for path in self.target.sources]
        return Path(os.path.commonpath(sources)) / FOLDER if sources else root / FOLDER

    def steps(self, artifacts: Sequence[str]) -> list[str]:
        if self.target.holds(self.folder):
            return []
        return [
            f"drag `{FOLDER}` into `{self.project.name}` in Xcode, once, and tick target "
            f"`{self.name}`: the project does not list it yet"
        ]


@dataclass(frozen=True)
class PackageTarget:
    """A target of a Swift package."""

    package: Path  # folder of Package.swift
    path: str  # the package's path within the app, and the target's name
    name: str
    sources: Path
    rules: tuple[tuple[str, str], ...]  # (copy or process, path in `sources`)

    @property
    def is_app(self) -> bool:
        return False

    @property
    def folder(self) -> Path:
        return self.sources / "Resources" / FOLDER

    def steps(self, artifacts: Sequence[str]) -> list[str]:
        inside = f"Resources/{FOLDER}"
        if ("copy", inside) in self.rules or ("copy", "Resources") in self.rules:
            return []
        line = f'.copy("{inside}")'
        step = f"add to `resources: [ … ]` of target `{self.name}` in Package.swift: {line}"
        if ("process", "Resources") in self.rules:
            # SwiftPM's TargetSourcesBuilder takes two rules for one file as an error
            step += ', and name the others one by one in place of .process("Resources")'
        return [step]


def find(app: Path) -> list[Module]:
    """The targets of the Xcode projects and Swift packages in the folder `app`, without tests.

    Raises:
        InputError: a project cannot be read.
    """
    modules: list[Module] = []
    for folder in project_folders(app):
        for project in sorted(folder.glob("*.xcodeproj")):
            where = project.relative_to(app).as_posix()
            modules += [
                XcodeTarget(project, f"{where}/{target.name}", target)
                for target in read_targets(project)
                if not target.product_type.endswith(_TESTS)
            ]
        if (folder / "Package.swift").is_file():
            modules += _package_targets(folder, app)
    return modules


def _package_targets(package: Path, app: Path) -> list[PackageTarget]:
    """A dependency on a target is written like a target; what has sources is one."""
    code = read_code(package / "Package.swift")
    where = (package / "Package.swift").relative_to(app).as_posix()
    found: dict[str, PackageTarget] = {}
    for match in _PACKAGE_TARGET.finditer(code):
        name, call = match[1], _call(code, match.end())
        given = _PATH.search(call)
        folders = [given[1]] if given else [f"{sources}/{name}" for sources in _PACKAGE_SOURCES]
        sources = next((package / f for f in folders if (package / f).is_dir()), None)
        rules = tuple((rule[1], rule[2].strip("/")) for rule in _RULE.finditer(call))
        if sources and (name not in found or given or rules):
            found[name] = PackageTarget(package, f"{where}/{name}", name, sources, rules)
    return list(found.values())


def _call(code: str, start: int) -> str:
    """The rest of a call's arguments, from within its brackets."""
    depth = 1
    for index in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[index], 0)
        if depth == 0:
            return code[start:index]
    return code[start:]
