from __future__ import annotations

import itertools

import pytest

from policy.errors import ConfigError
from policy.evidence import Heard
from policy.load import Policies, load_policies
from policy.model import Consent
from policy.rules import outcome_of, select_policy, stricter
from policy.vocabulary import ConsentMode, Outcome
from tests.conftest import ROOT

OPT_OUT = Consent(mode=ConsentMode.OPT_OUT, refuse_key="1")
OPT_IN = Consent(mode=ConsentMode.OPT_IN, accept_key="2")
ANNOUNCE = Consent(mode=ConsentMode.ANNOUNCE)


def heard(*, finished: bool, window_over: bool, digit: str | None, hung_up: bool) -> Heard:
    return Heard(finished=finished, window_over=window_over, digit=digit, hung_up=hung_up)


def every_way_to_hear() -> list[Heard]:
    return [
        heard(finished=finished, window_over=window_over, digit=digit, hung_up=hung_up)
        for finished, window_over, digit, hung_up in itertools.product(
            (True, False), (True, False), (None, "1", "2", "5"), (True, False)
        )
    ]


def test_silence_is_recorded_only_in_opt_out_mode_after_the_whole_notice_and_the_window() -> None:
    silent = heard(finished=True, window_over=True, digit=None, hung_up=False)
    assert outcome_of(OPT_OUT, silent) is Outcome.NOT_REFUSED
    assert outcome_of(OPT_IN, silent) is Outcome.REFUSED
    assert outcome_of(ANNOUNCE, silent) is Outcome.ANNOUNCED


@pytest.mark.parametrize("way", every_way_to_hear())
def test_a_refusal_is_a_refusal_whatever_else_happened(way: Heard) -> None:
    if way.digit == "1":
        assert outcome_of(OPT_OUT, way) is Outcome.REFUSED


@pytest.mark.parametrize("way", every_way_to_hear())
@pytest.mark.parametrize("consent", [OPT_OUT, OPT_IN, ANNOUNCE])
def test_doubt_never_permits_a_recording(consent: Consent, way: Heard) -> None:
    permitted = outcome_of(consent, way).permits_recording
    if way.hung_up:
        assert not permitted
    if consent is OPT_IN:
        assert permitted == (way.digit == "2" and not way.hung_up)
    if consent is ANNOUNCE:
        assert permitted == (way.finished and not way.hung_up)
    if consent is OPT_OUT and permitted:
        assert way.finished
        assert way.window_over


@pytest.mark.parametrize("one", Outcome)
@pytest.mark.parametrize("other", Outcome)
def test_the_stricter_outcome_never_permits_what_one_of_them_forbids(one: Outcome, other: Outcome) -> None:
    both = stricter(one, other)
    assert both in (one, other)
    assert both is stricter(other, one)
    assert both.permits_recording == (one.permits_recording and other.permits_recording)


@pytest.fixture
def policies() -> Policies:
    return load_policies(ROOT / "policies")


def test_the_number_or_the_argument_selects_and_a_disagreement_is_an_error(policies: Policies) -> None:
    eindhoven = policies.named("eindhoven")
    assert select_policy(policies, number="14040", named="") is eindhoven
    assert select_policy(policies, number="14040", named="eindhoven") is eindhoven
    assert select_policy(policies, number="0880000000", named="eindhoven") is eindhoven
    assert select_policy(policies, number="0880000000", named="") is Outcome.OUT_OF_SCOPE
    assert select_policy(policies, number="14040", named="heerd") is Outcome.ERROR


def test_number_and_argument_that_name_two_policies_disagree() -> None:
    both = load_policies(ROOT / "sandbox" / "policies")
    assert select_policy(both, number="14050", named="toestemming") is Outcome.ERROR


def test_an_empty_folder_of_policies_is_an_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ConfigError, match="at least one policy file"):
        load_policies(tmp_path_factory.mktemp("none"))
