"""Results of several devices and days, read from their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mobilevit.errors import InputError
from mobilevit.markdown import on_one_line

from ..measurement import BenchmarkResult
from ..records import DeviceDescription

_LARGEST = 2**63 - 1  # what a device's own integers hold


def read_results(
    paths: Sequence[Path], tell: Callable[[str], None] = print
) -> list[BenchmarkResult]:
    """Read every file, in the order of their dates. A run that is given twice is taken once.

    Names in a result come from elsewhere: control characters in them, and those that turn the
    direction of writing, become spaces here.

    Args:
        tell: is given a line for each file that is left out.

    Raises:
        InputError: no file is given, one cannot be read, is no result or one of another schema
            version, has a number that no device counts to, or two are of one run and differ.
    """
    if not paths:
        raise InputError("there is no result to report", "give what `benchmark --json` wrote")
    found: dict[tuple[datetime, DeviceDescription], tuple[Path, BenchmarkResult]] = {}
    for path in paths:
        result = BenchmarkResult.model_validate(
            _tame(BenchmarkResult.read(path).model_dump(), path)
        )
        key = (result.created, result.device)
        if key not in found:
            found[key] = (path, result)
        elif found[key][1] == result:
            tell(f"left out: `{path}` is the same run as `{found[key][0]}`")
        else:
            raise InputError(
                f"`{path}` and `{found[key][0]}` are of the same run and differ",
                "give the whole one alone",
            )
    return sorted((result for _, result in found.values()), key=lambda result: result.created)


def _tame(value: Any, path: Path) -> Any:
    """`value` with strings of one printable line; its numbers are looked at."""
    match value:
        case str():
            return on_one_line(value)
        case bool() | None:
            return value
        case int() | float():
            if not abs(value) <= _LARGEST:  # nor is NaN
                raise InputError(
                    f"`{path}` has a number that no device counts to",
                    "run the benchmark again",
                )
            return value
        case dict():
            return {on_one_line(name): _tame(entry, path) for name, entry in value.items()}
        case list() | tuple():
            return [_tame(entry, path) for entry in value]
        case _:
            return value
