// A pen, pictures, and what is shown of an answer: what exported pages and that of a server have in common.

// Of the width of the area: of pens of 5 to 13%, those around this one cost digits drawn 55 to 85% of the area high the
// least accuracy (validation images of MNIST, benchmarks/drawn_digits.py).
const PEN = 0.09;
const SIDE = 560, KEY_STEP = 0.04, LARGEST = 1024, SHOWN = 10;
const PAUSE = 250; // milliseconds without a stroke before evidence is computed

const $ = (id) => document.getElementById(id);

class Page {
  constructor(model) {
    this.area = $("area");
    this.context = this.area.getContext("2d", { willReadFrequently: true });
    this.source = null; // what was drawn or given, as imageOf takes it
    this.pixels = null; // of the image that is answered
    this.version = 0; // of the image: what is computed of an older one is dropped
    this.watch = () => {}; // is given the image once nothing is drawn for a while
    this.listPictures();
    this.listenToPen();
    this.use(model);
  }

  // Answers by a model from now on; what is drawn or opened stays, where it fits.
  use(model) {
    const height = Math.round((SIDE * model.shape[0]) / model.shape[1]), draws = model.shape[2] === 1;
    const fits = this.draws === draws && this.area.height === height;
    this.model = model;
    this.draws = draws;
    this.listRows();
    if (fits) return this.give(this.source);
    this.area.width = SIDE;
    this.area.height = height;
    this.clear();
  }

  give(source) {
    this.source = source;
    this.answer(source && imageOf(source, this.model));
  }

  // --- drawing ------------------------------------------------------------------------------------------------

  listenToPen() {
    const area = this.area;
    const at = (event) => {
      const box = area.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * area.width, ((event.clientY - box.top) / box.height) * area.height];
    };
    let last = null, pointer = null; // a second finger draws nothing
    area.addEventListener("pointerdown", (event) => {
      if (event.button || last || !this.draws) return;
      event.preventDefault();
      area.focus({ preventScroll: true });
      pointer = event.pointerId;
      area.setPointerCapture(pointer);
      last = at(event);
      this.stroke(last, last);
    });
    area.addEventListener("pointermove", (event) => {
      if (!last || event.pointerId !== pointer) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) {
        const next = at(part);
        this.stroke(last, next);
        last = next;
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      area.addEventListener(name, (event) => {
        if (event.pointerId === pointer) last = null;
      });
    }
    const pen = { place: [area.width / 2, area.height / 2], down: false };
    area.addEventListener("keydown", (event) => {
      if (!this.draws) return;
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === " ") {
        pen.down = !pen.down;
        if (pen.down) this.stroke(pen.place, pen.place);
      } else if (event.key === "Delete" || event.key === "Backspace") {
        pen.down = false;
        this.clear();
      } else if (move) {
        const limit = [area.width, area.height];
        const next = pen.place.map((x, i) => Math.min(limit[i], Math.max(0, x + move[i] * KEY_STEP * area.width)));
        if (pen.down) this.stroke(pen.place, next);
        pen.place = next;
      } else return;
      event.preventDefault();
      $("pen").hidden = false;
      $("pen").style.left = `${(100 * pen.place[0]) / area.width}%`;
      $("pen").style.top = `${(100 * pen.place[1]) / area.height}%`;
      $("pen").classList.toggle("down", pen.down);
    });
    area.addEventListener("blur", () => {
      $("pen").hidden = true;
      pen.down = false;
    });
  }

  stroke(from, to) {
    if (this.picture) this.clear();
    const { context, area } = this;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = PEN * area.width;
    context.strokeStyle = "#1b1b1b"; // the area is paper in dark mode too
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    this.say("");
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const { width, height } = area, rgba = context.getImageData(0, 0, width, height).data;
      const ink = Float32Array.from({ length: width * height }, (_, i) => rgba[4 * i + 3]);
      this.give({ ink, width, height });
    });
  }

  clear() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    this.picture = false;
    this.context.clearRect(0, 0, this.area.width, this.area.height);
    this.say("");
    this.give(null);
  }

  // --- pictures -----------------------------------------------------------------------------------------------

  listPictures() {
    $("clear").addEventListener("click", () => this.clear());
    for (const chooser of [$("file"), $("camera")]) {
      chooser.addEventListener("change", () => {
        if (chooser.files[0]) this.open(chooser.files[0]);
        chooser.value = ""; // so that the same file can be chosen again
      });
    }
    document.addEventListener("paste", (event) => {
      const file = event.clipboardData?.files[0];
      if (file) this.open(file);
    });
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) this.open(file);
    });
  }

  async open(file) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      this.say(`${file.name || "What was pasted"}: not a picture that this browser can read.`);
      return;
    }
    const ratio = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    const width = Math.max(1, Math.round(bitmap.width * ratio)), height = Math.max(1, Math.round(bitmap.height * ratio));
    const sheet = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    sheet.fillStyle = "white"; // what is transparent lies on paper
    sheet.fillRect(0, 0, width, height);
    sheet.imageSmoothingQuality = "high";
    sheet.drawImage(bitmap, 0, 0, width, height);
    this.clear();
    this.picture = true;
    const zoom = Math.min(this.area.width / width, this.area.height / height);
    this.context.imageSmoothingEnabled = zoom < 1;
    this.context.drawImage(sheet.canvas, (this.area.width - width * zoom) / 2, (this.area.height - height * zoom) / 2,
      width * zoom, height * zoom);
    const rgba = sheet.getImageData(0, 0, width, height).data;
    const source = { rgba, width, height };
    const turned = isTurned(rgba, width, height, this.model) ? ", dark and light exchanged" : "";
    this.say(imageOf(source, this.model) ? `${file.name || "Pasted picture"}, ${bitmap.width}x${bitmap.height} pixels${turned}`
      : "Nothing stands out in this picture: there is no answer.");
    this.give(source);
  }

  // --- the answer ---------------------------------------------------------------------------------------------

  say(text) {
    $("status").textContent = text;
  }

  failure(error) {
    return `This browser cannot run the network: ${error.message}.`;
  }

  listRows() {
    const names = this.model.class_names, rows = Math.min(names.length, SHOWN);
    $("classes").replaceChildren();
    this.rows = Array.from({ length: rows }, () => {
      const row = make("li"), parts = ["name", "bar", "value"].map((kind) => make("span", { class: kind }));
      parts[1].append(make("i"));
      row.append(...parts);
      $("classes").append(row);
      return { row, name: parts[0], bar: parts[1].firstChild, value: parts[2] };
    });
  }

  async answer(pixels) {
    const { model } = this, version = ++this.version, names = model.class_names;
    this.pixels = pixels;
    clearTimeout(this.pause);
    const before = performance.now();
    let values = null;
    try {
      values = pixels && await model.predict(pixels);
    } catch (error) {
      this.say(this.failure(error));
    }
    if (version !== this.version || (pixels && !values)) return;
    this.milliseconds = performance.now() - before;
    document.body.classList.toggle("empty", !pixels);
    $("units").hidden = !pixels || !isPerceptron(model);
    this.shown = null;
    if (!pixels) {
      $("answer").textContent = "No answer yet";
      $("confidence").textContent = this.draws ? "Draw, or give a picture." : "Give a picture.";
      $("spoken").textContent = "";
      this.showRows(names.map(() => null), names.map((_, k) => k));
      this.watch(null);
      return;
    }
    const order = names.map((_, k) => k).sort((a, b) => values[b] - values[a]);
    this.shown = { values, order };
    $("answer").textContent = names[order[0]];
    $("confidence").textContent = `${percent(values[order[0]])} confidence`;
    this.showRows(values, names.length <= SHOWN ? names.map((_, k) => k) : order);
    this.showInput(pixels);
    if (isPerceptron(model)) this.showUnits(pixels, order[0], order[1]);
    paint($("map"), model.shape[1], model.shape[0], () => colourOf(0, 1));
    $("strongest").textContent = "";
    this.pause = setTimeout(() => {
      $("spoken").textContent = `${names[order[0]]}, ${percent(values[order[0]])}`;
      this.watch(pixels);
      this.explain(pixels, version);
    }, PAUSE);
  }

  showRows(values, classes) {
    const most = Math.max(...values);
    this.rows.forEach(({ row, name, bar, value }, place) => {
      const k = classes[place], p = values[k];
      name.textContent = this.model.class_names[k];
      bar.style.width = p === null ? "0" : `${100 * p}%`;
      value.textContent = p === null ? "" : percent(p);
      row.classList.toggle("first", p !== null && p === most);
    });
  }

  showInput(pixels) {
    const [height, width, channels] = this.model.shape;
    paint($("seen"), width, height, (i) => [0, 1, 2].map((c) => pixels[i * channels + (channels === 1 ? 0 : c)]));
  }

  async explain(pixels, version) {
    const { model } = this, [height, width] = model.shape, { values, order } = this.shown;
    const names = model.class_names, [k, other] = order;
    const found = await occlusion(model, pixels, k, () => version !== this.version);
    if (!found) return;
    const limit = Math.max(...found.map.map(Math.abs));
    paint($("map"), width, height, (i) => colourOf(found.map[i], limit));
    const { side } = model.occlusion;
    $("strongest").textContent = found.strongest.fall > 0
      ? `Covering the most important ${side}x${side} pixels takes the probability of ${names[k]} from ${percent(values[k])} to ${percent(found.strongest.probability)}.`
      : `Covering no ${side}x${side} pixels makes ${names[k]} less probable.`;
  }

  showUnits(pixels, k, other) {
    const { model } = this, [height, width] = model.shape, names = model.class_names;
    const all = unitContributions(model, pixels, k, other);
    const most = all.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution)).slice(0, 8);
    const limit = Math.max(...most.map(({ weights }) => weights.reduce((top, w) => Math.max(top, Math.abs(w)), 0)));
    $("unit-title").textContent = `The hidden units that decide between ${names[k]} and ${names[other]}`;
    $("unit-list").replaceChildren(...most.map(({ unit, activation, contribution, weights }) => {
      const item = make("li"), picture = make("canvas", { "aria-hidden": "true" });
      paint(picture, width, height, (i) => colourOf(weights[i], limit));
      const sign = contribution < 0 ? "−" : "+", amount = Math.abs(contribution).toFixed(2);
      item.append(picture, make("strong", {}, `${sign}${amount}`), make("span", {}, `unit ${unit}, output ${activation.toFixed(2)}`));
      return item;
    }));
  }
}

// The page gives no answers in a browser whose numbers are not those of the run.
async function differs(model) {
  const length = model.shape.reduce((product, side) => product * side, 1);
  let most = 0;
  for (const { seed, probabilities: expected } of model.check) {
    const found = await model.predict(checkImage(seed, length));
    most = Math.max(most, ...found.map((p, i) => Math.abs(p - expected[i])));
  }
  return most;
}

// A perceptron for the panel that traces it, with one bundled digit of each class as the model is given pictures.
function perceptronOf(model, { side, validation }) {
  const [{ steps: [first, , last], pixel_scale: scale }] = model.networks, names = model.class_names;
  const turned = ({ weights, inputs, outputs }) =>
    Float64Array.from({ length: inputs * outputs }, (_, i) => weights[(i % outputs) * inputs + Math.floor(i / outputs)]);
  const network = {
    inputs: first.inputs, hidden: first.outputs, classes: last.outputs,
    W1: turned(first), b1: Float64Array.from(first.bias), W2: turned(last), b2: Float64Array.from(last.bias),
  };
  const examples = Array.from({ length: 10 }, (_, k) => {
    const levels = validation.levels[validation.labels.indexOf(k)];
    const rgba = Uint8Array.from({ length: 4 * levels.length }, (_, i) => (i % 4 === 3 ? 255 : levels[i >> 2]));
    const label = names.indexOf(String(k));
    return { name: `a bundled ${k}`, pixels: imageOfPicture(rgba, side, side, model), label: label < 0 ? null : label };
  });
  return { network, scale, shape: model.shape, names, examples };
}
