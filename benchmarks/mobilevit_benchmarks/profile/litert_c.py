"""A compiled model of LiteRT with its profiler, through LiteRT's C API.

The Python package shows no profiler, but the library in its wheel has one that its C headers
document: litert/c/litert_profiler.h, litert_profiler_event.h, litert_compiled_model.h,
litert_tensor_buffer.h and litert_opaque_options.h of the LiteRT repository, and its page "LiteRT
Profiler API". A wheel has no headers, so the few declarations needed are written out here, and
handed to the releases alone that they were tried with: what the library expects cannot be asked.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from contextlib import ExitStack
from ctypes import c_char_p, c_int, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mobilevit.capture import captured
from mobilevit.errors import ConversionError, InputError
from mobilevit.runtimes.litert import version

TRIED = ("2.3.",)  # beginnings of versions

# litert_profiler_event.h, `LiteRtProfilerEventType`
OPERATOR = 1 << 1  # `metadata1` is the operation's place in the file
DELEGATE_OPERATOR = 1 << 3  # `metadata1` counts those of one run of the delegate

_CPU = 1  # litert_common.h, `kLiteRtHwAcceleratorCpu`
_READ, _WRITE = 0, 1  # litert_tensor_buffer_types.h, `LiteRtTensorBufferLockMode`
_TYPE_BYTES = 1024  # more than a `LiteRtRankedTensorType` takes; it is only handed on


@dataclass(frozen=True)
class Event:
    """One timed thing of one run."""

    tag: str
    type: int
    elapsed_us: int  # cut, not rounded
    metadata1: int
    metadata2: int  # of an operation, the subgraph it is in


class _MemoryUsage(ctypes.Structure):
    _fields_ = [(name, c_size_t) for name in ("total", "in_use", "private")]


class _EventData(ctypes.Structure):
    """`ProfiledEventData` of litert_profiler_event.h."""

    _fields_ = [
        ("tag", c_char_p),
        ("type", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("memory_before", _MemoryUsage),
        ("memory_after", _MemoryUsage),
        ("metadata1", c_uint64),
        ("metadata2", c_uint64),
        ("source", c_int),
    ]


class CompiledModel:
    """A `.tflite` file on the CPU, through XNNPACK. Close it, or use it as a context.

    Args:
        artifact: a file that LiteRT's interpreter opens.
        threads: of the CPU.
        profiled: whether it has a profiler, which XNNPACK must know of when it is set up.

    Raises:
        InputError: the installed LiteRT is another release than these declarations are for, or
            comes without this library.
        ConversionError: a call failed.
    """

    def __init__(self, artifact: Path, threads: int, profiled: bool) -> None:
        self._call = _Library()
        self._held = ExitStack()
        self._kept: list[object] = []
        with captured(), ExitStack() as failing:
            failing.enter_context(self._held)
            self._compile(artifact, threads, profiled)
            self._inputs = self._buffers("Input")
            self._outputs = self._buffers("Output")
            failing.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        with captured():  # it talks when it is destroyed, too
            self._held.close()

    def feed(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """Copy every input in, by name and in the file's shape and dtype."""
        for name, buffer in self._inputs.items():
            data = np.ascontiguousarray(feeds[name])
            if data.nbytes != (size := self._size(buffer)):
                raise ConversionError(f"LiteRT wants {size} bytes of `{name}`, not {data.nbytes}")
            ctypes.memmove(self._lock(buffer, _WRITE), data.ctypes.data, data.nbytes)
            self._call("LiteRtUnlockTensorBuffer", buffer)

    def run(self) -> None:
        """Run once, from and to the buffers."""
        inputs, outputs = list(self._inputs.values()), list(self._outputs.values())
        self._call(
            "LiteRtRunCompiledModel",
            self._model,
            c_size_t(0),
            c_size_t(len(inputs)),
            (c_void_p * len(inputs))(*inputs),
            c_size_t(len(outputs)),
            (c_void_p * len(outputs))(*outputs),
        )

    def output(self, name: str) -> bytes:
        """What the last run wrote."""
        buffer = self._outputs[name]
        content = ctypes.string_at(self._lock(buffer, _READ), self._size(buffer))
        self._call("LiteRtUnlockTensorBuffer", buffer)
        return content

    def start(self) -> None:
        """Keep the events of what runs from here on."""
        self._call("LiteRtStartProfiler", self._profiler())

    def stop(self) -> list[Event]:
        """The events since `start`, in the order they were added. They are forgotten."""
        profiler, number = self._profiler(), c_int()
        self._call("LiteRtStopProfiler", profiler)
        self._call("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(number))
        found = (_EventData * number.value)()
        self._call("LiteRtGetProfilerEvents", profiler, number, found)
        events = [
            Event(e.tag.decode(), e.type, e.elapsed_us, e.metadata1, e.metadata2) for e in found
        ]
        self._call("LiteRtResetProfiler", profiler)
        return events

    def _compile(self, artifact: Path, threads: int, profiled: bool) -> None:
        call = self._call
        self._environment = self._made("Environment", c_int(0), None)
        self._file = self._made(
            "Model", self._environment, str(artifact).encode(), create="LiteRtCreateModelFromFile"
        )
        self._signature = c_void_p()
        call("LiteRtGetModelSignature", self._file, c_size_t(0), ctypes.byref(self._signature))
        options = self._made("Options")
        call("LiteRtSetOptionsHardwareAccelerators", options, c_int(_CPU))
        # names and text as in litert/c/options/litert_{cpu,runtime}_options.cc; LiteRT passes over
        # in silence what it does not know
        self._add_option(options, "xnnpack", f"num_threads = {threads}\n")
        if profiled:
            self._add_option(options, "runtime_options_string", "enable_profiling = true\n")
        self._model = self._made("CompiledModel", self._environment, self._file, options)

    def _made(self, kind: str, *arguments: Any, create: str | None = None) -> c_void_p:
        """A new object, destroyed when this is closed."""
        made = c_void_p()
        self._call(create or f"LiteRtCreate{kind}", *arguments, ctypes.byref(made))
        self._held.callback(self._call.without_status, f"LiteRtDestroy{kind}", made)
        return made

    def _add_option(self, options: c_void_p, name: str, text: str) -> None:
        payload = ctypes.create_string_buffer(text.encode())
        release = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)  # Python's memory
        self._kept += [payload, release]  # the options point to them until they are destroyed
        option = c_void_p()
        self._call(
            "LiteRtCreateOpaqueOptions", name.encode(), payload, release, ctypes.byref(option)
        )
        self._call("LiteRtAddOpaqueOptions", options, option)

    def _buffers(self, side: str) -> dict[str, c_void_p]:
        """Name -> buffer, of the first signature, in its order."""
        call, number = self._call, c_size_t()
        call(f"LiteRtGetNumSignature{side}s", self._signature, ctypes.byref(number))
        buffers = {}
        for place in map(c_size_t, range(number.value)):
            name, tensor, needs = c_char_p(), c_void_p(), c_void_p()
            type_ = ctypes.create_string_buffer(_TYPE_BYTES)
            call(f"LiteRtGetSignature{side}Name", self._signature, place, ctypes.byref(name))
            call(
                f"LiteRtGetSignature{side}TensorByIndex",
                self._signature,
                place,
                ctypes.byref(tensor),
            )
            call("LiteRtGetRankedTensorType", tensor, type_)
            call(
                f"LiteRtGetCompiledModel{side}BufferRequirements",
                self._model,
                c_size_t(0),
                place,
                ctypes.byref(needs),
            )
            buffers[(name.value or b"").decode()] = self._made(
                "TensorBuffer",
                self._environment,
                type_,
                needs,
                create="LiteRtCreateManagedTensorBufferFromRequirements",
            )
        return buffers

    def _size(self, buffer: c_void_p) -> int:
        size = c_size_t()
        self._call("LiteRtGetTensorBufferPackedSize", buffer, ctypes.byref(size))
        return size.value

    def _lock(self, buffer: c_void_p, mode: int) -> int:
        address = c_void_p()
        self._call("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), c_int(mode))
        return address.value or 0

    def _profiler(self) -> c_void_p:
        profiler = c_void_p()
        self._call("LiteRtCompiledModelGetProfiler", self._model, ctypes.byref(profiler))
        if not profiler.value:
            raise ConversionError("LiteRT made no profiler for the model")
        return profiler


class _Library:
    """Calls a function of the library by name."""

    def __init__(self) -> None:
        installed = version()
        if not installed.startswith(TRIED):
            known = ", ".join(f"{start}*" for start in TRIED)
            raise InputError(
                f"the profiler of LiteRT {installed} is not known here",
                f"pip install 'ai-edge-litert=={known}'",
            )
        import ai_edge_litert

        folder = Path(ai_edge_litert.__file__).parent
        found = [path for path in folder.glob("libLiteRt.*") if path.suffix in (".so", ".dylib")]
        if not found:
            raise InputError(f"this ai-edge-litert has no libLiteRt in `{folder}`")
        self._library = ctypes.CDLL(str(found[0]))

    def __call__(self, name: str, *arguments: Any) -> None:
        """Raises ConversionError for any status but that of success, which is 0."""
        function = self._library[name]
        function.restype = c_int
        if status := function(*arguments):
            raise ConversionError(f"LiteRT's `{name}` failed with status {status}")

    def without_status(self, name: str, *arguments: Any) -> None:
        function = self._library[name]
        function.restype = None
        function(*arguments)
