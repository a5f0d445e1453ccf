"""Who is let in: this machine's browser, from our own page, with the token of this start."""

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-convprior-token"
# Nothing but our own files, from nowhere else, for nobody else.
SAID = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Lets requests through to ``app`` that name our own host and origin, and know the token.

    The token comes once in the page's address, then in a cookie, or in a header. The cookie's name
    has the port in it: browsers send the cookies of a host to all of its ports.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token, self.cookie = app, token, f"convprior-{port}"
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self.hosts or origin not in (None, f"http://{host}"):
            refused = PlainTextResponse("This page answers to itself alone.\n", 403)
            await refused(scope, receive, send)
            return
        in_address = self._is_token(parse_qs(scope["query_string"].decode("latin-1")).get("token"))
        in_cookie = cookie_parser(headers.get("cookie", "")).get(self.cookie)
        given = [headers.get(HEADER, ""), in_cookie or ""]
        if not (in_address and scope["path"] == "/") and not self._is_token(given):
            said = "Open the address that convprior paint has printed: it has the token in it.\n"
            await PlainTextResponse(said, 403)(scope, receive, send)
            return

        async def speak(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                out.update(SAID)
                out.setdefault("cache-control", "no-store")
                if in_address:
                    out.append("set-cookie", f"{self.cookie}={self.token}; Path=/; HttpOnly; "
                               "SameSite=Strict")  # fmt: skip
            await send(message)

        await self.app(scope, receive, speak)

    def _is_token(self, given: list[str] | None) -> bool:
        return any(
            secrets.compare_digest(each.encode(), self.token.encode()) for each in given or ()
        )
