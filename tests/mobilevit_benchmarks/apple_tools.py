"""Stand-ins of Apple's side: `xcrun devicectl` as a program, and usbmuxd with a phone's lockdownd.

Each answers in the form that the sources named beside it document. None of our code is stood in
for, but for the app's output, whose form is agreed in `devices/iphone.py`.
"""

from __future__ import annotations

import json
import plistlib
import socket
import struct
import sys
import threading
from pathlib import Path
from typing import Any

UDID = "00001234-000000001234CDEF"
IDENTIFIER = "AAAAAAAA-1111-2222-3333-BBBBBBBBBBBB"


def listed(**changes: dict[str, Any]) -> dict[str, Any]:
    """An entry of `devicectl list devices --json-output`, of an iPhone 16 on a cable.

    Cut down from devicectl 397.28's output as quoted, with its identifiers, in a public test
    (`parseDevicectlOutput`, "Output from: xcrun devicectl list devices --json-output
    /dev/stdout"), and equal in form to those of flutter/flutter,
    packages/flutter_tools/test/general.shard/ios/core_devices_test.dart.
    """
    entry: dict[str, Any] = {
        "capabilities": [],
        "connectionProperties": {
            "authenticationType": "manualPairing",
            "isMobileDeviceOnly": False,
            "pairingState": "paired",
            "transportType": "wired",
            "tunnelState": "connected",
            "tunnelTransportProtocol": "tcp",
        },
        "deviceProperties": {
            "ddiServicesAvailable": False,
            "developerModeStatus": "enabled",
            "name": "MyPhone",
            "osBuildUpdate": "22C55",
            "osVersionNumber": "18.2",
        },
        "hardwareProperties": {
            "cpuType": {"name": "arm64e", "subType": 2, "type": 16777228},
            "deviceType": "iPhone",
            "hardwareModel": "D47AP",
            "marketingName": "iPhone 16",
            "platform": "iOS",
            "productType": "iPhone17,3",
            "reality": "physical",
            "udid": UDID,
        },
        "identifier": IDENTIFIER,
        "tags": [],
        "visibilityClass": "default",
    }
    for part, values in changes.items():
        entry[part] = {**entry[part], **values}
    return entry


# A watch that the Mac once met: of the same public samples, `transportType` is missing then.
WATCH: dict[str, Any] = {
    "connectionProperties": {"pairingState": "paired", "tunnelState": "unavailable"},
    "deviceProperties": {"developerModeStatus": "disabled", "name": "Sample Watch"},
    "hardwareProperties": {
        "deviceType": "appleWatch",
        "platform": "watchOS",
        "productType": "Watch6,7",
        "reality": "physical",
        "udid": "00008301-F0918DA12298C02E",
    },
    "identifier": "35C5DE54-1D3E-4144-8E9A-FA6C38B0B2F1",
}


def ns_error(domain: str, code: int, under: Any = None, **texts: str) -> dict[str, Any]:
    """The `error` of an answer whose outcome is failed.

    In the form of flutter/flutter's core_devices_test.dart, "devicectl fails install", and of Qt
    Creator's tst_devicectlutils.cpp, "deploy-missing-plist".
    """
    info: dict[str, Any] = {key: {"string": text} for key, text in texts.items()}
    if under is not None:
        info["NSUnderlyingError"] = {"error": under}
    return {"code": code, "domain": domain, "userInfo": info}


class Xcrun:
    """An `xcrun` in a folder for PATH, and the phone behind it.

    Args:
        folder: gets the program, what it is to do, what it was asked, and the app's container.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.container = folder / "container"
        (self.container / "Documents").mkdir(parents=True)
        self._plan: dict[str, Any] = {}
        self.answer(list=[listed()])
        program = folder / "xcrun"
        source = Path(__file__).with_name("xcrun_program.py").read_text(encoding="utf-8")
        program.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
        program.chmod(0o755)

    def answer(self, **what: Any) -> None:
        """`list`: the devices. `launch`: by the app's first argument, {"prints": lines or
        pieces, "then": "exit" or "hang", "status", "stderr", "error"}; an answer with `error`
        fails. `copy`: {"error"}. `app`: a command that is the app, with its Documents as `--root`,
        in the place of what `launch` says."""
        self._plan.update(what)
        (self.folder / "plan.json").write_text(json.dumps(self._plan), encoding="utf-8")

    @property
    def asked(self) -> list[list[str]]:
        log = self.folder / "asked.jsonl"
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


class Usbmuxd(threading.Thread):
    """usbmuxd on a Unix socket, as libimobiledevice's usbmuxd speaks it (plist protocol), and the
    lockdownd of the phones plugged in.

    Args:
        phones: serial numbers.
        refuses: what lockdownd answers when a computer wants to pair.
    """

    def __init__(self, path: Path, phones: list[str], refuses: str = "PasswordProtected") -> None:
        super().__init__(daemon=True)
        self._phones = phones
        self._refuses = refuses
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self.start()

    def run(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream:
            while header := stream.read(16):
                length, _, _, tag = struct.unpack("<4I", header)
                request = plistlib.loads(stream.read(length - 16))
                answer = plistlib.dumps(self._mux(request))
                client.sendall(struct.pack("<4I", 16 + len(answer), 1, 8, tag) + answer)
                if request["MessageType"] == "Connect":
                    self._lockdown(client, stream)

    def _mux(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["MessageType"]:
            case "ReadBUID":
                return {"BUID": "30142955-444094379208051516"}
            case "ListDevices":
                return {
                    "DeviceList": [
                        {
                            "DeviceID": number,
                            "MessageType": "Attached",
                            "Properties": {
                                "ConnectionType": "USB",
                                "DeviceID": number,
                                "SerialNumber": serial,
                            },
                        }
                        for number, serial in enumerate(self._phones, 1)
                    ]
                }
            case "Connect":
                return {"MessageType": "Result", "Number": 0}
            case _:  # no record of a pairing: ENOENT
                return {"MessageType": "Result", "Number": 2}

    def _lockdown(self, client: socket.socket, stream: Any) -> None:
        while header := stream.read(4):
            request = plistlib.loads(stream.read(struct.unpack(">I", header)[0]))
            answer = plistlib.dumps({"Request": request["Request"], **self._phone(request)})
            client.sendall(struct.pack(">I", len(answer)) + answer)

    def _phone(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["Request"], request.get("Key"):
            case "QueryType", _:
                return {"Type": "com.apple.mobile.lockdown"}
            case "GetValue", "DevicePublicKey":
                return {"Error": self._refuses}
            case "GetValue", None:
                values = {"ProductVersion": "18.2", "ProductType": "iPhone17,3"}
                return {"Value": {**values, "UniqueDeviceID": self._phones[0]}}
            case _:
                return {"Error": self._refuses}
