"""The execution benchmarks in small: what they count is right, and holds for a few runs and kills."""

import random
import signal
from pathlib import Path

import pytest

from app.runs import opened
from benchmarks import leaks, makespan
from benchmarks.resume import Tally, Trial, killed
from benchmarks.stubs import critical_path, expected, plan_of, random_plan, seconds_of, stubbed
from tools.settings import settings


def test_the_critical_path_is_the_longest_chain() -> None:
    plan = plan_of({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, {"a": 1, "b": 2, "c": 5, "d": 1})
    assert critical_path(plan) == pytest.approx(7)
    assert critical_path(makespan.shapes()["unbalanced"]) == pytest.approx(0.8)


def test_random_plans_are_the_same_for_the_same_seed_and_of_the_right_size() -> None:
    plans = [random_plan(random.Random(seed), 0.2) for seed in range(50)]
    assert plans == [random_plan(random.Random(seed), 0.2) for seed in range(50)]
    assert {len(plan.tasks) for plan in plans} == set(range(6, 13))
    assert max(len(task.dep) for plan in plans for task in plan.tasks) == 2
    seconds = sorted(seconds_of(task) for plan in plans for task in plan.tasks)
    assert seconds[len(seconds) // 2] == pytest.approx(0.2, rel=0.25)


def test_a_result_depends_on_everything_before_it() -> None:
    first, second = (expected(plan_of({"a": [], "b": ["a"]}, {"a": a, "b": 0})) for a in (0, 1))
    assert first["b"] != second["b"]


async def test_every_system_runs_a_plan_right() -> None:
    plan = random_plan(random.Random(1), 0.002)
    with stubbed():
        async with makespan.systems() as systems:
            assert set(systems) == {"graph-none", "graph-memory", "graph-sqlite", "waves-sqlite", "asyncio"}
            for run in systems.values():
                assert await makespan.ratio(run, plan) > 1


async def test_many_runs_leave_nothing_behind() -> None:
    with stubbed():
        async with opened() as agent:
            found = await leaks.many(agent, 40, settings().data_dir)
    left = {name: value for name, value in found["after"].items() if name not in ("megabytes", "threads")}
    assert left == {
        "files": found["before"]["files"],
        "processes": found["before"]["processes"],
        "futures": 0,
        "boards": 0,
        "temporary": 0,
    }
    assert found["after"]["megabytes"] - found["before"]["megabytes"] < 10


async def test_ten_media_tasks_take_little_room_in_the_checkpoints() -> None:
    with stubbed():
        assert await leaks.checkpoint_kilobytes(settings().data_dir) < 200


def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    trial, tally = Trial(random_plan(random.Random(3), 0.1), tmp_path), Tally()
    killed(trial, random.Random(1), signal.SIGKILL, 2)
    trial.finish()
    trial.count(tally)
    assert (tally.lost, tally.wrong) == (0, 0)
    assert tally.tasks == len(trial.planned.tasks)
