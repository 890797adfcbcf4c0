"""Targets of the ledger's checkpoints in the config file: what fits its kind, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.config import load_config
from policy.errors import ConfigError

REST = """
[paths]
spool = "/dev/shm/consentline"

[asterisk]
ari_url = "http://127.0.0.1:8088"
ari_user = "a"
ari_password = "b"
ami_user = "c"
ami_password = "d"

[ledger]
targets = [{targets}]
"""


def config_with(folder: Path, *targets: str) -> Path:
    path = folder / "consentline.toml"
    path.write_text(
        REST.replace("{targets}", ", ".join("{ " + one + " }" for one in targets)), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize(
    "target",
    [
        'name = "a", kind = "directory", to = "/mnt/kluis/consentline"',
        'name = "a", kind = "syslog", to = "tls://log.example:6514", ca_file = "/etc/ssl/own.pem"',
        'name = "a", kind = "syslog", to = "tcp://10.0.0.5:601"',
        'name = "a", kind = "syslog", to = "udp://[2001:db8::1]:514"',
        'name = "a", kind = "syslog", to = "unix:///dev/log"',
        'name = "a", kind = "https", to = "https://kluis.example/log", token_file = "/etc/token"',
    ],
)
def test_what_fits_is_taken(tmp_path: Path, target: str) -> None:
    (taken,) = load_config(config_with(tmp_path, target)).ledger.targets
    assert taken.name == "a"


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        (['kind = "directory", to = "/a"'], "ledger.targets.0.name: must be given"),
        (['name = "a", kind = "tape", to = "/a"'], "ledger.targets.0.kind: "),
        (['name = "a", kind = "directory", to = "mnt"'], "ledger.targets.0.to: must be an absolute folder"),
        (['name = "a", kind = "syslog", to = "/dev/log"'], "ledger.targets.0.to: must be tls://HOST:PORT"),
        (['name = "a", kind = "https", to = "http://kluis.example/"'], "must be an address such as https://"),
        (
            ['name = "a", kind = "syslog", to = "udp://h:1", ca_file = "x"'],
            "ledger.targets.0.ca_file: only with tls",
        ),
        (['name = "a", kind = "directory", to = "/a", token_file = "x"'], "token_file: only with https"),
        (
            ['name = "a", kind = "directory", to = "/a"'] * 2,
            "ledger.targets: each must have a name of its own",
        ),
        (['name = "A b", kind = "directory", to = "/a"'], "ledger.targets.0.name: "),
        (['name = "a", kind = "directory", too = "/a"'], 'unknown key, did you mean "to"?'),
    ],
)
def test_what_does_not_fit_is_one_clear_line(tmp_path: Path, targets: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config_with(tmp_path, *targets))
    (problem,) = caught.value.problems
    assert problem.startswith("consentline.toml: ledger.targets")
    assert line in problem
