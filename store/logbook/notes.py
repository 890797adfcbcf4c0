"""Signed notes: a text, and under it who vouches for it.

    note        text (ends in a line break) || line break || one or more signature lines
    signature   "— " || key name || " " || base64(key id (4) || Ed25519 signature (64)) || line break
    key id      SHA-256(key name || line break || 0x01 || public half (32)), the first 4 bytes
    vkey        key name || "+" || key id in hexadecimal || "+" || base64(0x01 || public half)

A note is believed when a key that is known beforehand signed its text. Other signatures on it
are passed over, as the specification wants: a witness may add one.

Source: c2sp.org/signed-note@v1.0.0. The private half's line is that of golang.org/x/mod/sumdb/note.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policy.clock import Randomness
from policy.errors import IntegrityError

PUBLIC_BYTES: Final = 32
PRIVATE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
LARGEST_BYTES: Final = 16 * 1024 * 1024

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "— "
_PRIVATE_PREFIX: Final = "PRIVATE+KEY+"


class NoteMalformed(IntegrityError):
    """This is no signed note."""


class NoteUnsigned(IntegrityError):
    """A note bears no signature of the key that was asked for."""


class SignatureWrong(IntegrityError):
    """A note bears that key's name, and its text is not what the key signed."""


class KeyUnusable(IntegrityError):
    """This is no key of a signed note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """The public half: what somebody else needs to believe a note.

    Attributes:
        name: No space, no plus sign; for a log its origin.
        public: 32 bytes.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(not letter.isprintable() for letter in self.name):
            raise KeyUnusable(f"key name: must hold letters, got {self.name[:60]!r}")
        if any(letter.isspace() for letter in self.name) or len(self.public) != PUBLIC_BYTES:
            raise KeyUnusable(
                f"key {self.name[:60]!r}: must be a name without space and {PUBLIC_BYTES} bytes"
            )

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart; no proof of anything."""
        named = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The vkey: one line, to be handed to whoever is to verify."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode('ascii')}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Return the key that a vkey line says.

        Raises:
            KeyUnusable: If it is none, or its id does not fit.
        """
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise KeyUnusable(f'vkey: must be NAME+ID+KEY, got "{text.strip()[:80]}"')
        name, key_id, data = parts[0], parts[1], _decoded(parts[2])
        if data is None or data[:1] != _ED25519:
            raise KeyUnusable(f'vkey of "{name[:60]}": must hold an Ed25519 key in base64')
        key = cls(name=name, public=data[1:])
        if key.key_id.hex() != key_id:
            raise KeyUnusable(
                f'vkey of "{name[:60]}": its id must be {key.key_id.hex()}, got "{key_id[:20]}"'
            )
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The private half.

    Attributes:
        name: As in the public half.
        seed: 32 bytes; left out of `repr`.
    """

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def make(cls, name: str, randomness: Randomness) -> Signer:
        """Return a new key."""
        return cls(name=name, seed=randomness.token(PRIVATE_BYTES))

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Return the key that `private_text` wrote.

        Raises:
            KeyUnusable: If it is none, or its id does not fit.
        """
        parts = text.strip().removeprefix(_PRIVATE_PREFIX).split("+", 2)
        data = _decoded(parts[-1])
        if not text.startswith(_PRIVATE_PREFIX) or len(parts) != 3 or data is None:
            raise KeyUnusable("signing key: must be one line PRIVATE+KEY+NAME+ID+KEY")
        if data[:1] != _ED25519 or len(data) != 1 + PRIVATE_BYTES:
            raise KeyUnusable("signing key: must hold an Ed25519 key")
        signer = cls(name=parts[0], seed=data[1:])
        if signer.key.key_id.hex() != parts[1]:
            raise KeyUnusable("signing key: its id does not fit its bytes")
        return signer

    @property
    def key(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(name=self.name, public=self._private().public_key().public_bytes_raw())

    @property
    def private_text(self) -> str:
        """The private half as one line, secret."""
        data = b64encode(_ED25519 + self.seed).decode("ascii")
        return f"{_PRIVATE_PREFIX}{self.name}+{self.key.key_id.hex()}+{data}"

    def sign(self, text: str) -> str:
        """Return the note of this text.

        Args:
            text: Ends in a line break; no other control characters.

        Raises:
            NoteMalformed: If it cannot be the text of a note.
        """
        _must_be_text(text)
        signature = self.key.key_id + self._private().sign(text.encode())
        return f"{text}\n{_DASH}{self.name} {b64encode(signature).decode('ascii')}\n"

    def cosign(self, note: str) -> str:
        """Return a note with this key's signature under it as well.

        Raises:
            NoteMalformed: If it is no note.
        """
        return note + self.sign(text_of(note)).rpartition("\n\n")[2]

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def open_note(note: str, key: VerifierKey) -> str:
    """Return the text of a note that this key signed.

    Raises:
        NoteMalformed: If it is no note.
        NoteUnsigned: If this key did not sign it.
        SignatureWrong: If a signature that bears this key's name and id does not hold.
    """
    text, lines = _split(note)
    signed = False
    for line in lines:
        name, signature = _signature(line)
        if name != key.name or signature[:_KEY_ID_BYTES] != key.key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[_KEY_ID_BYTES:], text.encode())
        except (InvalidSignature, ValueError) as error:
            raise SignatureWrong(f"note: is not what {key.name} signed") from error
        signed = True
    if not signed:
        raise NoteUnsigned(f"note: bears no signature of {key.text}")
    return text


def text_of(note: str) -> str:
    """Return the text of a note, whoever signed it; nothing in it is to be believed.

    Raises:
        NoteMalformed: If it is no note.
    """
    return _split(note)[0]


def digest_of(note: str) -> str:
    """Return the SHA-256 by which the ledger knows a note that was given out."""
    return hashlib.sha256(note.encode()).hexdigest()


def _split(note: str) -> tuple[str, list[str]]:
    """Part text and signature lines at the last empty line."""
    text, found, signatures = note.rpartition("\n\n")
    if not found or not signatures.endswith("\n"):
        raise NoteMalformed("note: must be a text, an empty line and signature lines")
    text += "\n"
    _must_be_text(text)
    return text, signatures[:-1].split("\n")


def _signature(line: str) -> tuple[str, bytes]:
    words = line.removeprefix(_DASH).split(" ")
    data = _decoded(words[-1])
    if not line.startswith(_DASH) or len(words) != 2 or not words[0] or data is None:
        raise NoteMalformed(f'note: must end in signature lines, got "{line[:60]}"')
    return words[0], data


def _must_be_text(text: str) -> None:
    if not text.endswith("\n") or len(text) > LARGEST_BYTES:
        raise NoteMalformed("note: its text must end in a line break")
    if any(letter < " " and letter != "\n" for letter in text):
        raise NoteMalformed("note: its text must hold no control characters")


def _decoded(text: str) -> bytes | None:
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    # One spelling for one signature: bits that base64 leaves unused must be zero.
    return data if b64encode(data).decode("ascii") == text else None
