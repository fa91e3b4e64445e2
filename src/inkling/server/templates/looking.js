// What the server shows of a drawing once the pen rests: feature maps, evidence, the nearest training images.

function paintPixels(canvas, pixels, [height, width, channels]) {
  paint(canvas, width, height, (i) => [0, 1, 2].map((c) => pixels[i * channels + (channels === 1 ? 0 : c)]));
}

class Looking {
  constructor() {
    this.question = null; // what aborts those under way
  }

  // Asks about an image; null: there is none any more. What is answered to an older question is dropped.
  async about(model, pixels, answer) {
    this.question?.abort();
    const question = this.question = new AbortController();
    $("nearest").hidden = !pixels;
    $("inside").hidden = !pixels || !(model.maps || !model.networks.length);
    if (!pixels) return;
    const panels = [[$("nearest-words"), "nearest", (found) => this.showNearest(model, found, answer)]];
    if (!$("inside").hidden) panels.push([$("inside-trouble"), "inside", (found) => this.showInside(model, found)]);
    await Promise.all(panels.map(async ([words, what, show]) => {
      try {
        const found = await askOfPixels(`${model.address}/${what}`, pixels, question.signal);
        if (question.signal.aborted) return;
        words.textContent = "";
        show(found);
      } catch (error) {
        if (error.name !== "AbortError" && !question.signal.aborted) words.textContent = `Not shown: ${error.message}`;
      }
    }));
  }

  showNearest(model, { searched, pictures, missing }, answer) {
    $("nearest-list").replaceChildren(...pictures.map(({ label, pixels }) => {
      const item = make("li"), picture = make("canvas", { "aria-hidden": "true" });
      paintPixels(picture, bytesOf(pixels), model.shape);
      item.append(picture, make("span", label === answer ? {} : { class: "other" }, label));
      return item;
    }));
    const others = pictures.filter(({ label }) => label !== answer).length, n = pictures.length;
    const labelled = others ? `${others} of these ${n} ${others === 1 ? "carries" : "carry"} another label than the answer (underlined).` : `All ${n} carry the label of the answer, ${answer}.`;
    $("nearest-words").textContent = missing || `${labelled} Most similar first, of ${searched.toLocaleString("en")} training images, compared pixel by pixel.`;
  }

  showInside(model, { label, evidence, begun_from: begun, stages }) {
    const [height, width] = model.shape;
    $("attribution").hidden = !evidence;
    if (evidence) {
      const map = new Float32Array(bytesOf(evidence).buffer), limit = map.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      paint($("attribution-map"), width, height, (i) => colourOf(map[i], limit));
      const sum = map.reduce((total, x) => total + x, 0);
      $("attribution-words").textContent = `Red pixels speak for ${label}, blue ones against it (integrated gradients). Together they move its logit by ${sum.toFixed(1)} from that of ${begun}.`;
    }
    $("stages").replaceChildren(...stages.flatMap(({ title, shape: [high, wide], maps }) => {
      const holder = make("div", { class: "channels", role: "img", "aria-label": `Feature maps. ${title}` });
      holder.append(...maps.map((map) => {
        const canvas = make("canvas");
        paintPixels(canvas, bytesOf(map), [high, wide, 1]);
        return canvas;
      }));
      return [make("h3", {}, title), holder];
    }));
  }
}
