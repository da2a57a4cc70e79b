// Keeps the page current without a reload: fetches the same page now and then
// and takes over the parts marked data-live. The server renders, so there is
// one place that knows how a number looks.
const every = 15_000;

async function refresh() {
  if (document.hidden) return;
  let text;
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // offline: what is shown carries its time
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (fresh.getElementById("chart") && !document.getElementById("chart")) {
    location.reload(); // the first data, or the first of this station: a chart has to be set up
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || next.innerHTML === part.innerHTML) continue;
    if (part.contains(document.activeElement)) takeValues(part, next);
    else part.innerHTML = next.innerHTML;
  }
  document.dispatchEvent(new Event("modellregion:refreshed"));
}

// While somebody tabs through a part, its elements stay and only values change.
function takeValues(part, next) {
  const values = new Map([...next.querySelectorAll("[data-key]")].map((e) => [e.dataset.key, e.textContent]));
  for (const e of part.querySelectorAll("[data-key]")) {
    const value = values.get(e.dataset.key);
    if (value !== undefined && value !== e.textContent) e.textContent = value;
  }
}

setInterval(refresh, every);
document.addEventListener("visibilitychange", refresh);
