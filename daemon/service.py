"""The daemon: everything is built here, and every task has its owner here.

    serve             lock, logging, one event loop
      Service.opened  store thread, database, keys checked; nothing talks to Asterisk yet
      Service.run     Asterisk reached, marks taken in, state compared (I7), then calls, jobs, control

What is left over by an earlier life is settled before the first call is taken: recordings in
doubt are gone (I9), half-finished destructions are finished (I4).
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from casework import incidents
from casework.monitoring import LiveCall
from casework.notices import HandoverNotices, IncidentNotices, OrderNotices, RequestNotices
from daemon.agent_keys import AgentKeys
from daemon.agi_ends import AgiEnds
from daemon.bridges import Bridges, Met, Parted
from daemon.checkpoints import CheckpointKeeper
from daemon.control import ControlSocket
from daemon.desks.access import AccessDesk
from daemon.desks.giving_out import GivingOutDesk
from daemon.desks.holds import HoldsDesk
from daemon.desks.incidents import IncidentsDesk
from daemon.desks.keys import KeyDesk
from daemon.desks.ledger import LedgerDesk
from daemon.desks.monitoring import MonitoringDesk
from daemon.desks.notices import NoticesDesk
from daemon.desks.operations import OperationsDesk
from daemon.desks.people import PeopleDesk
from daemon.desks.policies import PoliciesDesk
from daemon.desks.promises import PromisesDesk
from daemon.desks.registrations import RegistrationsDesk
from daemon.desks.reports import ReportsDesk
from daemon.desks.requests import RequestsDesk
from daemon.desks.reviews import ReviewsDesk
from daemon.desks.rotation import RotationDesk
from daemon.doorway import Doorway
from daemon.gate import GatePrompts, GateRecorder, GateRegister
from daemon.holders import Holders
from daemon.jobs import Job, Jobs
from daemon.lock import sole_owner
from daemon.mark_intake import MarkIntake
from daemon.metrics import Metrics, MetricsSite
from daemon.mirroring import Mirroring
from daemon.monitoring import Monitoring
from daemon.notices import NoticeKeeper
from daemon.operations import DaemonOperations, Links
from daemon.peers import Doorman
from daemon.people_office import PeopleOffice
from daemon.proofs import Proofs
from daemon.queues import Queues
from daemon.register import Register
from daemon.scope_keeper import ScopeKeeper
from daemon.store_thread import StoreThread
from daemon.vault_watch import VaultWatch
from ivr.agi import AgiGate
from ivr.ari import Ari, Connected, Lost, Received
from ivr.dispatch import Dispatch
from ivr.prompts import PromptLibrary
from ivr.signals import Signal
from ivr.state import Phase
from policy.alarm_kinds import Ending
from policy.clock import Clock, Randomness, SystemClock, SystemRandomness
from policy.config import Config
from policy.errors import ConsentlineError, DestructionIncomplete, NotFound, Unavailable
from policy.load import Policies, load_policies
from policy.pause import Pause
from policy.vocabulary import CallId, PolicyName, RecordingId, RecordingState
from policy.warnings import how_to_fill_in, terms_not_filled_in
from recorder.ami import Ami, AmiAccess, Heard, LinkUp, reconnect_delays
from recorder.ami_wire import Tampered, list_channels, show_channel
from recorder.bell import Bell
from recorder.capture import Captures
from recorder.mixmonitor import MixMonitors
from recorder.pausing import Pauses
from recorder.spool import Spool
from store import keys, settings
from store.files import container
from store.files.archive import Archive
from store.files.opening import open_archive, vault_of
from store.files.vault_host import VaultHost
from store.retention.clock_guard import ClockGuard, this_boot

logger = logging.getLogger(__name__)

DRAIN_WITHIN_S = 3.0
BRIDGES_AGAIN_AFTER_S = 1.0
"""Who tampers with AMI does so with the answer, too: that must not be asked for without pause."""
JOB_MINUTES: Mapping[str, int] = {
    "purge": 1,
    "checkpoints": 1,
    "finalise": 5,
    "sweep": 60,
    "alarms": 1,
    "mirror": 1,
    "accesses": 10,
}
"""How often each recurring job runs, in the order in which they run at start."""

EndlessTask = Callable[[], Coroutine[None, None, None]]


def serve(config: Config, *, clock: Clock | None = None, randomness: Randomness | None = None) -> None:
    """Run the daemon in the foreground until SIGTERM or SIGINT.

    Args:
        config: The installation.
        clock: The machine's own, but in tests and the sandbox.
        randomness: The machine's own, but in tests.

    Raises:
        ConsentlineError: If it cannot start, or cannot go on.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    policies = load_policies(config.path("policies"))
    database = config.path("database")
    if not database.is_file():
        raise NotFound(f"{database}: must be the database, got no file", hint="run: consentline init")
    with sole_owner(database):
        asyncio.run(_serve(config, policies, clock or SystemClock(), randomness or SystemRandomness()))


async def _serve(config: Config, policies: Policies, clock: Clock, randomness: Randomness) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Service.opened(config, policies, clock=clock, randomness=randomness) as service:
        await service.run(stop)


class Service:
    """One running daemon.

    Args:
        archive: Opened in the store thread.
        register: Over that archive.
    """

    def __init__(self, config: Config, policies: Policies, *, archive: Archive, register: Register) -> None:
        self._config = config
        self._policies = policies
        self._archive = archive
        self._register = register
        self._clock = archive.clock
        self._metrics = register.metrics
        access = config.asterisk
        ami_access = AmiAccess(
            host=access.ami_host, port=access.ami_port, user=access.ami_user, password=access.ami_password
        )
        self._ami = Ami(ami_access, hear=self._hear)
        tape = MixMonitors(self._ami)
        spool = Spool(config.path("spool"), floor_bytes=config.recording.spool_floor_bytes)
        self._captures = Captures(
            spool=spool,
            tape=tape,
            register=register,
            alarms=register,
            clock=self._clock,
        )
        self._recorder = GateRecorder(
            captures=self._captures,
            register=register,
            metrics=self._metrics,
            vault=archive.vault,
            vault_floor_bytes=config.recording.vault_floor_bytes,
        )
        self._ari = Ari(
            url=access.ari_url,
            user=access.ari_user,
            password=access.ari_password,
            app=access.app,
            delays=reconnect_delays,
        )
        self._uses_ari = not access.without_ari
        self._prompts = GatePrompts(PromptLibrary(config.path("prompts")))
        self._gate_register = GateRegister(register, self._captures)
        self._pauses = Pauses(
            spool=spool,
            tape=tape,
            notes=register,
            bell=Bell(register),
            running_on=self._captures.running_on,
            resumed=self._heard_again,
        )
        self._agent_keys = AgentKeys(
            archive,
            register.thread,
            pauses=self._pauses,
            longest_pause_s=self._longest_pause_s,
            signal=self._signal,
        )
        self._dispatch = Dispatch(
            app=access.app,
            telephony=self._ari,
            register=self._gate_register,
            recorder=self._recorder,
            prompts=self._prompts,
            alarms=register,
            policies=policies,
            clock=self._clock,
            randomness=archive.randomness,
            agent_keys=self._agent_keys,
            trunks=access.trunks,
        )
        self._bridges = Bridges(self._dispatch.follows)
        self._holders = Holders(register)
        self._scope = ScopeKeeper(
            recordings=self._captures,
            policy_of=register.policy_of,
            application_of=self._application_of,
            ended=self._dispatch.recording_ended,
            witness=self._holders,
            clock=self._clock,
        )
        self._queues = Queues(
            register, application_of=self._application_of, is_ours=self._is_ours, clock=self._clock
        )
        self._marks = MarkIntake(
            config.path("marks"),
            register=register,
            captures=self._captures,
            clock=self._clock,
            withdrawn=self._dispatch.confirm,
            passed=self._take_up,
        )
        self._guard = ClockGuard(db=archive.db, clock=self._clock, boot=this_boot())
        self._agi_gate = AgiGate(
            register=self._gate_register,
            recorder=self._recorder,
            prompts=self._prompts,
            alarms=register,
            clock=self._clock,
            new_recording_id=lambda: RecordingId(archive.randomness.token(16).hex()),
        )
        self._mirroring = _mirroring(config, archive)
        self._agi_ends = AgiEnds(self._agi_gate, tape.alive)
        self._operations = self._build_operations()
        self._doorway = Doorway(
            archive=archive, policies=policies, thread=register.thread, tag_key=register.tag_key
        )
        self._proofs = Proofs(
            db=archive.db, thread=register.thread, clock=self._clock, randomness=archive.randomness
        )
        self._people = PeopleOffice(archive=archive, policies=policies, thread=register.thread)
        self._checkpoints = CheckpointKeeper(
            key_path=config.path("signing_key"),
            targets=config.ledger.targets,
            register=register,
            metrics=self._metrics,
        )
        self._monitoring = Monitoring(
            archive,
            register.thread,
            calls=self._calls_now,
            hang_up=self._ari.channels.hangup,
            is_there=tape.alive,
        )
        self._notices = NoticeKeeper(
            notify=config.notify,
            sources=(IncidentNotices(), OrderNotices(), HandoverNotices(), RequestNotices(policies)),
            register=register,
        )
        self._jobs = self._recurring()
        self._vault_watch = self._watch_of_vault()
        self._ari_connected = False
        self._met: asyncio.Queue[Met | Parted] = asyncio.Queue()
        self._ari_events: asyncio.Queue[Received] = asyncio.Queue()
        self._links_up = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, config: Config, policies: Policies, *, clock: Clock, randomness: Randomness
    ) -> AsyncIterator[Service]:
        """Open the store and check it; close it at the end.

        Raises:
            ConsentlineError: If something that is needed is not there, or not what it was.
        """
        thread = StoreThread()

        def opening() -> tuple[Archive, bytes]:
            container.self_test()
            keys.self_test()
            vault = vault_of(config, kept_up=True)
            if isinstance(vault, VaultHost):
                with suppress(Unavailable):  # calls are taken all the same; the watch tells
                    vault.keep_up()
            archive = open_archive(config, clock=clock, randomness=randomness, vault=vault)
            archive.prepare()
            with suppress(DestructionIncomplete):  # somebody reads: the next destruction tries again
                archive.db.forget_deleted()  # slots and grants that a crash left in the write-ahead log
            return archive, settings.tag_key(archive.db)

        try:
            archive, tag_key = await thread.run(opening)
            register = Register(
                archive=archive, policies=policies, thread=thread, metrics=Metrics(), tag_key=tag_key
            )
            try:
                await thread.run(register.seal_by_policies)
                await register.over(Ending.STARTED)
                await register.log_standing_alarms()
                yield cls(config, policies, archive=archive, register=register)
            finally:
                await thread.run(archive.close)
        finally:
            thread.close()

    async def run(self, stop: asyncio.Event) -> None:
        """Take calls until `stop` is set.

        Raises:
            Unavailable: If Asterisk cannot be reached at the start, or a port cannot be had.
            StateConflict: If another daemon took our application.
        """
        async with self._ari, self._captures:
            if self._uses_ari:
                await self._ari.self_check()
            await self._ami.connect()
            try:
                async with asyncio.TaskGroup() as tasks:
                    ami = tasks.create_task(self._ami.run(), name="ami")
                    await self._settle()
                    await self._take_calls(tasks, stop)
                    ami.cancel()
            except BaseExceptionGroup as group:
                raise _reason(group) from group

    async def _take_calls(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        archive, thread = self._archive, self._register.thread
        desks = (
            OperationsDesk(self._operations),
            LedgerDesk(self._checkpoints),
            PeopleDesk(self._people),
            PoliciesDesk(self._policies),
            KeyDesk(db=archive.db, thread=thread, proofs=self._proofs, clock=self._clock),
            RotationDesk(archive=archive, thread=thread, proofs=self._proofs),
            AccessDesk(self._doorway, self._proofs),
            MonitoringDesk(self._monitoring, self._doorway, self._proofs),
            RequestsDesk(
                archive=archive,
                thread=thread,
                policies=self._policies,
                proofs=self._proofs,
                tag_key=self._register.tag_key,
            ),
            ReportsDesk(archive, thread, self._policies, self._proofs),
            ReviewsDesk(archive=archive, thread=thread, doorway=self._doorway, proofs=self._proofs),
            IncidentsDesk(archive, thread, self._proofs),
            PromisesDesk(archive, thread, self._policies, self._proofs),
            HoldsDesk(archive, thread, self._proofs),
            RegistrationsDesk(archive, thread, self._policies, self._proofs),
            GivingOutDesk(archive, thread, self._policies, proofs=self._proofs, doorway=self._doorway),
            NoticesDesk(self._notices),
        )
        routes = (route for desk in desks for route in desk.routes())
        control = ControlSocket(
            self._config.path("socket"), routes, Doorman(self._config.control, self._register.person_of)
        )
        port = self._config.metrics.listen_port
        site = None if port is None else MetricsSite(self._metrics, port)
        if site is not None:
            await site.start()
        await control.start()
        endless = [
            tasks.create_task(work(), name=work.__name__)
            for work in (*(self._ari_tasks() if self._uses_ari else ()), *self._own_tasks())
        ]
        try:
            logger.info("serving %s", ", ".join(sorted(self._policies.by_name)))
            for policy in self._policies.by_name.values():
                for line in terms_not_filled_in(policy):
                    logger.warning("%s.toml: %s; %s", policy.name, line, how_to_fill_in(policy))
            await stop.wait()
            await self._dispatch.drain(DRAIN_WITHIN_S)
        finally:
            await self._monitoring.close()
            await self._pauses.close()
            await control.stop()
            if site is not None:
                await site.stop()
        for task in endless:
            task.cancel()

    def _ari_tasks(self) -> Sequence[EndlessTask]:
        async def listen() -> None:
            await self._ari.listen(self._ari_events)

        return (listen, self._relay, self._dispatch.run)

    def _own_tasks(self) -> Sequence[EndlessTask]:
        return (
            self._watch_partners,
            self._agent_keys.run,
            self._monitoring.run,
            self._scope.run,
            self._holders.run,
            self._queues.run,
            self._look_at_bridges,
            self._agi_ends.run,
            self._marks.run,
            self._proofs.run,
            self._checkpoints.run,
            self._notices.run,
            self._jobs.run,
            *(() if self._vault_watch is None else (self._vault_watch.run,)),
        )

    # ---------------------------------------------------------------- before the first call

    async def _settle(self) -> None:
        """Settle what an earlier life left, before anything new begins (I4, I7, I9)."""
        await self._doorway.settle()
        await self._proofs.remember()
        await self._marks.take_all()
        await self._captures.reconcile(absent=True)
        self._pauses.take_up(await self._register.paused_now())
        there = {listed.channel_id for listed in await self._ami.ask_list(list_channels([]))}
        rows = await self._register.rows(())
        in_doubt = {row.call_id for row in rows if row.state is RecordingState.RECORDING}
        for call_id in await self._register.unfinished_calls():
            if call_id in there:
                await self._take_up(call_id)
            elif call_id not in in_doubt:  # else its drop failed: an end on record would vouch for it
                await self._register.end_call(call_id, self._clock.now())

    async def _take_up(self, call_id: CallId) -> None:
        """Follow a call to its end that was decided upon and that nobody follows.

        One that was not decided upon stands at the gate; the gate finds it there.
        """
        known = await self._register.call_at_gate(call_id)
        if known is None:
            return
        arrival, earlier = known
        if not earlier.outcome.permits_recording:
            self._captures.forbid(call_id)
        if self._uses_ari:
            self._dispatch.resume(arrival, earlier)
        else:
            self._agi_gate.follow(call_id)

    # ---------------------------------------------------------------- events

    def _hear(self, event: Heard) -> None:
        """Take in what AMI tells: only note it."""
        self._captures.hear(event)
        self._metrics.connected("ami", self._ami.connected)
        if isinstance(event, LinkUp | Tampered):
            self._links_up.set()
        self._agi_ends.hear(event)
        self._scope.hear(event)
        self._monitoring.hear(event)
        self._queues.hear(event)
        for found in self._bridges.hear(event):
            self._met.put_nowait(found)

    def _calls_now(self) -> Sequence[LiveCall]:
        """Return every call that passed a gate and goes on, as listening in is judged."""
        return [
            LiveCall(
                call_id=call.call_id,
                policy=PolicyName(call.policy),
                recording_id=self._captures.running_on(call.call_id),
                permits_recording=call.outcome.permits_recording,
            )
            for call in self._dispatch.live()
            if call.phase is Phase.CALL and call.policy is not None and call.outcome is not None
        ]

    def _heard_again(self, channel_id: CallId) -> None:
        self._agent_keys.tell(channel_id, Signal.RESUMED)

    async def _longest_pause_s(self, call_id: CallId) -> int:
        recording_id = self._captures.running_on(call_id)
        policy = None if recording_id is None else await self._register.policy_of(recording_id)
        return (Pause() if policy is None else policy.pause).at_most_s

    async def _signal(self, channel_id: CallId, signal: Signal) -> None:
        await self._dispatch.signal(channel_id, signal)

    def _is_ours(self, channel_id: CallId) -> bool:
        return self._dispatch.follows(channel_id) or channel_id in self._agi_gate.underway()

    async def _application_of(self, channel_id: CallId) -> tuple[str, str]:
        for listed in await self._ami.ask_list(show_channel(channel_id)):
            return listed.application, listed.application_data
        return "", ""

    async def _relay(self) -> None:
        """Hand ARI's events to the gate, and a cut to the recorder as well (I9)."""
        while True:
            event = await self._ari_events.get()
            if isinstance(event, Connected | Lost):
                self._ari_connected = isinstance(event, Connected)
                self._metrics.connected("ari", self._ari_connected)
            if isinstance(event, Lost):
                self._captures.controller_cut()
            elif isinstance(event, Connected):
                self._captures.controller_back()
            self._dispatch.inbox.put_nowait(event)

    async def _watch_partners(self) -> None:
        while True:
            match await self._met.get():
                case Met(channel_id=channel_id, call_id=call_id):
                    self._monitoring.met(channel_id, call_id)
                    await self._dispatch.watch(channel_id, call_id)
                case Parted(channel_id=channel_id):
                    self._pauses.agent_left(channel_id)
                    self._monitoring.parted(channel_id)
                    await self._dispatch.unwatch(channel_id)

    async def _look_at_bridges(self) -> None:
        """See who is connected to whom, and who is gone, after every new connection to AMI, or tampering."""
        while True:
            await self._links_up.wait()
            self._links_up.clear()
            try:
                listed = await self._ami.ask_list(list_channels([]))
            except Unavailable as error:
                logger.warning("bridges not looked at: %s", error.text)
                continue
            self._agi_ends.look_again({one.channel_id for one in listed})
            self._scope.look_again(listed)
            await self._monitoring.end_strangers(listed)
            for found in self._bridges.look_again((one.channel_id, one.bridge_id) for one in listed):
                self._met.put_nowait(found)
            await asyncio.sleep(BRIDGES_AGAIN_AFTER_S)

    # ---------------------------------------------------------------- recurring work

    def _recurring(self) -> Jobs:
        async def failed(name: str, why: str) -> None:
            await self._register.alarm(f"{name}_failed", why.replace("\n", "; "), None)

        async def purge() -> None:
            await self._operations.purge(dry_run=False, as_of=None, clock_is_right=False, actor="daemon")
            await self._register.thread.run(lambda: incidents.settle(self._archive))

        async def sweep() -> None:
            await self._operations.sweep(dry_run=False)

        work: Mapping[str, Callable[[], Awaitable[object]]] = {
            "purge": purge,
            "checkpoints": self._checkpoints.keep,
            "finalise": self._finalise,
            "sweep": sweep,
            "alarms": self._end_alarms,
            "mirror": self._mirror,
            "accesses": self._doorway.close_untold,
        }

        def job(name: str, every_minutes: int) -> Job:
            async def run() -> None:
                await work[name]()
                await self._register.job_done(name)

            return Job(name=name, run=run, every_minutes=every_minutes)

        return Jobs(*(job(name, every_minutes) for name, every_minutes in JOB_MINUTES.items()), failed=failed)

    async def _finalise(self) -> None:
        if (
            self._vault_watch is None or not self._vault_watch.is_away
        ):  # else each capture is made anew in vain
            await self._operations.finalise()

    async def _vault_is_back(self) -> None:
        """Have done what waited for the vault host."""
        for name in ("purge", "finalise", "sweep"):
            self._jobs.soon(name)
        await self._doorway.settle_parts()

    async def _mirror(self) -> None:
        if self._mirroring is not None:
            await self._mirroring.follow()

    async def _end_alarms(self) -> None:
        """Clear the alarms whose cause can be seen to be over; those of a cut come behind the reconnect."""
        if self._ami.connected and (self._ari_connected or not self._uses_ari):
            await self._register.over(Ending.CONNECTED)
        try:
            ready = await self._recorder.ready()
        except Unavailable:
            return
        if ready:
            await self._register.over(Ending.READY)

    def _watch_of_vault(self) -> VaultWatch | None:
        host = self._archive.vault
        if not isinstance(host, VaultHost):
            return None
        return VaultWatch(host, register=self._register, metrics=self._metrics, back=self._vault_is_back)

    def _build_operations(self) -> DaemonOperations:
        return DaemonOperations(
            archive=self._archive,
            register=self._register,
            guard=self._guard,
            captures=self._captures,
            agi_gate=self._agi_gate,
            policies=self._policies,
            metrics=self._metrics,
            clock=self._clock,
            links=Links(ari=lambda: self._ari_connected, ami=lambda: self._ami.connected),
            confirm=self._dispatch.confirm,
            trunks=self._config.asterisk.trunks,
        )


def _mirroring(config: Config, archive: Archive) -> Mirroring | None:
    folder = config.backup.epochs_mirror
    if folder is None:
        return None
    return Mirroring(archive.epochs, replace(archive.epochs, path=Path(folder)))


def _reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that a person can act upon, or the whole group when it was a bug."""
    for error in group.exceptions:
        found = _reason(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ConsentlineError):
            return found
    return group
