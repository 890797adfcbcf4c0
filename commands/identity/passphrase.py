"""Asking for a passphrase: on the terminal, unseen, or from a file descriptor; never on the command line."""

from __future__ import annotations

import os
import sys

import click

LONGEST_BYTES = 4096

passphrase_option = click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the passphrase from file descriptor N, up to its first line break.",
)


def read_passphrase(
    descriptor: int | None, *, whose: str, is_new: bool = False, option: str = "--passphrase-fd"
) -> str:
    """Return a passphrase.

    Args:
        descriptor: Where it stands, or None to ask on the terminal.
        whose: Whose it is, for the question.
        is_new: Whether to ask twice.
        option: What says where it stands.

    Raises:
        click.UsageError: If there is nobody to ask, or nothing to read.
    """
    if descriptor is not None:
        return _from_descriptor(descriptor)
    if not sys.stdin.isatty():
        raise click.UsageError(f"no terminal to ask for the passphrase of {whose} on; use {option}")
    question = f"New passphrase of {whose}" if is_new else f"Passphrase of {whose}"
    answer: str = click.prompt(question, hide_input=True, confirmation_prompt=is_new, err=True)
    return answer


def _from_descriptor(descriptor: int) -> str:
    try:
        content = b""
        while len(content) < LONGEST_BYTES and b"\n" not in content:
            piece = os.read(descriptor, LONGEST_BYTES)
            if not piece:
                break
            content += piece
    except OSError as error:
        raise click.UsageError(f"--passphrase-fd: {descriptor} cannot be read: {error.strerror}") from error
    line = content.partition(b"\n")[0].removesuffix(b"\r")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError("--passphrase-fd: must hold UTF-8") from error
    if not text:
        raise click.UsageError(f"--passphrase-fd: {descriptor} holds no passphrase")
    return text
