"""What `am instrument -w -r` prints, read as it comes.

The words are those of Android's Instrument.java (frameworks/base/cmds/am), the same since Android
4. A status is lines of `INSTRUMENTATION_STATUS: KEY=VALUE`, ended by its code; a result likewise.
A value may go on over several lines; ours are JSON, and do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mobilevit.errors import ConversionError, InputError

_STATUS = "INSTRUMENTATION_STATUS: "
_STATUS_CODE = "INSTRUMENTATION_STATUS_CODE: "
_RESULT = "INSTRUMENTATION_RESULT: "
_CODE = "INSTRUMENTATION_CODE: "
_FAILED = "INSTRUMENTATION_FAILED: "
_ABORTED = "INSTRUMENTATION_ABORTED: "
_OK = "-1"  # Activity.RESULT_OK


@dataclass(frozen=True)
class Finished:
    """The instrumentation ended by itself."""

    result: Mapping[str, str]


def read_instrumentation(
    lines: Iterable[str], component: str
) -> Iterator[Mapping[str, str] | Finished]:
    """The statuses of an instrumentation as they come, and last that it finished; not that, where
    the lines end before it did.

    Args:
        lines: of stdout and stderr, with or without line feeds.
        component: that was asked for, `PACKAGE/CLASS`.

    Raises:
        InputError: it is not installed.
        ConversionError: it crashed, or was ended.
    """
    status: dict[str, str] = {}
    result: dict[str, str] = {}
    for line in map(str.rstrip, lines):
        if line.startswith(_STATUS):
            key, _, value = line.removeprefix(_STATUS).partition("=")
            status[key] = value
        elif line.startswith(_STATUS_CODE):
            if "Error" in status:
                raise _refused(status["Error"], component)
            yield status
            status = {}
        elif line.startswith(_RESULT):
            key, _, value = line.removeprefix(_RESULT).partition("=")
            result[key] = value
        elif line.startswith(_CODE):
            if line.removeprefix(_CODE) != _OK:
                said = result.get("longMsg") or result.get("shortMsg") or "it did not say why"
                raise ConversionError(
                    f"the app `{component}` failed on the phone: {said.rstrip('.')}",
                    "`adb logcat -b crash -d` tells more",
                )
            yield Finished(result)
            return
        elif line.startswith(_ABORTED):
            raise ConversionError(
                f"Android ended `{component}`: {line.removeprefix(_ABORTED).rstrip('.')}",
                "`adb logcat -b crash -d` tells more",
            )
        elif _FAILED in line and "Error" not in status:
            raise _refused(line.partition(_FAILED)[2], component)


def _refused(error: str, component: str) -> InputError:
    if "Unable to find instrumentation" in error or error.startswith(component.partition("/")[0]):
        return not_installed(component)
    return InputError(f"the phone does not start `{component}`: {error}")


def not_installed(component: str) -> InputError:
    return InputError(
        f"`{component}` is not installed on the phone",
        "build the app in android_demo/, and: adb install APK",
    )
