"""Release: on the ledger first, and only to who holds the keys of a path (I5)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from commands.keyring import Keyring
from policy.errors import AccessRefused, ConsentlineError, IntegrityError, NotFound, StateConflict
from policy.vocabulary import ErasedBecause
from store import container, destruction, export, ledger, shares
from store.epochs import EpochKeyGone
from store.key_wire import GrantWire
from tests.store.holding import PASSPHRASE, enrol, hold, own_slot
from tests.store.scene import Scene, recording_named, voice


@pytest.fixture
def request_of_anna(stage: Scene) -> export.Request:
    enrol(stage.db, "anna", at=stage.clock.now())
    hold(stage.db, "anna", stage.halves, "coach", at=stage.clock.now())
    return export.Request(recording_id=recording_named(1), person="anna", login="anna")


def last(stage: Scene) -> ledger.Entry:
    return ledger.show(stage.db)[-1]


def test_what_is_released_opens_the_recording_with_the_passphrase(
    stage: Scene, request_of_anna: export.Request
) -> None:
    recording_id = stage.keep(1)
    released = export.release(stage.archive, request_of_anna)
    grants = [GrantWire.of(grant) for grant in released.grants]
    keyring = Keyring.open(own_slot("anna"), PASSPHRASE, grants)
    secret = keyring.open_path(shares.recording(recording_id), released.shares)
    with stage.archive.vault.open(recording_id) as file:
        opened = container.open_stream(file, secret, container.recording_context(recording_id))
        assert b"".join(opened) == voice(1)


def test_the_ledger_has_the_release_with_person_purpose_and_login(
    stage: Scene, request_of_anna: export.Request
) -> None:
    stage.keep(1)
    export.release(stage.archive, request_of_anna)
    entry = last(stage)
    assert (entry.kind, entry.actor, entry.subject) == (
        "export_released",
        "person:anna login:anna",
        recording_named(1),
    )
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
            request = replace(request, person=enrol(stage.db, "piet", at=stage.clock.now()))
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
