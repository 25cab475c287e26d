"""Decompresses response bodies up to a size limit. Without it, a few kilobytes could decompress to gigabytes."""

from __future__ import annotations

import zlib

from airflow_provider_ecsjobs.core.steps import MAX_BODY_BYTES

ACCEPTED_ENCODINGS = "gzip, deflate"
"""The ``Accept-Encoding`` header: only the encodings that :func:`decompress` supports."""
_GZIP, _ZLIB, _RAW = 31, 15, -15


def decompress(body: bytes, encoding: str) -> bytes | None:
    """Return the decompressed body. Older HTTP clients decompress without a limit, so we do it ourselves.

    :param body: the body as received.
    :param encoding: its ``Content-Encoding``, in upper or lower case; empty for none.
    :return: the body; ``None`` if it is larger than :data:`MAX_BODY_BYTES`.
    :raises ValueError: the body is cut off or damaged, or has an encoding that was not requested.
    """
    name = encoding.strip().lower()
    if not body or name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip"):
        format_ = _GZIP
    elif name == "deflate":
        format_ = _ZLIB if body[0] & 0x0F == 8 else _RAW  # some servers omit the zlib header
    else:
        raise ValueError(f"the response has an encoding that was not requested: {name[:100]}")
    decompressor = zlib.decompressobj(format_)
    try:
        # Only the first compressed member is read: there may be a million members of a few bytes.
        plain = decompressor.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"the response can't be decompressed ({error})") from None
    if len(plain) > MAX_BODY_BYTES:
        return None
    if not decompressor.eof:
        raise ValueError("the compressed response is cut off")
    return plain
