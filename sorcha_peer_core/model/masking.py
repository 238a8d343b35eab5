"""Which settings are for nobody's eyes, and how they are shown."""

from __future__ import annotations

import re

MASK = "***"
_WORDS = "password|secret|token|credential"
_NAME = re.compile(_WORDS)
_PLUGIN_NAME = re.compile(rf"{_WORDS}|key")
_PASSWORD = re.compile(r"(://[^/@:\s]*:)\S*@")
_PARAMETER = re.compile(rf"([?&][^=&#\s]*(?:{_WORDS}|key)[^=&#\s]*=)[^&#\s'\"]+", re.IGNORECASE)


def is_secret(key: str) -> bool:
    """Whether the value of ``section.name`` is for nobody's eyes.

    The core's own settings named ``key`` are names of files; of a plugin nobody knows.

    >>> [is_secret(key) for key in ("security.key", "plugins.relay.key", "plugins.relay.api_token", "store.url")]
    [False, True, True, False]
    """
    name = key.rpartition(".")[2].lower()
    return bool((_PLUGIN_NAME if key.startswith("plugins.") else _NAME).search(name))


def without_password(text: str) -> str:
    """The text, with the password of a URL in it hidden; whoever shows settings shows them through this.

    >>> without_password("postgresql://peer:secret@db.example/peer")
    'postgresql://peer:***@db.example/peer'
    >>> without_password("postgresql://db.example/peer?user=peer&password=secret")
    'postgresql://db.example/peer?user=peer&password=***'
    """
    return _PARAMETER.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1{MASK}@", text))
