"""A key in shares: an OR of paths, each an AND of roles; and a share passed on to one person.

    key (32)  =  part of role 1  XOR  part of role 2  XOR ...      anew for each path
    share     =  HPKE to the role's reading key (part), 1136 + 32 bytes
    passed    =  HPKE to a person's own key (part), for one access

Why parts and not an envelope inside an envelope: parts open in any order and apart. The second
person opens their own part at their own desk and passes on that part alone, so neither of the
two ever needs the other's key; and who holds one role's key can re-seal that role's parts when
the key is rotated, without the others. All parts but one are random, so fewer than all of a
path tell nothing at all about the key.

A share's `info` names what it is for, which recording or call, the path and the role: moved to
another row it does not open. That of a passed share names the access and the person as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from policy.access import RoleName
from policy.clock import Randomness
from policy.errors import AccessRefused
from policy.key_groups import KeyPath, roles_of
from policy.vocabulary import CallId, RecordingId
from store.keys import KeyId, PrivateHalf, PublicHalf, encode, open_with, seal_to

AccessId = NewType("AccessId", str)
"""What one access is known by, from the asking to its end."""


class PathIncomplete(AccessRefused):
    """Not every role of a path is there with its key."""


class Purpose(Enum):
    """What a share is for; part of what is authenticated."""

    RECORDING = "recording"
    CALLER_NUMBER = "caller-number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the shared key opens.

    Attributes:
        id: A recording's or a call's.
    """

    purpose: Purpose
    id: RecordingId | CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One role's part of a path, sealed.

    Attributes:
        key_id: The reading key it is sealed to.
    """

    path: KeyPath
    role: RoleName
    key_id: KeyId
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One role's part of a path, opened: worthless without the others of that path.

    Attributes:
        data: As long as the key; left out of `repr`.
    """

    path: KeyPath
    role: RoleName
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedShare:
    """A part that its holder passed on: sealed to one person's own key, for one access."""

    path: KeyPath
    role: RoleName
    sealed: bytes = field(repr=False)


def recording(recording_id: RecordingId) -> Subject:
    """Return a recording as what a key opens."""
    return Subject(purpose=Purpose.RECORDING, id=recording_id)


def caller_number(call_id: CallId) -> Subject:
    """Return the number of a call's caller as what a key opens."""
    return Subject(purpose=Purpose.CALLER_NUMBER, id=call_id)


def share_info(subject: Subject, path: KeyPath, role: RoleName) -> bytes:
    """Return what a share is bound to; the associated data of its epoch wrap, too."""
    # Neither purpose nor path nor role holds a NUL, so no two shares give the same bytes.
    head = f"consentline/v1/share\x00{subject.purpose.value}\x00{path}\x00{role}\x00"
    return head.encode() + encode(subject.id)


def split(
    secret: bytes,
    subject: Subject,
    *,
    paths: Iterable[KeyPath],
    keys: Mapping[RoleName, PublicHalf],
    randomness: Randomness,
) -> tuple[Share, ...]:
    """Return the shares by which each whole path, and nothing less, opens a secret.

    Args:
        secret: A recording's key, or a caller's number.
        subject: What it is.
        paths: From `policy.key_groups`.
        keys: The public half of every role on them.
        randomness: For all parts but one of each path.
    """
    return tuple(
        Share(
            path=path,
            role=part.role,
            key_id=keys[part.role].key_id,
            sealed=seal_to(keys[part.role], part.data, share_info(subject, path, part.role)),
        )
        for path in paths
        for part in _parts(secret, path, randomness)
    )


def open_share(share: Share, subject: Subject, half: PrivateHalf) -> Part:
    """Return the part in a share.

    Raises:
        EnvelopeRefused: If it is damaged, or for another key, purpose, subject, path or role.
    """
    data = open_with(half, share.sealed, share_info(subject, share.path, share.role))
    return Part(path=share.path, role=share.role, data=data)


def join(path: KeyPath, parts: Iterable[Part]) -> bytes:
    """Return the secret that all parts of a path make.

    Raises:
        PathIncomplete: If a role of the path is missing.
    """
    by_role = {part.role: part.data for part in parts if part.path == path}
    missing = [role for role in roles_of(path) if role not in by_role]
    if missing:
        raise PathIncomplete(f"path {path}: needs the key of {' and '.join(missing)} as well")
    secret = bytes(len(by_role[roles_of(path)[0]]))
    for role in roles_of(path):
        secret = _xor(secret, by_role[role])
    return secret


def reseal(share: Share, subject: Subject, half: PrivateHalf, new: PublicHalf) -> Share:
    """Return the same part sealed to another reading key of the same role.

    Raises:
        EnvelopeRefused: If the share does not open.
    """
    part = open_share(share, subject, half)
    sealed = seal_to(new, part.data, share_info(subject, share.path, share.role))
    return Share(path=share.path, role=share.role, key_id=new.key_id, sealed=sealed)


def pass_on(part: Part, subject: Subject, *, access: AccessId, to: PublicHalf) -> PassedShare:
    """Return a part for one other person and one access; nobody else can take it.

    Args:
        part: What the holder of this role opened.
        subject: What the key opens.
        access: The access that this is for.
        to: The other person's own public half, not a role's.
    """
    info = _passed_info(subject, part.path, part.role, access, to)
    return PassedShare(path=part.path, role=part.role, sealed=seal_to(to, part.data, info))


def take(passed: PassedShare, subject: Subject, *, access: AccessId, private: PrivateHalf) -> Part:
    """Return the part that somebody passed on to this person.

    Raises:
        EnvelopeRefused: If it is damaged, or for another person, access, subject, path or role.
    """
    info = _passed_info(subject, passed.path, passed.role, access, private.public)
    return Part(path=passed.path, role=passed.role, data=open_with(private, passed.sealed, info))


def _passed_info(subject: Subject, path: KeyPath, role: RoleName, access: AccessId, to: PublicHalf) -> bytes:
    head = f"consentline/v1/passed-share\x00{to.key_id}\x00".encode()
    access_id = encode(access)
    # A key id has 64 digits and the access its length, so no two give the same bytes.
    return head + len(access_id).to_bytes(4) + access_id + share_info(subject, path, role)


def _parts(secret: bytes, path: KeyPath, randomness: Randomness) -> tuple[Part, ...]:
    first, *others = roles_of(path)
    parts = [Part(path=path, role=role, data=randomness.token(len(secret))) for role in others]
    rest = secret
    for part in parts:
        rest = _xor(rest, part.data)
    return (Part(path=path, role=first, data=rest), *parts)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
