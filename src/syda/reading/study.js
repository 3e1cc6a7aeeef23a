"use strict";
// Steps of a reader through the items. The viewer's script runs before this one.

const element = (id) => document.getElementById(id);
const STORE = `syda-reader-study-${data.key_sha256}-${data.reader}`;
const state = JSON.parse(localStorage.getItem(STORE) ?? '{"begun":false,"items":[],"seconds":0}');
const save = () => localStorage.setItem(STORE, JSON.stringify(state));
let before = performance.now();

function tick() {
  const now = performance.now();
  const counts = state.begun && !element("pause").checked && !document.hidden;
  if (counts && state.items.length < data.codes.length) state.seconds += (now - before) / 1000;
  before = now;
  save();
}

function step() {
  const at = state.items.length;
  const finished = at === data.codes.length;
  element("begin").hidden = state.begun;
  element("reading").hidden = !state.begun || finished;
  element("finish").hidden = !finished;
  if (!state.begun || finished) return;
  element("progress").textContent = `Item ${at + 1} of ${data.codes.length}`;
  element("study").reset();
  unpacked.clear(); // one volume at a time in memory
  sides[0].select.selectedIndex = at;
  begin(sides[0]);
  window.scrollTo(0, 0);
}

element("begin").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  Object.assign(state, { begun: true, role: form.get("role"), years: Number(form.get("years")) });
  before = performance.now();
  save();
  step();
});

element("study").addEventListener("submit", (event) => {
  event.preventDefault();
  if (element("pause").checked) return;
  tick();
  const form = new FormData(event.target);
  state.items.push({
    code: data.codes[state.items.length],
    decision: form.get("decision"),
    confidence: Number(form.get("confidence")),
    organs: Object.fromEntries(data.organs.map((organ) => [organ, form.get(organ)])),
    realism: Number(form.get("realism")),
    comment: form.get("comment"),
    seconds: Math.round(state.seconds * 10) / 10,
  });
  state.seconds = 0;
  save();
  step();
});

element("pause").addEventListener("change", () => {
  tick();
  const paused = element("pause").checked;
  document.querySelector("main").hidden = paused;
  element("study").hidden = paused;
});

async function digest() {
  const voxelTexts = data.items.map((_, n) => element(`voxels-${n}`).textContent);
  const text = [element("page-data").textContent, ...voxelTexts].join("\n");
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function response() {
  return {
    format: 1,
    key_sha256: data.key_sha256,
    page_sha256: await digest(),
    reader: data.reader,
    role: state.role,
    years: state.years,
    items: state.items,
  };
}

element("export").addEventListener("click", async () => {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(await response(), null, 2)]));
    link.download = `reader-${data.reader}.json`;
    link.click();
  } catch (error) {
    alarm(`The file cannot be saved (${error.message}): open the page from disk or by https.`);
  }
});

setInterval(tick, 500);
step();
