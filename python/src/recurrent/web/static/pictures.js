// Views of the network's output: samples, gates, colored text, predictions, the graph.

import { element, percent, plain, visible } from "./format.js";

function sampleItem([text, memorized]) {
  const item = element("li", text || "\u00a0");
  if (memorized) item.className = "memorized";
  return item;
}

export function showSamples({ argmax, list, byTemperature }, samples) {
  argmax.textContent = samples.argmax[0];
  argmax.className = samples.argmax[1] ? "memorized" : "";
  list.replaceChildren(...samples.samples.map(sampleItem));
  byTemperature.replaceChildren(
    ...samples.by_temperature.map(([temperature, texts]) => {
      const items = document.createElement("ul");
      items.append(...texts.map(sampleItem));
      const column = document.createElement("div");
      column.append(element("h3", `temperature ${plain(temperature)}`), items);
      return column;
    }),
  );
}

// One row a gate: the fractions of closed and open values.
export function showGates(body, gates) {
  body.replaceChildren(
    ...gates.map(({ layer, gate, low, high }) => {
      const row = document.createElement("tr");
      const bar = document.createElement("div");
      for (const fraction of [low, high]) {
        const part = document.createElement("i");
        part.style.width = `${100 * fraction}%`;
        bar.append(part);
      }
      const fractions = element("td");
      fractions.className = "fractions";
      fractions.append(bar);
      const name = element("th", `layer ${layer}, ${gate}`);
      name.scope = "row";
      row.append(name, element("td", percent(low)), fractions, element("td", percent(high)));
      return row;
    }),
  );
}

// A text in which each character's background is the value of one unit.
export function showColoredText({ select, unit, scale, text }, colors) {
  const names = Object.keys(colors.activations);
  if ([...select.options].map((option) => option.value).join() !== names.join()) {
    select.replaceChildren(...names.map((name) => new Option(colors.labels[name], name)));
  }
  select.value = colors.activation;
  const units = colors.activations[colors.activation];
  unit.max = units - 1;
  if (document.activeElement !== unit) unit.value = colors.unit;
  const [low, high, transform] = colors.scale;
  scale.textContent = `of ${units}; ${transform ? transform + ": " : ""}${low < 0 ? "red −1, blue 1" : `white 0, blue ${plain(high)}`}`;
  text.replaceChildren(
    ...colors.characters.map(([character, shade], k) => {
      const span = element("span", character === "\n" ? "↵\n" : character);
      span.style.background = `rgba(var(--${shade < 0 ? "red" : "blue"}), ${Math.abs(shade) * 0.75})`;
      span.title = `${JSON.stringify(character)}: ${colors.values[k]}`;
      return span;
    }),
  );
}

// The most probable next characters, with bars.
export function showPredictions(list, predictions) {
  list.replaceChildren(
    ...predictions.map(([character, p]) => {
      const item = document.createElement("li");
      const bar = document.createElement("span");
      bar.className = "bar";
      bar.style.width = `${100 * p}%`;
      item.append(element("b", visible(character)), bar, element("span", percent(p)));
      return item;
    }),
  );
}

export function showGraph(frame, svg) {
  const image = new Image();
  const previous = frame.querySelector("img");
  if (previous) URL.revokeObjectURL(previous.src);
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  image.alt = "the expression graph of one time step: weights and states flow through operations to the loss of the next character";
  frame.replaceChildren(image);
  frame.hidden = false;
}
