"""Gates that only tell, or that ask for a yes; and calls whose policy is in doubt, or is nobody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sandbox import deadline
from sandbox.site import Site
from sandbox.speech import read_wav
from tests.real import callers
from tests.real.callers import Callers, Row, holds, prompt_file, sha256
from tests.real.gate_stories import Story, leave, playing, press, visit

Told = Callable[[str], Story]
TALK_S = 3.0


@pytest.fixture(scope="module")
def story(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Twelve callers at once; those whom no policy serves are found by the number that they dialled."""
    with Callers(site, tmp_path_factory.mktemp("heard")) as troupe:

        def stranger(number: str, dialled: str) -> Story:
            return _nobodys(site, troupe, number, dialled)

        scenes = {
            "told": lambda: visit(site, troupe, "14050", "21", act=press("1", after_s=2.0)),
            "leaves when told": lambda: leave(site, troupe, "14050", "22", act=lambda call: call.listen(2)),
            "accepts": lambda: visit(site, troupe, "14030", "23", act=press("2", after_s=2.0)),
            "silent": lambda: visit(site, troupe, "14030", "24"),
            "wrong key": lambda: visit(site, troupe, "14030", "25", act=press("1", after_s=2.0)),
            "named": lambda: visit(site, troupe, "askort-14040", "26"),
            "named alone": lambda: visit(site, troupe, "askort-99997", "27"),
            "conflict": lambda: stranger("asaankondiging-14040", "14040"),
            "misnamed": lambda: stranger("asnietbestaand-14060", "14060"),
            "unknown": lambda: stranger("99998", "99998"),
            "unknown by AGI": lambda: stranger("agi99996", "99996"),
            "conflict by AGI": lambda: stranger("agiaskort-14030", "14030"),
        }
        with playing(scenes) as told:
            yield told


def test_an_announcement_is_heard_and_recorded_and_no_key_matters(site: Site, story: Told) -> None:
    told = story("told")
    (decided,) = told.decisions
    assert (told.decided, decided["digit"]) == ("announced", None)
    assert decided["audio_sha256"] == sha256(prompt_file(site, "aankondiging"))
    assert told.heard_whole(prompt_file(site, "aankondiging"))
    assert told.shown["CONSENTLINE_DECISION"] == "announced"
    assert _is_sealed(told)


def test_who_leaves_while_being_told_is_not_recorded(story: Told) -> None:
    told = story("leaves when told")
    assert told.decided == "caller_gone"
    assert told.unrecorded


def test_a_yes_is_recorded_as_accepted_at_once(site: Site, story: Told) -> None:
    told = story("accepts")
    (decided,) = told.decisions
    assert (told.decided, decided["digit"]) == ("accepted", "2")
    assert 1500 < decided["digit_offset_ms"] < 3500
    assert not told.heard_whole(prompt_file(site, "toestemming"))
    assert told.shown["CONSENTLINE_DECISION"] == "accepted"
    assert _is_sealed(told)


@pytest.mark.parametrize("who", ["silent", "wrong key"])
def test_without_a_yes_nothing_is_recorded(site: Site, story: Told, who: str) -> None:
    told = story(who)
    (decided,) = told.decisions
    assert (told.decided, decided["digit"]) == ("refused", None)
    assert told.heard_whole(prompt_file(site, "toestemming"))
    assert told.unrecorded
    assert told.reached_an_agent


@pytest.mark.parametrize(("who", "dialled"), [("named", "14040"), ("named alone", "99997")])
def test_the_dialplan_may_name_the_policy(site: Site, story: Told, who: str, dialled: str) -> None:
    told = story(who)
    assert (told.row["policy"], told.row["number"]) == ("kort", dialled)
    assert told.decisions[0]["policy_hash"] == sha256(site.home / "policies" / "kort.toml")
    assert told.decided == "not_refused"
    assert _is_sealed(told)


@pytest.mark.parametrize("who", ["conflict", "misnamed", "conflict by AGI"])
def test_number_and_policy_that_disagree_are_an_error_an_alarm_and_no_recording(
    site: Site, story: Told, who: str
) -> None:
    told = story(who)
    assert told.decided == "error"
    (alarm,) = callers.alarms(site, "policy_conflict")  # one cause, one alarm
    assert "do not agree" in alarm["text"]
    _must_have_gone_on_unasked(site, told)


@pytest.mark.parametrize("who", ["unknown", "unknown by AGI"])
def test_a_number_that_nobody_claims_is_out_of_scope(site: Site, story: Told, who: str) -> None:
    told = story(who)
    assert told.decided == "out_of_scope"
    assert [alarm for alarm in callers.alarms(site) if alarm["call_id"] == told.row["call_id"]] == []
    _must_have_gone_on_unasked(site, told)


def _must_have_gone_on_unasked(site: Site, told: Story) -> None:
    """Unasked, unrecorded, at an agent; and nothing of the caller is kept, for no policy says how long."""
    assert told.unrecorded
    assert told.shown["CONSENTLINE_DECISION"] == told.decided
    assert told.shown["CONSENTLINE_ANNOUNCE"] == ""
    assert told.reached_an_agent
    assert not any(holds(told.heard, prompt_file(site, policy)) for policy in ("kort", "aankondiging"))
    (kept,) = callers.query(site, "SELECT * FROM calls WHERE call_id = ?", told.row["call_id"])
    assert [kept[name] for name in ("policy", "caller_sealed", "caller_tag", "caller_masked")] == [None] * 4


def _nobodys(site: Site, troupe: Callers, number: str, dialled: str) -> Story:
    call = troupe.place(number, "00")

    def found() -> Row | None:
        rows: list[Row] = site.cli("calls")
        mine = (row for row in rows if row["number"] == dialled and row["policy"] is None)
        return next((row for row in mine if row["decision"]), None)

    row = deadline.wait_until(found, within_s=20, what=f"a call to {number} is decided", every_s=0.5)
    assert row is not None
    call.listen(TALK_S)
    shown = callers.shown(site, row)
    call.hang_up()
    return Story(row=row, decisions=callers.evidence(site, row), heard=read_wav(call.heard), shown=shown)


def _is_sealed(told: Story) -> bool:
    return told.recording is not None and told.recording["state"] == "sealed" and len(told.spool) == 2
