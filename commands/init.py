"""`consentline init`: an installation from nothing, or one policy more."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation, pass_invocation
from commands.identity.passphrase import passphrase_option, read_passphrase

if TYPE_CHECKING:
    from commands.installation import Asked, Fingerprint

_MEMORY = Path("/dev/shm")  # noqa: S108 - memory-backed on purpose; init makes a private folder in it
_PASSWORD_BYTES = 24


@click.command()
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A policy to serve, several times; to an installation that is there it is added.",
)
@click.option("--person", metavar="LOGIN", help="The first person: custodian of the reading keys.")
@passphrase_option
@click.option("--ari-url", metavar="URL", help="Asterisk's HTTP server.  [default: http://127.0.0.1:8088]")
@click.option("--ari-user", metavar="NAME", help="ARI user to make.  [default: consentline]")
@click.option("--ami-host", metavar="HOST", help="Where AMI listens.  [default: 127.0.0.1]")
@click.option("--ami-port", type=click.IntRange(1, 65535), help="Its port.  [default: 5038]")
@click.option("--ami-user", metavar="NAME", help="AMI user to make.  [default: consentline]")
@click.option(
    "--spool",
    type=click.Path(path_type=Path),
    help="Where Asterisk records; memory-backed.  [default: /dev/shm/consentline]",
)
@click.option("--asterisk-group", metavar="GROUP", help="OS group of Asterisk, which shares spool and marks.")
@pass_invocation
def init(invocation: Invocation, /, policies: tuple[Path, ...], **answers: object) -> None:
    """Make an installation around the config file: all of it, or nothing.

    Makes folders, database, epoch folder, a key of their own for the first person, one reading
    key for each role that hears recordings, the key that signs the ledger, the config file, and
    the snippets that Asterisk includes. The first person is custodian: holds each role's key
    until somebody who wears the role does, see `keys grant`. What is not given is asked on a
    terminal. Passwords of the ARI and AMI users are made up, unless CONSENTLINE_ARI_PASSWORD and
    CONSENTLINE_AMI_PASSWORD hold them. Nothing that is there is overwritten; with --policy, an
    installation that is there gets one more policy, or the keys of roles that a policy has got
    since.

    \b
    Example:
      consentline --config /etc/consentline/consentline.toml init \\
          --policy eindhoven.toml --person anna --asterisk-group asterisk
    """
    from commands import installation
    from policy.clock import SystemClock, SystemRandomness
    from policy.errors import StateConflict
    from store.persons.people import parse_id

    path = invocation.config_path
    is_there = path.exists()
    if is_there and not policies:
        raise StateConflict(
            f"{path}: is there already",
            hint="init overwrites nothing; to add a policy to it: consentline init --policy FILE",
        )
    asked = None if is_there else _asked(answers)
    person = _answer(answers["person"], "Login of the first person", None, "--person")
    descriptor = answers["passphrase_fd"]
    passphrase = read_passphrase(
        descriptor if isinstance(descriptor, int) else None, whose=person, is_new=not is_there
    )
    holder = installation.Holder(person=parse_id(person), passphrase=passphrase)
    clock, randomness = SystemClock(), SystemRandomness()
    if asked is None:
        made = installation.add(invocation.config(), policies, holder, clock=clock, randomness=randomness)
    else:
        made = installation.create(path, asked, policies, holder, clock=clock, randomness=randomness)
        click.echo(f"ledger\t{installation.vkey(invocation.config(), clock) or '-'}")
    _print_next_steps(path, made, is_new=not is_there, asked=asked)


def _asked(answers: dict[str, object]) -> Asked:
    from commands.installation import Asked
    from policy.clock import SystemRandomness

    def password(name: str) -> str:
        given = os.environ.get(name)
        return given or SystemRandomness().token(_PASSWORD_BYTES).hex()

    spool = _MEMORY / "consentline" if _MEMORY.is_dir() else Path("spool").absolute()
    return Asked(
        ari_url=_answer(answers["ari_url"], "ARI address", "http://127.0.0.1:8088"),
        ari_user=_answer(answers["ari_user"], "ARI user", "consentline"),
        ari_password=password("CONSENTLINE_ARI_PASSWORD"),
        ami_host=_answer(answers["ami_host"], "AMI host", "127.0.0.1"),
        ami_port=_port(answers["ami_port"]),
        ami_user=_answer(answers["ami_user"], "AMI user", "consentline"),
        ami_password=password("CONSENTLINE_AMI_PASSWORD"),
        spool=Path(_answer(answers["spool"], "Spool", str(spool))).absolute(),
        group=_answer(answers["asterisk_group"], "OS group of Asterisk (empty: none)", "") or None,
    )


def _answer(given: object, question: str, usual: str | None, option: str = "") -> str:
    """Return what was given, else what a person answers, else what is usual."""
    if given is not None:
        return str(given)
    if sys.stdin.isatty():
        return str(click.prompt(question, default=usual, err=True))
    if usual is None:
        raise click.UsageError(f"{option}: must be given, there is no terminal to ask on")
    return usual


def _port(given: object) -> int:
    if given is None and sys.stdin.isatty():
        return int(click.prompt("AMI port", default=5038, type=click.IntRange(1, 65535), err=True))
    return given if isinstance(given, int) else 5038


def _print_next_steps(
    path: Path, made: tuple[Fingerprint, ...], *, is_new: bool, asked: Asked | None
) -> None:
    """Print each key's fingerprint on stdout, and what to do next on stderr."""
    for key in made:
        click.echo(f"{key.policy}\t{key.role}\t{key.fingerprint}")
    snippets = path.absolute().parent / "asterisk"
    steps = ["Compare these fingerprints with what doctor shows, out of band."]
    if is_new:
        steps += [
            "Keep the line of the ledger elsewhere, too: with it anybody verifies checkpoints and receipts.",
            "Name a target off this host under [ledger] in the config file: see docs/ledger.md.",
            f"Include {snippets}/NAME.conf in Asterisk's NAME.conf with #tryinclude, and reload it.",
            "Add the line Gosub(consentline,s,1) to your dialplan.",
        ]
        if asked is not None and asked.spool.is_relative_to(_MEMORY):
            steps.append(f"{asked.spool} goes at every reboot: have systemd-tmpfiles make it again.")
        if os.geteuid() == 0:
            steps.append("Give everything to the daemon's own login; it need not and should not be root.")
    else:
        steps.append(f"Reload Asterisk: the snippets in {snippets} are new.")
    steps += [
        "Make the prompts: consentline prompts build",
        "Then: consentline serve, and consentline doctor",
    ]
    for step in steps:
        click.echo(step, err=True)
