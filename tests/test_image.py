"""What runs in production: the image that `langgraph build` makes, and the services around it."""

import hashlib
import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from image_steps import ROOT, context, dockerfile, image_pins, steps

from tools.settings import Settings, settings

CONFIG = json.loads((ROOT / "langgraph.json").read_text())
PINS = (ROOT / "constraints.txt").read_text()


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return dockerfile(tmp_path_factory.mktemp("image"))


def test_the_image_serves_what_langgraph_json_names(lines: list[str]) -> None:
    assert lines[0] == f"FROM langchain/langgraph-api:{CONFIG['api_version']}-py{CONFIG['python_version']}"
    assert f"langgraph-api=={CONFIG['api_version']}\n" in PINS, "the image has the version that is tested"
    set_ = dict(re.fullmatch(r"ENV (\w+)='(.*)'", line).groups() for line in lines if line.startswith("ENV "))  # type: ignore[union-attr, misc]
    assert json.loads(set_["LANGSERVE_GRAPHS"]) == CONFIG["graphs"]
    for name in ("checkpointer", "http", "auth"):
        assert json.loads(set_.get(f"LANGGRAPH_{name.upper()}", "null")) == CONFIG.get(name)


def test_the_image_gets_engines_and_the_database_but_no_second_server(lines: list[str]) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    extras = set(re.findall(r"--extra (\w+)", next(line for line in lines if line.startswith("ARG EXTRAS="))))
    assert extras <= set(known)
    assert {"embedded", "postgres"} <= extras
    assert not extras & {"all", "server", "dev", "notebooks"}


def test_its_own_pins_win_over_ours(lines: list[str], tmp_path: Path) -> None:
    image_pins(tmp_path)
    with (tmp_path / "api/constraints.txt").open("a") as pins:
        pins.write("LangChain-Core==1.0\n")
    commands = list(steps(lines, tmp_path))
    subprocess.run(["bash", "-ec", next(each for each in commands if "awk" in each)], check=True)
    ours = (tmp_path / "tmp/ours.txt").read_text().splitlines()
    assert "torch==" in "".join(ours)
    assert not [pin for pin in ours if pin.startswith(("langchain-core==", "langgraph=="))]
    assert len(ours) > 150
    installs = [each for each in commands if "uv pip install" in each]
    assert [f"-c {tmp_path}/api/constraints.txt" in each for each in installs] == [False, True, True]


def test_the_files_of_the_image_are_enough_to_install_this_project(lines: list[str], tmp_path: Path) -> None:
    """Build a wheel of what `ADD .` adds, as the last install step does, and import the graph from it."""
    list(steps(lines, tmp_path))
    (added,) = (tmp_path / "deps").iterdir()
    target = tmp_path / "installed"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    subprocess.run([sys.executable, "-m", *install, target, added], check=True, cwd=tmp_path)
    code = "import graph.agent, app.saver, tools.assets, prompts; print(graph.agent.__file__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, cwd=target, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == target / "graph/agent.py"


def test_nothing_private_gets_into_the_image() -> None:
    files = [str(file) for file in context()]
    assert "langgraph.json" in files
    assert not [file for file in files if file == ".env" or file.startswith(("tests/", "benchmarks/"))]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".git", ".venv", ".langgraph_api"} <= set(ignored)


def test_aegra_serves_the_same_graph() -> None:
    served = json.loads((ROOT / "aegra.json").read_text())
    as_modules = {
        name: path.removeprefix("./").replace("/", ".").replace(".py:", ":")
        for name, path in served["graphs"].items()
    }
    assert as_modules == CONFIG["graphs"]


async def test_aegra_is_told_whose_key_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="Aegra, and FastAPI with it, is not installed here")
    aegra = importlib.import_module(
        json.loads((ROOT / "aegra.json").read_text())["http"]["app"].partition(":")[0]
    )
    assert await aegra.authenticate({"host": "localhost"}) == {"identity": "", "is_authenticated": True}
    key = "hgpt_" + "a" * 43
    monkeypatch.setenv("HUGGINGGPT_KEYS", f"alice:{hashlib.sha256(key.encode()).hexdigest()}")
    settings.cache_clear()
    assert (await aegra.authenticate({"X-Api-Key": key}))["identity"] == "alice"
    with pytest.raises(aegra.Auth.exceptions.HTTPException, match="key"):
        await aegra.authenticate({})


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_every_service_says_when_it_is_ready_and_the_server_waits() -> None:
    services = compose()["services"]
    assert set(services) == {"server", "postgres", "redis"}
    assert all(service["healthcheck"]["test"] for service in services.values())
    assert {name: each["condition"] for name, each in services["server"]["depends_on"].items()} == {
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }


def test_compose_keeps_what_must_last_and_holds_no_secret() -> None:
    loaded = compose()
    server, postgres = loaded["services"]["server"], loaded["services"]["postgres"]
    mounted = dict(volume.split(":") for volume in [*server["volumes"], *postgres["volumes"]])
    assert set(mounted) == set(loaded["volumes"]) == {"artifacts", "models", "postgres"}
    environment = server["environment"]
    assert mounted["artifacts"] == environment["HUGGINGGPT_DATA_DIR"]
    assert environment["HUGGINGGPT_CACHE_DIR"].startswith(mounted["models"] + "/")
    assert environment["HF_HOME"].startswith(mounted["models"] + "/")
    known = {f"HUGGINGGPT_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in environment if name.startswith("HUGGINGGPT_")} <= known
    secrets = [environment["DATABASE_URI"], environment["HUGGINGGPT_DATABASE_URL"]]
    assert all("hugginggpt:${POSTGRES_PASSWORD:?" in secret for secret in secrets)
    assert postgres["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD:?}"
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert not postgres.get("ports")
    made = loaded["configs"]["databases"]["content"]
    assert environment["HUGGINGGPT_DATABASE_URL"].endswith(f"/{made.split()[-1].rstrip(';')}")
