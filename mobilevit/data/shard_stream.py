"""Reading shards from end to end, from a folder or over HTTP, and believing nothing of them.

A connection that breaks is made again where it broke. What cannot be mended is an error that names
the file: it is not there, is shorter or longer than its index says, or has another hash. Names in a
tar file are told apart and never used as paths, and nothing but bytes is made of its members.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import re
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from ..errors import DataError, reason
from .image_folder import SUFFIXES

if TYPE_CHECKING:
    from .shards import Shard

TIMEOUT = 30.0  # seconds without a byte
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each new attempt, while nothing comes
_LARGEST = 1 << 28  # bytes of one image
_PIECE = 1 << 20  # bytes
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses that may be others in a moment


class Encoded(NamedTuple):
    """An image as its file is."""

    number: int  # in its shard
    target: int  # index of its class
    content: bytes
    name: str  # for errors


@dataclass(frozen=True)
class ShardSource:
    """A folder, or an address that begins with http:// or https://."""

    root: str

    @staticmethod
    def is_address(text: str) -> bool:
        return bool(re.match(r"https?://", text, re.IGNORECASE))

    def place(self, file: str) -> str:
        """Of one of its files."""
        if not self.is_address(self.root):
            return str(Path(self.root) / file)
        parts = urlsplit(self.root)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{file}"))

    def read(self, file: str, largest: int) -> bytes:
        """All of a file.

        Raises:
            DataError: it cannot be read, or has more than `largest` bytes.
        """
        with self.stream(file, None) as stream:
            content = stream.read(largest + 1)
        if len(content) > largest:
            raise DataError(f"`{self.place(file)}` has more than {largest} bytes")
        return content

    def stream(self, file: str, size: int | None) -> io.BufferedReader:
        """Its bytes, of which there must be `size`, where that is known."""
        place = self.place(file)
        raw = _Remote(place, size) if self.is_address(self.root) else _Local(place, size)
        return io.BufferedReader(raw, _PIECE)


class _Local(io.RawIOBase):
    """A file on a disk."""

    def __init__(self, place: str, size: int | None) -> None:
        try:
            self.file = Path(place).open("rb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _unreadable(place, error) from error
        found = Path(place).stat().st_size
        if size is not None and found != size:
            self.file.close()
            raise _other_size(place, found, size)
        self.place = place

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self.file.readinto(buffer) or 0
        except OSError as error:
            raise _unreadable(self.place, error) from error

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()


class _Remote(io.RawIOBase):
    """A file of an HTTP server, whose connection may break."""

    def __init__(self, place: str, size: int | None) -> None:
        self.place = place
        self.size = size
        self.position = 0
        self.response: http.client.HTTPResponse | None = None
        self.opener = urllib.request.OpenerDirector()
        for handler in (  # those of HTTP alone: an address may lead to no local file
            urllib.request.ProxyHandler,
            urllib.request.HTTPHandler,
            urllib.request.HTTPSHandler,
            urllib.request.HTTPDefaultErrorHandler,
            urllib.request.HTTPRedirectHandler,
            urllib.request.HTTPErrorProcessor,
            urllib.request.UnknownHandler,
        ):
            self.opener.add_handler(handler())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.size is not None and self.position == self.size:
            return 0
        fault: Exception | None = None
        for wait in (0.0, *WAITS):
            time.sleep(wait)
            try:
                if self.response is None:
                    self.response = self._opened()
                count = self.response.readinto(buffer)
                self.position += count
                if count or self.size is None:
                    return count
                fault = None  # the end, too early
            except urllib.error.HTTPError as error:
                if error.code not in _PASSING:
                    raise DataError(
                        f"the server answers {error.code} {error.reason} for `{self.place}`",
                        "check the address",
                    ) from error
                fault = error
            except (OSError, http.client.HTTPException) as error:
                fault = error
            self._drop()
        if fault is None:
            raise DataError(
                f"`{self.place}` ends after {self.position} of {self.size} bytes",
                "copy the shard again to where it is served",
            )
        raise DataError(
            f"the server of `{self.place}` does not answer: "
            f"{getattr(fault, 'reason', None) or reason(fault)}",
            "see that it runs and can be reached from here",
        ) from fault

    def _opened(self) -> http.client.HTTPResponse:
        request = urllib.request.Request(self.place)
        if self.position:
            request.add_header("Range", f"bytes={self.position}-")
        response: http.client.HTTPResponse = self.opener.open(request, timeout=TIMEOUT)
        if self.position and response.status != 206:  # from the beginning again
            left = self.position
            while left:
                skipped = len(response.read(min(left, _PIECE)))
                if not skipped:
                    raise http.client.IncompleteRead(b"", left)
                left -= skipped
        elif self.position == 0 and self.size is not None:
            found = response.headers.get("Content-Length", "")
            if found.isdigit() and int(found) != self.size:
                raise _other_size(self.place, int(found), self.size)
        return response

    def _drop(self) -> None:
        if self.response is not None:
            self.response.close()
            self.response = None

    def close(self) -> None:
        if not self.closed:
            self._drop()
        super().close()


class _Hashing(io.RawIOBase):
    """What is read through it, hashed."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self.stream.read(size)
        self.digest.update(content)
        return content


def read_shard(
    source: ShardSource, shard: Shard, classes: int, skip: int = 0, count: int | None = None
) -> Iterator[Encoded]:
    """The images of a shard, in order.

    Args:
        skip: images at the beginning that are left out.
        count: images after that; all by default, and then the whole shard is checked to be what
            its index says.

    Raises:
        DataError: the shard is not there, cut off, changed since it was written, or holds what no
            shard does.
    """
    from webdataset.tariterators import group_by_keys

    place = source.place(shard.file)
    stop = shard.images if count is None else skip + count
    number = 0
    with source.stream(shard.file, shard.bytes) as stream:
        hashing = _Hashing(stream)
        try:
            for sample in group_by_keys(_members(hashing, place)):
                if number == shard.images:
                    raise _damaged(place, f"it has more than the {number} images in its index")
                if number >= skip:
                    yield _encoded(sample, number, place, classes)
                number += 1
                if number == stop < shard.images:
                    return
            while hashing.read(_PIECE):
                pass
        except (tarfile.TarError, ValueError, EOFError) as error:
            raise _damaged(place, reason(error)) from error
    if number != shard.images:
        raise _damaged(place, f"it has {number} images, and {shard.images} in its index")
    if hashing.digest.hexdigest() != shard.sha256:
        raise _damaged(place, "its SHA-256 is not the one in its index")


def _members(stream: _Hashing, place: str) -> Iterator[dict[str, Any]]:
    """As webdataset's `tar_file_iterator`, but of plain files of a bearable size alone."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise _damaged(place, f"`{member.name[:100]}` is not a plain file")
            if member.size > _LARGEST:
                raise _damaged(place, f"`{member.name[:100]}` has {member.size} bytes")
            file = archive.extractfile(member)
            assert file is not None
            content = file.read()
            if len(content) != member.size:
                raise _damaged(place, f"it ends within `{member.name[:100]}`")
            yield {"fname": member.name, "data": content, "__url__": place}
            archive.members = []  # type: ignore[attr-defined]  # a stream is not read twice


def _encoded(sample: dict[str, Any], number: int, place: str, classes: int) -> Encoded:
    key = sample["__key__"][:100]
    images = [k for k in sample if f".{k}" in SUFFIXES]
    if len(images) != 1 or not re.fullmatch(rb"[0-9]{1,6}", sample.get("cls", b"")):
        raise _damaged(place, f"sample `{key}` is not one image with the index of its class")
    target = int(sample["cls"])
    if target >= classes:
        raise _damaged(place, f"sample `{key}` is of class {target}, and there are {classes}")
    return Encoded(number, target, sample[images[0]], f"`{key}.{images[0]}` in `{place}`")


def _unreadable(place: str, error: OSError) -> DataError:
    return DataError(f"`{place}` cannot be read: {error.strerror or error}", "check the path")


def _other_size(place: str, found: int, expected: int) -> DataError:
    cause = f"it has {found} bytes, and {expected} in its index"
    return _damaged(place, f"{'cut off: ' if found < expected else ''}{cause}")


def _damaged(place: str, cause: str) -> DataError:
    return DataError(f"`{place}` is damaged: {cause}", "copy it again from where it was written")
