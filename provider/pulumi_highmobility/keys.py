"""Private keys as people hand them over: JSON, a path, in quotes or in base64."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigError, NoCredentials
from .secret import Secret
from .setting_names import LONGEST_SHOWN, Setting
from .text import visible

# The largest key or credentials file that is read: real ones have a kilobyte.
_MOST_BYTES = 2**20


@dataclass(frozen=True)
class PrivateKey:
    """
    A private key as the console hands it out: PKCS#8 PEM on the curve P-256, with its id.

    `client_id` is only in an OAuth private key; `instance_uri` names the server it was made for.
    """

    id: str
    private_key: Secret
    instance_uri: str = ""
    client_id: str = ""


def read_private_key(text: str | None, setting: Setting) -> PrivateKey | None:
    """
    The key of a setting that holds its JSON, or the path of its file; None without a text.

    Raises: ConfigError, which quotes no key.
    """
    if text is None:
        return None
    text = _key_text(text)
    if not text.startswith(("{", "-----BEGIN")):
        text = _key_text(read_file(text, setting))
    if text.startswith("-----BEGIN"):
        raise ConfigError(
            f"{setting.names} is a bare private key, without its id. Give the JSON file as downloaded "
            'from the console, with "id" and "private_key".'
        )
    return key_from(read_json_object(text, setting, what="private key's JSON"), setting)


def _key_text(text: str) -> str:
    """A key's JSON as people paste it: with a byte order mark, in quotes, or in base64."""
    text = text.strip().lstrip("\ufeff").strip()
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        # JSON within a JSON text, or within quotes of a shell that came along.
        inner: object = None
        with contextlib.suppress(ValueError):
            inner = json.loads(text)
        text = (inner if isinstance(inner, str) else text[1:-1]).strip()
    if len(text) > 100 and re.fullmatch(r"[A-Za-z0-9+/_\s-]+=*\s*", text):
        with contextlib.suppress(ValueError):
            packed = "".join(text.split()).replace("-", "+").replace("_", "/")
            decoded = (
                base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode("utf-8-sig").strip()
            )
            text = decoded if decoded.startswith(("{", "-----BEGIN")) else text
    return text


def key_from(fields: Any, setting: Setting) -> PrivateKey | None:
    """The key of a JSON value, None where that is null. Raises: ConfigError."""
    if fields is None:
        return None
    if not isinstance(fields, Mapping):
        raise ConfigError(f"{setting.names}: the private key is not a JSON object.")
    missing = [name for name in ("id", "private_key") if not str(fields.get(name) or "").strip()]
    if missing:
        raise ConfigError(
            f"{setting.names}: the private key's JSON has no {' and no '.join(missing)}. Download the key "
            "from the console once more, or check which file was given."
        )
    # A key that was copied through a shell or a YAML file has its line breaks written out, or Windows' ones.
    pem = (
        str(fields["private_key"]).replace("\\r", "").replace("\\n", "\n").replace("\r\n", "\n").strip()
        + "\n"
    )
    if "PRIVATE KEY-----" not in pem:
        raise ConfigError(
            f'{setting.names}: "private_key" is not a PEM text (PKCS#8, curve P-256). Give the JSON file as downloaded.'
        )
    return PrivateKey(
        id=str(fields["id"]).strip(),
        private_key=Secret(pem),
        instance_uri=str(fields.get("instance_uri") or ""),
        client_id=str(fields.get("client_id") or ""),
    )


def read_file(path: str, setting: Setting) -> str:
    """The text of the file that a setting names. Raises: ConfigError; NoCredentials, where there is no such file."""
    kind = ConfigError
    try:
        # Of a user that is not known here, "~nobody/key.json" cannot be worked out.
        file = Path(path).expanduser()
        if not file.is_file():
            # A pipe or a device would be waited for, or read for ever.
            reason = "there is no such file" if not file.exists() else "it is not a regular file"
            kind = ConfigError if file.exists() else NoCredentials
        elif file.stat().st_size > _MOST_BYTES:
            reason = f"it is larger than {_MOST_BYTES // 2**20} MB"
        else:
            return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except (OSError, ValueError, RuntimeError) as error:
        reason = (
            error.strerror if isinstance(error, OSError) else None
        ) or "that is not a valid file name here"
    # A secret given in the wrong place would be quoted here as a path: name the setting, not the value.
    is_path = path.endswith((".json", ".pem", ".key")) and len(path) < LONGEST_SHOWN
    quoted = f' "{visible(path)}"' if is_path else ""
    where = "" if Path(path[:LONGEST_SHOWN]).is_absolute() else f" (looked for in {Path.cwd()})"
    raise kind(f"{setting.names} names a file{quoted} that cannot be read{where}: {reason}.")


def read_json_object(text: str, setting: Setting, *, what: str) -> Mapping[str, Any]:
    """The JSON object of a setting; `what` names it in messages. Raises: ConfigError."""
    try:
        # Not strict: a key that was pasted may have raw line breaks within its texts.
        fields = json.loads(text.lstrip("\ufeff"), strict=False)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its start"
        raise ConfigError(f"{setting.names}: the {what} is not JSON (at {where}).") from None
    if not isinstance(fields, Mapping):
        raise ConfigError(f"{setting.names}: the {what} is not a JSON object.")
    return fields
