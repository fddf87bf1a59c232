"""Signatures of links."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.errors import InputError, SetupError
from tools.settings import settings
from tools.signatures import is_signed, signature

FILE = "0" * 64 + ".png"


def test_a_signature_opens_one_file() -> None:
    given = signature(FILE)
    assert is_signed(FILE, given)
    for other in ("", "ü", given[:-1], given.upper(), "0" * 64):
        assert not is_signed(FILE, other)
    assert not is_signed("1" + FILE[1:], given)
    assert not is_signed(FILE.replace(".png", ".txt"), given)


def test_the_secret_is_made_once_and_is_nobody_elses() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(signature, [FILE] * 16))) == 1
    path = settings().data_dir / "link.secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 64
    given = signature(FILE)
    path.unlink()
    assert not is_signed(FILE, given)


def test_the_secret_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_LINK_SECRET", "x" * 32)
    settings.cache_clear()
    given = signature(FILE)
    assert not (settings().data_dir / "link.secret").exists()
    monkeypatch.setenv("HUGGINGGPT_LINK_SECRET", "y" * 32)
    settings.cache_clear()
    assert not is_signed(FILE, given)
    assert "SecretStr" in repr(settings().link_secret)


@pytest.mark.parametrize("content", [b"", b"short"])
def test_an_empty_secret_signs_nothing(content: bytes) -> None:
    path = settings().data_dir / "link.secret"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"link\.secret"):
        signature(FILE)


def test_a_secret_that_could_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGGPT_LINK_SECRET", "x" * 31)
    settings.cache_clear()
    with pytest.raises(InputError, match="HUGGINGGPT_LINK_SECRET"):
        signature(FILE)
