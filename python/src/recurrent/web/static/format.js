// Formats of numbers and characters, and a constructor of elements.

export const element = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });

export const plain = (x) => String(Number(x.toPrecision(6)));

export const threeDigits = (x) => (x >= 1e5 ? x.toExponential(1) : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));

export const percent = (p) => (p > 0 && p < 0.01 ? "<1 %" : `${(100 * p).toFixed(0)} %`);

export const duration = (s) => (s < 1e-3 ? `${(1e6 * s).toFixed(0)} µs` : s < 1 ? `${(1e3 * s).toPrecision(3)} ms` : `${s.toFixed(1)} s`);

// a name for a character without a visible form
export const visible = (character) => ({ "": "end", " ": "space", "\n": "line", "\t": "tab", "\r": "return" })[character] ?? character;
