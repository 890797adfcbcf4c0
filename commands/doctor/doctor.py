"""`consentline doctor`: is everything in place, and what else keeps numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.frame.table import json_option
from policy.errors import ConfigError, ProblemsFound

if TYPE_CHECKING:
    from commands.doctor.asterisk_files import AsteriskFiles
    from commands.doctor.diagnosis import Check
    from policy.config import Config
    from policy.load import Policies


@click.command()
@click.option(
    "--asterisk-etc",
    type=click.Path(file_okay=False, path_type=Path),
    default="/etc/asterisk",
    show_default=True,
    help="Asterisk's own conf files.",
)
@click.option(
    "--logrotate",
    type=click.Path(file_okay=False, path_type=Path),
    default="/etc/logrotate.d",
    show_default=True,
    help="Where it says how long logs are kept.",
)
@click.option(
    "--sandbox",
    is_flag=True,
    help="Nobody real calls here: what only real callers need, such as a person's voice, is a note.",
)
@json_option
@pass_invocation
def doctor(invocation: Invocation, asterisk_etc: Path, logrotate: Path, sandbox: bool, as_json: bool) -> None:
    """Check the installation; exit code 11 when there is a problem.

    Looks at Asterisk (log in to ARI and AMI, version, application registered), at its conf
    files (settings under which plaintext escapes or the PBX can stall, keys that collide,
    snippets that config and policies would render otherwise by now), at the prompts
    (placeholder speech is a problem), at what the policies leave open and whether the files
    are those that run, at the reading keys (compare their fingerprints out of band), at the
    people (hats, lines, who was informed), at the folders, at backups, at the ledger's key and
    targets, at the alarms that stand, and at the places that keep telephone numbers beside
    Consentline: CDR, CEL, queue_log, the full log and astdb. A `note` is to be known, a
    `problem` has to change.

    \b
    Example:
      consentline doctor --asterisk-etc /etc/asterisk
    """
    from commands.doctor.diagnosis import show_checks

    config, policies = invocation.config(), invocation.policies()
    checks = [
        *_running(config),
        *_conf_files(config, policies, asterisk_etc, logrotate),
        *_prompts(config, policies, for_real=not sandbox),
        *_policies(invocation, policies),
        *_keys(config, policies),
        *_people(config, policies),
        *_notices(config, policies),
        *_storage(config, invocation.config_path),
        *_backups(config, policies),
        *_ledger(config),
        *_alarms(config),
    ]
    problems = show_checks(checks, as_json=as_json)
    if problems:
        raise ProblemsFound(f"{problems} of {len(checks)} checks found a problem")


def _running(config: Config) -> list[Check]:
    from commands.doctor.asterisk import asterisk_checks

    return asterisk_checks(config.asterisk)


def _conf_files(config: Config, policies: Policies, etc: Path, logrotate: Path) -> list[Check]:
    from commands.doctor import patience
    from commands.doctor.asterisk_files import AsteriskFiles
    from commands.doctor.conf import conf_checks
    from commands.doctor.diagnosis import problem
    from commands.doctor.logrotate import rotations
    from commands.doctor.records import record_checks

    files = AsteriskFiles(folder=etc)
    if not files.has("asterisk.conf"):
        advice = "name Asterisk's folder with --asterisk-etc"
        return [problem("Asterisk's conf files", f"{etc}: holds no asterisk.conf", advice)]
    try:
        stanzas = [path.read_text(encoding="utf-8") for path in sorted(logrotate.glob("*")) if path.is_file()]
        serving = list(policies.by_name.values())
        needed_s = patience.needed_s(config.path("prompts"), serving)
        return [
            *conf_checks(files, config.asterisk, serving, patience_s=needed_s),
            *_snippets(config, policies, files),
            *record_checks(files, rotations(stanzas)),
        ]
    except OSError as error:
        found = f"{error.filename}: cannot be read: {error.strerror}"
        return [problem("Asterisk's conf files", found, "run doctor as root")]


def _snippets(config: Config, policies: Policies, files: AsteriskFiles) -> list[Check]:
    from commands import installation
    from commands.doctor.diagnosis import problem
    from commands.doctor.snippets import snippet_checks

    try:
        rendered = installation.rendered(config, policies)
    except ConfigError as error:
        return [problem("snippets", error.text)]
    return snippet_checks(files, rendered, ami_user=config.asterisk.ami_user)


def _prompts(config: Config, policies: Policies, *, for_real: bool) -> list[Check]:
    from commands.doctor.prompts import prompt_checks

    return prompt_checks(config.path("prompts"), policies.by_name.values(), for_real=for_real)


def _policies(invocation: Invocation, policies: Policies) -> list[Check]:
    from commands.doctor.policies import policy_checks
    from commands.policy.in_force import in_force
    from policy.clock import LOCAL_ZONE, SystemClock
    from policy.errors import ConsentlineError

    try:
        hashes = {name: version.content_hash for name, version in in_force(invocation).items()}
    except ConsentlineError:
        hashes = None  # that no daemon can be asked is told by its application, which is not registered
    today = SystemClock().now().astimezone(LOCAL_ZONE).date()
    here = not invocation.config().vault.command
    return policy_checks(policies.by_name.values(), hashes, today=today, vault_is_here=here)


def _keys(config: Config, policies: Policies) -> list[Check]:
    from commands.doctor.keys import key_checks

    return key_checks(config.path("database"), policies.by_name.values())


def _people(config: Config, policies: Policies) -> list[Check]:
    from commands.doctor.people import people_checks

    return people_checks(config.path("database"), policies.by_name.values())


def _notices(config: Config, policies: Policies) -> list[Check]:
    from commands.doctor.notices import notice_checks

    return notice_checks(config.notify, policies.by_name.values())


def _storage(config: Config, config_path: Path) -> list[Check]:
    from commands.doctor.storage import MOUNTS, mounts, storage_checks

    text = MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else ""
    return storage_checks(config, config_path, mounts(text))


def _backups(config: Config, policies: Policies) -> list[Check]:
    from commands.doctor.backups import backup_checks

    return backup_checks(config, policies)


def _ledger(config: Config) -> list[Check]:
    from commands.doctor.ledger import ledger_checks
    from policy.clock import SystemClock

    return ledger_checks(config, SystemClock())


def _alarms(config: Config) -> list[Check]:
    from commands.doctor.alarms import alarm_checks

    return alarm_checks(config.path("database"))
