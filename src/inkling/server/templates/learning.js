// "Watch it learn": the epochs of a run, one after the other, from the weights that it kept.

const FRAME_MILLISECONDS = 350, CALM_FRAME_MILLISECONDS = 1200;

class LearningPanel {
  constructor() {
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.version = 0; // of what is shown: answers to older questions are dropped
    $("play").addEventListener("click", () => (this.playing ? this.stop() : this.play()));
    $("epoch").addEventListener("input", () => {
      this.stop();
      this.show();
    });
    new ResizeObserver(() => this.found && this.draw()).observe($("learn-errors").parentElement);
  }

  async use(model) {
    this.stop();
    const version = ++this.version;
    this.model = model;
    this.found = null;
    this.kept = new Map(); // epoch -> promise of what is shown of it
    let found;
    try {
      found = await askJson(`${model.address}/epochs`);
    } catch (error) {
      found = { trouble: error.message };
    }
    if (version !== this.version) return;
    $("learn").hidden = false;
    $("learn").querySelector(".charts").hidden = Boolean(found.trouble);
    $("player").hidden = !found.snapshots?.length;
    $("learn-weights").hidden = $("learn-answers").hidden = true;
    $("learned").textContent = "";
    $("learn-missing").textContent = found.trouble ? `Not shown: ${found.trouble}` : "";
    if (found.trouble) return;
    this.found = found;
    if (!found.snapshots.length) {
      $("learned").textContent = this.words(found.best_epoch);
      $("learn-missing").textContent = "The weights of single epochs were not kept: a run that is trained with --snapshots shows here how they and its answers change.";
      return this.draw();
    }
    const slider = $("epoch");
    slider.max = found.snapshots.length - 1;
    slider.value = slider.max;
    this.listExamples();
    await this.show();
  }

  get epoch() {
    const { snapshots, best_epoch: best } = this.found;
    return snapshots.length ? snapshots[Number($("epoch").value)] : best;
  }

  ask(epoch) {
    if (!this.kept.has(epoch)) this.kept.set(epoch, askJson(`${this.model.address}/epochs/${epoch}`));
    return this.kept.get(epoch);
  }

  async show() {
    const version = ++this.version, { epoch } = this, { history, snapshots } = this.found;
    $("epoch-name").textContent = epoch ? `Epoch ${epoch} of ${history.length}` : "Before the first epoch";
    $("epoch").setAttribute("aria-valuetext", $("epoch-name").textContent);
    $("learned").textContent = this.words(epoch);
    this.draw();
    try {
      // Colours mean the same in all epochs: the last one has the limit.
      const [last, state] = await Promise.all([this.ask(snapshots[snapshots.length - 1]), this.ask(epoch)]);
      if (version !== this.version) return;
      this.showWeights(state, last.strongest);
      this.showAnswers(state);
    } catch (error) {
      this.kept.delete(epoch);
      if (version !== this.version) return;
      this.stop();
      $("learn-missing").textContent = `Not shown: ${error.message}`;
    }
  }

  words(epoch) {
    const { history, train, validation, best_epoch: best } = this.found;
    if (!epoch) return "Before the first epoch the weights are random, and so are the answers.";
    const of = history.find((each) => each.epoch === epoch);
    if (!of) return "";
    const share = (p, n) => `${(100 * p).toFixed(n < 1000 ? 1 : 2)}%`;
    const [low, high] = wilson(of.validation_accuracy, validation), count = (n) => n.toLocaleString("en");
    const kept = epoch === best ? " This epoch's weights answer on this page: none has a higher validation accuracy." : "";
    return `Epoch ${epoch}: ${share(of.validation_accuracy, validation)} of ${count(validation)} validation images are classified correctly (95% interval ${share(low, validation)} to ${share(high, validation)}), ${share(of.train_accuracy, train)} of ${count(train)} training images.${kept}`;
  }

  draw() {
    const { history, train, validation } = this.found, { epoch } = this, last = Math.max(2, history.length);
    const line = (part, of) => ({ name: part === "train" ? "training" : "validation", kind: part, points: history.map((each) => [each.epoch, of(each, part)]) });
    const x = { label: "epochs", from: 0, to: last }, parts = ["train", "validation"];
    const chart = (id, of, y) => {
      const now = { name: "", kind: "now", points: [[epoch, y.from], [epoch, y.to]] };
      drawChart($(id), { lines: [now, ...parts.map((part) => line(part, of))], x, y });
    };
    const least = 0.5 / Math.max(train, validation); // where there is no error, the line lies on the axis
    const error = (each, part) => Math.max(least, 1 - each[`${part}_accuracy`]), loss = (each, part) => each[`${part}_loss`];
    const all = (of) => history.flatMap((each) => parts.map((part) => of(each, part))).filter(Number.isFinite);
    const decades = (low, high, name) => [100, 10, 1, 0.1, 0.01, 0.001, 0.0001].filter((tick) => tick >= low && tick <= high * 1.001).map((tick) => [tick, name(tick)]);
    const lowest = Math.max(least, 10 ** Math.floor(Math.log10(Math.min(...all(error)))));
    const errors = decades(lowest, 1, (tick) => `${Number((100 * tick).toPrecision(2))}%`);
    chart("learn-errors", error, { label: "images misclassified", from: lowest, to: 1, log: true, ticks: lowest > least ? errors : [...errors.filter(([tick]) => tick > 2 * least), [least, "0"]] });
    const losses = all(loss), from = 10 ** Math.floor(Math.log10(Math.max(1e-4, Math.min(...losses)))), to = Math.max(from * 10, Math.max(...losses) * 1.1);
    chart("learn-losses", loss, { label: "loss (cross-entropy, nats)", from, to, log: true, ticks: decades(from, to, String) });
  }

  showWeights({ units, unit_shape: shape, all_units: all, strongest }, limit) {
    $("learn-weights").hidden = !shape;
    if (!shape) return;
    const [height, width, channels] = shape, holder = $("learn-units"), strength = strongest / limit; // 127 is this epoch's own strongest
    if (holder.childElementCount !== units.length) holder.replaceChildren(...units.map(() => make("canvas")));
    [...holder.children].forEach((canvas, h) => {
      const weights = new Int8Array(bytesOf(units[h]).buffer);
      paint(canvas, width, height, (i) => channels === 1 ? colourOf(weights[i] * strength, 127)
        : [0, 1, 2].map((c) => 127.5 + weights[i * channels + c] * strength));
    });
    const shown = units.length < all ? `${units.length} of ${all} units.` : `${all} units.`;
    const colours = channels === 1 ? "Red: positive weights, blue: negative ones" : "Grey: 0, and colours as the unit favours them";
    $("learn-limit").textContent = `${shown} ${colours}, strongest at ±${limit.toPrecision(2)}, the largest weight of the last epoch.`;
  }

  listExamples() {
    this.examples = this.found.examples.map(({ label, pixels }) => {
      const item = make("li"), picture = make("canvas", { "aria-hidden": "true" }), answer = make("strong");
      paintPixels(picture, bytesOf(pixels), this.model.shape);
      item.append(picture, make("span", {}, label), answer);
      return { label, item, answer };
    });
    $("learn-examples").replaceChildren(...this.examples.map(({ item }) => item));
    $("learn-missing").textContent = this.found.missing;
  }

  showAnswers({ probabilities: all }) {
    $("learn-answers").hidden = !all.length;
    this.examples.forEach(({ label, item, answer }, i) => {
      const best = all[i].indexOf(Math.max(...all[i])), name = this.model.class_names[best];
      answer.textContent = `${name === label ? "" : "wrong: "}${name}, ${percent(all[i][best])}`;
      item.classList.toggle("wrong", name !== label);
    });
  }

  play() {
    const slider = $("epoch");
    if (slider.value === slider.max) slider.value = 0;
    else slider.value = Number(slider.value) + 1;
    this.playing = true;
    $("play").textContent = "Pause";
    $("learned").setAttribute("aria-live", "off");
    this.turn();
  }

  async turn() {
    const begun = performance.now(), slider = $("epoch");
    await this.show();
    if (!this.playing) return;
    if (slider.value === slider.max) return this.stop();
    const calm = this.calm.matches ? CALM_FRAME_MILLISECONDS : FRAME_MILLISECONDS;
    this.timer = setTimeout(() => {
      slider.value = Number(slider.value) + 1;
      this.turn();
    }, Math.max(0, calm - (performance.now() - begun)));
  }

  stop() {
    this.playing = false;
    clearTimeout(this.timer);
    $("play").textContent = "Play";
    $("learned").setAttribute("aria-live", "polite");
  }
}
