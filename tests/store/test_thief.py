"""What somebody gets who copied everything on the PBX host, but knows no passphrase, or one too few."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.identity.keyring import Keyring
from policy.access import RoleName
from policy.errors import WrongPassphrase
from policy.key_groups import KeyPath
from policy.situation import PersonId
from policy.vocabulary import ErasedBecause, PolicyName, RecordingId
from store.db import Db
from store.files.epochs import EpochKeyGone
from store.keyring import envelopes, person_keys, reading_keys, shares
from store.keyring.envelopes import EnvelopeRow
from store.keyring.key_wire import GrantWire
from store.keyring.shares import PathIncomplete, Share
from store.keys import EnvelopeRefused, grant_info, make_private_half, open_slot, open_with
from store.retention import destruction
from tests.store.holding import PASSPHRASE, enrol, hold, own_half, own_slot
from tests.store.scene import CountingRandomness, Scene, scene, voice

pytestmark = pytest.mark.exhaustive  # real passphrases and processes: seconds, not milliseconds

GRONINGEN = PolicyName("groningen")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """Groningen, where agent and head hear a recording only together (G8)."""
    with scene(tmp_path / "here", policy=GRONINGEN) as opened:
        for person, role in (("anna", "agent"), ("henk", "head")):
            enrol(opened.db, person, at=opened.clock.now())
            hold(opened.db, person, opened.halves, role, at=opened.clock.now())
        yield opened


def stolen(stage: Scene, recording_id: RecordingId) -> list[Share]:
    """Return every share of a recording, out of the epoch wrap: the thief has the epoch folder too."""
    rows = envelopes.of_recording(stage.db, recording_id)
    return [envelopes.unwrap(row, stage.archive.epochs) for row in rows]


def ring(stage: Scene, person: str) -> Keyring:
    """Return what somebody's slot and passphrase give."""
    grants = map(GrantWire.of, reading_keys.held_by(stage.db, person))
    return Keyring.open(own_slot(person), PASSPHRASE, grants)


def test_no_private_half_key_or_part_is_in_any_file(stage: Scene) -> None:
    recording_id = stage.keep(1)
    everything = stage.every_byte()
    key = stage.open_path(recording_id, KeyPath("privacy_officer"))
    secrets = [key, voice(1)[:64], own_half("anna").data, own_half("henk").data]
    secrets += [half.data for half in stage.halves.values()]
    for share in stolen(stage, recording_id):
        part = shares.open_share(share, shares.recording(recording_id), stage.halves[share.role])
        secrets.append(part.data)
    for secret in secrets:
        assert secret not in everything
        for half in (secret[:16], secret[-16:]):
            assert half not in everything


def test_without_a_passphrase_slots_grants_and_shares_open_nothing(stage: Scene) -> None:
    recording_id = stage.keep(1)
    thief = make_private_half(CountingRandomness(999))
    with pytest.raises(WrongPassphrase):
        open_slot(person_keys.get(stage.db, "anna").slot, "niet het goede woord")
    for grant in reading_keys.held_by(stage.db, "anna"):
        for to in (own_half("anna").public, thief.public):
            with pytest.raises(EnvelopeRefused):
                open_with(thief, grant.sealed, grant_info(grant.key_id, "anna", to))
    for share in stolen(stage, recording_id):
        with pytest.raises(EnvelopeRefused):
            shares.open_share(share, shares.recording(recording_id), thief)


@pytest.mark.parametrize("person", ["anna", "henk"])
def test_one_passphrase_of_two_opens_nothing_even_with_the_whole_host(stage: Scene, person: str) -> None:
    recording_id = stage.keep(1)
    keyring, subject = ring(stage, person), shares.recording(recording_id)
    own: list[Share] = []
    others: list[Share] = []
    for share in stolen(stage, recording_id):
        (own if share.key_id in keyring.halves else others).append(share)
    assert len(own) == 1
    with pytest.raises(PathIncomplete):
        keyring.open_path(subject, own)
    for share in others:
        with pytest.raises(PathIncomplete):
            keyring.part(share, subject)


def test_both_passphrases_open_it(stage: Scene) -> None:
    recording_id = stage.keep(1)
    anna, henk = ring(stage, "anna"), ring(stage, "henk")
    subject, access = shares.recording(recording_id), shares.AccessId("ab" * 16)
    by_role = {share.role: share for share in stolen(stage, recording_id) if share.path == "agent+head"}
    passed = henk.pass_on(subject, by_role[RoleName("head")], access=access, to=own_half("anna").public)
    key = anna.open_path(subject, [by_role[RoleName("agent")]], passed=[passed], access=access)
    assert key == stage.open_path(recording_id, KeyPath("agent+head"))


def test_a_grant_that_was_moved_to_another_person_or_key_opens_nothing(stage: Scene) -> None:
    (grant,) = reading_keys.held_by(stage.db, "henk")
    wire = GrantWire.of(grant)
    anna = Keyring.open(own_slot("anna"), PASSPHRASE)
    henk = Keyring.open(own_slot("henk"), PASSPHRASE)
    agents = stage.halves[RoleName("agent")].public.key_id
    with pytest.raises(EnvelopeRefused):
        anna.with_grants([wire])
    with pytest.raises(EnvelopeRefused):
        henk.with_grants([wire.model_copy(update={"key_id": agents})])


def test_a_row_that_was_moved_does_not_come_out_of_its_wrap(stage: Scene) -> None:
    one, other = stage.keep(1), stage.keep(2)
    row = envelopes.of_recording(stage.db, one)[0]
    for moved in (
        {"recording_id": other},
        {"path": KeyPath("head")},
        {"role": RoleName("head") if row.role != "head" else RoleName("agent")},
    ):
        fields = {name: getattr(row, name) for name in EnvelopeRow.__slots__} | moved
        with pytest.raises(Exception, match="wrap: does not open"):
            envelopes.unwrap(EnvelopeRow(**fields), stage.archive.epochs)


def test_an_old_backup_with_every_passphrase_does_not_open_what_was_erased_since(
    stage: Scene, tmp_path: Path
) -> None:
    gone, staying = stage.keep(1), stage.keep(2)
    backup = tmp_path / "backup.db"
    stage.db.forget_deleted()
    shutil.copy(stage.db.path, backup)
    destruction.destroy(stage.archive, destruction.Doom(recording_id=gone, because=ErasedBecause.REQUEST))
    old = Db.open_to_read(backup, clock=stage.clock)
    try:
        rows = envelopes.of_recording(old, gone)
        assert {row.path for row in rows} == {"agent+head", "aggression_coordinator", "privacy_officer"}
        for row in rows:
            with pytest.raises(EpochKeyGone):
                envelopes.unwrap(row, stage.archive.epochs)
    finally:
        old.close()
    assert stage.hear(staying) == voice(2)


def test_who_retired_leaves_no_slot_and_no_grant_in_any_file(stage: Scene) -> None:
    slot, (grant,) = own_slot("henk"), reading_keys.held_by(stage.db, "henk")
    assert slot.wrapped in stage.every_byte()
    with stage.db.write() as tx:
        assert person_keys.forget(tx, PersonId("henk"), at=stage.clock.now(), actor="test") == 1
    stage.db.forget_deleted()
    everything = stage.every_byte()
    assert slot.wrapped not in everything
    assert grant.sealed not in everything
    assert reading_keys.held_by(stage.db, "henk") == ()
