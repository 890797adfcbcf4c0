"""One question to the daemon over its control socket, with a bound on the wait.

Standard library only: an AGI script starts with every call and must start fast.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policy.control_connection import ControlConnection


class DaemonAway(Exception):
    """Nobody answered in time, or what came back was no answer."""


def ask(socket_path: str, question: str, body: Mapping[str, object], *, timeout_s: float) -> dict[str, Any]:
    """POST one JSON object and return the JSON object that comes back.

    Args:
        socket_path: The control socket.
        question: Path of the request, such as `/withdraw`.
        body: Becomes JSON.
        timeout_s: Bound on connecting and on each read.

    Raises:
        DaemonAway: If there is no daemon, no answer in time, or the answer is an error.
    """
    connection = ControlConnection(Path(socket_path), connect_timeout_s=timeout_s, answer_timeout_s=timeout_s)
    try:
        connection.request("POST", question, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        answer = json.loads(content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DaemonAway(str(error)) from error
    finally:
        connection.close()
    if response.status != http.client.OK or not isinstance(answer, dict):
        raise DaemonAway(f"status {response.status}")
    return answer
