// Replaces the server's drawing of a course by one that can be read with the
// pointer and enlarged, into finer windows where there are. The numbers and
// their table stay the server's.
const uPlot = window.uPlot;
const lang = document.documentElement.lang;
const datesOf = lang === "en" ? "en-GB" : lang; // English here writes the day before the month
const zone = "Europe/Berlin";
const dashes = [[], [9, 5], [2, 5], [12, 4, 2, 4]];
const samples = ["solid", "dashed", "dotted", "dashed"]; // of these in the legend, as CSS names them
const tones = ["--tone", "--ink", "--quiet", "--tone"];
const hour = 3600;
const day = 24 * hour;
const most = 2900; // windows in one request: a month of a quarter of an hour, so that requests repeat and stay cached

let box = null; // what is drawn in
let plot = null;
let whole = null; // {from, to} of the course, Unix seconds
let shown = null; // the part that is visible
let drawn = null; // the series in the plot
let load = 0; // counts what is loaded: an answer to an older wish is dropped
let resize = null;

const seconds = (text) => Date.parse(text) / 1000;
const iso = (s) => new Date(s * 1000).toISOString().replace(".000", "");
const colour = (name) => getComputedStyle(box).getPropertyValue(name).trim();
const tools = () => box?.parentElement.querySelector(".chart-tools");

async function fetchPart(query) {
  const answer = await fetch(box.dataset.series + "&" + new URLSearchParams(query));
  if (!answer.ok) throw new Error("series: " + answer.status);
  return answer.json();
}

// What is more than one request has windows for is asked for month by month.
async function fetchSeries(from, to, name) {
  const window = { "1m": 60, "10m": 600, "15m": 900, "1h": hour, "1d": day, "1w": 7 * day }[name];
  if (!name || (to - from) / window <= most) return fetchPart({ from: iso(from), to: iso(to), ...(name && { window: name }) });
  const step = Math.floor((most * window) / day) * day;
  const parts = [];
  for (let begin = Math.floor(from / step) * step; begin < to; begin += step) {
    parts.push({ from: iso(Math.max(begin, from)), to: iso(Math.min(begin + step, to)), window: name });
  }
  const answers = new Array(parts.length);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < parts.length; i = next++) answers[i] = await fetchPart(parts[i]);
  };
  await Promise.all([worker(), worker(), worker()]);
  return joined(answers);
}

// joined puts parts together; a channel that a part lacks is missing there.
function joined(parts) {
  const channels = new Map();
  const times = [];
  for (const part of parts) {
    for (const c of part.channels) {
      if (!channels.has(c.channel)) channels.set(c.channel, { channel: c.channel, name: c.name, values: [], min: c.min && [], max: c.max && [] });
      const all = channels.get(c.channel);
      for (const key of ["values", "min", "max"]) {
        if (!c[key] || !all[key]) continue;
        while (all[key].length < times.length) all[key].push(null);
        for (const v of c[key]) all[key].push(v);
      }
    }
    for (const t of part.times) times.push(t);
  }
  for (const c of channels.values()) {
    for (const key of ["values", "min", "max"]) while (c[key] && c[key].length < times.length) c[key].push(null);
  }
  return { ...parts[0], to: parts.at(-1).to, times, channels: [...channels.values()].sort((a, b) => (a.channel < b.channel ? -1 : 1)) };
}

// columns are the times and, of each channel, its line and what is behind it.
function columns(series) {
  const { factor, amount } = series.shown;
  const now = Date.now() / 1000;
  const width = series.window_s;
  const times = series.times.map((t) => t + width / 2);
  const scale = (v) => (v == null ? null : v * factor);
  const line = (c) => c.values.map((v, i) => (amount && series.times[i] + width > now ? null : scale(v)));
  const behind = series.channels.map((c) => bandOf(series, c, scale));
  return { data: [times, ...series.channels.map(line), ...behind.flatMap((b) => b ?? [])], behind };
}

// bandOf is [high, low] of a channel: what is usual, or its range.
function bandOf(series, channel, scale) {
  const usual = JSON.parse(box.dataset.usual || "[]").find((u) => u.channel === channel.channel);
  if (usual) {
    if (series.window !== box.dataset.window) return null; // reckoned for other windows
    const pieces = usual.pieces;
    const at = (t) => pieces.find(([begin, length]) => t >= begin && t < begin + length);
    return [3, 2].map((k) => series.times.map((t) => at(t)?.[k] ?? null));
  }
  if (series.channels.length === 1 && channel.max) return [channel.max.map(scale), channel.min.map(scale)];
  return null;
}

const format = (options) => new Intl.DateTimeFormat(datesOf, { timeZone: zone, hour12: false, ...options });
const clock = format({ hour: "2-digit", minute: "2-digit" });
const dayMonth = format(lang === "en" ? { day: "numeric", month: "short" } : { day: "2-digit", month: "2-digit" });
const monthYear = format({ month: "short", year: "2-digit" });
const moment = format({ weekday: "short", day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit" });
const date = format({ weekday: "short", day: "2-digit", month: "2-digit", year: "numeric" });

function axisTimes(u, ticks, axis, space, step) {
  return ticks.map((t) => {
    const at = new Date(t * 1000);
    if (step >= 27 * day) return monthYear.format(at);
    if (step >= day) return dayMonth.format(at);
    const text = clock.format(at);
    return text === "00:00" && u.scales.x.max - u.scales.x.min > day ? dayMonth.format(at) : text;
  });
}

function options(series, behind) {
  const { decimals, unit, categories } = series.shown;
  const number = new Intl.NumberFormat(lang, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const axisNumber = new Intl.NumberFormat(lang, { maximumFractionDigits: 3 });
  const text = (v) => {
    if (v == null) return "–";
    if (categories) return categories[Math.round(v)] ?? "–";
    return number.format(v) + (unit ? "\u202f" + unit : "");
  };
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "13px system-ui, sans-serif" };
  const when = series.window_s >= day ? date : moment;
  const n = series.channels.length;
  const bands = [];
  let at = n + 1;
  behind.forEach((b, i) => {
    if (!b) return;
    bands.push({ series: [at, at + 1], fill: faded(colour(tones[i % tones.length]), i === 1 ? 0.13 : 0.2) });
    at += 2;
  });
  const hidden = () => ({ label: "", class: "behind", stroke: "transparent", width: 0, points: { show: false }, value: () => "", paths: uPlot.paths.stepped({ align: 1 }) });
  return {
    width: box.clientWidth,
    height: height(),
    tzDate: (t) => uPlot.tzDate(new Date(t * 1000), zone),
    cursor: { drag: { x: true, y: false, setScale: false }, y: false, focus: { prox: 24 } },
    select: { show: true },
    legend: { live: true, markers: { dash: (u, i) => samples[(i - 1) % samples.length], fill: () => "none" } },
    scales: {
      x: { time: true },
      y: categories
        ? { range: (u, min, max) => [Math.max(0, Math.floor(min)) - 0.5, Math.ceil(max) + 0.5] }
        : { range: (u, min, max) => uPlot.rangeNum(series.shown.amount ? Math.min(0, min ?? 0) : (min ?? 0), max ?? 1, 0.08, true) },
    },
    axes: [
      { ...axis, size: 34, space: 64, values: axisTimes },
      { ...axis, size: categories ? 96 : 56, incrs: categories ? [1] : undefined, values: (u, ticks) => ticks.map((v) => (categories ? (categories[v] ?? "") : axisNumber.format(v))) },
    ],
    bands,
    series: [
      { label: box.dataset.time, value: (u, t) => (t == null ? "" : when.format(new Date((t - series.window_s / 2) * 1000))) },
      ...series.channels.map((c, i) => ({
        label: c.name || box.dataset.label,
        stroke: colour(tones[i % tones.length]),
        dash: dashes[i % dashes.length],
        width: series.times.length > 5000 ? 1 : 2,
        points: { show: series.times.length < 40 ? true : undefined, size: 5 },
        paths: categories ? uPlot.paths.stepped({ align: 1 }) : undefined,
        value: (u, v) => text(v),
      })),
      ...bands.flatMap(() => [hidden(), hidden()]),
    ],
    hooks: {
      setSelect: [
        (u) => {
          if (u.select.width < 8) return;
          const from = u.posToVal(u.select.left, "x");
          const to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          show(from, to);
        },
      ],
      ready: [(u) => u.over.addEventListener("dblclick", () => show(whole.from, whole.to))],
    },
  };
}

function faded(tone, alpha) {
  return tone.length === 7 ? tone + Math.round(alpha * 255).toString(16).padStart(2, "0") : tone;
}

function height() {
  return box.clientWidth < 480 ? 220 : Math.min(340, Math.round(box.clientWidth * 0.4));
}

function draw(series) {
  const { data, behind } = columns(series);
  plot?.destroy();
  plot = new uPlot(options(series, behind), data);
  plot.setScale("x", { min: shown.from, max: shown.to });
  box.replaceChildren(plot.root);
  for (const key of box.parentElement.querySelectorAll(".key-line")) key.remove(); // the plot has its own
  const legend = box.parentElement.querySelector(".keys li");
  if (legend) legend.hidden = !behind.some(Boolean);
  plot.root.setAttribute("aria-hidden", "true"); // the table behind it is for everybody
  drawn = series;
  box.dataset.ready = series.window;
  say();
}

// windowWish is the window that the reader chose, or "" for what fits.
function windowWish() {
  return tools()?.querySelector("select").value || "";
}

async function reload() {
  const mine = ++load;
  const output = tools()?.querySelector("output");
  box.setAttribute("aria-busy", "true");
  if (output) output.textContent = output.dataset.loading;
  try {
    const series = await fetchSeries(shown.from, shown.to, windowWish());
    if (mine === load && series.channels.length) draw(series);
  } catch {
    // What is drawn stays: the server's drawing, or the last one.
  } finally {
    if (mine === load) {
      box.removeAttribute("aria-busy");
      say();
    }
  }
}

// help tells what a mouse can do, to whoever has one.
function help(output) {
  return matchMedia("(hover: hover)").matches ? output.dataset.help : "";
}

// say tells what is visible, and has the downloads give the same.
function say() {
  const output = tools()?.querySelector("output");
  const full = shown.from <= whole.from && shown.to >= whole.to;
  if (output) {
    const when = new Intl.DateTimeFormat(datesOf, { timeZone: zone, dateStyle: "medium", timeStyle: "short" });
    output.textContent = full ? help(output) : when.formatRange(new Date(shown.from * 1000), new Date(shown.to * 1000));
    const at = (name) => tools().querySelector(`[data-do=${name}]`);
    at("all").disabled = at("out").disabled = full;
    at("earlier").disabled = shown.from <= whole.from;
    at("later").disabled = shown.to >= whole.to;
    at("in").disabled = shown.to - shown.from <= 4 * Number(box.dataset.least);
  }
  if (!drawn) return;
  for (const link of document.querySelectorAll("[data-shown]")) {
    const url = new URL(link.href);
    url.searchParams.set("from", drawn.from);
    url.searchParams.set("to", drawn.to);
    url.searchParams.set("window", drawn.window);
    if (link.dataset.shown === "" && drawn.times.length > 10_000) url.searchParams.delete("window"); // more than one answer in JSON holds
    link.href = url.pathname + url.search;
  }
}

// show makes a part visible: at once with what there is, then with finer windows.
function show(from, to) {
  const least = 4 * Number(box.dataset.least);
  const length = Math.min(Math.max(to - from, least), whole.to - whole.from);
  const middle = (from + to) / 2;
  from = Math.min(Math.max(middle - length / 2, whole.from), whole.to - length);
  shown = { from: Math.round(from), to: Math.round(from + length) };
  plot?.setScale("x", { min: shown.from, max: shown.to });
  reload();
}

const moves = {
  in: (f, t, l) => [f + l / 4, t - l / 4],
  out: (f, t, l) => [f - l / 2, t + l / 2],
  earlier: (f, t, l) => [f - l / 2, t - l / 2],
  later: (f, t, l) => [f + l / 2, t + l / 2],
  all: () => [whole.from, whole.to],
};

function addTools() {
  const template = document.getElementById("chart-tools");
  if (!template || tools()) return;
  template.before(template.content.cloneNode(true));
  tools().addEventListener("click", (e) => {
    const move = moves[e.target.closest("button")?.dataset.do];
    if (move) show(...move(shown.from, shown.to, shown.to - shown.from));
  });
  tools().querySelector("select").addEventListener("change", reload);
}

async function begin() {
  box = document.getElementById("chart");
  plot?.destroy();
  plot = drawn = null;
  resize?.disconnect();
  if (!box) return;
  whole = { from: seconds(box.dataset.from), to: seconds(box.dataset.to) };
  shown = { ...whole };
  addTools();
  resize = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: height() }));
  resize.observe(box);
  await reload();
}

// Another quantity or span: the part of the page that the server renders for it
// takes the place of this one.
async function swap(link) {
  const panel = document.getElementById("verlauf");
  panel.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error("page: " + answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.getElementById("verlauf")) throw new Error("page: no chart");
    history.pushState(null, "", link.href.replace("#verlauf", ""));
    const focus = link.textContent;
    for (const id of ["verlauf", "mitnehmen", "zitieren", "einbetten"]) {
      const [old, next] = [document.getElementById(id), fresh.getElementById(id)];
      if (old && next) old.replaceChildren(...document.adoptNode(next).childNodes);
    }
    [...panel.querySelectorAll("[data-swap]")].find((a) => a.textContent === focus)?.focus({ preventScroll: true });
    await begin();
  } catch {
    location.href = link.href;
  } finally {
    panel.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (e) => {
  const link = e.target.closest?.("a[data-swap]");
  if (!link || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  e.preventDefault();
  swap(link);
});
addEventListener("popstate", () => location.reload());
document.addEventListener("modellregion:refreshed", (e) => {
  // What is short enough to see the new window in it moves on with the time.
  if (!box || !plot || shown.from > whole.from || shown.to < whole.to || windowWish() || whole.to - whole.from > 2 * day) return;
  const now = Date.now() / 1000;
  const least = Number(box.dataset.least);
  const late = Math.floor((now - whole.to) / least + 1) * least;
  if (late > 0) {
    whole = { from: whole.from + late, to: whole.to + late };
    shown = { ...whole };
  }
  reload();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn && draw(drawn));
await begin();
