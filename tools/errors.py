"""Errors, one class for each thing a caller can do about them.

Every message is a sentence for the user: it names the cause and, where there is one, the setting to change.
"""


class HuggingGPTError(Exception):
    """Root of all errors this application raises on purpose."""


class InputError(HuggingGPTError):
    """The request or a file cannot be used as it is: the user has to change it."""


class SetupError(HuggingGPTError):
    """Something is not installed, not configured or not allowed here: a setting has to change."""


class ModelError(HuggingGPTError):
    """This model could not do the task: the next candidate may."""


class TransientError(ModelError):
    """The model did not answer this time (busy, cut off, too slow): the same call may work later."""
