"""`consentline serve`: the daemon itself, in the foreground."""

from __future__ import annotations

import click

from commands.frame.invocation import Invocation, pass_invocation


@click.command()
@pass_invocation
def serve(invocation: Invocation) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C.

    A second daemon on the same database refuses to start (exit code 8). Calls go on
    whether or not it runs; while it does not, they are not recorded.

    \b
    Example:
      consentline --config /etc/consentline/consentline.toml serve
    """
    from daemon.service import serve as run

    run(invocation.config())
