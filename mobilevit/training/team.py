"""What the processes that train together tell each other.

Process 0 writes the files and talks to a person.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError, ProcessLostError, SdkError
from .launchers import Place
from .peers import Loss, Peer, Watch

Result = TypeVar("Result")

TIMEOUT = 300.0  # seconds that processes wait for each other in a step before they give up
AGAIN = "go on with the same command and `--resume`"


class Team:
    """The processes that train together, seen from one of them.

    What they tell each other goes through a group of its own, over gloo, whatever the gradients
    take. Every method that others must call as well says so by its name: all call, in one order.
    """

    def __init__(self, place: Place, timeout: float = TIMEOUT) -> None:
        self.place = place
        self.timeout = timeout
        self.run: Path | None = None  # the run's folder, once it is known
        self.peers: list[Peer] = [Peer(place.rank, place.local_rank, socket.gethostname())]
        self.watch: Watch | None = None
        self.group: Any = None

    @property
    def rank(self) -> int:
        return self.place.rank

    @property
    def processes(self) -> int:
        return self.place.processes

    @property
    def speaks(self) -> bool:
        """Whether this process tells a person of errors: one does on each host."""
        return self.watch.speaks if self.watch is not None else self.rank == 0

    def all_gather(self, value: bytes) -> list[bytes]:
        """What each process gives, by rank."""
        if self.processes == 1:
            return [value]
        import torch
        import torch.distributed as dist

        size = torch.tensor([len(value)])
        sizes = [torch.zeros_like(size) for _ in range(self.processes)]
        dist.all_gather(sizes, size, group=self.group)
        longest = max(1, *(int(s) for s in sizes))
        padded = torch.frombuffer(bytearray(value.ljust(longest, b"\0")), dtype=torch.uint8)
        parts = [torch.empty_like(padded) for _ in range(self.processes)]
        dist.all_gather(parts, padded, group=self.group)
        return [p[: int(s)].numpy().tobytes() for p, s in zip(parts, sizes, strict=True)]

    def all_receive(self, value: bytes | None, source: int = 0) -> bytes:
        """What process `source` gives; the others give nothing."""
        if self.processes == 1:
            return value or b""
        import torch
        import torch.distributed as dist

        content = bytearray(value or b"") if self.rank == source else bytearray()
        size = torch.tensor([len(content)])
        dist.broadcast(size, src=source, group=self.group)
        if self.rank != source:
            content = bytearray(int(size))
        if content:
            dist.broadcast(
                torch.frombuffer(content, dtype=torch.uint8), src=source, group=self.group
            )
        return bytes(content)

    def all_do(self, work: Callable[[], Result]) -> Result:
        """This process's result of `work`, once every process has one.

        Raises:
            SdkError: what `work` raised here; or else what it raised in the first process of those
                where it failed, by its name.
        """
        if self.processes == 1:
            return work()
        result: Result | None = None
        mine: SdkError | None = None
        try:
            result = work()
        except SdkError as error:
            mine = error
        said = "" if mine is None else json.dumps([mine.message, mine.hint])
        faults = self.all_gather(said.encode())
        if mine is not None:
            raise mine
        for peer, fault in zip(self.peers, faults, strict=True):
            if fault:
                message, hint = json.loads(fault)
                raise InputError(f"{peer}: {message}", hint)
        return result  # type: ignore[return-value]  # no process failed, so there is one

    def all_from_first(self, work: Callable[[], bytes]) -> bytes:
        """What `work` gives in process 0, where alone it is called.

        Raises:
            SdkError: what it raised there.
        """
        return self.all_receive(self.all_do(lambda: work() if self.rank == 0 else b""))

    def all_same(self, value: str, what: str) -> None:
        """
        Raises:
            InputError: `value` is not the same everywhere; `what` says what it stands for.
        """
        values = self.all_gather(value.encode())
        for peer, other in zip(self.peers, values, strict=True):
            if other != values[0]:
                raise InputError(
                    f"{peer} has other {what} than {self.peers[0]}",
                    "give every host the same",
                )

    def on_sigterm(self, signum: int, frame: object) -> None:
        """As Ctrl-C; but where another process is lost, by which launchers come to send it, this
        one is about to end and to say why."""
        if self.watch is None or not self.watch.lost:
            raise KeyboardInterrupt

    def explain(self, loss: Loss) -> ProcessLostError:
        """What the loss of another process is to a person in front of this one."""
        ended = f": {loss.message}" if loss.message else " is gone, and training stops without it"
        return ProcessLostError(f"{loss.peer}{ended}", "; ".join(filter(None, self._ways(loss))))

    def _ways(self, loss: Loss) -> Iterator[str]:
        from .run_folder import RESUME_FILE, saved_step

        yield loss.hint
        if self.run is None:
            return
        saved = self.run / RESUME_FILE
        if saved.is_file():
            yield f"the last save is `{saved}`, of step {saved_step(saved)}"
            yield AGAIN
        elif self.rank == 0:
            yield "nothing was saved yet; start again"
        else:
            yield f"what was saved is in `{self.run}` on host `{self.peers[0].host}`"
            yield AGAIN
