"""The keys that agents have in a call, of five organisations."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.access import IncidentKind
from policy.agent_keys import AgentKey, agent_codes, flagged_as, incident_kinds
from policy.errors import ConfigError
from policy.load import load_policy
from tests.conftest import ROOT

WITHDRAW, FLAG, PAUSE = AgentKey.WITHDRAW, AgentKey.FLAG, AgentKey.PAUSE
FIVE = {
    "eindhoven": ({WITHDRAW: "*9", FLAG: "*8", PAUSE: "*7"}, IncidentKind.AGGRESSION),
    "groningen": ({FLAG: "*8", PAUSE: "*7"}, IncidentKind.AGGRESSION),
    "heerde": ({WITHDRAW: "*9", FLAG: "*8", PAUSE: "*7"}, IncidentKind.THREAT),
    "nunspeet": ({PAUSE: "*7"}, None),
    "rvo": ({WITHDRAW: "*9", FLAG: "*8", PAUSE: "*7"}, IncidentKind.THREAT),
}
SHORT = (ROOT / "tests" / "real" / "policies" / "kort.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FIVE)
def test_the_keys_of_each_organisations_agents(name: str) -> None:
    policy = load_policy(ROOT / "policies" / f"{name}.toml")
    assert (dict(agent_codes(policy)), flagged_as(policy)) == FIVE[name]


def test_a_key_to_point_calls_out_is_not_offered_where_nobody_may_look_into_any(tmp_path: Path) -> None:
    path = tmp_path / "kort.toml"
    path.write_text(SHORT, encoding="utf-8")
    policy = load_policy(path)
    assert policy.incidents.flag_code == "*8"
    assert incident_kinds(policy) == ()
    assert FLAG not in agent_codes(policy)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("*9", 'must neither begin nor end as consent.agent_withdraw_code ("*9"), got "*9"'),
        ("*91", 'must neither begin nor end as consent.agent_withdraw_code ("*9"), got "*91"'),
        ("*8", 'pause.code: must neither begin nor end as incidents.flag_code ("*8"), got "*8"'),
    ],
)
def test_codes_of_one_agent_that_hide_each_other_are_refused(tmp_path: Path, code: str, problem: str) -> None:
    path = tmp_path / "kort.toml"
    path.write_text(f'{SHORT}\n[pause]\ncode = "{code}"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    assert problem in str(caught.value)
