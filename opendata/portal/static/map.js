// Draws the stations. Without tiles the outline of the state and the names of
// the towns are enough to find one's way.
const L = window.L;
const box = document.getElementById("map");
const query = new URLSearchParams(location.search);
const letters = new Map([...document.querySelectorAll(".legend [data-domain]")].map((e) => [e.dataset.domain, e.dataset.letter]));
const marks = new Map(); // by station id

const map = L.map(box, { zoomControl: false, zoomSnap: 0.25, minZoom: 6, maxZoom: 18, attributionControl: false });
L.control.zoom({ zoomInTitle: box.dataset.zoomIn, zoomOutTitle: box.dataset.zoomOut }).addTo(map);
map.setView([51.45, 7.6], 8);
if (box.dataset.tiles) {
  L.control.attribution({ prefix: false }).addTo(map);
  const tiles = L.tileLayer(box.dataset.tiles, { maxZoom: 18, attribution: box.dataset.attribution });
  tiles.once("tileload", () => box.classList.add("tiled"));
  tiles.addTo(map);
}

function icon(station, size) {
  const classes = ["station-mark", station.latest ? "" : "silent"];
  return L.divIcon({
    className: classes.join(" ").trim(),
    iconSize: [size, size],
    html: `<svg class="glyph ${station.domain}" viewBox="0 0 24 24" aria-hidden="true"><use href="#shape-${station.domain}"/><text x="12" y="16.4">${letters.get(station.domain) ?? ""}</text></svg>`,
  });
}

// From afar a town is one badge with the number of its stations.
const near = 10;

function markSize() {
  return map.getZoom() < 12 ? 18 : 24;
}

function switchDistance() {
  box.classList.toggle("far", map.getZoom() < near);
  box.classList.toggle("near", map.getZoom() >= near);
}

function popup(station, town) {
  const div = document.createElement("div");
  const add = (tag, text) => div.appendChild(document.createElement(tag)).append(text);
  add("strong", station.name);
  add("span", town ?? station.municipality);
  if (station.latest) add("b", station.latest.text);
  const link = document.createElement("a");
  link.href = box.dataset.station + encodeURIComponent(station.id);
  link.textContent = box.dataset.open;
  div.append(link);
  return div;
}

function shown(station) {
  const domain = query.get("domain");
  const town = query.get("municipality");
  return (!domain || domain === station.domain) && (!town || town === station.municipality);
}

let towns = new Map();

function draw(stations) {
  const seen = new Set();
  for (const station of stations.filter(shown)) {
    seen.add(station.id);
    const known = marks.get(station.id);
    if (known) {
      if (!known.station.latest !== !station.latest) known.layer.setIcon(icon(station, markSize()));
      known.station = station;
      continue;
    }
    const mark = { station };
    mark.layer = L.marker([station.lat, station.lon], { icon: icon(station, markSize()), keyboard: false, riseOnHover: true })
      .bindPopup(() => popup(mark.station, towns.get(mark.station.municipality)?.name), { closeButton: true })
      .addTo(map);
    marks.set(station.id, mark);
  }
  for (const [id, mark] of marks) {
    if (!seen.has(id)) {
      mark.layer.remove();
      marks.delete(id);
    }
  }
  for (const [id, town] of towns) badge(id, town);
}

function badge(id, town) {
  const count = [...marks.values()].filter((m) => m.station.municipality === id).length;
  if (count === town.count) return;
  town.count = count;
  town.badge?.remove();
  if (!count) return;
  const size = count < 10 ? 28 : count < 1000 ? 36 : 48;
  const text = document.createElement("span");
  text.textContent = new Intl.NumberFormat(document.documentElement.lang).format(count);
  town.badge = L.marker(town, { icon: L.divIcon({ className: "badge", iconSize: [size, size], html: text }), keyboard: false, title: town.name })
    .on("click", () => show(id))
    .addTo(map);
}

function bounds(municipality) {
  const points = [...marks.values()].filter((m) => !municipality || m.station.municipality === municipality).map((m) => m.layer.getLatLng());
  if (municipality && !points.length && towns.has(municipality)) points.push(towns.get(municipality));
  return points.length ? L.latLngBounds(points) : null;
}

function show(municipality) {
  const to = bounds(municipality);
  if (to) map.fitBounds(municipality ? to : to.pad(0.2), { padding: [24, 24], maxZoom: 13 });
}

function townButtons() {
  const nav = document.getElementById("towns");
  const add = (text, id) => {
    const button = nav.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => show(id));
  };
  add(box.dataset.region, "");
  for (const [id, town] of towns) {
    add(town.name, id);
    const name = document.createElement("span");
    name.textContent = town.name;
    L.marker(town, { icon: L.divIcon({ className: "", iconSize: [0, 0] }), keyboard: false, interactive: false })
      .bindTooltip(name, { permanent: true, direction: "right", offset: [18, 0], className: "town" })
      .addTo(map);
  }
}

async function load() {
  try {
    const answer = await fetch(box.dataset.stations);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

fetch(box.dataset.outline).then((a) => a.json()).then((outline) => {
  L.polygon(outline, { className: "land", interactive: false, smoothFactor: 0.5, stroke: true }).addTo(map).bringToBack();
});

const first = await load();
if (first) {
  towns = new Map(first.municipalities.map((m) => [m.id, { name: m.name, lat: m.lat, lng: m.lon }]));
  draw(first.stations);
  townButtons();
  show(query.get("municipality"));
}
switchDistance();
map.on("zoomend", () => {
  switchDistance();
  for (const { station, layer } of marks.values()) layer.setIcon(icon(station, markSize()));
});
document.addEventListener("modellregion:refreshed", async () => {
  const next = await load();
  if (next) draw(next.stations);
});
box.dataset.ready = "true";
