// The live page. `mount` shows a run in an element, through a connection (connection.js).
// Text from a network or a user is set as text, never as HTML.

import { drawChart } from "./charts.js";
import { kernelConnection, serverConnection } from "./connection.js";
import { SETTINGS, SLIDERS, Form, buttonActions, describe } from "./controls.js";
import { duration, element, plain, threeDigits } from "./format.js";
import { showColoredText, showGates, showGraph, showPredictions, showSamples } from "./pictures.js";

export function mount(root, connection) {
  const form = new Form(root);
  const show = (name) => root.querySelector(`[data-show="${name}"]`);
  const range = (name) => form.range(name);
  const box = (name) => form.box(name);
  const curves = { curve: [], validation: [] };
  const page = { form, act, showError, run: null, typed: null };
  let pendingDraw = 0, insideVisible = false, connected = false;

  // ---- messages

  function showError(text) {
    const message = show("message");
    message.textContent = text ? text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".") : "";
    message.hidden = !text;
  }

  // Sends an action; returns [reply, bytes], or null after an error.
  async function act(name, values = {}, file = null) {
    try {
      const result = await connection.do(name, values, file);
      showError("");
      return result;
    } catch (error) {
      showError(error.message);
      return null;
    }
  }

  // ---- frames of the run

  function receive(frame) {
    if (frame.run) receiveRun(frame.run);
    if (frame.progress) receiveProgress(frame.progress);
    for (const name of Object.keys(curves)) {
      if (!frame[name]) continue;
      curves[name].length = frame[name].from;
      curves[name].push(...frame[name].points);
    }
    if (frame.samples) receiveSamples(frame.samples);
    if (frame.curve || frame.progress) scheduleDraw();
  }

  function receiveRun(run) {
    page.run = run;
    form.setCells(run.cells);
    for (const name of SETTINGS) form.update(name, run.settings[name]);
    if (!run.file) page.typed = { text: run.text, settings: run.settings };
    else if (page.typed) page.typed.text = form.editedText ?? page.typed.text; // an edit that the file's text replaces
    form.updateText(run.text, Boolean(run.file));
    form.find('[data-do="remove-file"]').hidden = !run.file || page.typed === null;
    const count = run.characters.toLocaleString("en");
    show("text-note").textContent = [run.file ? `${run.file}: ${count} characters, the first are shown` : "", run.note].filter(Boolean).join("; ");
    show("size").textContent = `${run.weights.toLocaleString("en")} weights, ${run.vocabulary} ${run.settings.tokenizer === "bytes" ? "bytes" : "distinct characters"}`;
    if (document.activeElement !== range("temperature")) range("temperature").value = run.temperature;
    show("temperature").textContent = plain(run.temperature);
    const toggle = form.find('[data-do="toggle"]');
    toggle.textContent = run.learning ? "Pause" : "Learn";
    toggle.disabled = false;
    describe(toggle, run.learning ? "Pauses the training." : run.waiting ? "Trains the model on the text, if it can learn it." : "Continues the training.");
    const undo = form.find('[data-do="undo"]');
    undo.disabled = !run.former;
    describe(undo, run.former ? `Returns to the former model, of ${run.former.step.toLocaleString("en")} steps.` : "Returns to the former model, after Start over or the opening of another model.");
    showStatus();
    form.showKind();
    form.showChanges(run);
    if (run.problem) showError(run.problem);
  }

  function showStatus() {
    const status = show("status"), { run } = page;
    status.className = "status" + (!connected ? " lost" : run?.learning ? " learning" : "");
    status.textContent = !connected ? "not connected" : !run ? "connecting" : run.learning ? "learning" : run.problem ? "stopped" : run.waiting ? "waits for a text" : "paused";
  }

  function receiveProgress(progress) {
    show("perplexity").textContent = progress.loss === null ? "–" : threeDigits(Math.exp(progress.loss));
    show("epoch").textContent = progress.epoch.toFixed(2);
    show("step").textContent = progress.step.toLocaleString("en");
    if (progress.loss === null) for (const name of ["per-step", "speed"]) show(name).textContent = "–";
    if (progress.seconds_per_step !== null) show("per-step").textContent = duration(progress.seconds_per_step);
    if (progress.characters_per_second) show("speed").textContent = progress.characters_per_second.toLocaleString("en");
    show("clipped-meter").value = progress.clipped || 0;
    show("clipped").textContent = progress.clipped === null ? "–" : `${(100 * progress.clipped).toFixed(progress.clipped < 0.1 ? 2 : 0)} %`;
    show("norm").textContent = progress.norm === null ? "–" : threeDigits(progress.norm);
  }

  function receiveSamples(samples) {
    showSamples({ argmax: show("argmax"), list: show("samples"), byTemperature: show("by-temperature") }, samples);
    showGates(show("gates"), samples.saturation);
    if (insideVisible) colorText();
    predict();
  }

  function scheduleDraw() {
    if (!pendingDraw) pendingDraw = requestAnimationFrame(() => {
      pendingDraw = 0;
      drawChart(show("graph"), root, curves, Number(range("smoothing").value));
    });
  }

  // ---- requests about the network; at most one of each kind is pending

  const colorText = latestOnly(async () => {
    const values = { activation: range("activation").value, unit: Math.round(Number(range("unit").value)) || 0, text: range("colored-text").value };
    try {
      const [colors] = await connection.do("color", values);
      showColoredText({ select: range("activation"), unit: range("unit"), scale: show("scale"), text: show("colored") }, colors);
    } catch (error) {
      show("colored").textContent = error.message;
    }
  });

  const predict = latestOnly(async () => {
    try {
      const [reply] = await connection.do("predict", { prompt: box("prompt").value });
      showPredictions(show("predictions"), reply.predictions);
    } catch (error) {
      show("predictions").replaceChildren(element("li", error.message));
    }
  });

  async function continuePrompt() {
    const prompt = box("prompt").value;
    const length = page.run?.settings.kind === "text" ? 400 : 200;
    const result = await act("continue", { prompt, temperature: Number(range("temperature").value), length });
    if (!result) return;
    show("continued").hidden = false;
    show("continued").replaceChildren(element("strong", prompt), result[0].text);
  }

  async function picture() {
    const result = await act("picture");
    if (result) showGraph(show("picture"), result[0].svg);
  }

  // ---- input

  const actions = { ...buttonActions(page), continue: continuePrompt, picture };

  async function change(values) {
    const unmark = form.markSent(Object.keys(values));
    if ("learning_rate" in values && document.activeElement !== range("learning_rate")) form.moveSlider(values.learning_rate);
    if (!(await act("change", values))) unmark();
    if (page.run) form.showChanges(page.run);
  }

  const timers = {};
  // Delays an action until 60 ms without further input.
  function debounce(name, action) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(action, 60);
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button) actions[button.dataset.do]();
  });
  root.addEventListener("input", (event) => {
    const name = event.target.dataset.range || event.target.name;
    if (event.target === range("learning_rate")) {
      box("learning_rate").value = plain(Number((10 ** Number(event.target.value)).toPrecision(2)));
      debounce(name, () => change({ learning_rate: box("learning_rate").value }));
    } else if (name === "temperature") {
      show("temperature").textContent = plain(Number(event.target.value));
      debounce(name, () => change({ temperature: Number(event.target.value) }));
    } else if (name === "smoothing") {
      scheduleDraw();
    } else if (name === "prompt") {
      debounce(name, predict);
    } else if (["activation", "unit", "colored-text"].includes(name)) {
      debounce("color", colorText);
    } else if (page.run && (name === "text" || SETTINGS.includes(name))) {
      debounce("changes", () => form.showChanges(page.run));
    }
  });
  root.addEventListener("change", (event) => {
    const name = event.target.name;
    if (SLIDERS.includes(name)) change({ [name]: event.target.value });
    if (name === "kind") form.setTypical(page.run);
    if (page.run && (name === "text" || SETTINGS.includes(name))) form.showChanges(page.run);
    if (event.target.dataset.do === "open") {
      actions.open(event.target.files[0]);
      event.target.value = "";
    }
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    const { name, value } = event.target;
    if (name === "prompt") continuePrompt();
    else if (SLIDERS.includes(name)) change({ [name]: value });
  });

  // ---- theme, visibility, subscription

  const darkScheme = matchMedia("(prefers-color-scheme: dark)");
  function applyTheme() {
    const theme = document.body.dataset.jpThemeLight; // set by JupyterLab
    root.classList.toggle("dark", theme ? theme === "false" : darkScheme.matches);
    scheduleDraw();
  }
  darkScheme.addEventListener("change", applyTheme);
  applyTheme();
  const visibility = new IntersectionObserver(([entry]) => {
    insideVisible = entry.isIntersecting;
    if (insideVisible && page.run) colorText();
  });
  visibility.observe(form.find('[data-lazy="inside"]'));
  const resize = new ResizeObserver(scheduleDraw);
  resize.observe(show("graph"));
  const unsubscribe = connection.listen(receive, (state) => {
    connected = state === true;
    showStatus();
    if (typeof state === "string") showError(state);
  });
  return () => {
    unsubscribe();
    visibility.disconnect();
    resize.disconnect();
    darkScheme.removeEventListener("change", applyTheme);
  };
}

// A function that runs `task` at once, or once more after the run in progress.
function latestOnly(task) {
  let running = false, repeat = false;
  return async function run() {
    if (running) return void (repeat = true);
    running = true;
    await task();
    running = false;
    if (repeat) {
      repeat = false;
      run();
    }
  };
}

// in a browser: the document has the markup
const main = document.querySelector("body > main.recurrent-live");
if (main) {
  history.replaceState(null, "", "/"); // removes the token from the address
  mount(main, serverConnection());
}

// in a notebook: anywidget calls `render` for each view
export default {
  render({ model, el }) {
    const root = document.createElement("div");
    root.className = "recurrent-live";
    root.innerHTML = model.get("markup"); // the markup that ships with the package
    el.append(root);
    return mount(root, kernelConnection(model));
  },
};
