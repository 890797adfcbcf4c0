"""What the `publish` commands share: the policy, the language, and writing files in one step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.frame.invocation import Invocation

if TYPE_CHECKING:
    from policy.model import Policy
    from publish.words import Language

language_option = click.option(
    "--lang",
    "language_code",
    type=click.Choice(["nl", "en"]),
    default="nl",
    show_default=True,
    help="Language of what is published.",
)
folder_option = click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder to write files into; what an earlier run wrote there is replaced.",
)


def published(invocation: Invocation, name: str, language_code: str) -> tuple[Policy, Language]:
    """Return the policy of that name that runs, and the language, once it has every text in it.

    Says on stderr where the file beside the config file is another version.

    Raises:
        ConfigError: If the policy lacks a text in that language.
        NotFound: If there is no such policy.
    """
    from commands.policy.in_force import running
    from policy.errors import ConfigError
    from publish.naming import missing_texts
    from publish.words import Language

    (policy, told), language = running(invocation, name), Language(language_code)
    if told is not None:
        click.echo(told, err=True)
    if missing := missing_texts(policy, language):
        raise ConfigError(*missing, hint="add these texts to the policy file, or publish in another --lang")
    return policy, language


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write each file in one step into a folder, made if need be, and print where it is.

    Raises:
        Unavailable: If it cannot be written; files written before stay whole.
    """
    from policy.errors import Unavailable

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            beside = folder / f".{name}.new"
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(folder / name)
            click.echo(str(folder / name))
    except OSError as error:
        where = error.filename or folder
        raise Unavailable(f"{where}: cannot be written: {error.strerror or error}") from error
