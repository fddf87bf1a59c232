"""API keys: what is kept of them, and who is let in by them."""

import hmac
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from tools import keys
from tools.errors import InputError, SetupError
from tools.settings import settings


def hugginggpt(*args: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["keys", *args])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def file() -> Path:
    return settings().data_dir / "keys.json"


def test_a_key_is_printed_once_and_kept_as_a_hash(file: Path) -> None:
    code, printed, told = hugginggpt("add", "alice")
    key = printed.strip()
    assert code == 0
    assert len(key.removeprefix("hgpt_")) * 6 >= 256
    kept = file.read_text()
    assert key not in kept + told
    assert key[keys.SHOWN :] not in kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.owner_of(key, keys.keys()) == "alice"
    listed = hugginggpt("list")[1]
    assert "alice" in listed
    assert key[: keys.SHOWN] in listed
    assert key not in listed


def test_a_removed_key_opens_nothing(file: Path) -> None:
    first, second, other = keys.add("alice"), keys.add("alice"), keys.add("bob")
    assert hugginggpt("remove", first.kept.prefix)[0] == 0
    assert [keys.owner_of(key.text, keys.keys()) for key in (first, second, other)] == [None, "alice", "bob"]
    keys.remove("alice")
    assert [keys.owner_of(key.text, keys.keys()) for key in (second, other)] == [None, "bob"]
    code, _, told = hugginggpt("remove", "alice")
    assert code == 2
    assert str(file) in told


def test_every_hash_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [keys.add(owner) for owner in ("a", "b", "c")]
    compared: list[str] = []
    equal = hmac.compare_digest

    def counted(kept: str, given: str) -> bool:
        compared.append(kept)
        return equal(kept, given)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    for text, owner in [(made[0].text, "a"), (made[2].text, "c"), ("hgpt_wrong", None), ("", None)]:
        compared.clear()
        assert keys.owner_of(text, keys.keys()) == owner
        assert compared == [key.kept.sha256 for key in made]


def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    made = keys.add("carol")
    monkeypatch.setenv("HUGGINGGPT_KEYS", f"dave:{made.kept.sha256}, eve:{'0' * 64}")
    settings.cache_clear()
    keys.remove("carol")
    assert keys.owner_of(made.text, keys.keys()) == "dave"
    with pytest.raises(InputError, match="HUGGINGGPT_KEYS"):
        keys.remove("eve")


@pytest.mark.parametrize("value", ["dave", "dave:hgpt_something", "d.ave:" + "0" * 64])
def test_unusable_keys_of_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_KEYS", value)
    settings.cache_clear()
    with pytest.raises(SetupError, match="HUGGINGGPT_KEYS is no list") as error:
        keys.keys()
    assert value not in str(error.value)


@pytest.mark.parametrize("content", ["{", json.dumps([{"owner": "a"}]), ""])
def test_a_broken_file_lets_nobody_in(content: str, file: Path) -> None:
    keys.add("alice")
    file.write_text(content)
    with pytest.raises(SetupError, match="holds no API keys that can be read"):
        keys.keys()
    with pytest.raises(SetupError, match="holds no API keys that can be read"):
        keys.add("bob")
    assert file.read_text() == content


@pytest.mark.parametrize("owner", ["", "a.b", "a/b", "x" * 65, "al ice", "alice\n"])
def test_owners_have_plain_names(owner: str) -> None:
    with pytest.raises(InputError, match="cannot be an owner"):
        keys.add(owner)


def test_keys_that_are_made_at_once_are_all_kept(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(keys.add, [f"owner{number}" for number in range(16)]))
    assert {keys.owner_of(key.text, keys.keys()) for key in made} == {key.kept.owner for key in made}
    assert sorted(path.name for path in file.parent.iterdir()) == ["keys.json", "keys.lock"]
