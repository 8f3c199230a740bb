"""Rehearse a function of the user's own, which takes payloads in place of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from wml_deployer._verification.sample import Part, Rehearsal, Sample
from wml_deployer._verification.user_code import user_code
from wml_deployer.errors import InvalidResponseError, ModelError
from wml_deployer.payload import decode, encode
from wml_deployer.reports import Finding
from wml_deployer.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from wml_deployer._verification.runtimes import FunctionRuntime

__all__ = ["rehearse_payloads"]

CORRECT_ANSWER = (
    "Give payloads that the function takes, and let it answer {'predictions': [{'fields': [...], 'values': [rows]}]}."
)


def rehearse_payloads(score: Callable[[dict[str, Any]], Any], payloads: Any, runtime: FunctionRuntime) -> Rehearsal:
    """Rehearse how a function of the user's own would answer a sample of payloads.

    Args:
        score: The function here.
        payloads: A payload, ``{"input_data": [...]}``, or a list of such; or n rows, which make one payload.
        runtime: The function as it is stored.

    """
    several = isinstance(payloads, list | tuple) and all(map(_is_payload, payloads))
    parts, findings = list[Part](), list[Finding]()
    for place, payload in enumerate(payloads if several else [payloads]):
        name, body = f"payload {place}", encode(payload)
        try:
            local = _local_answer(score, body)
        except (ModelError, InvalidResponseError) as error:
            finding = Finding("error", "sample", f"{name}: {error.message}", CORRECT_ANSWER)
            return Rehearsal(None, (finding,), error.__cause__)
        try:
            stored = runtime.answer(body, None)
        except Exception as error:  # noqa: BLE001 - the user's own code, without what it left behind here
            stored = f"{type(error).__name__}: {error}".encode()
        if stored == local:
            parts.append(Part(name, body, local))
            continue
        shown = stored[:200].decode(errors="replace")
        next_step = "Let it depend on its payload alone, and on what it defines or imports itself."
        findings.append(Finding("error", name, f"the function as it is stored answers otherwise: {shown}", next_step))
    return Rehearsal(Sample(tuple(parts), Schema()), tuple(findings))


def _local_answer(score: Callable[[dict[str, Any]], Any], body: bytes) -> bytes:
    """Call the function here.

    Raises:
        ModelError: It raises, or its answer cannot be written as JSON.
        InvalidResponseError: Its answer is not a table of predictions.

    """
    with user_code("The function", CORRECT_ANSWER):
        answer = orjson.dumps(score(orjson.loads(body)), option=orjson.OPT_NON_STR_KEYS)
    decode(answer)
    return answer


def _is_payload(value: object) -> bool:
    return isinstance(value, Mapping) and "input_data" in value
