"""The applications that the emulator knows, with their keys, made at the first start and kept."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from .store import Store

SCOPES = ("fleet:clearance", "vehicle:eligibility-check", "vehicle:data")


@dataclass(frozen=True)
class Application:
    """
    One application with its credentials.

    `has_fleet` False answers 403, `configured` False 422 to a request. `package` names its data package, which
    some carmakers compare between applications; `partner` is the Volkswagen group's kind of reseller.
    """

    name: str
    client_id: str
    client_secret: str
    key_id: str
    key_pem: str
    oauth_key_id: str
    oauth_key_pem: str
    has_fleet: bool = True
    configured: bool = True
    package: str = "standard"
    partner: bool = False

    def __repr__(self) -> str:
        return f"Application({self.name!r})"

    def public_key(self, key_id: str) -> ec.EllipticCurvePublicKey | None:
        """The public half of the key with this id."""
        pem = {self.key_id: self.key_pem, self.oauth_key_id: self.oauth_key_pem}.get(key_id)
        if pem is None:
            return None
        key = load_pem_private_key(pem.encode(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - made below
        return key.public_key()

    def credentials(self, base_url: str) -> dict[str, Any]:
        """What a client needs, in the form of the credentials file."""
        # The platform's key files name the server without the version; example programs append it.
        instance_uri = base_url.removesuffix("/v1")
        return {
            "base_url": base_url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "service_account_key": {
                "id": self.key_id,
                "private_key": self.key_pem,
                "instance_uri": instance_uri,
            },
            "oauth_private_key": {
                "id": self.oauth_key_id,
                "client_id": self.client_id,
                "private_key": self.oauth_key_pem,
                "instance_uri": instance_uri,
            },
        }


def ensure_application(
    store: Store,
    name: str,
    *,
    has_fleet: bool = True,
    configured: bool = True,
    package: str = "standard",
    partner: bool = False,
) -> Application:
    """The application of this name, made if the database has none."""
    kept = store.meta(f"application:{name}")
    if kept is not None:
        credentials = Application(**json.loads(kept))
        return replace(
            credentials, has_fleet=has_fleet, configured=configured, package=package, partner=partner
        )
    application = Application(
        name=name,
        client_id=str(uuid4()),
        client_secret=secrets.token_urlsafe(32),
        key_id=str(uuid4()),
        key_pem=_new_key(),
        oauth_key_id=str(uuid4()),
        oauth_key_pem=_new_key(),
        has_fleet=has_fleet,
        configured=configured,
        package=package,
        partner=partner,
    )
    store.set_meta(f"application:{name}", json.dumps(asdict(application)))
    return application


def write_credentials(path: Path, application: Application, base_url: str) -> None:
    """Write the credentials file, readable by its owner alone from its first byte on, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(application.credentials(base_url), file, indent=2)
        file.write("\n")
    beside.replace(path)


def _new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
