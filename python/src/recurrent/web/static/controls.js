// The form with the settings of a run, and the actions of the buttons.

import { plain } from "./format.js";

export const SLIDERS = ["learning_rate", "weight_decay", "clip"];
export const SETTINGS = ["kind", "cell", "hidden_sizes", "embedding", "tokenizer", "seed", "batch_size", "seq_length", ...SLIDERS];
const BATCHES = ["batch_size", "seq_length"];
const [MAX_TEXT, MAX_FILE] = [16 << 20, 256 << 20]; // bytes; settings.py has the same bounds
const RECURRENTJS = { kind: "sentences", cell: "lstm", hidden_sizes: "20,20", embedding: "5", learning_rate: "0.01", weight_decay: "0.000001", clip: "5" };
const TYPICAL = { sentences: { embedding: "10", hidden_sizes: "40,40", learning_rate: "0.005" }, text: { embedding: "0", hidden_sizes: "128,128", learning_rate: "0.002" } };

const settingText = (value) => (typeof value === "number" ? plain(value) : String(value));
// One spelling of each number and list: "40, 40" and "40,40" are the same setting.
const canonical = (text) => text.split(/[\s,]+/).filter(Boolean).map((part) => (isNaN(part) ? part : String(Number(part)))).join();
// A text area holds "\n" alone.
const lines = (text) => text.replace(/\r\n?/g, "\n");

// Gives a control its explanation: as a tooltip, also of its label, and for assistive technology.
export function describe(control, text) {
  control.title = text;
  control.setAttribute("aria-description", text);
  const label = control.closest("label");
  if (label) label.title = text;
}

// The boxes of the form. An edit that has not been sent survives frames of the run.
export class Form {
  #sent = {}; // the last value of each setting, from the run or on its way to it
  #titles = new Map(); // the explanations of the boxes

  constructor(root) {
    this.root = root;
    for (const control of root.querySelectorAll("[title]")) {
      describe(control, control.title);
      this.#titles.set(control, control.title);
    }
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  box(name) {
    return this.find(`[name="${name}"]`);
  }

  range(name) {
    return this.find(`[data-range="${name}"]`);
  }

  get kind() {
    return this.find('[name="kind"]:checked').value;
  }

  value(name) {
    return name === "kind" ? this.kind : this.box(name).value;
  }

  get values() {
    return this.pick(SETTINGS);
  }

  get batches() {
    return this.pick(BATCHES);
  }

  pick(names) {
    return Object.fromEntries(names.map((name) => [name, this.value(name)]));
  }

  // The text of the box, if it is an edit that has not been sent.
  get editedText() {
    const box = this.box("text");
    return "text" in this.#sent && !box.readOnly && box.value !== this.#sent.text ? box.value : null;
  }

  // Shows a setting of the run, unless the box holds an edit.
  update(name, value) {
    const text = settingText(value);
    const edited = name in this.#sent && this.value(name) !== this.#sent[name];
    if (this.#sent[name] === text) return;
    this.#sent[name] = text;
    if (!edited) this.set(name, text);
  }

  // Shows the text of the run, unless the box holds an edit; the beginning of a file always.
  updateText(text, isFile) {
    const edited = this.editedText !== null;
    const box = this.box("text");
    box.readOnly = isFile;
    if (this.#sent.text === lines(text)) return;
    this.#sent.text = lines(text);
    if (isFile || !edited) box.value = text;
  }

  // Marks the values of the boxes as sent: the next frame may replace it. Returns a function that takes the mark back.
  markSent(names = SETTINGS) {
    const before = { ...this.#sent };
    for (const name of names) if (name in this.#sent) this.#sent[name] = this.value(name);
    return () => Object.assign(this.#sent, before);
  }

  set(name, text) {
    if (name === "kind") this.find(`[name="kind"][value="${text}"]`).checked = true;
    else this.box(name).value = text;
    if (name === "learning_rate") this.moveSlider(text);
  }

  setAll(values) {
    for (const [name, text] of Object.entries(values)) this.set(name, text);
  }

  setCells(names) {
    const select = this.box("cell");
    if ([...select.options].map((option) => option.value).join() === names.join()) return;
    const chosen = select.value;
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    if (names.includes(chosen)) select.value = chosen;
  }

  moveSlider(learningRate) {
    this.range("learning_rate").value = Math.log10(Math.max(Number(learningRate), 1e-5));
  }

  // Shows the boxes of the chosen kind of text only.
  showKind() {
    for (const part of this.root.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== this.kind;
  }

  // Marks the boxes that differ from the run: they wait for Start over, and a model without a text for Learn.
  showChanges(run) {
    const waitsForLearn = run.waiting ? ["text", ...BATCHES] : [];
    const changed = SETTINGS.filter((name) => {
      const only = this.box(name).closest("[data-only]")?.dataset.only ?? this.kind;
      return only === this.kind && document.activeElement !== (SLIDERS.includes(name) && this.box(name)) && canonical(this.value(name)) !== canonical(settingText(run.settings[name]));
    });
    if (this.editedText !== null) changed.push("text");
    for (const name of [...SETTINGS, "text"]) {
      const button = waitsForLearn.includes(name) ? "Learn" : "Start over";
      for (const box of this.root.querySelectorAll(`[name="${name}"]`)) {
        const waits = changed.includes(name) && (box.type !== "radio" || box.checked);
        box.closest("label").classList.toggle("changed", waits);
        describe(box, this.#titles.get(box) + (waits ? ` Changed: waits for ${button}.` : ""));
      }
    }
    const list = (names) => names.map((name) => name.replaceAll("_", " ")).join(", ");
    const [forLearn, forStart] = [true, false].map((learn) => changed.filter((name) => waitsForLearn.includes(name) === learn));
    this.find('[data-show="changes"]').textContent = [["Learn", forLearn], ["Start over", forStart]].filter(([, names]) => names.length).map(([button, names]) => `${button} applies: ${list(names)}`).join("; ");
    this.find('[data-do="start-over"]').classList.toggle("changed", forStart.length > 0);
  }

  // Fills in what suits the chosen kind of text: the settings of the run, if it is of that kind.
  setTypical(run) {
    const typical = TYPICAL[this.kind];
    for (const name of Object.keys(typical)) this.set(name, this.kind === run?.settings.kind ? settingText(run.settings[name]) : typical[name]);
    this.showKind();
  }
}

const sizeError = (name, bytes, limit) => `the ${name} is too large; expected at most ${limit >> 20} MB, got ${Math.ceil(bytes / 1e6)} MB`;

// The actions by the names of the buttons' data-do. `page` has form, act, showError, run, and the text that was typed.
export function buttonActions(page) {
  const { form, act, showError } = page;

  function isTooLarge(name, bytes, limit) {
    if (bytes > limit) showError(sizeError(name, bytes, limit));
    return bytes > limit;
  }

  const isLong = (text) => isTooLarge("text", new Blob([text]).size, MAX_TEXT);

  // Sends an action after which the boxes show another run; a refusal keeps the edits.
  async function replace(name, values = {}, file = null) {
    const unmark = form.markSent();
    const result = await act(name, values, file);
    if (!result) unmark();
    if (page.run) form.showChanges(page.run);
  }

  async function startOver() {
    const text = form.editedText;
    if (text !== null && isLong(text)) return;
    await replace("learn", { settings: form.values, ...(text === null ? {} : { text }) });
  }

  // A model that waits for a text takes that of the page.
  async function learn() {
    const text = form.editedText;
    if (!page.run?.waiting) return act("resume");
    if (text !== null && isLong(text)) return;
    await act("resume", { settings: form.batches, ...(text === null ? {} : { text }) });
  }

  async function download() {
    const result = await act("download");
    if (!result) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([result[1]]));
    link.download = result[0].name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  return {
    download,
    toggle: () => (page.run?.learning ? act("pause") : learn()),
    "start-over": startOver,
    undo: () => replace("undo"),
    "remove-file": () => replace("learn", page.typed),
    recurrentjs: () => {
      form.setAll(RECURRENTJS);
      form.showKind();
      if (page.run) form.showChanges(page.run);
    },
    pretrained: () => replace("pretrained"),
    save: async () => {
      const result = await act("save");
      if (result) form.box("json").value = result[0].json;
    },
    load: async () => {
      const json = form.box("json").value;
      if (!isLong(json)) await replace("load", { json });
    },
    // a file chosen by the user: its content tells the server its kind
    open: async (file) => {
      if (!file || isTooLarge("file", file.size, MAX_FILE)) return;
      // of a text alone: the sizes for sentences are too small for a long one
      const settings = form.kind === "text" ? form.values : { ...form.values, ...TYPICAL.text, kind: "text" };
      await replace("open", { name: file.name, settings }, await file.arrayBuffer());
    },
  };
}
