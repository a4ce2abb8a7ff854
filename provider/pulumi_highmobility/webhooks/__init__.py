"""Receives High Mobility's webhooks, and runs what follows; needs the extra `[webhooks]`."""

from .actions import Action, ActionFailed, RunStack, TriggerCi
from .inbox import Event, Inbox, InboxError
from .receiver import webhook_app
from .worker import Worker

__all__ = [
    "Action",
    "ActionFailed",
    "Event",
    "Inbox",
    "InboxError",
    "RunStack",
    "TriggerCi",
    "Worker",
    "webhook_app",
]
