"""The console in a real browser: looked at, scored with, rolled back, with the mouse and without one."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.conftest import Client
from tests.server.console.conftest import FIELDS, Deployed, deploy
from wml_deployer.testing import LocalServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium (nox -s browser)"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="needs playwright (nox -s browser)"),
    pytest.mark.skipif(
        find_spec("axe_playwright_python") is None, reason="needs axe-playwright-python (nox -s browser)"
    ),
    # Nine pages are looked at by one fixture, on machines that do other things meanwhile, too.
    pytest.mark.timeout(300),
]
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
ROWS = "\n".join([",".join(FIELDS), "5.1,3.5,1.4,0.2", "6.0,2.7,4.5,1.5", "6.9,3.1,5.4,2.1"])
THEMES = ("light", "dark")
DESKTOP, PHONE = 1280, 360
SEEN = ("space", "deployment", "scores", "refusal", "rollback", "compare", "model", "requests", "error", "sign-in")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def api(service: LocalServer) -> Iterator[Client]:
    client = Client(service)
    yield client
    client.close()


@pytest.fixture
def deployed(api: Client, archives: tuple[bytes, bytes]) -> Iterator[Deployed]:
    made = deploy(api, archives, name="one-Deployment")
    yield made
    api("DELETE", f"/ml/v4/deployments/{made.deployment_id}?{api.scope}")
    api("DELETE", f"/ml/v4/models/{made.model_id}?{api.scope}")


@pytest.fixture(scope="module")
def browser(service: LocalServer) -> Iterator[Browser]:
    """Chromium, which trusts the service's own key and no other that it does not know."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as trustme does
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    key = load_pem_x509_certificate((service.info.ca_bundle.parent / "server.pem").read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    pin = f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, chromium_sandbox=False, args=[*FLAGS, pin])
        yield running
        running.close()


@contextmanager
def window(browser: Browser, theme: str = "light", width: int = DESKTOP) -> Iterator[Page]:
    """A new window, in which no page may do what its policy forbids or fail in a script."""
    context: BrowserContext = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light", viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(20_000)
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert [] == faults


@pytest.fixture
def page(browser: Browser, service: LocalServer) -> Iterator[Page]:
    """A window of somebody who came by a link."""
    with window(browser) as opened:
        opened.goto(service.console_link())
        opened.wait_for_url(f"{service.url}/")
        yield opened


CHANGES = (
    ("2026-01-12T09:30:00Z", "deploy", None, "v0.1", "first trial"),
    ("2026-02-02T14:05:00Z", "update", "v0.1", "v0.2", "less regularised"),
    ("2026-02-09T08:20:00Z", "rollback", "v0.2", "v0.1", "complaints about virginica"),
    ("2026-02-16T16:45:00Z", "update", "v0.1", "v0.2", "with the new labels"),
)
NAMES = ("when", "action", "from", "to", "why")
LOG = [{**dict(zip(NAMES, change, strict=True)), "verification": "passed", "who": "ana"} for change in CHANGES]
HISTORY = {"wml_deployer": {"project": "iris", "log": LOG}}
TALLEST = 2000
SHOWN = ("scores", "rollback", "compare", "requests")
"""Pages that the documentation shows."""


def opened(page: Page, name: str, service: LocalServer, deployed: Deployed) -> None:
    """Go to a page as its name says."""
    paths = {
        "sign-in": "/console/sign-in",
        "space": "/",
        "rollback": f"{deployed.path}/rollback?revision=1",
        "compare": "/console/compare",
        "model": f"/console/models/{deployed.model_id}",
        "requests": "/console/requests",
        "error": "/console/nothing",
    }
    if name == "sign-in":
        page.context.clear_cookies()
    page.goto(service.url + paths.get(name, deployed.path))
    if name in {"scores", "refusal"}:
        page.fill("#rows", ROWS if name == "scores" else "a,b\n1,2\n3\n")
        page.click("#score")
        page.wait_for_selector("#result h3" if name == "scores" else "#refusal")
    if name == "model":
        page.locator("summary").first.click()


@pytest.fixture(scope="module", params=THEMES)
def findings(
    request: pytest.FixtureRequest, browser: Browser, service: LocalServer, api: Client, archives: tuple[bytes, bytes]
) -> dict[str, list[str]]:
    """What axe finds on each page that shuts people out, or makes it hard for them.

    With ``WML_SCREENSHOTS`` set, pictures are kept in that folder to be looked at.
    """
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    axe, found, folder = Axe(), {}, os.environ.get("WML_SCREENSHOTS")
    deployed = deploy(api, archives, name="iris-Deployment", custom=HISTORY)
    for number in range(40):
        service.advance_clock(20 + number % 3 * 15)
        api.predict(deployed.deployment_id, [[6.0, 2.7, 4.5, 1.5]] * (number * 7 % 11 + 1), fields=FIELDS)
    api.predict(deployed.deployment_id, [["long"]])
    with window(browser, request.param) as page:
        page.goto(service.console_link())
        page.wait_for_url(f"{service.url}/")
        for name in SEEN:
            opened(page, name, service, deployed)
            violations = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
            found[name] = [f"{each['impact']}: {each['id']}: {each['help']}" for each in violations]
            if folder and name in SHOWN:
                # The calls name the folder of this machine, and the list of requests is long.
                page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = false })")
                height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
                clip = {"x": 0, "y": 0, "width": DESKTOP, "height": height}
                path = Path(folder) / f"console-{name}-{request.param}.png"
                page.screenshot(path=path, full_page=True, clip=clip)
    return found


@pytest.mark.parametrize("name", SEEN)
def test_nobody_is_shut_out(name: str, findings: dict[str, list[str]]) -> None:
    """Axe has no finding of any weight, in light and in dark."""
    assert [] == findings[name]


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_nothing_is_cut_off(width: int, browser: Browser, service: LocalServer, deployed: Deployed) -> None:
    """No page, and no table in it, has to be scrolled sideways."""
    with window(browser, width=width) as page:
        page.goto(service.console_link())
        page.wait_for_url(f"{service.url}/")
        wide = []
        for name in SEEN:
            opened(page, name, service, deployed)
            if page.evaluate(WIDE):
                wide.append(name)

    assert [] == wide


def test_look_score_and_roll_back(deployed: Deployed, page: Page, api: Client) -> None:
    """The way through the console: from the space to a deployment, to scores, and to the version before."""
    page.click("text=one-Deployment")
    page.fill("#rows", ROWS)
    page.click("#score")
    page.wait_for_selector("#result h3")
    scored = page.locator("#result tbody tr").all_inner_texts()
    page.click("text=Roll back")
    page.fill("#why", "try the first one")
    page.click("button:has-text('Roll back to v0.1')")
    page.wait_for_selector("#state:has-text('Serves v0.1')")
    page.wait_for_selector("#versions tr:has-text('v0.1') >> text=live")
    page.wait_for_selector("#versions tr:has-text('try the first one')")

    assert 3 == len(scored)
    assert ["setosa", "versicolor", "virginica"] == [max_of(row) for row in scored]
    assert "1" == api.deployment(deployed.deployment_id)["entity"]["asset"]["rev"]


def max_of(row: str) -> str:
    """The most probable label of a row, as it is read."""
    words = row.split()
    shares = {label: float(words[words.index(label) + 1]) for label in ("setosa", "versicolor", "virginica")}
    return max(shares, key=lambda label: shares[label])


def test_scoring_keeps_the_page(page: Page, service: LocalServer, deployed: Deployed) -> None:
    """Only the result changes: what was typed, and the focus, stay."""
    page.goto(service.url + deployed.path)
    page.fill("#rows", ROWS)
    page.evaluate("document.body.dataset.kept = 'yes'")
    page.focus("#score")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result h3")

    assert "yes" == page.evaluate("document.body.dataset.kept")
    assert "score" == page.evaluate("document.activeElement.id")
    assert ROWS == page.input_value("#rows")


# A table that scrolls can have the focus, too, and holds what is looked for without being it.
WIDE = """document.documentElement.scrollWidth > innerWidth
  || [...document.querySelectorAll(".scroll, .copied pre")].some((part) => part.scrollWidth > part.clientWidth + 1)"""
READ = """() => {
    const one = document.activeElement;
    return one.matches("[role=group]") ? "" : (one.labels?.[0] ?? one).textContent.trim();
}"""


def tab_to(page: Page, text: str) -> None:
    """Press Tab until what has the focus reads so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if text in page.evaluate(READ):
            return
    raise AssertionError(f"nothing that can have the focus reads {text!r}")


def test_no_mouse_is_needed(deployed: Deployed, page: Page, api: Client) -> None:
    """Past the header by the first key, to a deployment, scored and rolled back; the focus is seen all the way."""
    tab_to(page, "Skip to the content")
    page.keyboard.press("Enter")
    tab_to(page, "one-Deployment")
    seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{deployed.path}")
    tab_to(page, "Rows")
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(ROWS)
    tab_to(page, "Score")
    page.keyboard.press("Enter")
    page.wait_for_selector("#result h3")
    tab_to(page, "Roll back to v0.1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rollback?revision=1")
    tab_to(page, "Reason")
    page.keyboard.insert_text("try the first one")
    tab_to(page, "Roll back to v0.1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#state:has-text('Serves v0.1')")

    assert "solid" == seen
    assert "1" == api.deployment(deployed.deployment_id)["entity"]["asset"]["rev"]


def test_a_call_is_copied(page: Page, service: LocalServer, deployed: Deployed) -> None:
    """By a button that says so; where a browser forbids it, the call is selected."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(service.url + deployed.path)
    page.click("[data-copies=call-curl]")
    page.wait_for_selector("[data-copies=call-curl]:has-text('Copied')")

    assert page.text_content("#call-curl") == page.evaluate("navigator.clipboard.readText()")


def test_results_are_announced(page: Page, service: LocalServer, deployed: Deployed) -> None:
    """Screen readers say scores, refusals and the state when they change: the region is there before they do."""
    page.goto(service.url + deployed.path)

    assert "polite" == page.get_attribute("#result", "aria-live")
    assert page.locator("[aria-live=polite] #state").is_visible()


def test_the_log_moves_until_it_is_stopped(page: Page, service: LocalServer, api: Client) -> None:
    """New requests appear by themselves."""
    page.goto(f"{service.url}/console/requests")
    api("GET", f"/ml/v4/models/first?{api.scope}")
    page.get_by_text("/ml/v4/models/first").wait_for()
    page.click("text=Pause")
    page.wait_for_selector("text=paused")
    api("GET", f"/ml/v4/models/second?{api.scope}")
    page.wait_for_timeout(2_500)

    assert not page.get_by_text("/ml/v4/models/second").is_visible()


def test_a_link_on_another_site_lets_in(browser: Browser, service: LocalServer) -> None:
    """A notebook is another site; the strict cookie arrives all the same, and no token stays in address or history."""
    with window(browser) as page:
        page.set_content(f'<a href="{service.console_link()}">console</a>')
        page.click("a")
        page.wait_for_url(f"{service.url}/")
        heading = page.text_content("h1")
        page.go_back()
        page.wait_for_timeout(200)

        assert "Default space" == heading
        assert "token" not in page.url


def test_a_session_that_ended_leads_to_the_entrance(page: Page, service: LocalServer, deployed: Deployed) -> None:
    """Also from a part of a page that asks by itself."""
    page.goto(service.url + deployed.path)
    page.context.clear_cookies()
    page.click("#score")

    page.wait_for_url(f"{service.url}/console/sign-in")


def test_no_script_but_ours_runs(browser: Browser, service: LocalServer) -> None:
    """The browser refuses what somebody would get into a page."""
    said = list[str]()
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{service.url}/console/sign-in")
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'broken = 1'; document.body.append(s); }"
    )
    ran = page.evaluate("typeof broken")
    context.close()

    assert "undefined" == ran
    assert any("Content Security Policy" in message for message in said)
