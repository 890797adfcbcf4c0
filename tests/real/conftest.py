"""A real Asterisk with the real daemon in front of it, for each test module its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.fetch import Unpacked, fetch
from sandbox.site import Site
from tests.conftest import ROOT

POLICIES = tuple(sorted((ROOT / "tests" / "real" / "policies").glob("*.toml")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the real Asterisk."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.asterisk)


@pytest.fixture(scope="session")
def unpacked() -> Unpacked:
    """The packages of the sandbox, fetched once."""
    return fetch()


@pytest.fixture(scope="module")
def site(unpacked: Unpacked) -> Iterator[Site]:
    """Asterisk and the daemon, with four short policies; a folder with a short path for the sockets."""
    with tempfile.TemporaryDirectory(prefix="cl-") as folder:
        running = Site(Path(folder), unpacked, policies=POLICIES)
        try:
            running.start()
            yield running
        finally:
            running.remove()


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """A folder for what softphones hear."""
    return tmp_path / "heard"
