"""The protocol of a runtime, and the table of those there are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from ..capture import captured
from ..errors import InputError, MissingDependencyError, unknown_name

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of an artifact."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # NumPy's name

    def __str__(self) -> str:
        sides = ", ".join("any" if side == -1 else str(side) for side in self.shape)
        return f"`{self.name}`, {self.dtype} ({sides})"


class Session(Protocol):
    """A loaded artifact. Not safe to share between threads."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    delegate: str  # what runs it, in the runtime's own words

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Every input by name in its exact shape and dtype -> every output by name."""
        ...


@dataclass(frozen=True)
class Runtime:
    """One row of the table. Its module, `mobilevit.runtimes.NAME`, has two functions:
    `load(artifact, *, threads) -> Session`, which takes `delegate` besides where there are several
    of them, and `version() -> str`."""

    name: str
    suffixes: tuple[str, ...]  # of the artifacts it opens
    packages: tuple[str, ...]  # import names, one of which must be there
    extra: str | None  # of this project, that installs it; None: it is installed by its own name
    needs: tuple[str, ...] = ()  # import names that must be there besides
    timed: bool = True  # False: computes what the format means, not how a device would run it
    mac_only: bool = False
    delegates: tuple[str, ...] = ("cpu",)  # what may run an artifact; the first unless asked

    @property
    def available(self) -> bool:
        """Whether it can run on this machine, found without importing it."""
        if self.mac_only and sys.platform != "darwin":
            return False
        return not self.missing_package

    @property
    def missing_package(self) -> str | None:
        """The first package that is needed and not installed."""
        if not any(find_spec(package) for package in self.packages):
            return self.packages[0]
        return next((package for package in self.needs if not find_spec(package)), None)

    def require(self) -> None:
        """Say why it is not available, if it is not.

        Raises:
            MissingDependencyError: it is not installed.
            InputError: it does not run on this kind of machine.
        """
        if self.mac_only and sys.platform != "darwin":
            raise InputError(f"runtime `{self.name}` runs on a Mac only")
        if self.missing_package:
            raise self.missing(self.missing_package)

    def missing(self, package: str) -> InputError:
        """The error for a package that is not there."""
        if self.extra is None:
            return InputError(f"`{package}` is not installed", f"pip install {package}")
        return MissingDependencyError(package, self.extra)

    def load(self, artifact: Path, threads: int = 1, delegate: str | None = None) -> Session:
        """Open `artifact` with `threads` intra-op threads.

        Raises:
            MissingDependencyError: the runtime is not installed.
            InputError: it does not run on this kind of machine, `threads` is below 1, or it has
                no such delegate.
            ConversionError: the runtime does not open the file.
        """
        self.require()
        if threads < 1:
            raise InputError(f"{threads} threads cannot run anything", "ask for one or more")
        if delegate is not None and delegate not in self.delegates:
            raise unknown_name(f"delegate of {self.name}", delegate, self.delegates, "delegates")
        module = self._module()
        options: dict[str, Any] = {"threads": threads}
        if len(self.delegates) > 1:
            options["delegate"] = delegate or self.delegates[0]
        with captured():
            session: Session = module.load(artifact, **options)
        return session

    def version(self) -> str:
        """Version of the installed runtime."""
        version: str = self._module().version()
        return version

    def _module(self) -> Any:
        with captured():
            return import_module(f"{__package__}.{self.name}")


RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        Runtime("onnxruntime", (".onnx",), ("onnxruntime",), "onnxruntime"),
        Runtime(
            "litert",
            (".tflite",),
            ("ai_edge_litert", "tflite_runtime"),
            "litert",
            delegates=("xnnpack", "builtin"),
        ),
        Runtime(
            "coreml",
            (".mlpackage", ".mlmodel"),
            ("coremltools",),
            "coreml",
            mac_only=True,
            delegates=("cpu", "cpu+gpu", "cpu+ne", "all"),
        ),
        Runtime(
            "coreml_reference",
            (".mlpackage", ".mlmodel"),
            ("coremltools",),
            "export",
            needs=("torch",),
            timed=False,
        ),
        Runtime("torch", (".safetensors",), ("torch",), "train", needs=("safetensors",)),
        # peers: nothing here is exported for them, but what is can be timed beside ours
        Runtime("openvino", (".openvino",), ("openvino",), None),
        Runtime("executorch", (".pte",), ("executorch",), None, needs=("torch",)),
    )
}


def runtimes_for(artifact: Path, available: bool = True) -> list[Runtime]:
    """Runtimes that open files of this suffix; only those present here, unless not `available`."""
    return [
        runtime
        for runtime in RUNTIMES.values()
        if artifact.suffix in runtime.suffixes and (runtime.available or not available)
    ]


def check_feeds(
    inputs: Sequence[TensorSpec],
    feeds: Mapping[str, NDArray[Any]],
    enumerated: Mapping[str, tuple[tuple[int, ...], ...]] | None = None,
) -> None:
    """Whether `feeds` are what `inputs` take; a runtime's own words for it seldom name the input.

    Args:
        enumerated: the shapes of each input that takes several.

    Raises:
        InputError: a name, shape or dtype that differs.
    """
    expected = {spec.name: spec for spec in inputs}
    if feeds.keys() != expected.keys():
        given = ", ".join(f"`{name}`" for name in feeds) or "none"
        wanted = ", ".join(f"`{name}`" for name in expected)
        raise InputError(f"the model takes the inputs {wanted}; given: {given}")
    for name, spec in expected.items():
        shapes = (enumerated or {}).get(name, (spec.shape,))
        feed = TensorSpec(name, tuple(feeds[name].shape), feeds[name].dtype.name)
        if feed.dtype != spec.dtype or not any(_fits(feed.shape, shape) for shape in shapes):
            takes = " or ".join(str(TensorSpec(name, shape, spec.dtype)) for shape in shapes)
            raise InputError(f"the model takes {takes}; given: {feed}")


def _fits(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(given) == len(shape) and all(
        side in (-1, n) for side, n in zip(shape, given, strict=True)
    )


def load_session(
    artifact: Path,
    runtime: str | None = None,
    threads: int = 1,
    delegate: str | None = None,
) -> Session:
    """Load `artifact` with the named runtime, or the first one present that opens it.

    Raises:
        InputError: no such file, runtime or delegate, or a file no runtime opens.
        MissingDependencyError: the runtime is not installed.
        ConversionError: the runtime does not open the file.
    """
    if not artifact.exists():
        raise InputError(f"there is no artifact `{artifact}`", "check the path")
    if runtime is not None:
        if runtime not in RUNTIMES:
            raise unknown_name("runtime", runtime, RUNTIMES)
        if artifact.suffix not in RUNTIMES[runtime].suffixes:
            opens = ", ".join(RUNTIMES[runtime].suffixes)
            raise InputError(f"runtime `{runtime}` opens {opens}, not `{artifact.name}`")
        return RUNTIMES[runtime].load(artifact, threads, delegate)
    candidates = runtimes_for(artifact, available=False)
    if not candidates:
        raise InputError(
            f"no runtime opens `{artifact.name}`",
            f"known: {', '.join(sorted({s for r in RUNTIMES.values() for s in r.suffixes}))}",
        )
    present = [candidate for candidate in candidates if candidate.available]
    return (present or candidates)[0].load(artifact, threads, delegate)
