"""Release: on the ledger first, and only to whom has a slot (I5)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from policy.errors import AccessRefused, ConsentlineError, IntegrityError, NotFound, StateConflict
from policy.vocabulary import ErasedBecause
from store import container, destruction, export, keys, ledger, reading_keys
from store.epochs import EpochKeyGone
from tests.store.scene import CountingRandomness, Scene, recording_named, voice

PASSPHRASE = "vier losse woorden hier"


@pytest.fixture(scope="module")
def slot_of_anna() -> keys.Slot:
    """A slot of the scene's reading key; made once, for scrypt takes its time."""
    private = keys.make_private_half(CountingRandomness(1))
    return keys.make_slot(private, person="anna", passphrase=PASSPHRASE, randomness=CountingRandomness(2))


@pytest.fixture
def request_of_anna(stage: Scene, slot_of_anna: keys.Slot) -> export.Request:
    with stage.db.write() as tx:
        reading_keys.put_slot(tx, slot_of_anna, at=stage.clock.now(), actor="login:root")
    return export.Request(recording_id=recording_named(1), person="anna", login="anna")


def last(stage: Scene) -> ledger.Entry:
    return ledger.show(stage.db)[-1]


def test_what_is_released_opens_the_recording_with_the_passphrase(
    stage: Scene, request_of_anna: export.Request
) -> None:
    recording_id = stage.keep(1)
    released = export.release(stage.archive, request_of_anna)
    private = keys.open_slot(released.slot, PASSPHRASE)
    info = keys.envelope_info(keys.Purpose.RECORDING, recording_id)
    secret = keys.open_with(private, released.envelope, info)
    with stage.archive.vault.open(recording_id) as file:
        opened = container.open_stream(file, secret, container.recording_context(recording_id))
        assert b"".join(opened) == voice(1)


def test_the_ledger_has_the_release_with_person_purpose_and_login(
    stage: Scene, request_of_anna: export.Request
) -> None:
    stage.keep(1)
    export.release(stage.archive, request_of_anna)
    entry = last(stage)
    assert (entry.kind, entry.actor, entry.subject) == ("export_released", "login:anna", recording_named(1))
    assert entry.payload == {"person": "anna", "purpose": "export"}


def test_the_manifest_holds_call_evidence_and_hashes_and_is_json(
    stage: Scene, request_of_anna: export.Request
) -> None:
    recording_id = stage.keep(1)
    manifest = json.loads(json.dumps(export.release(stage.archive, request_of_anna).manifest))
    assert manifest["recording"]["recording_id"] == recording_id
    assert manifest["call"]["caller"] == "********01"
    assert manifest["evidence"][0]["audio_sha256"] == "ab" * 32
    assert manifest["sealed_sha256"] == stage.archive.vault.sha256(recording_id)
    assert manifest["released"]["ledger_entry"] == last(stage).seq


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        ("nobody", AccessRefused),
        ("unknown", NotFound),
        ("captured", StateConflict),
        ("purged", StateConflict),
        ("no file", NotFound),
        ("no envelope", IntegrityError),
        ("no epoch key", EpochKeyGone),
    ],
)
def test_every_refusal_is_on_the_ledger_and_releases_nothing(
    stage: Scene, request_of_anna: export.Request, spoil: str, error: type[ConsentlineError]
) -> None:
    request = request_of_anna
    recording_id = stage.capture(1) if spoil == "captured" else stage.keep(1)
    match spoil:
        case "nobody":
            request = replace(request, person="piet")
        case "unknown":
            request = replace(request, recording_id=recording_named(2))
        case "purged":
            doom = destruction.Doom(recording_id=recording_id, because=ErasedBecause.REQUEST)
            destruction.destroy(stage.archive, doom)
        case "no file":
            stage.archive.vault.unlink(recording_id)
        case "no envelope":
            with stage.db.write() as tx:
                tx.execute("DELETE FROM envelopes")
        case "no epoch key":
            for name in stage.archive.epochs.names():
                stage.archive.epochs.destroy(name)
    with pytest.raises(error):
        export.release(stage.archive, request)
    entry = last(stage)
    assert entry.kind == "export_refused"
    assert entry.payload is not None
    assert entry.payload["refused_because"]


def test_a_reading_key_of_another_is_refused_while_one_is_in_use(stage: Scene) -> None:
    other = keys.make_private_half(CountingRandomness(9)).public
    with pytest.raises(StateConflict, match="in use already"), stage.db.write() as tx:
        reading_keys.add_reading_key(
            tx, reading_keys.reading_keys(stage.db)[0].policy, other, at=stage.clock.now(), actor="x"
        )


def test_slots_are_listed_by_person_and_a_missing_one_is_named(
    stage: Scene, request_of_anna: export.Request, slot_of_anna: keys.Slot
) -> None:
    assert reading_keys.slots(stage.db, slot_of_anna.key_id) == (slot_of_anna,)
    assert reading_keys.slot(stage.db, slot_of_anna.key_id, "anna") == slot_of_anna
    with pytest.raises(NotFound, match="piet"):
        reading_keys.slot(stage.db, slot_of_anna.key_id, "piet")
