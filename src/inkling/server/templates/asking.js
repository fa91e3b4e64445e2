// Asking the server: with its token where it has one, and for the answers of networks that are no plain steps.

const TOKEN = "inkling-token"; // kept until this tab is closed

let asked = null; // the promise of a token, while somebody types it

function askForToken() {
  asked ??= new Promise((found) => {
    const form = $("ask-token");
    form.hidden = false;
    $("token").focus();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sessionStorage.setItem(TOKEN, $("token").value.trim());
      $("token").value = "";
      form.hidden = true;
      asked = null;
      found();
    }, { once: true });
  });
  return asked;
}

async function askServer(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN), headers = { ...options.headers };
  if (token) headers.authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer: is it still running?");
  }
  if (response.status === 401) {
    if (token === sessionStorage.getItem(TOKEN)) sessionStorage.removeItem(TOKEN);
    await askForToken();
    return askServer(path, options);
  }
  if (!response.ok) {
    const { error } = await response.json().catch(() => ({}));
    throw new Error(error ?? `the server answers with status ${response.status}`);
  }
  return response;
}

const askJson = async (path, options) => (await askServer(path, options)).json();

const askOfPixels = (path, pixels, signal) =>
  askJson(path, { method: "POST", body: pixels, signal, headers: { "content-type": "application/octet-stream" } });

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

// Pixels 0..255 in the order row, column, channel as a PNG of the same size, which the server takes as they are.
function pngOf(pixels, [height, width, channels]) {
  const canvas = new OffscreenCanvas(width, height), image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[i * channels + (channels === 1 ? 0 : c)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

// What predicts by the server: one question at a time, of which the newest waits; null for those given up.
function predictingByServer(model) {
  let busy = false, waiting = null;
  const query = new URLSearchParams({ model: model.name, temperature: model.temperature });
  async function predict(pixels) {
    if (busy) {
      waiting?.done(null);
      return new Promise((done, fail) => (waiting = { pixels, done, fail }));
    }
    busy = true;
    try {
      const body = await pngOf(pixels, model.shape);
      const { predictions: [{ probabilities }] } = await askJson(`v1/predict?${query}`, { method: "POST", body });
      return model.class_names.map((name) => probabilities[name]);
    } finally {
      busy = false;
      const next = waiting;
      waiting = null;
      if (next) predict(next.pixels).then(next.done, next.fail);
    }
  }
  return predict;
}

// A model with `predict`: computed here where its steps are plain and this browser's numbers are the server's.
async function openModel(name) {
  const address = `playground/models/${encodeURIComponent(name)}`, model = await askJson(address);
  model.address = address;
  if (model.networks.length) {
    const weights = new Float32Array(await (await askServer(`${address}/weights`)).arrayBuffer());
    model.networks.forEach((network) => (network.steps = bind(network.steps, weights)));
    model.predict = (pixels) => probabilities(model, pixels);
    if (await differs(model) <= model.tolerance) return model;
    model.networks = [];
  }
  model.predict = predictingByServer(model);
  return model;
}
