"""Signed notes: the specification's own example, and what is no note."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.logbook import notes
from store.logbook.notes import KeyUnusable, NoteMalformed, NoteUnsigned, SignatureWrong, Signer, VerifierKey
from tests.store.scene import CountingRandomness

# Source: c2sp.org/signed-note, "Example".
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n"
    "\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsY"
    "jOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
SIGNER = Signer.make("example.com/log", CountingRandomness())
OTHER = Signer.make("example.com/log", CountingRandomness(1))


def test_the_example_of_the_specification_is_believed() -> None:
    key = VerifierKey.parse(VKEY)
    assert notes.open_note(NOTE, key) == "This is an example message.\n"
    assert key.text == VKEY


def test_a_note_of_rfc_8032_is_signed_as_there() -> None:
    # Source: RFC 8032, 7.1, test 2: this seed has this public half.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert Signer(name="a", seed=seed).key.public.hex() == public


@given(
    text=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=60).map(
        lambda t: t + "\n"
    )
)
def test_what_was_signed_is_what_is_read(text: str) -> None:
    assert notes.open_note(SIGNER.sign(text), SIGNER.key) == text


@given(at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_bit_of_a_note_can_be_changed(at: int, bit: int) -> None:
    data = bytearray(SIGNER.sign("first\n\nsecond\n").encode())
    data[at % len(data)] ^= 1 << bit
    with pytest.raises((NoteMalformed, NoteUnsigned, SignatureWrong, UnicodeDecodeError)):
        notes.open_note(data.decode(), SIGNER.key)


def test_a_text_may_hold_a_note_of_its_own() -> None:
    inner = OTHER.sign("inner\n")
    assert notes.open_note(SIGNER.sign(inner), SIGNER.key) == inner
    with pytest.raises(NoteUnsigned):
        notes.open_note(SIGNER.sign(inner), OTHER.key)


def test_other_signatures_are_passed_over_and_ours_must_hold() -> None:
    note = SIGNER.sign("text\n")
    witnessed = note + OTHER.sign("text\n").rsplit("\n\n", 1)[1]
    assert notes.open_note(witnessed, SIGNER.key) == notes.open_note(witnessed, OTHER.key) == "text\n"
    with pytest.raises(SignatureWrong):
        notes.open_note(witnessed.replace("text", "tekst"), SIGNER.key)


@pytest.mark.parametrize(
    "note", ["", "text", "text\n", "\n\n", "text\n\n", "a\x07b\n\n— n AAAA\n", "text\n\nn AAAA\n"]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NoteMalformed):
        notes.open_note(note, SIGNER.key)


@pytest.mark.parametrize("text", ["no end", "", "tab\tinside\n"])
def test_what_cannot_be_a_text_is_not_signed(text: str) -> None:
    with pytest.raises(NoteMalformed):
        SIGNER.sign(text)


@pytest.mark.parametrize(
    "text",
    ["", "a+b", "a+00000000+AAAA", VKEY.replace("530d", "530e"), VKEY.replace("foo", "fo o"), VKEY[:-4]],
)
def test_what_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(KeyUnusable):
        VerifierKey.parse(text)


def test_the_private_half_goes_to_its_line_and_back_and_is_never_shown() -> None:
    assert Signer.parse(SIGNER.private_text + "\n") == SIGNER
    assert SIGNER.seed.hex() not in repr(SIGNER)
    for line in ("", SIGNER.key.text, SIGNER.private_text[:-6], SIGNER.private_text.replace("log+", "log2+")):
        with pytest.raises(KeyUnusable):
            Signer.parse(line)
