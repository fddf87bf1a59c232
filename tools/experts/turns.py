"""A queue for one resource that coroutines of any event loop can wait in."""

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from types import TracebackType


class Turns:
    """A fair semaphore. Unlike `asyncio.Semaphore` it belongs to no event loop."""

    def __init__(self, number: int = 1) -> None:
        """Make a free one.

        Args:
            number: How many may have a turn at the same time.
        """
        self._mutex = threading.Lock()
        self._waiting: deque[Future[None]] = deque()
        self.free = number

    async def __aenter__(self) -> None:
        with self._mutex:
            if self.free:
                self.free -= 1
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
            self.free += 1
