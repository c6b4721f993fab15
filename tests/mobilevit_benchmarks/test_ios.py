"""The way to an iPhone: what is asked of Apple's tools, how their answers are read, and every fault
that can be had without a phone. That a real phone answers like this is not shown here."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mobilevit.errors import ConversionError, InputError, MissingDependencyError, SdkError
from mobilevit_benchmarks import BenchmarkResult, ModelFacts, ProtocolSettings, Subject, benchmark
from mobilevit_benchmarks.devices import open_device
from mobilevit_benchmarks.devices.devicectl import Devicectl
from mobilevit_benchmarks.devices.ios import IosDevice
from mobilevit_benchmarks.devices.iphone import BUNDLE_ID, RUNS, answers
from mobilevit_benchmarks.devices.pymobiledevice import PyMobileDevice
from mobilevit_benchmarks.protocol import INTERRUPTED
from mobilevit_benchmarks.records import (
    Closed,
    DeviceDescription,
    DeviceState,
    Ended,
    Opened,
    RoundDone,
    Started,
    StateReading,
    WarmedUp,
)

from .apple_tools import IDENTIFIER, UDID, WATCH, Usbmuxd, Xcrun, listed, ns_error

CORE_DEVICE = "com.apple.dt.CoreDeviceError"
DESCRIBED = DeviceDescription(
    model="iPhone17,3",
    chip="A18",
    machine="arm64e",
    cores=6,
    memory_bytes=8 << 30,
    system="iOS 18.2",
    runner="org.mobilevit.demo 1.0",
)
STATE = DeviceState(thermal_status="nominal", battery_percent=80, power="mains")


@pytest.fixture
def xcrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Xcrun:
    folder = tmp_path / "xcrun"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    made = Xcrun(folder)
    told = {"device": DESCRIBED.model_dump(), "state": STATE.model_dump()}
    made.answer(launch={"--describe": {"prints": [f"MOBILEVIT {json.dumps(told)}\r\n"]}})
    return made


def phone(udid: str | None = None, patience_s: float = 20.0) -> IosDevice:
    return IosDevice("ios", Devicectl(udid, patience_s=patience_s))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan's folder."""
    folder = tmp_path / "plan"
    (folder / "artifacts" / "0" / "m.mlpackage" / "Data").mkdir(parents=True)
    (folder / "artifacts" / "0" / "m.mlpackage" / "Data" / "weight.bin").write_bytes(b"w" * 100)
    (folder / "plan.json").write_text('{"run": "0123456789ab"}\n', encoding="utf-8")
    return folder


# --- what the app prints ---


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_answers_are_told_from_other_lines_however_they_are_cut(size: int) -> None:
    printed = (
        "Launched application with org.mobilevit.demo bundle identifier.\r\n"
        'MOBILEVIT {"record": "a"}\r\n'
        "2026-09-16 12:15:47.939171-0500 demo[1230:133819] [UIKit App Config] MOBILEVIT {}\n"
        'MOBILEVIT {"record": "ü"}\n'
    )
    pieces = [printed[i : i + size] for i in range(0, len(printed), size)]
    assert list(answers(pieces)) == ['{"record": "a"}', '{"record": "ü"}']


def test_answers_that_come_without_line_feeds() -> None:
    pieces = ['MOBILEVIT {"record": "a"}', 'MOBILEVIT {"record": ', '"b"}', "noise\n"]
    assert list(answers(pieces)) == ['{"record": "a"}', '{"record": "b"}']


def test_an_answer_that_is_cut_off_is_not_hidden() -> None:
    assert list(answers(['MOBILEVIT {"record": "a"}\nMOBILEVIT {"rec'])) == [
        '{"record": "a"}',
        '{"rec',
    ]


# --- addresses ---


@pytest.mark.parametrize("address", ["ios", f"ios:{UDID}", f"ios:{IDENTIFIER}", "ios:" + 40 * "a"])
def test_addresses(address: str) -> None:
    device = open_device(address)
    assert device.address == address
    assert device.runtimes == {"coreml": ("cpu", "cpu+gpu", "cpu+ne", "all")}


@pytest.mark.parametrize("address", ["ios:", "ios:my phone", "ios:; rm", "iOS", "ios:" + 200 * "a"])
def test_no_addresses(address: str) -> None:
    with pytest.raises(InputError):
        open_device(address)


# --- devicectl ---


def test_describe(xcrun: Xcrun) -> None:
    xcrun.answer(list=[WATCH, listed()])
    with phone() as device:
        described = device.describe()
        assert device.state() == STATE
    assert described == DESCRIBED.model_copy(
        update={"address": "ios", "model": "iPhone 16 (iPhone17,3)"}
    )
    (_, launch, _) = xcrun.asked
    assert launch[:4] == ["devicectl", "device", "process", "launch"]
    assert launch[launch.index("--device") + 1] == UDID
    assert launch[-3:] == [BUNDLE_ID, "--", "--describe"]


@pytest.mark.parametrize("udid", [UDID, UDID.replace("-", "").lower(), IDENTIFIER.lower()])
def test_one_of_two_is_found_by_its_identifiers(xcrun: Xcrun, udid: str) -> None:
    other = listed(hardwareProperties={"udid": "0" * 40}, deviceProperties={"name": "Other"})
    xcrun.answer(list=[{**other, "identifier": "B" * 36}, listed()])
    with Devicectl(udid, patience_s=20) as link:
        assert link.phone.name == "MyPhone"


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ([], "no iPhone or iPad is connected"),
        ([WATCH], "no iPhone or iPad is connected"),
        # of a phone that is elsewhere there is no transport
        (
            [{**listed(), "connectionProperties": {"pairingState": "paired"}}],
            "no iPhone or iPad is connected",
        ),
        ([listed(), listed(hardwareProperties={"udid": "f" * 40})], "2 iPhones or iPads are"),
        (
            [listed(connectionProperties={"pairingState": "unpaired"})],
            "`MyPhone` does not trust this computer",
        ),
        (
            [listed(deviceProperties={"developerModeStatus": "disabled"})],
            "Developer Mode is off on `MyPhone`",
        ),
    ],
)
def test_what_the_user_must_do_first(xcrun: Xcrun, devices: list[Any], said: str) -> None:
    xcrun.answer(list=devices)
    with pytest.raises(InputError, match=said) as error, phone():
        pass
    assert error.value.hint


def test_a_phone_that_is_not_the_one(xcrun: Xcrun) -> None:
    with pytest.raises(InputError, match="is not connected") as error, phone("f" * 40):
        pass
    assert UDID in str(error.value.hint)


def test_no_xcrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="`xcrun` is not installed"), phone():
        pass


def test_an_xcode_without_devicectl(xcrun: Xcrun) -> None:
    (xcrun.folder / "xcrun").write_text(
        "#!/bin/sh\n"
        """echo 'xcrun: error: unable to find utility "devicectl", not a developer tool or in """
        """PATH' >&2\nexit 72\n"""
    )
    with pytest.raises(InputError, match="there is no devicectl"), phone():
        pass


def test_a_list_in_another_form(xcrun: Xcrun) -> None:
    xcrun.answer(list=[{"identifier": IDENTIFIER, "properties": {}}])
    with pytest.raises(ConversionError, match="in a form not known here"), phone():
        pass


LAUNCH = "The application failed to launch."
OPEN = f'The request to open "{BUNDLE_ID}" failed.'


# Each as quoted in a public repository, with our bundle's identifier.
@pytest.mark.parametrize(
    ("error", "stderr", "kind", "said"),
    [
        # expo/expo, devicectl-test.ts: `APPLE_DEVICE_LOCKED`
        (
            ns_error(
                CORE_DEVICE,
                10002,
                ns_error(
                    "FBSOpenApplicationServiceErrorDomain",
                    1,
                    NSLocalizedDescription=OPEN,
                    NSLocalizedFailureReason="The request was denied by service delegate "
                    f'(SBMainWorkspace) for reason: Locked ("Unable to launch {BUNDLE_ID} because '
                    'the device was not, or could not be, unlocked").',
                ),
                NSLocalizedDescription=LAUNCH,
            ),
            "",
            InputError,
            "`MyPhone` is locked",
        ),
        # the same as devicectl prints it, where it left no JSON
        (
            None,
            f"ERROR: {LAUNCH} (com.apple.dt.CoreDeviceError error 10002 (0x2712))\n"
            f"NSLocalizedFailureReason = Unable to launch {BUNDLE_ID} because the device was not, "
            "or could not be, unlocked.\nBSErrorCodeDescription = Locked\n",
            InputError,
            "`MyPhone` is locked",
        ),
        (
            ns_error(
                CORE_DEVICE,
                10002,
                ns_error(
                    "FBSOpenApplicationErrorDomain",
                    4,
                    NSLocalizedFailureReason="Application info provider (FBSApplicationLibrary) "
                    f'returned nil for "{BUNDLE_ID}"',
                ),
                NSLocalizedDescription=LAUNCH,
            ),
            "",
            InputError,
            "is not installed on `MyPhone`",
        ),
        (
            ns_error(
                "FBSOpenApplicationServiceErrorDomain",
                1,
                NSLocalizedFailureReason=f"Unable to launch {BUNDLE_ID} because it has an invalid "
                "code signature, inadequate entitlements or its profile has not been explicitly "
                "trusted by the user.",
            ),
            "",
            InputError,
            "does not trust the developer",
        ),
        # callstack/agent-device, pull request 1527
        (
            None,
            "Error: The operation failed because Developer Mode is disabled.\n",
            InputError,
            "Developer Mode is off",
        ),
        (
            None,
            "ERROR: CoreDeviceService was unable to locate a device matching the requested device "
            "identifier. (com.apple.dt.CoreDeviceError error 1011)\n",
            ConversionError,
            "`MyPhone` is not connected any more",
        ),
        (
            None,
            "ERROR: The device disconnected immediately after connecting. "
            "(com.apple.dt.CoreDeviceError error 4000 (0xFA0))\n",
            ConversionError,
            "`MyPhone` is not connected any more",
        ),
        # callstack/agent-device, pull request 1527; what it means is not known here
        (
            ns_error(
                CORE_DEVICE,
                12040,
                NSLocalizedDescription="The developer disk image could not be mounted on this "
                "device.",
            ),
            "",
            ConversionError,
            "the app ended: The developer disk image could not be mounted on this device$",
        ),
    ],
)
def test_the_app_cannot_be_launched(
    xcrun: Xcrun, error: Any, stderr: str, kind: type[SdkError], said: str
) -> None:
    answer = {"error": error or {"code": 0}, "stderr": stderr}
    xcrun.answer(launch={"--describe": answer})
    with phone() as device, pytest.raises(kind, match=said) as raised:
        device.describe()
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        # Unreal Engine's IOSClientProcess says when: "the app container doesn't exist"
        (ns_error("ContainerLookupErrorDomain", -1), InputError, "is not installed on"),
        (ns_error("NSPOSIXErrorDomain", 28), InputError, "there is no room on `MyPhone`"),
        (
            ns_error(CORE_DEVICE, 7000, NSLocalizedDescription="The copy failed."),
            ConversionError,
            "`devicectl device copy to` failed: The copy failed$",
        ),
    ],
)
def test_the_plan_cannot_be_copied(
    xcrun: Xcrun, folder: Path, error: Any, kind: type[SdkError], said: str
) -> None:
    xcrun.answer(copy={"error": error})
    with phone() as device, pytest.raises(kind, match=said):
        device.push(folder)


def test_a_run_from_push_to_removal(xcrun: Xcrun, folder: Path) -> None:
    xcrun.answer(
        launch={
            "--benchmark": {
                "prints": [
                    'noise\r\nMOBILEVIT {"record": "a"}\r\n',
                    'MOBILEVIT {"record": "b"}\r\n',
                ],
                "records": "from the file\n",
            }
        }
    )
    there = xcrun.container / RUNS / "0123456789ab"
    with phone() as device:
        device.push(folder)
        assert (there / "artifacts/0/m.mlpackage/Data/weight.bin").read_bytes() == b"w" * 100
        assert list(device.run()) == ['{"record": "a"}\n', '{"record": "b"}\n']
        assert device.pull() == "from the file\n"
        assert there.is_dir()
    assert not there.exists()
    assert xcrun.asked[-1][-2:] == ["--forget", "0123456789ab"]


def test_a_plan_that_came_to_lie_elsewhere_is_noticed(xcrun: Xcrun, folder: Path) -> None:
    program = xcrun.folder / "xcrun"
    source = program.read_text(encoding="utf-8")
    changed = source.replace(
        'option("--destination")\n        shutil.copytree',
        'option("--destination") / "plan"\n        shutil.copytree',
    )
    assert changed != source
    program.write_text(changed, encoding="utf-8")
    with phone() as device, pytest.raises(ConversionError, match="copy from` failed"):
        device.push(folder)


def test_the_run_is_over_with_its_last_record(xcrun: Xcrun, folder: Path) -> None:
    """An app that does not end by itself is ended, by the signal that devicectl passes on."""
    ended = Ended().model_dump_json()
    xcrun.answer(launch={"--benchmark": {"prints": [f"MOBILEVIT {ended}\r\n"], "then": "hang"}})
    with phone() as device:
        device.push(folder)
        assert list(device.run()) == [ended + "\n"]
        assert (xcrun.folder / "interrupted").exists()


def test_closing_the_run_stops_the_app(xcrun: Xcrun, folder: Path) -> None:
    prints = ['MOBILEVIT {"record": "a"}\r\n']
    xcrun.answer(launch={"--benchmark": {"prints": prints, "then": "hang"}})
    with phone() as device:
        device.push(folder)
        with closing(device.run()) as lines:
            next(lines)
        assert (xcrun.folder / "interrupted").exists()


def test_silence(xcrun: Xcrun, folder: Path) -> None:
    xcrun.answer(launch={"--benchmark": {"prints": ["noise\r\n"], "then": "hang"}})
    with phone(patience_s=1.0) as device:
        device.push(folder)
        with pytest.raises(ConversionError, match="`MyPhone` has said nothing for 1 s"):
            list(device.run())
    assert (xcrun.folder / "interrupted").exists()


def test_an_app_that_ios_killed(xcrun: Xcrun, folder: Path) -> None:
    xcrun.answer(launch={"--benchmark": {"prints": ["App terminated due to signal 9\r\n"]}})
    with phone() as device:
        device.push(folder)
        with pytest.raises(ConversionError, match="was ended by signal 9"):
            list(device.run())


def test_an_app_of_another_release(xcrun: Xcrun) -> None:
    xcrun.answer(launch={"--describe": {"prints": ['MOBILEVIT {"device": {}}\r\n']}})
    with phone() as device, pytest.raises(ConversionError, match="in a form not known here"):
        device.describe()
    xcrun.answer(launch={"--describe": {"prints": ["hello\r\n"]}})
    with phone() as device, pytest.raises(ConversionError, match="ended without an answer"):
        device.describe()


def test_a_phone_that_is_gone_hides_no_other_error(xcrun: Xcrun, folder: Path) -> None:
    """The folder cannot be removed then; what is told is what happened first."""
    xcrun.answer(launch={"--forget": {"error": ns_error(CORE_DEVICE, 1011)}})
    with pytest.raises(KeyboardInterrupt), phone() as device:
        device.push(folder)
        raise KeyboardInterrupt
    assert xcrun.asked[-1][-2:] == ["--forget", "0123456789ab"]


# --- a whole benchmark ---


def records(run: str, rounds: int) -> list[Any]:
    state = StateReading(at_ns=1, state=STATE)
    measured = [
        RoundDone(case="0", launch=0, round=number, started_ns=number, samples_ns=(5, 6))
        for number in range(rounds)
    ]
    return [
        Started(run=run, device=DESCRIBED),
        state,
        Opened(
            case="0",
            launch=0,
            runtime_version="iOS 18.2",
            delegate="Core ML, cpuAndNeuralEngine",
            load_ns=10,
            first_run_ns=10,
        ),
        WarmedUp(case="0", launch=0, samples_ns=(7,), capped=False),
        *measured,
        Closed(case="0", launch=0, peak_memory_bytes=100, memory_rise_bytes=10),
        state,
        Ended(),
    ]


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    package = tmp_path / "m.mlpackage"
    package.mkdir()
    (package / "Manifest.json").write_text("{}", encoding="utf-8")
    return Subject(package, "coreml fp16", ModelFacts(name="tiny"))


@pytest.fixture
def known_run(monkeypatch: pytest.MonkeyPatch) -> str:
    """The stand-in must name the run that the host will draw."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0123456789ab")
    return "0123456789ab"


def test_benchmark(xcrun: Xcrun, subject: Subject, known_run: str) -> None:
    lines = [record.model_dump_json() for record in records(known_run, rounds=3)]
    told = json.loads((xcrun.folder / "plan.json").read_text(encoding="utf-8"))["launch"]
    prints = [f"MOBILEVIT {line}\r\n" for line in lines]
    run = {"prints": prints, "records": "\n".join(lines) + "\n"}
    xcrun.answer(launch={**told, "--benchmark": run})
    result = benchmark(
        [subject],
        delegates=["cpu+ne"],
        settings=ProtocolSettings(launches=1, rounds=3),
        device=phone(),
        report=lambda _: None,
    )
    (measurement,) = result.measurements
    assert (measurement.runtime, measurement.delegate) == ("coreml", "cpu+ne")
    assert measurement.delegate_ran == "Core ML, cpuAndNeuralEngine"
    assert measurement.samples_ns == [5, 6] * 3
    assert result.device.model == "iPhone 16 (iPhone17,3)"
    assert result.states[0].state.thermal_status == "nominal"
    assert list((xcrun.container / RUNS).iterdir()) == []


def test_ctrl_c_keeps_what_was_measured(xcrun: Xcrun, subject: Subject, known_run: str) -> None:
    lines = [record.model_dump_json() for record in records(known_run, rounds=1)][:-3]
    told = json.loads((xcrun.folder / "plan.json").read_text(encoding="utf-8"))["launch"]
    run = {"prints": [f"MOBILEVIT {line}\r\n" for line in lines], "then": "hang"}
    xcrun.answer(launch={**told, "--benchmark": run})
    kept: list[BenchmarkResult] = []

    def interrupt(told: str) -> None:
        if told.startswith("round"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark([subject], device=phone(), report=interrupt, keep_partial=kept.append)
    assert kept[0].stopped == INTERRUPTED
    assert (xcrun.folder / "interrupted").exists()
    assert list((xcrun.container / RUNS).iterdir()) == []


# --- pymobiledevice3 ---

needs_pymobiledevice3 = pytest.mark.skipif(
    find_spec("pymobiledevice3") is None, reason="pymobiledevice3 is not installed"
)


@pytest.fixture
def socket_path(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("mux") / "s"  # short: a socket's path has 107 bytes
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", str(path))
    return path


@pytest.fixture
def no_pair_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path))
    yield


def test_pymobiledevice3_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    for name in [name for name in sys.modules if name.split(".")[0] == "pymobiledevice3"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingDependencyError, match="`pymobiledevice3` is not installed"):
        PyMobileDevice(None, patience_s=1).__enter__()


@needs_pymobiledevice3
def test_no_usbmuxd(socket_path: Path) -> None:
    with (
        pytest.raises(InputError, match="usbmuxd does not run on this computer") as error,
        IosDevice("ios", PyMobileDevice(None, patience_s=5)),
    ):
        pass
    assert "apt-get install usbmuxd" in str(error.value.hint)


@needs_pymobiledevice3
@pytest.mark.parametrize(
    ("phones", "udid", "refuses", "said"),
    [
        ([], None, "", "no iPhone or iPad is connected"),
        ([UDID, "f" * 40], None, "", "2 iPhones or iPads are connected"),
        ([UDID], "f" * 40, "", "is not connected"),
        # lockdownd's errors, as libimobiledevice's lockdown.c lists them
        ([UDID], None, "PasswordProtected", f"`{UDID}` is locked"),
        ([UDID, "f" * 40], UDID, "UserDeniedPairing", f"`{UDID}` does not trust this computer"),
    ],
)
def test_what_usbmuxd_and_lockdownd_answer(
    socket_path: Path,
    no_pair_records: None,
    phones: list[str],
    udid: str | None,
    refuses: str,
    said: str,
) -> None:
    with (
        closing(Usbmuxd(socket_path, phones, refuses)),
        pytest.raises(InputError, match=said),
        PyMobileDevice(udid, patience_s=10),
    ):
        pass


@needs_pymobiledevice3
def test_a_phone_that_says_nothing(socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(socket_path))
        deaf.listen()
        with pytest.raises(ConversionError, match="has said nothing for 1 s"):
            PyMobileDevice(None, patience_s=1.0).__enter__()
