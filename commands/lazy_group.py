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
    """

    def __init__(
        self,
        *args: Any,
        commands_at: Mapping[str, str] | None = None,
        groups: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = dict(commands_at or {})
        self._groups = dict(groups or {})

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
        return LazyGroup(name=name, help=self._groups[name] + example, commands_at=inner)


def _import(where: str) -> click.Command:
    module, _, attribute = where.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{where} must be a click command, got {command!r}")
    return command
