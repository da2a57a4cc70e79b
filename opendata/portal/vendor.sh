#!/bin/sh
# Copies the map and chart libraries of package-lock.json into static/vendor,
# from where the portal embeds them. Needed only to change a version: edit
# package.json, run this, look at the page, commit what changed.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json "$work"
[ ! -f package-lock.json ] || cp package-lock.json "$work"
(cd "$work" && npm install --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --silent)
cp "$work/package-lock.json" .
rm -rf static/vendor
mkdir -p static/vendor
from="$work/node_modules"
# The maps of the minified sources are not shipped, nor are their addresses.
sed '/^\/\/# sourceMappingURL=/d' "$from/leaflet/dist/leaflet.js" >static/vendor/leaflet.js
cp "$from/leaflet/dist/leaflet.css" static/vendor/leaflet.css
cp "$from/leaflet/LICENSE" static/vendor/leaflet.LICENSE
cp "$from/uplot/dist/uPlot.iife.min.js" static/vendor/uplot.js
cp "$from/uplot/dist/uPlot.min.css" static/vendor/uplot.css
cp "$from/uplot/LICENSE" static/vendor/uplot.LICENSE
