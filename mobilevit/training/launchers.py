"""Where a process stands among those that train together, as what started it says.

They are started by torchrun, by SLURM's srun or, on one machine, by Lightning; all three by the
same command as a single process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import InputError

if TYPE_CHECKING:
    from lightning.fabric.plugins import ClusterEnvironment


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
