"""A queue for one resource that coroutines of any event loop can wait in."""

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from types import TracebackType


class Turns:
    """A fair lock. Unlike `asyncio.Lock` it belongs to no event loop and can be looked at from any thread."""

    def __init__(self, mutex: threading.RLock) -> None:
        """Make a free lock.

        Args:
            mutex: Guards the lock's own state; shared by all that must look at several locks at once.
        """
        self._mutex = mutex
        self._waiting: deque[Future[None]] = deque()
        self.taken = False

    async def __aenter__(self) -> None:
        with self._mutex:
            if not self.taken:
                self.taken = True
                return
            turn: Future[None] = Future()
            self._waiting.append(turn)
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel():
                self._pass_on()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(None)
                    return
            self.taken = False
