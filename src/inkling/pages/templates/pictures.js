// Numbers as pictures, and in words.

function percent(p) {
  if (p >= 0.9995) return ">\u00a099.9%";
  return p < 0.0005 ? "<\u00a00.1%" : `${(100 * p).toFixed(1)}%`;
}

// Blue below zero, white at zero, red above (ColorBrewer's RdBu), strongest at `limit`.
function colourOf(value, limit) {
  const ends = value > 0 ? [[247, 247, 247], [214, 96, 77], [103, 0, 31]] : [[247, 247, 247], [67, 147, 195], [5, 48, 97]];
  const place = Math.min(1, Math.abs(value) / limit || 0) * 2, from = Math.min(1, Math.floor(place));
  return ends[from].map((level, c) => level + (place - from) * (ends[from + 1][c] - level));
}

function paint(canvas, width, height, colour) {
  canvas.width = width;
  canvas.height = height;
  const shown = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) shown.data.set([...colour(i), 255], 4 * i);
  canvas.getContext("2d").putImageData(shown, 0, 0);
}
