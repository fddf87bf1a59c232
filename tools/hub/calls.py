"""Calls to the Hub: their token, their time limit, and what goes wrong in our words."""

import logging
from collections.abc import Callable
from typing import TypeVar

import httpx

from tools.errors import HuggingGPTError, ModelError, SetupError, TransientError
from tools.hf_http import within
from tools.settings import settings

HUB_SECONDS = 5.0
"""Longest wait for the Hub."""

R = TypeVar("R")
_log = logging.getLogger(__name__)


def token() -> str | None:
    """Return the token to send to the Hub; None for the one that `hf auth login` stored, if any."""
    secret = settings().hf_token
    return secret.get_secret_value() if secret else None


def asked(ask: Callable[[], R], about: str) -> R:
    """Ask the Hub and turn what goes wrong into an error of ours. Blocking.

    Args:
        ask: Calls the library.
        about: What is asked about, for people.

    Raises:
        ModelError: There is no such thing.
        SetupError: The Hub refused the token.
        TransientError: It cannot be reached, or its answer cannot be read.
    """
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return within(ask, HUB_SECONDS)
    except HfHubHTTPError as error:
        raise _refused(error.response.status_code, about) from None
    except (httpx.HTTPError, OSError) as error:
        _log.debug("The Hub failed: %s", type(error).__name__)
        raise TransientError("The Hugging Face Hub cannot be reached; check the network.") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        _log.debug("The Hub's answer cannot be read: %s", type(error).__name__)
        raise TransientError(
            "The Hugging Face Hub gave an answer that cannot be read; try again later."
        ) from None


def _refused(status: int, about: str) -> HuggingGPTError:
    if status in (401, 403):
        return SetupError(f"The Hugging Face Hub refused the token for {about}; set HF_TOKEN to a valid one.")
    if status in (400, 404, 410):
        return ModelError(f"The Hugging Face Hub has no {about}.")
    return TransientError(f"The Hugging Face Hub answered with status {status}; try again later.")
