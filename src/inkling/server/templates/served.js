// The page of a server begins: its networks, one or two at a time, drawn for, looked into, and followed as they learnt.

class ServedPage extends Page {
  constructor(model, looking) {
    super(model);
    this.looking = looking;
    this.second = null;
  }

  use(model) {
    document.body.classList.toggle("pictures", model.shape[2] !== 1);
    document.body.classList.toggle("words", Math.max(...model.class_names.map((name) => name.length)) > 2);
    document.body.classList.toggle("by-server", !model.networks.length);
    super.use(model);
  }

  failure(error) {
    return `No answer: ${error.message}`;
  }

  async answer(pixels) {
    const first = super.answer(pixels);
    if (!pixels) this.looking?.about(this.model, null);
    await Promise.all([first, this.answerBeside()]);
  }

  // Evidence by covering squares takes dozens of answers: of networks on the server it is not asked.
  async explain(pixels, version) {
    if (this.model.networks.length) await super.explain(pixels, version);
  }

  // The second network, or null for none.
  showBeside(second) {
    this.second = second;
    document.body.classList.toggle("two", Boolean(second));
    $("beside-it").hidden = $("of-first").hidden = !second;
    if (!second) return;
    $("of-first").textContent = this.model.name;
    $("of-second").textContent = second.name;
    return this.answerBeside();
  }

  async answerBeside() {
    const { second, source } = this, number = (this.besideNumber = (this.besideNumber ?? 0) + 1);
    if (!second) return;
    const pixels = source && imageOf(source, second);
    let values = null, trouble = "";
    try {
      values = pixels && await second.predict(pixels);
    } catch (error) {
      trouble = this.failure(error);
    }
    if (number !== this.besideNumber || (pixels && !values && !trouble)) return;
    const names = second.class_names, order = names.map((_, k) => k).sort((a, b) => (values ? values[b] - values[a] : a - b));
    $("second-answer").textContent = values ? names[order[0]] : "No answer yet";
    $("second-confidence").textContent = values ? `${percent(values[order[0]])} confidence` : trouble;
    const classes = names.length <= SHOWN ? names.map((_, k) => k) : order.slice(0, SHOWN);
    $("second-classes").replaceChildren(...classes.map((k) => {
      const row = make("li", values && k === order[0] ? { class: "first" } : {}), bar = make("span", { class: "bar" });
      bar.append(make("i"));
      bar.firstChild.style.width = values ? `${100 * values[k]}%` : "0";
      row.append(make("span", { class: "name" }, names[k]), bar, make("span", { class: "value" }, values ? percent(values[k]) : ""));
      return row;
    }));
  }
}

function describe(model) {
  const draws = model.shape[2] === 1, [, accuracy] = model.facts.find(([name]) => name === "Accuracy");
  $("title").textContent = document.title = `${draws ? "Draw" : "Show a picture"}, and watch the ${model.noun} think`;
  $("about").textContent = model.about;
  $("summary").textContent = `${draws ? "Draw with mouse, pen or finger" : "Open, drop or paste a picture"}, and see what the network sees, what it answers and why. Accuracy: ${accuracy}; of other images nothing is known.`;
  $("square").textContent = `${model.occlusion.side}x${model.occlusion.side}`;
  $("cover").textContent = model.cover;
  $("facts").replaceChildren(...model.facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  document.querySelector(".hint").textContent = draws ? "Draw here with mouse, pen or finger, or drop a picture" : "Drop or paste a picture here, or open one";
  const role = draws ? { role: "application", tabindex: "0", "aria-label": "Drawing area", "aria-describedby": "keys" } : { role: "img", "aria-label": "The picture that was given" };
  for (const name of ["tabindex", "aria-describedby"]) $("area").removeAttribute(name);
  for (const [name, value] of Object.entries(role)) $("area").setAttribute(name, value);
}

async function serve() {
  const training = trainHere($("train"), JSON.parse($("digits").dataset.digits));
  const { models: named } = await askJson("v1/models"), opened = new Map();
  const open = (name) => {
    if (!opened.has(name)) opened.set(name, openModel(name));
    return opened.get(name);
  };
  const looking = new Looking(), learning = new LearningPanel(), untraced = $("trace").cloneNode(true);
  const first = await open(named[0].name);
  describe(first);
  document.body.classList.remove("waiting");
  const page = new ServedPage(first, looking);

  async function traceOf(model) {
    $("traced").hidden = !isPerceptron(model);
    if ($("traced").hidden) return null;
    $("trace").replaceWith(untraced.cloneNode(true));
    return traceOneStep($("trace"), perceptronOf(model, (await training).digits));
  }

  let trace = null;
  page.watch = (pixels) => {
    trace?.draw(pixels);
    looking.about(page.model, pixels, page.shown && page.model.class_names[page.shown.order[0]]);
  };

  async function look(name) {
    const model = await open(name);
    describe(model);
    trace = await traceOf(model);
    if (page.model !== model) page.use(model);
    const alike = named.filter((other) => other.name !== name && String(other.class_names) === String(model.class_names)
      && other.image_shape[2] === model.shape[2]);
    const before = $("second").value, options = [["", "none"], ...alike.map((other) => [other.name, other.name])];
    $("second").replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    $("second").value = alike.some((other) => other.name === before) ? before : alike[0]?.name ?? "";
    await Promise.all([compare(), learning.use(model)]);
  }

  async function compare() {
    const name = $("second").value;
    await page.showBeside(name ? await open(name) : null);
  }

  const safely = (work) => work().catch((error) => page.say(page.failure(error)));
  $("choice").hidden = named.length < 2;
  $("network").append(...named.map(({ name }) => make("option", { value: name }, name)));
  $("network").addEventListener("change", () => safely(() => look($("network").value)));
  $("second").addEventListener("change", () => safely(compare));
  await look(first.name);
  return Object.freeze({ page, look, learning, training: await training, models: named, trace: () => trace });
}

// For tests, and for whoever opens the console.
globalThis.inkling = serve();
globalThis.inkling.catch((error) => {
  $("status").textContent = `This page cannot go on: ${error.message}`;
  $("summary").textContent = $("status").textContent;
});
