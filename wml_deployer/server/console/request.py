"""Requests to the console: their sessions, the check of their forms, and their errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from wml_deployer.server.console.pages import harden, render
from wml_deployer.server.errors import ForbiddenError, ServiceError
from wml_deployer.server.http.routing import CONSOLE, Stream, form_fields
from wml_deployer.server.http.tokens import Caller

if TYPE_CHECKING:
    from starlette.requests import Request

    from wml_deployer.server.console.sessions import Sessions
    from wml_deployer.server.context import Context

__all__ = ["SIGN_IN", "ConsolePage", "ConsoleRequest", "respond"]

SIGN_IN = f"{CONSOLE}sign-in"
"""Where people come in."""

_LOGGER = logging.getLogger(__name__)
_FORM = 8 * 2**20
_OTHER_SITE = "cross-site"


class _FormError(ForbiddenError):
    code = "form_not_valid"


@dataclass
class ConsoleRequest:
    """One request of a browser.

    Attributes:
        context: The running service.
        http: The HTTP request itself.
        form: The fields of the form that was sent, if one was.

    """

    context: Context
    http: Request
    form: dict[str, str]

    @property
    def sessions(self) -> Sessions:
        """The sessions of people who are signed in."""
        return self.context.sessions

    @property
    def caller(self) -> Caller:
        """The caller: the account, as on Cloud Pak for Data."""
        return Caller(self.context.account.username, "software")

    @property
    def session(self) -> str | None:
        """The browser's session, if it has a valid one."""
        session = self.http.cookies.get(self._cookie("session"), "")
        return session if self.sessions.knows(session) else None

    @property
    def url(self) -> str:
        """Where the browser reaches the service."""
        return Stream(self.context, self.http, self.caller).url

    def page(self, template: str, status: int = 200, **shown: Any) -> Response:
        """Render a page with what all pages show."""
        session = self.session
        # Without a session the form's token hangs on a cookie of its own: a session that the browser did not send along
        # with a click on another site's link must not be lost by it.
        guest = None if session else self.http.cookies.get(self._cookie("guest")) or self.sessions.guest()
        form_token = self.sessions.form_token(session or guest or "")
        shown = {"form_token": form_token, "signed_in": session is not None, "path": self.http.url.path, **shown}
        response = render(template, status, **shown)
        if guest:
            self._set(response, "guest", guest)
        return response

    def let_in(self, response: Response, session: str) -> Response:
        """Set the session's cookie on a response."""
        self._set(response, "session", session)
        return response

    def let_out(self, response: Response) -> Response:
        """Delete the session's cookie on a response."""
        response.delete_cookie(self._cookie("session"), path="/", secure=True, httponly=True, samesite="strict")
        return response

    def check_form(self) -> None:
        """Refuse a form that was sent by another site, or made for another browser.

        Raises:
            ForbiddenError: It is such a form.

        """
        # Another port of this machine is the same site to a browser, so that its cookies alone prove nothing.
        origin = self.http.headers.get("origin")
        cookie = self.session or self.http.cookies.get(self._cookie("guest"), "")
        if origin not in (None, self.url) or not self.sessions.gave(self.form.get("form_token", ""), cookie):
            raise _FormError("The form does not belong to this session. Open its page anew and send it again.")

    def _set(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(self._cookie(name), value, path="/", secure=True, httponly=True, samesite="strict")

    def _cookie(self, name: str) -> str:
        # Cookies do not know ports: the service of another folder must not take this one's.
        return f"__Host-wml-{self.context.url.rpartition(':')[2]}-{name}"


Handler: TypeAlias = Callable[[ConsoleRequest], Awaitable[Response]]


@dataclass(frozen=True)
class ConsolePage:
    """One page or form of the console.

    Attributes:
        method: HTTP method.
        path: Template of the path.
        handler: What answers; its docstring says what it does.
        public: Whether it is for those who are not signed in, too.

    """

    method: str
    path: str
    handler: Handler
    public: bool = False


async def respond(page: ConsolePage, context: Context, http: Request) -> Response:
    """Answer a request for a page."""
    request = ConsoleRequest(context, http, {})
    try:
        if not page.public and request.session is None:
            return harden(_send_away(request))
        if page.method == "POST":
            request.form = await _form(request)
            request.check_form()
        return harden(await page.handler(request))
    except ServiceError as error:
        return harden(_failure(request, error))
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception:
        _LOGGER.exception("%s %s failed", http.method, http.url.path)
        return harden(_failure(request, ServiceError("The console failed to show this; the service's log says why.")))


def _send_away(request: ConsoleRequest) -> Response:
    """Redirect a browser without a session to the sign-in page."""
    headers = request.http.headers
    if headers.get("sec-fetch-site") == _OTHER_SITE and request.http.method == "GET":
        # The browser keeps a session back on the way from another site; one more step, from this one, brings it.
        return render("forward", target=request.http.url.path)
    if "hx-request" in headers:
        return Response(status_code=401, headers={"hx-redirect": SIGN_IN})
    return RedirectResponse(SIGN_IN, 303)


async def _form(request: ConsoleRequest) -> dict[str, str]:
    body = await Stream(request.context, request.http, request.caller).body(_FORM)
    return form_fields(body)


def _failure(request: ConsoleRequest, error: ServiceError) -> Response:
    return request.page("error", error.status, error=error)
