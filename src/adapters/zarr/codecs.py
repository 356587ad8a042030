"""
The codecs of arrays, and limits on the memory that decoding takes.

The metadata of an array and the headers of compressed chunks may come from any program. Only the
codecs that this package writes are accepted, and no chunk decompresses to more than its rows.
"""

from __future__ import annotations

import math
import struct

from zarr.abc.codec import BytesBytesCodec, Codec
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer

CHUNK_BYTES = 128 << 10
"""The size of the rows that are compressed together."""
CHUNKS_A_SHARD = 32

# The factor by which other versions may choose larger or more chunks.
_MOST = 64
# Versions, flags and item size; then the decompressed size, block size and compressed size.
_BLOSC = struct.Struct("<4BIII")


class BoundedBlosc(BloscCodec):
    """Blosc that refuses chunks that decompress to another size than the expected one."""

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        head = bytes(chunk_bytes[: _BLOSC.size].to_bytes())
        asked = math.prod(chunk_spec.shape) * chunk_spec.dtype.to_native_dtype().itemsize
        if len(head) < _BLOSC.size or _BLOSC.unpack(head)[4] != asked:
            raise ValueError(f"a chunk of {asked} bytes is compressed as one of another size")
        return await super()._decode_single(chunk_bytes, chunk_spec)


def compressors() -> list[BytesBytesCodec]:
    """The compressors of new arrays."""
    return [BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"), Crc32cCodec()]


def bounded(codecs: tuple[Codec, ...], shape: tuple[int, ...], itemsize: int) -> tuple[Codec, ...]:
    """
    The codecs of an opened array, with limits on the memory that decoding takes.

    :param shape: the shape of a shard.
    :param itemsize: the size of a value in bytes.
    :raises ValueError: this package does not write arrays with these codecs.
    """
    if len(codecs) != 1 or not isinstance(codecs[0], ShardingCodec):
        raise ValueError(f"an array has the codecs {_names(codecs)} instead of shards")
    sharding = codecs[0]
    pieces = math.prod(-(-of // by) for of, by in zip(shape, sharding.chunk_shape, strict=True))
    row = math.prod(sharding.chunk_shape[1:]) * itemsize
    piece = sharding.chunk_shape[0] * row
    if pieces > _MOST * CHUNKS_A_SHARD or piece > max(row, _MOST * CHUNK_BYTES):
        raise ValueError(f"a shard has {pieces} chunks of {piece} bytes")
    _check_index(sharding)
    return (_evolved(sharding),)


def _check_index(sharding: ShardingCodec) -> None:
    if any(not isinstance(each, BytesCodec | Crc32cCodec) for each in sharding.index_codecs):
        raise ValueError(f"the index of a shard has the codecs {_names(sharding.index_codecs)}")


def _evolved(sharding: ShardingCodec) -> ShardingCodec:
    return ShardingCodec(
        chunk_shape=sharding.chunk_shape,
        codecs=[_bounded_codec(each) for each in sharding.codecs],
        index_codecs=sharding.index_codecs,
        index_location=sharding.index_location,
    )


def _bounded_codec(codec: Codec) -> Codec:
    if isinstance(codec, BloscCodec):
        return BoundedBlosc(
            typesize=codec.typesize,
            cname=codec.cname,
            clevel=codec.clevel,
            shuffle=codec.shuffle,
            blocksize=codec.blocksize,
        )
    if isinstance(codec, BytesCodec | Crc32cCodec):
        return codec
    raise ValueError(f"the chunks of a shard have the codec {_names((codec,))}")


def _names(codecs: tuple[Codec, ...]) -> str:
    return ", ".join(type(each).__name__ for each in codecs)
