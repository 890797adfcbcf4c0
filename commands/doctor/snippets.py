"""What `doctor` finds in the snippets that Asterisk has: would config and policies still render them so?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from commands.doctor import patience
from commands.doctor.asterisk_files import AsteriskFiles, Section, sections_of
from commands.doctor.diagnosis import Check, ok, problem

_ADVICE = "run: consentline asterisk-conf; then reload Asterisk"
_MOST_SHOWN = 90
_FILTER = "eventfilter(action(include)"


def snippet_checks(files: AsteriskFiles, rendered: Mapping[str, str], *, ami_user: str) -> list[Check]:
    """Return a check for each snippet that Asterisk reads; that it reads one at all is another check.

    Args:
        files: What Asterisk reads, wherever the snippets lie.
        rendered: What config and policies make of them now, by file name.
        ami_user: Whose events are filtered.

    Raises:
        OSError: If a conf file cannot be read.
    """
    return [
        *_dialplan(files, rendered["extensions.conf"]),
        *_features(files, rendered["features.conf"]),
        *_events(files, rendered["manager.conf"], ami_user),
    ]


def _dialplan(files: AsteriskFiles, rendered: str) -> Iterator[Check]:
    name = "dialplan: as rendered"
    there = files.read("extensions.conf").sections
    if "consentline" not in there:
        return
    stated_s = _stated_patience_s(there.get("consentline-settings", Section(name="")))
    if stated_s is not None:  # whether that is enough is a check of its own
        rendered = patience.restated(rendered, stated_s)
    for section in sections_of(rendered).values():
        has = there.get(section.name, Section(name=section.name)).settings
        for line, wanted in zip_longest(has, section.settings):
            if line != wanted:
                found = f"[{section.name}] has {_shown(line)}, config and policies say {_shown(wanted)}"
                yield problem(name, found, _ADVICE)
                return
    yield ok(name, "what config and policies say")


def _features(files: AsteriskFiles, rendered: str) -> Iterator[Check]:
    name = "features: as rendered"
    there = files.read("features.conf").sections.get("applicationmap", Section(name="")).settings
    wanted = sections_of(rendered, under="applicationmap")["applicationmap"].settings
    lacking = [f"{key} => {value}" for key, value in wanted if (key, value) not in there]
    if lacking:
        found = f"[applicationmap] has no {lacking[0]}"
        yield problem(name, found, _ADVICE)
    else:
        yield ok(name, "what the policies say")


def _events(files: AsteriskFiles, rendered: str, user: str) -> Iterator[Check]:
    """Yield whether every event comes that is needed; a user without filters gets them all."""
    name = "AMI user: events"
    there = files.read("manager.conf").sections.get(user)
    if there is None:
        return
    has, wanted = _filters(there), _filters(sections_of(rendered)[user])
    lacking = [key for key in wanted if key not in has]
    if has and lacking:
        yield problem(name, f"[{user}] has no {lacking[0]}: such events are not heard", _ADVICE)
    else:
        yield ok(name, f"[{user}] hears what is needed")


def _filters(section: Section) -> list[str]:
    return [key for key, _ in section.settings if key.lower().startswith(_FILTER)]


def _stated_patience_s(settings: Section) -> int | None:
    stated = (patience.stated_s(value) for _, value in settings.settings)
    return next((stated_s for stated_s in stated if stated_s is not None), None)


def _shown(setting: tuple[str, str] | None) -> str:
    if setting is None:
        return "nothing there"
    line = f"{setting[0]} => {setting[1]}"
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}..."
