"""A server in between that answers one request otherwise than the server behind it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from typing import Literal

Fault = Literal["412", "500", "503", "cut", "lost", "late"]
FAULTS: tuple[Fault, ...] = ("412", "500", "503", "cut", "lost", "late")

_CODES = {"412": "PreconditionFailed", "500": "InternalError", "503": "SlowDown"}
_METHODS = (b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class FaultyProxy:
    """
    Hands on each request and its answer, but for one fault.

    ``412``, ``500`` and ``503`` are answers that come instead of the server's; ``cut`` requests do
    not arrive, of ``lost`` ones the answer does not, and ``late`` ones take a while.

    :param target: host and port of the server behind it.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._mutex = threading.Lock()
        self._fault: Fault | None = None
        self._from, self._times = 0, 0
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(self, fault: Fault | None, request: int, times: int = 1) -> None:
        """Fail at a request, counted from now, and at so many in all."""
        with self._mutex:
            self._fault, self._from, self._times, self.asked = fault, request, times, 0

    @property
    def has_failed(self) -> bool:
        """Whether there was a request to fail at."""
        return self.asked >= self._from

    def stop(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
            answers = threading.Thread(target=_hand_on, args=(server, client), daemon=True)
            answers.start()
            while data := client.recv(1 << 16):
                fault = self._fault_of(data)
                if fault in ("412", "500", "503", "cut"):
                    _rest(client, data)
                    if fault != "cut":
                        client.sendall(_answer(fault, has_body=not data.startswith(b"HEAD ")))
                    break
                if fault == "lost":
                    self._lose_answer(client, data)
                    break
                if fault == "late":
                    time.sleep(0.5)
                server.sendall(data)
            for each in (client, server):
                each.shutdown(socket.SHUT_RDWR)

    def _lose_answer(self, client: socket.socket, data: bytes) -> None:
        whole = data + _rest(client, data)
        with socket.create_connection(self._target) as apart:
            apart.sendall(whole)
            apart.recv(1 << 16)

    def _fault_of(self, data: bytes) -> Fault | None:
        if not data.startswith(_METHODS):
            return None
        with self._mutex:
            self.asked += 1
            is_in = self._from <= self.asked < self._from + self._times
            return self._fault if is_in else None


def _answer(fault: Fault, *, has_body: bool) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{_CODES[fault]}</Code></Error>" if has_body else ""
    head = f"HTTP/1.1 {fault} Fault\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


def _rest(client: socket.socket, data: bytes) -> bytes:
    """What is still to come of a request."""
    head, _, body = data.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    missing, rest = int(found[1]) - len(body) if found else 0, b""
    while len(rest) < missing:
        part = client.recv(1 << 16)
        if not part:
            break
        rest += part
    return rest


def _hand_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
