"""The page in a notebook."""

import queue

import pytest

import recurrent
from sessions import BOOK, LINES, wait_for

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")


def test_in_a_notebook(chromium, tmp_path):
    """The widget with its JavaScript; the test carries the messages between them."""
    live = recurrent.live(LINES, hidden_sizes="12", embedding=4, learning_rate=0.01)
    sent = queue.SimpleQueue()
    live.send = lambda content, buffers=None: sent.put((content, [list(b) for b in buffers or []]))
    page = chromium.new_context(viewport={"width": 900, "height": 900}).new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    heard = []
    page.expose_function("toKernel", lambda content, data: heard.append((content, data)))
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
        [live._esm, live.markup],
    )

    def carry():
        """Carries all messages."""
        page.wait_for_timeout(10)
        while heard:
            content, data = heard.pop(0)
            live._receive(live, content, [bytes(data)] if data else [])
        for _ in range(sent.qsize()):
            page.evaluate("m => fromKernel(...m)", list(sent.get()))

    def carry_until(condition):
        wait_for(lambda: carry() or page.evaluate(condition), 20)

    carry_until("document.querySelectorAll('.samples li').length == 5")
    carry_until("Number(document.querySelector('[data-show=perplexity]').textContent) < 2")
    page.click("button:text-is('Pause')")
    carry_until("document.querySelector('[role=status]').textContent == 'paused'")
    # a later view shows the same
    page.evaluate("() => { window.endOther = render() }")
    carry_until("document.querySelectorAll('.samples li').length == 10")
    page.evaluate("() => { endOther(); document.querySelectorAll('.recurrent-live')[1].remove() }")
    page.fill('[name="hidden_sizes"]', "x")
    page.click("button:text-is('Start over')")
    carry_until("document.querySelector('[role=alert]').textContent.startsWith('Hidden sizes is invalid')")
    (tmp_path / "b.txt").write_text(BOOK, encoding="utf-8")
    page.check("text=running text")
    page.fill('[name="hidden_sizes"]', "8")
    page.set_input_files('[data-do="open"]', tmp_path / "b.txt")
    carry_until("document.querySelector('[data-show=text-note]').textContent.startsWith('b.txt')")
    with page.expect_download() as download:
        page.click("button:text-is('Download')")
        for _ in range(20):
            carry()
    assert recurrent.TextModel.load(download.value.path()).cell == "lstm"
    assert problems == []
    page.evaluate("end()")
    page.context.close()
    live.close()
    assert live.session.is_closed
