"""What the program constructs, told to the provider processes of its run: the engine tells them only what it checks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from ..dynamic.sdk import engine_of_the_program
from ..errors import BoardUnusable
from ..run.board import Board

# By the engine's address: with the Automation API one process may run the programs of several stacks.
_boards: dict[str, Board | None] = {}
_numbers = itertools.count()


def tell_construction(
    kind: str,
    name: str,
    vins: pulumi.Input[Any],
    read: Callable[[Any], str],
    opts: pulumi.ResourceOptions | None,
) -> None:
    """
    Say that the program has a resource that wants vehicles; `read` makes their VINs, in a text, of the input.

    Where the input is an output, its VINs are told when they are known. In a test with mocks there is nobody to tell.
    """
    board = _board()
    if board is None:
        return
    line: dict[str, Any] = {"what": "constructed", "number": next(_numbers), "kind": kind, "name": name}
    if opts is not None and opts.delete_before_replace:
        line["deletes_first"] = True
    is_output = isinstance(vins, pulumi.Output) or hasattr(vins, "__await__")
    _write(board, {**line, "vins": None if is_output else read(vins)})
    if is_output:
        number = line["number"]
        pulumi.Output.from_input(vins).apply(
            lambda known: _write(board, {"what": "resolved", "number": number, "vins": read(known)})
        )


def _board() -> Board | None:
    address = engine_of_the_program()
    if address is None:
        return None
    if address not in _boards:
        try:
            _boards[address] = board = Board(address, is_provider=False)
            board.write(
                {
                    "what": "program",
                    "organization": pulumi.get_organization(),
                    "project": pulumi.get_project(),
                    "stack": pulumi.get_stack(),
                    "dry_run": pulumi.runtime.is_dry_run(),
                }
            )
        except BoardUnusable as error:
            _boards[address] = None
            pulumi.log.warn(
                f"the program cannot tell the provider what it declares ({error}): with --target and --exclude, the provider "
                "does not know what it wants. Set TMPDIR to a folder for temporary files that can be written"
            )
    return _boards[address]


def _write(board: Board, line: Mapping[str, Any]) -> None:
    try:
        board.write(line)
    except BoardUnusable as error:
        pulumi.log.warn(f"the program cannot tell the provider what it declares: {error}")
