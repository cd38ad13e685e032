"""The page in a real browser: what a user sees, does and gets wrong; and the notebook's view, on the same script."""

import contextlib
import json
import math
import queue
import re
import shutil
import time
from pathlib import Path

import pytest

import recurrent
from pages import BOOK, LINES, desk, learned, server, until
from recurrent.demo.text import CORPUS
from support import ROOT

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH")
SHOTS = ROOT / "out" / "screenshots"
HOSTILE = "<img src=x onerror=alert(1)>\n<script>document.title='owned'</script>\n&amp; \"'`\u202e${1+1}\n"


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(chromium, made, width=1280, height=900, **options):
    """A page on a desk; whatever it complains about in its console is an error."""
    with server(made) as serving:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(20_000)
        page = context.new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        # the browser itself reports answers that refuse
        page.on(
            "console", lambda m: m.type == "error" and "status of 4" not in m.text and problems.append(m.text)
        )
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}"))
        page.serving = serving
        page.goto(serving.url)
        page.wait_for_selector(".samples li")
        yield page
        context.close()
        assert problems == []


def shown(page, name):
    return page.inner_text(f'[data-show="{name}"]')


def number(page, name):
    return float(shown(page, name).replace(",", ""))


def come(page, expression):
    """Wait until something is so; the page's own policy forbids its evaluation there."""
    until(lambda: page.evaluate(expression), 20)


def keep(page, name, **options):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", **options)


def refusal(page):
    page.wait_for_selector('[role="alert"]:visible')
    return page.inner_text('[role="alert"]')


# ---- what the original page has


def test_it_learns_before_ones_eyes(chromium):
    with desk(learning_rate=3e-4) as d, opened(chromium, d) as page:
        assert re.fullmatch(
            rf"http://127\.0\.0\.1:{page.serving.server_port}/", page.url
        )  # the token is gone
        samples = shown(page, "five")
        come(page, "Number(document.querySelector('[data-show=perplexity]').textContent) < 1.6")
        until(lambda: shown(page, "five") != samples)
        assert number(page, "epoch") > 100 and number(page, "tick") > 300
        assert re.fullmatch(r"[\d.]+ (µs|ms)", shown(page, "per-tick")) and number(page, "speed") > 1000
        assert len(page.query_selector_all(".samples li")) == 5
        assert page.locator(".beside h3").all_inner_texts() == [
            f"temperature {t}" for t in ("0.3", "0.7", "1")
        ]
        page.wait_for_selector(".known")  # one that it has by heart
        label = page.get_attribute("canvas", "aria-label")
        first, now = map(float, re.fullmatch(r"perplexity: (\S+) at first, (\S+) now", label).groups())
        assert first > 5 and now < 2
        drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 10"
        assert page.eval_on_selector("canvas", drawn)
        keep(page, "learning", full_page=True)


def test_pause_and_resume(chromium):
    with desk() as d, opened(chromium, d) as page:
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Resume')")
        assert page.inner_text("[role=status]") == "paused" and not d.learning
        tick = d.learner.tick
        page.wait_for_timeout(300)
        assert d.learner.tick == tick == number(page, "tick")
        page.click("button:text-is('Resume')")
        page.wait_for_selector("button:text-is('Pause')")
        until(lambda: d.learner.tick > tick)
        assert page.inner_text("[role=status]") == "learning"


def test_sliders(chromium):
    with desk() as d, opened(chromium, d) as page:
        page.locator('[data-range="learning_rate"]').fill("-3")
        until(lambda: d.settings.learning_rate == 0.001)
        assert page.input_value('[name="learning_rate"]') == "0.001"
        page.fill('[name="learning_rate"]', "0.02")
        page.press('[name="learning_rate"]', "Enter")
        until(lambda: d.settings.learning_rate == 0.02)
        come(
            page,
            "Math.abs(document.querySelector('[data-range=learning_rate]').value - Math.log10(.02)) < .02",
        )
        # by the keyboard
        page.focus('[data-range="temperature"]')
        page.keyboard.press("Home")
        until(lambda: d.temperature == 0.05)
        come(page, "new Set([...document.querySelectorAll('.samples li')].map(e => e.textContent)).size == 1")
        assert shown(page, "temperature") == "0.05"
        page.fill('[name="regc"]', "0.001")
        page.fill('[name="clip"]', "1")
        page.press('[name="clip"]', "Tab")
        until(lambda: (d.settings.regc, d.settings.clip) == (0.001, 1.0))
        page.locator('[data-range="smoothing"]').fill("0")


def test_other_networks(chromium):
    with desk() as d, opened(chromium, d) as page:
        for cell in ("gru", "rnn", "lstm"):
            page.select_option('[name="cell"]', cell)
            page.fill('[name="hidden_sizes"]', "9, 7")
            page.fill('[name="letter_size"]', "3")
            page.click("button:text-is('Learn')")
            until(lambda cell=cell: d.learner.model.generator == cell and d.learner.tick > 10)
            assert (d.learner.model.hidden_sizes, d.learner.model.letter_size) == ([9, 7], 3)
        page.fill('[name="text"]', "another sentence\nand one more")
        page.click("button:text-is('Learn')")
        until(lambda: d.learner.sentences == ["another sentence", "and one more"])
        page.click("button:text-is('RecurrentJS’s settings')")
        until(lambda: d.learner.model.hidden_sizes == [20, 20])
        assert (d.learner.model.letter_size, d.settings.learning_rate) == (5, 0.01)


def test_saved_as_text_and_loaded(chromium):
    with desk() as d, opened(chromium, d) as page:
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Resume')")
        weights = learned(d)
        page.click("summary")
        page.click("button:text-is('Save')")
        come(page, "document.querySelector('[name=json]').value.length > 1000")
        saved = page.input_value('[name="json"]')
        assert json.loads(saved)["hidden_sizes"] == [12]
        page.reload()  # the cookie lets it in again, and the run is as it was
        page.wait_for_selector(".samples li")
        assert page.inner_text("[role=status]") == "paused"
        page.fill('[name="hidden_sizes"]', "5")
        page.click("button:text-is('Learn')")
        until(lambda: d.learner.model.hidden_sizes == [5])
        page.click("summary")
        page.fill('[name="json"]', saved)
        page.click("button:text-is('Load')")
        until(lambda: d.learner.model.hidden_sizes == [12])
        assert (learned(d) == weights).all()
        come(page, "document.querySelector('[name=hidden_sizes]').value == '12'")


def test_the_pretrained_model(chromium):
    with desk(CORPUS.read_text(encoding="utf-8")) as d, opened(chromium, d) as page:
        page.click("button:text-is('Load pretrained')")
        page.wait_for_selector("button:text-is('Resume')")
        page.wait_for_selector(".samples .known")
        assert d.learner.model.hidden_sizes == [40, 40]


# ---- what it has not


def test_a_text_from_a_file(chromium, tmp_path):
    (tmp_path / "tables.txt").write_text(BOOK, encoding="utf-8")
    with desk() as d, opened(chromium, d) as page:
        page.check("text=running text")
        assert page.is_visible('[name="batch_size"]') and page.is_hidden('[name="regc"]')
        page.fill('[name="hidden_sizes"]', "32")
        page.fill('[name="batch_size"]', "8")
        page.set_input_files('[data-do="open"]', tmp_path / "tables.txt")
        page.wait_for_selector(f"text=tables.txt: {len(BOOK):,} characters")
        come(page, "Number(document.querySelector('[data-show=tick]').textContent.replace(',', '')) > 150")
        assert page.get_attribute('[name="text"]', "readonly") is not None
        come(page, "document.querySelector('canvas').getAttribute('aria-label').includes('validation')")
        assert page.is_visible(".key.validation") and number(page, "perplexity") < 20
        page.fill('[name="prompt"]', "7 times 7")
        page.click("button:text-is('Go on')")
        page.wait_for_selector('[data-show="continued"]:visible')
        assert shown(page, "continued").startswith("7 times 7")
        with page.expect_download() as download:
            page.click("button:text-is('Download')")
        assert download.value.suggested_filename == "model.safetensors"
        assert recurrent.TextModel.load(download.value.path()).hidden_sizes == [32]
        keep(page, "text", full_page=True)
        page.click("button:text-is('Back to the sentences')")
        until(lambda: d.text == LINES and d.settings.kind == "sentences")


def test_what_it_expects_next(chromium):
    with desk() as d, opened(chromium, d) as page:
        come(page, "Number(document.querySelector('[data-show=perplexity]').textContent) < 1.3")
        page.click("button:text-is('Pause')")
        page.type('[name="prompt"]', "well, good nigh")
        come(page, "document.querySelector('.guesses b').textContent == 't'")
        page.type('[name="prompt"]', "t")
        come(page, "document.querySelector('.guesses b').textContent == 'end'")
        page.fill('[name="prompt"]', "ß")
        page.wait_for_selector("text=the letter 'ß' (U+00DF) at position 0 is not in the vocabulary")
        page.fill('[name="prompt"]', "good m")
        page.press('[name="prompt"]', "Enter")
        come(page, "document.querySelector('[data-show=continued]').textContent.startsWith('good m')")
        assert page.is_hidden('[role="alert"]')


def test_looking_inside(chromium):
    with desk() as d, opened(chromium, d) as page:
        page.click("button:text-is('Pause')")
        page.locator("text=Inside").scroll_into_view_if_needed()
        page.wait_for_selector('[data-show="coloured"] span')
        assert page.locator('[data-range="tap"] option').all_inner_texts() == [
            f"layer 1, {name}"
            for name in ("output", "cell", "input gate", "forget gate", "output gate", "candidate")
        ]
        page.select_option('[data-range="tap"]', "i0")
        page.fill('[data-range="unit"]', "7")
        page.fill('[data-range="coloured-text"]', "good night")
        come(page, "document.querySelector('[data-show=coloured]').textContent == 'good night'")
        page.wait_for_selector("text=white 0, blue 1")
        values = d.do("colour", {"text": "good night", "tap": "i0", "unit": 7})[0]["values"]
        spans = page.locator('[data-show="coloured"] span')
        assert spans.nth(3).get_attribute("title") == f'"d": {values[3]}'
        alpha = spans.nth(3).evaluate(
            "e => Number(getComputedStyle(e).backgroundColor.match(/[\\d.]+(?=\\))/)[0])"
        )
        assert math.isclose(alpha, 0.75 * values[3], abs_tol=0.01)
        assert page.locator(".gates th").all_inner_texts() == [
            f"layer 1, {g}" for g in ("input", "forget", "output")
        ]
        page.click("button:text-is('Draw it')")
        page.wait_for_selector(".picture img")
        width = page.eval_on_selector(".picture img", "i => i.decode().then(() => i.naturalWidth)")
        assert width > 200
        page.locator(".picture").scroll_into_view_if_needed()
        keep(page, "inside", full_page=True)


def test_it_stays_responsive_while_a_large_model_learns(chromium):
    text = (BOOK * 12)[:100_000]
    with desk(text, kind="text", hidden_sizes=[256, 256], letter_size=0) as d, opened(chromium, d) as page:
        until(lambda: d.learner.tick > 2, 60)
        slowest = 0.0
        for k in range(3):
            began = time.monotonic()
            page.locator('[data-range="temperature"]').fill(str(0.5 + 0.1 * k))
            until(lambda k=k: abs(d.temperature - 0.5 - 0.1 * k) < 1e-9)
            slowest = max(slowest, time.monotonic() - began)
            # the page itself never waits for the network
            began = time.monotonic()
            page.evaluate("1 + 1")
            assert time.monotonic() - began < 1
        assert slowest < 10
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Resume')")


def test_what_is_typed_stays(chromium):
    """Whatever the run says meanwhile; until another model takes its place."""
    with desk() as d, opened(chromium, d) as page:
        page.fill('[name="hidden_sizes"]', "33")
        d.do("learn", {"settings": {"hidden_sizes": "5", "letter_size": 3}})
        come(page, "document.querySelector('[name=letter_size]').value == '3'")
        assert page.input_value('[name="hidden_sizes"]') == "33"
        page.click("button:text-is('Load pretrained')")
        come(page, "document.querySelector('[name=hidden_sizes]').value == '40,40'")


def test_a_new_run_has_a_new_curve(chromium):
    with desk(CORPUS.read_text(encoding="utf-8")) as d, opened(chromium, d) as page:
        first = "Number(document.querySelector('canvas').getAttribute('aria-label').match(/: (\\S+) at first/)?.[1])"
        come(page, f"{first} > 5")
        page.click("button:text-is('Load pretrained')")
        page.click("button:text-is('Resume')")
        come(page, f"{first} < 2")


def test_two_tabs_see_one_run(chromium):
    with desk() as d, opened(chromium, d) as page:
        other = page.context.new_page()
        other.goto(page.url)
        other.wait_for_selector(".samples li")
        other.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Resume')")
        assert shown(page, "tick") == shown(other, "tick") and shown(page, "five") == shown(other, "five")
        other.close()
        stranger = page.context.browser.new_context().new_page()
        assert stranger.goto(page.url).status == 403
        assert "open the address that the terminal shows" in stranger.inner_text("body").lower()
        stranger.context.close()


# ---- what goes wrong


def test_text_is_text(chromium):
    with desk() as d, opened(chromium, d) as page:
        page.fill('[name="text"]', HOSTILE)
        page.click("button:text-is('Learn')")
        until(lambda: d.learner.tick > 2000 and len(d.learner.sentences) == 3)
        page.fill('[name="prompt"]', "<img src=x onerror=alert(1)>")
        page.click("button:text-is('Go on')")
        page.wait_for_selector("text=<img src=x")
        page.locator("text=Inside").scroll_into_view_if_needed()
        page.fill('[data-range="coloured-text"]', "<script>document.title")
        come(page, "document.querySelector('[data-show=coloured]').textContent.startsWith('<script>')")
        page.click("button:text-is('Draw it')")
        page.wait_for_selector(".picture img")
        assert page.locator("main img:not(.picture img), main script").count() == 0
        assert page.title() == "recurrent: a network learns to write"


@pytest.mark.parametrize("do, words", [
    (lambda p: p.fill('[name="hidden_sizes"]', "many"), "a whole number from 1 to 2,048, got 'many'."),
    (lambda p: p.fill('[name="hidden_sizes"]', "2048,2048,2048"), "lower the hidden sizes."),
    (lambda p: p.fill('[name="letter_size"]', "0"), "Letter size: sentences need one of at least 1, got 0."),
    (lambda p: p.fill('[name="learning_rate"]', "-1"), "Learning rate: expected a number of at least 0 and at most 10"),
    (lambda p: p.fill('[name="text"]', "   \n"), "The text has no letters: there is no training data."),
    (lambda p: p.check("text=running text"), "lower the batch size or the sequence length."),
])  # fmt: skip
def test_settings_that_make_no_model(chromium, do, words):
    with desk() as d, opened(chromium, d) as page:
        learner = d.learner
        do(page)
        page.click("button:text-is('Learn')")
        assert words in refusal(page)
        assert d.learner is learner and d.learning
        page.reload()
        page.wait_for_selector(".samples li")
        assert page.is_hidden('[role="alert"]')


@pytest.mark.parametrize("json, words", [
    ("", "not valid JSON"),
    ("{}", "Generator is missing."),
    ('{"generator": "lstm", "hidden_sizes": [1e9]', "not valid JSON"),
    ('{"generator": "lstm", "hidden_sizes": [1e9], "letter_size": 5}', "letterToIndex is missing."),
    ("[" * 50_000, "JSON"),
    ("\ud800\u0000", "not valid JSON"),
])  # fmt: skip
def test_models_that_are_none(chromium, json, words):
    with desk() as d, opened(chromium, d) as page:
        learner = d.learner
        page.click("summary")
        page.eval_on_selector('[name="json"]', "(e, text) => { e.value = text }", json)
        page.click("button:text-is('Load')")
        assert words.lower() in refusal(page).lower()
        assert d.learner is learner and d.learning


def test_a_hundred_megabytes_are_pasted(chromium, tmp_path):
    with desk() as d, opened(chromium, d) as page:
        learner = d.learner
        for name, button in (("text", "learn"), ("json", "load")):
            # laying out so much would take the browser a minute, whatever the page does
            page.eval_on_selector(
                f'[name="{name}"]', "e => { e.style.display = 'none'; e.value = 'a'.repeat(100_000_000) }"
            )
            page.eval_on_selector(f'button[data-do="{button}"]', "e => e.click()")
            assert refusal(page) == "100 MB are too many: the page takes 16 MB at most."
            page.eval_on_selector(f'[name="{name}"]', "e => { e.value = '' }")
            page.eval_on_selector("[role=alert]", "e => { e.hidden = true }")
        (tmp_path / "large.txt").write_bytes(b"a" * (17 << 20))
        page.set_input_files('[data-do="open"]', tmp_path / "large.txt")
        page.wait_for_selector("text=18 MB are too many")
        (tmp_path / "picture.txt").write_bytes(bytes(range(256)))
        page.set_input_files('[data-do="open"]', tmp_path / "picture.txt")
        page.wait_for_selector("text=Picture.txt is not UTF-8 text: byte 128 is 0x80.")
        assert d.learner is learner and d.learning


def test_the_program_ends(chromium):
    with desk() as d:
        with server(d) as serving:
            page = chromium.new_context().new_page()
            page.goto(serving.url)
            page.wait_for_selector(".samples li")
        page.wait_for_selector(".status.lost")
        assert page.inner_text("[role=status]") == "not connected"
        page.click("button:text-is('Pause')")
        assert refusal(page) in ("The run has ended.", "The program does not answer: is it still running?")
        page.context.close()


# ---- for everybody


def test_everything_has_a_name(chromium):
    with desk() as d, opened(chromium, d) as page:
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll('main :is(input, select, textarea, button, canvas, meter, img)')]
              .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim() || e.alt))
              .map(e => e.outerHTML)"""
        )
        assert unnamed == []
        # the tab key comes to each of them
        page.focus("body")
        reached = set()
        for _ in range(45):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    "[document.activeElement].map(e => e.dataset.do || e.dataset.range || e.name)[0]"
                )
            )
        assert {
            "learn",
            "toggle",
            "text",
            "cell",
            "learning_rate",
            "temperature",
            "prompt",
            "tap",
            "unit",
            "picture",
            "open",
        } <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(chromium, scheme):
    """At least 4.5 to 1 for text, as WCAG 2.2 has it for level AA."""
    with desk() as d, opened(chromium, d, color_scheme=scheme) as page:

        def light(name):
            text = page.evaluate(
                f"getComputedStyle(document.querySelector('main')).getPropertyValue('{name}').trim()"
            )
            parts = [int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)]
            parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

        for front, back in (
            ("--ink", "--paper"), ("--ink", "--card"), ("--soft", "--paper"), ("--soft", "--card"),
            ("--accent", "--card"), ("--on-accent", "--accent"), ("--good", "--card"), ("--bad", "--bad-paper"),
        ):  # fmt: skip
            low, high = sorted((light(front), light(back)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (front, back)
        keep(page, scheme)


def test_on_a_phone(chromium):
    with desk() as d, opened(chromium, d, 390, 800, is_mobile=True, has_touch=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        # what is learned comes before what is set
        assert page.locator("canvas").bounding_box()["y"] < page.locator("textarea").first.bounding_box()["y"]
        page.tap("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Resume')")
        keep(page, "phone")


# ---- the notebook's view


def test_in_a_notebook(chromium, tmp_path):
    """The widget with its own JavaScript; only the line between the two is ours."""
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    live = recurrent.live(LINES, hidden_sizes="12", letter_size=4, learning_rate=0.01)
    said = queue.SimpleQueue()
    live.send = lambda content, buffers=None: said.put((content, [list(b) for b in buffers or []]))
    page = chromium.new_context(viewport={"width": 900, "height": 900}).new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    heard = []
    page.expose_function("toKernel", lambda content, data: heard.append((content, data)))
    script = Path(
        type(live)._esm if isinstance(type(live)._esm, Path) else recurrent.__path__[0] + "/page/page.js"
    )
    page.set_content("<body><div id=cell></div></body>")
    page.evaluate(
        """async ([source, markup]) => {
          const listeners = new Set();
          const model = {
            get: () => markup,
            on: (_, f) => listeners.add(f),
            off: (_, f) => listeners.delete(f),
            send: (content, _, buffers) => toKernel(content, buffers?.length ? [...new Uint8Array(buffers[0])] : null),
          };
          window.fromKernel = (content, buffers) =>
            listeners.forEach((f) => f(content, buffers.map((b) => new DataView(new Uint8Array(b).buffer))));
          const module = await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
          window.render = () => module.default.render({ model, el: document.getElementById('cell') });
          window.end = render();
        }""",
        [script.read_text(encoding="utf-8"), live.markup],
    )

    def carry():
        """Messages both ways."""
        page.wait_for_timeout(10)
        while heard:
            content, data = heard.pop(0)
            live._hear(live, content, [bytes(data)] if data else [])
        for _ in range(said.qsize()):
            page.evaluate("m => fromKernel(...m)", list(said.get()))

    def go_on(condition):
        until(lambda: carry() or page.evaluate(condition), 20)

    go_on("document.querySelectorAll('.samples li').length == 5")
    go_on("Number(document.querySelector('[data-show=perplexity]').textContent) < 2")
    page.click("button:text-is('Pause')")
    go_on("document.querySelector('[role=status]').textContent == 'paused'")
    # a view that comes later sees the same
    page.evaluate("() => { window.endOther = render() }")
    go_on("document.querySelectorAll('.samples li').length == 10")
    page.evaluate("() => { endOther(); document.querySelectorAll('.recurrent-live')[1].remove() }")
    page.fill('[name="hidden_sizes"]', "x")
    page.click("button:text-is('Learn')")
    go_on("document.querySelector('[role=alert]').textContent.startsWith('Hidden sizes: expected')")
    (tmp_path / "b.txt").write_text(BOOK, encoding="utf-8")
    page.check("text=running text")
    page.fill('[name="hidden_sizes"]', "8")
    page.set_input_files('[data-do="open"]', tmp_path / "b.txt")
    go_on("document.querySelector('[data-show=text-note]').textContent.startsWith('b.txt')")
    with page.expect_download() as download:
        page.click("button:text-is('Download')")
        for _ in range(20):
            carry()
    assert recurrent.TextModel.load(download.value.path()).cell == "lstm"
    assert problems == []
    page.evaluate("end()")
    page.context.close()
    live.close()
    assert live.desk.is_closed
