"""Which version of a policy was in force, and for which call."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from policy.vocabulary import CallId
from store.records import versions
from tests.store.scene import EINDHOVEN, STARTED_AT, scene


def test_a_call_keeps_the_bytes_of_its_policy(tmp_path: Path) -> None:
    with scene(tmp_path) as installation:
        installation.begin(1)
        version = versions.of_call(installation.db, CallId("1795282161.1"))
        assert version is not None
        assert version.text == installation.policies.texts[version.content_hash]
        assert versions.version(installation.db, version.content_hash) == version
        assert versions.of_call(installation.db, CallId("1.1")) is None
        assert versions.version(installation.db, "0" * 64) is None


def test_a_version_is_in_force_from_its_first_call_on(tmp_path: Path) -> None:
    with scene(tmp_path) as installation:
        installation.begin(1)
        db = installation.db
        assert versions.in_force(db, EINDHOVEN, STARTED_AT) is None
        after = versions.in_force(db, EINDHOVEN, STARTED_AT + timedelta(milliseconds=1))
        assert after == versions.of_call(db, CallId("1795282161.1"))
        assert versions.in_force(db, "heerde", STARTED_AT + timedelta(days=1)) is None


def test_of_two_versions_the_one_that_the_last_call_met_was_in_force_also_when_it_came_back(
    tmp_path: Path,
) -> None:
    with scene(tmp_path) as installation:
        db = installation.db
        installation.open_call(1)
        first = versions.of_call(db, CallId("1795282161.1"))
        with db.write() as tx:
            tx.execute(
                "INSERT INTO policy_versions (content_hash, name, text, first_used_at) VALUES (?, ?, ?, ?)",
                ("f" * 64, EINDHOVEN, b"second", 0),
            )
        for number, hours in ((2, 1), (3, 2)):
            installation.open_call(number, started_at=STARTED_AT + timedelta(hours=hours))
        with db.write() as tx:
            tx.execute("UPDATE calls SET policy_hash = ? WHERE call_id = ?", ("f" * 64, "1795282161.2"))
        in_between = versions.in_force(db, EINDHOVEN, STARTED_AT + timedelta(minutes=90))
        assert in_between is not None
        assert in_between.text == b"second"
        assert versions.in_force(db, EINDHOVEN, STARTED_AT + timedelta(days=1)) == first
