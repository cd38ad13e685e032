// The form with the settings of a run, and the actions of the buttons.

import { plain } from "./format.js";

export const SLIDERS = ["learning_rate", "weight_decay", "clip"];
export const SETTINGS = ["kind", "cell", "hidden_sizes", "embedding", "seed", "batch_size", "seq_length", ...SLIDERS];
const MAX_TEXT = 16 << 20; // bytes; settings.py has the same bound
const RECURRENTJS = { kind: "sentences", cell: "lstm", hidden_sizes: "20,20", embedding: "5", learning_rate: "0.01", weight_decay: "0.000001", clip: "5" };
const TYPICAL = { sentences: { embedding: "10", learning_rate: "0.005" }, text: { embedding: "0", hidden_sizes: "128,128", learning_rate: "0.002" } };
const SENTENCES = { ...TYPICAL.sentences, kind: "sentences", hidden_sizes: "40,40" };

// The boxes of the form. An edit that has not been sent survives frames of the run.
export class Form {
  #sent = {}; // the last value of each setting, from the run or on its way to it

  constructor(root) {
    this.root = root;
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
    return Object.fromEntries(SETTINGS.map((name) => [name, this.value(name)]));
  }

  // Shows a setting of the run, unless the box holds an edit.
  update(name, value) {
    const text = typeof value === "number" ? plain(value) : String(value);
    const edited = name in this.#sent && this.value(name) !== this.#sent[name];
    if (this.#sent[name] === text) return;
    this.#sent[name] = text;
    if (!edited) this.set(name, text);
  }

  updateText(text) {
    if (this.#sent.text === text) return;
    this.#sent.text = text;
    this.box("text").value = text;
  }

  // Marks what the boxes hold as sent; the next frame may replace it.
  markSent(names = SETTINGS) {
    for (const name of names) if (name in this.#sent) this.#sent[name] = this.value(name);
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

  setTypical() {
    this.setAll(TYPICAL[this.kind]);
    this.showKind();
  }
}

const sizeError = (bytes) => `the text is too large; expected at most ${MAX_TEXT >> 20} MB, got ${Math.ceil(bytes / 1e6)} MB`;

// The actions by the names of the buttons' data-do. `page` has form, act, showError, and run and sentences of the last frame.
export function buttonActions(page) {
  const { form, act, showError } = page;

  function isTooLarge(bytes) {
    if (bytes > MAX_TEXT) showError(sizeError(bytes));
    return bytes > MAX_TEXT;
  }

  async function learn() {
    const values = { settings: form.values };
    form.markSent();
    if (!page.run?.file) {
      values.text = form.box("text").value;
      if (isTooLarge(new Blob([values.text]).size)) return;
    }
    await act("learn", values);
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
    learn,
    download,
    toggle: () => act(page.run?.learning ? "pause" : "resume"),
    "remove-file": () => {
      form.setAll(SENTENCES);
      form.markSent();
      return act("learn", { settings: form.values, text: page.sentences });
    },
    recurrentjs: () => {
      form.setAll(RECURRENTJS);
      form.showKind();
      return learn();
    },
    pretrained: () => {
      form.markSent();
      return act("pretrained");
    },
    save: async () => {
      const result = await act("save");
      if (result) form.box("json").value = result[0].json;
    },
    load: () => {
      if (isTooLarge(new Blob([form.box("json").value]).size)) return;
      form.markSent();
      return act("load", { json: form.box("json").value });
    },
    // a file chosen by the user: a text, a model's JSON or a checkpoint
    open: async (file) => {
      if (!file || isTooLarge(file.size)) return;
      const values = { name: file.name };
      if (!/\.(json|safetensors)$/.test(file.name)) {
        // the sizes for sentences are too small for a long text
        values.settings = form.kind === "text" ? form.values : { ...form.values, ...TYPICAL.text, kind: "text" };
      }
      form.markSent();
      await act("open", values, await file.arrayBuffer());
    },
  };
}
