"""A control socket that writes down what it is asked and answers what it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web


class Asked:
    """Every question in order, as (path, body)."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, dict[str, Any]]] = []


@contextmanager
def control_socket(path: Path, answers: Mapping[str, tuple[int, Any]]) -> Iterator[Asked]:
    """Serve a real Unix socket in a thread for the length of a block.

    Args:
        path: Of the socket.
        answers: From the question's path to status and JSON body.
    """
    asked = Asked()
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async def answer(request: web.Request) -> web.Response:
            asked.questions.append((request.path, json.loads(await request.read())))
            status, body = answers[request.path]
            return web.json_response(body, status=status)

        app = web.Application()
        app.router.add_post("/{question}", answer)
        runner = web.AppRunner(app, handle_signals=False)
        await runner.setup()
        await web.UnixSite(runner, str(path)).start()
        stop = asyncio.Event()
        loops.append(asyncio.get_running_loop())
        stops.append(stop)
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stops: list[asyncio.Event] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(10)
    try:
        yield asked
    finally:
        loops[0].call_soon_threadsafe(stops[0].set)
        thread.join(10)
