"""
The event loop of zarr, which runs in its own thread.

If the system can't start a thread, zarr keeps a loop that never runs, and waits for it forever.
"""

from __future__ import annotations

from zarr.core import sync

# It is made on first use; two threads at the same time would each get a loop.
sync._get_lock()


def start() -> None:
    """
    Start the thread, if it is not running.

    :raises RuntimeError: the system starts no more threads.
    """
    forget_if_dead()
    sync._get_loop()


def forget_if_dead() -> None:
    """Let zarr start another loop if its own is not running."""
    # Under the lock of zarr, which names a loop before it starts its thread.
    with sync._get_lock():
        loop, thread = sync.loop[0], sync.iothread[0]
        if loop is not None and (thread is None or not thread.is_alive()):
            sync.loop[0] = sync.iothread[0] = None
            loop.close()
