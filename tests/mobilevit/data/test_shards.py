"""Shards: what is written is what is read, by each process its part, and damage is named."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mobilevit.checkpoint import load_checkpoint
from mobilevit.cli import app
from mobilevit.data import shard_batches, shard_stream
from mobilevit.data.dataset import EvalDataset, TrainDataset
from mobilevit.data.image_folder import ImageFolder, read_folders, summarize
from mobilevit.data.schedule import Draw, Schedule
from mobilevit.data.shard_batches import EncodedEval, EncodedTrain, ShardBatches, ShardShare
from mobilevit.data.shard_stream import Encoded, read_shard
from mobilevit.data.shards import ShardSet, open_shards, write_shards
from mobilevit.data.transforms import Augmentation
from mobilevit.errors import DataError, InputError
from mobilevit.images import open_image
from mobilevit.preprocessing import Preprocessing
from mobilevit.training.recipe import Recipe
from mobilevit.training.train import train
from tests.conftest import write_photos

QUICK = Recipe(epochs=1, batch_size=6, image_size=32, warmup_epochs=0.5, crop_scale=(0.5, 1))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageFolder, ImageFolder]:
    root = tmp_path_factory.mktemp("photos")
    for part, count in (("train", 19), ("val", 4)):
        write_photos(root / part, ("a", "b", "c"), count, side=16)
    return read_folders(root, 0.1, 0, lambda line: None)


@pytest.fixture(scope="module")
def written(
    folders: tuple[ImageFolder, ImageFolder], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """57 images in shards of 10, the last of 7; 12 in two. Not to be changed."""
    out = tmp_path_factory.mktemp("shards") / "out"
    write_shards(*folders, out, shard_images=10)
    return out


@pytest.fixture
def shards(written: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(written, tmp_path / "shards")


def images_of(shards: ShardSet) -> list[Encoded]:
    each = [read_shard(shards.source, s, len(shards.classes)) for s in shards.shards]
    return list(chain.from_iterable(each))


class Server(ThreadingHTTPServer):
    """Serves a folder, with the faults a test asks for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str | None]] = []  # path, Range
        self.faults: list[Callable[[Handler], None]] = []  # of the next answers, in order
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path.endswith(".tar") and self.server.faults:
            self.server.faults.pop(0)(self)
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


def half(handler: Handler) -> None:
    """Promise all of the file, give half of it and hang up."""
    content = Path(handler.translate_path(handler.path)).read_bytes()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def rest(handler: Handler) -> None:
    """What is asked for by Range."""
    content = Path(handler.translate_path(handler.path)).read_bytes()
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    handler.send_response(206)
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:])


def busy(handler: Handler) -> None:
    handler.send_error(503)


@pytest.fixture
def server(shards: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(shard_stream, "WAITS", (0.01, 0.02, 0.03))
    monkeypatch.setattr(shard_stream, "TIMEOUT", 2.0)
    with Server(shards) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def test_what_is_written_is_read_and_other_readers_read_it(
    folders: tuple[ImageFolder, ImageFolder], written: Path
) -> None:
    from webdataset import WebDataset

    for folder, shards in zip(folders, open_shards(written), strict=True):
        images = images_of(shards)
        expected = sorted((path.read_bytes(), target) for path, target in folder.samples)
        assert sorted((image.content, image.target) for image in images) == expected
        assert shards.summary == summarize(folder)
        assert shards.classes == folder.classes
        for shard in shards.shards:
            file = written / shard.file
            assert hashlib.sha256(file.read_bytes()).hexdigest() == shard.sha256
        urls = [str(written / shard.file) for shard in shards.shards]
        theirs = list(WebDataset(urls, shardshuffle=False))
        assert [sample["jpg"] for sample in theirs] == [image.content for image in images]
        assert [int(sample["cls"]) for sample in theirs] == [image.target for image in images]
    assert [s.images for s in open_shards(written)[0].shards] == [10, 10, 10, 10, 10, 7]


def test_the_same_images_give_the_same_bytes(
    folders: tuple[ImageFolder, ImageFolder], written: Path, tmp_path: Path
) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    write_shards(*folders, tmp_path / "again", shard_images=10)
    assert contents(tmp_path / "again") == contents(written)
    write_shards(*folders, tmp_path / "other", shard_images=10, seed=1)
    other = contents(tmp_path / "other")
    assert other.keys() == contents(written).keys() and other != contents(written)
    targets = [image.target for image in images_of(open_shards(written)[0])]
    assert targets != sorted(targets)


def test_shards_end_at_a_size(folders: tuple[ImageFolder, ImageFolder], tmp_path: Path) -> None:
    index = write_shards(*folders, tmp_path / "out", shard_bytes=5000)
    largest = max(path.stat().st_size for path, _ in folders[0].samples)
    assert len(index.train.shards) > 3
    for shard in index.train.shards:
        images = list(read_shard(open_shards(tmp_path / "out")[0].source, shard, 3))
        assert sum(len(image.content) for image in images) < 5000 + largest


def test_nothing_is_left_of_shards_that_were_not_finished(
    folders: tuple[ImageFolder, ImageFolder], tmp_path: Path
) -> None:
    def stop(images: int) -> None:
        if images == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(*folders, tmp_path / "out", shard_images=10, progress=stop)
    assert not list(tmp_path.iterdir())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not an empty folder"):
        write_shards(*folders, tmp_path / "out")
    assert (tmp_path / "out" / "letter.txt").read_text() == "dear"


def test_the_command_writes_shards_to_train_from(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "train" / "a" / "cut.jpg").write_bytes(b"\xff\xd8")
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"a": "an_anchor", "b": "bell", "c": "cup"}))
    out = tmp_path / "shards"
    command = ["shard", str(photo_folder), str(out), "--images", "20", "--labels", str(labels)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "cut.jpg" in done.stderr
    lines: list[str] = []
    result = train(out, tmp_path / "run", QUICK, workers=1, report=lines.append)
    assert "48 images in 3 shards to train on, 18 in 1 to validate on, 3 classes" in lines[0]
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.labels == ["an anchor", "bell", "cup"]
    assert checkpoint.classes == ["a", "b", "c"]
    assert checkpoint.data["train"] == summarize(read_folders(photo_folder, 0.1, 0, print)[0])
    with pytest.raises(InputError, match="`--cache` is for images in folders"):
        train(out, tmp_path / "cached", QUICK, cache=True)


def test_an_image_is_the_same_as_from_its_folder(
    folders: tuple[ImageFolder, ImageFolder], written: Path
) -> None:
    folder, preprocessing = folders[0], Preprocessing(image_size=(32, 32))
    augmentation = Augmentation((0.5, 1.0), "bilinear", 9)
    by_bytes = {path.read_bytes(): i for i, (path, _) in enumerate(folder.samples)}

    def read(index: int) -> torch.Tensor:
        return torch.from_numpy(np.array(open_image(folder.samples[index][0]))).permute(2, 0, 1)

    in_folder = TrainDataset(read, [target for _, target in folder.samples], augmentation)
    for image in images_of(open_shards(written)[0])[:5]:
        index = by_bytes[image.content]
        ours = EncodedTrain(augmentation)[shard_batches.EncodedDraw(image, image.number, 32, 7)]
        theirs = in_folder[Draw(index, 32, 7)]
        assert torch.equal(ours[0], theirs[0]) and ours[1] == theirs[1]
        ours, theirs = EncodedEval(preprocessing)[image], EvalDataset(folder, preprocessing)[index]
        assert torch.equal(ours[0], theirs[0]) and ours[1] == theirs[1]


splits = st.sampled_from([(1, 1), (1, 3), (2, 1), (2, 2), (3, 1), (5, 1), (8, 1)])


@given(
    splits,
    st.sampled_from([(8, ()), (24, ()), (57, ()), (8, (160, 256, 320)), (24, (256, 320))]),
    st.integers(0, 2),
    st.sampled_from([5, 1024]),
    st.data(),
)
@settings(max_examples=25, deadline=None)
def test_processes_read_their_own_images_and_go_on_where_they_stopped(
    written: Path,
    split: tuple[int, int],
    sized: tuple[int, tuple[int, ...]],
    epoch: int,
    block: int,
    data: st.DataObject,
) -> None:
    processes, accumulate = split
    shards, _ = open_shards(written)
    recipe = Recipe()
    batch_size, multi_scale = sized
    schedule = Schedule(
        len(shards), batch_size, 256, multi_scale, recipe.size_at, recipe.seed_at,
        parts=processes * accumulate,
    )  # fmt: skip
    whole = len(schedule) * accumulate

    def batches(rank: int, position: int) -> list[list[shard_batches.EncodedDraw]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shard_batches, "BLOCK", block)
            return list(ShardBatches(shards, schedule, rank, processes, lambda: position))

    ranks = [batches(rank, epoch * whole) for rank in range(processes)]
    assert {len(own) for own in ranks} == {whole}
    steps = schedule.steps(epoch)
    for number, at_once in enumerate(zip(*ranks, strict=True)):
        step = steps[number // accumulate]
        assert {draw.side for batch in at_once for draw in batch} == {step.side}
        assert {len(batch) for batch in at_once} == {step.images // schedule.parts}
    draws = list(chain.from_iterable(chain.from_iterable(ranks)))
    assert len(draws) == sum(step.images for step in steps)
    assert len({draw.image.name for draw in draws}) == len(draws)  # none twice
    assert len({draw.seed for draw in draws}) == len(draws)

    rank = data.draw(st.integers(0, processes - 1))
    done = data.draw(st.integers(0, whole - 1))
    assert batches(rank, epoch * whole + done) == ranks[rank][done:]


def test_processes_leave_the_shards_of_others_alone(written: Path, monkeypatch: object) -> None:
    shards, _ = open_shards(written)
    recipe = Recipe()
    schedule = Schedule(len(shards), 4, 256, (), recipe.size_at, recipe.seed_at, parts=2)
    used = []
    for rank in range(2):
        own = chain.from_iterable(ShardBatches(shards, schedule, rank, 2, lambda: 0))
        used.append({draw.image.name.split(" in ")[1] for draw in own})
    assert len(used[0] & used[1]) <= 1  # the one in which a stretch ends
    assert len(used[0] | used[1]) == 6


def test_epochs_have_orders_of_their_own(written: Path) -> None:
    shards, _ = open_shards(written)
    recipe = Recipe()
    schedule = Schedule(len(shards), 57, 256, (), recipe.size_at, recipe.seed_at)

    def names(epoch: int) -> list[str]:
        [batch] = ShardBatches(shards, schedule, 0, 1, lambda: epoch)
        return [draw.image.name for draw in batch]

    assert names(0) == names(0) and names(0) != names(1)
    assert sorted(names(0)) == sorted(names(1))


@given(st.integers(1, 14), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_validation_shares_are_each_image_once(
    written: Path, processes: int, batch_size: int
) -> None:
    _, shards = open_shards(written)
    shares = [ShardShare(shards, batch_size, rank, processes) for rank in range(processes)]
    batches = [list(share) for share in shares]
    assert [len(own) for own in batches] == [len(share) for share in shares]
    names = [image.name for image in chain.from_iterable(chain.from_iterable(batches))]
    assert sorted(names) == sorted(image.name for image in images_of(shards))


def test_shards_are_streamed_from_a_server(server: Server, written: Path) -> None:
    here, there = open_shards(written)[0], open_shards(server.address + "/")[0]
    assert [i.content for i in images_of(here)] == [i.content for i in images_of(there)]
    assert here.index_sha256 == there.index_sha256


@pytest.mark.parametrize("again", [[rest], []], ids=["ranges", "no ranges"])
def test_a_broken_connection_is_made_again(
    server: Server, written: Path, again: list[Callable[[Handler], None]]
) -> None:
    server.faults += [busy, half, busy, *again]
    contents = [image.content for image in images_of(open_shards(server.address)[0])]
    assert contents == [image.content for image in images_of(open_shards(written)[0])]
    ranges = [asked for path, asked in server.asked if path.endswith("train-000000.tar")]
    assert ranges[:2] == [None, None] and ranges[2] == ranges[3]
    assert ranges[2] is not None and ranges[2].startswith("bytes=")


def test_a_server_that_stops_in_mid_epoch_is_named(server: Server) -> None:
    shards, _ = open_shards(server.address)
    recipe = Recipe()
    schedule = Schedule(len(shards), 5, 256, (), recipe.size_at, recipe.seed_at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_batches, "BLOCK", 5)
        batches = iter(ShardBatches(shards, schedule, 0, 1, lambda: 0))
        next(batches)
        server.socket.close()
        server.faults += [lambda handler: handler.connection.close()] * 100
        with pytest.raises(DataError, match=r"the server of `http://.*tar` does not answer: "):
            list(batches)


def test_a_missing_or_other_answer_is_named(server: Server, shards: Path) -> None:
    with pytest.raises(DataError, match=r"answers 404 .* for `http://.*/nowhere/index.json`"):
        open_shards(server.address + "/nowhere")
    (shards / "train-000001.tar").unlink()
    with pytest.raises(DataError, match=r"answers 404 .*train-000001.tar"):
        images_of(open_shards(server.address)[0])
    (shards / "index.json").write_text("<html>")
    with pytest.raises(DataError, match="is not an index of shards"):
        open_shards(server.address)
    server.faults += [half] * 100
    (shards / "train-000001.tar").touch()


def test_a_server_that_never_gives_the_rest_is_named(server: Server) -> None:
    server.faults += [half] * 100
    shards, _ = open_shards(server.address)
    size = shards.shards[0].bytes
    with pytest.raises(DataError, match=f"ends after {size // 2} of {size} bytes"):
        images_of(shards)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-6000])


def cut_and_said_so(file: Path) -> None:
    cut(file)
    rewrite_index(file)


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[700] ^= 1  # in the first image or its class
    file.write_bytes(content)


def rewrite_index(file: Path) -> None:
    """Make the index believe in what `file` has become."""
    index = json.loads((file.parent / "index.json").read_text())
    for shard in index["train"]["shards"]:
        if shard["file"] == file.name:
            shard["bytes"] = file.stat().st_size
            shard["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (file.parent / "index.json").write_text(json.dumps(index))


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('a shard was unpickled')",)


def with_members(*members: tuple[tarfile.TarInfo, bytes]) -> Callable[[Path], None]:
    """Put a few members before what is there."""

    def change(file: Path) -> None:
        before = file.read_bytes()
        with tarfile.open(file, "w") as archive:
            for info, content in members:
                info.size = info.size or len(content)
                archive.addfile(info, io.BytesIO(content.ljust(info.size, b"\0")))
        with tarfile.open(fileobj=io.BytesIO(before)) as old, tarfile.open(file, "a") as archive:
            for info in old:
                archive.addfile(info, old.extractfile(info))
        rewrite_index(file)

    return change


def link() -> tarfile.TarInfo:
    info = tarfile.TarInfo("000000099.jpg")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


member = tarfile.TarInfo
DAMAGE = {
    "missing": (lambda file: file.unlink(), "cannot be read: No such file"),
    "cut off": (cut, r"cut off: it has \d+ bytes, and \d+ in its index"),
    "cut off, and the index with it": (cut_and_said_so, "is damaged: "),
    "a flipped bit": (flipped, "SHA-256|not one image"),
    "no tar": (lambda file: file.write_bytes(b"x" * file.stat().st_size), "is damaged: "),
    "one image more": (
        with_members((member("x/../../1.jpg"), b"1"), (member("x/../../1.cls"), b"0")),
        "more than the 10 images in its index",
    ),
    "a link": (with_members((link(), b"")), "`000000099.jpg` is not a plain file"),
    "a class that is none": (
        with_members((member("1.jpg"), b"1"), (member("1.cls"), b"3")),
        "of class 3, and there are 3",
    ),
    "a class that is no number": (
        with_members((member("1.jpg"), b"1"), (member("1.cls"), b"-1")),
        "not one image with the index",
    ),
    "a pickle": (
        with_members(
            (member("1.cls"), b"0"), (member("1.pyd"), pickle.dumps(Bomb())), (member("1.pkl"), b"")
        ),
        "not one image with the index",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(shards: Path, name: str) -> None:
    change, message = DAMAGE[name]
    file = shards / "train-000003.tar"
    change(file)
    with pytest.raises(DataError, match=message) as raised:
        images_of(open_shards(shards)[0])
    assert "train-000003.tar" in raised.value.message
    assert {path.name for path in shards.parent.iterdir()} == {"shards"}


def test_a_member_of_a_terabyte_is_not_read(shards: Path) -> None:
    file = shards / "train-000003.tar"
    info = tarfile.TarInfo("1.jpg")
    info.size = 1 << 40
    content = file.read_bytes()
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + content[512:])
    rewrite_index(file)
    with pytest.raises(DataError, match=r"`1\.jpg` has 1099511627776 bytes"):
        images_of(open_shards(shards)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "../train-000000.tar"}, "train.shards.0.file"),
        ({"file": "/etc/passwd"}, "train.shards.0.file"),
        ({"file": "train-000001.tar"}, "listed twice"),
        ({"images": 11}, "do not add up to 57 images"),
        ({"images": -1}, "train.shards.0.images"),
        ({"sha256": "0"}, "train.shards.0.sha256"),
        ({"colour": "red"}, "train.shards.0.colour"),
    ],
)
def test_an_index_that_lies_is_refused(
    shards: Path, change: dict[str, object], message: str
) -> None:
    index = json.loads((shards / "index.json").read_text())
    index["train"]["shards"][0] |= change
    (shards / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=message):
        open_shards(shards)
