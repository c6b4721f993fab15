"""The processes that train together: how many, which one this is, and what they tell each other.

They are started by torchrun, by SLURM's srun or, on one machine, by Lightning; all three by the
same command as a single process. Process 0 writes the files and talks to a person.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..errors import InputError, ProcessLostError, SdkError, reason
from .peers import Loss, Peer, Watch

if TYPE_CHECKING:
    from lightning.fabric.plugins import ClusterEnvironment

Result = TypeVar("Result")

TIMEOUT = 300.0  # seconds that processes wait for each other in a step before they give up
_PREPARING = timedelta(hours=12)  # the same while one looks through the data; `Watch` is quicker
_INTERRUPTED = "interrupted"
_AGAIN = "go on with the same command and `--resume`"

_current: Team | None = None  # that of this process, while it has joined the others


@dataclass(frozen=True)
class Place:
    """Where a process stands among those that train together."""

    launcher: Literal["torchrun", "slurm", "lightning"]
    processes: int
    hosts: int
    rank: int
    local_rank: int

    @property
    def here(self) -> int:
        """Processes on this host, as on every other."""
        return self.processes // self.hosts


def launched_place() -> Place | None:
    """From the environment that torchrun, srun or Lightning's launcher gave this process, or None
    where it was started by hand.

    Raises:
        InputError: hosts have different numbers of processes, or SLURM has tasks and this is none.
    """
    env = os.environ
    if "TORCHELASTIC_RUN_ID" in env:
        here, processes = int(env["LOCAL_WORLD_SIZE"]), int(env["WORLD_SIZE"])
        rank, local_rank = int(env["RANK"]), int(env["LOCAL_RANK"])
        return _place("torchrun", processes, here, rank, local_rank)
    # the names are those by which Lightning, too, tells a shell from a job
    if "SLURM_NTASKS" in env and env.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        processes, hosts = int(env["SLURM_NTASKS"]), int(env.get("SLURM_NNODES", "1"))
        if processes > 1 and "SLURM_STEP_ID" not in env:
            raise InputError(
                f"this is a job of SLURM for {processes} tasks, and none of its tasks",
                "start it by `srun`, or by `torchrun`",
            )
        if processes > 1 and "SLURM_NTASKS_PER_NODE" not in env:
            raise InputError(
                f"SLURM starts {processes} tasks without saying how many on each node",
                "give it `--ntasks-per-node`",
            )
        if processes > 1:
            rank, local_rank = int(env["SLURM_PROCID"]), int(env["SLURM_LOCALID"])
            return _place("slurm", processes, processes // hosts, rank, local_rank)
    elif "LOCAL_RANK" in env and "WORLD_SIZE" in env:
        processes, local_rank = int(env["WORLD_SIZE"]), int(env["LOCAL_RANK"])
        return _place("lightning", processes, processes, local_rank, local_rank)
    return None


def _place(
    launcher: Literal["torchrun", "slurm", "lightning"],
    processes: int,
    here: int,
    rank: int,
    local_rank: int,
) -> Place:
    if here < 1 or processes % here:
        raise InputError(
            f"{processes} processes are not the same number on every host, {here} on this one",
            "start as many on each",
        )
    return Place(launcher, processes, processes // here, rank, local_rank)


def find_place(devices: int | None = None) -> Place:
    """Where this process stands; started by hand, as the first of `devices` on this machine.

    Args:
        devices: GPUs, or processes where there is none; by default all GPUs, or one process.

    Raises:
        InputError: more processes than GPUs, or `devices` beside a launcher that says how many.
    """
    import torch

    place = launched_place()
    gpus = torch.cuda.device_count()
    if place is None:
        place = Place("lightning", max(1, gpus) if devices is None else devices, 1, 0, 0)
    elif devices is not None and place.launcher != "lightning":
        raise InputError(
            f"`--devices` is for a start by hand, and this one is by {place.launcher}",
            f"tell {place.launcher} how many processes to start",
        )
    if 0 < gpus < place.here:
        raise InputError(
            f"{place.here} processes are started where {gpus} GPUs can be seen",
            "start one for each GPU"
            + (", and let each task see all of its node" if place.launcher == "slurm" else ""),
        )
    return place


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
        self._group: Any = None

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
        dist.all_gather(sizes, size, group=self._group)
        longest = max(1, *(int(s) for s in sizes))
        padded = torch.frombuffer(bytearray(value.ljust(longest, b"\0")), dtype=torch.uint8)
        parts = [torch.empty_like(padded) for _ in range(self.processes)]
        dist.all_gather(parts, padded, group=self._group)
        return [p[: int(s)].numpy().tobytes() for p, s in zip(parts, sizes, strict=True)]

    def all_receive(self, value: bytes | None, source: int = 0) -> bytes:
        """What process `source` gives; the others give nothing."""
        if self.processes == 1:
            return value or b""
        import torch
        import torch.distributed as dist

        content = bytearray(value or b"") if self.rank == source else bytearray()
        size = torch.tensor([len(content)])
        dist.broadcast(size, src=source, group=self._group)
        if self.rank != source:
            content = bytearray(int(size))
        if content:
            dist.broadcast(
                torch.frombuffer(content, dtype=torch.uint8), src=source, group=self._group
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
            yield _AGAIN
        elif self.rank == 0:
            yield "nothing was saved yet; start again"
        else:
            yield f"what was saved is in `{self.run}` on host `{self.peers[0].host}`"
            yield _AGAIN


@contextmanager
def joined(devices: int | None = None, timeout: float = TIMEOUT) -> Iterator[Team]:
    """Meet the other processes, and part from them at the end; by hand, start them first. Within
    such a context it gives the team of that again.

    Args:
        devices: see `find_place`.
        timeout: seconds that processes wait for each other, at the start and in a step.

    Raises:
        InputError: see `find_place`.
        ProcessLostError: another process did not come, or ended before this one was done; with
            what it said of it, and where the last save is.
    """
    global _current
    if _current is not None:
        yield _current
        return
    team = Team(find_place(devices), timeout)
    if team.processes > 1:
        _meet(team)
    _current = team
    try:
        with _watched(team):
            yield team
    finally:
        _current = None


@contextmanager
def _watched(team: Team) -> Iterator[None]:
    watch = team.watch
    if watch is None:
        yield
        return
    try:
        yield
        team.all_gather(b"")  # process 0 may still be writing
    except SdkError as error:
        watch.tell(error.message, error.hint)
        watch.close()
        raise
    except (RuntimeError, OSError) as error:  # of gloo and NCCL, when a peer is gone or silent
        loss = watch.loss(wait=5)
        if loss is not None:
            raise team.explain(loss) from error
        if "timed out" in str(error).lower() or "timeout" in str(error).lower():
            raise ProcessLostError(
                f"another process did not answer for {team.timeout:.0f} s: {reason(error)[:200]}",
                f"see what it says; {_AGAIN}; `--timeout` sets how long to wait",
            ) from error
        watch.tell(reason(error)[:500], None)
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        loss = watch.loss(wait=0.5)  # torchrun ends the others on a host where one has failed
        if loss is not None and loss.message != _INTERRUPTED:
            raise team.explain(loss) from error
        watch.tell(_INTERRUPTED, None)
        raise
    watch.close()


def cluster_environment(place: Place) -> ClusterEnvironment:
    """Lightning's name for what started the processes."""
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    if place.launcher == "torchrun":
        return TorchElasticEnvironment()
    if place.launcher == "slurm":  # a job that is queued again is a new start, not a `--resume`
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment()


def _meet(team: Team) -> None:
    import torch.distributed as dist
    from lightning.fabric import Fabric
    from lightning.fabric.strategies.ddp import DDPStrategy

    place = team.place
    environment = cluster_environment(place)
    if place.hosts > 1:
        _choose_interface(environment.main_address)
    signal.signal(signal.SIGTERM, team.on_sigterm)
    for package in ("lightning.fabric", "lightning.pytorch"):  # banners
        logging.getLogger(package).setLevel(logging.WARNING)
    strategy = DDPStrategy(cluster_environment=environment, timeout=timedelta(seconds=team.timeout))
    try:
        fabric = Fabric(devices=place.here, num_nodes=place.hosts, strategy=strategy)
        fabric.launch()
        team._group = dist.new_group(backend="gloo", timeout=_PREPARING)
    except RuntimeError as error:  # torch's DistError among them
        raise ProcessLostError(
            f"the {place.processes} processes did not meet within {team.timeout:.0f} s: "
            f"{reason(error)[:300]}",
            "start the same command on every host; hosts must reach each other on every port",
        ) from error
    launcher = fabric.strategy.launcher
    if launcher is not None and hasattr(launcher, "procs"):
        launcher.procs.clear()  # its observer would kill this process before it can say why
    me = team.peers[0]
    team.peers = [Peer(**json.loads(p)) for p in team.all_gather(json.dumps(asdict(me)).encode())]
    team.watch = Watch(me, team.explain)
    address = os.environ["MASTER_ADDR"]
    if team.rank == 0:
        team.watch.listen(address, place.processes, team.timeout, team.all_receive)
    else:
        team.watch.connect(address, team.all_receive(None), team.timeout)


def _choose_interface(first: str) -> None:
    """Have gloo use the network that leads to process 0: it would use the one that this host's
    name stands for, which on many is the loopback."""
    import psutil

    if "GLOO_SOCKET_IFNAME" in os.environ:
        return
    try:
        family, kind, _, _, address = socket.getaddrinfo(first, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # sends nothing
            own = probe.getsockname()[0]
    except OSError as error:
        raise InputError(
            f"this host does not reach the first one, `{first}`: {error}", "check the address"
        ) from error
    for name, addresses in psutil.net_if_addrs().items():
        if any(a.address.split("%")[0] == own for a in addresses):
            os.environ["GLOO_SOCKET_IFNAME"] = name
