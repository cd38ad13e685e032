// Times RecurrentJS's demo: node recurrentjs.js PATH/recurrent.js, driven by lines of JSON on standard input.
//
//   {"hidden": [20, 20], "letters": 40, "letterSize": 5, "x": [...], "targets": [...], "weights": {"Wix0": [...], ...}}
//       answers {"loss": mean, "gradients": {"Wix0": [...], ...}}, at these weights (rows one after the other)
//   {"ticks": n}
//       does n ticks (forward, backward, solver) and answers {"wall": seconds, "cpu": seconds}
'use strict';

const fs = require('fs');
const readline = require('readline');

// the file declares `var R = {}` and exports nothing
const R = new Function(fs.readFileSync(process.argv[2], 'utf8') + '\nreturn R;')();

let model, solver, task;

/** The cost of the whole sentence and the graph for its backward pass, as in the demo's costfun. */
function cost() {
  const G = new R.Graph();
  let prev = {}, total = 0;
  for (let t = 0; t < task.x.length; t++) {
    const letter = G.rowPluck(model['Wil'], task.x[t]);
    const out = R.forwardLSTM(G, model, task.hidden, letter, prev);
    const probs = R.softmax(out.o), target = task.targets[t];
    total += -Math.log(probs.w[target]);
    out.o.dw = probs.w;
    out.o.dw[target] -= 1;
    prev = out;
  }
  return {G, total};
}

function prepare(message) {
  task = message;
  model = R.initLSTM(task.letterSize, task.hidden, task.letters);
  model['Wil'] = new R.RandMat(task.letters, task.letterSize, 0, 0.08);
  solver = new R.Solver();
  for (const name in model) model[name].w.set(task.weights[name]);
  const {G, total} = cost();
  G.backward();
  const gradients = {};
  for (const name in model) {
    gradients[name] = Array.from(model[name].dw, (g) => g / task.x.length);
    model[name].dw.fill(0);
  }
  return {loss: total / task.x.length, gradients};
}

function ticks(count) {
  const start = process.hrtime.bigint(), used = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    cost().G.backward();
    solver.step(model, 1e-6, 0, 5.0);
  }
  const wall = Number(process.hrtime.bigint() - start) / 1e9, {user, system} = process.cpuUsage(used);
  return {wall, cpu: (user + system) / 1e6};
}

readline.createInterface({input: process.stdin}).on('line', (line) => {
  const message = JSON.parse(line);
  const answer = message.ticks ? ticks(message.ticks) : prepare(message);
  process.stdout.write(JSON.stringify(answer) + '\n');
});
