"""Errors, one class for each thing a caller can do about them.

Every message is a sentence for the user: it names the cause and, where there is one, the setting to change.
"""


class HuggingGPTError(RuntimeError):
    """Root of all errors this application raises on purpose.

    A `RuntimeError`, since LangGraph Server tells its clients the messages of exceptions that it knows only.
    """


class InputError(HuggingGPTError):
    """The request or a file cannot be used as it is: the user has to change it."""


class SetupError(HuggingGPTError):
    """Something is not installed, not configured or not allowed here: a setting has to change."""


class ModelError(HuggingGPTError):
    """This model could not do the task: the next candidate may."""


class TransientError(ModelError):
    """The model did not answer this time (busy, cut off, too slow): the same call may work later."""


class AuthError(SetupError):
    """A key is missing, refused or without the right: no model behind the same key can be asked."""


class CreditError(SetupError):
    """The account's credit is used up: no model that is paid from it can be asked."""


class NotServedError(ModelError):
    """Nobody serves this model for the task: only another one can help."""


class RateLimitError(TransientError):
    """The model's server wants a longer rest than is waited for: another model is quicker than a repeat."""


class TimeLimitError(TransientError):
    """The time limit was too short: a repeat takes as long again."""
