"""Slots, grants, shares and challenges as JSON: what goes between the daemon and a person's process.

None of it is a secret by itself, and none of it is trusted: every value is checked as it comes,
and what was moved or changed does not open.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from policy.access import RoleName
from policy.errors import Unavailable
from policy.key_groups import KeyPath
from policy.vocabulary import CallId, RecordingId
from store.keyring.reading_keys import Grant
from store.keyring.shares import PassedShare, Purpose, Share, Subject, caller_number, recording
from store.keys import KeyId, PublicHalf, Slot


def _from_base64(value: object) -> object:
    try:
        return b64decode(value, validate=True) if isinstance(value, str) else value
    except binascii.Error as error:
        raise ValueError("must be Base64") from error


Base64 = Annotated[
    bytes,
    Field(max_length=8192),
    BeforeValidator(_from_base64),
    PlainSerializer(lambda data: b64encode(data).decode("ascii")),
]
KeyIdText = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ChallengeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
SubjectText = Annotated[str, StringConstraints(min_length=1, max_length=150)]
NameText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.+-]{0,511}$")]


class Wire(BaseModel):
    """One value on the wire; what the other side knows beyond it is passed over."""

    model_config = ConfigDict(frozen=True)


class SlotWire(Wire):
    """A person's slot."""

    person: NameText
    key_id: KeyIdText
    salt: Base64
    n: int
    r: int
    p: int
    wrapped: Base64

    @classmethod
    def of(cls, slot: Slot) -> Self:
        """Return a slot as JSON has it."""
        return cls(
            person=slot.person,
            key_id=slot.key_id,
            salt=slot.salt,
            n=slot.n,
            r=slot.r,
            p=slot.p,
            wrapped=slot.wrapped,
        )

    def slot(self) -> Slot:
        """Return the value.

        Raises:
            SlotDamaged: If it is none that this program writes.
        """
        return Slot(
            person=self.person,
            key_id=KeyId(self.key_id),
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            wrapped=self.wrapped,
        )


class GrantWire(Wire):
    """A role's private half, sealed to the person who asks."""

    key_id: KeyIdText
    policy: NameText
    role: NameText
    sealed: Base64

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """Return a grant as JSON has it."""
        return cls(key_id=grant.key_id, policy=grant.policy, role=grant.role, sealed=grant.sealed)


class ShareWire(Wire):
    """One role's share of a path."""

    path: NameText
    role: NameText
    key_id: KeyIdText
    sealed: Base64

    @classmethod
    def of(cls, share: Share) -> Self:
        """Return a share as JSON has it."""
        return cls(path=share.path, role=share.role, key_id=share.key_id, sealed=share.sealed)

    def share(self) -> Share:
        """Return the value."""
        return Share(
            path=KeyPath(self.path), role=RoleName(self.role), key_id=KeyId(self.key_id), sealed=self.sealed
        )


class PassedShareWire(Wire):
    """A share that somebody passed on to one person for one access."""

    path: NameText
    role: NameText
    sealed: Base64

    @classmethod
    def of(cls, passed: PassedShare) -> Self:
        """Return a passed share as JSON has it."""
        return cls(path=passed.path, role=passed.role, sealed=passed.sealed)

    def passed_share(self) -> PassedShare:
        """Return the value."""
        return PassedShare(path=KeyPath(self.path), role=RoleName(self.role), sealed=self.sealed)


class SubjectWire(Wire):
    """What a share is of."""

    purpose: Purpose
    id: SubjectText

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """Return a subject as JSON has it."""
        return cls(purpose=subject.purpose, id=subject.id)

    def subject(self) -> Subject:
        """Return the value."""
        if self.purpose is Purpose.RECORDING:
            return recording(RecordingId(self.id))
        return caller_number(CallId(self.id))


class HeldWire(Wire):
    """A share, and what it is of."""

    subject: SubjectWire
    share: ShareWire


class PublicHalfWire(Wire):
    """A public half, and whose it is."""

    person: NameText
    public_half: Base64

    def public(self) -> PublicHalf:
        """Return the value.

        Raises:
            PublicHalfUnusable: If these bytes are none.
        """
        return PublicHalf(data=self.public_half)


class ChallengeWire(Wire):
    """What somebody gets who is to prove their passphrase.

    Attributes:
        sealed: 32 random bytes, sealed to the person's public half.
    """

    challenge: ChallengeId
    slot: SlotWire
    sealed: Base64


class ProofWire(Wire):
    """The answer to a challenge.

    Attributes:
        answer: The 32 bytes that were sealed.
    """

    challenge: ChallengeId
    answer: Base64


AnyWire = TypeVar("AnyWire", bound=Wire)


def parse(kind: type[AnyWire], content: object, *, where: str) -> AnyWire:
    """Return an answer of the daemon as a value.

    Raises:
        Unavailable: If it is not what this version understands.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Unavailable(
            f"{where}: the daemon's answer lacks something: {place}: {first['msg']}",
            hint="the daemon may be of another version; restart it",
        ) from error


def to_json(wire: Wire) -> dict[str, Any]:
    """Return a value as it goes into JSON."""
    return wire.model_dump(mode="json")
