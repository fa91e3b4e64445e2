// "Train it here": a perceptron learns the bundled digits in a worker, one epoch at a time, and each epoch is shown.

const EPOCH_MILLISECONDS = 120, CALM_MILLISECONDS = 1000, LAST_EPOCH = 300, UNITS_SHOWN = 64, WAYS = {
  study: { hidden: 64, rate: 2, batch: 256, momentum: 0, spread: 0.1, images: 1077 },
  overfit: { hidden: 64, rate: 1, batch: 32, momentum: 0.9, spread: 0.1, images: 200 },
  diverge: { hidden: 64, rate: 60, batch: 32, momentum: 0.9, spread: 0.1, images: 1077 },
};

// The lower end of the axis of errors, less than one image of all: where there is no error, the line lies on it.
const FEWEST = 0.0005;

// Images 0..1 and labels of the two parts, from what Python packed (pages/playground.py).
async function unpackDigits({ side, train, validation, pixels }) {
  const packed = Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = side * side, count = planes.length / length;
  const levels = Array.from({ length: count }, (_, i) =>
    Uint8Array.from({ length }, (_, place) => Math.round((planes[place * count + i] * 255) / 16)));
  let first = 0;
  const part = (counts) => {
    const labels = counts.flatMap((n, k) => new Array(n).fill(k)), own = levels.slice(first, first + labels.length);
    first += labels.length;
    return { labels, levels: own, images: own.map((each) => Float64Array.from(each, (level) => level / 255)) };
  };
  return { side, train: part(train), validation: part(validation) };
}

// The 95% interval of a fraction (Wilson, 1927).
function wilson(p, n) {
  const z = 1.959964, centre = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

const SLIGHT = 0.01; // a smaller gap than this is called none, as in the report

// What is seen, in a sentence.
function whatIsSeen(history) {
  const { epoch, train, validation } = history[history.length - 1], chance = Math.log(10);
  if (!epoch) return "Not trained yet: the weights are random, and so are the answers.";
  if (!Number.isFinite(train.loss)) return `Epoch ${epoch}: the loss is no finite number any more. It diverges: the learning rate is too high.`;
  const of = ({ accuracy, n }) => `${(100 * accuracy).toFixed(n < 1000 && accuracy === 1 ? 0 : 1)}%`;
  const [low, high] = wilson(validation.accuracy, validation.n);
  const interval = `${validation.n} images, 95% interval ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}%`;
  const figures = `training ${of(train)} (${train.n} images), validation ${of(validation)} (${interval})`;
  if (train.loss > chance && train.loss > history[0].train.loss) {
    return `Epoch ${epoch}: the training loss is ${train.loss.toFixed(1)}, more than at the start and than that of equal probabilities, ${chance.toFixed(2)}. It diverges: the learning rate is too high; ${figures}.`;
  }
  if (train.accuracy - high <= SLIGHT) return `Epoch ${epoch}: ${figures}: no overfitting is shown.`;
  const lowest = history.reduce((best, each) => (each.validation.loss < best.validation.loss ? each : best));
  const rise = validation.loss / lowest.validation.loss - 1;
  const turned = rise > 0.05 ? ` The validation loss was lowest at epoch ${lowest.epoch}, and is ${Math.round(100 * rise)}% higher now.` : "";
  return `Epoch ${epoch}: ${figures}: it overfits.${turned}`;
}

async function trainHere(mount, packed) {
  const digits = await unpackDigits(packed), find = (name) => mount.querySelector(`[data-part="${name}"]`);
  const source = `"use strict";(${trainingWork})(self, (${perceptronEquations})());`;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let worker = null, history = [], running = false, waiting = null, timer = null, shownAt = 0;

  const settings = () => {
    const values = { classes: 10 };
    for (const input of mount.querySelectorAll("[data-setting]")) {
      const low = Number(input.min), high = Number(input.max), found = input.valueAsNumber;
      const value = Number.isFinite(found) ? Math.min(high, Math.max(low, found)) : Number(input.defaultValue);
      input.value = values[input.dataset.setting] = input.step === "1" ? Math.round(value) : value;
    }
    return values;
  };

  function show() {
    const { epoch, validation, network } = history[history.length - 1], { side } = digits;
    find("seen").textContent = whatIsSeen(history);
    const last = Math.max(10, epoch);
    const line = (part, of) => ({
      name: part === "train" ? "training" : "validation", kind: part,
      points: history.map((each) => [each.epoch, of(each[part])]),
    });
    const errors = (each) => Math.max(FEWEST, 1 - each.accuracy), losses = (each) => each.loss;
    const largest = Math.max(3, ...history.flatMap(({ train, validation: v }) => [train.loss, v.loss]).filter(Number.isFinite));
    const x = { label: "epochs", from: 0, to: last };
    drawChart(find("errors"), {
      lines: [line("train", errors), line("validation", errors)], x,
      y: { label: "images misclassified", from: FEWEST, to: 1, log: true, ticks: [[1, "100%"], [0.1, "10%"], [0.01, "1%"], [FEWEST, "0"]] },
    });
    const smallest = Math.min(0.1, ...history.map(({ train }) => train.loss).filter((loss) => loss > 0));
    const from = Math.max(1e-6, 10 ** Math.floor(Math.log10(smallest))), decades = [];
    for (let tick = from; tick <= largest * 1.2; tick *= 10) decades.push([tick, String(Number(tick.toPrecision(1)))]);
    drawChart(find("losses"), {
      lines: [line("train", losses), line("validation", losses)], x,
      y: { label: "loss (cross-entropy, nats)", from, to: largest * 1.2, log: true, ticks: decades },
    });
    showUnits(network, side);
    validation.answers.forEach(([label, p], i) => {
      const figure = examples.get(i);
      if (!figure) return;
      const right = label === digits.validation.labels[i];
      figure.lastChild.textContent = `${right ? "" : "wrong: "}${label}, ${percent(p)}`;
      figure.classList.toggle("wrong", !right);
    });
  }

  // All first-layer weights with one limit, each unit in the shape of the image.
  function showUnits({ W1, hidden }, side) {
    const units = Math.min(hidden, UNITS_SHOWN), holder = find("units"), limit = W1.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
    if (holder.childElementCount !== units) holder.replaceChildren(...Array.from({ length: units }, () => make("canvas")));
    [...holder.children].forEach((canvas, h) => paint(canvas, side, side, (i) => colourOf(W1[i * hidden + h], limit)));
    holder.setAttribute("aria-label", `Weights of ${units} of ${hidden} hidden units, as pictures of ${side}x${side} pixels`);
    find("limit").textContent = `Red: positive, blue: negative weights, strongest at ±${limit.toPrecision(2)}.`;
  }

  function stop() {
    running = false;
    clearTimeout(timer);
    find("start").textContent = "Start";
    find("seen").setAttribute("aria-live", "polite"); // not while epochs follow each other
  }

  const request = () => new Promise((done) => {
    waiting = done;
    worker.postMessage({ settings: settings() });
  });

  // An epoch, unless one is under way; resolves with its figures.
  async function step() {
    if (waiting) return;
    await request();
    if (history[history.length - 1].epoch >= LAST_EPOCH || !Number.isFinite(history[history.length - 1].train.loss)) stop();
    if (running) timer = setTimeout(step, Math.max(0, (calm.matches ? CALM_MILLISECONDS : EPOCH_MILLISECONDS) - (performance.now() - shownAt)));
  }

  function reset() {
    stop();
    worker?.terminate();
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(address);
    URL.revokeObjectURL(address);
    history = [];
    const begun = new Promise((done) => (waiting = done));
    worker.addEventListener("message", ({ data }) => {
      history.push(data);
      shownAt = performance.now();
      show();
      const done = waiting;
      waiting = null;
      done?.();
    });
    worker.addEventListener("error", () => {
      stop();
      find("seen").textContent = "This browser runs no worker in this page: nothing can be trained here.";
    });
    const { labels, images } = digits.train;
    worker.postMessage({ settings: settings(), train: { labels, images }, validation: { labels: digits.validation.labels, images: digits.validation.images } });
    return begun;
  }

  const examples = new Map();
  for (let k = 0; k < 10; k++) {
    const place = digits.validation.labels.indexOf(k), figure = make("li"), picture = make("canvas", { "aria-hidden": "true" });
    paint(picture, digits.side, digits.side, (i) => new Array(3).fill(digits.validation.levels[place][i]));
    figure.append(picture, make("span", {}, `a ${k}`), make("strong"));
    find("examples").append(figure);
    examples.set(place, figure);
  }
  find("start").addEventListener("click", () => {
    if (running) return stop();
    running = true;
    find("start").textContent = "Pause";
    find("seen").setAttribute("aria-live", "off");
    step();
  });
  find("epoch").addEventListener("click", () => {
    stop();
    step();
  });
  find("reset").addEventListener("click", reset);
  for (const input of mount.querySelectorAll("[data-setting]")) {
    input.addEventListener("change", () => {
      settings();
      if (!["rate", "momentum", "batch"].includes(input.dataset.setting)) reset();
    });
  }
  for (const button of mount.querySelectorAll("[data-way]")) {
    button.addEventListener("click", () => {
      for (const [name, value] of Object.entries(WAYS[button.dataset.way])) mount.querySelector(`[data-setting="${name}"]`).value = value;
      reset().then(() => find("start").click());
    });
  }
  new ResizeObserver(() => history.length && show()).observe(find("losses").parentElement);
  await reset();
  return Object.freeze({ digits, reset, step, history: () => history });
}
