"""A browser for the tests of the page."""

import importlib
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def chromium():
    """A headless browser; skips the test if chromium is not on the PATH."""
    if CHROMIUM is None:
        pytest.skip("chromium is not on the PATH")
    with importlib.import_module("playwright.sync_api").sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
