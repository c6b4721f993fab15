"""`python -m mobilevit_benchmarks.peers [OUT]`"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from mobilevit.errors import SdkError

from ..plan import ProtocolSettings
from .compared import MODELS, Settings, compare_with_peers
from .exporters import EXPORTERS
from .table import markdown


def main(arguments: Sequence[str] | None = None) -> None:
    from rich.console import Console

    given = sys.argv[1:] if arguments is None else list(arguments)
    settings, out = _settings(given)
    command = shlex.join(["python", "-m", "mobilevit_benchmarks.peers", *given])
    record = compare_with_peers(
        settings, out, command=command, report=lambda line: print(line, file=sys.stderr, flush=True)
    )
    Console(highlight=False, soft_wrap=True).print(markdown(record), markup=False, end="")


def _settings(arguments: Sequence[str]) -> tuple[Settings, Path]:
    default = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m mobilevit_benchmarks.peers",
        description="Our exports against timm's model through each toolchain's default exporter.",
    )
    parser.add_argument(
        "out",
        nargs="?",
        type=Path,
        default=Path("build/peers"),
        metavar="OUT",
        help="artifacts, peers.json and peers.md; what is there already is not made again",
    )
    parser.add_argument("--models", type=_names, default=default.models, help=",".join(MODELS))
    parser.add_argument(
        "--runtimes", type=_names, default=default.runtimes, help=",".join(EXPORTERS)
    )
    parser.add_argument("--image-size", type=int, default=default.image_size)
    parser.add_argument(
        "--data", type=Path, help="folder of class folders, to measure top-1 of every artifact on"
    )
    parser.add_argument("--images", type=int, help="so many of them, evenly spread; all by default")
    parser.add_argument("--photos", type=Path, help="to calibrate on; by default those of packages")
    parser.add_argument("--calibration-images", type=int, default=default.calibration_images)
    parser.add_argument("--rounds", type=int, default=default.protocol.rounds)
    parser.add_argument("--launches", type=int, default=default.protocol.launches)
    parser.add_argument(
        "--count", action="store_true", help="arm64 instructions too, emulated: minutes a model"
    )
    given = vars(parser.parse_args(arguments))
    out: Path = given.pop("out")
    protocol = ProtocolSettings(rounds=given.pop("rounds"), launches=given.pop("launches"))
    return Settings(**given, protocol=protocol), out


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in text.split(",") if name))


if __name__ == "__main__":
    try:
        main()
    except SdkError as error:
        sys.exit(f"error: {error}")
