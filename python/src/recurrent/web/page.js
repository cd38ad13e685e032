// The live page. `mount` shows a run in an element; a line to the run is all that it needs:
//
//     line.do(name, arguments, file)  ->  a promise of [reply, bytes]
//     line.listen(frame => …, state => …)  ->  a function that ends it
//
// Whatever a network or a user wrote is set as text, never as HTML.

const SLIDERS = ["learning_rate", "regc", "clip"];
const SETTINGS = ["kind", "cell", "hidden_sizes", "letter_size", "seed", "batch_size", "seq_length", ...SLIDERS];
const RECURRENTJS = { cell: "lstm", hidden_sizes: "20,20", letter_size: "5", learning_rate: "0.01", regc: "0.000001", clip: "5" };
const LARGEST = 16 << 20; // bytes, as the other side has it
const TYPICAL = { sentences: { letter_size: "10", learning_rate: "0.005" }, text: { letter_size: "0", hidden_sizes: "128,128", learning_rate: "0.002" } };

export function mount(root, line) {
  const find = (selector) => root.querySelector(selector);
  const show = (name) => find(`[data-show="${name}"]`);
  const range = (name) => find(`[data-range="${name}"]`);
  const box = (name) => find(`[name="${name}"]`);
  const shown = {}; // what the run last said of each setting: an edit not yet sent stays
  const curves = { curve: [], validation: [] };
  let run = null, progress = null, drawing = 0, inside = false, connected = false, sentences = null;

  // ---- messages

  function complain(words) {
    const message = show("message");
    message.textContent = words ? words[0].toUpperCase() + words.slice(1) + (/[.!?…]$/.test(words) ? "" : ".") : "";
    message.hidden = !words;
  }

  async function act(name, values = {}, file = null) {
    try {
      const [reply, data] = await line.do(name, values, file);
      complain("");
      return [reply, data];
    } catch (error) {
      complain(error.message);
      return null;
    }
  }

  // ---- what the run says

  function take(frame) {
    if (frame.run) takeRun(frame.run);
    if (frame.progress) takeProgress(frame.progress);
    for (const name of Object.keys(curves)) {
      if (!frame[name]) continue;
      curves[name].length = frame[name].from;
      curves[name].push(...frame[name].points);
    }
    if (frame.samples) takeSamples(frame.samples);
    if (frame.curve || frame.progress) drawSoon();
  }

  function takeRun(fresh) {
    run = fresh;
    for (const name of SETTINGS) put(name, run.settings[name]);
    if (shown.text !== run.text) {
      shown.text = run.text;
      box("text").value = run.text;
    }
    if (!run.file && run.settings.kind === "sentences") sentences = run.text;
    box("text").readOnly = Boolean(run.file);
    find('[data-do="forget-file"]').hidden = !run.file || sentences === null;
    const count = run.characters.toLocaleString("en");
    show("text-note").textContent = [run.file ? `${run.file}: ${count} characters, these are the first` : "", run.note].filter(Boolean).join("; ");
    show("size").textContent = `${run.weights.toLocaleString("en")} weights, ${run.letters} different letters`;
    if (document.activeElement !== range("temperature")) range("temperature").value = run.temperature;
    show("temperature").textContent = plain(run.temperature);
    const toggle = find('[data-do="toggle"]');
    toggle.textContent = run.learning ? "Pause" : "Resume";
    toggle.disabled = false;
    show("tick-name").textContent = run.settings.kind === "text" ? "steps" : "ticks";
    state();
    only();
    if (run.problem) complain(run.problem);
  }

  // what a user has typed and not yet sent stays
  function put(name, value) {
    const text = typeof value === "number" ? plain(value) : String(value);
    const edited = name in shown && holds(name) !== shown[name];
    if (shown[name] === text) return;
    shown[name] = text;
    if (!edited) set(name, text);
  }

  const holds = (name) => (name === "kind" ? kind() : box(name).value);

  // all that the boxes hold is on its way, or is given up
  function settle() {
    for (const name of SETTINGS) shown[name] = holds(name);
  }

  function set(name, text) {
    if (name === "kind") {
      find(`[name="kind"][value="${text}"]`).checked = true;
    } else if (name === "cell" && ![...box("cell").options].some((option) => option.value === text)) {
      box("cell").append(new Option(text, text, false, true)); // of a model that was loaded
    } else {
      box(name).value = text;
    }
    if (name === "learning_rate") slide(text);
  }

  const slide = (rate) => (range("learning_rate").value = Math.log10(Math.max(Number(rate), 1e-5)));

  function state() {
    const status = show("status");
    status.className = "status" + (!connected ? " lost" : run && run.learning ? " learning" : "");
    status.textContent = !connected ? "not connected" : !run ? "connecting" : run.learning ? "learning" : run.problem ? "stopped" : "paused";
  }

  function takeProgress(fresh) {
    progress = fresh;
    show("perplexity").textContent = fresh.loss === null ? "–" : figures(Math.exp(fresh.loss));
    show("epoch").textContent = fresh.epoch.toFixed(2);
    show("tick").textContent = fresh.tick.toLocaleString("en");
    if (fresh.per_tick !== null) show("per-tick").textContent = duration(fresh.per_tick);
    if (fresh.letters_per_second) show("speed").textContent = fresh.letters_per_second.toLocaleString("en");
    show("clipped-meter").value = fresh.clipped || 0;
    show("clipped").textContent = fresh.clipped === null ? "–" : `${(100 * fresh.clipped).toFixed(fresh.clipped < 0.1 ? 2 : 0)} %`;
    show("norm").textContent = fresh.norm === null ? "–" : figures(fresh.norm);
  }

  function takeSamples(samples) {
    const argmax = show("argmax");
    argmax.textContent = samples.argmax[0];
    argmax.className = samples.argmax[1] ? "known" : "";
    show("five").replaceChildren(...samples.five.map(sample));
    show("beside").replaceChildren(
      ...samples.beside.map(([temperature, written]) => {
        const list = document.createElement("ul");
        list.append(...written.map(sample));
        const column = document.createElement("div");
        column.append(element("h3", `temperature ${plain(temperature)}`), list);
        return column;
      }),
    );
    takeGates(samples.saturation);
    if (inside) colour();
    expect();
  }

  function sample([text, known]) {
    const item = element("li", text || "\u00a0");
    if (known) item.className = "known";
    return item;
  }

  function takeGates(gates) {
    show("gates").replaceChildren(
      ...gates.map(({ layer, gate, low, high }) => {
        const row = document.createElement("tr");
        const bar = document.createElement("div");
        for (const share of [low, high]) {
          const part = document.createElement("i");
          part.style.width = `${100 * share}%`;
          bar.append(part);
        }
        const shares = element("td");
        shares.className = "shares";
        shares.append(bar);
        const name = element("th", `layer ${layer}, ${gate}`);
        name.scope = "row";
        row.append(name, element("td", percent(low)), shares, element("td", percent(high)));
        return row;
      }),
    );
  }

  // ---- the perplexity curve

  function drawSoon() {
    if (!drawing) drawing = requestAnimationFrame(draw);
  }

  function draw() {
    drawing = 0;
    const canvas = show("graph");
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const style = getComputedStyle(root);
    const ink = (name) => style.getPropertyValue(name).trim();
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    const points = curves.curve.filter(([, y]) => y !== null);
    const held = curves.validation.filter(([, y]) => y !== null);
    if (!points.length) return;
    const smooth = smoothed(points, Number(range("smoothing").value));
    const values = [...points, ...held].map(([, y]) => y).sort((a, b) => a - b);
    const low = Math.max(0, values[0] - 0.05);
    const high = Math.max(values[Math.floor(0.995 * (values.length - 1))] + 0.1, low + 0.2);
    const last = Math.max(points[points.length - 1][0], 1);
    const [left, right, top, bottom] = [44, 8, 8, 22];
    const X = (x) => left + ((width - left - right) * x) / last;
    const Y = (y) => top + (height - top - bottom) * (1 - (Math.min(y, high) - low) / (high - low));

    pen.strokeStyle = ink("--line");
    pen.fillStyle = ink("--soft");
    pen.lineWidth = 1;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const mark of marks(low, high)) {
      pen.beginPath();
      pen.moveTo(left, Y(Math.log(mark)));
      pen.lineTo(width - right, Y(Math.log(mark)));
      pen.stroke();
      pen.fillText(plain(mark), left - 6, Y(Math.log(mark)));
    }
    pen.textBaseline = "top";
    for (const x of steps(last, width < 500 ? 3 : 6)) {
      pen.textAlign = x === 0 ? "left" : X(x) > width - 40 ? "right" : "center";
      pen.fillText(x >= 1e6 ? `${plain(x / 1e6)} M` : x.toLocaleString("en"), X(x), height - bottom + 6);
    }
    const trace = (list, colour, thickness, alpha, dash = []) => {
      pen.strokeStyle = colour;
      pen.lineWidth = thickness;
      pen.globalAlpha = alpha;
      pen.setLineDash(dash);
      pen.beginPath();
      list.forEach(([x, y], k) => (k ? pen.lineTo(X(x), Y(y)) : pen.moveTo(X(x), Y(y))));
      pen.stroke();
      pen.globalAlpha = 1;
      pen.setLineDash([]);
    };
    pen.lineJoin = "round";
    trace(points, ink("--accent"), 1, 0.35);
    trace(smooth, ink("--accent"), 2, 1);
    if (held.length) trace(held, `rgb(${ink("--red")})`, 2, 1, [6, 4]);
    const now = Math.exp(points[points.length - 1][1]);
    const heldNow = held.length ? `, validation ${figures(Math.exp(held[held.length - 1][1]))}` : "";
    canvas.setAttribute("aria-label", `perplexity: ${figures(Math.exp(points[0][1]))} at first, ${figures(now)} now${heldNow}`);
  }

  // ---- looking inside, writing with it

  let colouring = false;
  async function colour() {
    if (colouring) return;
    colouring = true;
    try {
      const values = { tap: range("tap").value, unit: Math.round(Number(range("unit").value)) || 0, text: range("coloured-text").value };
      const [found] = await line.do("colour", values);
      const select = range("tap");
      const names = Object.keys(found.taps);
      if ([...select.options].map((option) => option.value).join() !== names.join()) {
        select.replaceChildren(...names.map((name) => new Option(tapName(name), name)));
      }
      select.value = found.tap;
      range("unit").max = found.taps[found.tap] - 1;
      if (document.activeElement !== range("unit")) range("unit").value = found.unit;
      const [low, high, made] = found.scale;
      show("scale").textContent = `of ${found.taps[found.tap]}; ${made ? made + ": " : ""}${low < 0 ? "red −1, blue 1" : `white 0, blue ${plain(high)}`}`;
      show("coloured").replaceChildren(
        ...found.letters.map(([letter, shade], k) => {
          const span = element("span", letter === "\n" ? "↵\n" : letter);
          span.style.background = `rgba(var(--${shade < 0 ? "red" : "blue"}), ${Math.abs(shade) * 0.75})`;
          span.title = `${JSON.stringify(letter)}: ${found.values[k]}`;
          return span;
        }),
      );
    } catch (error) {
      show("coloured").textContent = error.message;
    } finally {
      colouring = false;
    }
  }

  let expecting = false, again = false;
  async function expect() {
    if (expecting) return (again = true);
    expecting = true;
    try {
      const [found] = await line.do("expect", { prompt: box("prompt").value });
      show("guesses").replaceChildren(
        ...found.guesses.map(([letter, p]) => {
          const item = document.createElement("li");
          const bar = document.createElement("span");
          bar.className = "bar";
          bar.style.width = `${100 * p}%`;
          item.append(element("b", visible(letter)), bar, element("span", percent(p)));
          return item;
        }),
      );
    } catch (error) {
      show("guesses").replaceChildren(element("li", error.message));
    } finally {
      expecting = false;
      if (again) {
        again = false;
        expect();
      }
    }
  }

  async function goOn() {
    const prompt = box("prompt").value;
    const done = await act("continue", { prompt, temperature: Number(range("temperature").value), letters: run && run.settings.kind === "text" ? 400 : 200 });
    if (!done) return;
    const place = show("continued");
    place.hidden = false;
    place.replaceChildren(element("strong", prompt), done[0].text);
  }

  async function picture() {
    const done = await act("picture");
    if (!done) return;
    const image = new Image();
    const before = show("picture").querySelector("img");
    if (before) URL.revokeObjectURL(before.src);
    image.src = URL.createObjectURL(new Blob([done[0].svg], { type: "image/svg+xml" }));
    image.alt = "the expression graph of one tick: weights and states flow through operations to the cost of the next letter";
    show("picture").replaceChildren(image);
    show("picture").hidden = false;
  }

  // ---- what the user does

  const kind = () => find('[name="kind"]:checked').value;
  const settings = () => Object.fromEntries(SETTINGS.map((name) => [name, holds(name)]));

  function only() {
    for (const part of root.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== kind();
  }

  async function learn() {
    const values = { settings: settings() };
    settle();
    if (!(run && run.file)) {
      values.text = box("text").value;
      const bytes = new Blob([values.text]).size;
      if (bytes > LARGEST) return complain(tooLarge(bytes));
    } else if (kind() === "sentences") {
      values.settings.kind = "sentences";
    }
    await act("learn", values);
  }

  async function open(file) {
    if (!file) return;
    if (file.size > LARGEST) return complain(tooLarge(file.size));
    const values = { name: file.name };
    if (!/\.(json|safetensors)$/.test(file.name)) {
      const chosen = settings();
      // what fits sentences fits no book
      values.settings = kind() === "text" ? chosen : { ...chosen, ...TYPICAL.text, kind: "text" };
    }
    settle();
    await act("open", values, await file.arrayBuffer());
  }

  async function download() {
    const done = await act("download");
    if (!done) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([done[1]]));
    link.download = done[0].name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  const actions = {
    learn,
    toggle: () => act(run && run.learning ? "pause" : "resume"),
    "forget-file": () => {
      for (const [name, text] of Object.entries({ ...TYPICAL.sentences, kind: "sentences", hidden_sizes: "40,40" })) set(name, text);
      settle();
      act("learn", { settings: settings(), text: sentences });
    },
    recurrentjs: () => {
      for (const [name, text] of Object.entries({ ...RECURRENTJS, kind: "sentences" })) set(name, text);
      only();
      learn();
    },
    pretrained: () => {
      settle();
      act("pretrained");
    },
    download,
    save: async () => {
      const done = await act("save");
      if (done) box("json").value = done[0].json;
    },
    load: () => {
      const bytes = new Blob([box("json").value]).size;
      if (bytes > LARGEST) return complain(tooLarge(bytes));
      settle();
      return act("load", { json: box("json").value });
    },
    continue: goOn,
    picture,
  };

  function change(values) {
    for (const name of Object.keys(values)) if (name in shown) shown[name] = holds(name);
    if ("learning_rate" in values && document.activeElement !== range("learning_rate")) slide(values.learning_rate);
    return act("change", values);
  }
  const later = {};
  function soon(name, action) {
    clearTimeout(later[name]);
    later[name] = setTimeout(action, 60);
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button) actions[button.dataset.do]();
  });
  root.addEventListener("input", (event) => {
    const name = event.target.dataset.range || event.target.name;
    if (event.target === range("learning_rate")) {
      box("learning_rate").value = plain(Number((10 ** Number(event.target.value)).toPrecision(2)));
      soon(name, () => change({ learning_rate: box("learning_rate").value }));
    } else if (name === "temperature") {
      show("temperature").textContent = plain(Number(event.target.value));
      soon(name, () => change({ temperature: Number(event.target.value) }));
    } else if (name === "smoothing") {
      drawSoon();
    } else if (name === "prompt") {
      soon(name, expect);
    } else if (["tap", "unit", "coloured-text"].includes(name)) {
      soon("colour", colour);
    }
  });
  root.addEventListener("change", (event) => {
    const name = event.target.name;
    if (SLIDERS.includes(name)) change({ [name]: event.target.value });
    if (name === "kind") {
      for (const [other, text] of Object.entries(TYPICAL[kind()])) set(other, text);
      only();
    }
    if (event.target.dataset.do === "open") {
      open(event.target.files[0]);
      event.target.value = "";
    }
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (event.target.name === "prompt") goOn();
    else if (SLIDERS.includes(event.target.name)) change({ [event.target.name]: event.target.value });
    else if (SETTINGS.includes(event.target.name)) learn();
  });

  // ---- day and night, what is in sight, and the line

  const night = matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    const theme = document.body.dataset.jpThemeLight; // JupyterLab's
    root.classList.toggle("dark", theme ? theme === "false" : night.matches);
    drawSoon();
  }
  night.addEventListener("change", paint);
  paint();
  const sight = new IntersectionObserver(([entry]) => {
    inside = entry.isIntersecting;
    if (inside && run) colour();
  });
  sight.observe(find('[data-lazy="inside"]'));
  const size = new ResizeObserver(drawSoon);
  size.observe(show("graph"));
  const end = line.listen(take, (is) => {
    connected = is === true;
    state();
    if (typeof is === "string") complain(is);
  });
  return () => {
    end();
    sight.disconnect();
    size.disconnect();
    night.removeEventListener("change", paint);
  };
}

// ---- small things

const element = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });
const plain = (x) => String(Number(x.toPrecision(6)));
const figures = (x) => (x >= 1e5 ? x.toExponential(1) : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));
const percent = (p) => (p > 0 && p < 0.01 ? "<1 %" : `${(100 * p).toFixed(0)} %`);
const duration = (s) => (s < 1e-3 ? `${(1e6 * s).toFixed(0)} µs` : s < 1 ? `${(1e3 * s).toPrecision(3)} ms` : `${s.toFixed(1)} s`);
const visible = (letter) => ({ "": "end", " ": "space", "\n": "line", "\t": "tab", "\r": "return" })[letter] ?? letter;
const tooLarge = (bytes) => `${Math.ceil(bytes / 1e6)} MB are too many: the page takes ${LARGEST >> 20} MB at most`;

function tapName(tap) {
  const names = { h: "output", c: "cell", i: "input gate", f: "forget gate", o: "output gate", g: "candidate", r: "reset gate", z: "update gate", n: "candidate" };
  return `layer ${Number(tap.slice(1)) + 1}, ${names[tap[0]]}`;
}

// perplexities for lines across: 1, 1.2, 1.5, 2, 3, 5 and their decades, as many as fit
function marks(low, high) {
  const all = [];
  for (let decade = 1; decade < 1e9; decade *= 10) for (const m of decade === 1 ? [1, 1.05, 1.1, 1.2, 1.5, 2, 3, 5] : [1, 1.5, 2, 3, 5, 7]) all.push(m * decade);
  const fit = all.filter((m) => Math.log(m) >= low && Math.log(m) <= high);
  const least = (high - low) / 9;
  return fit.filter((m, k) => k === 0 || Math.log(m / fit[k - 1]) > least || m === 2 || m === 1);
}

function steps(last, most) {
  const rough = last / most;
  const unit = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = unit * ([1, 2, 5, 10].find((m) => m * unit >= rough) ?? 10);
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, k) => k * step);
}

// an exponential mean whose start is put right
function smoothed(points, share) {
  let mean = 0, weight = 0;
  return points.map(([x, y]) => {
    mean = share * mean + (1 - share) * y;
    weight = share * weight + (1 - share);
    return [x, mean / weight];
  });
}

// ---- the line to a server

function web() {
  return {
    async do(name, values, file) {
      const query = file ? `?arguments=${encodeURIComponent(JSON.stringify(values))}` : "";
      const type = file ? "application/octet-stream" : "application/json";
      let answer;
      try {
        answer = await fetch(`/do/${name}${query}`, { method: "POST", headers: { "Content-Type": type }, body: file || JSON.stringify(values) });
      } catch {
        throw new Error("the program does not answer: is it still running?");
      }
      if (answer.ok && answer.headers.get("Content-Type") !== "application/json") {
        return [JSON.parse(answer.headers.get("X-Reply")), await answer.arrayBuffer()];
      }
      const reply = await answer.json();
      if (!answer.ok) throw new Error(reply.error);
      return [reply, null];
    },
    listen(take, state) {
      const source = new EventSource("/events");
      source.onopen = () => state(true);
      source.onmessage = (event) => take(JSON.parse(event.data));
      source.onerror = () => state(source.readyState === EventSource.CLOSED ? "the run has ended: start it again, and open its new address" : false);
      return () => source.close();
    },
  };
}

const main = document.querySelector("body > main.recurrent-live");
if (main) {
  history.replaceState(null, "", "/"); // the token has done its work
  mount(main, web());
}

// ---- the line to a notebook's kernel, for anywidget

function kernel(model) {
  const waiting = new Map();
  let last = 0;
  const listeners = new Set();
  const hear = (message, buffers) => {
    if (message.kind === "frame") for (const take of listeners) take(message.frame);
    if (message.kind !== "reply" || !waiting.has(message.id)) return;
    const [done, failed] = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) failed(new Error(message.error));
    else done([message.reply, buffers?.length ? buffers[0] : null]);
  };
  model.on("msg:custom", hear);
  return {
    do(name, values, file) {
      const id = `${Date.now()}-${++last}-${Math.random()}`;
      return new Promise((done, failed) => {
        waiting.set(id, [done, failed]);
        model.send({ kind: "do", id, name, arguments: values }, undefined, file ? [file] : []);
      });
    },
    listen(take, state) {
      listeners.add(take);
      state(true);
      model.send({ kind: "watch", fresh: true });
      const beat = setInterval(() => model.send({ kind: "watch" }), 10_000);
      return () => {
        clearInterval(beat);
        listeners.delete(take);
        model.off("msg:custom", hear);
      };
    },
  };
}

export default {
  render({ model, el }) {
    const root = document.createElement("div");
    root.className = "recurrent-live";
    root.innerHTML = model.get("markup"); // the page's own, as it ships
    el.append(root);
    return mount(root, kernel(model));
  },
};
