"""The ledger's commands: show, export, checkpoint, verify, receipts and the verklaring, without a daemon."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.vocabulary import ErasedBecause, RecordingId
from store.logbook import checkpoints, ledger
from store.logbook.notes import VerifierKey
from store.retention import destruction
from store.retention.destruction import Doom
from tests.commands.conftest import CommandLine, one_error
from tests.store.scene import recording_named, scene
from tests.store.tampering import forge
from tests.store.test_proofs import tree

pytestmark = pytest.mark.exhaustive  # whole command lines: seconds, not milliseconds


@pytest.fixture
def gone(config_file: Path) -> RecordingId:
    """An installation with a recording that is kept and one that was erased."""
    with scene(config_file.parent) as installation:
        installation.keep(1)
        installation.keep(2)
        doom = Doom(recording_id=recording_named(2), because=ErasedBecause.REQUEST)
        destruction.destroy(installation.archive, doom)
    return recording_named(2)


def vkey(config_file: Path, command: CommandLine) -> str:
    """The line that whoever verifies was given."""
    (signed_by,) = (
        line for line in command("ledger", "verify").out.splitlines() if line.startswith("signed by ")
    )
    return signed_by.removeprefix("signed by ")


def with_target(config_file: Path) -> Path:
    """Name a folder as a target."""
    kluis = config_file.parent.parent / "kluis"
    kluis.mkdir()
    table = f'\n[[ledger.targets]]\nname = "kluis"\nkind = "directory"\nto = "{kluis}"\n'
    config_file.write_text(config_file.read_text(encoding="utf-8") + table, encoding="utf-8")
    return kluis


@pytest.mark.usefixtures("gone")
def test_a_checkpoint_is_printed_kept_and_brought_to_the_target(
    command: CommandLine, config_file: Path
) -> None:
    kluis = with_target(config_file)
    ended = command("ledger", "checkpoint")
    assert ended.code == 0, ended.err
    (file,) = kluis.glob("*/*.checkpoint")
    assert file.read_text(encoding="utf-8") == ended.out
    key = VerifierKey.parse(vkey(config_file, command))
    size = checkpoints.open_checkpoint(ended.out, key).size
    verified = command("ledger", "verify", "--checkpoint", kluis)
    assert verified.code == 0, verified.err
    assert f"vouched for from elsewhere: the first {size} entries" in verified.out
    (report,) = json.loads(command("ledger", "verify", "--checkpoint", kluis, "--json").out)
    assert (report["checkpoints"]["shown"], report["checkpoints"]["newest_shown"]) == (1, size)
    assert report["recordings"] == {"kept": 1, "erased": 1, "files_read": 0}


@pytest.mark.usefixtures("gone")
def test_a_log_written_anew_with_its_own_key_holds_alone_and_not_before_what_was_kept_elsewhere(
    command: CommandLine, config_file: Path, tmp_path: Path
) -> None:
    kluis, forged = with_target(config_file), tmp_path / "forged.db"
    assert command("ledger", "checkpoint").code == 0
    home = config_file.parent
    forge(home / "consentline.db", home / "ledger.key", vkey(config_file, command), forged)
    alone = command("ledger", "verify", "--database", forged)
    assert (alone.code, "could have rewritten it" in alone.out) == (0, True), alone
    shown = command("ledger", "verify", "--database", forged, "--checkpoint", kluis)
    assert (shown.code, "ledger does not hold" in shown.out) == (6, True), shown


@pytest.mark.usefixtures("gone")
def test_a_copy_of_the_database_is_verified_elsewhere_without_a_config(
    command: CommandLine, config_file: Path, tmp_path: Path
) -> None:
    with_target(config_file)
    note = command("ledger", "checkpoint").out
    key = vkey(config_file, command)
    copy = tmp_path / "copy.db"
    copy.write_bytes((config_file.parent / "consentline.db").read_bytes())
    elsewhere = tmp_path / "given.checkpoint"
    elsewhere.write_text(note, encoding="utf-8")
    config_file.unlink()
    ended = command("ledger", "verify", "--database", copy, "--vkey", key, "--checkpoint", elsewhere)
    assert ended.code == 0, ended.err
    assert "recordings:" not in ended.out


def test_a_recording_that_is_back_is_told_by_verify_and_by_the_receipt(
    command: CommandLine, config_file: Path, gone: RecordingId
) -> None:
    path = config_file.parent / "vault" / gone[:2] / f"{gone}.sealed"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"restored")
    ended = command("ledger", "verify")
    assert ended.code == 6
    assert f"broken: recording {gone}: is erased, but its file is in the vault" in ended.out
    one_error(command("receipt", gone), 9, "there is no receipt", "sealed file")
    text = command("purge", "report", "--from", "2026-11-01", "--to", "2026-11-21T20:00", "--verklaring").out
    assert f"NIET WEG: {gone}: sealed file" in text


@pytest.mark.usefixtures("gone")
def test_a_changed_byte_in_the_vault_is_found_without_any_key(
    command: CommandLine, config_file: Path
) -> None:
    assert "1 kept, 1 erased, 1 files read" in command("ledger", "verify", "--contents").out
    kept = recording_named(1)
    path = config_file.parent / "vault" / kept[:2] / f"{kept}.sealed"
    changed = bytearray(path.read_bytes())
    changed[-3] ^= 1
    path.write_bytes(changed)
    assert command("ledger", "verify").code == 0
    ended = command("ledger", "verify", "--contents")
    assert ended.code == 6
    assert f"broken: recording {kept}: its file's bytes are not those that were sealed" in ended.out
    assert command("ledger", "verify", "--contents", "--database", config_file).code == 2


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--kind", "destroyed"], lambda row: row["kind"] == "destroyed"),
        (["--kind", "sealed", "--kind", "decided"], lambda row: row["kind"] in ("sealed", "decided")),
        (["--person", "daemon"], lambda row: False),
        (["--from", "2026-11-22"], lambda row: False),
        (["--to", "2026-11-21"], lambda row: True),
        (["--about", recording_named(2)], lambda row: row["subject"] == recording_named(2)),
        (["--first", "3", "--limit", "2"], lambda row: row["seq"] in (3, 4)),
    ],
)
@pytest.mark.usefixtures("gone")
def test_entries_are_chosen_by_kind_person_time_and_subject(
    command: CommandLine, words: list[str], wanted: Callable[[dict[str, object]], bool]
) -> None:
    everything = json.loads(command("ledger", "show", "--json").out)
    shown = json.loads(command("ledger", "show", "--json", *words).out)
    assert shown == [row for row in everything if wanted(row)]


@pytest.mark.usefixtures("gone")
def test_a_person_is_found_by_what_they_did_and_by_what_was_done_for_them(
    command: CommandLine, config_file: Path
) -> None:
    with scene(config_file.parent, start=1) as installation, installation.db.write() as tx:
        at = installation.clock.now()
        for actor, payload in (
            ("person:anna login:root", {}),
            ("login:anna", {}),
            ("daemon", {"person": "anna"}),
            ("login:annabel", {"person": "bert"}),
        ):
            ledger.append(tx, ledger.Kind.CAPTURED, at, actor=actor, subject="", payload=payload)
    assert len(json.loads(command("ledger", "show", "--person", "anna", "--json").out)) == 3
    one = command("ledger", "show", "--kind", "nonsense")
    assert one.code == 2
    assert 'no such kind "nonsense"' in one.err


@pytest.mark.usefixtures("gone")
def test_the_export_can_be_hashed_again_by_any_program(command: CommandLine, config_file: Path) -> None:
    note = command("ledger", "checkpoint").out
    *entries, last = (json.loads(line) for line in command("ledger", "export").out.splitlines())
    assert last["checkpoint"] == note
    leaves = []
    for entry in entries:
        subject, body = entry["subject"].encode(), entry["body"].encode()
        salt = bytes.fromhex(entry["salt"])
        told = b"consentline/v1/ledger-payload\x00" + salt + len(subject).to_bytes(4) + subject + body
        commitment = hashlib.sha256(told).digest()
        kind = entry["kind"].encode()
        numbers = entry["seq"].to_bytes(8) + entry["at_ms"].to_bytes(8) + len(kind).to_bytes(2)
        framed = b"\x00consentline/v1/ledger-entry\x00" + numbers + kind + commitment
        leaves.append(hashlib.sha256(framed).digest())
    assert tree(leaves) == b64decode(note.split("\n")[2])


@pytest.mark.usefixtures("gone")
def test_without_a_checkpoint_nothing_is_exported_but_as_ldv(command: CommandLine) -> None:
    one_error(command("ledger", "export"), 8, "has no checkpoint yet")
    ended = command("ledger", "export", "--from", "2026-11-21")
    assert ended.code == 2
    assert "only with --ldv" in ended.err


def test_the_logboek_dataverwerkingen_has_the_fields_of_the_standard(
    command: CommandLine, gone: RecordingId
) -> None:
    ended = command("ledger", "export", "--ldv", "--register", "https://register.example/opname")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    # Source: Logboek Dataverwerkingen, Component: Logboek, Interface: the fields that are required.
    required = {"trace_id", "span_id", "status_code", "name", "start_time", "end_time", "attributes"}
    for line in lines:
        assert required <= set(line)
        assert (len(line["trace_id"]), len(line["span_id"])) == (32, 16)
        activity = line["attributes"]["dpl.core.processing_activity_id"]
        assert activity == "https://register.example/opname#eindhoven"
        assert line["attributes"]["dpl.core.data_subject_id_type"].startswith("HMAC")
        assert "+316" not in json.dumps(line)
    destroyed = [line for line in lines if line["name"] == "destroyed"]
    assert [line["attributes"]["dpl.consentline.subject"] for line in destroyed] == [gone]
    assert len({line["span_id"] for line in lines}) == len(lines)


def test_a_receipt_is_printed_and_verified_with_the_vkey_alone(
    command: CommandLine, config_file: Path, gone: RecordingId, tmp_path: Path
) -> None:
    ended = command("receipt", gone, "--lang", "en")
    assert ended.code == 0, ended.err
    assert f"Recording: {gone}" in ended.out
    file = tmp_path / "receipt.txt"
    file.write_text(ended.out, encoding="utf-8")
    key = vkey(config_file, command)
    assert command("receipt", "verify", file).code == 0
    config_file.unlink()
    verified = command("receipt", "verify", file, "--vkey", key)
    assert verified.code == 0, verified.err
    assert f"receipt holds: recording {gone} is gone since" in verified.out
    (row,) = json.loads(command("receipt", "verify", file, "--vkey", key, "--json").out)
    assert (row["recording_id"], row["because"]) == (gone, "request")
    file.write_text(ended.out.replace("subject asked", "subject begged"), encoding="utf-8")
    one_error(command("receipt", "verify", file, "--vkey", key), 6)
    one_error(command("receipt", "verify", tmp_path / "no", "--vkey", key), 4)
    one_error(command("receipt", "verify", file, "--vkey", "nonsense"), 6, "vkey")


@pytest.mark.usefixtures("gone")
def test_what_is_kept_has_no_receipt_and_what_is_no_id_is_said_so(command: CommandLine) -> None:
    one_error(command("receipt", recording_named(1)), 8, "nothing to prove")
    one_error(command("receipt", recording_named(9)), 4)
    ended = command("receipt", "nonsense")
    assert ended.code == 2
    assert "must be the id of a recording" in ended.err


def test_the_report_tells_each_recording_and_the_verklaring_is_signed(
    command: CommandLine, gone: RecordingId, tmp_path: Path
) -> None:
    period = ("--from", "2026-11-21", "--to", "2026-11-21T20:00")
    (row,) = json.loads(command("purge", "report", "eindhoven", *period, "--json").out)
    assert (row["recording_id"], row["because"], row["policy"]) == (gone, "request", "eindhoven")
    ended = command("purge", "report", "eindhoven", *period, "--verklaring")
    assert ended.code == 0, ended.err
    assert "Aantal vernietigde opnamen: 1, in 1 keer." in ended.out
    file = tmp_path / "verklaring.txt"
    file.write_text(ended.out, encoding="utf-8")
    verified = command("receipt", "verify", file)
    assert verified.code == 0, verified.err
    assert verified.out.startswith("declaration holds: signed by consentline/")
    file.write_text(ended.out.replace("opnamen: 1", "opnamen: 0"), encoding="utf-8")
    one_error(command("receipt", "verify", file), 6)
    one_error(command("purge", "report", "nowhere", *period), 4)
    backwards = command("purge", "report", "--from", "2026-11-21", "--to", "2026-11-20")
    assert backwards.code == 2
    assert "must lie after --from" in backwards.err


@pytest.mark.usefixtures("gone")
def test_purge_alone_is_purge_run(command: CommandLine) -> None:
    assert command("purge", "--dry-run", "--json").out == command("purge", "run", "--dry-run", "--json").out
    assert "report" in command("purge", "--help").out


def test_the_signing_key_is_rotated_and_both_vkeys_verify(
    command: CommandLine, config_file: Path, gone: RecordingId, tmp_path: Path
) -> None:
    kluis = with_target(config_file)
    assert command("ledger", "checkpoint").code == 0
    old = vkey(config_file, command)
    receipt = tmp_path / "bewijs.txt"
    receipt.write_text(command("receipt", gone).out, encoding="utf-8")
    (rotated,) = json.loads(command("ledger", "rotate-key", "--json").out)
    assert (rotated["old_vkey"], rotated["vkey"] == old) == (old, False)
    assert command("ledger", "checkpoint").code == 0
    for key in (old, rotated["vkey"]):
        ended = command("ledger", "verify", "--vkey", key, "--checkpoint", kluis)
        assert ended.code == 0, ended.out
        assert f"signed up to {rotated['from_size']} entries by {old}" in ended.out
        assert f"signed by {rotated['vkey']}" in ended.out
    assert command("receipt", "verify", receipt, "--vkey", old).code == 0
    assert f"signed by {old}" in command("receipt", "verify", receipt).out
    one_error(command("receipt", "verify", receipt, "--vkey", rotated["vkey"]), 6, "bears no signature of")
