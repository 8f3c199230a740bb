"""Whether a service takes compressed bodies is found out by asking it."""

from __future__ import annotations

import gzip

import pytest

from wml_deployer._clients.compression import Compression
from wml_deployer._transport.responses import Response

BODY = b'{"input_data":[{"values":[[1.5]]}]}'


class Service:
    """Answers with these statuses, and remembers the bodies."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.bodies: list[bytes] = []

    def __call__(self, body: bytes, headers: dict[str, str]) -> Response:
        self.bodies.append(gzip.decompress(body) + b" zipped" if headers == {"Content-Encoding": "gzip"} else body)
        return Response(self.statuses.pop(0), b"{}", {}, "")


ZIPPED = BODY + b" zipped"


def test_a_service_that_takes_it_gets_nothing_else() -> None:
    """A refusal of a later body is for what is in it, and not asked again."""
    service, compression = Service(200, 400), Compression()
    statuses = [compression.send(service, BODY).status for _ in range(2)]

    assert ([200, 400], [ZIPPED, ZIPPED]) == (statuses, service.bodies)


@pytest.mark.parametrize("refusal", [400, 415])
def test_a_service_that_does_not_take_it_is_asked_once(refusal: int) -> None:
    """The refused body goes plain, and so do all that follow."""
    service, compression = Service(refusal, 200, 200), Compression()
    statuses = [compression.send(service, BODY).status for _ in range(2)]

    assert ([200, 200], [ZIPPED, BODY, BODY]) == (statuses, service.bodies)


def test_a_body_that_is_refused_in_any_form_tells_nothing() -> None:
    """The next body is tried compressed again."""
    service, compression = Service(400, 400, 200), Compression()
    statuses = [compression.send(service, BODY).status for _ in range(2)]

    assert ([400, 200], [ZIPPED, BODY, ZIPPED]) == (statuses, service.bodies)


def test_another_failure_has_nothing_to_do_with_it() -> None:
    """A busy service is not asked again here."""
    service = Service(503)

    assert 503 == Compression().send(service, BODY).status
    assert [ZIPPED] == service.bodies
