"""Counters and gauges for Prometheus, on a loopback port; no personal data in any label."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from policy.errors import Unavailable
from policy.scope import Direction
from policy.vocabulary import ErasedBecause, Outcome, PolicyName

_LATENESS_BUCKETS_S = (1, 5, 15, 60, 300, 3600, 86_400)
_WITHDRAWAL_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30)


class Metrics:
    """What the daemon counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._decisions = Counter(
            "consentline_decisions", "Decisions of the gate", ["outcome"], registry=self._registry
        )
        self._unasked = Counter(
            "consentline_unasked",
            "Calls that passed a gate without being asked anything",
            ["policy", "direction"],
            registry=self._registry,
        )
        self._erasures = Counter(
            "consentline_erasures", "Recordings erased", ["because"], registry=self._registry
        )
        self._alarms = Counter("consentline_alarms", "Alarms raised", ["kind"], registry=self._registry)
        self._lateness_s = Histogram(
            "consentline_purge_lateness_seconds",
            "How long after its due moment a recording was gone",
            buckets=_LATENESS_BUCKETS_S,
            registry=self._registry,
        )
        self._withdrawal_s = Histogram(
            "consentline_withdrawal_seconds",
            "From the withdrawal to file and key gone",
            buckets=_WITHDRAWAL_BUCKETS_S,
            registry=self._registry,
        )
        self._connected = Gauge(
            "consentline_connected", "Whether Asterisk is reached", ["interface"], registry=self._registry
        )

        self._waiting = Gauge(
            "consentline_checkpoints_waiting",
            "Checkpoints of the ledger that a target does not have yet",
            ["target"],
            registry=self._registry,
        )

    def decided(self, outcome: Outcome) -> None:
        """Count a decision."""
        self._decisions.labels(outcome.value).inc()

    def passed(self, policy: PolicyName | None, direction: Direction) -> None:
        """Count a call that went on unasked."""
        self._unasked.labels(policy or "", direction.value).inc()

    def erased(self, because: ErasedBecause, lateness_ms: int | None) -> None:
        """Count an erasure; a lateness is given for what was due."""
        self._erasures.labels(because.value).inc()
        if lateness_ms is not None:
            self._lateness_s.observe(lateness_ms / 1000)

    def withdrawn(self, took_ms: float) -> None:
        """Note how long a withdrawal took."""
        self._withdrawal_s.observe(took_ms / 1000)

    def alarmed(self, kind: str) -> None:
        """Count an alarm."""
        self._alarms.labels(kind).inc()

    def connected(self, interface: str, yes: bool) -> None:
        """Note whether `ari`, `ami` or `vault` is reached."""
        self._connected.labels(interface).set(int(yes))

    def checkpoints_waiting(self, target: str, count: int) -> None:
        """Note how many checkpoints a target does not have yet."""
        self._waiting.labels(target).set(count)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


class MetricsSite:
    """Serves `/metrics` on 127.0.0.1."""

    def __init__(self, metrics: Metrics, port: int) -> None:
        self._metrics = metrics
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: If the port is taken.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise Unavailable(
                f"metrics.listen_port: {self._port} cannot be had: {error.strerror}",
                hint="choose a free port, or leave metrics.listen_port out",
            ) from error

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
