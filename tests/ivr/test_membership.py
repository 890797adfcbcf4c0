from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.membership import Party, Verdict, dialled_number, judge
from policy.model import Policy
from policy.rules import counts_as_kcc
from policy.scope import Answered, AnsweredBy, KccMember, Scope, TransferOutside
from policy.vocabulary import CallId, PolicyName
from tests.ivr.stage import policies

EINDHOVEN = policies().by_name[PolicyName("eindhoven")]
NOON = datetime(2026, 6, 15, 10, tzinfo=UTC)

names = st.sampled_from(["PJSIP/agent1", "PJSIP/agent2", "Local/agent1@kcc", "kcc", "kcc-night"])
numbers = st.sampled_from(["+31341259911", "0341259911", "0341259912", "101"])
days = st.none() | st.integers(-3, 3).map(lambda days: (NOON + timedelta(days=days)).date())


@st.composite
def members(draw: st.DrawFn) -> KccMember:
    key = draw(st.sampled_from(["endpoint", "queue", "queue_member", "dialled"]))
    value = draw(numbers if key == "dialled" else names)
    return KccMember.model_validate({key: value, "valid_until": draw(days)})


answers = st.builds(
    Answered,
    endpoint=st.none() | names,
    queue=st.none() | names,
    queue_member=st.none() | names,
    dialled=st.none() | numbers,
)
scopes = st.builds(
    Scope,
    answered_by=st.just(AnsweredBy.KCC),
    kcc=st.lists(members(), min_size=1, max_size=4).map(tuple),
    transfer_outside=st.sampled_from(TransferOutside),
)
parties = st.lists(answers, min_size=1, max_size=3).map(
    lambda ways: Party(channel_id=CallId("1.2"), answers=tuple(ways))
)
moments = st.integers(-100, 100).map(lambda hours: NOON + timedelta(hours=hours))


def kcc(**scope: object) -> Policy:
    given_scope = Scope.model_validate({"answered_by": "kcc", "kcc": [{"endpoint": "PJSIP/agent1"}], **scope})
    return EINDHOVEN.model_copy(update={"scope": given_scope})


def party(**answered: str) -> Party:
    return Party(channel_id=CallId("1.2"), answers=(Answered(**answered),))


@given(scope=scopes, who=parties, spoke=st.booleans(), at=moments)
def test_n1_nobody_who_is_no_member_is_recorded(scope: Scope, who: Party, spoke: bool, at: datetime) -> None:
    policy = EINDHOVEN.model_copy(update={"scope": scope})
    is_member = any(counts_as_kcc(policy, answered, at) for answered in who.answers)
    verdict = judge(policy, who, spoke_with_kcc=spoke, at=at)
    assert (verdict is Verdict.RECORDS) == is_member
    if not is_member and not spoke:
        assert verdict is Verdict.DROP
    if verdict is Verdict.GOES_ON:
        assert scope.transfer_outside is TransferOutside.GO_ON


@given(who=parties, spoke=st.booleans(), at=moments)
def test_where_anyone_may_answer_everybody_is_recorded(who: Party, spoke: bool, at: datetime) -> None:
    assert judge(EINDHOVEN, who, spoke_with_kcc=spoke, at=at) is Verdict.RECORDS


@pytest.mark.parametrize(
    ("transfer", "verdict"),
    [("stop_and_keep", Verdict.CONCLUDE), ("go_on", Verdict.GOES_ON), ("drop", Verdict.DROP)],
)
def test_a_transfer_outside_is_what_the_policy_says(transfer: str, verdict: Verdict) -> None:
    outsider = party(endpoint="PJSIP/wethouder")
    policy = kcc(transfer_outside=transfer)
    assert judge(policy, outsider, spoke_with_kcc=True, at=NOON) is verdict
    assert judge(policy, outsider, spoke_with_kcc=False, at=NOON) is Verdict.DROP


def test_validity_is_measured_at_the_entry() -> None:
    policy = kcc(kcc=[{"endpoint": "PJSIP/agent1", "valid_until": NOON}])
    agent = party(endpoint="PJSIP/agent1")
    just_before = NOON - timedelta(milliseconds=1)
    assert judge(policy, agent, spoke_with_kcc=False, at=just_before) is Verdict.RECORDS
    assert judge(policy, agent, spoke_with_kcc=False, at=NOON) is Verdict.DROP


@pytest.mark.parametrize(
    ("dial_string", "number"),
    [
        ("+31341259911@teams", "+31341259911"),
        ("PJSIP/+31341259911@teams", "+31341259911"),
        ("PJSIP/teams/sip:+31341259911@10.0.0.1:5060", "+31341259911"),
        ("agent1/sip:0341259911@127.0.0.1:5061;ob", "0341259911"),
        ("Local/0341259911@out/n", "0341259911"),
        ("SIP/teams/0341259911", "0341259911"),
        ("agent1", None),
        ("Local/agent1@sandbox-agents/n", None),
        ("", None),
    ],
)
def test_the_number_dialled_is_found_in_what_was_rung(dial_string: str, number: str | None) -> None:
    assert dialled_number(dial_string) == number


@given(st.text())
def test_any_dial_string_can_be_read(dial_string: str) -> None:
    number = dialled_number(dial_string)
    assert number is None or number in dial_string
