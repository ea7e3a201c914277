"""The functions of flacarray's compiled module, for code that calls them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compress import array_compress
from .decompress import array_decompress


def encode_flac(
    data: np.ndarray, level: int, use_threads: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compresses integers of shape (leading…, samples): bytes, starts and numbers of bytes."""
    return array_compress(data, level, use_threads=use_threads)[:3]


def decode_flac(
    compressed: np.ndarray,
    starts: np.ndarray,
    nbytes: np.ndarray,
    stream_size: int,
    first_sample: int = -1,
    last_sample: int = -1,
    use_threads: bool = False,
    is_int64: bool = False,
) -> np.ndarray:
    """Decodes to integers of shape (leading…, samples)."""
    return array_decompress(
        compressed,
        stream_size,
        starts,
        nbytes,
        first_stream_sample=first_sample,
        last_stream_sample=last_sample,
        is_int64=is_int64,
        use_threads=use_threads,
        no_flatten=True,
    )


def _encode(dtype: Any, use_threads: bool) -> Any:
    def encode(
        flatdata: np.ndarray, n_stream: int, stream_size: int, level: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compresses the streams of a flat array."""
        streams = np.asarray(flatdata, dtype).reshape(n_stream, stream_size)
        return encode_flac(streams, level, use_threads)

    return encode


def _decode(is_int64: bool) -> Any:
    def decode(
        compressed: np.ndarray,
        starts: np.ndarray,
        nbytes: np.ndarray,
        n_stream: int,
        stream_size: int,
        first_sample: int,
        last_sample: int,
        use_threads: bool,
    ) -> np.ndarray:
        """Decodes to a flat array."""
        return decode_flac(
            compressed,
            starts[:n_stream],
            nbytes[:n_stream],
            stream_size,
            first_sample,
            last_sample,
            use_threads,
            is_int64,
        ).reshape(-1)

    return decode


wrap_encode_i32 = _encode(np.int32, False)
wrap_encode_i32_threaded = _encode(np.int32, True)
wrap_encode_i64 = _encode(np.int64, False)
wrap_encode_i64_threaded = _encode(np.int64, True)
wrap_decode_i32 = _decode(False)
wrap_decode_i64 = _decode(True)
