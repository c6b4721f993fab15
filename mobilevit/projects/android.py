"""Android: Gradle modules, and their assets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .base import project_folders, read_code

FOLDER = Path("src/main/assets/mobilevit")

_SCRIPTS = ("build.gradle", "build.gradle.kts")  # Gradle takes the first where there are both
_MANIFEST = Path("src/main/AndroidManifest.xml")
# `id("…")`, `id '…'`, `apply plugin: '…'` and `alias(libs.plugins.…)`, each to the end of its line
_PLUGIN = re.compile(r"""\b(?:id|plugin\s*[:=])[\s(]*["']([\w.-]+)["']([^\n]*)""")
_ALIAS = re.compile(r"""\balias[\s(]+\w+\.plugins\.([\w.]+)([^\n]*)""")
# Google's own, and the convention plugins that are called like them
_KIND = re.compile(r"(?:^|\.)android\.(application|library|dynamic-feature|test)$")
# AGP keeps `.tflite` as it is since 4.1 (TensorFlow Lite's guides, note on `noCompress`), and PNG
# and JPEG always (`PackagingUtils.DEFAULT_DONT_COMPRESS_EXTENSIONS`).
_COMPRESSED = (".onnx",)


@dataclass(frozen=True)
class GradleModule:
    """A folder with a build script, or with nothing but an Android manifest."""

    root: Path
    path: str  # within the app, with forward slashes
    script: Path | None
    kind: str | None  # application, library, …; None where the script does not say

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def is_app(self) -> bool:
        return self.kind == "application"

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def steps(self, artifacts: Sequence[str]) -> list[str]:
        """Gradle compresses assets; one that is to be mapped into memory must be stored."""
        code = read_code(self.script) if self.script else ""
        steps = []
        for suffix in sorted({Path(file).suffix for file in artifacts}.intersection(_COMPRESSED)):
            if re.search(rf"""noCompress[^\n]*["']\.?{suffix[1:]}["']""", code):
                continue
            kotlin = self.script is not None and self.script.suffix == ".kts"
            line = f'noCompress += "{suffix[1:]}"' if kotlin else f"noCompress.add('{suffix[1:]}')"
            where = (
                f"`{self.path}/{self.script.name}`"
                if self.script and self.is_app
                else "the build script of the application"
            )
            steps.append(
                f"to open the asset without unpacking it, add to `android {{ … }}` in {where}: "
                f"androidResources {{ {line} }}"
            )
        return steps


def find(app: Path) -> list[GradleModule]:
    """The Android modules in the folder `app`.

    Raises:
        InputError: a build script or a version catalog cannot be read.
    """
    modules = []
    for folder in project_folders(app):
        script = next((folder / name for name in _SCRIPTS if (folder / name).is_file()), None)
        kind = _kind(script) if script else None
        if kind is not None or (folder / _MANIFEST).is_file():
            path = folder.relative_to(app).as_posix()
            path = app.resolve().name if path == "." else path
            modules.append(GradleModule(folder, path, script, kind))
    return modules


def _kind(script: Path) -> str | None:
    """What the Android plugin of a build script makes of it; one `apply false` makes nothing."""
    code = read_code(script)
    named = [match.groups() for match in _PLUGIN.finditer(code)]
    aliases = [match.groups() for match in _ALIAS.finditer(code)]
    if aliases:
        catalog = _plugin_catalog(script.parent)
        # the catalog may be of another name or made by code: the alias then stands for the id
        named += [(catalog.get(alias, alias), rest) for alias, rest in aliases]
    for plugin, rest in named:
        match = _KIND.search(plugin)
        if match and not re.search(r"\bapply[\s(]+false", rest):
            return match[1]
    return None


def _plugin_catalog(module: Path) -> dict[str, str]:
    """Alias of a plugin, as build scripts write it -> its id, from the nearest version catalog
    (Gradle's manual, "Version catalogs": `-`, `_` and `.` of an alias are all written `.`)."""
    for folder in (module, *module.resolve().parents):
        path = folder / "gradle" / "libs.versions.toml"
        if not path.is_file():
            continue
        try:
            plugins = tomllib.loads(path.read_text(encoding="utf-8")).get("plugins", {})
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"`{path}` cannot be read: {error}") from error
        return {
            re.sub("[-_]", ".", alias): plugin_id
            for alias, entry in (plugins.items() if isinstance(plugins, dict) else ())
            if (plugin_id := _plugin_id(entry))
        }
    return {}


def _plugin_id(entry: object) -> str | None:
    """`{ id = "…", version = … }`, or `"id:version"`"""
    value = entry.get("id") if isinstance(entry, dict) else entry
    return value.partition(":")[0] if isinstance(value, str) else None
