"use strict";
// The page's data. Scripts below data/ hand it over with GALLERY.receive(), since a page from file:// may not fetch.
// Names, words and messages come from photos and models: they enter the page as text, never as HTML.
window.GALLERY = (() => {
  const KEPT_RECORDS = 40;
  const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
  const parts = new Map(), waiting = new Map();
  const gallery = { meta: null, columns: null, pixels: null };

  const receive = (name, number, content) => {
    if (name === "meta") gallery.meta = content;
    else parts.set(`${name}/${number}`, content);
  };
  const read = (path, key) => {
    if (parts.has(key)) return Promise.resolve(parts.get(key));
    if (waiting.has(key)) return waiting.get(key);
    const promise = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = path;
      script.onload = () => { script.remove(); waiting.delete(key); resolve(parts.get(key)); };
      script.onerror = () => { script.remove(); waiting.delete(key); reject(new Error(`${path} cannot be read`)); };
      document.head.append(script);
    });
    waiting.set(key, promise);
    return promise;
  };
  const decode = ([type, text]) => {
    const letters = atob(text), bytes = new Uint8Array(letters.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = letters.charCodeAt(at);
    return new TYPES[type](bytes.buffer);
  };
  const decodeAll = (columns) => {
    const found = { item: {}, flaw: {} };
    for (const [name, column] of Object.entries(columns)) {
      const [owner, field] = name.split(".");
      found[owner][field] = decode(column);
    }
    return found;
  };
  const whole = async (name) => {
    const content = await read(`data/${name}.js`, `${name}/0`);
    parts.delete(`${name}/0`);
    return content;
  };
  const loadColumns = async () => { gallery.columns = decodeAll(await whole("columns")); };
  const loadPixels = async () => { gallery.pixels = decode(await whole("pixels")); };

  // Parts: entry `index` is in file index / size.
  const partOf = (name, index) => Math.floor(index / gallery.meta.parts[name]);
  const peek = (name, index) => parts.get(`${name}/${partOf(name, index)}`)?.[index % gallery.meta.parts[name]];
  const loadPart = (name, number) => read(`data/${name}/${number}.js`, `${name}/${number}`);
  const load = async (name, index) => {
    await loadPart(name, partOf(name, index));
    const entry = peek(name, index);
    if (name === "records") forget(partOf(name, index));
    return entry;
  };
  const recent = [];
  const forget = (number) => {
    const place = recent.indexOf(number);
    if (place >= 0) recent.splice(place, 1);
    recent.push(number);
    if (recent.length > KEPT_RECORDS) parts.delete(`records/${recent.shift()}`);
  };
  const has = (name, number) => parts.has(`${name}/${number}`);
  const partCount = (name, entries) => Math.ceil(entries / gallery.meta.parts[name]);

  // Items and flaws
  const flawsOf = (item) => {
    const { start } = gallery.columns.item;
    return [start[item], item + 1 < start.length ? start[item + 1] : gallery.meta.flaws];
  };
  const nameOf = (column, row) => {
    const owner = column in gallery.columns.item ? "item" : "flaw";
    return gallery.meta.names[column][gallery.columns[owner][column][row]];
  };
  const toolsOf = (item) => {
    const [from, to] = flawsOf(item), found = new Set();
    for (let flaw = from; flaw < to; flaw++) found.add(nameOf("tool", flaw));
    return [...found];
  };
  const digestOf = (flaw) => {
    const bytes = gallery.pixels?.subarray(32 * flaw, 32 * flaw + 32);
    if (!bytes || bytes.length < 32 || bytes.every((byte) => byte === 0)) return "";
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const picture = (kind, name) => `images/${kind}/${name.slice(0, 2)}/${name.slice(2)}.webp`;

  return Object.assign(gallery, {
    receive, loadColumns, loadPixels, load, loadPart, peek, has, partOf, partCount, decode, flawsOf, nameOf, toolsOf, digestOf, picture,
  });
})();

// Elements
window.Page = (() => {
  const $ = (id) => document.getElementById(id);
  const make = (tag, className = "", text = "") => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.textContent = text;
    return element;
  };
  const drawn = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const plural = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
  const options = (select, values, all) => {
    const kept = select.value;
    select.replaceChildren(new Option(all, ""), ...values.map(([value, text]) => new Option(text ?? value, value)));
    select.value = values.some(([value]) => value === kept) ? kept : "";
  };
  const COLOURS = 8;
  const toolBadge = (tool) => {
    const badge = make("span", "badge tool", tool);
    badge.style.setProperty("--c", `var(--tool-${Math.max(0, GALLERY.meta.names.tool.indexOf(tool)) % COLOURS})`);
    return badge;
  };
  const say = (text) => { $("say").textContent = text; };
  const soon = (task, wait) => {
    let timer = 0;
    return (...words) => { clearTimeout(timer); timer = setTimeout(() => task(...words), wait); };
  };
  return { $, make, drawn, plural, options, toolBadge, say, soon, COLOURS };
})();
