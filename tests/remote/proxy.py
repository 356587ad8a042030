"""A server in between, which dies when it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Literal

Death = Literal["before", "within", "after"]


class Proxy:
    """
    Hands on what comes to a port, until a request comes that it is to die at.

    :param target: host and port of the server behind it.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._address = ("127.0.0.1", 0)
        self._mutex = threading.Lock()
        self._open: list[socket.socket] = []
        self._remaining: int | None = None
        self._thread: threading.Thread | None = None
        self._death: Death = "before"
        # Those that write since it came to life, and all that it ever handed on.
        self.requests = self.asked = 0
        self.dead = True
        self.start()

    @property
    def url(self) -> str:
        return f"http://{self._address[0]}:{self._address[1]}"

    def start(self) -> None:
        """Listen, at the port of before."""
        if self._thread is not None:
            # Until it has seen its listener closed, the port is taken.
            self._thread.join(timeout=10)
        self.dead, self._remaining, self.requests, self._muted = False, None, 0, False
        self._listener = socket.create_server(self._address, backlog=64)
        self._address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._thread.start()

    def die_at(self, request: int, death: Death) -> None:
        """Die at that writing request from now: before, within or after it is handed on."""
        with self._mutex:
            self._remaining, self._death = request, death

    def stop(self) -> None:
        """Die now."""
        with self._mutex:
            self.dead = True
            for each in (self._listener, *self._open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not self.dead:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
                with self._mutex:
                    self._open += [client, server]
                for source, sink in ((client, server), (server, client)):
                    arguments = (source, sink, source is client)
                    threading.Thread(target=self._hand_on, args=arguments, daemon=True).start()

    def _hand_on(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if asking and data.startswith((b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")):
                    with self._mutex:
                        self.asked += 1
                if asking and data.startswith((b"PUT ", b"POST ")) and self._is_last():
                    self._end(data, sink)
                    return
                if asking or not self._muted:
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _is_last(self) -> bool:
        with self._mutex:
            self.requests += 1
            return self._remaining is not None and self.requests >= self._remaining

    def _end(self, data: bytes, sink: socket.socket) -> None:
        # A client that tries again makes it die several times; only once in a life.
        life = self._listener
        if self._death == "within":
            sink.sendall(data[: len(data) - 7])
        elif self._death == "after":
            # It answers, and nobody hears it.
            self._muted = True
            sink.sendall(data)
            threading.Event().wait(0.2)
        if self._listener is life:
            self.stop()
