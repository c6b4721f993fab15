"""Several processes: where each of them stands, and how they hear of one that is gone.

The processes themselves: tests/devices/test_several_processes.py.
"""

from __future__ import annotations

import json
import socket
import threading

import pytest
import torch
from torch import nn

from mobilevit.errors import InputError, ProcessLostError
from mobilevit.training.batch_norm import layer_sync
from mobilevit.training.launchers import Place, find_place, launched_place
from mobilevit.training.peers import Loss, Peer, Watch
from mobilevit.training.recipe import Recipe
from mobilevit.training.trainer import check_batch


@pytest.mark.parametrize(
    ("fields", "processes", "message"),
    [
        ({"batch_size": 100}, 8, r"100 cannot be divided evenly among 8 processes"),
        ({"batch_size": 8, "accumulate": 3}, 1, "among one process in 3 parts each"),
        ({"batch_size": 24, "accumulate": 3}, 16, "among 16 processes in 3 parts each"),
        ({"batch_size": 8}, 8, "less than two images at a time"),
    ],
)
def test_batches_that_cannot_be_divided_are_refused(
    fields: dict[str, int], processes: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_batch(Recipe(**fields), processes)  # type: ignore[arg-type]


def test_batches_that_can_be_divided_are_not() -> None:
    check_batch(Recipe(batch_size=1024), 8)
    check_batch(Recipe(batch_size=24, accumulate=3), 4)
    check_batch(Recipe(batch_size=7), 1)


TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8", "RANK": "11",
    "LOCAL_RANK": "3",
}  # fmt: skip
SLURM = {
    "SLURM_NTASKS": "16", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "8", "SLURM_PROCID": "11",
    "SLURM_LOCALID": "3", "SLURM_STEP_ID": "0",
}  # fmt: skip


@pytest.fixture
def nothing_launched(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [*TORCHRUN, *SLURM, "SLURM_JOB_NAME"]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_launchers_say_where_a_process_stands(nothing_launched: pytest.MonkeyPatch) -> None:
    def place(environment: dict[str, str]) -> Place | None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return launched_place()

    assert place({}) is None
    assert place(TORCHRUN) == Place("torchrun", 16, 2, 11, 3)
    assert place(SLURM) == Place("slurm", 16, 2, 11, 3)
    assert place({**SLURM, **TORCHRUN}) == Place("torchrun", 16, 2, 11, 3)
    assert place({**SLURM, "SLURM_JOB_NAME": "bash"}) is None  # a shell of `srun --pty`
    assert place({"SLURM_NTASKS": "1"}) is None
    assert place({"WORLD_SIZE": "2", "LOCAL_RANK": "1"}) == Place("lightning", 2, 1, 1, 1)
    with pytest.raises(InputError, match="not the same number on every host, 7 on this one"):
        place({**TORCHRUN, "LOCAL_WORLD_SIZE": "7"})
    with pytest.raises(InputError, match="job of SLURM for 16 tasks, and none of its tasks"):
        place({k: v for k, v in SLURM.items() if k != "SLURM_STEP_ID"})
    with pytest.raises(InputError, match="without saying how many on each node"):
        place({k: v for k, v in SLURM.items() if k != "SLURM_NTASKS_PER_NODE"})


def test_a_start_by_hand_takes_all_gpus(nothing_launched: pytest.MonkeyPatch) -> None:
    patch = nothing_launched
    assert find_place() == Place("lightning", 1, 1, 0, 0)
    assert find_place(3).processes == 3
    patch.setattr(torch.cuda, "device_count", lambda: 4)
    assert find_place() == Place("lightning", 4, 1, 0, 0)
    assert find_place(2).processes == 2
    with pytest.raises(InputError, match="5 processes are started where 4 GPUs can be seen"):
        find_place(5)
    for name, value in TORCHRUN.items():
        patch.setenv(name, value)
    with pytest.raises(InputError, match="8 processes are started where 4 GPUs can be seen"):
        find_place()
    with pytest.raises(InputError, match="`--devices` is for a start by hand"):
        find_place(4)


def test_layers_that_do_more_than_normalize_are_not_exchanged() -> None:
    class Activated(nn.BatchNorm2d):
        pass

    with pytest.raises(InputError, match="`1` of the model is a Activated"):
        layer_sync(nn.Sequential(nn.BatchNorm2d(2), Activated(2)), "cpu")


def watches() -> tuple[Watch, Watch]:
    """Of two processes, connected."""
    first, second = (
        Watch(Peer(rank, rank, f"host-{rank}"), lambda loss: ProcessLostError(str(loss)))
        for rank in range(2)
    )
    told: list[bytes] = []
    published = threading.Event()

    def publish(content: bytes) -> None:
        told.append(content)
        published.set()

    listening = threading.Thread(target=first.listen, args=("127.0.0.1", 2, 20.0, publish))
    listening.start()
    assert published.wait(10)
    with socket.create_connection(("127.0.0.1", json.loads(told[0])["port"])) as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\n")  # whoever else finds the port is sent away
        assert stranger.recv(10) == b""
    second.connect("127.0.0.1", told[0], 10)
    listening.join(10)
    return first, second


def test_the_reason_of_an_end_reaches_the_others() -> None:
    first, second = watches()
    second.tell("shard 7 is cut off", "copy it")
    expected = Loss(second.me, "shard 7 is cut off", "copy it")
    assert first.loss(10) == expected
    assert second.loss(10) == expected  # it hears of itself, and is about to end
    for watch in (first, second):
        watch.close()


def test_a_reason_that_comes_with_the_greeting_is_heard() -> None:
    first, second = (
        Watch(Peer(rank, rank, "here"), lambda loss: ProcessLostError(str(loss)))
        for rank in range(2)
    )

    def publish(content: bytes) -> None:  # before the first has taken the connection
        second.connect("127.0.0.1", content, 10)
        second.tell("shard 7 is cut off", "copy it")

    first.listen("127.0.0.1", 2, 20.0, publish)
    assert first.loss(10) == Loss(second.me, "shard 7 is cut off", "copy it")
    for watch in (first, second):
        watch.close()


def test_an_end_in_order_is_no_loss() -> None:
    first, second = watches()
    second.close()
    assert first.loss(0.2) is None
    first.close()
    assert second.loss(0.2) is None


def test_processes_that_do_not_come_are_counted() -> None:
    watch = Watch(Peer(0, 0, "here"), lambda loss: ProcessLostError(str(loss)))
    with pytest.raises(ProcessLostError, match="2 of 3 processes did not come within 0 s"):
        watch.listen("127.0.0.1", 3, 0.1, lambda told: None)
