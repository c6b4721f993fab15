"""The suite `paper`: do multiply-adds tell latency?

The MobileViT paper (arXiv:2110.02178v2) compares itself with DeiT and PiT in appendix E: PiT has
half of DeiT's multiply-adds and takes about as long on a phone, MobileViT has as many as PiT by its
count and takes less. It concludes that "FLOPs is not a sufficient metric for network efficiency".
The suite has these models, convolutional networks beside them, and a few that came later.

Each model has the image size it was published with. MobileViT-XS has five more: those of the
paper's multi-scale training, 160 to 320, and 224. At 160, 224 and 288 its deepest map has an odd
side, which patches of 2 do not divide; the model then resizes that map and back, as the paper's
code does, and `Record.resizes` says so. Patches of 8, 4 and 2 suit multiples of 64 alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..correlation import Point
from ..measurement import BenchmarkResult
from ..scatter import Panel
from ..statistics import summarize
from .preparation import Entry


def _mobilevit(size: str, role: str) -> Entry:
    name = f"mobilevit_{size}"
    return Entry(name, f"MobileViT-{size.upper()}", name, "MobileViT", 256, role)


def _large_patches(size: str) -> Entry:
    return Entry(
        name=f"mobilevit_{size}_842",
        label=f"MobileViT-{size.upper()} 8,4,2",
        model=f"mobilevit_{size}",
        family="MobileViT",
        image_size=256,
        role="configuration B of section 4.3: fewer, larger patches; faster, less accurate",
        series="patch sizes",
        config={"patch_sizes": (8, 4, 2)},
    )


def _xs_at(side: int, role: str) -> Entry:
    return Entry(
        name=f"mobilevit_xs_{side}px",
        label=f"MobileViT-XS {side} px",
        model="mobilevit_xs",
        family="MobileViT",
        image_size=side,
        role=role,
        series="image sizes",
    )


_SCALE = "appendix B: a size of multi-scale training"

ENTRIES: tuple[Entry, ...] = (
    _mobilevit("xxs", "table 4"),
    _mobilevit("xs", "table 4; tables 9 and 11: as many FLOPs as PiT by the paper's count"),
    _mobilevit("s", "table 4"),
    *(_large_patches(size) for size in ("xxs", "xs", "s")),
    _xs_at(160, _SCALE),
    _xs_at(192, _SCALE),
    _xs_at(224, "the size at which tables 9 to 11 count its FLOPs"),
    _xs_at(288, _SCALE),
    _xs_at(320, _SCALE),
    Entry(
        name="mobilenetv2_100",
        label="MobileNetV2",
        model="timm:mobilenetv2_100",
        family="CNN",
        image_size=224,
        role="tables 3 and 11: the fastest on the phone",
    ),
    Entry(
        name="mobilenetv3_large_100",
        label="MobileNetV3-L",
        model="timm:mobilenetv3_large_100",
        family="CNN",
        image_size=224,
        role="abstract: as many parameters as MobileViT-S, 3.2 points less accurate",
    ),
    Entry(
        name="tf_efficientnet_lite0",
        label="EfficientNet-Lite0",
        model="timm:tf_efficientnet_lite0",
        family="CNN",
        image_size=224,
        role="not in the paper: made for TFLite, without squeeze-and-excitation or SiLU",
    ),
    Entry(
        name="deit_tiny_patch16_224",
        label="DeiT-Ti",
        model="timm:deit_tiny_patch16_224",
        family="transformer",
        image_size=224,
        role="tables 9 and 11: twice PiT's FLOPs, hardly more time",
    ),
    Entry(
        name="pit_ti_224",
        label="PiT-Ti",
        model="timm:pit_ti_224",
        family="transformer",
        image_size=224,
        role="tables 9 and 11: half of DeiT's FLOPs, hardly less time",
    ),
    Entry(
        name="vit_tiny_patch16_224",
        label="ViT-Ti",
        model="timm:vit_tiny_patch16_224",
        family="transformer",
        image_size=224,
        role="not in the paper: DeiT-Ti's graph again, which shows how equals come out",
    ),
    Entry(
        name="swin_tiny_patch4_window7_224",
        label="Swin-T",
        model="timm:swin_tiny_patch4_window7_224",
        family="transformer",
        image_size=224,
        role="arXiv:2206.02680, table 2: cyclic shifts, which did not run on a phone",
    ),
    Entry(
        name="fastvit_t8",
        label="FastViT-T8",
        model="timm:fastvit_t8",
        family="reparameterised CNN",
        image_size=256,
        role="later than the paper, and made for the iPhone",
        reparameterize=True,
    ),
    Entry(
        name="repvit_m0_9",
        label="RepViT-M0.9",
        model="timm:repvit_m0_9",
        family="reparameterised CNN",
        image_size=224,
        role="later than the paper, and made for the iPhone",
        reparameterize=True,
    ),
)

_BY_NAME = {entry.name: entry for entry in ENTRIES}


def panels(result: BenchmarkResult) -> list[Panel]:
    """One per runtime and number of threads, for `scatter.draw` and `correlation`; the medians of
    the entries that are in the result. Without any, none."""
    settings = dict.fromkeys((m.runtime, m.threads) for m in result.measurements if m.batch == 1)
    found = []
    for runtime, threads in settings:
        points: dict[str, Point] = {}
        for m in result.measurements:
            entry = _BY_NAME.get(m.model.name)
            if entry is None or m.model.multiply_adds is None or m.batch != 1:
                continue
            if (m.runtime, m.threads) == (runtime, threads):
                points[entry.name] = Point(
                    name=entry.label,
                    family=entry.family,
                    multiply_adds=m.model.multiply_adds,
                    latency_ms=summarize(m.launches).p50_ns / 1e6,
                )
        if points:
            counted = "1 thread" if threads == 1 else f"{threads} threads"
            found.append(_panel(f"{runtime}, {counted}", points))
    return found


def _panel(title: str, points: Mapping[str, Point]) -> Panel:
    models = [name for name in points if _BY_NAME[name].series == "models"]
    by_size = [_BY_NAME[name] for name in points if _BY_NAME[name].series == "image sizes"]
    by_size += [_BY_NAME[name] for name in points if name == "mobilevit_xs"]
    by_patch = [(name, f"{name}_842") for name in points if f"{name}_842" in points]
    return Panel(
        title,
        points=[points[name] for name in models],
        variants=[point for name, point in points.items() if name not in models],
        lines=[
            [entry.label for entry in sorted(by_size, key=lambda entry: entry.image_size)],
            *([points[one].name, points[other].name] for one, other in by_patch),
        ],
    )
