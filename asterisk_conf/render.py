"""The snippets an administrator includes, filled in from the config and the policies."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from policy.agent_keys import AgentKey, agent_codes
from policy.config import Config
from policy.errors import ConfigError
from policy.load import Policies
from policy.model import Policy

SNIPPETS = ("extensions.conf", "features.conf", "ari.conf", "manager.conf", "http.conf")
PATIENCE_S = 45
"""How long a caller may wait for the gate while a notice is not there yet, in seconds."""

_PLACE = re.compile(r"@([A-Z_]+)@")
_SECRET = re.compile(r"[A-Za-z0-9._~+/=-]{8,128}")
_KEY_NAMES = {"*": "star", "#": "hash"}


def render(config: Config, policies: Policies, *, patience_s: int = PATIENCE_S) -> Mapping[str, str]:
    """Return the text of each snippet, by file name.

    Args:
        config: Where things lie and which users Asterisk gets.
        policies: Whose withdrawal codes become features.
        patience_s: Longest notice plus reply window plus five seconds.

    Raises:
        ConfigError: If a user or password holds a character that means something in a conf file.
    """
    values = _values(config, policies, patience_s)
    folder = Path(__file__).parent
    return {
        name: _PLACE.sub(lambda place: values[place[1]], (folder / name).read_text(encoding="utf-8"))
        for name in SNIPPETS
    }


def _values(config: Config, policies: Policies, patience_s: int) -> dict[str, str]:
    access = config.asterisk
    for name in ("ari_user", "ari_password", "ami_user", "ami_password"):
        pattern = _SECRET if name.endswith("password") else re.compile(r"[A-Za-z0-9_-]{1,32}")
        if pattern.fullmatch(getattr(access, name)) is None:
            expected = (
                "8 to 128 of A-Z a-z 0-9 . _ ~ + / = -" if name.endswith("password") else "A-Z a-z 0-9 _ -"
            )
            raise ConfigError(f"consentline.toml: asterisk.{name}: must be {expected}, got something else")
    served = policies.by_name.values()
    caller = sorted({p.consent.withdraw_code for p in served if p.consent.withdraw_code})
    agent = sorted({p.consent.agent_withdraw_code for p in served if p.consent.agent_withdraw_code})
    asked = {code for p in served for key, code in agent_codes(p).items() if key is not AgentKey.WITHDRAW}
    swallowed = sorted(asked - {*agent})  # a code that withdraws under another policy is swallowed by that
    lines = [_feature("caller", code) for code in caller] + [_feature("agent", code) for code in agent]
    lines += [_swallowing_feature(code) for code in swallowed]
    scripts = Path(sys.prefix) / "bin"
    return {
        "APP": access.app,
        "TRUNKS": "&".join(access.trunks),
        "SPOOL": str(config.path("spool")),
        "MARKS": str(config.path("marks")),
        "PROMPTS": str(config.path("prompts")),
        "SOCKET": str(config.path("socket")),
        "AGI_CONSENT": str(scripts / "consentline-agi-consent"),
        "AGI_GATE_MARK": str(scripts / "consentline-agi-gate-mark"),
        "AGI_MONITOR": str(scripts / "consentline-agi-monitor"),
        "AGI_WITHDRAW": str(scripts / "consentline-agi-withdraw"),
        "PATIENCE_S": str(patience_s),
        "PREFIX_RECORDED": config.agents.prefix_recorded,
        "PREFIX_NOT_RECORDED": config.agents.prefix_not_recorded,
        "CALLER_FEATURES": "#".join(_feature_name("caller", code) for code in caller),
        "AGENT_FEATURES": "#".join(_feature_name("agent", code) for code in sorted({*agent, *swallowed})),
        "FEATURES": "\n".join(lines),
        "KEYS": "\n".join(_keys(policies.by_name[name]) for name in sorted(policies.by_name)),
        "ARI_USER": access.ari_user,
        "ARI_PASSWORD": access.ari_password,
        "AMI_USER": access.ami_user,
        "AMI_PASSWORD": access.ami_password,
        "HTTP_PORT": str(urlsplit(access.ari_url).port or 8088),
    }


def _keys(policy: Policy) -> str:
    """Return the extension that says which keys this policy's callers and agents have."""
    consent = policy.consent
    return (
        f"exten => {policy.name},1,Set(CONSENTLINE_CALLER_KEY={_key_name(consent.withdraw_code)})\n"
        f" same => n,Set(CONSENTLINE_AGENT_KEY={_key_name(consent.agent_withdraw_code)})\n"
        " same => n,Return()"
    )


def _key_name(code: str | None) -> str:
    """Return a code as it can stand in a name, such as `star9`; `none` where there is none."""
    return "none" if code is None else "".join(_KEY_NAMES.get(key, key) for key in code)


def _feature_name(who: str, code: str) -> str:
    return f"consentline-{who}-{_key_name(code)}"


def _feature(who: str, code: str) -> str:
    runs_on = "self" if who == "caller" else "peer"
    run = f"consentline-withdraw,{who},1({_key_name(code)})"
    return f'{_feature_name(who, code)} => {code},{runs_on},Gosub,"{run}"'


def _swallowing_feature(code: str) -> str:
    """Return the feature of a code that the daemon sees by itself: what is left is that nobody hears it."""
    return f"{_feature_name('agent', code)} => {code},self,NoOp"
