// The field that searches what is on the map: a combobox with a list, as the
// ARIA Authoring Practices have it.
const most = 8;

// fold makes texts comparable as the server does: ß and ss, ö, oe and o.
export function fold(text) {
  return text.toLowerCase().replaceAll("ß", "ss").normalize("NFD").replace(/\p{M}/gu, "").replace(/([aou])e/g, "$1");
}

// find has the input offer what entries() returns, { text, note, folded }, and
// calls choose with the one that is chosen.
export function find(input, list, entries, choose, words) {
  let shown = [];
  let active = -1;

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const mark = (i) => {
    active = i;
    [...list.children].forEach((e, n) => e.setAttribute("aria-selected", String(n === i)));
    if (i < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[i].id);
      list.children[i].scrollIntoView({ block: "nearest" });
    }
  };

  const take = (i) => {
    const entry = shown[i];
    if (!entry) return;
    input.value = entry.text;
    close();
    choose(entry);
  };

  const open = () => {
    const wanted = fold(input.value).split(/\s+/).filter(Boolean);
    if (!wanted.length) return close();
    shown = [];
    for (const entry of entries()) {
      if (wanted.every((word) => entry.folded.includes(word))) shown.push(entry);
      if (shown.length === most) break;
    }
    list.replaceChildren(
      ...shown.map((entry, i) => {
        const item = document.createElement("li");
        item.id = `${list.id}-${i}`;
        item.role = "option";
        const note = document.createElement("small");
        note.textContent = entry.note;
        item.append(entry.text, " ", note);
        item.addEventListener("pointerdown", (e) => e.preventDefault()); // the input keeps the focus
        item.addEventListener("click", () => take(i));
        return item;
      }),
    );
    list.hidden = !shown.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(-1);
    words(shown.length);
  };

  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && !list.hidden) close();
    else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      if (list.hidden) open();
      if (!shown.length || list.hidden) return;
      mark((active + (e.key === "ArrowDown" ? 1 : -1 + (active < 0)) + shown.length) % shown.length);
    } else if (e.key === "Enter") {
      e.preventDefault();
      if (list.hidden) open();
      take(Math.max(active, 0));
    } else return;
    if (e.key !== "Enter") e.preventDefault();
  });
}
