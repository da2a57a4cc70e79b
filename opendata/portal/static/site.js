// On every page: an open menu closes with Escape, or when one goes elsewhere.
const menus = document.querySelectorAll("details.menu");

document.addEventListener("keydown", (e) => {
  if (e.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
for (const kind of ["click", "focusin"]) {
  document.addEventListener(kind, (e) => {
    for (const menu of menus) if (!menu.contains(e.target)) menu.open = false;
  });
}
