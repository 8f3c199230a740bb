"""The embedded service: Watson Machine Learning on this machine, for development, tests and quickstarts.

It responds to IBM's clients over HTTPS as the real service does, and runs the models. Needs the extra ``local``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wml_deployer.server.app.launch import console_link, join_or_start
    from wml_deployer.server.app.running import EmbeddedServer
    from wml_deployer.server.settings import ServerInfo, Settings
    from wml_deployer.server.storage.folder import ServerStartError
    from wml_deployer.server.storage.store import find_space

__all__ = [
    "EmbeddedServer",
    "ServerInfo",
    "ServerStartError",
    "Settings",
    "console_link",
    "find_space",
    "join_or_start",
]

_HOMES = {
    "EmbeddedServer": "app.running",
    "ServerInfo": "settings",
    "ServerStartError": "storage.folder",
    "Settings": "settings",
    "console_link": "app.launch",
    "find_space": "storage.store",
    "join_or_start": "app.launch",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "EmbeddedServer":
        import_module(f"{__name__}.app.launch").require_extra()
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
