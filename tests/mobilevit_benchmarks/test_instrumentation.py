"""What `am instrument -r` prints, read."""

from __future__ import annotations

import pytest

from mobilevit.errors import ConversionError, InputError
from mobilevit_benchmarks.devices.instrumentation import Finished, read_instrumentation

COMPONENT = "org.example/.Instrumentation"
STATUS = ["INSTRUMENTATION_STATUS: record={}", "INSTRUMENTATION_STATUS_CODE: 0"]


def test_statuses_come_one_by_one() -> None:
    lines = iter([*STATUS, "INSTRUMENTATION_STATUS: a=b=c\r\n", "INSTRUMENTATION_STATUS: d="])
    read = read_instrumentation(lines, COMPONENT)
    assert next(read) == {"record": "{}"}
    assert next(lines) == "INSTRUMENTATION_STATUS: a=b=c\r\n"  # not read ahead


def test_status_of_several_values() -> None:
    lines = ["INSTRUMENTATION_STATUS: a=b=c\r\n", "INSTRUMENTATION_STATUS: d=\n", STATUS[1] + "\n"]
    assert list(read_instrumentation(lines, COMPONENT)) == [{"a": "b=c", "d": ""}]


def test_end_is_told() -> None:
    lines = [*STATUS, "INSTRUMENTATION_RESULT: stream=", "INSTRUMENTATION_CODE: -1"]
    assert list(read_instrumentation(lines, COMPONENT))[-1] == Finished({"stream": ""})


def test_lines_that_break_off_have_no_end() -> None:
    read = list(read_instrumentation([*STATUS, "INSTRUMENTATION_STATUS: rec"], COMPONENT))
    assert not any(isinstance(item, Finished) for item in read)


@pytest.mark.parametrize(
    "lines",
    [
        [
            "INSTRUMENTATION_STATUS: Error=Unable to find instrumentation info for: "
            "ComponentInfo{org.example/org.example.Instrumentation}",
            "INSTRUMENTATION_STATUS: id=ActivityManagerService",
            "INSTRUMENTATION_STATUS_CODE: -1",
        ],
        ["android.util.AndroidException: INSTRUMENTATION_FAILED: org.example/.Instrumentation"],
    ],
)
def test_app_that_is_not_there(lines: list[str]) -> None:
    with pytest.raises(InputError, match=f"`{COMPONENT}` is not installed"):
        list(read_instrumentation(lines, COMPONENT))


def test_app_that_android_does_not_start() -> None:
    lines = [
        "INSTRUMENTATION_STATUS: Error=Permission Denial: starting instrumentation",
        "INSTRUMENTATION_STATUS_CODE: -1",
    ]
    with pytest.raises(InputError, match=r"does not start .*: Permission Denial"):
        list(read_instrumentation(lines, COMPONENT))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            [
                "INSTRUMENTATION_RESULT: shortMsg=Process crashed.",
                "INSTRUMENTATION_CODE: 0",
            ],
            "Process crashed",
        ),
        (
            [
                "INSTRUMENTATION_RESULT: longMsg=java.lang.OutOfMemoryError: no",
                "INSTRUMENTATION_RESULT: shortMsg=java.lang.OutOfMemoryError",
                "INSTRUMENTATION_CODE: 0",
            ],
            "java.lang.OutOfMemoryError: no",
        ),
        (["INSTRUMENTATION_ABORTED: System has crashed."], "System has crashed"),
    ],
)
def test_app_that_fails(lines: list[str], reason: str) -> None:
    with pytest.raises(ConversionError) as caught:
        list(read_instrumentation([*STATUS, *lines], COMPONENT))
    assert caught.value.message.endswith(reason)
