// Which places of an image are evidence for the answer, and which hidden units of a perceptron are.

function logOdds(values, k) {
  const others = values.reduce((sum, p, i) => (i === k ? sum : sum + p), 0);
  return Math.log(Math.max(values[k], 2 ** -126)) - Math.log(Math.max(others, 2 ** -126));
}

// What a covered place is filled with: the ground of drawings, else the mean colour of the image itself.
function coverOf(model, pixels) {
  const channels = model.shape[2], path = model.drawing;
  if (path.kind === "ink") return [path.light_on_dark ? 0 : 255];
  const sums = new Array(channels).fill(0);
  pixels.forEach((level, i) => (sums[i % channels] += level));
  return sums.map((sum) => Math.round((sum * channels) / pixels.length));
}

// How far the log odds of class k fall where squares are covered, averaged over the squares over each pixel
// (Zeiler and Fergus, 2014, ECCV). Gives way to the page after each square; ends with null once `stale()`.
async function occlusion(model, pixels, k, stale = () => false) {
  const [height, width, channels] = model.shape, { side, stride } = model.occlusion;
  const cover = coverOf(model, pixels), whole = await model.predict(pixels), before = logOdds(whole, k);
  const sums = new Float64Array(height * width), counts = new Float64Array(height * width);
  let strongest = { fall: 0, probability: whole[k] };
  const starts = (length) => {
    const found = [];
    for (let at = 0; at < length - side; at += stride) found.push(at);
    return [...found, Math.max(0, length - side)];
  };
  for (const top of starts(height)) {
    for (const left of starts(width)) {
      const changed = Uint8Array.from(pixels);
      let differs = false;
      for (let y = top; y < Math.min(top + side, height); y++) {
        for (let x = left; x < Math.min(left + side, width); x++) {
          for (let c = 0; c < channels; c++) {
            const at = (y * width + x) * channels + c;
            differs ||= changed[at] !== cover[c];
            changed[at] = cover[c];
          }
        }
      }
      let fall = 0; // a square that changes nothing costs nothing
      if (differs) {
        await new Promise((resume) => setTimeout(resume));
        if (stale()) return null;
        const covered = await model.predict(changed);
        if (stale()) return null;
        fall = before - logOdds(covered, k);
        if (fall > strongest.fall) strongest = { fall, probability: covered[k] };
      }
      for (let y = top; y < Math.min(top + side, height); y++) {
        for (let x = left; x < Math.min(left + side, width); x++) {
          sums[y * width + x] += fall;
          counts[y * width + x]++;
        }
      }
    }
  }
  return { map: sums.map((sum, i) => sum / counts[i]), strongest };
}

function isPerceptron(model) {
  const kinds = model.networks[0]?.steps.map((step) => step.kind).join(" ");
  return model.networks.length === 1 && model.shape[2] === 1 && kinds === "dense sigmoid dense";
}

// What each hidden unit adds to the logit of one class over another: the sum, with the biases, is their difference.
function unitContributions(model, pixels, k, other) {
  const [first, , last] = model.networks[0].steps;
  const x = input(pixels, model.shape, model.networks[0].pixel_scale);
  const hidden = STEPS.sigmoid({}, dense(first, x)).data;
  return Array.from(hidden, (activation, unit) => ({
    unit,
    activation,
    contribution: activation * (last.weights[k * last.inputs + unit] - last.weights[other * last.inputs + unit]),
    weights: first.weights.subarray(unit * first.inputs, (unit + 1) * first.inputs),
  }));
}
