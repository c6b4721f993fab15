"""The one exception family of the SDK: every error a user can cause, each with its way out."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


_LONGEST = 200  # characters of a name that is quoted
_NAMED = 30  # names of a list


class SdkError(Exception):
    """Something the user can put right.

    Args:
        message: the cause and the offending thing, one sentence, no full stop.
        hint: what to do next; shown on a line of its own.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n\nhint: {self.hint}" if self.hint else self.message


class InputError(SdkError):
    """The input or an option is wrong."""


class DataError(InputError):
    """A folder of images cannot be trained on or evaluated."""


class CheckpointError(InputError):
    """A checkpoint cannot be read, or does not fit the model."""


class BundleError(InputError):
    """A bundle or its manifest cannot be read."""


class MissingDependencyError(InputError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"`{package}` is not installed", f"pip install 'mobilevit-sdk[{extra}]'")
        self.args = (package, extra)  # what it is made again from, in another process


class ProcessLostError(SdkError):
    """Another process of the same training ended, or does not answer."""


class ConversionError(SdkError):
    """A converter, or a runtime given its output, failed."""


def unknown_name(
    kind: str, name: str, known: Iterable[str], plural: str | None = None
) -> InputError:
    """An error for a name that is not in `known`, with the nearest ones; nothing is guessed."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return InputError(
            f"unknown {kind} `{name}`", "did you mean " + " or ".join(f"`{n}`" for n in near) + "?"
        )
    names = sorted(known)
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return InputError(
        f"unknown {kind} `{name}`",
        f"known {plural or kind + 's'}: {', '.join(names[:_NAMED])}{more}",
    )


def first_fault(error: ValidationError) -> str:
    """The first thing a record did not accept, in one line: where it is, and what is wrong.

    Names of fields come from the file: long ones are cut, and control characters are escaped.
    """
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    said = fault["msg"].removeprefix("Value error, ")
    text = f"{where[:_LONGEST]}: {said}" if where else said
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def reason(error: BaseException) -> str:
    """The first line of what `error` says, or its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
