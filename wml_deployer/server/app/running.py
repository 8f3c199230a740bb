"""Run the embedded service of a folder."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import shutil
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from wml_deployer.server.app.application import build
from wml_deployer.server.app.certificates import ensure_certificates
from wml_deployer.server.clock import Clock
from wml_deployer.server.console.sessions import Sessions
from wml_deployer.server.console.sign_in import link
from wml_deployer.server.context import Context
from wml_deployer.server.deployments.serving import Serving
from wml_deployer.server.http.connections import HttpConnection
from wml_deployer.server.http.signatures import Signatures
from wml_deployer.server.http.tokens import Account, Caller, Tokens, signing_key
from wml_deployer.server.platform.responses import RELEASE
from wml_deployer.server.settings import ServerInfo, Settings
from wml_deployer.server.spaces.models import ensure_default
from wml_deployer.server.storage.blobs import Blobs
from wml_deployer.server.storage.folder import Folder, FolderInUseError, ServerStartError
from wml_deployer.server.storage.records import Identifiers
from wml_deployer.server.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EmbeddedServer", "RemoteAddressError"]

_LOGGER = logging.getLogger(__name__)
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
#: How long an idle connection stays open, and how long a stopping server waits for pending responses, in seconds.
_KEEP_ALIVE, _GRACE = 75, 5
_PAUSE = 0.05


class RemoteAddressError(ServerStartError):
    """Other machines can reach the address, and the settings do not allow that."""


class EmbeddedServer:
    """The embedded service of one folder.

    Creating it locks the folder and opens the port; `info` tells how to reach it. `run` serves requests until `stop`.

    Args:
        settings: Settings of the server.

    Raises:
        FolderInUseError: Another process serves the folder.
        FolderNotPrivateError: Other users can read the folder, and its permissions cannot be changed.
        InvalidKeyError: The given key is empty, or not printable ASCII without spaces.
        StoreFormatError: Another version of the service wrote the folder.
        RemoteAddressError: Other machines can reach the address, and the settings do not allow that.

    Example:
        >>> import tempfile, threading
        >>> from pathlib import Path
        >>> server = EmbeddedServer(Settings(Path(tempfile.mkdtemp())))
        >>> ready = threading.Event()
        >>> thread = threading.Thread(target=server.run, args=[lambda info: ready.set()])
        >>> thread.start()
        >>> ready.wait(timeout=10)
        True
        >>> server.stop()
        >>> thread.join()

    """

    def __init__(self, settings: Settings) -> None:
        """Lock the folder and open the port."""
        _require_local(settings)
        self._settings = settings
        self._folder = Folder(settings.directory.absolute())
        self._folder.prepare()
        self._lock = self._folder.server_lock()
        if not self._lock.take():
            self._lock.release()
            raise FolderInUseError(
                f"Another server is using the folder {self._folder.path}. Join that one, or stop it first."
            )
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            self._open(undo)
            undo.callback(self._folder.withdraw)
            self._undo = undo.pop_all()

    def run(self, ready: Callable[[ServerInfo], None] | None = None) -> None:
        """Serve requests until `stop` is called or the process receives SIGINT or SIGTERM.

        Args:
            ready: Called once requests are served.

        """

        def announce() -> None:
            self._folder.announce(self.info)
            if ready is not None:
                ready(self.info)

        self._uvicorn.ready = announce
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self.close()

    def console_link(self) -> str:
        """Return a link to the console; it works once, within an hour."""
        return link(self._context, self.info.url)

    def stop(self) -> None:
        """Stop `run` once the pending requests are served. Can be called from any thread."""
        self._uvicorn.should_exit = True

    def close(self) -> None:
        """Release the folder and the port; `run` does this when it returns."""
        self._undo.close()

    def _open(self, undo: contextlib.ExitStack) -> None:
        folder, settings = self._folder, self._settings
        account = Account(settings.username, folder.apikey(settings.apikey))
        clock = Clock()
        blobs = Blobs(folder.blobs)
        store = Store(folder.database, blobs.release)
        undo.callback(store.close)
        folder.running.mkdir(mode=0o700, exist_ok=True)
        # Left by the worker pools of a killed server. Environments are kept: they take long to create.
        for orphan in folder.running.glob("pool-*"):
            shutil.rmtree(orphan, ignore_errors=True)
        certificates = ensure_certificates(folder.path, {*_LOCAL_NAMES, settings.host} - {"0.0.0.0", "::"})  # noqa: S104
        with store.transaction() as transaction:
            self._socket = _listen(settings.host, settings.port or int(transaction.setting("port") or 0))
            undo.callback(self._socket.close)
            port = self._socket.getsockname()[1]
            transaction.set_setting("port", str(port))
            key = signing_key(transaction)
            context = Context(
                directory=folder.path,
                url=f"https://{_reachable(settings.host)}:{port}",
                store=store,
                blobs=blobs,
                clock=clock,
                identifiers=Identifiers(),
                account=account,
                tokens=Tokens(key, clock),
                signatures=Signatures(key, clock),
                serving=Serving(folder.running),
                sessions=Sessions(clock),
            )
            space_id = ensure_default(context, transaction, Caller(account.username, "software"))
            context.blobs.collect(transaction.digests())
        self._context = context
        version = ".".join(RELEASE.split(".")[:2])
        self.info = ServerInfo(context.url, certificates.ca_bundle, account.username, account.apikey, space_id, version)
        self._uvicorn = _Uvicorn(self._configure(context, str(certificates.server)))
        if settings.until_unused:
            self._uvicorn.watch = self._stop_when_unused

    def _configure(self, context: Context, certificate: str) -> uvicorn.Config:
        app = build(context, controllable=self._settings.controllable)
        return uvicorn.Config(
            app,
            http=HttpConnection,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            lifespan="on",
            ws="none",
            ssl_certfile=certificate,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )

    async def _stop_when_unused(self) -> None:
        """Stop once no process shares the users' lock, and keep the lock, so that nobody joins a stopping server."""
        lock = self._folder.users_lock()
        # Waiting for a file lock would block a thread, so poll it.
        while not lock.take():  # noqa: ASYNC110
            await asyncio.sleep(1)
        _LOGGER.info("No process uses the folder any more: stopping.")
        self.stop()


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, with a callback for its start and a task that runs beside it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready: Callable[[], None] = lambda: None
        self.watch: Callable[[], Any] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gracefully on signals; uvicorn's own handler ends the process before the folder is released."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call `ready`."""
        await super().startup(sockets)
        if not self.should_exit:
            self.ready()

    async def main_loop(self) -> None:
        """Serve requests, with the `watch` task running beside."""
        watching = asyncio.create_task(self.watch()) if self.watch is not None else None
        await super().main_loop()
        if watching is not None:
            watching.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop once the pending requests are served, without waiting for idle connections."""
        idle = asyncio.create_task(self._drop_idle())
        await super().shutdown(sockets)
        idle.cancel()

    async def _drop_idle(self) -> None:
        """Close idle connections, since clients may never close them."""
        while True:
            await asyncio.sleep(_PAUSE)
            for connection in list(self.server_state.connections):
                if isinstance(connection, HttpConnection) and connection.is_idle:
                    connection.abort()


def _require_local(settings: Settings) -> None:
    local = settings.host == "localhost"
    with contextlib.suppress(ValueError):
        local = local or ipaddress.ip_address(settings.host).is_loopback
    if not local and not settings.allow_remote:
        raise RemoteAddressError(
            f"{settings.host} is not a loopback address: anybody who reaches it and knows the key can run code on this"
            " machine. Use --allow-remote if this is intended."
        )


def _listen(host: str, port: int) -> socket.socket:
    """Open the port, or any free one if it is taken: the port of the last run is only a preference."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only if the protocol is given does asyncio disable Nagle's algorithm, which would delay responses by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.bind((host, 0))
    listener.listen(2048)
    return listener


def _reachable(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
