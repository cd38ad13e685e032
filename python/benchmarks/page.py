"""Speed of the live page: seconds from the command to the first sample, and steps per second with a page open.

Requires playwright and chromium: ``.venv-newest/bin/python python/benchmarks/page.py``. ``compare.py --only demo
--recurrentjs PATH`` measures a step of RecurrentJS with the same sizes; ``--step MS`` prints the ratio to it.
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


def start_command(flags: list[str]) -> tuple[subprocess.Popen[str], str]:
    """Starts the command; returns the process and the address that it prints."""
    command = [sys.executable, "-m", "recurrent", "demo", "--web", "--no-browser", "--port", "0", *flags]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while running.stdout is not None and (line := running.stdout.readline()):
        if url := re.search(r"http://\S+", line):
            return running, url[0]
    raise SystemExit("the page did not start")


def time_to_first_sample(page: Page) -> float:
    """Returns the seconds from the command to a sample on the page; the browser is open before."""
    start = time.perf_counter()
    running, url = start_command([])
    page.goto(url)
    page.wait_for_selector(".samples li")
    elapsed = time.perf_counter() - start
    running.terminate()
    return elapsed


def time_per_step(page: Page, seconds: float) -> float:
    """Returns the milliseconds per step with RecurrentJS's settings, while the page updates."""
    running, url = start_command(["--recurrentjs"])
    page.goto(url)
    page.wait_for_selector(".samples li")
    count = "Number(document.querySelector('[data-show=step]').textContent.replaceAll(',', ''))"
    before, start = page.evaluate(count), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    steps, elapsed = page.evaluate(count) - before, time.perf_counter() - start
    running.terminate()
    return 1000 * elapsed / steps


def main() -> None:
    """Prints both times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=float, metavar="MS", help="RecurrentJS's time per step, for the ratio")
    parser.add_argument(
        "--seconds", type=float, default=10, metavar="N", help="duration of the measurement (10)"
    )
    options = parser.parse_args()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        starts = sorted(time_to_first_sample(page) for _ in range(5))
        print(
            f"command to first sample   {statistics.median(starts):.2f} s, {starts[0]:.2f} to {starts[-1]:.2f}"
        )
        ours = time_per_step(page, options.seconds)
        print(f"steps on the page         {1000 / ours:,.0f} per second, {ours:.3f} ms each, lstm 20,20")
        if options.step:
            print(
                f"RecurrentJS               {1000 / options.step:,.0f} per second; ratio {options.step / ours:.0f}"
            )
        browser.close()


if __name__ == "__main__":
    main()
