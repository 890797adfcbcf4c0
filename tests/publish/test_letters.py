"""Letters about requests, of five organisations in two languages: true, and readable for a citizen."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from policy.identity import Identity
from policy.load import load_policy
from policy.model import Policy
from policy.refusals import RefusalGround
from policy.rights import REQUESTABLE, Right
from publish.letters import GROUNDS, Answer, CallTold, Told, in_full, letter
from publish.markdown import markdown
from publish.web_page import web_page
from publish.words import Language
from tests.conftest import ROOT

FIVE = {
    name: load_policy(ROOT / "policies" / f"{name}.toml")
    for name in ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
}
CALL = CallTold(
    started_at=datetime(2026, 11, 21, 17, 29, tzinfo=UTC),
    duration_ms=87_000,
    folder="gesprek-1",
    notice="U belt met <script>",
    chosen=None,
    kept_until=datetime(2026, 11, 28, tzinfo=UTC),
)
TOLD = Told(
    answer=Answer.COPY,
    language=Language.NL,
    reference="2026-118",
    right=Right.ACCESS,
    received_on=date(2026, 11, 21),
    written_on=date(2026, 12, 1),
    calls=(CALL,),
    silenced="agent",
)
SIX_WEEKS = {Language.NL: "zes weken", Language.EN: "six weeks"}


@pytest.mark.parametrize("policy", FIVE.values(), ids=FIVE)
@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("answer", Answer)
def test_each_answer_names_the_organisation_the_reference_and_what_can_be_done(
    policy: Policy, language: Language, answer: Answer
) -> None:
    ground = RefusalGround.EXEMPT if answer is Answer.REFUSED else None
    told = replace(TOLD, answer=answer, language=language, ground=ground, decide_by=date(2027, 2, 22))
    text = markdown(letter(policy, told))
    assert str(policy.identity.controller) in text
    assert "2026-118" in text
    assert "Autoriteit Persoonsgegevens" in text
    assert "FG" in text
    assert (SIX_WEEKS[language] in text) == (answer is not Answer.PUT_OFF)  # a delay is no decision
    ET.fromstring(web_page(letter(policy, told)).partition("\n")[2])  # noqa: S314 - our own page


def test_a_copy_says_what_is_in_it_how_it_was_asked_and_that_the_passphrase_comes_apart() -> None:
    text = markdown(letter(FIVE["eindhoven"], TOLD))
    assert "21 november 2026, 18:29" in text
    assert "1:27" in text
    assert "De stem van de medewerker is vervangen door stilte" in text
    assert "U drukte geen toets in." in text
    assert "Het wachtwoord staat niet in deze brief" in text
    assert "60 dagen" in text
    assert r"\<script\>" in text
    pressed = replace(TOLD, calls=(replace(CALL, chosen="2"),), silenced=None)
    text = markdown(letter(FIVE["eindhoven"], pressed))
    assert "U drukte op 2." in text
    assert "stilte" not in text


@pytest.mark.parametrize("right", REQUESTABLE)
def test_a_refusal_names_ground_article_and_the_officers_own_words(right: Right) -> None:
    for ground in (one for one in RefusalGround if one.fits(right)):
        told = replace(TOLD, answer=Answer.REFUSED, right=right, ground=ground, why="om deze reden", calls=())
        text = markdown(letter(FIVE["heerde"], told))
        assert GROUNDS[ground].nl in text
        assert ground.article(right) in text
        assert "om deze reden" in text


def test_every_ground_and_right_has_words_and_an_article() -> None:
    for ground in RefusalGround:
        assert GROUNDS[ground].nl and GROUNDS[ground].en
        for right in REQUESTABLE:
            if ground.fits(right):
                assert "AVG art." in ground.article(right)


def test_a_delay_says_until_when_and_why() -> None:
    told = replace(TOLD, answer=Answer.PUT_OFF, decide_by=date(2027, 2, 22), why="veel gesprekken", calls=())
    text = markdown(letter(FIVE["rvo"], told))
    assert "uiterlijk op 22 februari 2027" in text
    assert "veel gesprekken" in text


def test_who_is_no_public_body_points_at_the_court() -> None:
    policy = FIVE["rvo"]
    identity = Identity.model_validate(policy.identity.model_dump() | {"public_body": False}, strict=False)
    text = markdown(letter(policy.model_copy(update={"identity": identity}), TOLD))
    assert "artikel 35 UAVG" in text
    assert "bezwaar, gerekend" not in text


def test_dates_are_written_in_full() -> None:
    assert in_full(date(2027, 3, 1), Language.NL) == "1 maart 2027"
    assert in_full(date(2027, 3, 1), Language.EN) == "1 March 2027"
