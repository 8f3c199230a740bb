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
from wml_deployer.server.http.routing import CONSOLE, StreamingCall, form_fields
from wml_deployer.server.http.tokens import Caller

if TYPE_CHECKING:
    from starlette.requests import Request

    from wml_deployer.server.console.sessions import Sessions
    from wml_deployer.server.context import Context

__all__ = ["SIGN_IN", "ConsolePage", "ConsoleRequest", "respond"]

SIGN_IN = f"{CONSOLE}sign-in"
"""Path of the sign-in page."""

_LOGGER = logging.getLogger(__name__)
_FORM = 8 * 2**20
_OTHER_SITE = "cross-site"


class _FormError(ForbiddenError):
    code = "form_not_valid"


@dataclass
class ConsoleRequest:
    """A request of a browser.

    Attributes:
        context: The running service.
        http: The HTTP request.
        form: Fields of the submitted form, if any.

    """

    context: Context
    http: Request
    form: dict[str, str]

    @property
    def sessions(self) -> Sessions:
        """The open sessions."""
        return self.context.sessions

    @property
    def caller(self) -> Caller:
        """The account, as a caller on Cloud Pak for Data."""
        return Caller(self.context.account.username, "software")

    @property
    def session(self) -> str | None:
        """The session of the browser, if it has a valid one."""
        session = self.http.cookies.get(self._cookie("session"), "")
        return session if self.sessions.is_open(session) else None

    @property
    def url(self) -> str:
        """URL under which the browser reaches the service."""
        return StreamingCall(self.context, self.http, self.caller).url

    def page(self, template: str, status: int = 200, **shown: Any) -> Response:
        """Render a page, with the variables that all pages need."""
        session = self.session
        # Without a session, the form token belongs to a cookie of its own: the browser does not send the session cookie
        # after a click on a link of another site, and that session must not be overwritten.
        guest = None if session else self.http.cookies.get(self._cookie("guest")) or self.sessions.guest()
        form_token = self.sessions.form_token(session or guest or "")
        shown = {"form_token": form_token, "signed_in": session is not None, "path": self.http.url.path, **shown}
        response = render(template, status, **shown)
        if guest:
            self._set(response, "guest", guest)
        return response

    def with_session(self, response: Response, session: str) -> Response:
        """Set the session cookie."""
        self._set(response, "session", session)
        return response

    def without_session(self, response: Response) -> Response:
        """Delete the session cookie."""
        response.delete_cookie(self._cookie("session"), path="/", secure=True, httponly=True, samesite="strict")
        return response

    def check_form(self) -> None:
        """Check that a form was rendered for this browser, and submitted by it.

        Raises:
            ForbiddenError: It was not.

        """
        # For a browser, other ports of this machine are the same site, so cookies alone prove nothing.
        origin = self.http.headers.get("origin")
        cookie = self.session or self.http.cookies.get(self._cookie("guest"), "")
        if origin not in (None, self.url) or not self.sessions.is_form_token(self.form.get("form_token", ""), cookie):
            raise _FormError("The form does not belong to this session. Reload the page and submit the form again.")

    def _set(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(self._cookie(name), value, path="/", secure=True, httponly=True, samesite="strict")

    def _cookie(self, name: str) -> str:
        # Cookies are shared between ports: services of several folders need different names.
        return f"__Host-wml-{self.context.url.rpartition(':')[2]}-{name}"


Handler: TypeAlias = Callable[[ConsoleRequest], Awaitable[Response]]


@dataclass(frozen=True)
class ConsolePage:
    """A page or form of the console.

    Attributes:
        method: HTTP method.
        path: Template of the path.
        handler: The handler; the first line of its docstring describes the page.
        public: Whether it is available without signing in.

    """

    method: str
    path: str
    handler: Handler
    public: bool = False


async def respond(page: ConsolePage, context: Context, http: Request) -> Response:
    """Respond to a request for a page."""
    request = ConsoleRequest(context, http, {})
    try:
        if not page.public and request.session is None:
            return harden(_redirect_to_sign_in(request))
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
        return harden(
            _failure(
                request,
                ServiceError("The console failed to show this page. The log of the service contains the reason."),
            )
        )


def _redirect_to_sign_in(request: ConsoleRequest) -> Response:
    """Redirect a browser without a session to the sign-in page."""
    headers = request.http.headers
    if headers.get("sec-fetch-site") == _OTHER_SITE and request.http.method == "GET":
        # The browser sends no session cookie with a link from another site, but with the redirect of this page.
        return render("forward", target=request.http.url.path)
    if "hx-request" in headers:
        return Response(status_code=401, headers={"hx-redirect": SIGN_IN})
    return RedirectResponse(SIGN_IN, 303)


async def _form(request: ConsoleRequest) -> dict[str, str]:
    body = await StreamingCall(request.context, request.http, request.caller).body(_FORM)
    return form_fields(body)


def _failure(request: ConsoleRequest, error: ServiceError) -> Response:
    return request.page("error", error.status, error=error)
