"""What the group hands to every command: where the config file is, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from commands.frame.control import Daemon
    from commands.frame.records import Records
    from policy.config import Config
    from policy.load import Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One run of the command line.

    Attributes:
        config_path: The config file, read only by the commands that need it.
    """

    config_path: Path

    def config(self) -> Config:
        """Return the config file's content.

        Raises:
            ConfigError: If it cannot be used.
        """
        from policy.config import load_config

        return load_config(self.config_path)

    def policies(self) -> Policies:
        """Return every policy beside the config file.

        Raises:
            ConfigError: If one of the files cannot be used.
        """
        from policy.load import load_policies

        return load_policies(self.config().path("policies"))

    def daemon(self) -> Daemon:
        """Return a client of the daemon, here or behind the socket that ssh brings; nothing is connected yet.

        Raises:
            ConfigError: If the config file cannot be used.
        """
        from commands.frame.control import Daemon
        from policy.config import ListeningHost, load_place

        place = load_place(self.config_path)
        if isinstance(place, ListeningHost):
            return Daemon(place.socket_path, forwarded=True)
        return Daemon(place.path("socket"))

    @contextmanager
    def records(self) -> Iterator[Records]:
        """Give the daemon, or when it is not running, the records themselves under its lock.

        Raises:
            ConfigError: If the config file cannot be used.
            ConsentlineError: If neither can be had.
        """
        from commands.frame.control import DaemonAway

        daemon = self.daemon()
        try:
            daemon.status()
        except DaemonAway:
            if daemon.forwarded:
                raise
            from commands.frame.offline import Offline

            with Offline.opened(self.config()) as offline:
                yield offline
        else:
            yield daemon


pass_invocation = click.make_pass_decorator(Invocation)
