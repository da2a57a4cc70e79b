// Replaces the server's drawing of the course by one that can be read with the
// pointer. The numbers and their table stay the server's.
const uPlot = window.uPlot;
const box = document.getElementById("chart");
const lang = document.documentElement.lang;
const zone = "Europe/Berlin";
const dashes = [[], [9, 5], [2, 5], [12, 4, 2, 4]];

async function load() {
  try {
    const answer = await fetch(box.dataset.series);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function colour(name) {
  return getComputedStyle(box).getPropertyValue(name).trim();
}

function options(series) {
  const { factor, decimals, unit, categories } = series.shown;
  const format = new Intl.NumberFormat(lang, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const axisFormat = new Intl.NumberFormat(lang, { maximumFractionDigits: 3 });
  const clock = new Intl.DateTimeFormat(lang, { timeZone: zone, hour: "2-digit", minute: "2-digit", hour12: false });
  const day = new Intl.DateTimeFormat(lang, { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false });
  const text = (v) => {
    if (v == null) return "–";
    if (categories) return categories[Math.round(v)] ?? "–";
    return format.format(v) + (unit ? "\u202f" + unit : "");
  };
  const tones = ["--tone", "--ink", "--quiet", "--tone"].map(colour);
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "13px system-ui, sans-serif" };
  return {
    factor,
    width: box.clientWidth,
    height: 240,
    tzDate: (t) => uPlot.tzDate(new Date(t * 1000), zone),
    cursor: { drag: { x: false, y: false }, y: false },
    legend: { live: true },
    scales: { x: { time: true }, y: categories ? { range: (u, min, max) => [Math.max(0, Math.floor(min) - 0.5), Math.ceil(max) + 0.5] } : {} },
    axes: [
      { ...axis, values: (u, ticks) => ticks.map((t) => clock.format(new Date(t * 1000))) },
      { ...axis, size: categories ? 88 : 56, incrs: categories ? [1] : undefined, values: (u, ticks) => ticks.map((v) => (categories ? (categories[v] ?? "") : axisFormat.format(v))) },
    ],
    series: [
      { label: box.dataset.time, value: (u, t) => (t == null ? "" : day.format(new Date(t * 1000))) },
      ...series.channels.map((c, i) => ({
        label: c.name || document.querySelector("figcaption")?.firstChild.textContent.trim() || series.quantity,
        stroke: tones[i % tones.length],
        dash: dashes[i % dashes.length],
        width: 2,
        points: { show: series.times.length < 40 },
        paths: categories ? uPlot.paths.stepped({ align: 1 }) : undefined,
        value: (u, v) => text(v),
      })),
    ],
  };
}

let plot = null;

function draw(series) {
  const { factor, ...opts } = options(series);
  const middle = series.window_s / 2;
  const data = [series.times.map((t) => t + middle), ...series.channels.map((c) => c.values.map((v) => (v == null ? null : v * factor)))];
  if (plot && plot.series.length === opts.series.length) {
    plot.setData(data);
    return;
  }
  plot?.destroy();
  plot = new uPlot(opts, data);
  box.replaceChildren(plot.root);
  box.parentElement.querySelector(".keys")?.remove(); // the plot has its own
  plot.root.setAttribute("aria-hidden", "true"); // the table behind it is for everybody
  box.dataset.ready = "true";
}

async function refresh() {
  const series = await load();
  if (series?.channels.length) draw(series);
}

if (box) {
  await refresh();
  document.addEventListener("modellregion:refreshed", refresh);
  new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: 240 })).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot?.destroy();
    plot = null;
    refresh();
  });
}
