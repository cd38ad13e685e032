"""The page in a browser: display, input, invalid input, accessibility."""

import contextlib
import json
import math
import re
import time

import pytest

import recurrent
from recurrent.demo.sentences import CORPUS
from recurrent.web.actions import perform
from sessions import BOOK, LINES, frame_part, open_server, open_session, wait_for, weights_of
from support import ROOT

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
SHOTS = ROOT / "out" / "screenshots"
HOSTILE = "<img src=x onerror=alert(1)>\n<script>document.title='owned'</script>\n&amp; \"'`\u202e${1+1}\n"


@contextlib.contextmanager
def open_page(chromium, session, width=1280, height=900, **options):
    """Opens a page on a session; an error in its console fails the test."""
    with open_server(session) as server:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(20_000)
        page = context.new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        # the browser reports responses with an error status
        page.on(
            "console", lambda m: m.type == "error" and "status of 4" not in m.text and problems.append(m.text)
        )
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}"))
        page.server = server
        page.goto(server.url)
        page.wait_for_selector(".samples li")
        yield page
        context.close()
        assert problems == []


def shown(page, name):
    return page.inner_text(f'[data-show="{name}"]')


def number(page, name):
    return float(shown(page, name).replace(",", ""))


def wait_until(page, expression):
    """Waits until an expression is true; the content security policy forbids `wait_for_function`."""
    wait_for(lambda: page.evaluate(expression), 20)


def save_screenshot(page, name, **options):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", **options)


def error_message(page):
    page.wait_for_selector('[role="alert"]:visible')
    return page.inner_text('[role="alert"]')


# ---- what RecurrentJS's page has too


def test_training_is_shown(chromium):
    with open_session(learning_rate=3e-4) as session, open_page(chromium, session) as page:
        assert re.fullmatch(rf"http://127\.0\.0\.1:{page.server.server_port}/", page.url)  # without the token
        samples = shown(page, "samples")
        wait_until(page, "Number(document.querySelector('[data-show=perplexity]').textContent) < 1.6")
        wait_for(lambda: shown(page, "samples") != samples)
        assert number(page, "epoch") > 100 and number(page, "step") > 300
        assert re.fullmatch(r"[\d.]+ (µs|ms)", shown(page, "per-step")) and number(page, "speed") > 1000
        assert len(page.query_selector_all(".samples li")) == 5
        assert page.locator(".by-temperature h3").all_inner_texts() == [
            f"temperature {t}" for t in ("0.3", "0.7", "1")
        ]
        page.wait_for_selector(".memorized")
        label = page.get_attribute("canvas", "aria-label")
        first, now = map(float, re.fullmatch(r"perplexity: (\S+) at first, (\S+) now", label).groups())
        assert first > 5 and now < 2
        drawn = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 10"
        assert page.eval_on_selector("canvas", drawn)
        save_screenshot(page, "learning", full_page=True)


def test_pause_and_resume(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')")
        assert page.inner_text("[role=status]") == "paused" and not session.is_learning
        tick = session.trainer.step
        page.wait_for_timeout(300)
        assert session.trainer.step == tick == number(page, "step")
        page.click("button:text-is('Learn')")
        page.wait_for_selector("button:text-is('Pause')")
        wait_for(lambda: session.trainer.step > tick)
        assert page.inner_text("[role=status]") == "learning"


def test_sliders(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        page.locator('[data-range="learning_rate"]').fill("-3")
        wait_for(lambda: session.settings.learning_rate == 0.001)
        assert page.input_value('[name="learning_rate"]') == "0.001"
        page.fill('[name="learning_rate"]', "0.02")
        page.press('[name="learning_rate"]', "Enter")
        wait_for(lambda: session.settings.learning_rate == 0.02)
        wait_until(
            page,
            "Math.abs(document.querySelector('[data-range=learning_rate]').value - Math.log10(.02)) < .02",
        )
        # the keyboard
        page.focus('[data-range="temperature"]')
        page.keyboard.press("Home")
        wait_for(lambda: session.temperature == 0.05)
        wait_until(
            page, "new Set([...document.querySelectorAll('.samples li')].map(e => e.textContent)).size == 1"
        )
        assert shown(page, "temperature") == "0.05"
        page.fill('[name="weight_decay"]', "0.001")
        page.fill('[name="clip"]', "1")
        page.press('[name="clip"]', "Tab")
        wait_for(lambda: (session.settings.weight_decay, session.settings.clip) == (0.001, 1.0))
        page.locator('[data-range="smoothing"]').fill("0")


def test_other_networks(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        for cell in ("gru", "rnn_relu", "lstm"):
            page.select_option('[name="cell"]', cell)
            page.fill('[name="hidden_sizes"]', "9, 7")
            page.fill('[name="embedding"]', "3")
            page.click("button:text-is('Start over')")
            wait_for(lambda cell=cell: session.trainer.model.cell == cell and session.trainer.step > 10)
            assert (session.trainer.model.hidden_sizes, session.trainer.model.letter_size) == ((9, 7), 3)
        page.fill('[name="text"]', "another sentence\nand one more")
        page.click("button:text-is('Start over')")
        wait_for(lambda: session.trainer.sentences == ["another sentence", "and one more"])
        page.click("button:text-is('RecurrentJS’s settings')")
        page.wait_for_selector("text=Start over applies: hidden sizes, embedding")
        page.click("button:text-is('Start over')")
        wait_for(lambda: session.trainer.model.hidden_sizes == (20, 20))
        assert (session.trainer.model.letter_size, session.settings.learning_rate) == (5, 0.01)


def test_saved_as_text_and_loaded(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')")
        weights = weights_of(session)
        page.click("summary")
        page.click("button:text-is('Save')")
        wait_until(page, "document.querySelector('[name=json]').value.length > 1000")
        saved = page.input_value('[name="json"]')
        assert json.loads(saved)["hidden_sizes"] == [12]
        page.reload()  # the cookie contains the token
        page.wait_for_selector(".samples li")
        assert page.inner_text("[role=status]") == "paused"
        page.fill('[name="hidden_sizes"]', "5")
        page.click("button:text-is('Start over')")
        wait_for(lambda: session.trainer.model.hidden_sizes == (5,))
        page.click("summary")
        page.fill('[name="json"]', saved)
        page.click("button:text-is('Load')")
        wait_for(lambda: session.trainer.model.hidden_sizes == (12,))
        assert (weights_of(session) == weights).all()
        wait_until(page, "document.querySelector('[name=hidden_sizes]').value == '12'")


def test_the_pretrained_model(chromium):
    with open_session(CORPUS.read_text(encoding="utf-8")) as session, open_page(chromium, session) as page:
        page.click("button:text-is('Load pretrained')")
        page.wait_for_selector("button:text-is('Learn')")
        page.wait_for_selector(".samples .memorized")
        assert session.trainer.model.hidden_sizes == (40, 40)


# ---- what RecurrentJS's page lacks


def test_a_text_from_a_file(chromium, tmp_path):
    (tmp_path / "tables.txt").write_text(BOOK, encoding="utf-8")
    with open_session() as session, open_page(chromium, session) as page:
        page.check("text=running text")
        assert page.is_visible('[name="batch_size"]') and page.is_hidden('[name="weight_decay"]')
        page.fill('[name="hidden_sizes"]', "32")
        page.fill('[name="batch_size"]', "8")
        page.set_input_files('[data-do="open"]', tmp_path / "tables.txt")
        page.wait_for_selector(f"text=tables.txt: {len(BOOK):,} characters")
        wait_until(
            page, "Number(document.querySelector('[data-show=step]').textContent.replace(',', '')) > 150"
        )
        assert page.get_attribute('[name="text"]', "readonly") is not None
        wait_until(page, "document.querySelector('canvas').getAttribute('aria-label').includes('validation')")
        assert page.is_visible(".key.validation") and number(page, "perplexity") < 20
        page.fill('[name="prompt"]', "7 times 7")
        page.click("button:text-is('Continue')")
        page.wait_for_selector('[data-show="continued"]:visible')
        assert shown(page, "continued").startswith("7 times 7")
        with page.expect_download() as download:
            page.click("button:text-is('Download')")
        assert download.value.suggested_filename == "model.safetensors"
        assert recurrent.TextModel.load(download.value.path()).hidden_sizes == (32,)
        save_screenshot(page, "text", full_page=True)
        page.click("button:text-is('Remove the file')")
        wait_for(lambda: session.text == LINES and session.settings.kind == "sentences")


def test_predictions(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        wait_until(page, "Number(document.querySelector('[data-show=perplexity]').textContent) < 1.3")
        page.click("button:text-is('Pause')")
        page.type('[name="prompt"]', "well, good nigh")
        wait_until(page, "document.querySelector('.predictions b').textContent == 't'")
        page.type('[name="prompt"]', "t")
        wait_until(page, "document.querySelector('.predictions b').textContent == 'end'")
        page.fill('[name="prompt"]', "ß")
        page.wait_for_selector(
            "text=text[0] is outside the vocabulary; expected one of its characters, got 'ß' (U+00DF)"
        )
        page.fill('[name="prompt"]', "good m")
        page.press('[name="prompt"]', "Enter")
        wait_until(page, "document.querySelector('[data-show=continued]').textContent.startsWith('good m')")
        assert page.is_hidden('[role="alert"]')


def test_introspection(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        page.click("button:text-is('Pause')")
        page.locator("text=Inside").scroll_into_view_if_needed()
        page.wait_for_selector('[data-show="colored"] span')
        assert page.locator('[data-range="activation"] option').all_inner_texts() == [
            f"layer 1, {name}"
            for name in ("output", "cell", "input gate", "forget gate", "output gate", "candidate")
        ]
        page.select_option('[data-range="activation"]', "i0")
        page.fill('[data-range="unit"]', "7")
        page.fill('[data-range="colored-text"]', "good night")
        wait_until(page, "document.querySelector('[data-show=colored]').textContent == 'good night'")
        page.wait_for_selector("text=white 0, blue 1")
        values = perform(session, "color", {"text": "good night", "activation": "i0", "unit": 7})[0]["values"]
        spans = page.locator('[data-show="colored"] span')
        # of a gate that is open JavaScript writes 1
        assert spans.nth(3).get_attribute("title") == f'"d": {values[3]:g}'
        alpha = spans.nth(3).evaluate(
            "e => Number(getComputedStyle(e).backgroundColor.match(/[\\d.]+(?=\\))/)[0])"
        )
        assert math.isclose(alpha, 0.75 * values[3], abs_tol=0.01)
        assert page.locator(".gates tbody th").all_inner_texts() == [
            f"layer 1, {g}" for g in ("input", "forget", "output")
        ]
        page.click("button:text-is('Draw')")
        page.wait_for_selector(".picture img")
        width = page.eval_on_selector(".picture img", "i => i.decode().then(() => i.naturalWidth)")
        assert width > 200
        page.locator(".picture").scroll_into_view_if_needed()
        save_screenshot(page, "inside", full_page=True)


def test_responsive_with_a_large_model(chromium):
    text = (BOOK * 12)[:100_000]
    with (
        open_session(text, kind="text", hidden_sizes=[256, 256], embedding=0) as session,
        open_page(chromium, session) as page,
    ):
        wait_for(lambda: session.trainer.step > 2, 60)
        slowest = 0.0
        for k in range(3):
            began = time.monotonic()
            page.locator('[data-range="temperature"]').fill(str(0.5 + 0.1 * k))
            wait_for(lambda k=k: abs(session.temperature - 0.5 - 0.1 * k) < 1e-9)
            slowest = max(slowest, time.monotonic() - began)
            # the page does not wait for the network
            began = time.monotonic()
            page.evaluate("1 + 1")
            assert time.monotonic() - began < 1
        assert slowest < 10
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')")


def test_edits_stay(chromium):
    """Until another model is loaded, and after a refusal too."""
    with open_session() as session, open_page(chromium, session) as page:
        page.fill('[name="hidden_sizes"]', "33")
        page.fill('[name="text"]', "a text of my own")
        page.set_input_files(
            '[data-do="open"]', {"name": "a.json", "mimeType": "", "buffer": b'{"hidden_sizes": 5'}
        )
        assert "not valid JSON" in error_message(page)
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')")
        perform(
            session, "learn", {"settings": {"hidden_sizes": "5", "embedding": 3}, "text": "of another tab"}
        )
        wait_until(page, "document.querySelector('[name=embedding]').value == '3'")
        assert page.input_value('[name="hidden_sizes"]') == "33"
        assert page.input_value('[name="text"]') == "a text of my own"
        page.click("button:text-is('Load pretrained')")
        wait_until(page, "document.querySelector('[name=hidden_sizes]').value == '40,40'")
        # of the text too, and a file takes its place for a while; frames arrive while it is sent
        assert page.input_value('[name="text"]') == "a text of my own"

        def send_after_a_frame(route):
            session.call(session.publish_run)
            time.sleep(0.2)
            route.continue_()

        page.route("**/do/open*", send_after_a_frame)
        page.set_input_files('[data-do="open"]', {"name": "b.txt", "mimeType": "", "buffer": BOOK.encode()})
        page.wait_for_selector("text=b.txt: ")
        page.click("button:text-is('Remove the file')")
        wait_for(lambda: session.text == "a text of my own")
        wait_until(page, "document.querySelector('[name=text]').value == 'a text of my own'")


def test_changes_wait_for_start_over(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        changes = "document.querySelector('[data-show=changes]').textContent"
        trainer = session.trainer
        page.fill('[name="hidden_sizes"]', " 12 ")  # another spelling is no change
        page.fill('[name="seed"]', "5")
        page.select_option('[name="cell"]', "gru")
        page.fill('[name="text"]', LINES + "one more")
        wait_until(page, f"{changes} == 'Start over applies: cell, seed, text'")
        marked = page.eval_on_selector_all(
            "label.changed :is(input, select, textarea)", "boxes => boxes.map(box => box.name)"
        )
        assert marked == ["text", "cell", "seed"]
        title = page.get_attribute('[name="seed"]', "title")
        assert title.endswith(" Changed: waits for Start over.")
        # neither Enter nor the lit button starts over
        page.press('[name="seed"]', "Enter")
        page.click("button.first")
        page.wait_for_selector("button.first:text-is('Learn')")
        page.click("button.first")
        page.wait_for_selector("button.first:text-is('Pause')")
        assert session.trainer is trainer
        wait_until(page, f"{changes} == 'Start over applies: cell, seed, text'")
        # a slider acts at once and does not wait
        page.locator('[data-range="learning_rate"]').fill("-3")
        wait_for(lambda: session.settings.learning_rate == 0.001)
        wait_until(page, f"{changes} == 'Start over applies: cell, seed, text'")
        page.click("button:text-is('Start over')")
        wait_for(lambda: session.trainer.model.cell == "gru" and session.settings.seed == 5)
        wait_until(page, f"{changes} == ''")
        assert page.locator(".changed").count() == 0 and session.text.endswith("one more")
        # another kind of text, and back
        page.check("text=running text")
        wait_until(
            page, f"{changes}.startsWith('Start over applies: kind, hidden sizes, embedding, learning rate')"
        )
        page.check("text=sentences, one a line")
        wait_until(page, f"{changes} == ''")


def test_start_over_can_be_undone(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        wait_for(lambda: session.trainer.step > 100)
        assert page.is_disabled("button:text-is('Undo')")
        trainer = session.trainer
        page.fill('[name="hidden_sizes"]', "5")
        page.fill('[name="text"]', "another text")
        page.click("button:text-is('Start over')")
        wait_for(lambda: session.trainer is not trainer)
        page.click("button:text-is('Undo'):enabled")
        wait_for(lambda: session.trainer is trainer)
        wait_until(page, "document.querySelector('[name=hidden_sizes]').value == '12'")
        wait_until(page, f"document.querySelector('[name=text]').value == {json.dumps(LINES)}")
        assert number(page, "step") == trainer.step and not session.is_learning
        assert page.get_attribute("button:text-is('Undo')", "title").startswith(
            "Returns to the former model, of "
        )


def test_a_checkpoint_opens_on_any_text(chromium, tmp_path):
    text = "the cat sat on the mat.\nthe dog ran to the cat.\n" * 60
    model = recurrent.TextModel("gru", [8], rng=1)
    model.fit(text, 6, batch_size=4, seq_length=8, progress=False)
    model.save(tmp_path / "checkpoint.bin")
    with open_session() as session, open_page(chromium, session) as page:
        page.set_input_files('[data-do="open"]', tmp_path / "checkpoint.bin")
        page.wait_for_selector("text=waits for a text")
        assert shown(page, "text-note").startswith("learning waits: text[")
        assert page.input_value('[name="cell"]') == "gru" and page.input_value('[name="seq_length"]') == "8"
        page.fill('[name="prompt"]', "the cat")
        page.click("button:text-is('Continue')")
        wait_until(page, "document.querySelector('[data-show=continued]').textContent.startsWith('the cat')")
        page.click("button:text-is('Learn')")
        assert "is outside the vocabulary; expected the model's 15 characters" in error_message(page)
        page.fill('[name="text"]', text)
        page.wait_for_selector("text=Learn applies: text")
        page.click("button:text-is('Learn')")
        wait_for(lambda: session.trainer.step > 20)
        assert session.trainer.model.hidden_sizes == (8,) and session.text == text
        page.wait_for_selector('[role="alert"]', state="hidden")


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_does_not_jump(chromium, width):
    """While samples of any length are rewritten, everything stays where it is."""
    with open_session(BOOK, kind="text", batch_size=4, seq_length=10) as session:
        samples = {}
        session.call(
            lambda: setattr(session, "publish_samples", lambda: session._publish("samples", samples))
        )
        samples |= frame_part(session, "samples")
        with open_page(chromium, session, width) as page:
            page.locator("text=Inside").scroll_into_view_if_needed()
            page.wait_for_selector('[data-show="colored"] span')
            places = """() => [document.documentElement.scrollHeight,
              ...[...document.querySelectorAll('section, h2, h3, .figures div')]
              .map(e => JSON.stringify(e.getBoundingClientRect()))]"""
            before = None
            for text in ("", "a", "a\nb\n" * 40, "word " * 32):
                several = [[text, False]] * 5
                samples.update(
                    argmax=[text, False],
                    samples=several,
                    by_temperature=[[t, several[:1]] for t in (0.3, 0.7, 1)],
                )
                session.call(session.publish_samples)
                wait_until(
                    page, f"document.querySelector('[data-show=argmax]').textContent == {json.dumps(text)}"
                )
                page.wait_for_timeout(100)
                now = page.evaluate(places)
                assert before in (None, now)
                before = now


def test_a_new_run_has_a_new_curve(chromium):
    with open_session(CORPUS.read_text(encoding="utf-8")) as session, open_page(chromium, session) as page:
        first = "Number(document.querySelector('canvas').getAttribute('aria-label').match(/: (\\S+) at first/)?.[1])"
        wait_until(page, f"{first} > 5")
        page.click("button:text-is('Load pretrained')")
        page.click("button:text-is('Learn')")
        wait_until(page, f"{first} < 2")


def test_two_tabs_see_one_run(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        other = page.context.new_page()
        other.goto(page.url)
        other.wait_for_selector(".samples li")
        other.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')")
        assert shown(page, "step") == shown(other, "step") and shown(page, "samples") == shown(
            other, "samples"
        )
        other.close()
        other_context = page.context.browser.new_context().new_page()
        assert other_context.goto(page.url).status == 403
        assert "open the address that the terminal shows" in other_context.inner_text("body").lower()
        other_context.context.close()


# ---- invalid input


def test_html_in_text_is_not_executed(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        page.fill('[name="text"]', HOSTILE)
        page.click("button:text-is('Start over')")
        wait_for(lambda: session.trainer.step > 2000 and len(session.trainer.sentences) == 3)
        page.fill('[name="prompt"]', "<img src=x onerror=alert(1)>")
        page.click("button:text-is('Continue')")
        page.wait_for_selector("text=<img src=x")
        page.locator("text=Inside").scroll_into_view_if_needed()
        page.fill('[data-range="colored-text"]', "<script>document.title")
        wait_until(page, "document.querySelector('[data-show=colored]').textContent.startsWith('<script>')")
        page.click("button:text-is('Draw')")
        page.wait_for_selector(".picture img")
        assert page.locator("main img:not(.picture img), main script").count() == 0
        assert page.title() == "recurrent: a network learns to write"


@pytest.mark.parametrize("do, words", [
    (lambda p: p.fill('[name="hidden_sizes"]', "many"), "an integer from 1 to 2,048, got 'many'."),
    (lambda p: p.fill('[name="hidden_sizes"]', "2048,2048,2048"), "lower the hidden sizes."),
    (lambda p: p.fill('[name="embedding"]', "0"), "Embedding is invalid; expected at least 1 for sentences, got 0."),
    (lambda p: p.fill('[name="learning_rate"]', "-1"), "Learning rate is invalid; expected a number from 0 to 10"),
    (lambda p: p.fill('[name="text"]', "   \n"), "The text has no training data; expected at least 1 char"),
    (lambda p: p.check("text=running text"), "lower the batch size or the sequence length."),
])  # fmt: skip
def test_invalid_settings_are_reported(chromium, do, words):
    with open_session() as session, open_page(chromium, session) as page:
        trainer = session.trainer
        do(page)
        page.click("button:text-is('Start over')")
        assert words in error_message(page)
        assert session.trainer is trainer and session.is_learning
        page.reload()
        page.wait_for_selector(".samples li")
        assert page.is_hidden('[role="alert"]')


@pytest.mark.parametrize("json, words", [
    ("", "not valid JSON"),
    ("{}", "Generator is missing"),
    ('{"generator": "lstm", "hidden_sizes": [1e9]', "not valid JSON"),
    ('{"generator": "lstm", "hidden_sizes": [1e9], "letter_size": 5}', "letterToIndex is missing"),
    ("[" * 50_000, "JSON"),
    ("\ud800\u0000", "not valid JSON"),
])  # fmt: skip
def test_invalid_models(chromium, json, words):
    with open_session() as session, open_page(chromium, session) as page:
        trainer = session.trainer
        page.click("summary")
        page.eval_on_selector('[name="json"]', "(e, text) => { e.value = text }", json)
        page.click("button:text-is('Load')")
        assert words.lower() in error_message(page).lower()
        assert session.trainer is trainer and session.is_learning


def test_large_texts(chromium, tmp_path):
    with open_session() as session, open_page(chromium, session) as page:
        trainer = session.trainer
        for name, button in (("text", "start-over"), ("json", "load")):
            # hidden: the layout would take the browser a minute
            page.eval_on_selector(
                f'[name="{name}"]', "e => { e.style.display = 'none'; e.value = 'a'.repeat(100_000_000) }"
            )
            page.eval_on_selector(f'button[data-do="{button}"]', "e => e.click()")
            assert error_message(page) == "The text is too large; expected at most 16 MB, got 100 MB."
            page.eval_on_selector(f'[name="{name}"]', "e => { e.value = '' }")
            page.eval_on_selector("[role=alert]", "e => { e.hidden = true }")
        (tmp_path / "large.txt").write_bytes(b"a" * (17 << 20))
        page.set_input_files('[data-do="open"]', tmp_path / "large.txt")
        page.wait_for_selector("text=expected at most 16 MB, got 18 MB")
        (tmp_path / "picture.txt").write_bytes(bytes(range(256)))
        page.set_input_files('[data-do="open"]', tmp_path / "picture.txt")
        page.wait_for_selector("text=Picture.txt is not valid UTF-8; expected UTF-8, got 0x80 at byte 128.")
        assert session.trainer is trainer and session.is_learning


def test_end_of_the_program(chromium):
    with open_session() as session:
        with open_server(session) as server:
            page = chromium.new_context().new_page()
            page.goto(server.url)
            page.wait_for_selector(".samples li")
        page.wait_for_selector(".status.lost")
        assert page.inner_text("[role=status]") == "not connected"
        page.click("button:text-is('Pause')")
        assert error_message(page) in (
            "The run has ended.",
            "The server does not answer: check that the program still runs.",
        )
        page.context.close()


# ---- accessibility


def test_every_control_has_a_label(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll('main :is(input, select, textarea, button, canvas, meter, img)')]
              .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim() || e.alt))
              .map(e => e.outerHTML)"""
        )
        assert unnamed == []
        # the tab key reaches each of them
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
            "toggle",
            "text",
            "cell",
            "learning_rate",
            "temperature",
            "prompt",
            "activation",
            "unit",
            "picture",
            "open",
            "start-over",
        } <= reached


def test_every_control_has_an_explanation(chromium):
    with open_session() as session, open_page(chromium, session) as page:
        controls = "main :is(input, select, textarea, button, summary, canvas, meter)"
        bare = f"""() => [...document.querySelectorAll('{controls}')]
          .filter(e => !/^[A-Z].*\\.$/.test(e.title) || e.getAttribute('aria-description') !== e.title)
          .map(e => e.outerHTML)"""
        page.wait_for_selector("button:text-is('Pause')")
        assert page.evaluate(bare) == [] and page.locator(controls).count() > 35
        # the label of a box shows the same
        assert page.get_attribute('label:has([name="seed"])', "title") == page.get_attribute(
            '[name="seed"]', "title"
        )
        page.click("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')[title='Continues the training.']")
        page.fill('[name="seed"]', "9")
        page.wait_for_selector('.changed [name="seed"]')
        assert page.evaluate(bare) == []


def test_axes_have_titles(chromium):
    """The canvas has the words at its left and at its bottom."""
    with open_session() as session, open_page(chromium, session) as page:
        drawn = page.evaluate(
            """async () => {
              const words = [], draw = CanvasRenderingContext2D.prototype.fillText;
              CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
                words.push(text);
                draw.call(this, text, ...at);
              };
              for (let k = 0; k < 500 && !words.includes('step'); k++)
                await new Promise((done) => setTimeout(done, 20));
              return words;
            }"""
        )
        assert {"perplexity", "step"} <= set(drawn)
        assert page.locator(".gates thead th").all_inner_texts() == ["gate", "closed", "open"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(chromium, scheme):
    """At least 4.5 to 1 for text (WCAG 2.2, level AA)."""
    with open_session() as session, open_page(chromium, session, color_scheme=scheme) as page:

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
        save_screenshot(page, scheme)


def test_on_a_phone(chromium):
    with (
        open_session() as session,
        open_page(chromium, session, 390, 800, is_mobile=True, has_touch=True) as page,
    ):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        # the settings are above the output
        assert page.locator("form").bounding_box()["y"] < page.locator("canvas").bounding_box()["y"]
        page.tap("button:text-is('Pause')")
        page.wait_for_selector("button:text-is('Learn')")
        save_screenshot(page, "phone")
