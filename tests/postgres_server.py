"""A real Postgres server for tests, with a data folder of its own, on a Unix socket."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

PLACES = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt", "/usr/local/pgsql")
OPTIONS = (
    "-c",
    "fsync=off",
    "-c",
    "synchronous_commit=off",
    "-c",
    "full_page_writes=off",
    "-c",
    "listen_addresses=",
)
USERS = ("postgres", "nobody")
START_SECONDS = 30


def program(name: str) -> str:
    """Return a program of the newest Postgres here, or skip the test."""
    folders = sorted(
        (f for place in PLACES for f in Path(place).glob("*/bin") if (f / name).exists()), reverse=True
    )
    found = shutil.which(name) or next((str(folder / name) for folder in folders), None)
    return found or pytest.skip(f"there is no {name} of Postgres on PATH or in {', '.join(PLACES)}")


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Run a server until the block ends.

    Args:
        folder: An empty folder that is reached by other users; short, since a socket's path has at most 107 bytes.

    Yields:
        The connection string of an empty database, with a password, as users have it.
    """
    user = _user()
    data = folder / "data"
    if user:
        shutil.chown(folder, user)
    secret = folder / "secret"
    secret.write_text("geheim")
    secret.chmod(0o644)
    make = (
        program("initdb"),
        "-D",
        str(data),
        "-U",
        "tester",
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
        "-N",
    )
    made = subprocess.run(make, cwd=folder, user=user, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"Postgres cannot be set up here: {made.stderr.strip()[-300:]}")
    with (folder / "log").open("w") as log:
        run = (program("postgres"), "-D", str(data), "-k", str(folder), *OPTIONS)
        server = subprocess.Popen(run, cwd=folder, user=user, stdout=log, stderr=log)
        try:
            url = f"postgresql://tester:geheim@/postgres?host={folder}"
            _wait(url, server, folder / "log")
            yield url
        finally:
            # A fast shutdown, which does not wait for those who are connected.
            server.send_signal(signal.SIGINT)
            server.wait(30)


def _user() -> str | None:
    """Return whom the server runs as: it refuses to be root."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in USERS if name in known), None) or pytest.skip(
        "Postgres refuses to run as root"
    )


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.skip(f"Postgres does not start here: {log.read_text().strip()[-300:]}")
