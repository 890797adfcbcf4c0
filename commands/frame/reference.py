"""The two generated pages of docs/: every command's help, and every exit code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from policy.errors import ConsentlineError

WIDTH = 100

BESIDE_THE_TREE = (
    (0, "", "done, whole"),
    (2, "", "wrong option or argument on the command line; nothing was done"),
    (130, "", "interrupted by Ctrl-C"),
    (141, "", "whoever read the output left before its end"),
)


def command_pages(group: click.Group, name: str) -> str:
    """Return Markdown with the help of a group and of every command below it."""
    # A width of our own: the page must not depend on the terminal it was made on.
    settings = {**group.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return "\n".join(_pages(click.Context(group, info_name=name, **settings)))


def exit_codes() -> str:
    """Return a Markdown table of every exit code."""
    tree = [
        (kind.exit_code, f"`{kind.__name__}`", _first_line(kind))
        for kind in _tree(ConsentlineError)
        if kind.__module__ == ConsentlineError.__module__
    ]
    rows = [f"| {code} | {name} | {meaning} |" for code, name, meaning in sorted((*BESIDE_THE_TREE, *tree))]
    return "\n".join(["| exit code | error | meaning |", "|---|---|---|", *rows, ""])


def _tree(kind: type[ConsentlineError]) -> Iterator[type[ConsentlineError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _tree(inner)


def _first_line(kind: type[ConsentlineError]) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _pages(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}\n"
    yield f"```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _pages(click.Context(inner, info_name=name, parent=context))
