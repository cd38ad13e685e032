"""How soon and how fast the page is: from the command to the first sample, and ticks a second while one looks on.

Run it where playwright and chromium are: ``.venv-newest/bin/python python/benchmarks/page.py``. RecurrentJS's tick of
the same size is measured by ``compare.py --only demo --recurrentjs PATH``; ``--tick MS`` sets it beside ours.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import time

from playwright.sync_api import Page, sync_playwright


def started(flags: list[str]) -> tuple[subprocess.Popen[str], str]:
    """The command, and the address it says."""
    command = [sys.executable, "-m", "recurrent", "demo", "--web", "--no-browser", "--port", "0", *flags]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while running.stdout is not None and (line := running.stdout.readline()):
        if found := re.search(r"http://\S+", line):
            return running, found[0]
    raise SystemExit("the page did not start")


def first_sample(page: Page) -> float:
    """Seconds from the command to a sample on the page; the browser is open already."""
    began = time.perf_counter()
    running, url = started([])
    page.goto(url)
    page.wait_for_selector(".samples li")
    passed = time.perf_counter() - began
    running.terminate()
    return passed


def per_tick(page: Page, seconds: float) -> float:
    """Milliseconds per tick with RecurrentJS's settings, everything on the page going on."""
    running, url = started(["--recurrentjs"])
    page.goto(url)
    page.wait_for_selector(".samples li")
    count = "Number(document.querySelector('[data-show=tick]').textContent.replaceAll(',', ''))"
    before, began = page.evaluate(count), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    ticks, passed = page.evaluate(count) - before, time.perf_counter() - began
    running.terminate()
    return 1000 * passed / ticks


def main() -> None:
    """Print the plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tick", type=float, metavar="MS", help="RecurrentJS's, to compare with")
    parser.add_argument("--seconds", type=float, default=10, metavar="N", help="how long to look on (10)")
    options = parser.parse_args()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        starts = sorted(first_sample(page) for _ in range(5))
        print(
            f"command to first sample   {statistics.median(starts):.2f} s, {starts[0]:.2f} to {starts[-1]:.2f}"
        )
        ours = per_tick(page, options.seconds)
        print(f"ticks on the page         {1000 / ours:,.0f} a second, {ours:.3f} ms each, lstm 20,20")
        if options.tick:
            print(
                f"RecurrentJS               {1000 / options.tick:,.0f} a second; ratio {options.tick / ours:.0f}"
            )
        browser.close()


if __name__ == "__main__":
    main()
