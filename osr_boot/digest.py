"""The digest that tells one cluster.conf from another: BLAKE2b of 32 bytes.

Not hashlib: it takes SHA-256 from OpenSSL where a distribution builds Python so (RHEL), 4.7 MB that no image of ours
carries, and BLAKE2 is in every Python.
"""

from __future__ import annotations

from _blake2 import blake2b


def digest(data: bytes) -> str:
    """Return the digest in hexadecimal."""
    text: str = blake2b(data, digest_size=32).hexdigest()
    return text
