"""As whom somebody acts: the person of their own login, or one that root names."""

from __future__ import annotations

from urllib.parse import urlencode

import click

as_person = click.option(
    "--as",
    "person",
    metavar="PERSON",
    help="The person who acts; left out: whoever's login this is. Only root may name another.",
)


def person_query(person: str | None, **also: str | None) -> str:
    """Return the query of a question, such as `?person=an`; nothing where there is none."""
    given = {name: value for name, value in {"person": person, **also}.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""
