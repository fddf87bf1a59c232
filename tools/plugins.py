"""Task types and engines from outside this repository: the modules that `HUGGINGGPT_PLUGINS` names."""

from importlib import import_module

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tools.errors import SetupError

NOT_FOUND = "there is no module of that name; install it, or put its folder on PYTHONPATH"


class Plugins(BaseSettings):
    """The one setting that is read while modules are imported, so that it does not depend on the others."""

    model_config = SettingsConfigDict(env_prefix="HUGGINGGPT_", env_ignore_empty=True, extra="ignore")

    plugins: str = ""
    """Names of modules, separated by commas, that add task types and engines when they are imported."""

    @property
    def modules(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(name.strip() for name in self.plugins.split(",") if name.strip())


def load() -> None:
    """Import the modules that the setting names; each calls `register` of `tools.tasks` and of `tools.experts.engines`.

    The task table calls this when it is built, so every process has all rows before it plans or reads a checkpoint.

    Raises:
        SetupError: There is no such module, or it cannot be imported, or a row or engine in it is not valid.
    """
    for name in Plugins().modules:
        try:
            import_module(name)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or error.title
            reason = f"{where}: {first['msg'].removeprefix('Value error, ')}"
        except (ImportError, SyntaxError, SetupError) as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == name
            reason = NOT_FOUND if missing else str(error).rstrip(".")
        else:
            continue
        raise SetupError(f"The plugin {name!r} (HUGGINGGPT_PLUGINS) cannot be used: {reason}.")
