"""Imports what every run imports, then forks for each start that the client asks for; see the package."""

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import marshal
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

PRELOADED = (
    "pulumi",
    "pulumi.dynamic",
    "grpc",
    "httpx",
    "jwt",
    "cryptography.x509",
    "msgspec",
    "tenacity",
    "dill",
)


@dataclass(frozen=True)
class Order:
    """One start of Python: what to run, and as what."""

    kind: str
    name: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    files: list[int]

    @classmethod
    def receive(cls, connection: socket.socket) -> Order:
        """From a client that has just connected."""
        length, files, _, _ = socket.recv_fds(connection, 4, 3)
        read = bytearray()
        while len(read) < int.from_bytes(length, "big"):
            read += connection.recv(1 << 16)
        kind, name, arguments, environment, folder = marshal.loads(bytes(read))  # noqa: S302 - of our own client
        return cls(kind, name, arguments, environment, folder, files)

    def take_over(self) -> None:
        """Become the process that was asked for, but for what it runs."""
        for number, file in enumerate(self.files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        sys.dont_write_bytecode = bool(self.environment.get("PYTHONDONTWRITEBYTECODE"))
        paths = [path for path in self.environment.get("PYTHONPATH", "").split(os.pathsep) if path]
        first = self.folder if self.kind == "module" else str(Path(self.name).parent)
        sys.path[:1] = [first, *paths]
        importlib.invalidate_caches()

    def run(self) -> None:
        """As Python runs a module or a script."""
        main = ModuleType("__main__")
        sys.modules["__main__"] = main
        code: CodeType | None
        if self.kind == "module":
            spec = importlib.util.find_spec(self.name)
            assert spec is not None
            assert spec.loader is not None
            main.__spec__, main.__package__, main.__file__ = spec, spec.parent, spec.origin
            code = spec.loader.get_code(self.name)  # type: ignore[attr-defined]
        else:
            main.__file__ = self.name
            code = compile(Path(self.name).read_bytes(), self.name, "exec")
        assert code is not None
        sys.argv = [main.__file__ or "", *self.arguments]
        sys.orig_argv = [sys.executable, *sys.argv]
        exec(code, main.__dict__)  # noqa: S102 - what Pulumi wants to have run


class Server:
    """
    Forks, and ties each fork to its client: signals go to the fork, its exit status to the client.

    A client that goes away, as by SIGKILL, takes its fork with it.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, socket.socket] = {}
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)

    def serve(self) -> Order | None:
        """In this process until standard input ends, then None; in each fork the order that it is to carry out."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for readable in (self._listener, self._woken, sys.stdin):
            self._selector.register(readable, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is self._listener:
                    order = self._fork()
                    if order is not None:
                        return order
                elif key.fileobj is self._woken:
                    self._woken.recv(1 << 16)
                    self._reap()
                else:
                    self._pass_on(key.data)

    def _fork(self) -> Order | None:
        connection, _ = self._listener.accept()
        order = Order.receive(connection)
        child = os.fork()
        if child:
            for file in order.files:
                os.close(file)
            self._clients[child] = connection
            self._selector.register(connection, selectors.EVENT_READ, child)
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for mine in (connection, self._listener, self._woken, self._wake, *self._clients.values()):
            mine.close()
        self._selector.close()
        return order

    def _pass_on(self, child: int) -> None:
        connection = self._clients[child]
        received = connection.recv(16)
        if not received:
            self._selector.unregister(connection)
        for number in received or [signal.SIGKILL]:
            os.kill(child, number)

    def _reap(self) -> None:
        while self._clients:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            connection = self._clients.pop(child)
            code = os.waitstatus_to_exitcode(status)
            with connection:
                try:
                    self._selector.unregister(connection)
                    connection.sendall(bytes([code if code >= 0 else 128 - code]))
                except (KeyError, OSError):
                    pass  # the client is gone


def carry_out(order: Order) -> int:
    """Run it; its exit status, as Python makes it of what was raised."""
    try:
        order.run()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return (ended.code or 0) & 0xFF
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(status: int) -> None:
    """
    As Python ends, but for taking its modules apart.

    That writes into every page that the fork shares with the server, which takes longer than most programs.
    """
    threading._shutdown()  # type: ignore[attr-defined] # waits for the threads that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def main() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    if threading.active_count() != 1:
        sys.exit("a fork takes no thread along, and an import has started one")
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(sys.argv[1])
    listener.listen(64)
    print("ready", flush=True)
    order = Server(listener).serve()
    if order is not None:
        order.take_over()
        end(carry_out(order))


if __name__ == "__main__":
    main()
