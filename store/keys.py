"""Key pairs of roles and of people, what is sealed to them, slots, and caller numbers.

    public half     ML-KEM-768 (1184) || X25519 (32)                  on the PBX, no secret
    private half    ML-KEM-768 seed (64) || X25519 scalar (32)        a person's in their slot,
                                                                      a role's in grants
    envelope        HPKE: ML-KEM ciphertext (1088) || X25519 (32) || AES-256-GCM(secret) + tag 16
    slot            nonce (12) || AES-256-GCM(private half) (96) + tag 16, under scrypt(passphrase)
    grant           envelope to a person's public half that holds a role's private half

Why it is safe: the machine that records holds public halves only, so stealing it opens
nothing already sealed. An envelope opens if either X25519 or ML-KEM-768 holds. Its `info`
names what it is for (`store/keyring/shares.py` for recordings, here for grants and challenges), so
one moved to another row does not open. A slot's associated data names the person and the
key, so a slot moved to another person's row does not open either.

Source: RFC 9180 (HPKE), draft-ietf-hpke-pq (KEM 0x647a), RFC 7914 (scrypt), RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final, NewType

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from policy.clock import Randomness
from policy.errors import AccessRefused, IntegrityError, WrongPassphrase
from store.files.container import SelfTestFailed

PUBLIC_BYTES: Final = 1184 + 32
PRIVATE_BYTES: Final = 64 + 32
ENVELOPE_OVERHEAD_BYTES: Final = 1088 + 32 + 16
TAG_KEY_BYTES: Final = 32

SCRYPT_N: Final = 2**17
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
LARGEST_N: Final = 2**19
LARGEST_P: Final = 4
"""128 * n * r bytes is what opening a slot takes: 128 MiB as made, 512 MiB at the bound."""

PASSPHRASE_CHARACTERS: Final = 12
DIFFERENT_CHARACTERS: Final = 5

ANONYMOUS: Final = "anonymous"
MASKED: Final = "********"

_MLKEM_PUBLIC_BYTES: Final = 1184
_MLKEM_SEED_BYTES: Final = 64
_SALT_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_WRAPPED_BYTES: Final = _NONCE_BYTES + PRIVATE_BYTES + 16
_SLOT_LABEL: Final = b"consentline/v1/slot\x00"
_WITHHELD: Final = frozenset({"", "anonymous", "private", "restricted", "unavailable", "unknown", "withheld"})
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"\+?[0-9]{7,15}")
_SEPARATORS: Final = str.maketrans("", "", " -./()")
_SELF_TEST_TAG: Final = "6d8f25d7ee18564294bb0dbfea261940"

KeyId = NewType("KeyId", str)
"""SHA-256 of a public half: 64 lower-case hexadecimal digits."""


class EnvelopeRefused(IntegrityError):
    """An envelope is damaged, or for another key or purpose; HPKE cannot tell which."""


class PublicHalfUnusable(IntegrityError):
    """These bytes are no public half of a key."""


class PrivateHalfUnusable(IntegrityError):
    """These bytes are no private half of a key."""


class SlotDamaged(IntegrityError):
    """A slot's fields are not any that this program writes; nothing was derived from them."""


class PassphraseTooWeak(AccessRefused):
    """A new passphrase could be guessed by whoever copies the slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicHalf:
    """A key's public half, known to be one that can be sealed to.

    Attributes:
        data: 1216 bytes, see the drawing above.
    """

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != PUBLIC_BYTES:
            raise PublicHalfUnusable(f"public half: must be {PUBLIC_BYTES} bytes, got {len(self.data)}")
        try:
            # Tried once here, so that a bad key is found at `init`, not when the first call ends.
            _suite().encrypt(b"", self._key(), info=b"")
        except ValueError as error:
            raise PublicHalfUnusable("public half: is no ML-KEM-768 key followed by an X25519 key") from error

    @property
    def key_id(self) -> KeyId:
        """SHA-256 of the bytes, as `sha256sum` prints it for the file that holds them."""
        return KeyId(hashlib.sha256(self.data).hexdigest())

    @property
    def fingerprint(self) -> str:
        """The key id in sixteen groups of four, to be read aloud and compared out of band."""
        return " ".join(re.findall("....", self.key_id))

    def _key(self) -> hpke.MLKEM768X25519PublicKey:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.data[:_MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(self.data[_MLKEM_PUBLIC_BYTES:]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateHalf:
    """A key's private half. It lives in the process of the person who holds it, never in the daemon.

    Attributes:
        data: 96 bytes, see the drawing above; left out of `repr`.
    """

    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.data) != PRIVATE_BYTES:
            raise PrivateHalfUnusable(f"private half: must be {PRIVATE_BYTES} bytes, got {len(self.data)}")

    @property
    def public(self) -> PublicHalf:
        """The half that the PBX may hold."""
        mlkem, x25519 = self._parts()
        return PublicHalf(data=mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def _key(self) -> hpke.MLKEM768X25519PrivateKey:
        return hpke.MLKEM768X25519PrivateKey(*self._parts())

    def _parts(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        return (
            MLKEM768PrivateKey.from_seed_bytes(self.data[:_MLKEM_SEED_BYTES]),
            X25519PrivateKey.from_private_bytes(self.data[_MLKEM_SEED_BYTES:]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A person's own private half, under their passphrase.

    A slot with fields outside the bounds cannot be built, so a changed database row cannot
    make `open_slot` take gigabytes.

    Attributes:
        person: Whose it is; authenticated.
        key_id: The key inside; authenticated.
        salt: 32 bytes.
        n: scrypt cost, a power of two from 2**17 to 2**19.
        r: scrypt block size, always 8.
        p: scrypt parallelism, 1 to 4.
        wrapped: 124 bytes, see the drawing above.
    """

    person: str
    key_id: KeyId
    salt: bytes
    n: int
    r: int
    p: int
    wrapped: bytes

    def __post_init__(self) -> None:
        where = f"slot of {self.person[:60]!r}"
        if self.n.bit_count() != 1 or not SCRYPT_N <= self.n <= LARGEST_N:
            raise SlotDamaged(f"{where}: n must be a power of two from 2**17 to 2**19, got {self.n}")
        if self.r != SCRYPT_R:
            raise SlotDamaged(f"{where}: r must be {SCRYPT_R}, got {self.r}")
        if not SCRYPT_P <= self.p <= LARGEST_P:
            raise SlotDamaged(f"{where}: p must be {SCRYPT_P} to {LARGEST_P}, got {self.p}")
        if not _KEY_ID.fullmatch(self.key_id):
            raise SlotDamaged(f"{where}: key id must be 64 hexadecimal digits, got {self.key_id[:80]!r}")
        if len(self.salt) != _SALT_BYTES:
            raise SlotDamaged(f"{where}: salt must be {_SALT_BYTES} bytes, got {len(self.salt)}")
        if len(self.wrapped) != _WRAPPED_BYTES:
            raise SlotDamaged(f"{where}: wrapped must be {_WRAPPED_BYTES} bytes, got {len(self.wrapped)}")


def make_private_half(randomness: Randomness) -> PrivateHalf:
    """Return a new key; its public half is `.public`."""
    return PrivateHalf(data=randomness.token(PRIVATE_BYTES))


def grant_info(key_id: KeyId, person: str, to: PublicHalf) -> bytes:
    """Return the `info` of a grant: which reading key, to whom, under which key of theirs.

    Args:
        key_id: The reading key whose private half is granted.
        person: Who gets it.
        to: That person's public half.
    """
    # Key ids are 64 digits, so no two grants give the same bytes.
    return f"consentline/v1/grant\x00{key_id}{to.key_id}".encode() + encode(person)


def challenge_info(challenge_id: str, person: str) -> bytes:
    """Return the `info` of a challenge by which somebody proves their passphrase.

    Args:
        challenge_id: 32 hexadecimal digits.
        person: Whom it asks.
    """
    return f"consentline/v1/challenge\x00{challenge_id}\x00".encode() + encode(person)


def seal_to(public: PublicHalf, secret: bytes, info: bytes) -> bytes:
    """Return an envelope, 1136 bytes longer than `secret`, that only the private half opens.

    HPKE makes its own ephemeral keys: the randomness is OpenSSL's and cannot be passed in.

    Args:
        public: Of a role or a person.
        secret: What only its holder may learn.
        info: What it is for; opens with the very same bytes only.
    """
    return _suite().encrypt(secret, public._key(), info=info)


def open_with(private: PrivateHalf, sealed: bytes, info: bytes) -> bytes:
    """Return the secret in an envelope.

    Args:
        private: Of a role or a person.
        sealed: What `seal_to` returned.
        info: The same bytes as at sealing.

    Raises:
        EnvelopeRefused: If it is damaged, or for another key or purpose.
    """
    try:
        return _suite().decrypt(sealed, private._key(), info=info)
    except (InvalidTag, ValueError) as error:
        raise EnvelopeRefused("envelope: does not open with this key for this purpose") from error


def check_passphrase(passphrase: str) -> None:
    """Refuse a new passphrase that could be guessed by whoever copies the slot.

    Raises:
        PassphraseTooWeak: If it has under 12 characters or under 5 different ones.
    """
    text = unicodedata.normalize("NFC", passphrase)
    if len(text) < PASSPHRASE_CHARACTERS or len(set(text)) < DIFFERENT_CHARACTERS:
        raise PassphraseTooWeak(
            f"passphrase: must have at least {PASSPHRASE_CHARACTERS} characters, {DIFFERENT_CHARACTERS} of "
            f"them different, got {len(text)} with {len(set(text))} different",
            hint="Four or five unrelated words are easy to remember and hard to guess.",
        )


def make_slot(private: PrivateHalf, *, person: str, passphrase: str, randomness: Randomness) -> Slot:
    """Return the private half under a person's passphrase; takes about a second and 128 MiB.

    Args:
        private: The person's own key.
        person: Whose it is.
        passphrase: As typed; composed and decomposed accents count as the same.
        randomness: For salt and nonce.

    Raises:
        PassphraseTooWeak: See `check_passphrase`.
    """
    check_passphrase(passphrase)
    key_id = private.public.key_id
    salt, nonce = randomness.token(_SALT_BYTES), randomness.token(_NONCE_BYTES)
    cipher = _slot_cipher(passphrase, salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    wrapped = nonce + cipher.encrypt(nonce, private.data, _slot_aad(person, key_id))
    return Slot(person=person, key_id=key_id, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, wrapped=wrapped)


def open_slot(slot: Slot, passphrase: str) -> PrivateHalf:
    """Return the private half in a slot; takes about a second and 128 MiB.

    Raises:
        WrongPassphrase: If it is not this slot's, or if the slot was changed: AES-GCM cannot
            tell, and an outsider need not learn.
    """
    cipher = _slot_cipher(passphrase, slot.salt, n=slot.n, r=slot.r, p=slot.p)
    nonce, sealed = slot.wrapped[:_NONCE_BYTES], slot.wrapped[_NONCE_BYTES:]
    try:
        data = cipher.decrypt(nonce, sealed, _slot_aad(slot.person, slot.key_id))
    except InvalidTag as error:
        raise WrongPassphrase(
            f"slot of {slot.person[:60]!r}: the passphrase does not open it",
            hint="check the keyboard layout and Caps Lock; nobody can recover a forgotten passphrase.",
        ) from error
    return PrivateHalf(data=data)


def number_tag(tag_key: bytes, number: str) -> bytes:
    """Return 32 bytes by which a caller number can be found again without being stored.

    Whoever holds the tag key can try all numbers: the tag hides a number from a copied
    database, not from a stolen machine.

    Args:
        tag_key: 32 random bytes, one per installation, used for nothing else.
        number: After `policy.numbers.normalise`, or different spellings give different tags.

    Raises:
        ValueError: If the key has the wrong length, which is a bug in the caller.
    """
    if len(tag_key) != TAG_KEY_BYTES:
        raise ValueError(f"tag key must be {TAG_KEY_BYTES} bytes, got {len(tag_key)}")
    return hmac.digest(tag_key, encode(number), "sha256")


def mask_number(number: str) -> str:
    """Return what a person may see of a caller number: `********78`, never more than two digits.

    The stars are always eight, so the length tells nothing. Numbers under 7 digits (extensions,
    short codes) and everything that is no telephone number show no digit at all; an empty or
    withheld one is `anonymous`.
    """
    if number.strip().lower() in _WITHHELD:
        return ANONYMOUS
    bare = number.translate(_SEPARATORS)
    return MASKED + bare[-2:] if _NUMBER.fullmatch(bare) else MASKED


def self_test() -> None:
    """Open a known envelope with a known key, and one that was just sealed; under 5 ms.

    The known envelope holds nothing. Its ML-KEM ciphertext is a pattern, which decapsulates
    to a known secret by implicit rejection (FIPS 203); its tag depends on that secret, on
    X25519, on the combiner and on the key schedule, so another version of any of them shows.

    Raises:
        SelfTestFailed: If it comes out otherwise; nothing may be sealed then.
    """
    private = PrivateHalf(data=bytes(range(PRIVATE_BYTES)))
    known = bytes(number % 251 for number in range(ENVELOPE_OVERHEAD_BYTES - 16))
    info = b"consentline self-test"
    try:
        emptied = open_with(private, known + bytes.fromhex(_SELF_TEST_TAG), info)
        opened = open_with(private, seal_to(private.public, b"secret", info), info)
    except UnsupportedAlgorithm as error:
        raise SelfTestFailed(
            "envelope: this build of cryptography has no ML-KEM-768",
            hint="Install cryptography from its own wheel; a distribution's OpenSSL may be too old.",
        ) from error
    except IntegrityError as error:
        raise SelfTestFailed("envelope: the known key does not open the known envelope") from error
    if emptied != b"" or opened != b"secret":
        raise SelfTestFailed("envelope: does not open to what was sealed")


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA512, hpke.AEAD.AES_256_GCM)


def _slot_cipher(passphrase: str, salt: bytes, *, n: int, r: int, p: int) -> AESGCM:
    text = unicodedata.normalize("NFC", passphrase)
    return AESGCM(Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(encode(text)))


def _slot_aad(person: str, key_id: KeyId) -> bytes:
    # A key id is 64 digits, so no two pairs give the same bytes.
    return _SLOT_LABEL + key_id.encode() + b"\x00" + encode(person)


def encode(text: str) -> bytes:
    """Encode any str at all: a terminal or a trunk may deliver bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")
