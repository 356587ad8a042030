"""
The event loop of zarr, which runs in its own thread.

If the system can't start a thread, zarr keeps a loop that never runs, and waits for it forever. If
one of several concurrent operations fails, the others are still running when the error is raised.
"""

from __future__ import annotations

import asyncio
import contextlib

from zarr.core import sync

_LONGEST = 30.0


def start() -> None:
    """
    Start the thread, if it is not running.

    :raises RuntimeError: the system starts no more threads.
    """
    forget_if_dead()
    sync._get_loop()


def forget_if_dead() -> None:
    """Let zarr start another loop if its own is not running."""
    loop, thread = sync.loop[0], sync.iothread[0]
    if loop is not None and (thread is None or not thread.is_alive()):
        sync.loop[0] = sync.iothread[0] = None
        loop.close()


def wait_until_idle() -> None:
    """Wait for what goes on in the loop after an error; what it raises was reported already."""
    loop, thread = sync.loop[0], sync.iothread[0]
    if loop is not None and thread is not None and thread.is_alive():
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_others_ended(), loop).result(_LONGEST)


async def _others_ended() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=_LONGEST)
