"""Operations added up by stage and by kind."""

from __future__ import annotations

from .records import KINDS, Kind, OperationProfile


def stages(profile: OperationProfile) -> list[str]:
    """The stages in the order in which they first run."""
    return list(dict.fromkeys(operation.stage for operation in profile.operations))


def grouped(profile: OperationProfile) -> dict[str, dict[Kind, float]]:
    """Stage -> kind -> ns: every stage in the order they run, and every kind of `KINDS`, 0 where a
    stage has none. All of it adds up to `profile.operations_ns`."""
    table: dict[str, dict[Kind, float]] = {
        stage: dict.fromkeys(KINDS, 0.0) for stage in stages(profile)
    }
    for operation in profile.operations:
        table[operation.stage][operation.kind] += operation.median_ns
    return table


def floors(profile: OperationProfile) -> dict[Kind, float]:
    """Kind -> ns that its multiply-adds alone would take; every kind of `KINDS`."""
    sums: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
    for operation in profile.operations:
        sums[operation.kind] += profile.floor_ns(operation)
    return sums
