"""Compressed weights of an ML Program: its `constexpr_` operations, as their definitions in
coremltools' MIL op docs, in numpy.

Each is computed once, when a file is read. The arithmetic is float32, and a result is rounded to
the type of its scale or table. Masks and indices of iOS 16 are bits in bytes, the lowest first;
since iOS 18 the reader unpacks them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def read_constants(operations: Iterable[Any]) -> dict[Hashable, Any]:
    """What each `const` and `constexpr_` among `operations` makes, by its result."""
    values: dict[Hashable, Any] = {}
    for op in operations:
        if op.op_type == "const":
            values[op.outputs[0]] = op.outputs[0].val
        elif op.op_type in DECOMPRESSIONS:
            given = {name: values[value] for name, value in op.inputs.items()}
            made = DECOMPRESSIONS[op.op_type](**given)
            made = made if isinstance(made, tuple) else (made,)
            values.update(zip(op.outputs, made, strict=True))
    return values


def affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: int) -> Array:
    """scale * (quantized_data - zero_point), numbers or one for each place on `axis`."""
    sides = [1] * quantized_data.ndim
    sides[axis] = -1
    shift, factor = (
        value.astype(np.float32).reshape(sides) if np.ndim(value) else np.float32(value)
        for value in (zero_point, scale)
    )
    return ((quantized_data.astype(np.float32) - shift) * factor).astype(scale.dtype)


def blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """scale * (data - offset), each of both for a block of `data`."""
    shift = 0 if offset is None else _spread(offset, data.shape).astype(np.float32)
    factor = _spread(scale, data.shape).astype(np.float32)
    return ((data.astype(np.float32) - shift) * factor).astype(scale.dtype)


def lut_to_dense(
    indices: Array, lut: Array, shape: Array | None = None, vector_axis: int | None = None
) -> Array:
    """The entry of a table for each index.

    iOS 16 has one table and packed indices for a tensor of `shape`. Since iOS 18 the tables are
    `lut` of shape [*tables, entries, length], each for a block of `indices`; a longer entry lies
    along `vector_axis`.
    """
    if shape is not None:
        bits = int(np.log2(len(lut)))
        fields = np.unpackbits(indices.view(np.uint8), bitorder="little")
        fields = fields[: np.prod(shape) * bits].reshape(-1, bits)
        return lut[fields @ (1 << np.arange(bits))].reshape(shape)
    tables = lut[np.ix_(*_blocks(lut.shape[:-2], indices.shape))]  # [*indices, entries, length]
    places = indices.astype(np.int64)[..., None, None]
    entries = np.take_along_axis(tables, places, axis=-2)[..., 0, :]  # [*indices, length]
    if vector_axis is None:
        return entries[..., 0]
    axis = vector_axis % indices.ndim
    sides = [n * lut.shape[-1] if i == axis else n for i, n in enumerate(indices.shape)]
    return np.moveaxis(entries, -1, axis + 1).reshape(sides)


def sparse_to_dense(nonzero_data: Array, mask: Array, shape: Array | None = None) -> Array:
    """`nonzero_data` where the mask is set, and zeros."""
    if shape is not None:
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
        mask = bits[: np.prod(shape)].reshape(shape)
    dense = np.zeros(mask.shape, nonzero_data.dtype)
    dense[mask != 0] = nonzero_data
    return dense


def lut_to_sparse(
    indices_mask: Array, indices_nonzero_data: Array, lut: Array, vector_axis: int | None = None
) -> tuple[Array, Array]:
    """The mask of entries and the entries."""
    dense = lut_to_dense(
        sparse_to_dense(indices_nonzero_data, indices_mask), lut, None, vector_axis
    )
    mask = indices_mask
    if vector_axis is not None:
        mask = np.repeat(mask, lut.shape[-1], axis=vector_axis)
    return mask, dense[mask != 0]


def sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    """The mask and the scaled values."""
    dense = blockwise_shift_scale(sparse_to_dense(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask != 0]


def cast(source_val: Array, output_dtype: str) -> Array:
    """Halves in single precision; there is no other."""
    return source_val.astype(np.float32)


DECOMPRESSIONS: dict[str, Callable[..., Any]] = {
    "constexpr_affine_dequantize": affine_dequantize,
    "constexpr_blockwise_shift_scale": blockwise_shift_scale,
    "constexpr_cast": cast,
    "constexpr_lut_to_dense": lut_to_dense,
    "constexpr_lut_to_sparse": lut_to_sparse,
    "constexpr_sparse_blockwise_shift_scale": sparse_blockwise_shift_scale,
    "constexpr_sparse_to_dense": sparse_to_dense,
}


def _blocks(counts: Iterable[int], shape: Iterable[int]) -> list[Array]:
    """For each axis, the block that each place falls in, where `counts` share the axis evenly."""
    return [np.arange(side) * count // side for count, side in zip(counts, shape, strict=True)]


def _spread(values: Array, shape: tuple[int, ...]) -> Array:
    """One value for each block of a tensor of `shape` -> one for each place."""
    return values[np.ix_(*_blocks(values.shape, shape))]
