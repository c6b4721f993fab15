"""A benchmark over `ssh`, with a real server: what comes back, and what when something fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mobilevit.errors import InputError
from mobilevit_benchmarks import ModelFacts, Subject, benchmark
from mobilevit_benchmarks.cases import unfold
from mobilevit_benchmarks.devices.ssh import SshDevice
from mobilevit_benchmarks.plan_folder import write_plan
from tests.devices.benchmarks import LONG, ROUND_TO_FAIL_IN, SHORT, cut_off, measured
from tests.devices.debian_machine import debian_root, wait_until, why_not
from tests.devices.ssh_rig import NAME, SshHost

UNREACHABLE = why_not("ssh", "ssh-keygen")
pytestmark = [pytest.mark.devices, pytest.mark.skipif(bool(UNREACHABLE), reason=str(UNREACHABLE))]


@pytest.fixture
def host() -> Iterator[SshHost]:
    with SshHost(debian_root()) as host:
        yield host


def device(host: SshHost, patience_s: float = 10) -> SshDevice:
    return SshDevice(f"ssh:{NAME}", config=host.config, patience_s=patience_s)


def nothing_is_left(host: SshHost) -> bool:
    running = [x for x in host.machine.processes().values() if "mobilevit" in x]
    return host.files() == [] and running == []


def test_samples_come_back(host: SshHost, tiny: Subject) -> None:
    result = measured(device(host), tiny)
    [measurement] = result.measurements
    assert len(measurement.rounds) == SHORT.rounds
    assert measurement.runtime_version == "1.31.1"
    assert result.device.address == f"ssh:{NAME}"
    assert result.device.runner == "Python 3.13.5"
    assert result.stopped is None
    assert nothing_is_left(host)


def test_it_has_both_runtimes(host: SshHost) -> None:
    with device(host) as used:
        assert used.runtimes == {"onnxruntime": ("cpu",), "litert": ("xnnpack", "builtin")}
        assert used.state().load_average is not None


def test_artifact_that_is_refused_does_not_stop_the_others(
    host: SshHost, tiny: Subject, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_bytes(tiny.artifact.read_bytes()[:-100])
    broken = Subject(tmp_path / "broken.onnx", "broken", ModelFacts(name="convs"))
    result = measured(device(host), broken, tiny)
    assert [m.name for m in result.measurements] == ["tiny"]
    [refused] = result.not_timed
    assert refused.refused and refused.name == "broken" and "\n" not in refused.reason


def test_connection_that_is_killed(host: SshHost, tiny: Subject) -> None:
    error = cut_off(device(host), tiny, host.kill_connections)
    assert error.message.startswith(f"the connection to `{NAME}` was lost")
    wait_until(lambda: nothing_is_left(host), "the guard")


def test_network_that_is_gone(host: SshHost, tiny: Subject) -> None:
    error = cut_off(device(host), tiny, host.link.cut)
    assert error.message.startswith(f"the connection to `{NAME}` was lost")
    wait_until(lambda: nothing_is_left(host), "the guard")


def test_reboot(host: SshHost, tiny: Subject) -> None:
    error = cut_off(device(host), tiny, host.reboot)
    assert error.message.startswith(f"the connection to `{NAME}` was lost")
    assert nothing_is_left(host)


def test_host_that_falls_silent(host: SshHost, tiny: Subject) -> None:
    def stop() -> None:
        host.machine.send_signal(signal.SIGSTOP, starting_with="python3 /tmp/mobilevit")

    error = cut_off(device(host, patience_s=4), tiny, stop)
    assert error.message == f"`{NAME}` said nothing for 4 s"
    host.machine.send_signal(signal.SIGCONT, starting_with="python3 /tmp/mobilevit")
    wait_until(lambda: nothing_is_left(host), "the end of the runner")


def test_network_that_stalls(host: SshHost, tiny: Subject) -> None:
    stalled = host.link.stalled()
    error = cut_off(device(host, patience_s=4), tiny, stalled.__enter__)
    assert re.search("said nothing for 4 s|server .* not responding", error.message)
    stalled.__exit__(None, None, None)
    wait_until(lambda: nothing_is_left(host), "the guard")


def test_pause_that_patience_outlasts(host: SshHost, tiny: Subject) -> None:
    """The control of the one before."""

    def report(line: str) -> None:
        if line.startswith("round 1 "):
            with host.link.stalled():
                subprocess.run(["sleep", "1"], check=True)

    result = benchmark([tiny], settings=SHORT, device=device(host), report=report)
    assert result.stopped is None


def test_no_room_for_the_plan(host: SshHost, tiny: Subject) -> None:
    with (
        host.machine.full_disk("/tmp", leave=4 << 20),
        pytest.raises(InputError, match="no room on `rig`: 16 MB are needed, and "),
    ):
        measured(device(host), tiny)
    assert nothing_is_left(host)


def test_disk_that_fills_up_during_the_run(host: SshHost, tiny: Subject) -> None:
    full = host.machine.full_disk("/tmp")
    error = cut_off(device(host), tiny, full.__enter__)
    assert "No space left on device" in error.message
    assert error.hint == "free some space there"
    full.__exit__(None, None, None)
    assert nothing_is_left(host)


def test_key_that_is_refused(host: SshHost) -> None:
    with (
        host.refusing(),
        pytest.raises(InputError, match=r"cannot connect .* Permission denied") as e,
    ):
        device(host).__enter__()
    assert e.value.hint is not None and "must work without a password" in e.value.hint


def test_host_key_that_is_not_known(host: SshHost) -> None:
    hosts = host.config.with_name("known_hosts")
    hosts.write_text("")
    with pytest.raises(InputError, match="Host key verification failed"):
        device(host).__enter__()


def test_host_that_does_not_answer(host: SshHost) -> None:
    host.link.cut()
    with pytest.raises(InputError, match=r"cannot connect to `rig`: .*Connection refused"):
        device(host).__enter__()


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        ("/usr/bin/python3", "python3"),
        ("/usr/local/lib/python3.13/dist-packages/numpy", "NumPy"),
    ],
)
def test_what_the_host_lacks_is_named(host: SshHost, missing: str, what: str) -> None:
    host.machine.run("rm", "-r", missing)
    with pytest.raises(InputError, match=f"`rig` lacks {what}"):
        device(host).__enter__()


def test_host_without_a_runtime(host: SshHost) -> None:
    for name in ("onnxruntime", "ai_edge_litert"):
        host.machine.run("rm", "-r", f"/usr/local/lib/python3.13/dist-packages/{name}")
    with pytest.raises(InputError, match="`rig` lacks a runtime"):
        device(host).__enter__()


def test_shell_that_talks(host: SshHost) -> None:
    host.machine.write("/home/tester/.profile", "")
    host.machine.run("usermod", "--shell", "/bin/bash", "tester")
    host.machine.write("/home/tester/.bashrc", "echo welcome\n")
    with pytest.raises(InputError, match="prints something before any command does: 'welcome'"):
        device(host).__enter__()


def test_folder_of_a_run_that_nobody_cleaned_up_after(host: SshHost) -> None:
    left = "/tmp/mobilevit-benchmark-999999-abcdef"
    host.ssh(f"mkdir {left}; touch {left}/plan.json")
    with device(host), device(host):  # and one that lives is let be
        assert "mobilevit-benchmark-999999-abcdef" not in host.files()
        assert sum(name.count("/") == 0 for name in host.files()) == 2
    assert nothing_is_left(host)


def test_ctrl_c(host: SshHost, tiny: Subject, tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from mobilevit_benchmarks import ModelFacts, Subject, benchmark\n"
        "from mobilevit_benchmarks.devices.ssh import SshDevice\n"
        "from tests.devices.benchmarks import LONG\n"
        "subject = Subject(Path(sys.argv[1]), 'tiny', ModelFacts(name='convs'))\n"
        "device = SshDevice('ssh:rig', config=Path(sys.argv[2]))\n"
        "benchmark([subject], settings=LONG, device=device,\n"
        "          report=lambda line: print(line, flush=True),\n"
        "          keep_partial=lambda partial: print('kept', partial.stopped, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, str(program), str(tiny.artifact), str(host.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(ROUND_TO_FAIL_IN):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of the group
        said, errors = process.communicate()
    assert "kept interrupted" in said
    assert "KeyboardInterrupt" in errors
    assert nothing_is_left(host)


def test_run_that_is_closed(host: SshHost, tiny: Subject, tmp_path: Path) -> None:
    """Whoever stops listening stops the run."""
    with device(host) as used:
        (tmp_path / "plan").mkdir()
        write_plan(unfold([tiny], offer=used.runtimes)[0], LONG, tmp_path / "plan")
        used.push(tmp_path / "plan")
        with closing(used.run()) as lines:
            assert '"started"' in next(lines)
        wait_until(
            lambda: not any("runner.pyz" in x for x in host.machine.processes().values()), "its end"
        )
