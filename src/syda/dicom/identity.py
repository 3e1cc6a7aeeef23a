"""Pseudonyms, which are keyed hashes of patient and series, and their private key.

HMAC-SHA256 (RFC 2104): without the key nobody can find a patient id by trying. Versions listed as
artificial use a published key, so that all clones have the same case ids.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

from syda.errors import UsageError

_KEY_BYTES = 32
_ID_DIGITS = 16  # 64 bits: a collision among a million cases has probability 3e-8


def _keyed(key: bytes, kind: str, text: str) -> str:
    digest = hmac.new(key, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()
    return kind[0] + digest[:_ID_DIGITS]


def patient_pseudonym(key: bytes, patient_id: str) -> str:
    """Return the pseudonym of a patient, e.g. ``p3f0c...``."""
    return _keyed(key, "patient", patient_id)


def case_id(key: bytes, patient_id: str, series_uid: str) -> str:
    """Return the id of one series of a patient, e.g. ``c91ab...``."""
    return _keyed(key, "case", f"{patient_id}\0{series_uid}")


def series_pseudonym(key: bytes, series_uid: str) -> str:
    """Return the pseudonym of a rejected series, e.g. ``s77aa...``."""
    return _keyed(key, "series", series_uid)


def scan_pseudonym(key: bytes, text: str) -> str:
    """Return the pseudonym of what several series of one scan share, e.g. ``g12ab...``."""
    return _keyed(key, "scan", text)


def archive_pseudonym(key: bytes, sha256: str) -> str:
    """Return the pseudonym of a rejected archive from its digest, e.g. ``a05b1...``."""
    return _keyed(key, "archive", sha256)


def new_key(path: Path) -> None:
    """Write a new random key that only the user can read.

    Raises:
        UsageError: a key exists. A new one would change every case id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise UsageError(
            f"{path.parent.name}/{path.name} exists: a new key would give every patient a new id. "
            "Move the file away first if you want that"
        ) from error
    path.write_text(secrets.token_hex(_KEY_BYTES) + "\n", encoding="ascii")


def read_key(path: Path) -> bytes:
    """Read the private key.

    Raises:
        UsageError: the key is missing, or was not written by :func:`new_key`.
    """
    if not path.is_file():
        raise UsageError(
            "this data version is not listed in data.artificial, so its case ids need the private "
            "key: run `syda key new`, or copy your key to .syda/key"
        )
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise UsageError(".syda/key is not a key of `syda key new`: restore your copy") from error
    if len(key) != _KEY_BYTES:
        raise UsageError(f".syda/key holds {len(key)} bytes, expected {_KEY_BYTES}: restore it")
    return key
