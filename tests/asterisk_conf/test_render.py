from __future__ import annotations

import re
from pathlib import Path

import pytest

from asterisk_conf.render import SNIPPETS, render
from policy.config import Config, load_config
from policy.errors import ConfigError
from policy.load import load_policies
from policy.vocabulary import Outcome
from tests.conftest import ROOT

CONFIG = """
[paths]
spool = "/dev/shm/consentline"
[asterisk]
ari_url = "http://127.0.0.1:8088"
ari_user = "consentline"
ari_password = "{secret}"
ami_user = "consentline"
ami_password = "another-secret"
"""


def config(tmp_path: Path, secret: str = "a-long-secret") -> Config:
    path = tmp_path / "consentline.toml"
    path.write_text(CONFIG.format(secret=secret))
    return load_config(path)


def test_every_place_is_filled_in(tmp_path: Path) -> None:
    snippets = render(config(tmp_path), load_policies(ROOT / "policies"), patience_s=31)
    assert set(snippets) == set(SNIPPETS)
    for text in snippets.values():
        assert not re.search(r"@[A-Z_]+@", text)
    dialplan = snippets["extensions.conf"]
    assert "Set(CONSENTLINE_SPOOL=/dev/shm/consentline)" in dialplan
    assert "Set(CONSENTLINE_PATIENCE_S=31)" in dialplan


def test_every_withdrawal_code_of_every_policy_becomes_a_feature(tmp_path: Path) -> None:
    features = render(config(tmp_path), load_policies(ROOT / "policies"))["features.conf"]
    assert 'consentline-caller-star9 => *9,self,Gosub,"consentline-withdraw,caller,1(star9)"' in features
    assert 'consentline-agent-star9 => *9,peer,Gosub,"consentline-withdraw,agent,1(star9)"' in features


def test_a_policy_without_codes_gives_nobody_a_key(tmp_path: Path) -> None:
    dialplan = render(config(tmp_path), load_policies(ROOT / "policies"))["extensions.conf"]
    for name, key in (("eindhoven", "star9"), ("nunspeet", "none"), ("groningen", "none")):
        assert f"exten => {name},1,Set(CONSENTLINE_CALLER_KEY={key})\n" in dialplan
        assert f"\n same => n,Set(CONSENTLINE_AGENT_KEY={key})\n" in dialplan


def test_the_manager_user_has_class_call_and_nothing_else(tmp_path: Path) -> None:
    manager = render(config(tmp_path), load_policies(ROOT / "policies"))["manager.conf"]
    assert re.findall(r"^(read|write) = (.*)$", manager, re.MULTILINE) == [
        ("read", "call"),
        ("write", "call"),
    ]


def test_every_outcome_has_its_extension_and_only_permitting_ones_a_way_to_the_tape(tmp_path: Path) -> None:
    dialplan = render(config(tmp_path), load_policies(ROOT / "policies"))["extensions.conf"]
    for outcome in Outcome:
        assert f"exten => {outcome.value},1," in dialplan
        assert (f"[consentline-record-{outcome.value}]" in dialplan) == outcome.permits_recording


def test_on_every_way_out_the_dead_man_switch_is_cleared_first_and_hangs_nobody_up(tmp_path: Path) -> None:
    dialplan = render(config(tmp_path), load_policies(ROOT / "policies"))["extensions.conf"]
    contexts = dict(re.findall(r"^\[([\w-]+)\]\n(.*?)(?=^\[|\Z)", dialplan, re.MULTILINE | re.DOTALL))
    recording = {f"consentline-record-{outcome.value}" for outcome in Outcome if outcome.permits_recording}
    for name in ("consentline-away", "consentline-done", *sorted(recording)):
        first = re.findall(r"^exten => ([^,]+),1,(.*)$", contexts[name], re.MULTILINE)
        assert first
        for extension, application in first:
            if extension == "T":
                assert re.fullmatch(r"Goto\((consentline-away,)?s,1\)", application), name
            else:
                assert application == "Set(TIMEOUT(absolute)=0)", (name, extension)
    for name in ("consentline", "consentline-agi", "consentline-leave", "consentline-away", *recording):
        assert "\nexten => T,1," in contexts[name], name


def test_the_callers_own_words_stand_in_no_line_that_could_run_them(tmp_path: Path) -> None:
    dialplan = render(config(tmp_path), load_policies(ROOT / "policies"))["extensions.conf"]
    theirs = re.compile(r"CALLERID\(|\$\{CONSENTLINE_(CALLER_NAME|SAID|ONE_LINE)\}")
    lines = [line for line in dialplan.splitlines() if theirs.search(line) and not line.startswith(" ;")]
    assert lines
    for line in lines:
        unfiltered = re.sub(r"\$\{(FILTER\([^,]+,\$\{CALLERID\(dnid\)\}|LEN\(\$\{\w+\})\)\}", "", line)
        if theirs.search(unfiltered):
            plain = r".*=> .*(n|1)(\(\w+\))?,Set\((CALLERID\((name|\$\{EXTEN\})\)|CONSENTLINE_\w+)=[^?]*\)"
            assert re.fullmatch(plain, line), line


def test_a_filter_that_is_to_let_a_dash_through_has_it_where_it_begins_no_range(tmp_path: Path) -> None:
    dialplan = render(config(tmp_path), load_policies(ROOT / "policies"))["extensions.conf"]
    filters = re.findall(r"FILTER\(([^,]+),", dialplan)
    assert "A-Za-z0-9-._" in filters
    for allowed in filters:
        without_ranges = re.sub(r"A-Z|a-z|0-9|a-f", "", allowed)
        assert without_ranges.find("-") <= 0, allowed


@pytest.mark.parametrize("secret", ["short", "with;semicolon", "new\\nline-in-it", "öööööööö"])
def test_a_password_that_would_break_a_conf_file_is_refused(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ConfigError, match="asterisk.ari_password"):
        render(config(tmp_path, secret), load_policies(ROOT / "policies"))
