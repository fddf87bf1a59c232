"""The client that sends traces to LangSmith: it holds nothing up, ends with the program, and tells no secrets."""

import atexit
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from langsmith import Client, configure, run_trees, utils
from requests import PreparedRequest, Response
from urllib3 import Retry

from tools.settings import settings

logger = logging.getLogger(__name__)

SWITCHES = ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING")
"""Variables of langsmith that turn traces on."""
FORCED = {"LANGSMITH_USE_DAEMON": "true", "LANGSMITH_DISABLE_RUN_COMPRESSION": "true"}
"""Settings of langsmith's. Python waits at its end for every other kind of thread, those of the pool that sends what is
compressed among them; and to compress, langsmith reads attachments on the thread of the run, the event loop's."""
RETRIES = Retry(
    connect=0,
    read=0,
    status=2,
    backoff_factor=0.5,
    status_forcelist=[429, 502, 503, 504],
    allowed_methods=None,
)
"""What is sent again with a pause, beside langsmith's three attempts without one."""
WHY = {
    "LangSmithAuthError": "it refused the key; check LANGSMITH_API_KEY",
    "LangSmithConnectionError": "it cannot be reached; check LANGSMITH_ENDPOINT",
    "LangSmithRateLimitError": "it was sent too many; set LANGSMITH_TRACING_SAMPLING_RATE below 1",
}
"""What went wrong, by langsmith's class of error."""
BROKEN = "it did not take them; LANGSMITH_TRACING=false turns them off"
SILENT = "it did not answer in time; check LANGSMITH_ENDPOINT, or raise HUGGINGGPT_TRACE_SECONDS"
NOISE = ("Failed to", "LangSmith tracing error", "Dropped ")
"""How the messages of langsmith begin that ours stand for."""
SECRET = re.compile(r"(^|_)(KEY|TOKEN|SECRET|CREDENTIAL)S?$|PASS(WORD|WD)?$", re.IGNORECASE)
"""Ends of the names of variables that hold secrets."""
PASSWORD = re.compile(r"://[^\s/:@]*:([^\s/@]+)@")
"""Finds the passwords of addresses."""
SIGNATURE = re.compile(rb"signature=[0-9a-f]{64}")
SHORTEST = 8
"""Characters of the shortest secret; `none` and `EMPTY` are what servers without keys are given."""


class TraceClient(Client):
    """A client of LangSmith for a program that must neither wait for it nor tell it keys."""

    def __init__(self) -> None:
        os.environ.update(FORCED)
        # langsmith keeps what it read of the environment before.
        utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
        logging.getLogger("langsmith.client").addFilter(_is_news)
        self._answered = 0.0
        self.failed = False
        super().__init__(retry_config=RETRIES, tracing_error_callback=self._on_error)
        self.session.hooks["response"].append(self._on_response)
        self.session.auth = without_secrets

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **kwargs: Any) -> None:
        """As `Client.create_run`."""
        super().create_run(name, inputs, run_type, **_hidden(self, kwargs))

    def update_run(self, run_id: Any, **kwargs: Any) -> None:
        """As `Client.update_run`."""
        super().update_run(run_id, **_hidden(self, kwargs))

    def finish(self) -> None:
        """Wait until everything is sent, unless that fails or nothing is taken for `HUGGINGGPT_TRACE_SECONDS`."""
        start, patience, queue = time.monotonic(), settings().trace_seconds, self.tracing_queue
        while queue is not None and queue.unfinished_tasks and not self.failed:
            if time.monotonic() - max(start, self._answered) >= patience:
                self._tell(SILENT)
                return
            self.flush(timeout=0.05)

    def _on_response(self, response: Response, *_: Any, **__: Any) -> None:
        if response.ok:
            self._answered, self.failed = time.monotonic(), False

    def _on_error(self, error: Exception) -> None:
        self._tell(WHY.get(type(error).__name__, BROKEN))

    def _tell(self, why: str) -> None:
        """Log that traces are lost, once until LangSmith takes some again."""
        if not self.failed:
            self.failed = True
            logger.error(
                "Traces could not be sent to LangSmith at %s: %s.", urlsplit(self.api_url).hostname, why
            )


def prepare() -> None:
    """Send the traces of this process with a `TraceClient`, where its environment turns traces on.

    A client that was given to `langsmith.configure` before is left in its place.
    """
    if run_trees._CLIENT is None and any(os.environ.get(name) == "true" for name in SWITCHES):
        client = TraceClient()
        configure(client=client)
        atexit.register(client.finish)


def delivers() -> bool:
    """Tell whether LangSmith takes what it is sent, as far as is known."""
    client = run_trees._CLIENT
    return not (isinstance(client, TraceClient) and client.failed)


def hides(client: Client, what: Literal["inputs", "outputs"]) -> bool:
    """Tell whether a client leaves out inputs or outputs, or changes them, as it cannot do with media."""
    return getattr(client, f"_hide_{what}") is not False or client._anonymizer is not None


def without_secrets(request: PreparedRequest) -> PreparedRequest:
    """Put stars in place of every secret in a request's body; the length stays.

    Secrets are the values of variables named like keys, the passwords in addresses that variables hold, and the
    signatures of links to artifacts.
    """
    body: Any = request.body
    if body:
        whole = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else body
        for secret in sorted(set(_secrets(os.environ)), key=len, reverse=True):
            whole = whole.replace(secret.encode(), b"*" * len(secret.encode()))
        request.body = SIGNATURE.sub(b"signature=" + b"*" * 64, whole)
    return request


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        passwords = PASSWORD.findall(value)
        yield from (f":{password}@" for password in passwords)
        for secret in (*passwords, *map(unquote, passwords), *([value] if SECRET.search(name) else [])):
            if len(secret) >= SHORTEST:
                yield from (secret, json.dumps(secret)[1:-1])


def _hidden(client: Client, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out with the inputs what was made of them: the schema of a plan names the user's files."""
    extra = kwargs.get("extra")
    if not extra or not hides(client, "inputs"):
        return kwargs
    kept = {name: value for name, value in extra.items() if name not in ("invocation_params", "options")}
    return {**kwargs, "extra": kept}


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(NOISE)
