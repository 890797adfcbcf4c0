"""Reading keys and holders as rows: one key in use a role, paths by the policy, custody that ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from policy.access import RoleName
from policy.clock import SteppedClock
from policy.errors import IntegrityError, NotFound, StateConflict
from policy.load import load_policies, load_policy
from policy.situation import PersonId
from policy.vocabulary import PolicyName
from store import keys, schema
from store.db import Db
from store.keyring import envelopes, person_keys, reading_keys
from store.keyring.shares import Purpose
from store.logbook import ledger
from tests.policy.written import written
from tests.store.holding import enrol, hold, own_half, own_slot
from tests.store.scene import EINDHOVEN, ROOT, STARTED_AT, CountingRandomness, Scene, scene

pytestmark = pytest.mark.exhaustive

COACH = RoleName("coach")
ANNA, PIET = PersonId("anna"), PersonId("piet")


def test_a_role_has_one_key_in_use(stage: Scene) -> None:
    other = keys.make_private_half(CountingRandomness(9)).public
    at = stage.clock.now()
    with pytest.raises(StateConflict, match="in use already"), stage.db.write() as tx:
        reading_keys.add_reading_key(tx, EINDHOVEN, COACH, other, at=at, actor="x")
    size = ledger.head(stage.db).size
    with stage.db.write() as tx:
        same = stage.halves[COACH].public
        assert reading_keys.add_reading_key(tx, EINDHOVEN, COACH, same, at=at, actor="x") == same.key_id
    assert ledger.head(stage.db).size == size


def test_a_policy_by_which_nobody_hears_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateConflict, match="kort: must let somebody hear"):
        reading_keys.roles_with_keys(written(tmp_path))


@pytest.mark.parametrize("name", ["eindhoven", "groningen", "heerde", "nunspeet", "rvo"])
def test_sealing_goes_to_every_path_of_each_policy_with_public_halves_alone(
    tmp_path: Path, name: str
) -> None:
    policy = PolicyName(name)
    with scene(tmp_path / name, policy=policy) as stage:
        recording_id = stage.keep(1)
        to = reading_keys.sealed_to(stage.db, policy, Purpose.RECORDING)
        assert to is not None
        rows = envelopes.of_recording(stage.db, recording_id)
        assert tuple(envelopes.paths_of(rows)) == to.paths
        assert len({stage.open_path(recording_id, path) for path in to.paths}) == 1
        assert person_keys.everybody(stage.db) == ()


def test_a_policy_that_changes_who_hears_changes_what_comes_not_what_was(
    tmp_path: Path, eindhoven_file: Path
) -> None:
    with scene(tmp_path / "here") as stage:
        before = stage.keep(1)
        text = eindhoven_file.read_text(encoding="utf-8")
        eindhoven_file.write_text(text.replace('via = ["coach"]\n', ""), encoding="utf-8")
        changed = load_policy(eindhoven_file)
        assert reading_keys.missing_roles(stage.db, changed) == ("agent",)
        at = stage.clock.now()
        with pytest.raises(NotFound, match="role agent: has no reading key"), stage.db.write() as tx:
            reading_keys.seal_by(tx, changed, at=at, actor="daemon")
        with stage.db.write() as tx:
            public = keys.make_private_half(CountingRandomness(9)).public
            reading_keys.add_reading_key(tx, EINDHOVEN, RoleName("agent"), public, at=at, actor="init")
            assert reading_keys.seal_by(tx, changed, at=at, actor="daemon")
            assert not reading_keys.seal_by(tx, changed, at=at, actor="daemon")
        assert ledger.show(stage.db)[-1].kind == "key_paths_set"
        after = stage.keep(2)
        paths = [set(envelopes.paths_of(envelopes.of_recording(stage.db, one))) for one in (before, after)]
        assert paths[1] - paths[0] == {"agent"}


def test_a_path_that_lacks_a_role_is_no_path(tmp_path: Path) -> None:
    with scene(tmp_path / "here", policy=PolicyName("groningen")) as stage:
        recording_id = stage.keep(1)
        names = stage.archive.epochs.names()
        assert envelopes.openable(stage.db, names) == {recording_id}
        with stage.db.write() as tx:
            tx.execute("DELETE FROM envelopes WHERE role = 'head'")
        rows = envelopes.of_recording(stage.db, recording_id)
        assert set(envelopes.paths_of(rows)) == {"aggression_coordinator", "privacy_officer"}
        with stage.db.write() as tx:
            tx.execute("DELETE FROM envelopes WHERE path <> 'agent+head'")
        assert envelopes.openable(stage.db, names) == frozenset()
        assert envelopes.openable(stage.db, ()) == frozenset()


def test_custody_ends_when_somebody_who_wears_the_role_holds_the_key(stage: Scene) -> None:
    at, key_id = stage.clock.now(), stage.halves[COACH].public.key_id
    for person in (ANNA, PIET):
        enrol(stage.db, person, at=at)
    hold(stage.db, ANNA, stage.halves, "coach", is_custodian=True, at=at)
    with stage.db.write() as tx:
        assert reading_keys.end_custody(tx, key_id, lambda _: False, at=at, actor="x") == ()
    assert [grant.person for grant in reading_keys.holders(stage.db, key_id)] == [ANNA]
    hold(stage.db, PIET, stage.halves, "coach", at=at)
    with stage.db.write() as tx:
        assert reading_keys.end_custody(tx, key_id, lambda _: False, at=at, actor="x") == (ANNA,)
        assert reading_keys.end_custody(tx, key_id, lambda _: False, at=at, actor="x") == ()
    assert [grant.person for grant in reading_keys.holders(stage.db, key_id)] == [PIET]
    assert [entry.kind for entry in ledger.show(stage.db)[-3:]] == [
        "key_granted",
        "key_granted",
        "grant_removed",
    ]


def test_a_custodian_who_wears_the_role_becomes_an_ordinary_holder(stage: Scene) -> None:
    at, key_id = stage.clock.now(), stage.halves[COACH].public.key_id
    enrol(stage.db, ANNA, at=at)
    hold(stage.db, ANNA, stage.halves, "coach", is_custodian=True, at=at)
    with stage.db.write() as tx:
        reading_keys.end_custody(tx, key_id, lambda _: True, at=at, actor="x")
    (grant,) = reading_keys.holders(stage.db, key_id)
    assert not grant.is_custodian


def test_nobody_holds_a_key_twice_and_the_last_one_is_known(stage: Scene) -> None:
    at = stage.clock.now()
    for person in (ANNA, PIET):
        enrol(stage.db, person, at=at)
    hold(stage.db, ANNA, stage.halves, "coach", "head", at=at)
    with pytest.raises(StateConflict, match="holds this key already"):
        hold(stage.db, ANNA, stage.halves, "coach", at=at)
    hold(stage.db, PIET, stage.halves, "coach", at=at)
    with stage.db.write() as tx:
        assert reading_keys.held_alone(tx, ANNA) == ((EINDHOVEN, "head"),)
        assert reading_keys.held_alone(tx, PIET) == ()


def test_a_slot_of_another_key_is_not_taken(stage: Scene) -> None:
    at = stage.clock.now()
    enrol(stage.db, ANNA, at=at)
    with pytest.raises(IntegrityError, match="must be of key"), stage.db.write() as tx:
        person_keys.enrol(tx, own_half(PIET).public, own_slot(ANNA), at=at, actor="x")


def test_a_database_from_before_roles_had_keys_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path, clock = tmp_path / "consentline.db", SteppedClock(STARTED_AT)
    old = Database(path, execute_plugins=False)
    with old.conn:
        schema.migrations.apply(old, stop_before="0008_keys")
        old.execute(
            "INSERT INTO reading_keys (key_id, policy, public_half, created_at)"
            " VALUES ('k', 'eindhoven', x'00', 1)"
        )
    old.conn.close()
    with pytest.raises(StateConflict, match="before each role had a key of its own") as caught:
        Db.open(path, clock=clock)
    assert caught.value.hint is not None
    again = Database(path, execute_plugins=False)
    assert again.execute("SELECT count(*) FROM reading_keys WHERE policy = 'eindhoven'").fetchone() == (1,)
    again.conn.close()


def test_the_five_policies_have_the_keys_that_were_reviewed() -> None:
    policies = load_policies(ROOT / "policies")
    found = {name: reading_keys.roles_with_keys(policy) for name, policy in policies.by_name.items()}
    assert found["groningen"] == ("agent", "aggression_coordinator", "head", "privacy_officer")
    assert found["nunspeet"] == ("coach", "privacy_officer")
