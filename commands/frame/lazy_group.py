"""A click group that imports a command only when somebody asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are named in a table.

    Args:
        commands_at: From the words typed, such as `ledger verify`, to `module:attribute`.
        groups: From a first word of two to what its `--help` says.
        usual: From a first word to the second that is meant when none of the group's is typed.
    """

    def __init__(
        self,
        *args: Any,
        commands_at: Mapping[str, str] | None = None,
        groups: Mapping[str, str] | None = None,
        usual: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.usual_command: str | None = None
        self._commands_at = dict(commands_at or {})
        self._groups = dict(groups or {})
        self._usual = dict(usual or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the first words, in alphabetical order."""
        return sorted({words.partition(" ")[0] for words in self._commands_at})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, imported now, or None."""
        if cmd_name in self._groups:
            return self._group(cmd_name)
        where = self._commands_at.get(cmd_name)
        return _import(where) if where is not None else None

    def _group(self, name: str) -> click.Group:
        inner = {
            words.partition(" ")[2]: where
            for words, where in self._commands_at.items()
            if words.startswith(name + " ")
        }
        first = min(inner)
        example = f"\n\n\b\nExample:\n  consentline {name} {first} --help"
        if name in self._usual:
            example = f"\n\nWithout one of these words it does: {name} {self._usual[name]}.{example}"
        group = LazyGroup(name=name, help=self._groups[name] + example, commands_at=inner)
        group.usual_command = self._usual.get(name)
        return group

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual command before arguments that begin with none of the group's."""
        own = {*self._commands_at, *self.get_help_option_names(ctx)}
        if self.usual_command is not None and (not args or args[0] not in own):
            args = [self.usual_command, *args]
        return super().parse_args(ctx, args)


def _import(where: str) -> click.Command:
    module, _, attribute = where.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{where} must be a click command, got {command!r}")
    return command
