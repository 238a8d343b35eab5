"""A real browser in front of the pages of real nodes: Chromium without a window, driven by its own driver."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from admin_visitor import token_of

from sorcha_peer_core.cli.cluster import NodeProcess, wait_until

HERE = Path(__file__).parent
WIDE, NARROW = 1280, 390
PATIENCE_S = 15.0


def why_no_browser() -> str:
    """Empty when there is a browser and what drives it."""
    missing = [program for program in ("chromium", "chromedriver") if not shutil.which(program)]
    return f"not installed: {', '.join(missing)}" if missing else ""


class Browser:
    """One window. Says what went wrong in it when it is asked (:meth:`complaints`)."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, node: NodeProcess, path: str) -> None:
        """Load a page of ``node``."""
        self.driver.get(f"http://{node.admin}{path}")

    def log_in(self, node: NodeProcess) -> None:
        """Through the form, as a person does."""
        self.open(node, "/admin/login")
        self.find("#secret").send_keys(token_of(node))
        self.click("form.stack button")
        self.until(lambda: "/admin/login" not in self.driver.current_url, "the login")

    def find(self, selector: str) -> Any:
        """The first element that CSS selects."""
        return self.driver.find_element("css selector", selector)

    def find_all(self, selector: str) -> list[Any]:
        """All of them."""
        return list(self.driver.find_elements("css selector", selector))

    def click(self, selector: str) -> None:
        """A real click: fails when something lies over the element."""
        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def text(self, selector: str = "main") -> str:
        """What people read there; empty when the element is gone this moment."""
        return str(self.driver.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def script(self, source: str, *arguments: object) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(source, *arguments)

    def until(self, condition: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
        """Wait for something to appear."""
        wait_until(lambda: bool(condition()), within_s, what, 0.1)

    def until_text(self, wanted: str, selector: str = "main", within_s: float = PATIENCE_S) -> None:
        """Wait until people read ``wanted`` there, without a reload."""
        try:
            self.until(lambda: wanted in self.text(selector), f"{wanted!r} on {self.driver.current_url}", within_s)
        except Exception as error:
            raise AssertionError(f"{error}; there is: {self.text(selector)[:2000]}") from None

    def look_like(self, width: int, scheme: str) -> None:
        """Be a phone or a desk, by day or by night."""
        size = {"width": width, "height": 844 if width == NARROW else 900, "deviceScaleFactor": 1, "mobile": width == NARROW}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme_wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme_wanted})

    def picture(self, path: Path) -> None:
        """The whole page, also what lies below the window."""
        self.script("window.scrollTo(0, 0)")
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(taken["data"]))

    def complaints(self) -> list[str]:
        """Errors of scripts, of loading and of the content security policy since this was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (requirements-dev.txt)")
    if reason := why_no_browser():
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory(prefix="browser") as profile:
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
            "--disable-background-networking", "--lang=en-GB", "--hide-scrollbars",
            f"--user-data-dir={profile}", f"--window-size={WIDE},900",
        ):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield Browser(driver)
        finally:
            driver.quit()


def axe_source(folder: Path) -> str:
    """The script of axe-core, got from npm into ``folder``; skips where npm cannot get it."""
    if not shutil.which("npm"):
        pytest.skip("not installed: npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "axe" / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot get axe-core: {done.stderr.strip().splitlines()[-1:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def grave_violations(window: Browser, axe: str) -> list[str]:
    """What axe finds on the page that keeps somebody from using it, a line each."""
    # Scripts of the driver are no part of the page: the content security policy does not apply to them.
    window.script(axe)
    found = window.driver.execute_async_script("axe.run(document, {resultTypes: ['violations']}).then(arguments[0])")
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}: "
        + "; ".join(f"{' '.join(map(str, node['target']))} {json.dumps(_why(node))}" for node in violation["nodes"][:4])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


def _why(node: dict[str, Any]) -> str:
    return " ".join(str(node.get("failureSummary", "")).split())[:300]
