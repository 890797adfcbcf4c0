"""The command line: one group, its table of commands, and what becomes of an error.

Each command lies in a file of its own under `commands/` and is imported when it is
wanted, so that `--help` and completion stay quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from commands.frame.invocation import Invocation
from commands.frame.lazy_group import LazyGroup
from policy.errors import ConsentlineError

COMMANDS = {
    "alarms": "commands.alarms:alarms",
    "approvals ask": "commands.approvals.ask:ask",
    "approvals deny": "commands.approvals.deny:deny",
    "approvals grant": "commands.approvals.grant:grant",
    "approvals pending": "commands.approvals.pending:pending",
    "approvals take-back": "commands.approvals.take_back:take_back",
    "approvals yes": "commands.approvals.yes:yes",
    "asterisk-conf": "commands.snippets:asterisk_conf",
    "backup": "commands.backup:backup",
    "calls": "commands.calls:calls",
    "doctor": "commands.doctor.doctor:doctor",
    "erase": "commands.recordings.erase:erase",
    "export": "commands.recordings.export:export",
    "finalise": "commands.finalise:finalise",
    "handover approve": "commands.handover.approve:approve",
    "handover close": "commands.handover.close:close",
    "handover list": "commands.handover.list:list_handovers",
    "handover new": "commands.handover.new:new",
    "handover package": "commands.handover.package:package",
    "handover show": "commands.handover.show:show_handover",
    "holds list": "commands.holds.list:list_holds",
    "holds place": "commands.holds.place:place",
    "holds release": "commands.holds.release:release",
    "incident assess": "commands.incident.assess:assess",
    "incident export": "commands.incident.export:export_registrations",
    "incident flag": "commands.incident.flag:flag",
    "incident list": "commands.incident.list:list_incidents",
    "incident note": "commands.incident.note:note",
    "incident register": "commands.incident.register:register",
    "init": "commands.init:init",
    "keys grant": "commands.keys.grant:grant",
    "keys list": "commands.keys.list:list_keys",
    "keys revoke": "commands.keys.revoke:revoke",
    "keys rotate": "commands.keys.rotate:rotate",
    "ledger checkpoint": "commands.ledger.checkpoint:checkpoint",
    "ledger export": "commands.ledger.export:export_ledger",
    "ledger rotate-key": "commands.ledger.rotate_key:rotate_key",
    "ledger show": "commands.ledger.show:show_ledger",
    "ledger verify": "commands.ledger.verify:verify",
    "listen": "commands.recordings.listen:listen",
    "notices": "commands.notices:notices",
    "monitor ask": "commands.monitor.ask:ask",
    "monitor authorise": "commands.monitor.authorise:authorise",
    "order close": "commands.order.close:close",
    "order confirm": "commands.order.confirm:confirm",
    "order deviate": "commands.order.deviate:deviate",
    "order list": "commands.order.list:list_orders",
    "order package": "commands.order.package:package",
    "order register": "commands.order.register:register",
    "order show": "commands.order.show:show_order",
    "people add": "commands.people.add:add",
    "people add-line": "commands.people.lines:add_line",
    "people change": "commands.people.change:change",
    "people end-line": "commands.people.lines:end_line",
    "people enrol": "commands.people.enrol:enrol",
    "people give-hat": "commands.people.hats:give_hat",
    "people informed": "commands.people.informed:informed",
    "people list": "commands.people.list:list_people",
    "people passphrase": "commands.people.passphrase:passphrase",
    "people retire": "commands.people.retire:retire",
    "people show": "commands.people.show:show_person",
    "people take-hat": "commands.people.hats:take_hat",
    "policy apply": "commands.policy.apply:apply",
    "policy check": "commands.policy.check:check",
    "policy diff": "commands.policy.diff:diff",
    "policy explain": "commands.policy.explain:explain",
    "policy list": "commands.policy.list:list_policies",
    "policy show": "commands.policy.show:show_policy",
    "prompts build": "commands.prompts.build:build",
    "prompts check": "commands.prompts.check:check",
    "publish notice": "commands.publish.notice:notice",
    "publish privacy-statement": "commands.publish.statement:privacy_statement",
    "publish register": "commands.publish.register:register",
    "purge report": "commands.purge.report:report",
    "purge run": "commands.purge.run:purge",
    "receipt give": "commands.receipt.give:give",
    "receipt verify": "commands.receipt.verify:verify",
    "recordings find": "commands.recordings.find:find",
    "recordings heard": "commands.recordings.heard:heard",
    "recordings list": "commands.recordings.list:list_recordings",
    "recordings retrieve": "commands.recordings.retrieve:retrieve",
    "report access": "commands.report.counting:access",
    "report breach": "commands.report.breach:breach",
    "report calls": "commands.report.counting:calls",
    "report casework": "commands.report.counting:casework",
    "report compliance": "commands.report.compliance:compliance",
    "report consent": "commands.report.counting:consent",
    "report retention": "commands.report.counting:retention",
    "request close": "commands.request.close:close",
    "request confirm": "commands.request.confirm:confirm",
    "request extend": "commands.request.extend:extend",
    "request fulfil": "commands.request.fulfil:fulfil",
    "request identity": "commands.request.identity:identity",
    "request list": "commands.request.list:list_requests",
    "request new": "commands.request.new:new",
    "request refuse": "commands.request.refuse:refuse",
    "request show": "commands.request.show:show_one",
    "review calibrate": "commands.review.calibrate:calibrate",
    "review calibrations": "commands.review.calibrations:calibrations",
    "review compare": "commands.review.compare:compare",
    "review draw": "commands.review.draw:draw",
    "review fill": "commands.review.fill:fill",
    "review form": "commands.review.form:form",
    "review list": "commands.review.list:list_reviews",
    "review note": "commands.review.note:note",
    "review notes": "commands.review.notes:notes",
    "review show": "commands.review.show:show_review",
    "review verify-draw": "commands.review.verify_draw:verify_draw",
    "serve": "commands.serve:serve",
    "sweep": "commands.sweep:sweep",
    "vault make": "commands.vault.make:make",
    "vault serve": "commands.vault.serve:serve",
    "withdraw": "commands.recordings.withdraw:withdraw",
}
"""From what a person types to where the command is: `module:attribute`."""

GROUPS = {
    "approvals": "Words that people give each other for one recording.",
    "handover": "Giving out to the police and third parties: by two persons, with a chain of custody.",
    "holds": "Recordings kept beyond their term.",
    "incident": "Calls pointed out, and what was decided about them.",
    "keys": "The roles' keys: who holds them, and new ones.",
    "ledger": "The log that cannot be edited unnoticed.",
    "monitor": "Listening in on a call while it goes on.",
    "order": "Compulsory orders, obeyed only by a deviation that two persons put on record.",
    "people": "Who may do what, who answers where, and who was told.",
    "policy": "The policy files.",
    "prompts": "What callers and agents hear.",
    "recordings": "What there is, what you may see of it, and who heard it.",
    "publish": "What the organisation publishes, made from the policy that runs.",
    "purge": "What is due is destroyed, and what was destroyed is told.",
    "vault": "Sealed recordings on a host of their own.",
    "request": "What data subjects ask for, and how it was settled.",
    "receipt": "The signed proof that one recording is gone.",
    "report": "What was counted: for management, and for who gives account.",
    "review": "Calls drawn at random, listened to, scored and shown.",
}

USUAL = {"purge": "run", "receipt": "give", "recordings": "list"}
"""What a group does when its first word is none of its commands: `consentline purge --dry-run`."""

COMPLETION_VARIABLE = "_CONSENTLINE_COMPLETE"

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"consentline {version('consentline')}")
    context.exit()


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    groups=GROUPS,
    usual=USUAL,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CONSENTLINE_CONFIG",
    default="/etc/consentline/consentline.toml",
    show_default=True,
    show_envvar=True,
    help="The config file.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and leave.",
)
@click.pass_context
def consentline(context: click.Context, config_path: Path) -> None:
    """Consent-first call recording for Asterisk.

    Data goes to stdout, talk to stderr. Every error is one line, often with a hint,
    and an exit code of its own: see docs/exit-codes.md.

    \b
    Example:
      consentline --config /etc/consentline/consentline.toml recordings list
    """
    context.obj = Invocation(config_path=config_path)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = consentline.main(list(arguments), prog_name="consentline", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConsentlineError as error:
        _print_error(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except SystemExit:
        # Not standalone, click leaves by itself twice only: after completion, and after EPIPE.
        if COMPLETION_VARIABLE in os.environ:
            raise
        return _reader_left()
    return result if isinstance(result, int) else 0


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def _reader_left() -> int:
    # The interpreter would complain once more when it closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_BROKEN_PIPE


def _print_error(error: ConsentlineError) -> None:
    for line in error.text.splitlines():
        click.echo(f"Error: {line}", err=True)
    if error.hint is not None:
        click.echo(f"Hint: {error.hint}", err=True)


if __name__ == "__main__":
    main()
