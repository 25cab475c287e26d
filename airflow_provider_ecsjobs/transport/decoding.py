"""Unpacks the bodies of answers, with a limit: a few kilobytes may be packed so that they unpack to gigabytes."""

from __future__ import annotations

import zlib

from airflow_provider_ecsjobs.core.steps import MAX_BODY_BYTES

ACCEPTED_ENCODINGS = "gzip, deflate"
"""What is asked for: all that is understood here, whatever else the HTTP client could unpack."""
_GZIP, _ZLIB, _RAW = 31, 15, -15


def unpacked(body: bytes, encoding: str) -> bytes | None:
    """Undo the compression of a body. What the HTTP clients do themselves is, in older releases, without a limit.

    :param body: the body as received.
    :param encoding: its ``Content-Encoding``, in any case of letters; empty for none.
    :return: the body; ``None`` if it is larger than :data:`MAX_BODY_BYTES`.
    :raises ValueError: it is cut off or damaged, or packed in a way that was not asked for.
    """
    name = encoding.strip().lower()
    if not body or name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip"):
        format_ = _GZIP
    elif name == "deflate":
        format_ = _ZLIB if body[0] & 0x0F == 8 else _RAW  # some servers leave out the frame that belongs to it
    else:
        raise ValueError(f"the answer is packed in a way that was not asked for: {name[:100]}")
    unpacking = zlib.decompressobj(format_)
    try:
        # What follows a first packet is left out: there may be a million packets of a few bytes.
        plain = unpacking.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"the answer can't be unpacked ({error})") from None
    if len(plain) > MAX_BODY_BYTES:
        return None
    if not unpacking.eof:
        raise ValueError("the answer is packed, and cut off")
    return plain
