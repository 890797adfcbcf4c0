"""The five published policies on one PBX: each organisation's way of a call, from its notice to its purge.

All callers call at once; then the daemon's clock is moved ahead, never back, so the tests stand in the order
in which recordings fall due: Groningen 48 hours, Heerde 7 days, Groningen's incident 10 working days after
its 48 hours, RVO 28 days, Nunspeet 30, Eindhoven 60.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from policy import terms
from policy.clock import from_iso
from policy.config import load_config
from policy.load import load_policy
from sandbox import deadline, ears
from sandbox.fetch import Unpacked
from sandbox.site import Site
from sandbox.softphone import Call, Softphone
from sandbox.speech import read_growing_wav, read_wav
from store.files import mirror
from store.files.epochs import EpochKeyName, epoch_of_name
from tests.conftest import ROOT
from tests.real import callers
from tests.real.callers import (
    Callers,
    Row,
    agent_at_desk,
    export,
    holds,
    prompt_file,
    query,
    settled,
    site_of,
    voice_file,
    wait_until_heard,
)
from tests.real.clocked import Ahead
from tests.real.gate_stories import Act, Story, playing, press, visit

FIVE = tuple(
    ROOT / "policies" / f"{name}.toml" for name in ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
)
GRONINGEN = load_policy(ROOT / "policies" / "groningen.toml")
AGENTS = {f"medewerker{number}": f"agent{number}" for number in range(1, 5)}
HEAD = "hoofd"
TRUNK = "PJSIP/trunk-from-loopback"
OUTSIDER = "103"
MINUTE = timedelta(minutes=1)
CLOCK_CHANGE = timedelta(hours=1)

Told = Callable[[str], Story]
Desks = Mapping[str, Softphone]


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> Ahead:
    """The hand on the daemon's clock."""
    return Ahead.of(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def site(unpacked: Unpacked, ahead: Ahead, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One PBX that serves all five."""
    with site_of(unpacked, FIVE, trunks=(TRUNK,), daemon_command=ahead.command) as running:
        print(f"Asterisk {running.asterisk.version()}, {len(FIVE)} policies")
        _people_of_groningen(running)
        _mirror_epoch_keys(running, tmp_path_factory.mktemp("second"))
        yield running


@pytest.fixture(scope="module")
def desks(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    """Agents 1 and 2 of Nunspeet's KCC at their telephones, and agent 3, who is no KCC."""
    folder = tmp_path_factory.mktemp("desks")
    with ExitStack() as phones:
        yield {
            user: phones.enter_context(agent_at_desk(site, folder, user=user))
            for user in ("agent1", "agent2", "agent3")
        }


@pytest.fixture(scope="module")
def story(site: Site, desks: Desks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Everybody who calls, by their 14 0xx number or by what the trunk delivers."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:

        def caller(number: str, digits: str, act: Act | None = None) -> Callable[[], Story]:
            return lambda: visit(site, troupe, number, digits, act=act or _talk(site, digits))

        scenes = {
            "eindhoven": caller("14040", "11"),
            "eindhoven refuses": caller("0402389111", "12", press("1", after_s=4.0)),
            "eindhoven withdraws": caller("14040", "13", _withdraw(site, "13")),
            "groningen": caller("14050", "21"),
            "groningen aggression": caller("0503679111", "22"),
            "heerde": caller("140578", "31"),
            "heerde withdraws": caller("0578699494", "32", _withdraw(site, "32")),
            "rvo": caller("0880424242", "41"),
            "nunspeet": caller("0341259911", "51"),
            "nunspeet put through": caller("0341259911", "52", _put_through(site, desks, "52")),
        }
        with playing(scenes) as told:
            yield told


# --- at the time of the call ------------------------------------------------------------------------


def test_eindhoven_e1_e2_a_caller_who_presses_1_reaches_an_agent_and_nothing_is_kept(
    site: Site, story: Told
) -> None:
    told = story("eindhoven refuses")
    assert told.decided == "refused"
    assert told.unrecorded
    assert told.reached_an_agent
    assert not told.heard_whole(prompt_file(site, "eindhoven"))
    assert query(site, "SELECT 1 FROM recordings WHERE call_id = ?", told.row["call_id"]) == []


@pytest.mark.parametrize("name", ["eindhoven withdraws", "heerde withdraws"])
def test_e4_x12_who_withdraws_while_talking_hears_that_it_is_gone_and_no_key_was_ever_made(
    site: Site, story: Told, name: str
) -> None:
    told, policy = story(name), name.partition(" ")[0]
    recording = _of(told)
    assert (recording["state"], recording["erased_because"]) == ("withdrawn", "withdrawn")
    assert recording["erased_at"] is not None
    gone = read_wav(prompt_file(site, policy, "withdrawn"))
    likeness, otherwise = (ears.find_sound(one.heard, gone).likeness for one in (told, story(policy)))
    print(f"{name}: stopped and erased, heard over the agent's voice: {likeness:.2f}, else {otherwise:.2f}")
    assert likeness > max(0.45, 1.5 * otherwise)
    assert told.reached_an_agent
    assert _envelopes(site, recording) == []
    assert not _vault_file(site, recording).exists()


def test_nunspeet_n1_n13_put_through_to_somebody_outside_the_kcc_it_stops_and_what_was_is_kept(
    site: Site, story: Told, tmp_path: Path
) -> None:
    told = story("nunspeet put through")
    recording = _of(told)
    assert recording["state"] == "sealed"
    assert holds(told.heard, voice_file("agent3"))
    opened = export(site, recording["recording_id"], tmp_path / "kept")
    assert holds(opened.agent, voice_file("agent1")) or holds(opened.agent, voice_file("agent2"))
    assert not holds(opened.agent, voice_file("agent3"))


@pytest.mark.usefixtures("story")
def test_nunspeet_n1_an_internal_and_an_outbound_call_hear_no_notice_and_leave_no_row(
    site: Site, tmp_path: Path
) -> None:
    before = query(site, "SELECT call_id FROM calls")
    address = site.asterisk.sip_address()
    with Softphone.start(address, tmp_path, name="own", voice=voice_file("agent4")) as phone:
        phone.register("agent4", site.asterisk.agent_password)
        for number, hears in (("slow0341259911", "agent"), ("0612345678", "stranger")):
            call = phone.call(number, as_registered=True)
            call.wait("confirmed", within_s=20)
            call.listen(4.0)
            call.hang_up()
            samples = read_wav(call.heard)
            assert callers.holds_an_agent(samples) if hears == "agent" else holds(samples, voice_file(hears))
            assert not any(holds(samples, prompt_file(site, path.stem)) for path in FIVE)
    assert query(site, "SELECT call_id FROM calls") == before
    assert query(site, "SELECT kind, number FROM counts WHERE policy IN ('nunspeet', '') ORDER BY kind") == [
        {"kind": "internal", "number": 1},
        {"kind": "outbound", "number": 1},
    ]


def test_x7_x8_every_call_has_its_own_organisations_version_words_and_key(site: Site, story: Told) -> None:
    keys = {}
    for name in ("eindhoven", "groningen", "heerde", "rvo", "nunspeet"):
        told = story(name)
        (row,) = query(site, "SELECT policy_hash FROM calls WHERE call_id = ?", told.row["call_id"])
        (version,) = query(
            site, "SELECT name FROM policy_versions WHERE content_hash = ?", row["policy_hash"]
        )
        assert version["name"] == name
        keys[name] = {envelope["key_id"] for envelope in _envelopes(site, _of(told))}
    assert all(keys.values())
    assert len(frozenset.union(*map(frozenset, keys.values()))) == sum(map(len, keys.values()))


def test_groningen_g3_g4_the_agent_who_held_the_call_points_it_out_and_the_head_decides_to_keep_it(
    site: Site, story: Told
) -> None:
    told = story("groningen aggression")
    _is_recorded_after_its_notice(site, told, "groningen", "announced")
    call_id = told.row["call_id"]
    (held,) = query(site, "SELECT person_id AS person FROM call_agents WHERE call_id = ?", call_id)
    others = [person for person in AGENTS if person != held["person"]]
    flag = ("incident", "flag", call_id, "--kind", "aggression", "--as")
    refused = site.run(*flag, others[0], check=False)
    assert (refused.returncode, "not yours" in refused.stderr) == (4, True), refused.stderr
    site.cli(*flag, held["person"])
    assess = ("incident", "assess", call_id, "--keep", "--reason", "bedreiging", "--person", HEAD)
    site.cli(*assess, with_passphrase=True)
    kept = settled(site, _of(told)["recording_id"])
    assert from_iso(kept["due_at"]) - from_iso(_of(told)["due_at"]) > timedelta(days=12)


@pytest.mark.usefixtures("story")
def test_r4_the_daemon_says_at_its_start_what_the_selection_list_leaves_open(site: Site) -> None:
    (line, *_) = [line for line in site.log.read_text().splitlines() if "review_forms" in line]
    assert "rvo.toml: retention.review_forms: no period filled in for Selectielijst" in line
    assert 'period = "5y"' in line


def test_x3_the_epoch_keys_of_all_calls_are_mirrored_to_the_second_host(site: Site, story: Told) -> None:
    story("eindhoven")
    site.stop_daemon()
    site.start_daemon()  # each job runs once at start
    here, there = site.home / "epochs", _mirror(site)
    deadline.wait_until(
        lambda: _keys_in(here) and _keys_in(here) == _keys_in(there), within_s=10, what="the mirror follows"
    )


def test_x4_every_sealed_byte_is_on_the_ledger_whose_key_is_rotated_while_the_daemon_runs(
    site: Site, story: Told
) -> None:
    story("eindhoven")
    (rotated,) = site.cli("ledger", "rotate-key")
    site.run("ledger", "checkpoint")  # by the new key, in the daemon
    for vkey in (rotated["old_vkey"], rotated["vkey"]):
        (report,) = site.cli("ledger", "verify", "--contents", "--vkey", vkey)
        recordings, keys = report["recordings"], report["checkpoints"]["keys"]
        assert recordings["files_read"] == recordings["kept"] > 0
        assert [key["vkey"] for key in keys] == [rotated["old_vkey"], rotated["vkey"]]


# --- and until it is gone ---------------------------------------------------------------------------


def test_groningen_g1_g2_from_the_notice_to_the_purge_after_48_hours(
    site: Site, story: Told, ahead: Ahead
) -> None:
    told = story("groningen")
    _is_recorded_after_its_notice(site, told, "groningen", "announced")
    assert timedelta(hours=48) - MINUTE < _kept_for(told) <= timedelta(hours=48)
    _goes_when_due(site, ahead, _of(told))


def test_heerde_h1_h2_from_the_notice_to_the_purge_after_7_days(
    site: Site, story: Told, ahead: Ahead
) -> None:
    told = story("heerde")
    _is_recorded_after_its_notice(site, told, "heerde", "announced")
    _must_be_days(told, 7)
    _goes_when_due(site, ahead, _of(told))


def test_groningen_g3_g4_aggression_assessed_in_time_is_kept_10_working_days_more_and_goes_all_the_same(
    site: Site, story: Told, ahead: Ahead
) -> None:
    told = story("groningen aggression")
    due_at = from_iso(settled(site, _of(told)["recording_id"])["due_at"])
    first_end = from_iso(_of(told)["due_at"])
    assert due_at == terms.extended_until(
        GRONINGEN, GRONINGEN.extensions[0], first_end=first_end, decided_at=first_end - MINUTE
    )
    assert timedelta(days=2 + 14) - CLOCK_CHANGE - MINUTE <= due_at - from_iso(told.row["started_at"])
    _goes_when_due(site, ahead, settled(site, _of(told)["recording_id"]))
    (incident,) = query(site, "SELECT stage FROM incidents")
    assert incident["stage"] == "kept"


def test_rvo_r1_r2_from_the_notice_to_the_purge_after_28_days(site: Site, story: Told, ahead: Ahead) -> None:
    told = story("rvo")
    _is_recorded_after_its_notice(site, told, "rvo", "announced")
    _must_be_days(told, 28)
    _goes_when_due(site, ahead, _of(told))


def test_nunspeet_n1_n2_n3_from_the_notice_to_the_purge_after_30_days(
    site: Site, story: Told, ahead: Ahead
) -> None:
    told = story("nunspeet")
    _is_recorded_after_its_notice(site, told, "nunspeet", "announced")
    _must_be_days(told, 30)
    _goes_when_due(site, ahead, _of(told))


def test_eindhoven_e1_e3_e5_e6_from_the_notice_to_the_purge_after_60_days(
    site: Site, story: Told, ahead: Ahead, tmp_path: Path
) -> None:
    told = story("eindhoven")
    _is_recorded_after_its_notice(site, told, "eindhoven", "not_refused")
    _must_be_days(told, 60)
    opened = export(site, _of(told)["recording_id"], tmp_path / "kept")
    assert holds(opened.caller, voice_file("caller1"))
    assert callers.holds_an_agent(opened.agent)
    _goes_when_due(site, ahead, _of(told))


def test_x3_x4_afterwards_nothing_is_left_and_the_ledger_holds(site: Site, story: Told, ahead: Ahead) -> None:
    story("eindhoven")
    states = {row["state"] for row in site.cli("recordings", "list")}
    assert states <= {"purged", "withdrawn", "empty"}
    assert list(site.vault.rglob("*.sealed")) == []
    assert list((site.home / "epochs").glob("*.key")) == []
    assert query(site, "SELECT 1 FROM envelopes") == []
    site.run("ledger", "verify")
    site.stop_daemon()
    site.start_daemon()
    deadline.wait_until(lambda: not _keys_in(_mirror(site)), within_s=10, what="the mirror has no key left")
    assert callers.alarms(site, "mirror_failed") == []


def _people_of_groningen(site: Site) -> None:
    """Four agents, each at the line by which the queue knows them, and the head of the KCC."""
    for person, role in (*((agent, "agent") for agent in AGENTS), (HEAD, "head")):
        site.cli("people", "add", person, "--name", person)
        site.cli("people", "give-hat", person, role, "--policy", "groningen")
    site.run("people", "enrol", HEAD, with_passphrase=True)
    for agent, member in AGENTS.items():
        site.cli("people", "add-line", agent, "--queue-member", f"Local/{member}@sandbox-agents/n")


def _mirror_epoch_keys(site: Site, second: Path) -> None:
    """Name a folder that stands for a second host, as docs/backups.md says."""
    (second / "epochs").mkdir(mode=0o700)
    (second / "epochs" / mirror.MARKER).touch()
    with site.config.open("a") as config:
        config.write(f'\n[backup]\nepochs_mirror = "{second}/epochs"\n')
    site.stop_daemon()
    site.start_daemon()


def _mirror(site: Site) -> Path:
    folder = load_config(site.config).backup.epochs_mirror
    assert folder is not None
    return Path(folder)


def _keys_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.key")}


def _is_recorded_after_its_notice(site: Site, told: Story, policy: str, outcome: str) -> None:
    """See that a caller heard the whole notice in Dutch, then an agent, and that the talk was sealed."""
    assert holds(told.heard, prompt_file(site, policy))
    assert told.reached_an_agent
    (decided,) = told.decisions
    assert decided["finished"], [dict(row) for row in query(site, "SELECT kind, text FROM alarms")]
    assert decided["heard_ms"] > 0.9 * decided["prompt_duration_ms"]
    assert (decided["language"], decided["outcome"], told.row["policy"]) == ("nl", outcome, policy)
    recording = _of(told)
    assert recording["policy"] == policy
    assert sorted(name.partition("-")[2] for name in told.spool) == ["agent.wav", "caller.wav"]
    assert callers.spool_files(site, recording["recording_id"]) == []


def _goes_when_due(site: Site, ahead: Ahead, recording: Row) -> None:
    """See a recording there one minute before it is due, gone when it is, and its epoch's key after it."""
    recording_id, due_at = recording["recording_id"], from_iso(recording["due_at"])
    ahead.to(due_at - MINUTE)
    site.cli("purge")
    assert settled(site, recording_id)["state"] == "sealed"
    assert _vault_file(site, recording).is_file()
    assert _envelopes(site, recording)
    (epoch_key,) = {EpochKeyName(row["epoch_key"]) for row in _envelopes(site, recording)}

    ahead.to(due_at)
    site.cli("purge")
    gone = settled(site, recording_id)
    assert (gone["state"], gone["erased_because"]) == ("purged", "due")
    assert timedelta() <= from_iso(gone["erased_at"]) - due_at < MINUTE
    assert not _vault_file(site, recording).exists()
    assert _envelopes(site, recording) == []
    assert _told_of(site, recording_id, "destruction_intended", "destroyed") == 2

    ends_at = epoch_of_name(epoch_key).ends_at
    if ends_at > ahead.now():
        ahead.to(ends_at)
    site.cli("purge")
    assert not (site.home / "epochs" / epoch_key).exists()


def _kept_for(told: Story) -> timedelta:
    return from_iso(_of(told)["due_at"]) - from_iso(told.row["started_at"])


def _must_be_days(told: Story, days: int) -> None:
    """See that it is the promise in days, never later; in the two nights a year an hour earlier."""
    promised = timedelta(days=days)
    assert promised - CLOCK_CHANGE - MINUTE < _kept_for(told) <= promised


def _told_of(site: Site, recording_id: str, *kinds: str) -> int:
    """Return how many entries of these kinds the ledger has about a recording."""
    entries = query(
        site,
        "SELECT kind FROM ledger JOIN ledger_payloads USING (seq) WHERE subject = ? ORDER BY seq",
        recording_id,
    )
    return sum(entry["kind"] in kinds for entry in entries)


def _envelopes(site: Site, recording: Row) -> list[Row]:
    return query(site, "SELECT * FROM envelopes WHERE recording_id = ?", recording["recording_id"])


def _vault_file(site: Site, recording: Row) -> Path:
    recording_id = str(recording["recording_id"])
    return site.vault / recording_id[:2] / f"{recording_id}.sealed"


def _of(told: Story) -> Row:
    assert told.recording is not None
    return told.recording


def _talk(site: Site, digits: str) -> Act:
    """Wait for what is decided, and talk to an agent for a while."""

    def act(call: Call) -> None:
        callers.decision(site, digits)
        call.listen(3.0)

    return act


def _withdraw(site: Site, digits: str) -> Act:
    """Talk to an agent, take it back, and stay to hear that it is gone."""

    def act(call: Call) -> None:
        callers.decision(site, digits)
        call.listen(3.0)
        call.dtmf("*9")
        call.listen(4.0)

    return act


def _put_through(site: Site, desks: Desks, digits: str) -> Act:
    """Talk to an agent of Nunspeet, who puts the call through to somebody outside the KCC."""

    def act(call: Call) -> None:
        callers.decision(site, digits)
        call.listen(6.0)
        heard = read_growing_wav(call.heard)
        user = max(
            ("agent1", "agent2"),
            key=lambda one: ears.find_sound(heard, read_wav(voice_file(one))).likeness,
        )
        desks[user].incoming().transfer(OUTSIDER)
        wait_until_heard(call, voice_file("agent3"))

    return act
