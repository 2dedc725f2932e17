"""Encrypted key files: one Ed25519 seed under a passphrase, as JSON that names how it was sealed.

The passphrase becomes a key by Argon2id; XSalsa20-Poly1305 (``SecretBox``) seals the seed. What the file says in clear
(format, label, public key, cost, salt) is bound: the sealed text repeats a hash of it, so that nobody can relabel a
file. Pure: salt and nonce are given by the caller. Specification: docs/spec/keyfile.md.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Annotated

import msgspec
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox

from tallystick import keys
from tallystick.errors import ConfigError

FORMAT = "tallystick-key"
FORMAT_VERSION = 1
FILE_SIZE_MAX = 4_096  # bytes; a key file is below 600
PASSPHRASE_SIZE_MAX = 1_024  # bytes of UTF-8
LABEL_MAX = 128  # characters
SALT_SIZE = argon2id.SALTBYTES  # 16 bytes
NONCE_SIZE = SecretBox.NONCE_SIZE  # 24 bytes
OPERATIONS = argon2id.OPSLIMIT_MODERATE  # 3 passes
MEMORY_BYTES = argon2id.MEMLIMIT_MODERATE  # 256 MiB: about half a second on a laptop
OPERATIONS_MAX = 16  # a hostile file must not hold the reader for minutes
MEMORY_BYTES_MAX = 1 << 30

_Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key file's JSON.

    Attributes:
        label: what the owner calls the key, for instance ``root`` or ``checker``; not secret.
        public_key, salt, nonce, sealed: lower-case hex.
        operations, memory_bytes: cost of Argon2id.
    """

    format: str
    version: int
    label: Annotated[str, msgspec.Meta(max_length=LABEL_MAX)]
    public_key: _Hex32
    kdf: str
    operations: Annotated[int, msgspec.Meta(ge=argon2id.OPSLIMIT_MIN, le=OPERATIONS_MAX)]
    memory_bytes: Annotated[int, msgspec.Meta(ge=argon2id.MEMLIMIT_MIN, le=MEMORY_BYTES_MAX)]
    salt: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    nonce: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{48}$")]
    sealed: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{160}$")]

    def clear_digest(self) -> bytes:
        """SHA-256 over everything that stands in clear; sealed together with the seed."""
        clear = [
            self.format,
            self.version,
            self.label,
            self.public_key,
            self.kdf,
            self.operations,
            self.memory_bytes,
            self.salt,
            self.nonce,
        ]
        return sha256(json.dumps(clear, ensure_ascii=True, separators=(",", ":")).encode()).digest()


def seal_keyfile(
    seed: bytes,
    passphrase: str,
    *,
    salt: bytes,
    nonce: bytes,
    label: str = "",
    operations: int = OPERATIONS,
    memory_bytes: int = MEMORY_BYTES,
) -> bytes:
    """The bytes of a key file.

    Args:
        seed: 32-byte private seed.
        passphrase: 1 to 1,024 bytes of UTF-8.
        salt: 16 fresh random bytes.
        nonce: 24 fresh random bytes.
        label: what the owner calls the key; stands in clear.
        operations, memory_bytes: cost of Argon2id; tests lower them.
    Raises:
        ConfigError: a passphrase or label that is empty or too long.
    """
    assert len(seed) == 32 and len(salt) == SALT_SIZE and len(nonce) == NONCE_SIZE
    if len(label) > LABEL_MAX:
        raise ConfigError(f"a key's label has at most {LABEL_MAX} characters")
    unsealed = KeyFile(
        format=FORMAT,
        version=FORMAT_VERSION,
        label=label,
        public_key=keys.public_key_of(seed).hex(),
        kdf="argon2id",
        operations=operations,
        memory_bytes=memory_bytes,
        salt=salt.hex(),
        nonce=nonce.hex(),
        sealed="",
    )
    box = _box(passphrase, salt, operations, memory_bytes)
    ciphertext = box.encrypt(seed + unsealed.clear_digest(), nonce).ciphertext
    file = msgspec.structs.replace(unsealed, sealed=ciphertext.hex())
    return json.dumps(msgspec.to_builtins(file), indent=2).encode() + b"\n"


def read_keyfile(data: bytes) -> KeyFile:
    """Read what a key file says in clear, without opening it.

    Raises:
        ConfigError: not a key file, of another version, or with costs out of bounds.
    """
    if len(data) > FILE_SIZE_MAX:
        raise ConfigError(f"not a key file: {len(data)} bytes, at most {FILE_SIZE_MAX}")
    try:
        file = msgspec.json.decode(data, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"not a Tallystick key file: {error}") from error
    if file.format != FORMAT or file.kdf != "argon2id":
        raise ConfigError("not a Tallystick key file")
    if file.version != FORMAT_VERSION:
        raise ConfigError(f"key file of version {file.version}; this software reads version {FORMAT_VERSION}")
    return file


def open_keyfile(data: bytes, passphrase: str) -> bytes:
    """The 32-byte private seed of a key file.

    Raises:
        ConfigError: not a key file, a wrong passphrase, or a file that was changed.
    """
    file = read_keyfile(data)
    box = _box(passphrase, bytes.fromhex(file.salt), file.operations, file.memory_bytes)
    try:
        opened = box.decrypt(bytes.fromhex(file.sealed), bytes.fromhex(file.nonce))
    except CryptoError as error:
        raise ConfigError("wrong passphrase, or the key file was changed") from error
    seed, digest = opened[:32], opened[32:]
    if digest != file.clear_digest() or keys.public_key_of(seed).hex() != file.public_key:
        raise ConfigError("the key file was changed: its clear text is not what was sealed with the key")
    return seed


def _box(passphrase: str, salt: bytes, operations: int, memory_bytes: int) -> SecretBox:
    secret = passphrase.encode("utf-8", "surrogatepass")
    if not 1 <= len(secret) <= PASSPHRASE_SIZE_MAX:
        raise ConfigError(f"a passphrase has 1 to {PASSPHRASE_SIZE_MAX} bytes")
    return SecretBox(argon2id.kdf(SecretBox.KEY_SIZE, secret, salt, opslimit=operations, memlimit=memory_bytes))
