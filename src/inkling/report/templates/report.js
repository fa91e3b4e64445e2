// What the report offers beyond reading: the numbers of any epoch, a filter for mistakes, one hidden unit at a time.
// The page is whole without it. Words from outside, such as names of classes, only ever become text.

const classNames = JSON.parse(document.querySelector("main").dataset.classNames);

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function signed(value) {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
}

/** A hairline that follows the pointer or the arrow keys, and the values of its epoch. */
function readCurves(panel) {
  const training = panel.dataset.training.split(" ");
  const validation = panel.dataset.validation.split(" ");
  const [left, right, top, bottom] = panel.dataset.box.split(" ").map(Number);
  const perEpoch = (right - left) / (Number(panel.dataset.last) - 1);
  const seed = panel.dataset.seed === undefined ? "" : `, seed ${panel.dataset.seed}`;
  const chart = panel.querySelector("svg");
  const hairline = document.createElementNS(chart.namespaceURI, "line");
  hairline.setAttribute("class", "hairline");
  hairline.setAttribute("y1", top);
  hairline.setAttribute("y2", bottom);
  chart.prepend(hairline);
  const readout = make("p", { class: "readout", "aria-live": "polite" });
  panel.append(readout);
  let epoch = null;

  function show(wanted) {
    epoch = clamp(Math.round(wanted), 1, training.length);
    const x = left + perEpoch * (epoch - 1);
    hairline.setAttribute("x1", x);
    hairline.setAttribute("x2", x);
    hairline.classList.add("shown");
    const words = `epoch ${epoch}${seed}: training ${training[epoch - 1]}, validation ${validation[epoch - 1]}`;
    if (readout.textContent !== words) readout.textContent = words;
  }

  function hide() {
    epoch = null;
    hairline.classList.remove("shown");
    readout.textContent = "";
  }

  function follow(event) {
    const place = chart.getBoundingClientRect();
    const x = ((event.clientX - place.left) / place.width) * chart.viewBox.baseVal.width;
    show(1 + (x - left) / perEpoch);
  }

  panel.tabIndex = 0;
  panel.setAttribute("role", "group");
  panel.setAttribute("aria-label", "Values of each epoch: left and right arrow keys, Home, End");
  panel.addEventListener("pointerdown", follow);
  panel.addEventListener("pointermove", follow);
  panel.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && document.activeElement !== panel) hide();
  });
  panel.addEventListener("focus", () => {
    if (epoch === null) show(Number(panel.dataset.mark));
  });
  panel.addEventListener("blur", hide);
  panel.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: epoch - 1, ArrowRight: epoch + 1, Home: 1, End: training.length }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    show(to);
  });
}

/** Two lists above a gallery that leave only the mistakes of one true and one predicted class. */
function filterMistakes(gallery) {
  const items = [...gallery.querySelectorAll("[data-predicted]")];
  if (items.length < 2) return;
  const bar = make("div", { class: "filter", role: "group", "aria-label": "Filter the mistakes" });
  const count = make("output");
  const folded = gallery.querySelector("details");

  const lists = ["true", "predicted"].map((key) => {
    const label = make("label", {}, `${key} class`);
    const list = make("select");
    list.append(new Option("all", ""));
    const classes = new Set(items.map((item) => Number(item.dataset[key])));
    for (const k of [...classes].sort((a, b) => a - b)) list.append(new Option(classNames[k], k));
    label.append(list);
    bar.append(label);
    return { key, list };
  });

  function apply() {
    for (const item of items) {
      item.hidden = lists.some(({ key, list }) => list.value !== "" && list.value !== item.dataset[key]);
    }
    count.textContent = `${items.filter((item) => !item.hidden).length} of ${items.length}`;
  }

  const reset = make("button", { type: "button" }, "Show all");
  reset.addEventListener("click", () => {
    for (const { list } of lists) list.value = "";
    apply();
    if (folded) folded.open = true;
  });
  bar.addEventListener("change", () => {
    apply();
    if (folded) folded.open = true;
  });
  bar.append(reset, count);
  gallery.before(bar);
  apply();
}

/** Every picture of weights a button; the chosen one is shown large, with its outgoing weights. */
function pickUnits(grid) {
  const kind = grid.dataset.kind;
  const numbers = grid.dataset.numbers ? JSON.parse(grid.dataset.numbers) : null;
  const strongest = numbers && Math.max(...numbers.flatMap((unit) => unit[3].map(([, weight]) => Math.abs(weight))));
  const buttons = [...grid.querySelectorAll("img")].map((picture, i) => {
    const button = make("button", { type: "button", "aria-label": `${kind} ${i}`, "aria-pressed": "false" });
    button.tabIndex = i === 0 ? 0 : -1;
    picture.replaceWith(button);
    button.append(picture);
    return button;
  });
  const detail = make("div", { class: "unit" });
  const sentence = make("p", { "aria-live": "polite" });
  detail.append(sentence);
  grid.setAttribute("role", "group");
  grid.after(detail);

  function choose(chosen) {
    const off = chosen.getAttribute("aria-pressed") === "true";
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen && !off));
    detail.replaceChildren(sentence);
    sentence.textContent = "";
    if (off) return;
    const i = buttons.indexOf(chosen);
    const picture = chosen.firstElementChild.cloneNode();
    picture.alt = `Weights of ${kind} ${i}`;
    detail.append(picture);
    const name = `${kind[0].toUpperCase()}${kind.slice(1)} ${i}`;
    sentence.textContent = numbers ? `${name} ${evidenceOf(numbers[i])}` : name;
    if (numbers) detail.append(barsOf(numbers[i][3], strongest));
  }

  function move(event) {
    const from = buttons.indexOf(event.target);
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const to = { Home: 0, End: buttons.length - 1 }[event.key] ?? from + steps[event.key];
    if (from < 0 || !buttons[to] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    buttons[from].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
      choose(button);
    });
  }
  grid.addEventListener("keydown", move);
}

function evidenceOf([friend, foe, contribution, weights]) {
  const weight = new Map(weights);
  const words = [friend, foe].map((k) => `${classNames[k]} (${signed(weight.get(k))})`);
  const mean = contribution === null ? "" : `; contributes ${contribution.toFixed(2)} on average`;
  return `is evidence for ${words[0]}, against ${words[1]}${mean}`;
}

/** Outgoing weights as bars to both sides of the middle, which is zero. */
function barsOf(weights, strongest) {
  const some = weights.length < classNames.length ? ", the highest and the lowest" : "";
  const bars = make("ul", { class: "bars", "aria-label": `Outgoing weights by class${some}` });
  for (const [k, weight] of weights) {
    const row = make("li", { class: weight < 0 ? "minus" : "plus" });
    const track = make("i");
    const bar = make("b");
    bar.style.width = `${(50 * Math.abs(weight)) / (strongest || 1)}%`;
    track.append(bar);
    row.append(make("span", {}, classNames[k]), track, make("span", {}, signed(weight)));
    bars.append(row);
  }
  return bars;
}

/** The definition of a term beside it, while the term is pointed at or has the focus; Escape takes it away. */
function explainTerms() {
  const tip = make("div", { class: "tip", id: "tip", role: "tooltip" });
  tip.hidden = true;
  document.querySelector("main").append(tip);
  let link = null;

  function hide() {
    link?.removeAttribute("aria-describedby");
    link = null;
    tip.hidden = true;
  }

  function show(next) {
    hide();
    link = next;
    tip.replaceChildren(...document.querySelector(link.hash).nextElementSibling.cloneNode(true).childNodes);
    tip.hidden = false;
    link.setAttribute("aria-describedby", "tip");
    const place = link.getClientRects()[0];
    const left = clamp(place.left, 16, Math.max(16, document.documentElement.clientWidth - tip.offsetWidth - 16));
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${link.getBoundingClientRect().bottom + scrollY}px`;
  }

  for (const term of document.querySelectorAll("a.term")) {
    term.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(term));
    term.addEventListener("focus", () => term.matches(":focus-visible") && show(term));
    term.addEventListener("blur", hide);
    term.addEventListener("pointerleave", (event) => tip.contains(event.relatedTarget) || hide());
  }
  tip.addEventListener("pointerleave", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

function hint(selector, words) {
  const text = document.querySelector(selector);
  if (text) text.append(make("span", { class: "hint" }, ` ${words}`));
}

document.querySelectorAll(".curve").forEach(readCurves);
document.querySelectorAll(".mistakes").forEach(filterMistakes);
document.querySelectorAll(".units").forEach(pickUnits);
explainTerms();
hint("#curves figcaption", "Point at a panel, or use the arrow keys in it, for the values of an epoch.");
hint("#weights .how", "Choose a picture to see it large, and its outgoing weights.");
