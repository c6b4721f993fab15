"""What the kinds of projects have in common, and the choice among what is found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from ..errors import InputError, unknown_name

_DEPTH = 4  # of folders below the app's: `android/feature/scan/impl` in a Flutter app
_SKIPPED = {
    *("build", "node_modules", "Pods", "Carthage", "DerivedData", "src", "gradle", "buildSrc"),
    *("assets", "SourcePackages"),
}
_PACKAGES = {".xcodeproj", ".xcworkspace", ".xcassets", ".bundle", ".framework", ".mlpackage"}
_COMMENT = re.compile(
    r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*') | //[^\n]* | /\*.*?\*/""", re.DOTALL | re.VERBOSE
)


class Module(Protocol):
    """A Gradle module, an Xcode target or a target of a Swift package."""

    @property
    def path(self) -> str:
        """What it is called within the app, and no other module is."""
        ...

    @property
    def name(self) -> str:
        """Its own name, which another may have too."""
        ...

    @property
    def is_app(self) -> bool:
        """Whether it is the app itself, and not a library of it."""
        ...

    @property
    def folder(self) -> Path:
        """Where the bundle goes."""
        ...

    def steps(self, artifacts: Sequence[str]) -> list[str]:
        """What is left to do once these files are in the bundle's folder, a sentence each."""
        ...


@dataclass(frozen=True)
class Platform:
    """One row of the table. Its module, `mobilevit.projects.NAME`, has `find(app)`, which gives
    the modules there are, in order."""

    name: str
    title: str
    looked_for: str
    suffixes: tuple[str, ...]  # of artifacts that something opens there
    preferred: tuple[tuple[str, str], ...]  # (suffix, precision), the best first

    def find(self, app: Path) -> list[Module]:
        """Every module in the folder `app`.

        Raises:
            InputError: a project file is damaged.
        """
        found: list[Module] = import_module(f"mobilevit.projects.{self.name}").find(app)
        return found


# fp16 is half the download. In `.tflite` only the weights are halves, and XNNPACK unpacks them when
# it loads; Core ML computes in halves where it can. An fp16 `.onnx` is in halves throughout, which
# was slower than fp32 where it was measured (docs/benchmarking.md), so there fp32 comes first.
PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform(
            name="android",
            title="Android",
            looked_for="build.gradle[.kts] with an Android plugin, or src/main/AndroidManifest.xml",
            suffixes=(".tflite", ".onnx"),
            preferred=(
                (".tflite", "fp16"),
                (".tflite", "fp32"),
                (".onnx", "fp32"),
                (".onnx", "fp16"),
            ),
        ),
        Platform(
            name="ios",
            title="iOS",
            looked_for="*.xcodeproj, or Package.swift with a target whose sources are there",
            suffixes=(".mlpackage", ".mlmodel", ".onnx", ".tflite"),
            preferred=(
                (".mlpackage", "fp16"),
                (".mlpackage", "fp32"),
                (".mlmodel", "fp16"),
                (".mlmodel", "fp32"),
            ),
        ),
    )
}


def find_module(app: Path, platform: str | None, name: str | None) -> tuple[Platform, Module]:
    """The module of the project in `app` that a bundle goes into.

    The one called `name`; by default the only app, or the only module where there is no app.

    Args:
        app: folder of a project, of a module, or of both kinds of projects.
        platform: a name of the table; needed where there are both kinds.
        name: path or name of a module; `:feature:scan` is `feature/scan`.

    Raises:
        InputError: there is no project, or it does not say which module is meant.
    """
    if platform is not None and platform not in PLATFORMS:
        raise unknown_name("platform", platform, PLATFORMS)
    if not app.is_dir():
        raise InputError(f"there is no folder `{app}`")
    if app.suffix in (".xcodeproj", ".xcworkspace"):
        raise InputError(f"`{app}` is a project file", f"name its folder, `{app.parent}`")
    rows = [row for row in PLATFORMS.values() if platform in (None, row.name)]
    found = {row.name: modules for row in rows if (modules := row.find(app))}
    if not found:
        kinds = " or ".join(row.title for row in rows)
        looked_for = "; ".join(row.looked_for for row in rows)
        raise InputError(
            f"`{app}` has no {kinds} project", f"looked for {looked_for}; {_DEPTH} folders deep"
        )
    if len(found) > 1:
        kinds = " and ".join(f"an {PLATFORMS[key].title}" for key in found)
        options = " or ".join(f"`--platform {key}`" for key in found)
        raise InputError(f"`{app}` has {kinds} project", f"say which with {options}")
    [(key, modules)] = found.items()
    return PLATFORMS[key], _chosen(app, modules, name)


def _chosen(app: Path, modules: list[Module], name: str | None) -> Module:
    if name is None:
        fitting = [module for module in modules if module.is_app] or modules
    else:
        wanted = name.replace(":", "/").strip("/")
        fitting = [module for module in modules if wanted == module.path]
        fitting = fitting or [module for module in modules if wanted == module.name]
        if not fitting:
            raise unknown_name("module", name, [module.path for module in modules])
    if len(fitting) > 1:
        names = ", ".join(f"`{module.path}`" for module in fitting)
        raise InputError(
            f"`{app}` has several modules that the bundle could go into: {names}",
            "say which with `--module NAME`",
        )
    return fitting[0]


def project_folders(app: Path) -> Iterator[Path]:
    """`app` and the folders in it that can hold projects, in order; links are not followed.

    Raises:
        InputError: one cannot be listed.
    """
    queue = [(app, 0)]
    while queue:
        folder, depth = queue.pop(0)
        yield folder
        if depth == _DEPTH:
            continue
        try:
            content = sorted(folder.iterdir())
        except OSError as error:
            raise InputError(f"`{folder}` cannot be read: {error.strerror}") from error
        queue += [
            (inner, depth + 1)
            for inner in content
            if not inner.name.startswith(".")
            and inner.name not in _SKIPPED
            and inner.suffix not in _PACKAGES
            and not inner.is_symlink()
            and inner.is_dir()
        ]


def read_code(path: Path) -> str:
    """A build script without its comments.

    Raises:
        InputError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"`{path}` cannot be read: {error.strerror}") from error
    return _COMMENT.sub(lambda match: match[1] or " ", text)
