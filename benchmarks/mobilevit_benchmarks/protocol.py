"""The protocol of a measurement, and the run of it over every case on one device.

Per case, in a process of its own:

1. The runtime is imported, and the memory resident then is noted. *Load* is the time from asking
   the runtime to open the artifact until its session is ready. The artifact was just hashed, so its
   bytes come from the page cache.
2. *First run* is timed alone: runtimes put off work until then.
3. *Warm-up* runs until a fast and a slow moving average of the times agree within
   `warmup_agreement`, ten runs in a row, after `warmup_min_runs` and `warmup_min_s`; but no longer
   than `warmup_cap_s`, and that it came to that is recorded. The rule is androidx's
   (benchmark-common, WarmupManager), with averages that fit runs of milliseconds.
4. *Rounds*: each is `round_min_runs` or more runs back to back, `round_min_s` or more in all.
5. *Peak memory* is the most that the process ever had resident; its *rise* is counted from the
   memory of step 1.

A run is one `session.run`: copies into and out of the runtime are in its time, as they are in an
app's, and the making of the feeds is not. Python's garbage collector is off.

Rounds interleave. All cases are loaded and warm before any round begins; then every round visits
every case once, in an order shuffled from `seed`, while the others' processes sleep. So what the
machine does meanwhile (heat, clocks, neighbours) falls on all cases alike, and two cases are best
compared round by round: `statistics.paired_ratio`. The price is that each round begins with caches
another case has used, which made its first run 1 to 3 % slower where this was tried; it is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from mobilevit.bundle import hash_artifact
from mobilevit.errors import InputError

from .cases import Subject, unfold
from .devices import Device, Opened, Worker
from .devices.local import LocalDevice
from .measurement import BenchmarkResult, Measurement, ProtocolSettings, Round


def benchmark(
    artifacts: Sequence[Subject],
    *,
    threads: Sequence[int] = (1,),
    rounds: int = 20,
    settings: ProtocolSettings | None = None,
    device: Device | None = None,
    report: Callable[[str], None] = print,
) -> BenchmarkResult:
    """Measure every artifact on every runtime that is to time it, with every number of threads.

    Args:
        artifacts: what to time. The same one twice shows how far apart equal things come out.
        threads: numbers of intra-op threads, as the runtime understands them.
        rounds: how often each case is visited.
        settings: of the protocol; None for its defaults.
        device: where to measure; None for this machine.
        report: is given lines for a person to read.

    Raises:
        InputError: an artifact is missing or cannot be read, a runtime is unknown or not timed,
            feeds do not fit, a number is below 1, or no artifact can be timed here.
        MissingDependencyError: the runtime that a subject names is not installed.
        ConversionError: a runtime does not open or run an artifact, or its process ended.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds measure nothing", "give 1 or more")
    settings = settings or ProtocolSettings()
    device = device or LocalDevice()
    cases, not_timed = unfold(artifacts, threads)
    hashes = {case.subject.artifact: _hash(case.subject.artifact) for case in cases}
    created = datetime.now(UTC)
    state_before = device.state()
    with ExitStack() as stack:
        workers: list[Worker] = []
        opened: list[Opened] = []
        first_runs: list[int] = []
        for case in cases:
            worker = stack.enter_context(device.start(case, settings.seed))
            workers.append(worker)
            opened.append(worker.open())
            first_runs.append(worker.first_run())
            report(f"{case}: loaded in {opened[-1].load_ns / 1e6:.0f} ms")
        warmups = [worker.warm_up(settings) for worker in workers]
        report(f"warm after {sum(len(w.samples_ns) for w in warmups)} runs")
        timed = _interleave(workers, rounds, settings, report)
        peaks = [worker.peak_memory() for worker in workers]
        state_after = device.state()
    return BenchmarkResult(
        created=created,
        host=device.describe(),
        state_before=state_before,
        state_after=state_after,
        protocol=settings,
        measurements=tuple(
            Measurement(
                name=case.subject.name,
                model=case.subject.model,
                artifact=case.subject.artifact.name,
                artifact_sha256=hashes[case.subject.artifact][0],
                artifact_bytes=hashes[case.subject.artifact][1],
                runtime=case.runtime,
                runtime_version=opened[i].runtime_version,
                threads=case.threads,
                load_ns=opened[i].load_ns,
                first_run_ns=first_runs[i],
                warmup=warmups[i],
                rounds=tuple(timed[i]),
                peak_memory_bytes=peaks[i],
                memory_rise_bytes=peaks[i] - opened[i].resident_bytes,
            )
            for i, case in enumerate(cases)
        ),
        not_timed=tuple(not_timed),
    )


def _hash(artifact: Path) -> tuple[str, int]:
    try:
        return hash_artifact(artifact)
    except OSError as error:
        raise InputError(f"cannot read `{artifact}`: {error.strerror}") from error


def _interleave(
    workers: Sequence[Worker],
    rounds: int,
    settings: ProtocolSettings,
    report: Callable[[str], None],
) -> list[list[Round]]:
    """The rounds of each worker, in the order of `workers`."""
    timed: list[list[Round]] = [[] for _ in workers]
    order = list(range(len(workers)))
    random = Random(settings.seed)
    for number in range(1, rounds + 1):
        random.shuffle(order)  # or one case would always run in the wake of the same other
        for i in order:
            timed[i].append(workers[i].round(settings))
        report(f"round {number} of {rounds}")
    return timed
