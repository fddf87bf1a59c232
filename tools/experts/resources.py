"""Memory, cores and GPUs as the calls of local experts share them: who may start now, and who must leave for it."""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pebble import ProcessPool

from tools.experts.processes import MOST_THREADS

CPU = "cpu"
PASSES = 8
"""Later calls that may start before one that waits for memory: few enough that it does not wait for ever."""


@dataclass(eq=False)
class Holder:
    """One model: its process, what that holds, and whether it works."""

    key: str
    device: str = CPU
    size: int = 0
    """Bytes that it is expected to hold on its device: as last measured, else as told."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Device to bytes that it holds now; empty when it is not loaded."""
    loading: bool = False
    """Whether what it holds is expected and not measured: its first call is not over."""
    busy: bool = False
    used: float = 0.0
    """When its last call ended."""
    pool: ProcessPool | None = None
    """Its process; None until it is needed."""
    call: "Future[Any] | None" = None
    """The call that runs."""


@dataclass(eq=False)
class Claim:
    """One call: waits in the queue, then has its holder, a place on the device and a share of the cores."""

    holder: Holder
    light: bool = False
    """Whether it is too short to take cores from others, and to wait for them."""
    turn: Future[None] = field(default_factory=Future)
    passed: int = 0
    """Later calls that started before it while it waited for memory."""
    threads: int = 1
    """Its share of the cores."""
    leaving: list[ProcessPool] = field(default_factory=list)
    """Processes whose memory it takes; the caller must end them first."""


class Resources:
    """The fair queue of all calls, which start in the order in which they came as soon as three things are free.

    - its holder: one call at a time;
    - its device: a GPU runs one call at a time, the CPU as many as there are cores;
    - memory for what is not loaded yet. The least recently used idle holders leave for it. When that is not enough,
      it waits until busy ones end; a model that is larger than the limit is loaded when nothing else works there.

    A waiting call has nothing, and all is taken in one step, so no two calls can wait for each other.
    """

    def __init__(self, cores: int) -> None:
        """Make one with nothing loaded.

        Args:
            cores: Cores of this machine.
        """
        self.cores = cores
        self.mutex = threading.RLock()
        self.limits: dict[str, int] = {}
        """Device to bytes that all models may hold there together; no limit when it is not listed."""
        self.others: dict[str, int] = {}
        """Main memory that is held by processes that never leave, by name."""
        self.holders: list[Holder] = []
        """All that are loaded."""
        self._waiting: list[Claim] = []
        self._running: list[Claim] = []

    async def start(self, claim: Claim) -> None:
        """Wait until a call may start. Whoever calls this must call `end` afterwards, however it ended."""
        with self.mutex:
            self._waiting.append(claim)
            self._advance()
        await asyncio.wrap_future(claim.turn)

    def end(self, claim: Claim) -> None:
        """Give back what a call has, or its place in the queue."""
        with self.mutex:
            if claim in self._waiting:
                self._waiting.remove(claim)
            elif claim in self._running:
                self._running.remove(claim)
                claim.holder.busy, claim.holder.call = False, None
                claim.holder.used = time.monotonic()
                if claim.holder.loading:
                    # It was cancelled before the process had the call.
                    self.emptied(claim.holder)
            self._advance()

    def held(self, device: str) -> int:
        """Return the bytes held on a device."""
        with self.mutex:
            others = sum(self.others.values()) if device == CPU else 0
            return others + sum(holder.held.get(device, 0) for holder in self.holders)

    def loads(self, device: str) -> bool:
        """Tell whether a model is being loaded on a device."""
        with self.mutex:
            return any(holder.loading and holder.device == device for holder in self.holders)

    def unload(self, holders: Iterable[Holder]) -> list[ProcessPool]:
        """Take the processes from models that are to be loaded no more; the caller must end them."""
        pools = []
        with self.mutex:
            for holder in holders:
                self.emptied(holder)
                if holder.pool:
                    pools.append(holder.pool)
                holder.pool = None
        return pools

    def emptied(self, holder: Holder) -> None:
        """Note that a process has lost its model: it ended, and a fresh one is in its place."""
        with self.mutex:
            holder.held, holder.loading = {}, False
            if holder in self.holders:
                self.holders.remove(holder)

    def room(self, size: int, device: str = CPU) -> tuple[list[Holder], bool]:
        """Find the idle models that must leave before another one is loaded.

        Args:
            size: Bytes that it takes.
            device: Where.

        Returns:
            Least recently used ones, no more than needed, and whether it fits when they have left.
        """
        idle = sorted((h for h in self.holders if not h.busy and h.held.get(device)), key=lambda h: h.used)
        left, leaving = self.limits.get(device, inf) - self.held(device) - size, list[Holder]()
        while left < 0 and idle:
            leaving.append(idle.pop(0))
            left += leaving[-1].held[device]
        return leaving, left >= 0

    def _advance(self) -> None:
        """Start all calls that can start, the oldest first."""
        blocked: list[Claim] = []
        for claim in list(self._waiting):
            device = claim.holder.device
            older = [other for other in blocked if other.holder.device == device]
            if any(other.passed >= PASSES for other in older) or not self._has_place(claim):
                continue
            leaving, fits = self._room_for(claim.holder)
            if not fits:
                blocked.append(claim)
            elif claim.turn.set_running_or_notify_cancel():
                for other in older:
                    other.passed += 1
                self._take(claim, leaving)

    def _has_place(self, claim: Claim) -> bool:
        device = claim.holder.device
        if claim.holder.busy:
            return False
        if device == CPU and claim.light:
            return True
        working = sum(1 for other in self._running if other.holder.device == device and not other.light)
        return working < (self.cores if device == CPU else 1)

    def _room_for(self, holder: Holder) -> tuple[list[Holder], bool]:
        if holder.held:
            return [], True
        leaving, fits = self.room(holder.size, holder.device)
        alone = not any(other.busy and other.held.get(holder.device) for other in self.holders)
        return leaving, fits or alone

    def _take(self, claim: Claim, leaving: list[Holder]) -> None:
        holder = claim.holder
        claim.threads, claim.leaving = self._share(claim), self.unload(leaving)
        self._waiting.remove(claim)
        self._running.append(claim)
        holder.busy = True
        if not holder.held:
            holder.held, holder.loading = {holder.device: max(1, holder.size)}, True
            self.holders.append(holder)
        claim.turn.set_result(None)

    def _share(self, claim: Claim) -> int:
        """Return the cores that are free, divided among the calls that wait for some."""
        free = self.cores - sum(other.threads for other in self._running if _computes(other))
        waiting = sum(1 for other in self._waiting if other is not claim and self._wants_core(other))
        return max(1, min(MOST_THREADS, free // (1 + waiting)))

    def _wants_core(self, claim: Claim) -> bool:
        return _computes(claim) and not claim.holder.busy


def _computes(claim: Claim) -> bool:
    return claim.holder.device == CPU and not claim.light
