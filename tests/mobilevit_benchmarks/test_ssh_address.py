"""Addresses of devices over `ssh`: what is one, and what could be taken for an option."""

from __future__ import annotations

import pytest

from mobilevit.errors import InputError
from mobilevit_benchmarks.devices import open_device
from mobilevit_benchmarks.devices.ssh_connection import SshAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh:pi", SshAddress("pi")),
        ("ssh:me@pi.local", SshAddress("pi.local", "me")),
        ("ssh:me@192.0.2.1:2222", SshAddress("192.0.2.1", "me", 2222)),
        ("ssh:[2001:db8::1]:22", SshAddress("2001:db8::1", None, 22)),
        ("ssh:[fe80::1%eth0]", SshAddress("fe80::1%eth0")),
    ],
)
def test_parts(text: str, address: SshAddress) -> None:
    assert SshAddress.parse(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "ssh:",
        "ssh:-oProxyCommand=touch",
        "ssh:-lroot@pi",
        "ssh:me@-pi",
        "ssh:pi:0",
        "ssh:pi:65536",
        "ssh:pi:22:23",
        "ssh:pi;reboot",
        "ssh:pi reboot",
        "ssh:$(reboot)",
        "ssh:[-oProxyCommand=touch]",
        "ssh:pi\n",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(InputError, match="is not an address of a device"):
        open_device(text)
