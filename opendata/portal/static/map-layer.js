// Draws any number of stations on one canvas. From afar stations of a cell are
// one circle with their number; the rim shows the shares of their levels. The
// canvas is larger than the map, so that moving it costs the browser no drawing
// until it ends.
const L = window.L;
const cell = 64; // px, of what is put together
const touch = 0.7; // of a cell, nearer than which two are one
const apart = 15; // the zoom from which nothing is

// dashes tell the level of a line without its colour.
const dashes = [[1, 7], [], [14, 5], [7, 5], [3, 4]];

// world is where a place is on a map of size 1, as EPSG:3857 has it.
function world(lat, lon) {
  const sin = Math.sin((lat * Math.PI) / 180);
  return [lon / 360 + 0.5, 0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI)];
}

// merged puts together what would touch, the smaller into the larger: two cells
// may have theirs at the border between them.
function merged(all, perSide) {
  all.sort((a, b) => b.n - a.n);
  const kept = [];
  const byCell = new Map();
  const key = (cx, cy) => cx * 2 ** 21 + cy;
  for (const one of all) {
    const x = one.x / one.n;
    const y = one.y / one.n;
    const [cx, cy] = [Math.floor(x * perSide), Math.floor(y * perSide)];
    let into = null;
    for (let dx = -1; dx <= 1 && !into; dx++) {
      for (let dy = -1; dy <= 1 && !into; dy++) {
        into = byCell.get(key(cx + dx, cy + dy))?.find((k) => Math.hypot(k.x / k.n - x, k.y / k.n - y) * perSide < touch) ?? null;
      }
    }
    if (!into) {
      kept.push(one);
      const at = key(cx, cy);
      byCell.set(at, [...(byCell.get(at) ?? []), one]);
      continue;
    }
    into.n += one.n;
    into.x += one.x;
    into.y += one.y;
    one.levels.forEach((n, level) => (into.levels[level] += n));
    into.west = Math.min(into.west, one.west);
    into.east = Math.max(into.east, one.east);
    into.north = Math.min(into.north, one.north);
    into.south = Math.max(into.south, one.south);
  }
  return kept;
}

// folded breaks a long name into lines, at spaces and behind hyphens.
function folded(name) {
  const lines = [""];
  for (const part of name.match(/[^\s-]+[\s-]*/g) ?? [name]) {
    if (lines.at(-1) && (lines.at(-1) + part).trimEnd().length > 16) lines.push("");
    lines[lines.length - 1] += part;
  }
  return lines.map((line) => line.trimEnd());
}

export const StationLayer = L.Renderer.extend({
  // style: shapes (paths in a box of 16), colours of the levels, card, ink,
  // onLevel, font, and whether to write the names of towns.
  initialize(style) {
    L.Renderer.prototype.initialize.call(this, { padding: 0.4, pane: "stations" });
    this.setStyle(style);
    this._of = { n: 0, lines: [], towns: [] };
    this._chosen = [];
    this._items = [];
    this._clusters = new Map();
  },

  setStyle(style) {
    this._style = style;
    this._shapes = style.shapes.map((path) => new Path2D(path));
    if (this._map) this._draw();
  },

  // setStations takes columns: lat, lon, level, letter, lines, towns.
  setStations(of) {
    const n = of.lat.length;
    this._of = { ...of, n, x: new Float64Array(n), y: new Float64Array(n) };
    for (let i = 0; i < n; i++) [this._of.x[i], this._of.y[i]] = world(of.lat[i], of.lon[i]);
    this._of.lines = of.lines.map((line) => ({ station: line.station, points: line.points.map(([lat, lon]) => world(lat, lon)) }));
    this._of.towns = of.towns.map((town) => ({ name: town.name, at: world(town.lat, town.lon) }));
  },

  // choose shows the stations of these indices alone.
  choose(chosen) {
    this._chosen = chosen;
    this._isChosen = new Uint8Array(this._of.n);
    for (const i of chosen) this._isChosen[i] = 1;
    this._clusters.clear();
    if (this._map) this._draw();
  },

  // at returns what is drawn at a point of the layer: nothing, a cluster, or
  // the stations there, the nearest first.
  at(point, reach) {
    const near = this._items
      .map((item) => ({ item, far: Math.hypot(item.x - point.x, item.y - point.y) - item.r }))
      .filter((one) => one.far <= reach)
      .sort((a, b) => a.far - b.far)
      .map((one) => one.item);
    if (!near.length) return null;
    if (near[0].cluster) return near[0];
    return { stations: near.filter((item) => !item.cluster).slice(0, 8).map((item) => item.station) };
  },

  getEvents() {
    return { ...L.Renderer.prototype.getEvents.call(this), move: this._follow };
  },

  _initContainer() {
    this._container = document.createElement("canvas");
    this._ctx = this._container.getContext("2d");
  },

  _destroyContainer() {
    this._container.remove();
    delete this._container;
  },

  _updatePaths() {}, // of a renderer of Leaflet's own vectors

  // _follow draws anew while the map is still moved when it is about to end.
  _follow() {
    if (this._map._animatingZoom || !this._bounds) return;
    const size = this._map.getSize();
    const min = this._map.containerPointToLayerPoint([0, 0]);
    if (!this._bounds.contains(L.bounds(min, min.add(size)))) this._update();
  },

  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const size = this._bounds.getSize();
    const scale = window.devicePixelRatio || 1;
    L.DomUtil.setPosition(this._container, this._bounds.min);
    this._container.width = Math.round(size.x * scale);
    this._container.height = Math.round(size.y * scale);
    this._container.style.width = `${size.x}px`;
    this._container.style.height = `${size.y}px`;
    this._draw();
  },

  // _grouped returns clusters and single stations at a zoom.
  _grouped(zoom) {
    const level = Math.min(Math.floor(zoom), apart);
    const known = this._clusters.get(level);
    if (known) return known;
    const { x, y } = this._of;
    const cells = new Map();
    const perSide = (256 * 2 ** level) / cell;
    for (const i of this._chosen) {
      const key = level >= apart ? i : Math.floor(x[i] * perSide) * 2 ** 21 + Math.floor(y[i] * perSide);
      let one = cells.get(key);
      if (!one) cells.set(key, (one = { n: 0, x: 0, y: 0, levels: [0, 0, 0, 0, 0], station: i, west: 1, east: 0, north: 1, south: 0 }));
      one.n++;
      one.x += x[i];
      one.y += y[i];
      one.levels[this._of.level[i]]++;
      one.west = Math.min(one.west, x[i]);
      one.east = Math.max(one.east, x[i]);
      one.north = Math.min(one.north, y[i]);
      one.south = Math.max(one.south, y[i]);
    }
    const all = level >= apart ? [...cells.values()] : merged([...cells.values()], perSide);
    for (const one of all) {
      one.x /= one.n;
      one.y /= one.n;
    }
    this._clusters.set(level, all);
    return all;
  },

  _draw() {
    if (!this._bounds) return;
    const scale = window.devicePixelRatio || 1;
    const zoom = this._map.getZoom();
    const size = 256 * 2 ** zoom;
    const origin = this._map.getPixelOrigin();
    const { min, max } = this._bounds;
    const ctx = this._ctx;
    ctx.setTransform(scale, 0, 0, scale, -min.x * scale, -min.y * scale);
    ctx.clearRect(min.x, min.y, max.x - min.x, max.y - min.y);
    const place = (x, y) => [x * size - origin.x, y * size - origin.y];
    if (zoom >= 11) this._drawLines(place);
    this._items = [];
    const seen = (x, y) => x > min.x - 30 && x < max.x + 30 && y > min.y - 30 && y < max.y + 30;
    for (const one of this._grouped(zoom)) {
      const [px, py] = place(one.x, one.y);
      if (!seen(px, py)) continue;
      if (one.n > 1) this._drawCluster(px, py, one);
      else this._drawStation(px, py, one.station, zoom >= 12 ? 11 : 8);
    }
    if (this._style.names) this._drawTowns(place, zoom);
  },

  _drawLines(place) {
    const ctx = this._ctx;
    ctx.lineCap = "butt";
    ctx.lineJoin = "round";
    for (const { station, points } of this._of.lines) {
      if (!this._isChosen[station]) continue;
      const level = this._of.level[station];
      const path = new Path2D();
      points.forEach(([x, y], i) => path[i ? "lineTo" : "moveTo"](...place(x, y)));
      ctx.setLineDash([]);
      ctx.lineWidth = 9;
      ctx.strokeStyle = this._style.card;
      ctx.stroke(path);
      ctx.setLineDash(dashes[level]);
      ctx.lineWidth = 5;
      ctx.strokeStyle = this._style.colours[level];
      ctx.stroke(path);
    }
    ctx.setLineDash([]);
  },

  // _drawTowns writes names where no tiles do: from afar below or above a town,
  // where they cover neither a circle nor each other; near by at its middle.
  _drawTowns(place, zoom) {
    const ctx = this._ctx;
    ctx.font = `650 13px ${this._style.font}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 4;
    ctx.lineJoin = "round";
    ctx.strokeStyle = this._style.land;
    ctx.fillStyle = this._style.ink;
    const line = 16;
    const taken = zoom < 12 ? this._items.map(({ x, y, r }) => ({ x, y, w: r, h: r })) : [];
    const free = (box) => !taken.some((t) => Math.abs(t.x - box.x) < t.w + box.w && Math.abs(t.y - box.y) < t.h + box.h);
    for (const town of this._of.towns) {
      const [x, middle] = place(...town.at);
      const lines = folded(town.name);
      const box = { x, w: Math.max(...lines.map((text) => ctx.measureText(text).width)) / 2 + 4, h: (lines.length * line) / 2 };
      const beside = zoom < 12 ? [26 + box.h, -26 - box.h] : [0];
      box.y = beside.map((by) => middle + by).find((y) => free({ ...box, y }));
      if (box.y === undefined) continue;
      taken.push(box);
      lines.forEach((text, i) => {
        const y = box.y + (i - (lines.length - 1) / 2) * line;
        ctx.strokeText(text, x, y);
        ctx.fillText(text, x, y);
      });
    }
  },

  _drawStation(x, y, station, r) {
    const ctx = this._ctx;
    const level = this._of.level[station];
    const shape = this._shapes[level];
    const zoom = r / 8;
    ctx.save();
    ctx.translate(x - r, y - r);
    ctx.scale(zoom, zoom);
    ctx.lineWidth = 3 / zoom;
    ctx.strokeStyle = this._style.card;
    ctx.stroke(shape);
    if (level === 0) {
      ctx.fillStyle = this._style.card;
      ctx.fill(this._shapes[1]);
    }
    ctx.fillStyle = this._style.colours[level];
    ctx.fill(shape);
    ctx.restore();
    if (r >= 11) {
      ctx.font = `700 11px ${this._style.font}`;
      ctx.textAlign = "center";
      ctx.textBaseline = "alphabetic";
      ctx.fillStyle = level === 0 ? this._style.ink : this._style.onLevel;
      ctx.fillText(this._of.letter[station], x, y + (level === 4 ? 7 : 4));
    }
    this._items.push({ x, y, r, station });
  },

  _drawCluster(x, y, one) {
    const ctx = this._ctx;
    const r = one.n < 10 ? 15 : one.n < 100 ? 18 : one.n < 1000 ? 21 : 25;
    const disc = (radius, colour) => {
      ctx.beginPath();
      ctx.arc(x, y, radius, 0, 2 * Math.PI);
      ctx.fillStyle = colour;
      ctx.fill();
    };
    disc(r + 1.5, this._style.card);
    let from = -Math.PI / 2;
    one.levels.forEach((n, level) => {
      if (!n) return;
      const to = from + (2 * Math.PI * n) / one.n;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.arc(x, y, r, from, to);
      ctx.fillStyle = this._style.colours[level];
      ctx.fill();
      from = to;
    });
    disc(r - 4.5, this._style.card);
    ctx.font = `700 12px ${this._style.font}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillStyle = this._style.ink;
    ctx.fillText(this._style.number(one.n), x, y + 0.5);
    this._items.push({ x, y, r, cluster: one });
  },

  // boundsOf returns the corners of a cluster.
  boundsOf(cluster) {
    const size = 256 * 2 ** this._map.getZoom();
    const place = (x, y) => this._map.unproject([x * size, y * size]);
    return L.latLngBounds(place(cluster.west, cluster.north), place(cluster.east, cluster.south));
  },
});
