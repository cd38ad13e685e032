// Trains a text model, streams text of a model that Python has trained, and reads the sentence of an error.
//
//     node stream.js model.safetensors [prompt]

"use strict";
const recurrent = require("./recurrent.node");

const [path, prompt = ""] = process.argv.slice(2);
if (!path) {
  console.error("usage: stream.js model.safetensors [prompt]");
  process.exit(2);
}

function* parts(model, settings, prompt, seed) {
  const generator = recurrent.createGenerator(model, JSON.stringify(settings), prompt, seed);
  for (let part; (part = recurrent.next(generator)) !== null; ) yield part;
}

const text = "hello help";
const model = recurrent.createTextModel(JSON.stringify({ cell: "lstm", hidden_sizes: [20] }), text, 7);
recurrent.setOptimizer(model, JSON.stringify({ name: "adam" }));
const tokens = recurrent.encode(model, text);
let loss;
for (let step = 0; step < 100; step++) loss = recurrent.train(model, tokens, 0.01);
console.log(`loss ${loss.toFixed(6)}`);

process.stdout.write(prompt);
for (const part of parts(recurrent.load(path), { temperature: 0.8, max_tokens: 120 }, prompt, 7)) {
  process.stdout.write(part);
}
console.log();

try {
  recurrent.encode(model, "hexagon");
} catch (error) {
  console.log(`status ${error.code}: ${error.message}`);
}
