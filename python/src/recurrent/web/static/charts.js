// The perplexity chart, on a canvas with titled axes, the vertical one logarithmic.

import { plain, threeDigits } from "./format.js";

// Draws the training curve, its smoothed version and the validation curve; points are [step, nats].
export function drawChart(canvas, root, curves, smoothing) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const style = getComputedStyle(root);
  const color = (name) => style.getPropertyValue(name).trim();
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  const points = curves.curve.filter(([, y]) => y !== null);
  const validation = curves.validation.filter(([, y]) => y !== null);
  if (!points.length) return;
  const values = [...points, ...validation].map(([, y]) => y).sort((a, b) => a - b);
  const low = Math.max(0, values[0] - 0.05);
  const high = Math.max(values[Math.floor(0.995 * (values.length - 1))] + 0.1, low + 0.2);
  const last = Math.max(points[points.length - 1][0], 1);
  const [left, right, top, bottom] = [62, 8, 8, 40];
  const X = (x) => left + ((width - left - right) * x) / last;
  const Y = (y) => top + (height - top - bottom) * (1 - (Math.min(y, high) - low) / (high - low));

  pen.strokeStyle = color("--line");
  pen.fillStyle = color("--soft");
  pen.lineWidth = 1;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const perplexity of perplexityTicks(low, high)) {
    pen.beginPath();
    pen.moveTo(left, Y(Math.log(perplexity)));
    pen.lineTo(width - right, Y(Math.log(perplexity)));
    pen.stroke();
    pen.fillText(plain(perplexity), left - 6, Y(Math.log(perplexity)));
  }
  pen.save();
  pen.translate(10, top + (height - top - bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText("perplexity", 0, 0);
  pen.restore();
  pen.textBaseline = "top";
  pen.textAlign = "center";
  pen.fillText("step", left + (width - left - right) / 2, height - 14);
  for (const x of stepTicks(last, width < 500 ? 3 : 6)) {
    pen.textAlign = x === 0 ? "left" : X(x) > width - 40 ? "right" : "center";
    pen.fillText(x >= 1e6 ? `${plain(x / 1e6)} M` : x.toLocaleString("en"), X(x), height - bottom + 6);
  }
  const trace = (list, stroke, thickness, alpha, dash = []) => {
    pen.strokeStyle = stroke;
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
  trace(points, color("--accent"), 1, 0.35);
  trace(movingAverage(points, smoothing), color("--accent"), 2, 1);
  if (validation.length) trace(validation, `rgb(${color("--red")})`, 2, 1, [6, 4]);
  const perplexityOf = (list, k) => threeDigits(Math.exp(list[k][1]));
  const held = validation.length ? `, validation ${perplexityOf(validation, validation.length - 1)}` : "";
  canvas.setAttribute("aria-label", `perplexity: ${perplexityOf(points, 0)} at first, ${perplexityOf(points, points.length - 1)} now${held}`);
}

// Perplexities for the horizontal lines: 1, 1.2, 1.5, 2, 3, 5 and their decades, at most about nine.
function perplexityTicks(low, high) {
  const all = [];
  for (let decade = 1; decade < 1e9; decade *= 10) for (const m of decade === 1 ? [1, 1.05, 1.1, 1.2, 1.5, 2, 3, 5] : [1, 1.5, 2, 3, 5, 7]) all.push(m * decade);
  const inRange = all.filter((m) => Math.log(m) >= low && Math.log(m) <= high);
  const minimumGap = (high - low) / 9;
  return inRange.filter((m, k) => k === 0 || Math.log(m / inRange[k - 1]) > minimumGap || m === 2 || m === 1);
}

function stepTicks(last, count) {
  const rough = last / count;
  const unit = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = unit * ([1, 2, 5, 10].find((m) => m * unit >= rough) ?? 10);
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, k) => k * step);
}

// An exponential moving average with bias correction.
function movingAverage(points, decay) {
  let mean = 0, weight = 0;
  return points.map(([x, y]) => {
    mean = decay * mean + (1 - decay) * y;
    weight = decay * weight + (1 - decay);
    return [x, mean / weight];
  });
}
