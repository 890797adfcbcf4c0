"""The forbidden settings: found where they are set, and not where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.doctor.asterisk_files import AsteriskFiles
from commands.doctor.conf import conf_checks
from commands.doctor.diagnosis import Check, Verdict
from policy.config import AsteriskAccess
from policy.load import load_policy
from policy.model import Policy

ACCESS = AsteriskAccess(
    ari_url="http://127.0.0.1:8088",
    ari_user="consentline",
    ari_password="ari-password",
    ami_user="consentline",
    ami_password="ami-password",
)
OURS = (
    '[applicationmap]\nconsentline-caller-star9 => *9,self,Gosub,"consentline-withdraw,caller,1"\n'
    "consentline-agent-star7 => *7,self,NoOp\nconsentline-agent-star8 => *8,self,NoOp\n"
)
WAITS = "[consentline-settings]\nexten => s,1,Return()\n same => n,Set(CONSENTLINE_PATIENCE_S=20)\n"
GATE = "[consentline]\nexten => s,1,Return()\n" + WAITS
SOUND = {
    "asterisk.conf": "[options]\nverbose = 3\n",
    "manager.conf": "[general]\nenabled = yes\n[consentline]\nread = call\nwrite = call\n",
    "ari.conf": "[general]\nenabled = yes\n[consentline]\ntype = user\n",
    "queues.conf": "[general]\n[kcc]\nmember => PJSIP/agent1\n",
    "features.conf": "[featuremap]\ndisconnect => #0\n" + OURS,
    "extensions.conf": "[in]\nexten => 14040,1,Gosub(consentline,s,1)\n same => n,Queue(kcc,thH)\n" + GATE,
}


@pytest.fixture
def policy(eindhoven_file: Path) -> Policy:
    return load_policy(eindhoven_file)


def _checks(tmp_path: Path, policy: Policy, **changed: str) -> list[Check]:
    for name, text in (SOUND | {f"{name}.conf": text for name, text in changed.items()}).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return conf_checks(AsteriskFiles(folder=tmp_path), ACCESS, [policy], patience_s=20)


def _problems(checks: list[Check]) -> list[str]:
    return [f"{check.name}: {check.found}" for check in checks if check.verdict is Verdict.PROBLEM]


def test_a_sound_installation_has_no_problem(tmp_path: Path, policy: Policy) -> None:
    assert {check.verdict for check in _checks(tmp_path, policy)} == {Verdict.OK}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("manager", "[consentline]\nread = call\nwrite = call,system\n", "may write system"),
        ("manager", "[consentline]\nread = call\nwrite = all\n", "may write all"),
        ("manager", "[t](!)\nwrite = command\n[consentline](t)\nread = call\n", "may write command"),
        ("manager", "[consentline]\nread = call,dtmf\nwrite = call\n", "reads dtmf"),
        ("manager", "[consentline]\nread = cdr\nwrite = call\n", "has no read = call"),
        ("manager", "[somebody]\nread = call\n", "has no [consentline]"),
        ("ari", "[general]\nenabled = yes\n", "has no [consentline]"),
        ("ari", "[consentline]\nread_only = yes\n", "is read only"),
        ("ari", "[general]\nenabled = no\n[consentline]\ntype = user\n", "switched off"),
        ("queues", "[general]\n[kcc]\nmonitor-format = wav49\n", "[kcc]: Queue() records by itself"),
        ("queues", "[t](!)\nmonitor-format = wav\n[kcc](t)\n", "[t], [kcc]: Queue() records by itself"),
        ("asterisk", "[options]\ncache_record_files = yes\n", "brings deleted files back"),
        ("features", OURS + "[featuremap]\nblindxfer => *9\n", "blindxfer has *9"),
        ("features", OURS + "park => *91,self,Park\n", "park has *91"),
        ("features", OURS + "park => *7,self,Park\n", "code of an agent *7: park has *7"),
        ("features", OURS.replace("*8,", "*6,"), "code of an agent *8: features.conf does not have it"),
        ("features", OURS, "disconnect has *"),
        ("features", "[featuremap]\ndisconnect => #0\n", "features.conf does not have it"),
        ("extensions", "[in]\nexten => 1,1,Answer()\n", "extensions.conf has no [consentline]"),
        ("extensions", GATE.replace("=20)", "=19)"), "it waits 19 s, the notices need 20 s"),
        ("extensions", GATE.replace(WAITS, ""), "it does not say how long"),
    ],
)
def test_each_forbidden_setting_is_found(
    tmp_path: Path, policy: Policy, name: str, text: str, told: str
) -> None:
    extensions = SOUND["extensions.conf"] + "exten => 2,1,Dial(PJSIP/agent1,20,b(x^s^1)tT)\n"
    problems = _problems(_checks(tmp_path, policy, **{"extensions": extensions, name: text}))
    assert any(told in line for line in problems), problems


def test_a_feature_that_nothing_in_the_dialplan_wakes_is_a_note(tmp_path: Path, policy: Policy) -> None:
    asleep = GATE + "[in]\nexten => 1,1,Dial(PJSIP/agent1,20,b(hH^s^1)x)\n"
    checks = _checks(tmp_path, policy, features=OURS, extensions=asleep)
    assert not _problems(checks)
    assert [check.found for check in checks if check.verdict is Verdict.NOTE] == [
        "no line of extensions.conf sends a call to the gate",
        *["disconnect has *: one hides the other"] * 3,
    ]


@pytest.mark.parametrize(
    ("extension", "wide"),
    [("_X.", True), ("_14!", True), ("_+31X./_0.", True), ("_140XX", False), ("14040", False), ("i", False)],
)
def test_a_pattern_that_takes_anything_to_the_gate_is_noted(
    tmp_path: Path, policy: Policy, extension: str, wide: bool
) -> None:
    lines = f"[in]\nexten => {extension},1,NoOp()\n same => n,Gosub(consentline,s,1)\n"
    other = "[out]\nexten => _X.,1,Dial(PJSIP/${EXTEN}@trunk)\n"
    checks = _checks(tmp_path, policy, extensions=lines + other + GATE)
    (check,) = [check for check in checks if check.name == "dialplan: numbers to the gate"]
    assert check.verdict is (Verdict.NOTE if wide else Verdict.OK)
    assert (f"[in] {extension}" in check.found) is wide
    assert "[out]" not in check.found


def test_two_policies_whose_codes_begin_alike_are_found(tmp_path: Path, eindhoven_file: Path) -> None:
    text = eindhoven_file.read_text(encoding="utf-8")
    other = tmp_path / "heerde.toml"
    other.write_text(text.replace('"*9"', '"*91"'), encoding="utf-8")
    for name, conf in SOUND.items():
        (tmp_path / name).write_text(conf, encoding="utf-8")
    checks = conf_checks(
        AsteriskFiles(folder=tmp_path),
        ACCESS,
        [load_policy(eindhoven_file), load_policy(other)],
        patience_s=20,
    )
    assert any("eindhoven has *9 and heerde has *91" in line for line in _problems(checks))
