"""A server that answers with whatever bytes a test gives it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def http(
    status: str = "200 OK", body: bytes = b"", *headers: str, content_type: str = "application/json"
) -> bytes:
    """A whole answer; its length is told, and the connection closed."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        f"Content-Type: {content_type}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


TOKEN = http("200 OK", b'{"access_token":"good","expires_in":300,"token_type":"bearer"}')


@asynccontextmanager
async def hostile(answer: Answer, *, signs_in: bool = True) -> AsyncIterator[str]:
    """
    A server on loopback that gives `answer` to everything, but with `signs_in` a good token to a sign-in; its base URL.
    """
    open_connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            sent = await reader.readexactly(int(length[1])) if length else b""
            if signs_in and b'"client_credentials"' in sent:
                writer.write(TOKEN)
            elif callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for writer in open_connections:
            writer.close()
