"use strict";
// The list of cards: only the rows in view exist, and a card's part and thumbnail are read when it comes into view.
window.Grid = (() => {
  const { $, make, plural, toolBadge } = Page;
  const GAP = 14, WIDEST = 340, NARROWEST = 250, TEXT = 104, OVERSCAN = 2, MAX_HEIGHT = 15e6, FAST = 9, REQUESTS = 4;
  const box = $("grid"), space = $("space");
  let order = new Uint32Array(0), active = 0, columns = 1, width = 300, rowHeight = 250, open = () => {};
  const cards = new Map(), spare = [];
  let requested = new Set(), lastTop = 0, speed = 0, frame = 0, resting = 0;

  const measure = () => {
    const inner = box.clientWidth - 2 * GAP;
    columns = Math.max(1, Math.floor((inner + GAP) / ((inner < 2 * NARROWEST ? NARROWEST : (WIDEST + NARROWEST) / 2) + GAP)));
    width = Math.floor((inner - (columns - 1) * GAP) / columns);
    rowHeight = Math.round(width * 192 / 388) + TEXT + GAP;
  };
  const rows = () => Math.ceil(order.length / columns);
  // Browsers limit the height of an element. Beyond it the scroll bar is mapped to the list in proportion.
  const whole = () => rows() * rowHeight + GAP;
  const height = () => Math.min(whole(), MAX_HEIGHT);
  const ratio = () => {
    const free = height() - box.clientHeight;
    return free > 0 && whole() > MAX_HEIGHT ? (whole() - box.clientHeight) / free : 1;
  };
  const top = () => box.scrollTop * ratio();

  const newCard = () => {
    const card = make("div", "card");
    card.setAttribute("role", "option");
    card.addEventListener("click", () => { activate(card.place); open(card.place); });
    return card;
  };
  const fill = (card) => {
    const item = order[card.place], entry = GALLERY.peek("cards", item);
    card.id = `card-${card.place}`;
    card.setAttribute("aria-posinset", card.place + 1);
    card.setAttribute("aria-setsize", order.length);
    card.setAttribute("aria-selected", String(card.place === active));
    card.filled = Boolean(entry);
    const picture = make("span", "picture"), text = make("span", "text");
    if (!entry || !GALLERY.columns) {
      card.removeAttribute("data-id");
      text.append(make("span", "hidden", "loading"));
      card.replaceChildren(picture, text);
      return;
    }
    const [id, name, title, said, positional, byPerson] = entry;
    card.dataset.id = id;
    const tools = GALLERY.toolsOf(item), [first, last] = GALLERY.flawsOf(item);
    const reason = GALLERY.nameOf("reason", item), change = GALLERY.nameOf("change", item);
    const badges = make("span", "badges");
    badges.append(...tools.map(toolBadge));
    if (last - first > 1) badges.append(make("span", "badge", plural(last - first, "flaw")));
    if (reason) badges.append(make("span", "badge refused", reason));
    if (change) badges.append(make("span", "badge change", change));
    if (positional) badges.append(make("span", "badge", "positional"));
    if (byPerson) badges.append(make("span", "badge", "by a person"));
    badges.append(make("span", "split", GALLERY.nameOf("split", item)));
    for (const badge of [...badges.children].slice(1)) badge.before(" ");
    // The card's accessible name is its text, in which the spaces separate the words.
    text.append(badges, " ", make("span", "name", title), " ", make("span", "said", said), " ");
    const mark = card.mark = markOf(item);
    if (mark) {
      const sign = make("span", `mark ${mark}`, mark === "accept" ? "✓" : mark === "reject" ? "✕" : "✓✕");
      sign.setAttribute("aria-hidden", "true");
      const verdict = { accept: "You accepted it.", reject: "You rejected it.", both: "You accepted some and rejected others." }[mark];
      picture.append(sign);
      text.append(make("span", "hidden", verdict));
    }
    card.replaceChildren(picture, text);
    card.picture = `${GALLERY.picture("thumbs", name)}`;
    card.words = `Photo and flawed picture: ${title}`;
  };
  const markOf = (item) => {
    const [first, last] = GALLERY.flawsOf(item), found = new Set();
    for (let flaw = first; flaw < last; flaw++) if (Marks.codeOf(flaw)) found.add(Marks.codeOf(flaw));
    return found.size > 1 ? "both" : found.has(1) ? "accept" : found.has(2) ? "reject" : "";
  };
  const showPicture = (card) => {
    const image = make("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = card.words;
    image.src = card.picture;
    image.onerror = () => image.closest(".picture")?.classList.add("missing");
    card.firstChild.prepend(image);
    card.picture = "";
  };

  const draw = () => {
    frame = 0;
    const at = top(), shift = box.scrollTop - at;
    speed = Math.abs(at - lastTop);
    lastTop = at;
    const first = Math.max(0, Math.floor(at / rowHeight) - OVERSCAN) * columns;
    const last = Math.min(order.length, (Math.ceil((at + box.clientHeight) / rowHeight) + OVERSCAN) * columns);
    for (const [place, card] of cards) {
      if (place < first || place >= last) { cards.delete(place); spare.push(card); }
    }
    const fast = speed > FAST * rowHeight, missing = new Set();
    for (let place = last - 1; place >= first; place--) {
      let card = cards.get(place);
      if (!card) {
        card = spare.pop() ?? newCard();
        card.place = place;
        card.picture = "";
        cards.set(place, card);
        fill(card);
        space.insertBefore(card, cards.get(place + 1) ?? null);  // in the order of the list, for screen readers
      }
      const row = Math.floor(place / columns), column = place % columns;
      const where = `translate(${GAP + column * (width + GAP)}px, ${row * rowHeight + GAP + shift}px)`;
      if (card.where !== where) card.style.transform = card.where = where;
      if (!card.filled) missing.add(GALLERY.partOf("cards", order[place]));
      else if (card.picture && !fast) showPicture(card);
    }
    while (spare.length) spare.pop().remove();
    if (fast) { clearTimeout(resting); resting = setTimeout(() => { speed = 0; lastTop = top(); request(); }, 100); }
    else loadMissing(missing);
  };
  // What is in view now is read first; what a fast scroll passed is not read at all.
  const loadMissing = (missing) => {
    for (const part of missing) {
      if (requested.size >= REQUESTS) return;
      if (requested.has(part)) continue;
      requested.add(part);
      GALLERY.loadPart("cards", part).then(() => {
        requested.delete(part);
        for (const card of cards.values()) if (!card.filled) fill(card);
        performance.mark("cards");
        request();
      }, (error) => { $("shown").textContent = error.message; });
    }
  };
  const request = () => { if (!frame) frame = requestAnimationFrame(draw); };

  const layOut = () => {
    const kept = Math.floor(top() / rowHeight) * columns;
    measure();
    space.style.height = `${height()}px`;
    box.style.setProperty("--card-width", `${width}px`);
    box.style.setProperty("--card-height", `${rowHeight - GAP}px`);
    cards.forEach((card) => spare.push(card));
    cards.clear();
    box.scrollTop = Math.floor(kept / columns) * rowHeight / ratio();
    draw();
  };
  const setOrder = (found) => {
    order = found;
    active = 0;
    cards.forEach((card) => spare.push(card));
    cards.clear();
    space.style.height = `${height()}px`;
    box.scrollTop = lastTop = 0;
    point();
    draw();
  };
  // After marks have changed.
  const refresh = () => {
    for (const card of cards.values()) {
      if (!card.filled || card.mark === markOf(order[card.place])) continue;
      fill(card);
      showPicture(card);
    }
  };

  // Keyboard: the list keeps the focus and points to the active card.
  const point = () => {
    if (order.length) box.setAttribute("aria-activedescendant", `card-${active}`); else box.removeAttribute("aria-activedescendant");
    cards.forEach((card) => card.setAttribute("aria-selected", String(card.place === active)));
  };
  const activate = (place) => {
    active = Math.max(0, Math.min(order.length - 1, place));
    const y = Math.floor(active / columns) * rowHeight, at = top();
    if (y < at) box.scrollTop = y / ratio();
    else if (y + rowHeight + GAP > at + box.clientHeight) box.scrollTop = (y + rowHeight + GAP - box.clientHeight) / ratio();
    draw();
    point();
  };
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !order.length) return;
    const page = columns * Math.max(1, Math.floor(box.clientHeight / rowHeight));
    const moves = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page, Home: -order.length, End: order.length,
    };
    if (event.key in moves) activate(active + moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") open(active);
    else return;
    event.preventDefault();
  });
  box.addEventListener("scroll", request, { passive: true });
  new ResizeObserver(() => { if (box.clientWidth) layOut(); }).observe(box);

  return {
    setOrder, refresh, activate, draw: request, onOpen: (task) => { open = task; },
    get order() { return order; }, get active() { return active; }, focus: () => box.focus({ preventScroll: true }),
  };
})();
