"""AES-256 in CBC mode with PKCS#7 padding, as Feishu and WeCom use it."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

_AES_BLOCK = 16


def decrypt(key: bytes, iv: bytes, data: bytes, block: int) -> bytes:
    """Return what was encrypted, without its padding to `block` bytes; ValueError if it is not."""
    if not data or len(data) % _AES_BLOCK:
        raise ValueError("its length is no multiple of 16 bytes")
    decryptor = Cipher(AES256(key), CBC(iv)).decryptor()
    padded = decryptor.update(data) + decryptor.finalize()
    count = padded[-1]
    if not 1 <= count <= min(block, len(padded)) or not hmac.compare_digest(
        padded[-count:], bytes([count]) * count
    ):
        raise ValueError("its padding is wrong, as with another key")
    return padded[:-count]


def encrypt(key: bytes, iv: bytes, data: bytes, block: int) -> bytes:
    """Return data encrypted, padded to a multiple of `block` bytes."""
    count = block - len(data) % block
    encryptor = Cipher(AES256(key), CBC(iv)).encryptor()
    return encryptor.update(data + bytes([count]) * count) + encryptor.finalize()
