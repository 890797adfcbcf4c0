"""What `doctor` reads in Asterisk's own conf files: the settings of facts 6, 12 and 16 of the design."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from commands.doctor import patience
from commands.doctor.asterisk_files import AsteriskFiles, Section
from commands.doctor.diagnosis import Check, note, ok, problem
from policy.agent_keys import AgentKey, agent_codes
from policy.config import AsteriskAccess
from policy.model import Policy

_SHELLS = ("system", "command", "config", "originate", "all")
"""AMI write classes through which a shell command can be run, or the conf files changed."""

_FEATURES = {
    "blindxfer": ("#", "tT"),
    "disconnect": ("*", "hH"),
    "atxfer": ("", "tT"),
    "automon": ("", "wW"),
    "automixmon": ("", "xX"),
    "parkcall": ("", "kK"),
}
"""Feature: its code when features.conf names none, and the options of Dial() and Queue() that wake it.

Source: Asterisk 22, main/features_config.c and the application help of Dial.
"""

_APPLICATION = re.compile(r"\b(Dial|Queue)\((.*)\)", re.IGNORECASE)
_TO_THE_GATE = re.compile(r"\bGosub\(consentline(-agi)?,", re.IGNORECASE)
_ANYTHING = re.compile(r"^_[^/]*[.!]\s*(?:/|$)")
_OUR_FEATURES = "consentline-"
_OPTIONS_AT = {"dial": 2, "queue": 1}


def conf_checks(
    files: AsteriskFiles, access: AsteriskAccess, policies: Iterable[Policy], *, patience_s: int
) -> list[Check]:
    """Return a check for each forbidden setting, whether it is set or not.

    Args:
        files: What Asterisk reads.
        access: Which users it has to have.
        policies: Whose withdrawal codes must collide with nothing.
        patience_s: How long the dialplan has to wait for the gate.

    Raises:
        OSError: If a conf file cannot be read.
    """
    return [
        *_ami_user(files, access.ami_user),
        _ari_user(files, access.ari_user),
        _queue_recording(files),
        _cached_recordings(files),
        *_gate(files, patience_s),
        *_codes(files, list(policies)),
    ]


def _ami_user(files: AsteriskFiles, user: str) -> Iterator[Check]:
    section = files.read("manager.conf").sections.get(user)
    if section is None:
        yield problem("AMI user", f"manager.conf has no [{user}]", "include the rendered manager.conf")
        return
    shells = [name for name in _classes(section, "write") if name in _SHELLS]
    if shells:
        found = f"[{user}] may write {', '.join(shells)}: whoever has its password has a shell"
        yield problem("AMI user: no shell", found, "give it: write = call")
    else:
        yield ok(
            "AMI user: no shell", f"[{user}] writes {', '.join(_classes(section, 'write')) or 'nothing'}"
        )
    listens = [name for name in _classes(section, "read") if name in ("dtmf", "all")]
    if listens:
        found = f"[{user}] reads {', '.join(listens)}: every digit of every call, voicemail PINs included"
        yield problem("AMI user: no digits", found, "give it: read = call")
    else:
        yield ok("AMI user: no digits", f"[{user}] reads {', '.join(_classes(section, 'read')) or 'nothing'}")
    for kind in ("read", "write"):
        if not {"call", "all"} & set(_classes(section, kind)):
            yield problem(f"AMI user: {kind}s calls", f"[{user}] has no {kind} = call", f"add: {kind} = call")


def _classes(section: Section, kind: str) -> list[str]:
    """Return the classes of a manager user; a second line replaces the first."""
    return [word.strip().lower() for word in (section.get(kind) or "").split(",") if word.strip()]


def _ari_user(files: AsteriskFiles, user: str) -> Check:
    conf = files.read("ari.conf")
    if user not in conf.sections:
        return problem("ARI user", f"ari.conf has no [{user}]", "include the rendered ari.conf")
    if conf.is_on(user, "read_only", default=False):
        return problem("ARI user", f"[{user}] is read only", "set: read_only = no")
    if not conf.is_on("general", "enabled", default=True):
        return problem("ARI user", "ARI is switched off in ari.conf", "set in [general]: enabled = yes")
    return ok("ARI user", f"[{user}] may write")


def _queue_recording(files: AsteriskFiles) -> Check:
    name = "queues.conf: monitor-format"
    sections = files.read("queues.conf").sections.values()
    recording = [f"[{section.name}]" for section in sections if section.get("monitor-format")]
    if recording:
        found = f"{', '.join(recording)}: Queue() records by itself, whatever the caller said"
        return problem(name, found, "remove monitor-format")
    if files.read("extconfig.conf").get("settings", "queues"):
        found = "queues come from a database (extconfig.conf)"
        return note(name, found, "see that its column monitor_format is empty")
    return ok(name, "no queue records by itself")


def _cached_recordings(files: AsteriskFiles) -> Check:
    name = "asterisk.conf: cache_record_files"
    if files.read("asterisk.conf").is_on("options", "cache_record_files", default=False):
        found = "yes: Asterisk writes plaintext elsewhere and brings deleted files back"
        return problem(name, found, "set in [options]: cache_record_files = no")
    return ok(name, "no")


def _gate(files: AsteriskFiles, patience_s: int) -> Iterator[Check]:
    """Yield whether calls can come to the gate, wait there long enough, and are sent there by some line."""
    sections = files.read("extensions.conf").sections
    if "consentline" not in sections:
        found = "extensions.conf has no [consentline]"
        yield problem("dialplan: the gate", found, "include the rendered extensions.conf")
        return
    yield ok("dialplan: the gate", "[consentline] is there")
    yield _patience(sections.get("consentline-settings", Section(name="")), patience_s)
    senders = [
        name
        for name, section in sections.items()
        if any(_TO_THE_GATE.search(value) for _, value in section.settings)
    ]
    if senders:
        yield ok("dialplan: calls to the gate", f"from {', '.join(f'[{name}]' for name in senders[:6])}")
        yield _exactness(sections)
    else:
        found = "no line of extensions.conf sends a call to the gate"
        yield note("dialplan: calls to the gate", found, "add: Gosub(consentline,s,1)")


def _exactness(sections: Mapping[str, Section]) -> Check:
    """Return whether what is dialled can be anything at all, line breaks included, on its way to the gate."""
    name = "dialplan: numbers to the gate"
    to_the_gate = (
        (section.name, extension)
        for section in sections.values()
        for extension in _extensions_to_the_gate(section)
    )
    wide = sorted(
        {f"[{section}] {extension}" for section, extension in to_the_gate if _ANYTHING.search(extension)}
    )
    if not wide:
        return ok(name, "matched digit by digit")
    found = f"{', '.join(wide[:6])}: who dials line breaks writes into what AMI tells (docs/asterisk.md)"
    return note(name, found, "match exact numbers, or X for each digit, instead of . and !")


def _extensions_to_the_gate(section: Section) -> Iterator[str]:
    """Yield the extension of each line that leads to the gate; `same` means the one before."""
    extension = ""
    for key, value in section.settings:
        if key.lower() == "exten":
            extension = value.partition(",")[0].strip()
        if _TO_THE_GATE.search(value):
            yield extension


def _patience(settings: Section, needed_s: int) -> Check:
    """Return whether a caller may stand at the gate for as long as the longest notice takes."""
    name = "dialplan: patience at the gate"
    stated = (
        stated_s for _, value in settings.settings if (stated_s := patience.stated_s(value)) is not None
    )
    waits_s = next(stated, None)
    if waits_s is None:
        return problem(name, "it does not say how long", "include the rendered extensions.conf")
    if waits_s < needed_s:
        found = f"it waits {waits_s} s, the notices need {needed_s} s: their callers are cut off unasked"
        return problem(name, found, "run: consentline prompts build, and reload the dialplan")
    return ok(name, f"{waits_s} s, the notices need {needed_s} s")


def _codes(files: AsteriskFiles, policies: Sequence[Policy]) -> Iterator[Check]:
    """Yield the collisions of the keys in mid-call with each other and with Asterisk's features."""
    codes: dict[str, str] = {}
    withdraw: set[str] = set()
    for policy in policies:
        agents = agent_codes(policy)
        mine = (policy.consent.withdraw_code, agents.get(AgentKey.WITHDRAW))
        withdraw |= {code for code in mine if code is not None}
        for code in (*sorted(withdraw), *agents.values()):
            codes.setdefault(code, policy.name)
    features = list(_features(files))
    application_map = files.read("features.conf").sections.get("applicationmap", Section(name=""))
    ours = {_code(value) for name, value in application_map.settings if name.startswith(_OUR_FEATURES)}
    for code, name in sorted(codes.items()):
        where = f"{'withdrawal code' if code in withdraw else 'code of an agent'} {code}"
        if code not in ours:
            means = "without the daemon nobody can withdraw" if code in withdraw else "callers hear the keys"
            found = f"features.conf does not have it: {means}"
            yield problem(where, found, "include the rendered features.conf in [applicationmap]")
        collisions = [
            problem(where, f"{name} has {code} and {other_name} has {other}: one hides the other")
            for other, other_name in sorted(codes.items())
            if other != code and other.startswith(code)
        ]
        for feature, other, is_awake in features:
            if code.startswith(other) or other.startswith(code):
                found = f"{feature} has {other}: one hides the other"
                advice = f"give {feature} another code in features.conf, or the policy another one"
                collisions.append((problem if is_awake else note)(where, found, advice))
        yield from collisions or [ok(where, "no feature has a code that begins alike")]


def _features(files: AsteriskFiles) -> Iterator[tuple[str, str, bool]]:
    """Yield each feature with its code, and whether some Dial() or Queue() of the dialplan wakes it."""
    conf = files.read("features.conf")
    awake = set(_options_used(files))
    for feature, (usual, letters) in _FEATURES.items():
        code = conf.get("featuremap", feature, usual)
        if code:
            yield feature, code, bool(awake & set(letters))
    application_map = conf.sections.get("applicationmap", Section(name="applicationmap"))
    for feature, value in application_map.settings:
        if not feature.startswith(_OUR_FEATURES):
            yield feature, _code(value), True


def _code(value: str) -> str:
    """Return the code of an application map's line: `*9,self,Gosub,"..."` gives `*9`."""
    return value.partition(",")[0].strip()


def _options_used(files: AsteriskFiles) -> Iterator[str]:
    """Yield each option letter that a Dial() or Queue() of the dialplan is given."""
    for section in files.read("extensions.conf").sections.values():
        for _, value in section.settings:
            for match in _APPLICATION.finditer(value):
                arguments = _split(match[2])
                at = _OPTIONS_AT[match[1].lower()]
                if len(arguments) > at:
                    yield from _without_brackets(arguments[at])


def _split(text: str) -> list[str]:
    """Return the arguments of an application; a comma inside brackets separates nothing."""
    arguments, depth = [""], 0
    for letter in text:
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += letter
    return arguments


def _without_brackets(text: str) -> str:
    """Return option letters without their arguments: `b(consentline-agent^s^1)tT` gives `btT`."""
    kept, depth = "", 0
    for letter in text:
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(letter, 0)
        if depth == 0 and letter.isalpha():
            kept += letter
    return kept
