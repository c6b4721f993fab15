"""How the processes that train together meet, and how each learns that another is gone."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta

from ..errors import InputError, ProcessLostError, SdkError, reason
from .launchers import cluster_environment, find_place
from .peers import Peer, Watch
from .team import AGAIN, TIMEOUT, Team

_PREPARING = timedelta(hours=12)  # to wait while one looks through the data; `Watch` is quicker
_INTERRUPTED = "interrupted"

_current: Team | None = None  # that of this process, while it has joined the others


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
            what it said of it, and where the last save is. The process is to end then: what is
            left of it is killed after 30 seconds, since gloo and NCCL may hang.
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
                f"see what it says; {AGAIN}; `--timeout` sets how long to wait",
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
        team.group = dist.new_group(backend="gloo", timeout=_PREPARING)
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
