"""Checks of single values; each says what is wrong and what would be right, and never shows a secret."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from pydantic_core import PydanticCustomError

from wml_deployer.credentials._regions import REGIONS, find_region, nearest_region, resembles_cloud_host

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr

__all__ = [
    "bundle_of_certificates",
    "cloud_url",
    "existing_file",
    "https_url",
    "invalid",
    "non_empty",
    "password",
    "release",
    "secret",
    "usable_folder",
]


def invalid(problem: str, expected: str) -> PydanticCustomError:
    """A fault as pydantic carries it; ``StrictModel`` turns it into one of ours."""
    return PydanticCustomError("fault", "{problem}", {"problem": problem, "expected": expected})


def non_empty(text: str) -> str:
    """Take a text that says something."""
    if not text.strip():
        raise invalid("empty", "a value, or no such key")
    return text.strip()


def secret(value: SecretStr) -> SecretStr:
    """Take an API key or a token: visible ASCII without a break, for it travels in a header."""
    text = value.get_secret_value().strip()
    if not text:
        raise invalid("empty", "a value, or no such key")
    if re.search(r"[^!-~]", text):
        raise invalid("holds white space or characters that no key has", "the key alone, on one line")
    return type(value)(text)


def https_url(text: str) -> str:
    """Take the URL of a host: https, nothing before the host, nothing behind it; the slash at its end goes."""
    parts = _split(non_empty(text))
    if parts is None or not parts.scheme or not parts.hostname:
        raise invalid("not a URL", "https://HOST, or the name of a region of IBM Cloud")
    host = parts.netloc.rpartition("@")[2]
    if "@" in parts.netloc:
        raise invalid("carries a user name or password", f"https://{host}, and the secrets under their own keys")
    if parts.scheme != "https":
        raise invalid(f"{parts.scheme} is not encrypted", f"https://{host}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise invalid("is the address of a page", f"https://{host}")
    return f"https://{host}"


def _split(text: str) -> SplitResult | None:
    """Take a URL apart; None where brackets or port are malformed."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # read, because only then it is checked
    except ValueError:
        return None
    return parts


def cloud_url(text: str) -> str:
    """Take a region of IBM Cloud, by code, place, host or URL, and give its URL; private endpoints stay private."""
    text = non_empty(text)
    known = find_region(text)
    if "://" not in text:
        if known is None:
            # What stands here may be a key in the wrong place, so it is not repeated.
            raise invalid("no region of IBM Cloud is called that", _suggestion(text, nearest_region(text).name))
        return f"https://{known.private_host}" if text.casefold() == known.private_host else known.url
    if text.startswith("http://"):
        raise invalid("http is not encrypted", known.url if known else _suggestion(text, nearest_region(text).url))
    url = https_url(text)
    if known is None:
        raise invalid(
            f"{urlsplit(url).hostname} is not a host of IBM Cloud", _suggestion(text, nearest_region(text).url)
        )
    return url


def _suggestion(text: str, nearest: str) -> str:
    """Suggest a region in place of one that is not known."""
    hint = f"did you mean {nearest}? " if resembles_cloud_host(text) else ""
    return f"{hint}Regions: {', '.join(region.name for region in REGIONS)}"


def password(value: SecretStr) -> SecretStr:
    """Take a password, exactly as it is."""
    if not value.get_secret_value():
        raise invalid("empty", "a value, or no such key")
    return value


def release(text: str) -> str:
    """Take a release of Cloud Pak for Data, such as ``4.8``."""
    if not re.fullmatch(r"\d+(\.\d+)+", non_empty(text)):
        raise invalid("not a release of Cloud Pak for Data", "such as 4.8")
    return text.strip()


def bundle_of_certificates(path: Path) -> Path:
    """Take a file with at least one certificate in PEM form, and give its absolute path."""
    path = path.expanduser().absolute()
    if not path.exists():
        raise invalid(f"there is no file {path}", "a file with the certificates of the authority, in PEM form")
    if not path.is_file():
        raise invalid(f"{path} is not a file", "one file with the certificates of the authority, in PEM form")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
        found = context.cert_store_stats()["x509"]
    except OSError:  # ssl.SSLError is one: nothing in the file reads as a certificate
        found = 0
    if not found:
        raise invalid(
            f"{path} holds no certificate that can be read", "-----BEGIN CERTIFICATE----- and what follows it"
        )
    return path


def existing_file(path: Path) -> Path:
    """Take a path that is a file, and give it absolute."""
    path = path.expanduser().absolute()
    if not path.is_file():
        raise invalid(f"there is no file {path}", "a file")
    return path


def usable_folder(path: Path) -> Path:
    """Take a path that is a folder or can become one, and give it absolute."""
    path = path.expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise invalid(f"{path} is a file", "a folder, which is made where it is missing")
    return path
