"""
Run as Python is: `client.py FOLDER PYTHON ARGUMENTS…`; see the package.

Started for every program and provider, so it imports nothing but what the interpreter has built in.
"""

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import os
import sys

FOLDER, PYTHON, *ARGUMENTS = sys.argv[1:]


def main() -> int:
    words = [word for word in ARGUMENTS if word != "-u"]
    if words[:2] == ["-m", "pulumi.dynamic"]:
        wanted = ("module", "pulumi.dynamic.__main__", words[2:])
    elif words and words[0].endswith("/pulumi-language-python-exec"):
        wanted = ("script", words[0], words[1:])
    else:
        os.execv(PYTHON, [PYTHON, *ARGUMENTS])
    return run_there(wanted)


def run_there(wanted: "tuple[str, str, list[str]]") -> int:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(f"{FOLDER}/socket")
    except FileNotFoundError:
        os.execv(PYTHON, [PYTHON, *ARGUMENTS])
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, lambda received, _: connection.sendall(bytes([received])))
    order = marshal.dumps((*wanted, dict(os.environ), os.getcwd()))
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection.sendmsg([len(order).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    connection.sendall(order)
    status = connection.recv(1)
    return status[0] if status else 1


sys.exit(main())
