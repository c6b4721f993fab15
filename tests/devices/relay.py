"""Copies bytes between connections to one port and connections to another:

    python relay.py FD PORT

FD is a listening socket, of whatever network it was made in; PORT is one of the loopback of the
network that this process is in. It runs until it is ended, which closes every connection.
"""

import socket
import sys
from contextlib import suppress
from threading import Thread


def copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # either end is gone: so goes the other
        while content := source.recv(1 << 16):
            sink.sendall(content)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def serve(outer: socket.socket, port: int) -> None:
    with outer:
        try:
            inner = socket.create_connection(("127.0.0.1", port))
        except ConnectionError:  # nobody listens there now
            return
        with inner:
            back = Thread(target=copy, args=(inner, outer))
            back.start()
            copy(outer, inner)
            back.join()


def main(fd: str, port: str) -> None:
    with socket.socket(fileno=int(fd)) as listener:
        while True:
            outer, _ = listener.accept()
            Thread(target=serve, args=(outer, int(port)), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
