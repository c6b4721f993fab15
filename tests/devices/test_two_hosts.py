"""Two hosts that train together: network namespaces with a cable between them and a disk each.

One of them serves the shards over HTTP. As root; nothing outside the namespaces is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from mobilevit.data.image_folder import read_folders
from mobilevit.data.shards import write_shards
from tests.conftest import write_photos

pytestmark = pytest.mark.devices

REPOSITORY = Path(__file__).parents[2]
STEPS = 12  # of an epoch
SAVE_EVERY = 5  # steps
RECIPE = ["--epochs", "3", "--batch-size", "8", "--image-size", "32", "--workers", "0"]
SETTINGS = ["warmup_epochs=0.5", "crop_scale=[0.5,1]", f"save_every={SAVE_EVERY}"]


@dataclass
class Host:
    """A network namespace, whose processes see a host name of their own."""

    name: str
    address: str
    folder: Path  # its disk
    spared: list[subprocess.Popen[str]] = field(default_factory=list)  # by `kill`

    def start(self, command: list[str], log: Path) -> subprocess.Popen[str]:
        """With both streams in `log`."""
        enter = ["ip", "netns", "exec", self.name, "unshare", "--uts", "sh", "-c"]
        named = 'hostname "$0" && exec "$@"'
        with log.open("w") as stream:
            return subprocess.Popen(
                [*enter, named, self.name, *command],
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=REPOSITORY,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

    def kill(self) -> None:
        """All that runs there, torchrun and what it started, as when a host dies."""
        found = ip("netns", "pids", self.name).split()
        for pid in {int(word) for word in found} - {process.pid for process in self.spared}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host]]:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("needs root, ip of iproute2 and unshare of util-linux")
    tag = os.getpid()
    pair = tuple(
        Host(f"mvit-{letter}-{tag}", f"10.77.{tag % 250}.{number}", tmp_path_factory.mktemp(letter))
        for letter, number in (("a", 1), ("b", 2))
    )
    with ExitStack() as stack:
        for host in pair:
            try:
                ip("netns", "add", host.name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"network namespaces are not permitted: {error.stderr.strip()}")
            stack.callback(ip, "netns", "delete", host.name)
            stack.callback(host.kill)
        cable = {"netns": pair[0].name, "peer": pair[1].name}
        ip("link", "add", "cable0", "netns", cable["netns"], "type", "veth",
           "peer", "name", "cable0", "netns", cable["peer"])  # fmt: skip
        for host in pair:
            inside = ("-n", host.name)
            ip(*inside, "address", "add", f"{host.address}/24", "dev", "cable0")
            ip(*inside, "link", "set", "cable0", "up")
            ip(*inside, "link", "set", "lo", "up")
        yield pair[0], pair[1]


@pytest.fixture(scope="module")
def shards(hosts: tuple[Host, Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Their address, on the first host."""
    photos = tmp_path_factory.mktemp("photos")
    for part, count in (("train", 33), ("val", 7)):
        write_photos(photos / part, ("a", "b", "c"), count)
    folder = hosts[0].folder / "shards"
    write_shards(*read_folders(photos, 0.1, 0, lambda line: None), folder, shard_images=13)
    command = ["-m", "http.server", "--bind", hosts[0].address, "--directory", str(folder), "8000"]
    server = hosts[0].start([sys.executable, *command], hosts[0].folder / "server.log")
    hosts[0].spared.append(server)  # it outlives what trains there
    yield f"http://{hosts[0].address}:8000"
    server.kill()
    server.wait()


@contextmanager
def training(
    hosts: tuple[Host, Host], shards: str, run: str, *options: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """One process on each host, of the same command under torchrun; each writes to its own disk."""
    started = []
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    for number, host in enumerate(hosts):
        torchrun = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
        torchrun += ["--node-rank", str(number), "--master-addr", hosts[0].address]
        torchrun += ["--master-port", "29500", "-m", "mobilevit.cli"]
        train = ["train", shards, "--out", str(host.folder / run), *options]
        train += [] if "--resume" in options else [*RECIPE, *settings]
        started.append(host.start([sys.executable, *torchrun, *train], host.folder / f"{run}.log"))
    try:
        yield started
    finally:
        for host in hosts:
            host.kill()
        for process in started:
            process.wait()


def output(host: Host, run: str) -> str:
    return (host.folder / f"{run}.log").read_text().replace("\r", "\n")


def ended(process: subprocess.Popen[str], host: Host, run: str, seconds: float) -> int:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{host.name} still runs after {seconds:.0f} s:\n{output(host, run)}")


def wait_for_save(path: Path, newer_than: float = 0.0, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_mtime > newer_than:
            return
        time.sleep(0.02)
    pytest.fail(f"no `{path}` after {seconds:.0f} s")


def finish(hosts: tuple[Host, Host], shards: str, run: str, *options: str) -> dict[str, object]:
    """Train to the end, and what is saved then."""
    with training(hosts, shards, run, *options) as processes:
        for process, host in zip(processes, hosts, strict=True):
            assert ended(process, host, run, 400) == 0, output(host, run)
    saved: dict[str, object] = torch.load(hosts[0].folder / run / "last.ckpt", weights_only=True)
    return saved


def complaint(text: str) -> str:
    """Our error, which must be there once."""
    assert text.count("error: process") == 1, text
    found = re.search(r"error: process .*?\n\nhint: [^\n]*", text, re.DOTALL)
    assert found is not None, text
    return found[0]


@pytest.mark.timeout(1800)
def test_one_is_killed_the_other_says_so_and_both_go_on_to_the_same_weights(
    hosts: tuple[Host, Host], shards: str
) -> None:
    whole = finish(hosts, shards, "whole")
    assert whole["global_step"] == 3 * STEPS
    first, second = hosts
    assert "99 images in 8 shards to train on" in output(first, "whole")
    assert "top-1" in output(first, "whole") and "top-1" not in output(second, "whole")
    assert not (second.folder / "whole").exists()  # one process writes
    served = (first.folder / "server.log").read_text()
    for host in hosts:  # each reads shards itself
        assert f"{host.address} - - " in served

    run, save = "stopped", first.folder / "stopped" / "last.ckpt"
    with training(hosts, shards, run) as processes:
        wait_for_save(save)
        killed = time.monotonic()
        second.kill()
        assert ended(processes[0], first, run, 90) != 0
        print(f"the first host stopped after {time.monotonic() - killed:.1f} s")
    text = complaint(output(first, run))
    print(text)
    assert f"process 1 on host `{second.name}` is gone" in text
    assert f"the last save is `{save}`, of step {SAVE_EVERY}" in text
    assert "--resume" in text
    assert "exitcode  : 2" in output(first, run)  # as torchrun tells it
    in_mid_epoch = torch.load(save, weights_only=True)["global_step"]
    assert in_mid_epoch == SAVE_EVERY

    before = save.stat().st_mtime
    with training(hosts, shards, run, "--resume") as processes:
        wait_for_save(save, newer_than=before)
        killed = time.monotonic()
        first.kill()  # with process 0 and the only disk that has the run
        assert ended(processes[1], second, run, 90) != 0
        print(f"the second host stopped after {time.monotonic() - killed:.1f} s")
    text = complaint(output(second, run))
    print(text)
    assert f"process 0 on host `{first.name}` is gone" in text
    assert f"what was saved is in `{second.folder / run}` on host `{first.name}`" in text

    resumed = finish(hosts, shards, run, "--resume")
    assert resumed["global_step"] == whole["global_step"]
    for key in ("state_dict", "current_model_state"):
        weights, expected = resumed[key], whole[key]
        assert isinstance(weights, dict) and isinstance(expected, dict)
        assert weights.keys() == expected.keys()
        for name, value in expected.items():
            assert torch.equal(weights[name], value), f"{key} {name}"


@pytest.mark.timeout(900)
def test_a_cable_that_is_pulled_stops_both(hosts: tuple[Host, Host], shards: str) -> None:
    run = "pulled"
    with training(hosts, shards, run) as processes:
        wait_for_save(hosts[0].folder / run / "last.ckpt")
        ip("-n", hosts[1].name, "link", "set", "cable0", "down")
        pulled = time.monotonic()
        try:
            for process, host, gone in zip(processes, hosts, reversed(hosts), strict=True):
                # keep-alive takes 30 s, and so does the grace in which gloo does not notice
                assert ended(process, host, run, 150) != 0
                print(f"{host.name} stopped after {time.monotonic() - pulled:.1f} s")
                text = complaint(output(host, run))
                print(text)
                assert f"on host `{gone.name}` is gone" in text
        finally:
            ip("-n", hosts[1].name, "link", "set", "cable0", "up")


def test_a_server_that_is_gone_is_named(hosts: tuple[Host, Host], shards: str) -> None:
    with pytest.raises(OSError):  # the rig: nothing leads there from outside
        urllib.request.urlopen(shards, timeout=1)
    nobody = shards.replace(":8000", ":8001")
    with training(hosts, nobody, "nobody") as processes:
        for process, host in zip(processes, hosts, strict=True):
            assert ended(process, host, "nobody", 200) != 0
            text = output(host, "nobody")
            assert text.count("error: ") == 1, text
            assert f"the server of `{nobody}/index.json` does not answer" in text
