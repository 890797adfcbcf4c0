"""Rotating a role's key in a holder's own process, batch by batch; a later run goes on where one stopped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from commands.identity.keyring import Asking, Proven, prove_again
from policy.clock import Randomness
from policy.errors import AccessRefused, IntegrityError, Unavailable
from policy.situation import PersonId
from store.keyring import shares
from store.keyring.key_wire import GrantWire, HeldWire, PublicHalfWire, ShareWire, SubjectWire, parse, to_json
from store.keys import KeyId, PrivateHalf, PublicHalf, grant_info, make_private_half, seal_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Whose key is rotated."""

    policy: str
    role: str

    def asked(self, **more: object) -> Mapping[str, Any]:
        """Return a question about this role."""
        return {"policy": self.policy, "role": self.role, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a rotation came to.

    Attributes:
        fingerprint: Of the new key.
        resealed: Shares that this run put under it.
        open_for_nobody: Shares that did not come out of their epoch wrap.
        holders: Who holds the new key.
    """

    fingerprint: str
    resealed: int
    open_for_nobody: int
    holders: int


def rotate(
    daemon: Asking,
    proven: Proven,
    role: Role,
    *,
    randomness: Randomness,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Done:
    """Seal everything of a role that lives to a new key, and destroy the old one.

    Args:
        daemon: Asked as root or as its own user.
        proven: Somebody who holds the key.
        role: Whose key.
        randomness: For the new key.
        progress: Told how many shares are done, and of how many.

    Raises:
        AccessRefused: If this person does not hold the key, or this login may not ask.
        StateConflict: If the holders changed meanwhile; run it again.
        IntegrityError: If a share does not open with the old key.
    """
    stands = daemon.ask_object("POST", "/keys/rotation", role.asked(proof=proven.proof))
    ring = proven.keyring.with_grants(parse(GrantWire, one, where="rotation") for one in stands["grants"])
    holders = [parse(PublicHalfWire, one, where="rotation") for one in stands["holders"]]
    old_id, new_id = KeyId(stands["old"]), stands["new"]
    if old_id not in ring.halves:
        raise AccessRefused(
            f"person {ring.person}: does not hold the key of {role.role} of {role.policy}",
            hint="one of its holders rotates it, see: consentline keys list",
        )
    old = ring.half(old_id)
    new = ring.half(KeyId(new_id)) if new_id is not None else None
    if new is None:
        new = make_private_half(randomness)
        sealed = [_sealed(new, one) for one in holders]
        begin = role.asked(
            proof=prove_again(daemon, ring).proof, old=old_id, public_half=_base64(new.public), grants=sealed
        )
        daemon.ask_object("POST", "/keys/rotation/begin", begin)
    resealed, skipped = _reseal(daemon, role, old, new, of=int(stands["left"]), progress=progress)
    daemon.ask_object("POST", "/keys/rotation/finish", role.asked())
    return Done(
        fingerprint=new.public.fingerprint,
        resealed=resealed,
        open_for_nobody=skipped,
        holders=len(holders),
    )


def renew_lost(daemon: Asking, proven: Proven, role: Role, *, randomness: Randomness) -> Done:
    """Give a role a new key because nobody can open the old one; this person is its custodian.

    What was sealed before stays sealed to the lost key.

    Raises:
        AccessRefused: If this person holds the key, or this login may not ask.
    """
    stands = daemon.ask_object("POST", "/keys/rotation", role.asked(proof=proven.proof))
    if stands["grants"]:
        raise AccessRefused(
            f"person {proven.keyring.person}: holds the key, so it is not lost",
            hint="rotate it without --lost",
        )
    new, own = make_private_half(randomness), proven.keyring.private.public
    sealed = _sealed(new, PublicHalfWire(person=proven.keyring.person, public_half=own.data))
    begin = role.asked(
        proof=prove_again(daemon, proven.keyring).proof,
        old=stands["old"],
        public_half=_base64(new.public),
        grants=[sealed],
        lost=True,
    )
    daemon.ask_object("POST", "/keys/rotation/begin", begin)
    return Done(
        fingerprint=new.public.fingerprint, resealed=0, open_for_nobody=int(stands["left"]), holders=1
    )


def _reseal(
    daemon: Asking,
    role: Role,
    old: PrivateHalf,
    new: PrivateHalf,
    *,
    of: int,
    progress: Callable[[int, int], None],
) -> tuple[int, int]:
    """Return how many shares were re-sealed, and how many open for nobody."""
    done = skipped = 0
    after: Mapping[str, Any] = {}
    while True:
        batch = daemon.ask_object("POST", "/keys/rotation/batch", role.asked(after=after))
        try:
            found = [parse(HeldWire, one, where="rotation") for one in batch["held"]]
            after, skipped = batch["after"], skipped + int(batch["skipped"])
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"rotation: the daemon's answer lacks something: {error}") from error
        if not found:
            return done, skipped
        again = [to_json(_again(one, old, new)) for one in found]
        daemon.ask_object("POST", "/keys/rotation/put", role.asked(held=again))
        done += len(again)
        progress(done, of)


def _again(held: HeldWire, old: PrivateHalf, new: PrivateHalf) -> HeldWire:
    share, subject = held.share.share(), held.subject.subject()
    made = shares.reseal(share, subject, old, new.public)
    # The daemon cannot look inside, so it is looked at here, before the old one is replaced.
    if shares.open_share(made, subject, new) != shares.open_share(share, subject, old):
        raise IntegrityError(f"share of {subject.id}: does not open to the same part under the new key")
    return HeldWire(subject=SubjectWire.of(subject), share=ShareWire.of(made))


def _sealed(new: PrivateHalf, holder: PublicHalfWire) -> dict[str, str]:
    to, key_id = holder.public(), new.public.key_id
    data = seal_to(to, new.data, grant_info(key_id, PersonId(holder.person), to))
    return {"person": holder.person, "sealed": b64encode(data).decode("ascii")}


def _base64(public: PublicHalf) -> str:
    return b64encode(public.data).decode("ascii")
