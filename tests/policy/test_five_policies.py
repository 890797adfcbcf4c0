"""The five published texts as the PBX obeys them: each promise of `requirements.md` at its key."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime

import pytest

from policy.cited import NOT_IN_THE_FILE
from policy.identity import DataCategory, Occasion, Origin
from policy.load import load_policies
from policy.model import Policy, sources
from policy.purposes import Ground
from policy.retention import BackupMode, DataKind, SelectionList
from policy.reviews import Form, Judged, Seen
from policy.rights import AskingKeeps, Right
from policy.rules import (
    call_data_due_at,
    counts_as_kcc,
    due_at,
    heard_as,
    in_scope,
    objection_is_withdrawal,
    portable,
    rights_of,
)
from policy.scope import Answered, Direction
from policy.section import ASSUMED
from policy.sharing import Content, HandoverField, PoliceWhen, ThirdPartyWhen
from policy.vocabulary import ConsentMode
from policy.warnings import warnings
from tests.conftest import ROOT

FIVE = load_policies(ROOT / "policies")
EINDHOVEN, GRONINGEN, HEERDE, NUNSPEET, RVO = (
    FIVE.named(name) for name in ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
)
EACH = pytest.mark.parametrize("policy", FIVE.by_name.values(), ids=sorted(FIVE.by_name))
SEEDS = {
    "eindhoven": "001",
    "groningen": "002",
    "heerde": "000",
    "nunspeet": "004",
    "rvo": "003",
}
NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


def days(policy: Policy) -> float:
    return (due_at(policy, NOON) - NOON).total_seconds() / 86_400


def test_x7_one_installation_serves_all_five_by_number() -> None:
    numbers = {"14040": EINDHOVEN, "0503679111": GRONINGEN, "140578": HEERDE, "0341259911": NUNSPEET}
    for number, policy in numbers.items():
        assert FIVE.for_number(number) is policy
    assert FIVE.for_number("+31880424242") is RVO
    assert len(FIVE.by_name) == 5


def test_e6_g2_h2_n3_r2_each_term_of_keeping() -> None:
    assert [days(policy) for policy in (EINDHOVEN, GRONINGEN, HEERDE, NUNSPEET, RVO)] == [60, 2, 7, 30, 28]
    assert call_data_due_at(EINDHOVEN, NOON) == NOON.replace(year=2027)


def test_e1_e4_eindhoven_offers_a_key_to_refuse_and_one_to_withdraw() -> None:
    consent = EINDHOVEN.consent
    assert (consent.mode, consent.refuse_key) == (ConsentMode.OPT_OUT, "1")
    assert consent.withdraw_code
    assert consent.refusal_reaches_back


def test_e5_e8_eindhovens_grounds_and_its_conflicts() -> None:
    assert EINDHOVEN.purposes["training"].ground is Ground.CONSENT
    assert EINDHOVEN.purposes["answering"].ground is Ground.PUBLIC_TASK
    assert EINDHOVEN.purposes["answering"].about == (DataKind.CALL_DATA,)
    assert EINDHOVEN.sharing.police.when is PoliceWhen.INCIDENT
    assert any(conflict.source == "E8, E11" for conflict in EINDHOVEN.conflicts)
    assert objection_is_withdrawal(EINDHOVEN)


def test_e9_eindhovens_three_roads_and_who_hears_complaints() -> None:
    assert [road.kind.value for road in EINDHOVEN.rights.channels] == ["form", "email", "letter"]
    assert EINDHOVEN.identity.contacts.fg_email == "fg@eindhoven.nl"
    assert str(EINDHOVEN.rights.deadline) == "1m"


def test_g1_to_g10_groningen() -> None:
    assert GRONINGEN.grounds == {Ground.PUBLIC_TASK}
    (extension,) = GRONINGEN.extensions
    assert (extension.indicated_by, extension.decided_by, str(extension.lasts)) == ("agent", "head", "10wd")
    assert GRONINGEN.retention.fixed_end
    assert not GRONINGEN.holds.reasons
    assert not GRONINGEN.incidents.audio_in_register
    police = GRONINGEN.sharing.police
    assert (police.when, police.content) == (PoliceWhen.INCIDENT_WITH_REPORT, Content.DATA)
    assert HandoverField.REPORT_NUMBER in police.fields
    assert GRONINGEN.identity.storage is not None
    assert GRONINGEN.identity.storage.separate_server
    spoken = {DataCategory.BSN, DataCategory.FINANCIAL, DataCategory.MEDICAL, DataCategory.JUDICIAL}
    assert spoken <= set(GRONINGEN.data.may_be_spoken)


def test_h1_to_h9_heerde() -> None:
    assert HEERDE.grounds == {Ground.LEGITIMATE_INTEREST}
    assert set(HEERDE.holds.reasons) == {"misconduct", "threat", "exceptional"}
    assert HEERDE.hardship is not None
    assert not HEERDE.granted_deviations
    assert set(HEERDE.sharing.third_parties.when) == set(ThirdPartyWhen)
    assert HEERDE.sharing.police.when is PoliceWhen.NEVER
    assert HEERDE.reviews is not None
    assert set(HEERDE.reviews.scored_by) == {"line_manager", "senior_agent"}


def test_n1_only_inbound_calls_that_the_kcc_answers() -> None:
    assert [direction for direction in Direction if in_scope(NUNSPEET, direction)] == [Direction.INBOUND]
    assert counts_as_kcc(NUNSPEET, Answered(queue="kcc-nunspeet"), NOON)
    assert not counts_as_kcc(NUNSPEET, Answered(endpoint="PJSIP/wethouder"), NOON)
    assert len(NUNSPEET.all_numbers) == 1


def test_n2_there_is_no_key_but_an_address() -> None:
    consent = NUNSPEET.consent
    assert consent.mode is ConsentMode.ANNOUNCE
    assert (consent.refuse_key, consent.withdraw_code, consent.agent_withdraw_code) == (None, None, None)
    assert "nunspeet punt nl" in NUNSPEET.spoken("notice", "nl")


def test_n4_to_n12_nunspeet() -> None:
    assert NUNSPEET.backups.mode is BackupMode.NONE
    reviews = NUNSPEET.reviews
    assert reviews is not None
    assert (reviews.form, reviews.judged) == (Form.FIVE_A, Judged.MANNER)
    assert reviews.criteria == ("aanvang", "analyse", "antwoord", "afsluiting", "algemeen")
    assert {viewer.role: viewer.sees for viewer in reviews.viewers}["line_manager"] is Seen.NOTE
    assert (str(reviews.at_most_every), str(reviews.at_least_every)) == ("28d", "42d")
    assert reviews.live_when_asked
    assert reviews.live_when_recording_fails
    assert not reviews.live_on_refused_calls
    assert NUNSPEET.sharing.police.when is PoliceWhen.NEVER
    assert "Onder geen beding" in NUNSPEET.sharing.police.denial["nl"]
    assert NUNSPEET.balancing is not None
    assert NUNSPEET.balancing.task
    assert NUNSPEET.identity.processor is not None
    assert NUNSPEET.identity.processor.name == "TSV"
    assert set(NUNSPEET.staff.told_at) == set(Occasion)
    assert len(NUNSPEET.conflicts) == 4


def test_r1_nine_purposes_each_with_its_ground() -> None:
    grounds = [purpose.ground.value[-2] for purpose in RVO.purposes.values()]
    assert grounds == ["b", "f", "f", "f", "f", "e", "e", "c", "e"]
    assert "data_subject_request" not in RVO.purposes
    assert RVO.all_purposes["data_subject_request"].ground is Ground.LEGAL_OBLIGATION


def test_r3_to_r9_rvo() -> None:
    assert RVO.sharing.police.when is PoliceWhen.THREAT
    forms = RVO.retention.term(DataKind.REVIEW_FORMS)
    assert isinstance(forms, SelectionList)
    assert forms.period is None
    assert "no period filled in" in str(forms)
    assert RVO.reviews is not None
    assert RVO.reviews.form is Form.QM
    assert RVO.reviews.agent_agrees_to_reuse
    assert set(RVO.data.comes_from) == set(Origin)
    assert not RVO.data.obliged
    assert not RVO.data.automated_decisions
    assert RVO.identity.reference == "M10495"
    assert RVO.identity.controller is not None
    assert "Minister" in RVO.identity.controller


@EACH
def test_x8_x12_each_prompt_is_there_in_dutch_and_english_with_every_slot_filled(policy: Policy) -> None:
    for prompt in policy.prompts:
        for language in ("nl", "en"):
            words = policy.spoken(prompt, language)
            assert "{" not in words
            assert len(words) < 400
    notice = policy.spoken("notice", "nl")
    assert notice.startswith("U belt met de ")
    assert "Wij nemen dit gesprek op" in notice


@EACH
def test_sentences_in_dutch_are_short(policy: Policy) -> None:
    for prompt in policy.prompts:
        for sentence in re.split(r"[.?:] ", policy.spoken(prompt, "nl")):
            assert len(sentence.split()) <= 20, sentence


@EACH
def test_x9_no_published_word_calls_silence_consent(policy: Policy) -> None:
    told = " ".join(policy.spoken(prompt, "nl") for prompt in policy.prompts)
    assert "toestemming" not in told.lower()


@EACH
def test_x10_every_key_names_its_article_or_says_why_it_was_chosen(policy: Policy) -> None:
    cited = sources(policy)
    assert len({citation.key for citation in cited}) == len(cited) > 100
    tag = re.compile(
        r"\b[EGHNRX]\d|\bart\. \d|\bsections? |Betrokkenen|title page|head of the text|interpretation"
    )
    for citation in cited:
        if citation.source.startswith(ASSUMED):
            assert citation.assumed
            assert len(citation.source) > len(ASSUMED) + 3
        else:
            assert tag.search(citation.source), citation
        if not citation.in_file:
            assert citation.source == NOT_IN_THE_FILE or citation.assumed


@EACH
def test_g6_only_groningen_says_that_asking_does_not_by_itself_extend(policy: Policy) -> None:
    says = policy.rights.asking_keeps
    assert (says is AskingKeeps.UNTIL_CHECKED) is (policy.name == "groningen")


@EACH
def test_what_is_withdrawn_or_objected_to_is_heard_as_the_ground_has_it(policy: Policy) -> None:
    heard = Right.WITHDRAWAL if policy.name == "eindhoven" else Right.OBJECTION
    assert heard_as(policy, Right.WITHDRAWAL) is heard_as(policy, Right.OBJECTION) is heard
    assert heard_as(policy, Right.ACCESS) is Right.ACCESS
    assert portable(policy) is (policy.name in {"eindhoven", "rvo"})


@EACH
def test_x11_the_laws_rights_apply_whatever_the_text_omits(policy: Policy) -> None:
    rights = rights_of(policy)
    floor = {Right.INFORMATION, Right.ACCESS, Right.RECTIFICATION, Right.ERASURE, Right.RESTRICTION}
    assert floor | set(policy.rights.named) <= rights
    assert (Right.PORTABILITY in rights) is (policy.name in {"eindhoven", "rvo"})
    assert (Right.WITHDRAWAL in rights) is (policy.name == "eindhoven")
    assert Right.OBJECTION in rights


@EACH
def test_e8_a_conflict_names_a_key_that_is_there(policy: Policy) -> None:
    keys = [citation.key for citation in sources(policy)]
    for conflict in policy.conflicts:
        about = conflict.about
        assert any(key == about or key.startswith(f"{about}.") for key in keys), about


@EACH
def test_nothing_but_people_and_papers_is_left_to_fill_in(policy: Policy) -> None:
    open_questions = {
        "consent.mode",
        "identity.contacts",
        "identity.contacts.fg",
        "identity.storage.declared_by",
        "retention.review_forms",
        "works_council",
    }
    keys = {line.split(": ")[1] for line in warnings(policy)}
    assert {key for key in keys if not key.startswith("purposes.")} <= open_questions


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_quoted_stands_in_the_published_text(name: str) -> None:
    texts = ROOT.parent / "shared" / "seeds"
    if not texts.is_dir():
        pytest.skip("the source texts do not lie beside this tree")
    (text,) = texts.glob(f"{SEEDS[name]}_*.txt")
    published = " ".join(text.read_text(encoding="utf-8").split()).lower()
    tables = tomllib.loads((ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8"))
    for conflict in tables["conflicts"]:
        assert_quoted(conflict["says"], published)
        assert_quoted(conflict["but"], published)
    if denial := tables["sharing"]["police"].get("denial"):
        assert_quoted(denial["nl"], published)


def assert_quoted(passage: str, published: str) -> None:
    for part in passage.split("..."):
        assert " ".join(part.split()).lower().rstrip(".") in published, part
