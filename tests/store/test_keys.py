"""Reading keys, envelopes, slots, and what a caller number may show."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.clock import SystemRandomness
from policy.errors import WrongPassphrase
from store import keys
from store.keys import (
    ENVELOPE_OVERHEAD_BYTES,
    PRIVATE_BYTES,
    PUBLIC_BYTES,
    EnvelopeRefused,
    KeyId,
    PassphraseTooWeak,
    PrivateHalf,
    PrivateHalfUnusable,
    PublicHalf,
    PublicHalfUnusable,
    Slot,
    SlotDamaged,
)

pytestmark = pytest.mark.exhaustive

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "vectors" / "keys.json").read_text())
PRIVATE = PrivateHalf(data=bytes.fromhex(VECTORS["private"]))
ANOTHER = PrivateHalf(data=bytes(PRIVATE_BYTES))
INFO = bytes.fromhex(VECTORS["envelope"]["info"])
PASSPHRASE = "café stoel regen lantaarn"
TAG_KEY = bytes(range(32))


def known_slot() -> Slot:
    stored = VECTORS["slot"]
    return Slot(
        person=stored["person"],
        key_id=KeyId(stored["key_id"]),
        salt=bytes.fromhex(stored["salt"]),
        n=stored["n"],
        r=stored["r"],
        p=stored["p"],
        wrapped=bytes.fromhex(stored["wrapped"]),
    )


@pytest.fixture(scope="module")
def slot() -> Slot:
    """A slot made once, for scrypt takes about a second each time."""
    return keys.make_slot(PRIVATE, person="a.jansen", passphrase=PASSPHRASE, randomness=SystemRandomness())


# --- key halves and envelopes ------------------------------------------------------------


def test_the_self_test_passes() -> None:
    keys.self_test()


def test_the_known_private_half_has_the_known_public_half() -> None:
    assert PRIVATE.public.key_id == VECTORS["key_id"]
    assert PRIVATE.public.key_id == hashlib.sha256(PRIVATE.public.data).hexdigest()
    assert PRIVATE.public.fingerprint == VECTORS["fingerprint"]
    assert PRIVATE.public.fingerprint.replace(" ", "") == PRIVATE.public.key_id


def test_the_known_envelope_opens_to_the_known_secret() -> None:
    stored = VECTORS["envelope"]
    assert keys.open_with(PRIVATE, bytes.fromhex(stored["sealed"]), INFO).hex() == stored["secret"]


def test_the_known_envelope_follows_the_published_key_schedule() -> None:
    stored = VECTORS["envelope"]
    sealed, info = bytes.fromhex(stored["sealed"]), bytes.fromhex(stored["info"])
    assert second_opinion(PRIVATE.data, sealed, info).hex() == stored["secret"]


def test_a_new_key_is_whole_and_its_own() -> None:
    made = keys.make_private_half(SystemRandomness())
    assert len(made.data) == PRIVATE_BYTES
    assert len(made.public.data) == PUBLIC_BYTES
    assert made.public != keys.make_private_half(SystemRandomness()).public
    assert PublicHalf(data=made.public.data) == made.public


@given(secret=st.binary(max_size=3000))
@settings(deadline=None, max_examples=30)
def test_whatever_is_sealed_opens_to_the_same_bytes(secret: bytes) -> None:
    sealed = keys.seal_to(PRIVATE.public, secret, INFO)
    assert len(sealed) == len(secret) + ENVELOPE_OVERHEAD_BYTES
    assert keys.open_with(PRIVATE, sealed, INFO) == secret


def test_an_envelope_for_another_key_or_purpose_does_not_open() -> None:
    sealed = keys.seal_to(PRIVATE.public, b"secret", INFO)
    with pytest.raises(EnvelopeRefused):
        keys.open_with(ANOTHER, sealed, INFO)
    for info in (INFO[:-1], INFO + b"\x00", b""):
        with pytest.raises(EnvelopeRefused):
            keys.open_with(PRIVATE, sealed, info)


def test_a_changed_or_shortened_envelope_does_not_open() -> None:
    sealed = keys.seal_to(PRIVATE.public, bytes(32), INFO)
    for position in (*range(0, len(sealed), 37), 1088, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[position] ^= 1
        for damaged in (bytes(changed), sealed[:position]):
            with pytest.raises(EnvelopeRefused):
                keys.open_with(PRIVATE, damaged, INFO)


def test_grants_and_challenges_are_told_apart_by_key_person_and_number() -> None:
    one, other = PRIVATE.public, ANOTHER.public
    infos = {
        *(
            keys.grant_info(key.key_id, person, to)
            for key in (one, other)
            for person in ("anna", "piet")
            for to in (one, other)
        ),
        *(keys.challenge_info(number * 32, person) for number in "01" for person in ("anna", "piet")),
    }
    assert len(infos) == 12


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(PUBLIC_BYTES - 1),
        bytes(PUBLIC_BYTES + 1),
        b"\xff" * PUBLIC_BYTES,
        PRIVATE.public.data[:1184] + bytes(32),  # an X25519 point that gives the same secret to everybody
    ],
    ids=["nothing", "a byte short", "a byte long", "no ML-KEM key", "weak X25519 point"],
)
def test_bytes_that_cannot_be_sealed_to_are_no_public_half(data: bytes) -> None:
    with pytest.raises(PublicHalfUnusable):
        PublicHalf(data=data)


@pytest.mark.parametrize("length_bytes", [0, PRIVATE_BYTES - 1, PRIVATE_BYTES + 1])
def test_bytes_of_another_length_are_no_private_half(length_bytes: int) -> None:
    with pytest.raises(PrivateHalfUnusable):
        PrivateHalf(data=bytes(length_bytes))


def test_a_dump_of_a_private_half_does_not_show_it() -> None:
    assert repr(PRIVATE) == "PrivateHalf()"


# --- slots ------------------------------------------------------------------------------


def test_a_slot_opens_with_its_passphrase_however_the_accents_were_typed(slot: Slot) -> None:
    decomposed = unicodedata.normalize("NFD", PASSPHRASE)
    assert decomposed != PASSPHRASE
    assert keys.open_slot(slot, decomposed) == PRIVATE


def test_the_known_slot_opens_with_the_known_passphrase() -> None:
    assert keys.open_slot(known_slot(), VECTORS["slot"]["passphrase"]) == PRIVATE


def test_a_wrong_passphrase_is_told_as_such(slot: Slot) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        keys.open_slot(slot, PASSPHRASE.upper())
    assert caught.value.exit_code == 12
    assert caught.value.hint
    assert PASSPHRASE.upper() not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"person": "b.devries"}, {"key_id": KeyId("0" * 64)}], ids=["person", "key"]
)
def test_a_slot_in_another_row_does_not_open(slot: Slot, changes: dict[str, Any]) -> None:
    with pytest.raises(WrongPassphrase):
        keys.open_slot(dataclasses.replace(slot, **changes), PASSPHRASE)


def test_two_slots_under_one_passphrase_share_nothing(slot: Slot) -> None:
    again = keys.make_slot(PRIVATE, person=slot.person, passphrase=PASSPHRASE, randomness=SystemRandomness())
    assert (again.person, again.key_id) == (slot.person, slot.key_id)
    assert again.salt != slot.salt
    assert again.wrapped[:12] != slot.wrapped[:12]


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 2**40},
        {"n": 2**20},
        {"n": 2**16},
        {"n": 2**17 + 1},
        {"n": 0},
        {"n": -(2**17)},
        {"r": 2**20},
        {"r": 1},
        {"p": 0},
        {"p": 5},
        {"salt": b""},
        {"salt": bytes(2**20)},
        {"wrapped": bytes(123)},
        {"wrapped": bytes(2**20)},
        {"key_id": "x" * 2**20},
        {"key_id": "0" * 63 + "\n"},
    ],
    ids=lambda changes: " ".join(f"{name} {str(value)[:12]!r}" for name, value in changes.items()),
)
def test_a_slot_outside_the_bounds_cannot_be_built(changes: dict[str, Any]) -> None:
    with pytest.raises(SlotDamaged) as caught:
        dataclasses.replace(known_slot(), **changes)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "passphrase", ["", "elf letters", "aaaaaaaaaaaaaaaa", "abababababababab", "e\u0301" * 11]
)
def test_a_passphrase_that_could_be_guessed_is_refused(passphrase: str) -> None:
    with pytest.raises(PassphraseTooWeak) as caught:
        keys.make_slot(PRIVATE, person="a.jansen", passphrase=passphrase, randomness=SystemRandomness())
    assert caught.value.hint
    assert not passphrase or passphrase not in str(caught.value)


@pytest.mark.parametrize("passphrase", ["twaalf tekens", "\udc80\udc81\ud800 bytes that are no UTF-8"])
def test_a_passphrase_of_twelve_characters_is_taken(passphrase: str) -> None:
    keys.check_passphrase(passphrase)


# --- caller numbers ---------------------------------------------------------------------


def test_the_tag_is_plain_hmac_so_that_it_can_be_computed_elsewhere() -> None:
    number = "+31612345678"
    assert keys.number_tag(TAG_KEY, number) == hmac.digest(TAG_KEY, number.encode(), "sha256")
    assert keys.number_tag(TAG_KEY, number).hex() == VECTORS["number_tag"][number]
    assert keys.number_tag(TAG_KEY, number) != keys.number_tag(bytes(32), number)
    with pytest.raises(ValueError, match="tag key"):
        keys.number_tag(b"", number)


@given(number=st.text(st.characters(), max_size=400))
def test_any_text_at_all_has_a_tag(number: str) -> None:
    assert len(keys.number_tag(TAG_KEY, number)) == 32


@pytest.mark.parametrize(
    "number, shown",
    [
        ("+31612345678", "********78"),
        ("0612345678", "********78"),
        ("+31 6 12-34 56 (78)", "********78"),
        ("0402389111", "********11"),
        ("14040", "********"),
        ("112", "********"),
        ("", "anonymous"),
        ("   ", "anonymous"),
        ("Anonymous", "anonymous"),
        ("restricted", "anonymous"),
        ("${SHELL(rm -rf /)}", "********"),
        ('"; DROP TABLE calls; --', "********"),
        ("+31612345678\n", "********"),
        ("1" * 300, "********"),
        ("١٢٣٤٥٦٧٨٩", "********"),
        ("\udcff+31612345678", "********"),
    ],
)
def test_a_masked_number_keeps_two_digits_at_most(number: str, shown: str) -> None:
    assert keys.mask_number(number) == shown


@given(number=st.text(st.characters(), max_size=400) | st.from_regex(r"\+?[0-9]{0,20}"))
def test_a_masked_number_never_echoes_anything_else(number: str) -> None:
    shown = keys.mask_number(number)
    digits = "".join(character for character in number if character in "0123456789")
    assert shown in {keys.ANONYMOUS, keys.MASKED, keys.MASKED + digits[-2:]}


# --- the key schedule of RFC 9180, written once more from the RFC -------------------------


def second_opinion(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """Open an envelope without the library's HPKE: KEM 0x647a, HKDF-SHA512, AES-256-GCM, mode base."""
    ciphertext, ephemeral, body = sealed[:1088], sealed[1088:1120], sealed[1120:]
    x25519 = X25519PrivateKey.from_private_bytes(private[64:])
    shared = hashlib.sha3_256(
        MLKEM768PrivateKey.from_seed_bytes(private[:64]).decapsulate(ciphertext)
        + x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        + ephemeral
        + x25519.public_key().public_bytes_raw()
        + rb"\.//^"
        + b"\\"
    ).digest()
    suite = b"HPKE" + bytes.fromhex("647a00030002")

    def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + material, "sha512")

    def expand(secret: bytes, label: bytes, context: bytes, length_bytes: int) -> bytes:
        asked = length_bytes.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(secret, asked + b"\x01", "sha512")[:length_bytes]

    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    nonce = expand(secret, b"base_nonce", context, 12)
    return AESGCM(expand(secret, b"key", context, 32)).decrypt(nonce, body, None)


def test_the_envelope_of_the_self_test_follows_the_published_key_schedule() -> None:
    known = bytes(number % 251 for number in range(ENVELOPE_OVERHEAD_BYTES - 16))
    sealed = known + bytes.fromhex(keys._SELF_TEST_TAG)
    assert second_opinion(bytes(range(PRIVATE_BYTES)), sealed, b"consentline self-test") == b""
