"""Takes the pictures of the live page in examples/page; requires playwright, chromium and a quiet machine.

``.venv-newest/bin/python python/tools/page_pictures.py TEXT [--seconds 60] [--checkpoint PATH]``, with a play whose
lines of speech follow a line with the speaker's name and a colon, such as Tiny Shakespeare.
"""

from __future__ import annotations

import argparse
import re
import shutil
import threading
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from recurrent.demo.sentences import CORPUS
from recurrent.web.actions import perform
from recurrent.web.server import Server
from recurrent.web.session import Session
from recurrent.web.settings import TEXT, Settings

_FOLDER = Path(__file__).resolve().parents[2] / "examples" / "page"
_STEPS = 12_600  # of training before the picture of the sentences
_PROMPT = "What art thou, my l"


def open_page(browser: Browser, session: Session, width: int, height: int, scheme: str) -> Page:
    """Serves a session and opens its page."""
    server = Server(session)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    size = {"width": width, "height": height}
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(server.url)
    page.wait_for_selector(".samples li")
    return page


def take_sentences(browser: Browser) -> None:
    """Takes the picture of a training run on the sentences of the package."""
    session = Session(Settings(), CORPUS.read_text(encoding="utf-8"))
    page = open_page(browser, session, 1200, 880, "light")
    while session.trainer.step < _STEPS:
        time.sleep(0.1)
    page.screenshot(path=_FOLDER / "sentences.png")
    session.close()


def take_inside(browser: Browser, text: str, seconds: float, checkpoint: Path | None) -> None:
    """Takes the picture of the unit that best separates the names of the speakers from their speech."""
    session = Session(TEXT, text)
    page = open_page(browser, session, 1000, 900, "dark")
    if checkpoint is None:
        time.sleep(seconds)
    perform(session, "pause", {})
    if checkpoint is not None:
        perform(session, "open", {"name": checkpoint.name}, checkpoint.read_bytes())
    passage = session.trainer.typical_text()
    unit = session.call(lambda: _name_unit(session, passage))
    page.fill('[name="prompt"]', _PROMPT)
    page.locator("text=Inside").scroll_into_view_if_needed()
    page.wait_for_selector('[data-show="colored"] span')
    page.select_option('[data-range="activation"]', "c1")
    page.fill('[data-range="unit"]', str(unit))
    page.wait_for_timeout(1000)
    page.evaluate("document.querySelector('[name=prompt]').closest('section').scrollIntoView()")
    page.wait_for_timeout(500)
    page.screenshot(path=_FOLDER / "inside.png")
    session.close()


def _name_unit(session: Session, passage: str) -> int:
    """Returns the unit of the upper layer's cell with the highest correlation with the speakers' names."""
    is_name = np.zeros(len(passage))
    for match in re.finditer(r"^[A-Z][A-Za-z ]*:$", passage, re.M):
        is_name[match.start() : match.end()] = 1
    trainer = session.trainer
    cell = trainer.network.activations(np.array(trainer.encode(passage))[:, None], names=["c1"])["c1"][:, 0]
    correlations = np.corrcoef(np.tanh(cell).T, is_name)[-1, :-1]
    return int(np.nanargmax(abs(correlations)))


def main() -> None:
    """Takes both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, help="a play")
    parser.add_argument("--seconds", type=float, default=60, help="training time on the play (60)")
    parser.add_argument("--checkpoint", type=Path, help="a trained model of the play, instead of training")
    options = parser.parse_args()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        take_sentences(browser)
        take_inside(browser, options.text.read_text(encoding="utf-8"), options.seconds, options.checkpoint)
        browser.close()


if __name__ == "__main__":
    main()
