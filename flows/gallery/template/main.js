"use strict";
// Header, tabs, theme, help, and what starts the page.
(() => {
  const { $, make, plural, say } = Page;
  const TABS = ["pairs", "plots", "changes", "rejects"], THEMES = ["system", "light", "dark"];
  const SIGNS = { system: "◐", light: "☀", dark: "☾" };
  let order = new Uint32Array(0);

  const fillCounts = () => {
    const { accepted, count, flaws, stages } = GALLERY.meta, photo = GALLERY.columns.item.photo;
    const [first] = stages;
    const scanned = first ? first.photos + first.photos_rejected + first.photos_aside : 0;
    const inPairs = new Set(photo.subarray(0, accepted)).size;
    const flawsInPairs = accepted < count ? GALLERY.columns.item.start[accepted] : flaws;
    for (const [number, name] of [[accepted, "pairs"], [flawsInPairs, "flaws"], [inPairs, "photos in pairs"], [scanned, "photos scanned"], [count - accepted, "refused"]]) {
      const entry = make("div");
      entry.append(make("dt", "", name), make("dd", "", number.toLocaleString("en")));
      $("counts").append(entry);
    }
  };

  // Tabs
  const select = (name) => {
    for (const tab of TABS) {
      const on = tab === name;
      $(`tab-${tab}`).setAttribute("aria-selected", String(on));
      $(`tab-${tab}`).tabIndex = on ? 0 : -1;
      $(`panel-${tab}`).hidden = !on;
    }
    if (name === "plots") Plots.draw(order, Tables.rejects());
  };
  for (const tab of TABS) {
    $(`tab-${tab}`).addEventListener("click", () => select(tab));
    $(`tab-${tab}`).addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const shown = TABS.filter((one) => !$(`tab-${one}`).hidden);
      const other = shown[(shown.indexOf(tab) + step + shown.length) % shown.length];
      select(other);
      $(`tab-${other}`).focus();
    });
  }

  // Theme
  const stored = () => { try { return localStorage.getItem("flawfactory-theme"); } catch { return null; } };
  const setTheme = (name) => {
    const theme = THEMES.includes(name) ? name : "system";
    if (theme === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = theme;
    $("theme").textContent = SIGNS[theme];
    $("theme").setAttribute("aria-label", `Colours: ${theme}`);
    $("theme").value = theme;
  };
  $("theme").addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf($("theme").value) + 1) % THEMES.length];
    setTheme(next);
    try { localStorage.setItem("flawfactory-theme", next); } catch { /* for this visit only */ }
  });
  setTheme(stored());

  // Help
  const KEYS = [
    ["List", [["← ↑ ↓ →", "move"], ["PgUp PgDn Home End", "move far"], ["Enter", "open"], ["/", "search"]]],
    ["Pictures", [["← →, K J", "previous, next pair"], ["Space", "flip between photo and flawed picture"], ["1 2 3", "photo, flawed, control"],
      ["V", "side by side, slider, single"], ["C", "compare with the control"], ["M", "mask"], ["Z", "whole picture, or the flaw"],
      ["+ −", "zoom; also the wheel, and drag to move"], ["F", "next flaw of the picture"], ["Esc", "back to the list"]]],
    ["Review", [["A", "accept, and go on"], ["R", "reject, and go on"], ["U", "undo"], ["N", "note"]]],
    ["Everywhere", [["?", "this help"]]],
  ];
  $("keys").append(...KEYS.map(([title, keys]) => {
    const section = make("section"), list = make("dl");
    list.append(...keys.flatMap(([key, what]) => [make("dt", "", key), make("dd", "", what)]));
    section.append(make("h3", "", title), list);
    return section;
  }));
  const help = () => { if (!$("help").open) $("help").showModal(); };
  $("help-open").addEventListener("click", help);

  const typing = (element) => element.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "?") help();
    else if (event.key === "/" && !$("viewer").open) { select("pairs"); $("search").focus(); }
    else return;
    event.preventDefault();
  });
  // Marks from the list: of the active card, if its picture has one flaw.
  $("grid").addEventListener("keydown", (event) => {
    const verdict = { a: "accept", r: "reject" }[event.key.toLowerCase()];
    if (event.ctrlKey || event.metaKey || event.altKey || !Marks.ready) return;
    if (event.key.toLowerCase() === "u") { say(Marks.undo() === null ? "Nothing to undo" : "Undone"); return; }
    const item = Grid.order[Grid.active];
    if (!verdict || item === undefined) return;
    const [first, last] = GALLERY.flawsOf(item);
    if (last - first > 1) { Viewer.open(Grid.active); return; }
    if (!GALLERY.digestOf(first)) return;
    GALLERY.load("records", item).then((record) => {
      Marks.set(first, `${GALLERY.peek("cards", item)[0].split("-")[0]}-${record.flaws[0].id}`, verdict);
      say(verdict === "accept" ? "Accepted" : "Rejected");
      Grid.activate(Grid.active + 1);
    });
  });
  $("filters-open").addEventListener("click", () => {
    const open = $("side").classList.toggle("open");
    $("filters-open").setAttribute("aria-expanded", String(open));
  });

  // Start
  Filters.on((found, want) => {
    order = found;
    const { count, accepted } = GALLERY.meta, verdict = $("verdict").value;
    const total = verdict === "accepted" ? accepted : verdict === "refused" ? count - accepted : count;
    const of = found.length === total ? plural(total, "item") : `${found.length.toLocaleString("en")} of ${plural(total, "item")}`;
    $("shown").textContent = want.photo === undefined ? of : `${of}: those of one photo`;
    $("none").hidden = found.length > 0;
    $("none").textContent = count ? "Nothing fits these filters." : "No pairs yet: run a build, then write the gallery again.";
    $("grid").hidden = !found.length;
    Grid.setOrder(found);
    if (!$("panel-plots").hidden) Plots.draw(order, Tables.rejects());
  });
  Grid.onOpen(Viewer.open);
  Plots.onChoose((changes) => { select("pairs"); Filters.set(changes); });
  Tables.onFind((key) => { select("pairs"); Filters.set({ q: key, change: "", verdict: "" }); });
  Marks.on(() => {
    $("mine-field").hidden = !Marks.ready;
    Grid.refresh();
  });
  const start = async () => {
    await GALLERY.loadColumns();
    performance.mark("columns");
    fillCounts();
    Filters.fill();
    Tables.start();
    await Filters.apply();
    Tables.filter();
    await Marks.start();
    if (Filters.values().mine) Filters.apply();
    document.documentElement.dataset.ready = "true";
  };
  start().catch((error) => { $("shown").textContent = `This page is incomplete (${error.message}): write it again with \`flawfactory view\`.`; });
})();
