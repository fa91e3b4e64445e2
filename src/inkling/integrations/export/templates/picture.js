// From a drawing or a picture to an image such as the network was trained on; images/drawings.py does the same.

const THRESHOLD = 32, FAINTEST = 32, NOISE = 0.35, FULL = 0.6, ROUND_UP = 1e-6;

const KERNELS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

// Which pixels of a line go into each pixel of another, and how much of each, as Pillow computes it.
function shares(length, from, to, wanted, { support, weight }) {
  const scale = (to - from) / wanted, stretch = Math.max(scale, 1), reach = support * stretch;
  return Array.from({ length: wanted }, (_, i) => {
    const centre = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(length, Math.trunc(centre + reach + 0.5));
    const parts = Array.from({ length: end - first }, (_, k) => weight((k + first - centre + 0.5) / stretch));
    const sum = parts.reduce((total, part) => total + part, 0);
    return { first, parts: parts.map((part) => part / sum) };
  });
}

// One channel, rows of `width` numbers; `box` is [left, top, right, bottom]; `round` is done after each direction.
function resample(source, width, height, box, wide, high, kernel, round = (x) => x) {
  const across = shares(width, box[0], box[2], wide, KERNELS[kernel]);
  const down = shares(height, box[1], box[3], high, KERNELS[kernel]);
  const top = down[0].first, bottom = Math.max(...down.map(({ first, parts }) => first + parts.length));
  const lines = new Float32Array(wide * height), out = new Float32Array(wide * high);
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < wide; x++) {
      const { first, parts } = across[x];
      let sum = 0;
      for (let k = 0; k < parts.length; k++) sum += source[y * width + first + k] * parts[k];
      lines[y * wide + x] = round(sum);
    }
  }
  for (let y = 0; y < high; y++) {
    const { first, parts } = down[y];
    for (let x = 0; x < wide; x++) {
      let sum = 0;
      for (let k = 0; k < parts.length; k++) sum += lines[(first + k) * wide + x] * parts[k];
      out[y * wide + x] = round(sum);
    }
  }
  return out;
}

const toByte = (x) => Math.min(255, Math.max(0, Math.floor(x + 0.5 + ROUND_UP)));

function inkBox(ink, width, height) {
  let top = height, bottom = 0, left = width, right = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] > THRESHOLD) {
        top = Math.min(top, y);
        bottom = y + 1;
        left = Math.min(left, x);
        right = Math.max(right, x + 1);
      }
    }
  }
  return bottom ? { top, bottom, left, right } : null;
}

function centreOfMass(levels, width, height) {
  let total = 0, row = 0, column = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const level = levels[y * width + x];
      total += level;
      row += level * (y + 0.5);
      column += level * (x + 0.5);
    }
  }
  return [row / total, column / total];
}

// Ink, 0 to 255 a pixel, becomes an image of the shape [height, width, 1]; null where there is none.
function imageOfDrawing(ink, width, height, path, [high, wide]) {
  const box = inkBox(ink, width, height);
  if (!box) return null;
  let levels;
  if (path.kind === "frame") {
    levels = resample(ink, width, height, [0, 0, width, height], wide, high, "lanczos").map(toByte);
  } else {
    const ratio = path.longest / Math.max(box.bottom - box.top, box.right - box.left);
    const fitted = (side) => Math.max(1, Math.floor(side * ratio + 0.5 + ROUND_UP));
    const rows = fitted(box.bottom - box.top), columns = fitted(box.right - box.left);
    const cut = [box.left, box.top, box.right, box.bottom];
    const inner = resample(ink, width, height, cut, columns, rows, "box").map(toByte);
    const centre = path.centre === "mass" ? centreOfMass(inner, columns, rows) : [rows / 2, columns / 2];
    const laid = (aim, place, whole, part) =>
      Math.min(Math.max(Math.floor(aim - place + 0.5 + ROUND_UP), 0), whole - part);
    const top = laid(path.aim[0], centre[0], high, rows), left = laid(path.aim[1], centre[1], wide, columns);
    levels = new Float32Array(wide * high);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) levels[(top + y) * wide + left + x] = inner[y * columns + x];
    }
  }
  return Uint8Array.from(levels, (level) => (path.light_on_dark ? level : 255 - level));
}

function greyOf(rgba) {
  return Uint8Array.from({ length: rgba.length / 4 }, (_, i) =>
    (rgba[4 * i] * 19595 + rgba[4 * i + 1] * 38470 + rgba[4 * i + 2] * 7471 + 0x8000) >> 16);
}

// What stands out from the median of the border, darker or lighter; all 0 where nothing does.
function inkOfPicture(grey, width, height) {
  const border = [];
  for (let x = 0; x < width; x++) border.push(grey[x], grey[(height - 1) * width + x]);
  for (let y = 1; y < height - 1; y++) border.push(grey[y * width], grey[(y + 1) * width - 1]);
  border.sort((a, b) => a - b);
  const half = border.length >> 1;
  const ground = border.length % 2 ? border[half] : (border[half - 1] + border[half]) / 2;
  let above = 0, below = 0;
  for (const level of grey) {
    above = Math.max(above, level - ground);
    below = Math.max(below, ground - level);
  }
  const sign = below > above ? -1 : 1, strongest = Math.max(above, below);
  if (strongest < FAINTEST) return new Float32Array(grey.length);
  const share = (level) => (sign * (level - ground) / strongest - NOISE) / (FULL - NOISE);
  return Float32Array.from(grey, (level) => Math.min(1, Math.max(0, share(level))) * 255);
}

function halfToEven(x) {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}

// A picture in a frame of another shape: borders of the colour of its corner, cut off, or distorted.
function fittedChannel(source, width, height, [high, wide], fit) {
  if (width === wide && height === high) return Float32Array.from(source);
  if (fit === "crop") {
    const ratio = Math.max(wide / width, high / height);
    const left = Math.max(0, (width - wide / ratio) / 2), top = Math.max(0, (height - high / ratio) / 2);
    return resample(source, width, height, [left, top, width - left, height - top], wide, high, "lanczos", toByte);
  }
  const ratio = Math.min(wide / width, high / height);
  const side = (length, whole) => (fit === "stretch" ? whole : Math.max(1, halfToEven(length * ratio)));
  const columns = side(width, wide), rows = side(height, high);
  const inner = resample(source, width, height, [0, 0, width, height], columns, rows, "lanczos", toByte);
  const out = new Float32Array(wide * high).fill(source[0]);
  const left = Math.floor((wide - columns) / 2), top = Math.floor((high - rows) / 2);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) out[(top + y) * wide + left + x] = inner[y * columns + x];
  }
  return out;
}

// Whether a picture of the model's own size is dark on light where the training images are light on dark, or the reverse.
function isTurned(rgba, width, height, { shape, drawing }) {
  if (shape[2] !== 1 || drawing.kind !== "ink" || width !== shape[1] || height !== shape[0]) return false;
  const grey = greyOf(rgba), mean = grey.reduce((sum, level) => sum + level, 0) / grey.length;
  return mean < 127.5 !== drawing.light_on_dark;
}

// What was drawn, {ink, width, height}, or given, {rgba, width, height}, as an image of the model's shape.
function imageOf({ ink, rgba, width, height }, model) {
  if (ink) return imageOfDrawing(ink, width, height, model.drawing, model.shape);
  return imageOfPicture(rgba, width, height, model);
}

// A picture, rgba without transparency, becomes an image of the model's shape; null where nothing is in it.
function imageOfPicture(rgba, width, height, model) {
  const [high, wide, channels] = model.shape, path = model.drawing;
  const grey = channels === 1 ? greyOf(rgba) : null;
  if (grey && (width !== wide || height !== high) && path.kind === "ink") {
    return imageOfDrawing(inkOfPicture(grey, width, height), width, height, path, model.shape);
  }
  const planes = grey ? [grey] : [0, 1, 2].map((c) =>
    Uint8Array.from({ length: width * height }, (_, i) => rgba[4 * i + c]));
  const fitted = planes.map((plane) => fittedChannel(plane, width, height, model.shape, model.fit));
  const pixels = new Uint8Array(wide * high * channels);
  fitted.forEach((plane, c) => plane.forEach((level, i) => (pixels[i * channels + c] = level)));
  return isTurned(rgba, width, height, model) ? pixels.map((level) => 255 - level) : pixels;
}
