// The map: stations as signs of their state, what to show of them, and how to
// get there. The address of the page says what is shown, so that it can be
// handed on.
import { StationLayer } from "./map-layer.js";
import { find, fold } from "./map-find.js";

const L = window.L;
const byId = (id) => document.getElementById(id);
const box = byId("map");
const words = box.dataset;
const filter = byId("map-filter");
const status = byId("map-status");
const legends = [...document.querySelectorAll(".legend [data-domain]")];
const names = new Map(); // of the levels, by domain
const letters = new Map(legends.map((e) => [e.dataset.domain, e.dataset.letter]));
for (const e of legends) names.set(e.dataset.domain, [...e.querySelectorAll(".level")].map((l) => l.textContent));
const number = new Intl.NumberFormat(document.documentElement.lang).format;

const map = L.map(box, { zoomControl: false, zoomSnap: 0.25, minZoom: 6, maxZoom: 18, attributionControl: false, scrollWheelZoom: false });
L.control.zoom({ zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(map);
L.control.scale({ imperial: false, maxWidth: 120, position: "topright" }).addTo(map);
// The wheel scrolls the page until somebody turns to the map.
map.on("focus click", () => map.scrollWheelZoom.enable());
map.on("blur", () => map.scrollWheelZoom.disable());
if (words.tiles) {
  L.control.attribution({ prefix: false }).addTo(map);
  const tiles = L.tileLayer(words.tiles, { maxZoom: 18, attribution: words.attribution });
  tiles.once("tileload", () => {
    box.classList.add("tiled");
    layer.setStyle(style());
  });
  tiles.addTo(map);
}

function style() {
  const css = getComputedStyle(document.documentElement);
  const token = (name) => css.getPropertyValue(name).trim();
  return {
    shapes: [...legends[0].querySelectorAll("path")].map((e) => e.getAttribute("d")),
    colours: [0, 1, 2, 3, 4].map((l) => token(`--level-${l}`)),
    card: token("--card"), ink: token("--ink"), land: token("--land"), onLevel: token("--on-level"),
    font: "system-ui, sans-serif", names: !box.classList.contains("tiled"), number,
  };
}

map.createPane("stations").style.zIndex = 450; // above outlines, below popups
const layer = new StationLayer(style());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => layer.setStyle(style()));

let stations = null; // columns, as the server has them
let entries = []; // of the search
let chosen = [];

// What is shown.

function choose() {
  const { domain, municipality } = filter.elements;
  const town = stations.towns.findIndex((t) => t.id === municipality.value);
  const field = stations.domains.indexOf(domain.value);
  chosen = [];
  for (let i = 0; i < stations.id.length; i++) {
    if ((field < 0 || stations.domain[i] === field) && (town < 0 || stations.town[i] === town)) chosen.push(i);
  }
  layer.choose(chosen);
  box.dataset.shown = chosen.length;
  for (const e of legends) e.hidden = Boolean(domain.value) && e.dataset.domain !== domain.value;
}

function say(text) {
  status.textContent = text;
}

function showAll() {
  const town = stations.towns.find((t) => t.id === filter.elements.municipality.value);
  const places = chosen.map((i) => [stations.lat[i], stations.lon[i]]);
  if (!places.length && town) places.push([town.lat, town.lon]);
  const none = !places.length; // then the region is seen from afar
  if (none) places.push(...stations.towns.map((t) => [t.lat, t.lon]));
  const edge = Math.min(44, map.getSize().x / 11); // room for names
  if (places.length) map.fitBounds(L.latLngBounds(places), { paddingTopLeft: [edge, 40], paddingBottomRight: [edge, 64], maxZoom: none ? 7.5 : 14 });
}

// The address: ?domain=…&municipality=…#map=zoom/lat/lon.

function query() {
  const { domain, municipality } = filter.elements;
  const q = new URLSearchParams(Object.entries({ domain: domain.value, municipality: municipality.value }).filter(([, v]) => v)).toString();
  return q && `?${q}`;
}

function remember() {
  const { lat, lng } = map.getCenter();
  history.replaceState(history.state, "", `${location.pathname}${query()}#map=${map.getZoom()}/${lat.toFixed(5)}/${lng.toFixed(5)}`);
  byId("map-list").search = query();
}

function goToHash() {
  const [zoom, lat, lon] = (/^#map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(location.hash) ?? []).slice(1).map(Number);
  if (![zoom, lat, lon].every(Number.isFinite) || Math.abs(lat) > 85 || Math.abs(lon) > 180) return false;
  map.setView([lat, lon], Math.min(Math.max(zoom, 6), 18), { animate: false });
  return true;
}

// What is at a place.

function card(i) {
  const div = document.createElement("div");
  const add = (tag, text, kind) => {
    const e = div.appendChild(document.createElement(tag));
    e.append(text);
    if (kind) e.className = kind;
  };
  const domain = stations.domains[stations.domain[i]];
  const link = document.createElement("a");
  link.href = words.station + encodeURIComponent(stations.id[i]);
  link.append(stations.name[i]);
  add("strong", link);
  add("span", stations.towns[stations.town[i]]?.name ?? "");
  if (stations.value[i]) add("b", stations.value[i]);
  const sign = legends.find((e) => e.dataset.domain === domain)?.querySelectorAll(".level")[stations.level[i]];
  if (sign) div.append(sign.cloneNode(true));
  return div;
}

function popup(of, at) {
  const div = document.createElement("div");
  div.append(...of.map(card));
  L.popup({ maxHeight: 240 }).setLatLng(at).setContent(div).openOn(map);
}

function showStation(i) {
  map.setView([stations.lat[i], stations.lon[i]], Math.max(map.getZoom(), 16), { animate: false });
  popup([i], [stations.lat[i], stations.lon[i]]);
}

map.on("click", (e) => {
  const hit = layer.at(e.layerPoint, L.Browser.touch ? 12 : 4);
  if (hit?.cluster) map.fitBounds(layer.boundsOf(hit.cluster).pad(0.2), { maxZoom: Math.max(map.getZoom() + 2, 15) });
  else if (hit) popup(hit.stations, [stations.lat[hit.stations[0]], stations.lon[hit.stations[0]]]);
});
map.on("mousemove", (e) => {
  box.classList.toggle("pointing", Boolean(layer.at(e.layerPoint, 4)));
});

// Search and the place where one is.

function setUpFind() {
  const add = (kind, index, text, note) => ({ kind, index, text, note, folded: fold(`${text} ${note}`) });
  entries = stations.towns.map((t, i) => add("town", i, t.name, words.town));
  for (let i = 0; i < stations.id.length; i++) entries.push(add("station", i, stations.name[i], stations.towns[stations.town[i]]?.name ?? ""));
}

find(byId("map-find"), byId("map-found"), () => entries, (entry) => {
  if (entry.kind === "town") {
    const town = stations.towns[entry.index];
    map.setView([town.lat, town.lon], 13, { animate: false });
    return;
  }
  if (!chosen.includes(entry.index)) {
    filter.reset();
    for (const e of filter.querySelectorAll("select")) e.value = "";
    choose();
  }
  showStation(entry.index);
}, (n) => say(n ? `${n} ${words.findCount}` : words.findNone));

byId("map-near").addEventListener("click", () => {
  say(words.nearBusy);
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      const here = [coords.latitude, coords.longitude];
      say(words.you);
      map.setView(here, 14, { animate: false });
      L.popup().setLatLng(here).setContent(document.createTextNode(words.you)).openOn(map);
    },
    () => say(words.nearFailed),
    { timeout: 15_000, maximumAge: 60_000 },
  );
});
byId("map-near").hidden = !navigator.geolocation;

filter.addEventListener("change", () => {
  if (!stations) return;
  choose();
  showAll();
  remember();
  say(`${number(chosen.length)} ${words.shownAs}`);
});
filter.addEventListener("submit", (e) => e.preventDefault());
for (const e of filter.querySelectorAll("button, a")) e.hidden = true; // what is chosen is shown at once
byId("map-tools").hidden = false;

// Data.

let loaded = "";

async function load() {
  const url = document.querySelector("#map-data [data-url]").dataset.url;
  if (url === loaded) return false;
  try {
    const answer = await fetch(url);
    if (!answer.ok) return false;
    stations = await answer.json();
  } catch {
    return false; // offline: what is drawn stays
  }
  loaded = url;
  layer.setStations({ ...stations, letter: stations.domain.map((d) => letters.get(stations.domains[d]) ?? "") });
  choose();
  setUpFind();
  if (!stations.id.length) say(words.none);
  return true;
}

// The outline of the state is there before the tiles, and where none come.
fetch(words.outline).then((a) => a.json()).then((outline) => {
  L.polygon(outline, { className: "land", interactive: false, smoothFactor: 0.5, stroke: true }).addTo(map).bringToBack();
});
const linked = goToHash();
if (!linked) map.setView([51.45, 7.6], 8);
layer.addTo(map);
if (await load()) {
  if (linked) box.scrollIntoView();
  else showAll();
}
map.on("moveend", remember);
window.addEventListener("hashchange", goToHash);
document.addEventListener("modellregion:refreshed", load);
performance.mark("map-shown");
box.dataset.ready = "true";
