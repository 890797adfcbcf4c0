"""Receipts and declarations: what they say, and that nobody can make them say anything else."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from datetime import timedelta
from hashlib import sha256

import pytest

from policy.errors import ConsentlineError, DestructionIncomplete, IntegrityError, NotFound, StateConflict
from policy.retention import BackupMode
from policy.vocabulary import ErasedBecause, RecordingId, WithdrawnBy
from publish.receipt import BY, REASON
from publish.words import Language
from store.logbook import checkpoints, ledger
from store.logbook.checkpoints import Because
from store.logbook.ledger import Kind
from store.logbook.notes import NoteMalformed, NoteUnsigned, SignatureWrong, Signer
from store.proof import declarations, receipts
from store.retention import call_data, destruction, purge
from store.retention.destruction import Doom
from tests.store.scene import CountingRandomness, Scene, recording_named

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

SIGNER = Signer.make("consentline/0123456789abcdef", CountingRandomness(3))
OTHER = Signer.make("consentline/0123456789abcdef", CountingRandomness(4))


def erase(
    stage: Scene, number: int, because: ErasedBecause = ErasedBecause.REQUEST, by: WithdrawnBy | None = None
) -> RecordingId:
    destruction.destroy(stage.archive, Doom(recording_id=recording_named(number), because=because, by=by))
    return recording_named(number)


def give(stage: Scene, recording_id: RecordingId, language: Language = Language.NL) -> str:
    return receipts.give(stage.archive, SIGNER, recording_id, language)


def test_a_receipt_says_what_went_and_why_and_proves_it_with_the_vkey_alone(stage: Scene) -> None:
    stage.keep(1)
    stage.clock.advance(timedelta(minutes=5))
    receipt = give(stage, erase(stage, 1))
    for words in (
        "BEWIJS VAN VERNIETIGING VAN EEN OPNAME",
        "Organisatie: gemeente Eindhoven",
        f"Opname: {recording_named(1)}",
        "Vernietigd op: 2026-11-21 18:34:21 (Nederlandse tijd)",
        "Reden: de betrokkene vroeg erom",
        "Bewaarregel: eindhoven: retention.recording = 60d (E6)",
        "Het logboek noemt als gevonden en verwijderd: key, sealed file.",
        "niets gevonden",
        "niemand een kopie",
        SIGNER.key.text,
    ):
        assert words in receipt, words
    found = receipts.confirm(receipt, SIGNER.key)
    assert (found.recording_id, found.because, found.at) == (
        recording_named(1),
        "request",
        stage.clock.now(),
    )
    entry = ledger.show(stage.db, from_seq=found.entry, limit=1)[0]
    assert (entry.kind, entry.subject) == ("destroyed", recording_named(1))
    given = ledger.show(stage.db, subject=recording_named(1))[-1]
    told = {"language": "nl", "absence_checked": True, "sha256": sha256(receipt.encode()).hexdigest()}
    assert (given.kind, given.payload) == ("receipt_given", told)


def test_a_receipt_in_english_says_the_same(stage: Scene) -> None:
    stage.keep(1)
    receipt = give(stage, erase(stage, 1, ErasedBecause.WITHDRAWN, WithdrawnBy.CALLER_KEY), Language.EN)
    assert "RECEIPT: A RECORDING IS GONE" in receipt
    assert "Because: it was withdrawn (the caller, by a key)" in receipt
    assert receipts.confirm(receipt, SIGNER.key).because == "withdrawn"


def test_a_recording_that_was_never_sealed_never_had_a_key(stage: Scene) -> None:
    stage.capture(1)
    receipt = give(stage, erase(stage, 1, ErasedBecause.WITHDRAWN, WithdrawnBy.AGENT_KEY))
    assert "nooit in de kluis gekomen" in receipt
    assert "2 plaintext files" in receipt
    assert "Oude kopieën" not in receipt


def test_what_was_due_says_when_older_copies_go_blind(stage: Scene) -> None:
    stage.keep(1)
    stage.keep(2)
    stage.guard.check()
    for _ in range(60 * 24 * 2):
        stage.clock.advance(timedelta(minutes=30))
    purge.run(stage.archive, stage.guard)
    receipt = give(stage, recording_named(1))
    assert "Reden: de bewaartermijn was voorbij" in receipt
    assert "niet meer te openen vanaf 2027-01-21 01:00:00" in receipt


def test_a_receipt_is_proven_against_the_oldest_checkpoint_that_has_the_entry(stage: Scene) -> None:
    stage.keep(1)
    erase(stage, 1)
    signed = checkpoints.make(stage.db, SIGNER, because=Because.HOUR, at=stage.clock.now())
    checkpoints.make(stage.db, SIGNER, because=Because.HOUR, at=stage.clock.now())
    receipt = give(stage, recording_named(1))
    assert receipts.confirm(receipt, SIGNER.key).checkpoint.size == signed.size
    assert signed.note in receipt


def test_copies_that_were_handed_out_are_named_as_out_of_our_hands(stage: Scene) -> None:
    recording_id = stage.keep(1)
    digest = "ab" * 32
    entries: tuple[tuple[Kind, dict[str, ledger.Json]], ...] = (
        (Kind.ACCESS_RELEASED, {"person": "anna", "access": "a1", "action": "export"}),
        (
            Kind.CAPTURED,  # whatever kind lists copies
            {"person": "anna", "copies": [{"kind": "audio", "bytes": 3, "sha256": digest}]},
        ),
        (Kind.ACCESS_RELEASED, {"person": "bert", "purpose": "export"}),
        (Kind.ACCESS_RELEASED, {"person": "coach", "access": "a2", "action": "listen"}),
    )
    with stage.db.write() as tx:
        for kind, told in entries:
            ledger.append(tx, kind, stage.clock.now(), actor="login:anna", subject=recording_id, payload=told)
    receipt = give(stage, erase(stage, 1))
    assert "Een kopie (audio), op 2026-11-21 18:29:21 (Nederlandse tijd) gemaakt door anna (regel" in receipt
    assert f"SHA-256 {digest}. Die valt niet onder onze controle." in receipt
    assert receipt.count("Misschien een kopie") == 2
    assert "aan bert" in receipt
    assert "coach" not in receipt
    assert "niemand een kopie" not in receipt


def test_there_is_no_receipt_of_what_is_kept_or_unknown(stage: Scene) -> None:
    stage.keep(1)
    with pytest.raises(StateConflict, match="nothing to prove"):
        give(stage, recording_named(1))
    with pytest.raises(NotFound):
        give(stage, recording_named(2))


@pytest.mark.parametrize("place", ["vault", "spool", "key"])
def test_there_is_no_receipt_while_anything_is_there(stage: Scene, place: str) -> None:
    stage.keep(1)
    stage.keep(2)
    recording_id = erase(stage, 1)
    size = ledger.head(stage.db).size
    if place == "vault":
        path = stage.vault.path(recording_id)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"back")
    elif place == "spool":
        (stage.spool / f"{recording_id}-caller.wav").write_bytes(b"back")
    else:
        with stage.db.write() as tx:
            tx.execute("UPDATE envelopes SET recording_id = ?", (recording_id,))
    with pytest.raises(DestructionIncomplete, match="there is no receipt, still there"):
        give(stage, recording_id)
    assert ledger.head(stage.db).size == size


def test_when_its_entry_has_expired_a_receipt_of_before_still_proves_and_no_new_one_is_made(
    stage: Scene,
) -> None:
    stage.keep(1)
    receipt = give(stage, erase(stage, 1))
    stage.clock.advance(timedelta(days=500))
    call_data.erase(stage.db, call_data.kept(stage.db, until=stage.clock.now()), at=stage.clock.now())
    with pytest.raises(StateConflict, match="has expired on its term"):
        give(stage, recording_named(1))
    assert receipts.confirm(receipt, SIGNER.key).recording_id == recording_named(1)


def test_another_key_proves_nothing(stage: Scene) -> None:
    stage.keep(1)
    receipt = give(stage, erase(stage, 1))
    with pytest.raises(NoteUnsigned):
        receipts.confirm(receipt, OTHER.key)


def test_no_byte_of_a_receipt_can_be_changed(stage: Scene) -> None:
    stage.keep(1)
    data = give(stage, erase(stage, 1)).encode()
    chance = random.Random(7)  # noqa: S311
    for _ in range(400):
        spoiled = bytearray(data)
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
        with pytest.raises(IntegrityError):
            receipts.confirm(spoiled.decode(errors="replace"), SIGNER.key)


def resigned(receipt: str, old: str, new: str) -> str:
    """The receipt with other words, signed again by the very key: a forger inside the house."""
    text = receipt.rpartition("\n\n")[0] + "\n"
    assert old in text
    return SIGNER.sign(text.replace(old, new))


def test_even_who_has_the_key_cannot_prove_an_entry_that_the_checkpoint_does_not_hold(stage: Scene) -> None:
    stage.keep(1)
    receipt = give(stage, erase(stage, 1))
    extra = next(line for line in receipt.splitlines() if line.startswith("extra "))
    told = b64decode(extra.split(" ")[1]).decode()
    other = b64encode(told.replace(recording_named(1), recording_named(2)).encode()).decode()
    index = next(line for line in receipt.splitlines() if line.startswith("index "))
    with pytest.raises(IntegrityError, match="is not under its checkpoint"):
        receipts.confirm(resigned(receipt, extra, f"extra {other}"), SIGNER.key)
    with pytest.raises(IntegrityError, match="is not under its checkpoint"):
        receipts.confirm(resigned(receipt, index, "index 0"), SIGNER.key)
    with pytest.raises(IntegrityError, match="another recording"):
        receipts.confirm(
            resigned(receipt, f": {recording_named(1)}\n", f": {recording_named(2)}\n"), SIGNER.key
        )
    for line in (f"{index}x", "extra AAAA"):
        old = index if line.startswith("index") else extra
        with pytest.raises(NoteMalformed):
            receipts.confirm(resigned(receipt, old, line), SIGNER.key)


def test_what_is_no_receipt_is_refused() -> None:
    with pytest.raises(NoteMalformed, match="holds no proof"):
        receipts.confirm(SIGNER.sign("hello\n"), SIGNER.key)
    with pytest.raises(ConsentlineError):
        receipts.confirm("", SIGNER.key)


# ---------------------------------------------------------------- the verklaring


def declare(stage: Scene, language: Language = Language.NL, policy: str | None = "eindhoven") -> str:
    until = stage.clock.now()
    return declarations.declare(
        stage.archive,
        SIGNER,
        policy=policy,
        since=until - timedelta(days=90),
        until=until,
        language=language,
    )


def test_a_declaration_tells_each_run_and_each_recording_in_it(stage: Scene) -> None:
    for number in (1, 2, 3):
        stage.keep(number)
    erase(stage, 3)
    for _ in range(60 * 24 * 2):
        stage.clock.advance(timedelta(minutes=30))
    stage.guard.check()
    purge.run(stage.archive, stage.guard)
    stage.clock.advance(timedelta(days=1))
    text = declare(stage)
    for words in (
        "VERKLARING VAN VERNIETIGING",
        "Organisatie: gemeente Eindhoven",
        "Aantal vernietigde opnamen: 3, in 2 keer.",
        ": 2 OPNAMEN",
        ": 1 OPNAMEN",
        "reden: de bewaartermijn was voorbij",
        "reden: de betrokkene vroeg erom",
        "er is niets meer van",
    ):
        assert words in text, words
    for number in (1, 2, 3):
        assert f"- {recording_named(number)} (eindhoven)" in text
    assert (
        declarations.confirm(text, SIGNER.key).size == ledger.head(stage.db).size - 1
    )  # and then that it was given
    with pytest.raises(SignatureWrong):
        declarations.confirm(text.replace("opnamen: 3", "opnamen: 4"), SIGNER.key)
    with pytest.raises(NoteMalformed):
        declarations.confirm(SIGNER.sign("hello\n"), SIGNER.key)


def test_a_declaration_names_what_is_there_all_the_same_and_what_is_not_complete(stage: Scene) -> None:
    stage.keep(1)
    erase(stage, 1)
    path = stage.vault.path(recording_named(1))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"back")
    stage.clock.advance(timedelta(days=1))
    text = declare(stage, Language.EN, policy=None)
    assert f"NOT GONE: {recording_named(1)}: sealed file" in text
    assert "Policy: all" in text
    assert "nothing of it is left" not in text


def test_a_period_without_destruction_and_one_that_has_not_ended(stage: Scene) -> None:
    assert "In deze periode is niets vernietigd." in declare(stage)
    with pytest.raises(StateConflict, match="must have ended"):
        declarations.declare(
            stage.archive,
            SIGNER,
            policy=None,
            since=stage.clock.now(),
            until=stage.clock.now() + timedelta(days=1),
            language=Language.NL,
        )


def test_every_reason_has_words_in_both_languages() -> None:
    assert set(REASON) == set(ErasedBecause)
    assert set(BY) == set(WithdrawnBy)
    assert set(BackupMode) == {BackupMode.NONE, BackupMode.VAULT}
