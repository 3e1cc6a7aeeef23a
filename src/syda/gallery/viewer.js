"use strict";
// Three planes of a synthetic and a real volume, in plain canvases: RAS+ voxels, i fastest.

const data = JSON.parse(document.getElementById("page-data").textContent);
const AXES = { axial: [2, 0, 1], sagittal: [0, 1, 2], coronal: [1, 0, 2] }; // cut, across, up
const RIMS = { axial: "RLAP", sagittal: "APHF", coronal: "RLHF" }; // left, right, top, bottom
const COLOURS = { synthetic: "#f0b429", real: "#6bbcf0" };
const BLACK = 0xff000000; // opaque; alpha, blue, green, red
const BAR_MM = 50;

const tools = document.getElementById("tools");
const together = document.getElementById("together");
const smooth = document.getElementById("smooth");
const sides = [...document.querySelectorAll(".side")].map(makeSide);

// --- voxels

const unpacked = new Map();

function voxels(index) {
  if (!unpacked.has(index)) unpacked.set(index, unpack(document.getElementById(`voxels-${index}`)));
  return unpacked.get(index);
}

async function unpack(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = planes.length / 2;
  const hu = new Int16Array(count);
  for (let n = 0; n < count; n++) {
    hu[n] = data.low + data.step * (planes[n] + 256 * planes[count + n]);
  }
  return hu;
}

// --- a side: one volume, where the cross is, three panels

function makeSide(section) {
  const kind = section.dataset.kind;
  const side = {
    section,
    kind,
    select: section.querySelector("select"),
    shown: data.items.flatMap((one, index) => (one.kind === kind ? [{ ...one, index }] : [])),
    volume: null,
    hu: null,
    at: null,
  };
  side.panels = [...section.querySelectorAll(".panel")].map((panel) => makePanel(side, panel));
  side.select.addEventListener("change", () => begin(side));
  for (const button of section.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const { length } = side.shown;
      side.select.selectedIndex = (side.select.selectedIndex + Number(button.dataset.step) + length) % length;
      begin(side);
    });
  }
  return side;
}

function begin(side) {
  show(side).catch((error) => alarm(`A volume cannot be shown (${error.message}): the file is damaged, build it again.`));
}

async function show(side) {
  const volume = side.shown[side.select.selectedIndex];
  side.section.setAttribute("aria-busy", "true");
  const hu = await voxels(volume.index);
  if (side.shown[side.select.selectedIndex] !== volume) return; // another was chosen meanwhile
  const mm = side.volume && position(side);
  Object.assign(side, { volume, hu, at: volume.shape.map((n) => Math.floor(n / 2)) });
  if (mm) moveCross(side, mm);
  side.section.removeAttribute("aria-busy");
  describe(side);
  side.panels.forEach(paint);
}

function describe({ section, volume }) {
  section.querySelector("ul").replaceChildren(...volume.facts.map((fact) => cell("li", fact)));
  const row = (texts, names) => {
    const line = document.createElement("tr");
    line.append(...texts.map((text, n) => cell(n < names ? "th" : "td", text)));
    line.firstChild.scope = names > 1 ? "col" : "row";
    return line;
  };
  section.querySelector("thead").replaceChildren(row(volume.columns, volume.columns.length));
  section.querySelector("tbody").replaceChildren(...volume.rows.map((texts) => row(texts, 1)));
}

function cell(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// --- where the cross is: voxel indices, and mm from the middle of the volume

const middle = (volume, axis) => (volume.shape[axis] - 1) / 2;

function position({ volume, at }) {
  return at.map((index, axis) => (index - middle(volume, axis)) * volume.spacing[axis]);
}

function moveCross(side, mm) {
  side.at = mm.map((value, axis) => {
    const index = Math.round(value / side.volume.spacing[axis] + middle(side.volume, axis));
    return Math.min(Math.max(index, 0), side.volume.shape[axis] - 1);
  });
}

function moved(side) {
  const others = together.checked ? sides.filter((one) => one !== side && one.volume) : [];
  for (const other of others) moveCross(other, position(side));
  for (const one of [side, ...others]) one.panels.forEach(paint);
}

// --- a panel: an image and its slider

function makePanel(side, element) {
  const canvas = element.querySelector("canvas");
  const slider = element.querySelector("input");
  const { plane } = element.dataset;
  const panel = { side, plane, canvas, slider, output: element.querySelector("output"), pixels: null };
  const [cut] = AXES[plane];

  slider.addEventListener("input", () => {
    side.at[cut] = Number(slider.value);
    moved(side);
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (!side.volume || !event.deltaY) return;
    const index = side.at[cut] - Math.sign(event.deltaY);
    side.at[cut] = Math.min(Math.max(index, 0), side.volume.shape[cut] - 1);
    moved(side);
  }, { passive: false });
  const point = (event) => {
    if (!side.volume || !(event.buttons & 1)) return;
    const [, across, up] = AXES[plane];
    const mm = position(side);
    mm[across] = (0.5 - event.offsetX / canvas.clientWidth) * data.field[across];
    mm[up] = (0.5 - event.offsetY / canvas.clientHeight) * data.field[up];
    moveCross(side, mm);
    moved(side);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    point(event);
  });
  canvas.addEventListener("pointermove", point);
  new ResizeObserver(() => paint(panel)).observe(canvas);
  return panel;
}

function paint(panel) {
  const { side, plane, canvas, slider, output } = panel;
  if (!side.volume) return;
  const [cut, across, up] = AXES[plane];
  const count = side.volume.shape[cut];
  const index = side.at[cut];
  const named = `slice ${index + 1} of ${count}`;
  slider.max = count - 1;
  slider.value = index;
  slider.setAttribute("aria-valuetext", named);
  output.value = `${index + 1} / ${count}`;
  const chosen = tools.elements.window.value;
  canvas.setAttribute("aria-label", `${data.marks[side.kind]}. ${side.volume.name}, ${plane} ${named}, ${chosen} window`);

  const ratio = window.devicePixelRatio;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const grey = new Uint32Array(pixels.data.buffer).fill(BLACK);
  const columns = samples(side.volume, across, width);
  const rows = samples(side.volume, up, height);
  section(side, plane, columns, rows, data.windows[chosen], grey, width);
  context.putImageData(pixels, 0, 0);
  annotate(context, panel, ratio);
}

// For each pixel along an axis of the image the two voxels around it and the share of the second;
// -1 outside the volume. Pixel 0 shows the right, the front or the head: the end of a RAS+ axis.
function samples(volume, axis, pixels) {
  const last = volume.shape[axis] - 1;
  const below = new Int32Array(pixels).fill(-1);
  const above = new Int32Array(pixels);
  const share = new Float32Array(pixels);
  for (let n = 0; n < pixels; n++) {
    const mm = (0.5 - (n + 0.5) / pixels) * data.field[axis];
    const index = mm / volume.spacing[axis] + middle(volume, axis);
    if (index < -0.5 || index > last + 0.5) continue;
    const inside = smooth.checked ? Math.min(Math.max(index, 0), last) : Math.min(Math.round(index), last);
    below[n] = Math.floor(inside);
    above[n] = Math.min(below[n] + 1, last);
    share[n] = inside - below[n];
  }
  return { below, above, share };
}

// Interpolate HU, then window: the other way round draws the grid of coarse voxels into the image.
function section({ volume, hu, at }, plane, columns, rows, [width, level], pixels, stride) {
  const [cut, across, up] = AXES[plane];
  const steps = [1, volume.shape[0], volume.shape[0] * volume.shape[1]];
  const start = at[cut] * steps[cut];
  const scale = 255 / width;
  const low = level - width / 2;
  for (let y = 0; y < rows.below.length; y++) {
    if (rows.below[y] < 0) continue;
    const upper = start + rows.below[y] * steps[up];
    const lower = start + rows.above[y] * steps[up];
    const down = rows.share[y];
    for (let x = 0; x < stride; x++) {
      if (columns.below[x] < 0) continue;
      const a = columns.below[x] * steps[across];
      const b = columns.above[x] * steps[across];
      const right = columns.share[x];
      const first = hu[upper + a] + (hu[upper + b] - hu[upper + a]) * right;
      const second = hu[lower + a] + (hu[lower + b] - hu[lower + a]) * right;
      const grey = (first + (second - first) * down - low) * scale;
      const shade = grey < 0 ? 0 : grey > 255 ? 255 : Math.round(grey);
      pixels[y * stride + x] = BLACK | (shade * 0x010101);
    }
  }
}

// --- what is written on an image

function annotate(context, { side, plane, canvas }, ratio) {
  const { width, height } = canvas;
  const [, across, up] = AXES[plane];
  const inset = 8 * ratio;
  const write = (text, x, y, align, baseline, colour, font) => {
    Object.assign(context, { font, textAlign: align, textBaseline: baseline, lineJoin: "round" });
    Object.assign(context, { lineWidth: 3 * ratio, strokeStyle: "#000", fillStyle: colour });
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  };

  const centre = (axis, length) => {
    const mm = position(side)[axis];
    return Math.round((0.5 - mm / data.field[axis]) * length) + 0.5;
  };
  const x = centre(across, width);
  const y = centre(up, height);
  const gap = 10 * ratio; // the cross leaves free what it points at
  context.strokeStyle = "rgba(142, 199, 255, 0.55)";
  context.lineWidth = Math.max(1, Math.round(ratio));
  context.beginPath();
  for (const [from, to] of [[0, x - gap], [x + gap, width]]) {
    context.moveTo(from, y);
    context.lineTo(to, y);
  }
  for (const [from, to] of [[0, y - gap], [y + gap, height]]) {
    context.moveTo(x, from);
    context.lineTo(x, to);
  }
  context.stroke();

  const letter = `600 ${13 * ratio}px system-ui, sans-serif`;
  const [left, right, top, bottom] = RIMS[plane];
  const size = markSize(context, data.marks[side.kind], width - 2 * inset, 14 * ratio);
  const band = height - 1.7 * size;
  write(left, inset, height / 2, "left", "middle", "#fff", letter);
  write(right, width - inset, height / 2, "right", "middle", "#fff", letter);
  write(top, width / 2, inset, "center", "top", "#fff", letter);
  write(bottom, width / 2, band - inset / 2, "center", "bottom", "#fff", letter);
  context.fillStyle = "rgba(0, 0, 0, 0.5)";
  context.fillRect(0, band, width, height - band);
  write(data.marks[side.kind], width / 2, (band + height) / 2, "center", "middle", COLOURS[side.kind], bold(size));

  if (plane !== "axial") return; // all images have one scale
  context.fillStyle = "#fff";
  context.fillRect(inset, inset, (BAR_MM / data.field[across]) * width, 2 * ratio);
  write(`${BAR_MM / 10} cm`, inset, inset + 6 * ratio, "left", "top", "#fff", `${11 * ratio}px system-ui, sans-serif`);
}

const bold = (size) => `700 ${size}px system-ui, sans-serif`;

function markSize(context, text, room, size) {
  context.font = bold(size);
  return size * Math.min(1, room / context.measureText(text).width);
}

// --- begin

function alarm(text) {
  const alert = document.getElementById("alert");
  alert.hidden = false;
  alert.textContent = text;
}

const { style } = document.documentElement;
["--x", "--y", "--z"].forEach((name, axis) => style.setProperty(name, data.field[axis]));
style.setProperty("--columns", `minmax(0, ${data.field[0]}fr) minmax(0, ${data.field[1]}fr)`);
const repaint = () => sides.forEach((side) => side.panels.forEach(paint));
tools.addEventListener("change", repaint);
tools.addEventListener("submit", (event) => event.preventDefault());
if ("DecompressionStream" in window) {
  sides.filter((side) => side.shown.length).forEach(begin);
} else {
  alarm("This browser is too old for the viewer: it needs Chrome or Edge 80, Firefox 113 or Safari 16.4.");
}
