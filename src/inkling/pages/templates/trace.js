// "Trace one step": one image through a perceptron, forward and backward, every array as a picture and as numbers.

const TABLE_CELLS = 1024, CURVE_POINTS = 41, CURVE_REACH = 3;

const short = (value) => {
  if (value === 0) return "0";
  const size = Math.abs(value), text = size >= 1e-3 && size < 1e4 ? value.toFixed(size < 10 ? 4 : 2) : value.toExponential(1);
  return text.replace("-", "−");
};

// `perceptron`: {network (of perceptronEquations), scale: of a pixel, shape: [height, width], names: of the classes,
// examples: [{name, pixels, label}]}. The panel changes a copy of the network.
function traceOneStep(mount, { network: original, scale, shape: [height, width], names, examples }) {
  const equations = perceptronEquations(), { inputs: D, hidden: H, classes: K } = original;
  const find = (name) => mount.querySelector(`[data-part="${name}"]`), cards = [...mount.querySelectorAll("[data-array]")];
  const copy = () => ({ ...original, ...Object.fromEntries(["W1", "b1", "W2", "b2"].map((name) => [name, original[name].slice()])) });
  let network = copy(), given = null, drawn = null, values = null, losses = [];

  const chosen = (name) => Number(find(name).value);
  const label = () => chosen("target"), rate = () => find("rate").valueAsNumber || 0;

  // --- what each array looks like: rows x columns of numbers, and a word on what is seen ---------------------------

  function view(name) {
    const h = chosen("unit"), k = chosen("class"), j = equations.jacobians(network, values)[name];
    const array = values[name] ?? network[name], image = { rows: height, columns: width };
    const unit = `unit ${h}`, ofClass = `class ${names[k]}`, perClass = { rows: K, columns: H };
    if (name === "x") return { ...image, entry: (y, x) => array[y * width + x], range: "unit" };
    if (/W1$/.test(name) && !j) {
      return { ...image, entry: (y, x) => array[(y * width + x) * H + h], note: `Shown: the ${D} numbers of ${unit}, in the shape of the image.` };
    }
    if (name === "da1_dW1") {
      return { ...image, entry: (y, x) => j.entry(h, y * width + x, h), note: `Shown: output and column of ${unit}. In the columns of other units all are 0.` };
    }
    if (/W2$/.test(name) && !j) return { ...perClass, entry: (row, column) => array[column * K + row], note: "One row a class, one column a unit." };
    if (name === "da2_dW2") return { ...perClass, entry: (row, column) => j.entry(k, column, row), note: `Shown: output of ${ofClass}; one row a class, one column a unit.` };
    if (name === "da2_df1") return { ...perClass, entry: j.entry, note: "One row a class, one column a unit." };
    if (j) return { rows: j.shape[0], columns: j.shape[1], entry: j.entry, diagonal: true };
    const own = array.length === H ? `${unit}: ${short(array[h])}` : `${ofClass}: ${short(array[k])}`;
    return { rows: 1, columns: array.length, entry: (_, i) => array[i], note: `${own[0].toUpperCase()}${own.slice(1)}.`, range: ["f1", "y_hat"].includes(name) ? "unit" : null };
  }

  function fillCard(card) {
    const name = card.dataset.array, canvas = card.querySelector("canvas"), details = card.querySelector("details");
    if (!canvas) {
      card.querySelector(".number").textContent = short(values.loss);
      return;
    }
    const { rows, columns, entry, note = "", range, diagonal } = view(name);
    let low = Infinity, high = -Infinity;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        low = Math.min(low, entry(y, x));
        high = Math.max(high, entry(y, x));
      }
    }
    const limit = Math.max(-low, high) || 1;
    paint(canvas, columns, rows, (i) => {
      const value = entry(Math.floor(i / columns), i % columns);
      return range ? new Array(3).fill(255 * value) : colourOf(value, limit);
    });
    const between = low === high ? `All are ${short(low)}.` : `From ${short(low)} to ${short(high)}.`;
    card.querySelector(".note").textContent = `${note} ${between}`.trim();
    canvas.setAttribute("aria-label", `${name} as a picture of ${columns}x${rows} numbers: ${between}`);
    if (details.open) fillTable(details.querySelector("table"), { rows, columns, entry, diagonal });
  }

  function fillTable(table, { rows, columns, entry, diagonal }) {
    const line = (cells) => {
      const row = make("tr");
      row.append(...cells.map((cell) => make("td", {}, cell)));
      return row;
    };
    if (rows === columns && diagonal && rows * columns > TABLE_CELLS) {
      const along = Array.from({ length: rows }, (_, i) => short(entry(i, i)));
      return table.replaceChildren(make("caption", {}, "The diagonal; all other numbers are 0."), line(along));
    }
    // One row of many numbers is broken into rows of ten.
    const wide = rows === 1 ? 10 : columns, all = rows * columns;
    table.replaceChildren(...Array.from({ length: Math.ceil(all / wide) }, (_, y) =>
      line(Array.from({ length: Math.min(wide, all - y * wide) }, (_, x) => {
        const place = y * wide + x;
        return short(entry(Math.floor(place / columns), place % columns));
      }))));
  }

  // --- one weight ----------------------------------------------------------------------------------------------

  // Where the chosen weight is: [array, place in it, what it is].
  function weight() {
    const name = find("array").value, h = chosen("unit"), k = chosen("class");
    const row = Math.min(height - 1, Math.max(0, chosen("row"))), column = Math.min(width - 1, Math.max(0, chosen("column")));
    if (name === "W1") return [name, (row * width + column) * H + h, `from pixel (${row}, ${column}) to unit ${h}`];
    if (name === "b1") return [name, h, `of unit ${h}`];
    if (name === "W2") return [name, h * K + k, `from unit ${h} to class ${names[k]}`];
    return [name, k, `of class ${names[k]}`];
  }

  const lossOf = (changed) => equations.crossEntropy(equations.forward(changed, given).a2, label());

  function showWeight() {
    const [name, place, what] = weight(), value = network[name][place];
    for (const part of ["row", "column"]) find(part).disabled = name !== "W1";
    for (const part of ["value", "slider"]) if (document.activeElement !== find(part)) find(part).value = Number(value.toFixed(4));
    const gradient = values[`dL_d${name}`][place];
    find("weight").textContent = `${name} ${what}: ${short(value)}. The loss moves by ${short(gradient)} per unit of it, the slope of the straight line.`;
    const reach = Math.max(CURVE_REACH, 1.2 * Math.abs(value)), points = [];
    for (let i = 0; i < CURVE_POINTS; i++) {
      const at = -reach + (2 * reach * i) / (CURVE_POINTS - 1);
      network[name][place] = at;
      points.push([at, lossOf(network)]);
    }
    network[name][place] = value;
    const all = points.map(([, loss]) => loss), low = Math.min(...all, values.loss), high = Math.max(...all, values.loss);
    const margin = Math.max(0.02, (high - low) * 0.15), y = { label: "loss (nats)", from: Math.max(0, low - margin), to: high + margin };
    const touching = [-0.35, 0.35].map((part) => [value + part * reach, values.loss + gradient * part * reach]);
    drawChart(find("curve"), {
      lines: [
        { name: "", points, kind: "train" },
        { name: "", points: touching, kind: "tangent" },
        { name: "", points: [[value, values.loss]], kind: "train", dot: true },
      ],
      x: { label: `value of the weight in ${name}`, from: -reach, to: reach }, y,
    });
  }

  // --- the whole -----------------------------------------------------------------------------------------------

  function show() {
    mount.classList.toggle("untraced", !given);
    if (!given) {
      find("finding").textContent = "Draw something above, or choose a digit: its numbers then appear here.";
      return;
    }
    values = equations.trace(network, given, label());
    const best = values.y_hat.indexOf(Math.max(...values.y_hat)), after = stepped();
    const next = lossOf(after), way = next < values.loss ? "down" : "up", done = losses.length - 1;
    const steps = done ? `After ${done} step${done === 1 ? "" : "s"}` : "Before any step";
    const target = best === label() ? "the target" : `the target ${names[label()]} has ${percent(values.y_hat[label()])}`;
    find("finding").textContent = `${steps}: predicted as ${names[best]} (${percent(values.y_hat[best])}), ${target}; the loss is ${short(values.loss)}. The next step takes it ${way} to ${short(next)}${way === "up" ? ": the learning rate is too high" : ""}.`;
    losses[losses.length - 1] = values.loss;
    cards.forEach(fillCard);
    showWeight();
    drawChart(find("losses"), {
      lines: [{ name: "", points: losses.map((loss, i) => [i, loss]), kind: "train", dot: true }],
      x: { label: "steps on this image", from: 0, to: Math.max(10, losses.length - 1) },
      y: { label: "loss (nats)", from: 0, to: Math.max(0.1, ...losses) * 1.1 },
    });
  }

  // w - rate dL/dw: what a step on this image makes of the network.
  function stepped() {
    const after = { ...network };
    for (const name of ["W1", "b1", "W2", "b2"]) after[name] = network[name].map((w, i) => w - rate() * values[`dL_d${name}`][i]);
    return after;
  }

  function step(times) {
    if (!given) return;
    for (let i = 0; i < times; i++) {
      network = stepped();
      values = equations.trace(network, given, label());
      losses.push(values.loss);
    }
    show();
  }

  function reset() {
    network = copy();
    losses = [0];
    show();
  }

  // The image to trace, grey levels 0..255 row by row, and where it is known its class; null: none.
  function give(pixels, known = null) {
    given = pixels && Float64Array.from(pixels, (level) => level * scale);
    if (given) {
      const { f1, y_hat } = equations.forward(original, given);
      find("target").value = find("class").value = known ?? y_hat.indexOf(Math.max(...y_hat));
      find("unit").value = f1.reduce((best, f, h) => (f * (1 - f) > f1[best] * (1 - f1[best]) ? h : best), 0); // not saturated: its weights matter
    }
    reset();
  }

  function choose() {
    const place = find("image").value;
    if (place === "drawn") give(drawn);
    else give(examples[place].pixels, examples[place].label);
  }

  names.forEach((name, k) => {
    for (const part of ["target", "class"]) find(part).append(make("option", { value: k }, name));
  });
  examples.forEach(({ name }, i) => find("image").append(make("option", { value: i }, name)));
  for (const [part, count] of [["unit", H], ["row", height], ["column", width]]) find(part).max = count - 1;
  find("row").value = height >> 1;
  find("column").value = width >> 1;
  for (const [size, word] of Object.entries({ D, H, K })) mount.querySelectorAll(`[data-size="${size}"]`).forEach((element) => (element.textContent = word));
  find("image").addEventListener("change", choose);
  find("target").addEventListener("change", () => {
    losses = [0];
    show();
  });
  for (const part of ["unit", "row", "column"]) {
    find(part).addEventListener("change", () => {
      find(part).value = Math.min(find(part).max, Math.max(0, Math.round(chosen(part))));
    });
  }
  for (const part of ["unit", "class", "array", "row", "column", "rate"]) {
    find(part).addEventListener("input", () => {
      const { value, max } = find(part);
      if (part !== "unit" || (value !== "" && value >= 0 && value <= Number(max) && Number.isInteger(Number(value)))) show();
    });
  }
  for (const part of ["value", "slider"]) {
    find(part).addEventListener("input", () => {
      const [name, place] = weight(), value = find(part).valueAsNumber;
      if (!given || !Number.isFinite(value)) return;
      network[name][place] = value;
      find(part === "value" ? "slider" : "value").value = value;
      show();
    });
  }
  for (const card of cards) card.querySelector("details")?.addEventListener("toggle", () => given && fillCard(card));
  find("step").addEventListener("click", () => step(1));
  find("steps").addEventListener("click", () => step(10));
  find("reset").addEventListener("click", reset);
  new ResizeObserver(() => given && show()).observe(find("curve").parentElement);
  choose();
  return Object.freeze({
    give,
    step,
    reset,
    values: () => values,
    network: () => network,
    jacobians: () => equations.jacobians(network, values),
    draw(pixels) {
      drawn = pixels;
      if (find("image").value === "drawn") choose();
    },
  });
}
