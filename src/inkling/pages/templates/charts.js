// Lines in an <svg>, drawn at the size at which it is shown, with their names at their ends.

const CHART_HEIGHT = 190;

function chartScale({ from, to, log }, low, high) {
  const place = log ? (v) => Math.log(v / from) / Math.log(to / from) : (v) => (v - from) / (to - from || 1);
  return (value) => low + Math.min(1, Math.max(0, place(value))) * (high - low);
}

// Round numbers from `from` to `to`, about `wanted` of them.
function roundNumbers(from, to, wanted) {
  const rough = (to - from) / wanted || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// `lines`: {name, points: [[x, y]], kind: classes of the line, dot: whether its last point is marked}.
function drawChart(svg, { lines, x, y }) {
  const width = Math.max(240, svg.clientWidth), height = CHART_HEIGHT, parts = [];
  const add = (tag, attributes, text = "") => {
    const element = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    parts.push(element);
  };
  const end = width - Math.max(...lines.map(({ name }) => 7.2 * name.length + 10), 8);
  const across = chartScale(x, 46, end), down = chartScale(y, height - 40, 28);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  add("text", { x: 0, y: 12, class: "axis" }, y.label);
  for (const [value, name] of y.ticks ?? roundNumbers(y.from, y.to, 4).map((tick) => [tick, String(tick)])) {
    add("line", { x1: 46, x2: end, y1: down(value), y2: down(value), class: "grid" });
    add("text", { x: 40, y: down(value) + 4, class: "tick left" }, name);
  }
  for (const value of roundNumbers(x.from, x.to, Math.min(6, width / 80))) {
    add("text", { x: across(value), y: height - 22, class: "tick" }, String(value));
  }
  add("text", { x: (46 + end) / 2, y: height - 4, class: "axis middle" }, x.label);
  const ends = [];
  for (const { name, points, kind, dot } of lines) {
    const seen = points.filter(([, value]) => Number.isFinite(value));
    if (!seen.length) continue;
    const path = seen.map(([at, value]) => `${across(at).toFixed(1)},${down(value).toFixed(1)}`).join(" ");
    add("polyline", { points: path, class: `line ${kind}` });
    const [at, value] = seen[seen.length - 1];
    if (dot) add("circle", { cx: across(at), cy: down(value), r: 4.5, class: `dot ${kind}` });
    if (name) ends.push({ name, kind, x: across(at) + 6, y: down(value) + 4 });
  }
  ends.sort((a, b) => a.y - b.y).forEach((label, i) => {
    if (i && label.y < ends[i - 1].y + 15) label.y = ends[i - 1].y + 15; // names never lie on each other
  });
  ends.forEach(({ name, kind, x: left, y: at }) => add("text", { x: left, y: at, class: `name ${kind}` }, name));
  svg.replaceChildren(...parts);
}
