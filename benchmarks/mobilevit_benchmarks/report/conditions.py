"""What a run was measured on, under which conditions and by which protocol, in words."""

from __future__ import annotations

from collections.abc import Iterable

from ..comparison import NOISE
from ..plan import ProtocolSettings
from ..records import DeviceDescription, DeviceState
from ..statistics import CONFIDENCE, DRIFT_TOLERANCE, SENTINEL_TOLERANCE, THROTTLE_TOLERANCE
from .model import Run
from .wording import number_of

Facts = list[tuple[str, str]]


def device_facts(device: DeviceDescription) -> Facts:
    """What it is; what it does not tell is left out."""
    known = [
        ("device", device.model),
        ("chip", device.chip),
        ("instruction set", device.machine),
        ("cores", str(device.cores)),
        ("memory", f"{device.memory_bytes / 1e9:,.1f} GB" if device.memory_bytes else None),
        ("system", device.system),
        ("runner", device.runner),
        ("reached as", device.address),
        ("emulated", "yes: its times mean nothing" if device.emulated else None),
    ]
    return [(name, value) for name, value in known if value]


def state_facts(run: Run) -> list[tuple[str, str, str]]:
    """What the device said of itself, before and after."""
    if not run.result.states:
        return []
    before, after = (dict(_state(run.result.states[place].state)) for place in (0, -1))
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name, ""), after.get(name, "")) for name in names]


def remarks(run: Run) -> list[str]:
    """What a reader must know before believing a figure; empty where there is nothing."""
    result, found = run.result, []
    if result.stopped is not None:
        found.append(f"Incomplete: the run ended before its plan ({result.stopped}).")
    if result.device.emulated and run.rows:
        found.append("The processor is emulated: these times are no latencies of any device.")
    if run.disturbed:
        found.append(
            f"{run.disturbed:,} of {number_of(run.rounds, 'round')} are marked: beside them the "
            f"sentinel was over {SENTINEL_TOLERANCE:.0%} slower than in the run's fast quarter, so "
            "the machine was busy, hot or throttled."
        )
    if run.drifted and run.drift is not None:
        pace = "slower" if run.drift > 0 else "faster"
        found.append(
            f"By its sentinel the machine became {abs(run.drift):.0%} {pace} from the first quarter"
            f" of the run to the last; beyond {DRIFT_TOLERANCE:.0%} that is worth knowing."
        )
    if run.rows and not result.sentinel:
        found.append("No sentinel was timed: nothing tells whether the machine was disturbed.")
    capped = sum(row.capped for row in run.rows)
    if capped:
        found.append(
            f"{capped} of {number_of(len(run.rows), 'measurement')} had not settled when the "
            f"warm-up was stopped, after {result.protocol.warmup_cap_s:g} s."
        )
    if run.refused:
        found.append(f"Refused by the runtime: {number_of(len(run.refused), 'artifact')}.")
    return found


def method(protocol: ProtocolSettings) -> list[str]:
    """How the times were taken, in paragraphs, with the numbers of this protocol."""
    p = protocol
    opening = (
        "Load is the time from asking the runtime to open the artifact until its session is ready. "
        "The first run is timed alone, since runtimes put off work until then. Warm-up runs follow "
        "until a fast and a slow moving average agree within "
        f"{p.warmup_agreement:.0%}, at least {number_of(p.warmup_min_runs, 'run')} and "
        f"{p.warmup_min_s:g} s, at most {p.warmup_cap_s:g} s."
    )
    if p.sustained_s is not None:
        body = (
            f"Then each case ran alone and without a pause for {p.sustained_s:g} s, in windows of "
            f"{p.sustained_window_s:g} s. Throttling is said to begin with the first window after "
            "which the median of ten windows never comes back to within "
            f"{THROTTLE_TOLERANCE:.0%} of the first tenth's."
        )
    else:
        body = (
            f"Each case was opened anew {number_of(p.launches, 'time')}, in a process of its own "
            f"where the device has such, and visited in {number_of(p.rounds, 'round')} spread over"
            f" these launches; a round is {number_of(p.round_min_runs, 'run')} or more in a row,"
            f" {p.round_min_s:g} s or more in all. Rounds interleave: each visits every case once,"
            f" in an order drawn anew (seed {p.seed}), so that heat, clocks and neighbours fall on"
            " all alike. Between any two, a fixed piece of work is timed, the sentinel, for"
            f" {p.sentinel_min_s:g} s."
        )
    figures = (
        "Every sample is kept, none is dropped. Percentiles interpolate linearly. Intervals are of"
        f" {CONFIDENCE:.0%}, from a bootstrap that draws whole launches and then rounds within"
        " each, widened for how few launches there are. Two cases of one run are compared by the"
        " median over rounds of the ratio of their medians, without the rounds that the sentinel"
        " marks unless these are the most; a winner needs the whole interval"
        f" beyond {NOISE:.0%}. "
        "Different devices are never compared: their figures stand side by side."
    )
    return [f"{opening} {body}", figures]


def _state(state: DeviceState) -> Iterable[tuple[str, str]]:
    if state.load_average is not None:
        yield "load average, 1, 5, 15 min", ", ".join(f"{x:.2f}" for x in state.load_average)
    if state.governors:
        yield "governors", ", ".join(dict.fromkeys(state.governors))
    if state.frequencies_hz:
        yield "clocks, GHz", ", ".join(f"{hz / 1e9:.2f}" for hz in state.frequencies_hz)
    if state.temperatures_c:
        hottest = max(state.temperatures_c, key=lambda name: state.temperatures_c[name])
        yield "hottest sensor", f"{state.temperatures_c[hottest]:.1f} °C, {hottest}"
        others = [f"{name} {c:.1f}" for name, c in state.temperatures_c.items() if name != hottest]
        if others:
            yield "other sensors, °C", ", ".join(others)
    if state.thermal_status is not None:
        yield "thermal status", state.thermal_status
    if state.battery_percent is not None:
        yield "battery", f"{state.battery_percent:.0f} %"
    if state.power is not None:
        yield "power", state.power
