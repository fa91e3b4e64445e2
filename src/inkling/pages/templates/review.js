// The review of labels: right, or which class instead, by keys, clicks or touch; kept in the browser, and downloaded as
// the corrections file. Names of classes and files only ever become text.

const UNSURE = "unsure";

/** The choices, each under its own key in the browser's storage, so that two tabs never overwrite each other's. */
function keptChoices(data, classes) {
  const prefix = `inkling labels ${data} `;
  const here = new Map(); // of this page, for a browser that keeps nothing
  const kept = { prefix, durable: true };
  const valid = (text) => {
    if (text === UNSURE) return UNSURE;
    return /^\d{1,9}$/.test(text ?? "") && Number(text) < classes ? Number(text) : null;
  };
  const attempt = (action) => {
    if (!kept.durable) return undefined;
    try {
      return action(window.localStorage);
    } catch {
      kept.durable = false; // refused or full: what is chosen stays in this page
      return undefined;
    }
  };
  attempt((storage) => {
    storage.setItem(`${prefix}?`, "");
    storage.removeItem(`${prefix}?`);
  });
  kept.get = (image) => {
    const text = attempt((storage) => storage.getItem(prefix + image));
    if (kept.durable) here.set(image, valid(text));
    return here.get(image) ?? null;
  };
  kept.set = (image, choice) => {
    here.set(image, choice);
    attempt((storage) =>
      choice === null ? storage.removeItem(prefix + image) : storage.setItem(prefix + image, String(choice)),
    );
  };
  return kept;
}

function reviewLabels(list) {
  const form = JSON.parse(list.dataset.review);
  const { images, classes } = form;
  const cards = [...list.children];
  const choices = keptChoices(form.data, classes.length);
  const controls = images.map((image, place) => controlsOf(image, place));
  let done = []; // {place, before}: what undo takes back
  let unsaved = false;

  const help = make("p", { class: "review-help" }, "Or review them here: choose below each image. ");
  const keys = make("span", { class: "keys" }, "Keys, on an image: ");
  for (const [key, what] of [
    ["y", "label is right, "], ["s", "suggested class, "], ["n", "another class (then type its name), "],
    ["u", "unsure, "], ["z", "undo, "], ["j k", "or arrows: next, previous. "],
  ]) keys.append(make("kbd", {}, key), ` ${what}`);
  const keeping = make("span", { class: "keeping" });
  help.append(keys, keeping);
  const bar = make("div", { class: "review-bar", role: "group", "aria-label": "Review of labels" });
  const status = make("p", { role: "status" });
  const undo = button("Undo", takeBack);
  const save = button(`Download ${form.file}`, download);
  bar.append(status, undo, save);
  list.before(help, bar);

  function button(text, action) {
    const made = make("button", { type: "button" }, text);
    made.addEventListener("click", action);
    return made;
  }

  function controlsOf(image, place) {
    const group = make("div", { class: "review", role: "group", "aria-label": `Label of image ${image.index}` });
    const right = button(`${classes[image.label]} is right`, () => choose(place, image.label, true));
    const instead = button(`it is ${classes[image.suggested]}`, () => choose(place, image.suggested, true));
    const other = make("select", { "aria-label": `Another class for image ${image.index}` });
    other.append(new Option("other", ""));
    classes.forEach((name, k) => k !== image.label && k !== image.suggested && other.append(new Option(name, k)));
    other.addEventListener("change", () => choose(place, other.value === "" ? null : Number(other.value)));
    const unsure = button("unsure", () => choose(place, UNSURE, true));
    const printed = make("p", { class: "choice" });
    group.append(right, instead, other, unsure);
    cards[place].append(group, printed);
    return { right, instead, other, unsure, printed };
  }

  function show(place) {
    const image = images[place];
    const choice = choices.get(image.index);
    const { right, instead, other, unsure, printed } = controls[place];
    right.setAttribute("aria-pressed", String(choice === image.label));
    instead.setAttribute("aria-pressed", String(choice === image.suggested));
    unsure.setAttribute("aria-pressed", String(choice === UNSURE));
    other.value = typeof choice === "number" ? String(choice) : "";
    if (other.selectedIndex < 0) other.value = "";
    other.classList.toggle("chosen", other.value !== "");
    printed.textContent = choice === null ? "" : `reviewed: ${choice === UNSURE ? UNSURE : classes[choice]}`;
  }

  function say(first) {
    const all = images.map((image) => choices.get(image.index));
    const right = all.filter((choice, place) => choice === images[place].label).length;
    const unsure = all.filter((choice) => choice === UNSURE).length;
    const reviewed = all.filter((choice) => choice !== null).length;
    const counts = reviewed ? `: ${right} right, ${reviewed - right - unsure} wrong, ${unsure} unsure` : "";
    status.textContent = `${reviewed} of ${images.length} reviewed${counts}.${first ? ` ${first}` : ""}`;
    undo.setAttribute("aria-disabled", String(!done.length));
    keeping.textContent = choices.durable
      ? "Choices are kept in this browser."
      : "This browser keeps nothing for this page: choices are lost when it is closed, so download the file before.";
  }

  function choose(place, choice, toggles = false) {
    const image = images[place];
    const before = choices.get(image.index);
    const after = toggles && before === choice ? null : choice;
    done.push({ place, before });
    choices.set(image.index, after);
    unsaved = true;
    current(place);
    show(place);
    const words = after === null ? "has no choice" : after === UNSURE ? "is unsure" : `is ${classes[after]}`;
    say(`Image ${image.index} ${words}.`);
  }

  function takeBack() {
    const last = done.pop();
    if (!last) return say("Nothing to undo.");
    choices.set(images[last.place].index, last.before);
    unsaved = true;
    show(last.place);
    say(`Image ${images[last.place].index} is as before.`);
    return goTo(last.place);
  }

  /** Only the current image and its controls are in the order of the Tab key. */
  function current(place) {
    cards.forEach((card, i) => {
      card.tabIndex = i === place ? 0 : -1;
      for (const control of card.querySelectorAll("button, select")) control.tabIndex = i === place ? 0 : -1;
    });
  }

  function goTo(place) {
    const card = cards[place];
    if (!card) return;
    current(place);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  /** Go to the next image without a choice; where all have one, stay. */
  function goOn(place) {
    const open = (i) => choices.get(images[i].index) === null;
    const order = cards.map((_, i) => (place + 1 + i) % cards.length);
    goTo(order.find(open) ?? place);
  }

  function download() {
    const cell = (place) => {
      const choice = choices.get(images[place].index);
      const put = typeof choice === "number" ? choice : images[place].earlier;
      return put === null ? "" : form.cells[put];
    };
    const lines = [form.header, ...images.map((image, place) => image.row + cell(place)), ...form.kept];
    const text = lines.map((line) => `${line}\r\n`).join("");
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    make("a", { href: url, download: form.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    unsaved = false;
    say(`Give the file to 'inkling train' as --corrections.`);
  }

  list.addEventListener("keydown", (event) => {
    const place = cards.findIndex((card) => card.contains(event.target));
    if (place < 0 || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const image = images[place];
    const pick = (choice) => () => {
      choose(place, choice);
      goOn(place);
    };
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const move = (steps) => () => goTo(place + steps);
    let action = null;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && !event.shiftKey) action = takeBack;
    } else if (event.target.matches("select")) {
      action = { Enter: () => goOn(place), Escape: () => goTo(place) }[key]; // letters are for the list itself
    } else {
      action = {
        y: pick(image.label), s: pick(image.suggested), u: pick(UNSURE), z: takeBack,
        n: () => controls[place].other.focus(), x: () => controls[place].other.focus(),
        j: move(1), k: move(-1), ArrowRight: move(1), ArrowLeft: move(-1), ArrowDown: move(columns),
        ArrowUp: move(-columns), Home: () => goTo(0), End: () => goTo(cards.length - 1),
        Enter: event.target === cards[place] ? pick(image.label) : null,
      }[key];
      if (/^\d$/.test(key) && classes.includes(key)) action = pick(classes.indexOf(key));
    }
    if (!action) return;
    event.preventDefault();
    action();
  });
  list.addEventListener("focusin", (event) => current(cards.findIndex((card) => card.contains(event.target))));

  function again(words) {
    cards.forEach((_, place) => show(place));
    say(words);
  }

  addEventListener("storage", (event) => {
    if (event.key !== null && !event.key.startsWith(choices.prefix)) return;
    // What another tab has chosen since is not this tab's to undo.
    done = done.filter(({ place }) => event.key !== null && event.key !== choices.prefix + images[place].index);
    again("Another tab has changed a choice.");
  });
  addEventListener("pageshow", (event) => event.persisted && again(""));
  addEventListener("beforeunload", (event) => {
    if (!choices.durable && unsaved) event.preventDefault();
  });
  current(0);
  again("");
}

document.querySelectorAll("[data-review]").forEach(reviewLabels);
