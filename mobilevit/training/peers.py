"""Knowing at once when one of the processes that train together ends.

A collective operation of gloo fails when a peer is killed, one of NCCL may wait for minutes, and
neither says who is gone or why. So every process keeps a connection to process 0, which ends when
either of them does, and carries the reason where there is one. TCP's keep-alive ends it when a host
loses its power or its network.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import ProcessLostError

GRACE = 30.0  # seconds a process has to end by itself once another is gone
_HELLO = 10.0  # seconds a connection has to say who it is
_LONGEST = 1 << 16  # bytes of a message
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}  # seconds, seconds, times


@dataclass(frozen=True)
class Peer:
    """A process, as it makes itself known."""

    rank: int
    local_rank: int
    host: str

    def __str__(self) -> str:
        return f"process {self.rank} on host `{self.host}`"


@dataclass(frozen=True)
class Loss:
    """Which process ended, and what it said of it; nothing where it was killed."""

    peer: Peer
    message: str = ""
    hint: str = ""


class Watch:
    """The connections between process 0 and each other one, watched by a thread.

    Once a process is lost, this one has `GRACE` seconds to notice, by `loss` or by itself, and to
    end; then it is ended, with the error on standard error and exit status 2, since an operation
    on a GPU may wait for the lost process without an end.
    """

    def __init__(self, me: Peer, explain: Callable[[Loss], ProcessLostError]) -> None:
        """`explain`: the error that a loss is to this process."""
        self.me = me
        self.explain = explain
        self._connections: dict[socket.socket, Peer] = {}
        self._open: set[socket.socket] = set()  # those that have not said that they are done
        self._loss: Loss | None = None
        self._known = threading.Event()  # a loss is
        self._over = threading.Event()  # nobody needs to be watched any more
        self._seen = False  # the loss has been asked for, and is told by who asked

    @property
    def speaks(self) -> bool:
        """Whether this process tells a person of an error: one does on each host, the first, or
        where that was killed the second."""
        if self._loss is None or self._loss.message or self.me.local_rank != 1:
            return self.me.local_rank == 0
        gone = self._loss.peer
        return gone.host == self.me.host and gone.local_rank == 0

    @property
    def lost(self) -> bool:
        """Whether a process is."""
        return self._loss is not None

    def loss(self, wait: float = 0.0) -> Loss | None:
        """Who is lost, if anybody, after at most `wait` seconds."""
        self._known.wait(wait)
        self._seen = self._loss is not None
        return self._loss

    def listen(
        self, address: str, processes: int, timeout: float, publish: Callable[[bytes], object]
    ) -> None:
        """Process 0: wait for the others, which are told by `publish` where to connect.

        Raises:
            ProcessLostError: they did not all come within `timeout` seconds.
        """
        family = socket.getaddrinfo(address, None)[0][0]
        token = secrets.token_hex(16)
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        with socket.create_server(
            ("", 0), family=family, backlog=processes, dualstack_ipv6=both
        ) as server:
            place = {"port": server.getsockname()[1], "token": token, "peer": asdict(self.me)}
            publish(json.dumps(place).encode())
            deadline = time.monotonic() + timeout
            while len(self._connections) < processes - 1:
                server.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    missing = processes - 1 - len(self._connections)
                    raise ProcessLostError(
                        f"{missing} of {processes} processes did not come within {timeout:.0f} s",
                        "see what they say; hosts must reach each other on every port",
                    ) from None
                peer = _hello(connection, token)
                if peer is None:
                    connection.close()
                else:
                    self._connections[connection] = peer
        self._start()

    def connect(self, address: str, told: bytes, timeout: float) -> None:
        """Any other process: to process 0, by what that published.

        Raises:
            ProcessLostError: it cannot be reached.
        """
        place = json.loads(told)
        try:
            connection = socket.create_connection((address, place["port"]), timeout)
        except OSError as error:
            raise ProcessLostError(
                f"process 0 cannot be reached at {address}:{place['port']}: {error}",
                "hosts must reach each other on every port",
            ) from error
        _send(connection, {"token": place["token"], **asdict(self.me)})
        self._connections[connection] = Peer(**place["peer"])
        self._start()

    def tell(self, message: str, hint: str | None) -> None:
        """Say to the others why this process is about to end."""
        for connection in self._connections:
            _send(connection, {"loss": asdict(Loss(self.me, message, hint or ""))})

    def close(self) -> None:
        """Stop watching: this process has nothing left to do with the others."""
        self._over.set()
        for connection in self._connections:
            _send(connection, {"done": True})

    def _start(self) -> None:
        for connection in self._connections:
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEP_ALIVE.items():
                if hasattr(socket, name):  # Linux has all three
                    connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._open = set(self._connections)
        threading.Thread(target=self._run, name="peers", daemon=True).start()

    def _run(self) -> None:
        pending: dict[socket.socket, bytes] = {}
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                selector.register(connection, selectors.EVENT_READ)
            while self._open and self._loss is None:
                for key, _ in selector.select():
                    sender = key.fileobj
                    assert isinstance(sender, socket.socket)
                    content = _receive(sender)
                    *lines, rest = (pending.get(sender, b"") + content).split(b"\n")
                    pending[sender] = rest[:_LONGEST]
                    for line in lines:
                        self._hear(sender, line)
                    if not content:
                        selector.unregister(sender)
                        self._end(sender)
        if self._loss is not None:
            self._pass_on(self._loss)

    def _hear(self, connection: socket.socket, line: bytes) -> None:
        message = json.loads(line)
        if message.get("done"):
            self._open.discard(connection)
        elif self._loss is None and "loss" in message:
            said = message["loss"]
            self._loss = Loss(Peer(**said["peer"]), said["message"], said["hint"])

    def _end(self, connection: socket.socket) -> None:
        if connection in self._open and self._loss is None and not self._over.is_set():
            self._loss = Loss(self._connections[connection])
        self._open.discard(connection)

    def _pass_on(self, loss: Loss) -> None:
        for connection in self._connections:
            _send(connection, {"loss": asdict(loss)})
        self._known.set()
        if self._over.wait(GRACE):
            return
        if self.speaks and not self._seen:
            print(f"error: {self.explain(loss)}", file=sys.stderr, flush=True)
        os._exit(2)


def _hello(connection: socket.socket, token: str) -> Peer | None:
    connection.settimeout(_HELLO)
    content = b""
    while not content.endswith(b"\n") and len(content) < _LONGEST:
        received = _receive(connection, 1)  # what follows the line is for who watches
        if not received:
            return None
        content += received
    try:
        message = json.loads(content)
        if secrets.compare_digest(str(message.pop("token", "")), token):
            return Peer(**message)
    except (ValueError, TypeError, AttributeError):  # whoever else found the port
        pass
    return None


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    """To a peer that may be gone, which the thread finds out."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def _receive(connection: socket.socket, most: int = _LONGEST) -> bytes:
    """What has come; nothing where the connection has ended."""
    try:
        return connection.recv(most)
    except OSError:  # reset, timed out
        return b""
