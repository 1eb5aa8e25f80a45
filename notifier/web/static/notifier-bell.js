// <notifier-bell url="https://notifier.example" user="bob" token-url="/notifier-token">: a person's feed behind a bell.
// The title, how many are unread, what opens and closes, and what an empty list says; an attribute changes one.
const WORDS = {
  en: ["Notifications", "# unread", "Mark all as read", "Mark as read", "Older", "Nothing yet.", "This could not be loaded. Try again"],
  de: ["Mitteilungen", "# ungelesen", "Alle als gelesen markieren", "Als gelesen markieren", "Ältere", "Noch nichts.", "Das ließ sich nicht laden. Noch einmal versuchen"],
  es: ["Notificaciones", "# sin leer", "Marcar todo como leído", "Marcar como leída", "Anteriores", "Todavía nada.", "No se pudo cargar. Reintentar"],
  pt: ["Notificações", "# não lidas", "Marcar tudo como lido", "Marcar como lida", "Anteriores", "Nada ainda.", "Não foi possível carregar. Tentar de novo"],
  ar: ["الإشعارات", "غير المقروءة: #", "تعليم الكل كمقروء", "تعليم كمقروء", "الأقدم", "لا شيء بعد.", "تعذّر التحميل. حاول مرة أخرى"],
  ja: ["通知", "未読 # 件", "すべて既読にする", "既読にする", "以前の通知", "まだ何もありません。", "読み込めませんでした。もう一度試す"],
};
const STEPS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const LOOK = `
:host { --_accent: var(--notifier-accent, light-dark(#3750c8, #9db0ff)); --_ground: var(--notifier-ground, light-dark(#fff, #1a202a));
  --_ink: var(--notifier-ink, light-dark(#1c2430, #e4e8ef)); --_soft: var(--notifier-soft, light-dark(#596475, #9aa6b8));
  --_line: var(--notifier-line, light-dark(#dfe3ea, #2d3543)); display: inline-block; position: relative; font: inherit; }
:host([hidden]), [hidden] { display: none !important; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; border-radius: 6px; }
.bell { position: relative; width: 2.75rem; height: 2.75rem; display: grid; place-items: center; border-radius: 50%; }
.bell:hover { background: color-mix(in srgb, currentColor 9%, transparent); }
.badge { position: absolute; inset-block-start: .1rem; inset-inline-end: 0; min-width: 1.25rem; padding: 0 .3rem; border-radius: 1rem;
  box-sizing: border-box; background: #c22121; color: #fff; font: 700 .75rem/1.25rem system-ui, sans-serif; text-align: center; }
.panel { position: absolute; inset-block-start: 100%; inset-inline-end: 0; z-index: 1000; width: var(--notifier-width, 23rem);
  max-height: min(32rem, 75vh); overflow: auto; box-sizing: border-box; background: var(--_ground); color: var(--_ink);
  border: 1px solid var(--_line); border-radius: 14px; box-shadow: 0 8px 30px #0003; text-align: start; font-size: .95rem; line-height: 1.4; }
@media (max-width: 30rem) { .panel { position: fixed; inset: auto .5rem; width: auto; } }
header { position: sticky; inset-block-start: 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between;
  padding: .8rem 1rem; background: inherit; border-block-end: 1px solid var(--_line); z-index: 1; }
h2 { font: inherit; font-weight: 700; margin: 0; }
ul { list-style: none; margin: 0; padding: 0; }
li { display: flex; align-items: flex-start; border-block-end: 1px solid var(--_line); }
li:hover { background: color-mix(in srgb, var(--_accent) 7%, transparent); }
.go { flex: 1; min-width: 0; display: flex; gap: .75rem; padding: .75rem 0 .75rem 1rem; padding-inline: 1rem 0; color: inherit; text-decoration: none; text-align: start; }
.face { flex: none; display: grid; place-items: center; width: 2.25rem; height: 2.25rem; border-radius: 50%; overflow: hidden; font-weight: 700;
  background: color-mix(in srgb, var(--_accent) 18%, transparent); color: var(--_accent); }
.face img { width: 100%; height: 100%; object-fit: cover; }
.text { display: block; overflow-wrap: anywhere; }
.new .text { font-weight: 600; }
time, .none { color: var(--_soft); font-size: .85rem; }
.none { margin: 0; padding: 2rem 1rem; text-align: center; }
.mark { flex: none; width: 2.5rem; height: 2.75rem; display: grid; place-items: center; }
.mark::before { content: ""; width: .7rem; height: .7rem; border-radius: 50%; background: var(--_accent); }
.act { color: var(--_accent); font-size: .88rem; }
.more { width: 100%; padding: .8rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }`;
let look;

const make = (tag, given, ...inside) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) name in made ? (made[name] = value) : made.setAttribute(name, value);
  made.append(...inside.filter(Boolean));
  return made;
};

function icon() {
  const at = (tag, given) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
    return made;
  };
  const drawn = at("svg", { viewBox: "0 0 24 24", width: 24, height: 24, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "aria-hidden": true });
  drawn.append(at("path", { "stroke-linejoin": "round", "stroke-linecap": "round", d: "M6 9a6 6 0 0 1 12 0c0 5 2 6.5 2 7.5H4C4 15.5 6 14 6 9Zm4 10.5a2.2 2.2 0 0 0 4 0" }));
  return drawn;
}

// Its `getToken` property may be a function that gives a token, in place of `token-url`, which answers {"token": "…"}.
export const define = (Notifier) => customElements.get("notifier-bell") || customElements.define("notifier-bell", class extends HTMLElement {
  static observedAttributes = ["url", "user", "token", "token-url", "lang"];
  items = new Map();
  rows = new Map();
  unread = 0;

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.#begin();
  }

  disconnectedCallback() { this.#end(); }

  attributeChangedCallback(_, before, now) {
    if (before !== now && this.isConnected && this.shadowRoot) { this.#end(); this.#begin(); }
  }

  #build() {
    look ??= new CSSStyleSheet();
    look.replaceSync(LOOK);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [look];
    this.badge = make("span", { className: "badge", part: "badge", hidden: true, ariaHidden: "true" });
    this.button = make("button", { className: "bell", part: "button", type: "button", ariaExpanded: "false", "aria-controls": "panel", onclick: () => this.toggle() }, icon(), this.badge);
    this.heading = make("h2", {});
    this.all = make("button", { className: "act", part: "act", type: "button", onclick: () => this.#note("read", { before: this.#newest() }) });
    this.list = make("ul", { part: "list" });
    this.none = make("p", { className: "none", part: "empty" });
    this.more = make("button", { className: "act more", part: "act", type: "button", onclick: () => this.#load(this.cursor) });
    this.panel = make("section", { id: "panel", className: "panel", part: "panel", hidden: true }, make("header", { part: "header" }, this.heading, this.all), this.list, this.none, this.more);
    this.status = make("p", { className: "unseen", role: "status" });
    root.append(this.button, this.panel, this.status);
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.hidden) { this.toggle(false); this.button.focus(); }
    });
  }

  #begin() {
    const url = this.getAttribute("url") || new URL(import.meta.url).origin, user = this.getAttribute("user");
    const lang = this.closest("[lang]")?.lang || navigator.language;
    const spoken = WORDS[lang.split("-")[0].toLowerCase()] ? lang : "en";
    this.words = WORDS[spoken.split("-")[0].toLowerCase()];
    this.ago = new Intl.RelativeTimeFormat(spoken, { numeric: "auto", style: "short" });
    Object.assign(this.panel, { lang: spoken, dir: spoken.startsWith("ar") ? "rtl" : "ltr", ariaLabel: this.words[0] });
    this.heading.textContent = this.words[0];
    this.all.textContent = this.words[2];
    const [token, from] = [this.getAttribute("token") || "", this.getAttribute("token-url")];
    const getToken = this.getToken ?? (from && (async () => (await (await fetch(from)).json()).token));
    if (!user || !(token || getToken)) return;
    this.notifier = new Notifier({ url, user, token, getToken });
    this.going = new AbortController();
    const { signal } = this.going;
    document.addEventListener("click", (event) => { if (!event.composedPath().includes(this)) this.toggle(false); }, { signal });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && Date.now() - this.notifier.heard > 60_000) this.#load(); // a phone that slept heard nothing
    }, { signal });
    this.clock = setInterval(() => { if (!this.panel.hidden) this.#tell(); }, 30_000);
    this.#load().then(() => { if (!signal.aborted) this.stop = this.notifier.listen((said) => this.#hear(said)); });
    this.notifier.heal().catch((error) => this.dispatchEvent(new CustomEvent("notifier-error", { detail: error })));
  }

  #end() {
    this.going?.abort();
    this.stop?.();
    clearInterval(this.clock);
    this.items.clear();
    this.stop = this.going = this.notifier = undefined;
    this.#draw();
  }

  toggle(open = this.panel.hidden) {
    this.panel.hidden = !open;
    this.button.ariaExpanded = String(open);
    if (!open || !this.notifier) return;
    this.#draw();
    if ([...this.items.values()].some((item) => !item.seen_at)) this.#note("seen", { before: this.#newest() });
  }

  async #load(cursor) {
    const notifier = this.notifier;
    try {
      const page = await notifier.feed(cursor);
      if (notifier !== this.notifier) return;
      if (!cursor) this.items.clear();
      for (const item of page.data) this.items.set(item.id, item);
      Object.assign(this, { cursor: page.next_cursor, unread: page.unread, failed: false });
    } catch { this.failed = true; } // the panel says so, with a button to try again
    this.#draw();
  }

  async #note(how, which) {
    try { await this.notifier.note(how, which); } catch { this.failed = true; this.#draw(); }
  }

  #hear({ name, data }) {
    if (name === "reload") return this.#load();
    if (name === "refused") this.failed = true;
    if (name === "gone") this.items.delete(data.id);
    if (name === "item" && (this.items.has(data.id) || !this.cursor || data.updated_at > this.#oldest())) {
      const before = this.items.get(data.id);
      this.items.set(data.id, data);
      if (!data.read_at && before?.updated_at !== data.updated_at) this.status.textContent = data.text;
    }
    if (name === "read" || name === "seen") {
      for (const item of this.items.values()) {
        if (data.ids?.includes(item.id) || item.updated_at <= data.before) item[`${name}_at`] ??= new Date().toISOString();
      }
    }
    if (data?.unread !== undefined) this.unread = data.unread;
    this.#draw();
  }

  #newest() { return this.#sorted()[0]?.updated_at ?? new Date().toISOString(); }
  #oldest() { return this.#sorted().at(-1)?.updated_at ?? ""; }
  #sorted() { return [...this.items.values()].sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)); }

  #draw() {
    const label = this.unread ? `${this.words[0]}: ${this.words[1].replace("#", this.unread)}` : this.words[0];
    this.button.ariaLabel = this.button.title = label;
    this.badge.textContent = this.unread > 99 ? "99+" : this.unread;
    this.badge.hidden = !this.unread;
    if (this.told !== this.unread) this.dispatchEvent(new CustomEvent("notifier-unread", { bubbles: true, detail: { unread: this.unread } }));
    this.told = this.unread;
    if (this.panel.hidden) return;
    this.all.hidden = !this.unread;
    this.more.hidden = !this.cursor && !this.failed;
    this.more.textContent = this.words[this.failed ? 6 : 4];
    this.none.hidden = this.items.size || this.failed;
    this.none.textContent = this.getAttribute("empty") ?? this.words[5];
    this.#rows();
    this.#tell();
  }

  // A row that stays keeps its place in the page, and so the focus in it.
  #rows() {
    const sorted = this.#sorted();
    for (const [id, row] of this.rows) if (!this.items.has(id)) { row.remove(); this.rows.delete(id); }
    sorted.forEach((item, place) => {
      const row = this.rows.get(item.id) ?? make("li", {});
      const now = JSON.stringify({ ...item, seen_at: "", read_at: Boolean(item.read_at) }); // all that is drawn
      if (row.drawn !== now) {
        const focused = [...row.children].indexOf(this.shadowRoot.activeElement);
        row.className = item.read_at ? "" : "new";
        row.part = item.read_at ? "item" : "item unread";
        row.replaceChildren(this.#link(item), ...(item.read_at ? [] : [this.#mark(item)]));
        row.drawn = now;
        if (focused >= 0) (row.children[focused] ?? row.firstChild).focus();
      }
      this.rows.set(item.id, row);
      if (this.list.children[place] !== row) this.list.insertBefore(row, this.list.children[place] ?? null);
    });
  }

  #link(item) {
    const [actor] = item.actors, [initial] = actor?.name || actor?.id || "•";
    const face = make("span", { className: "face", ariaHidden: "true" }, initial.toUpperCase());
    const onerror = () => face.replaceChildren(initial.toUpperCase());
    if (actor?.avatar) face.replaceChildren(make("img", { alt: "", referrerPolicy: "no-referrer", onerror, src: actor.avatar }));
    const text = make("span", { className: "text", lang: item.lang, dir: "auto" }, item.text);
    const go = /^https?:/i.test(item.url ?? "") ? make("a", { href: item.url }) : make("button", { type: "button" });
    go.className = "go";
    go.append(face, make("span", {}, text, make("time", { dateTime: item.updated_at })));
    // An app that routes by itself listens for `notifier-open`, and prevents what would follow.
    go.addEventListener("click", (event) => {
      if (!this.dispatchEvent(new CustomEvent("notifier-open", { bubbles: true, cancelable: true, detail: item }))) event.preventDefault();
      if (!item.read_at) this.#note("read", { ids: [item.id] });
    });
    return go;
  }

  #mark(item) {
    const label = `${this.words[3]}: ${item.text}`;
    return make("button", { className: "mark", part: "mark", type: "button", title: this.words[3], ariaLabel: label, onclick: () => this.#note("read", { ids: [item.id] }) });
  }

  #tell() {
    for (const time of this.list.querySelectorAll("time")) {
      const seconds = Math.max(0, (Date.now() - new Date(time.dateTime)) / 1000);
      const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? ["second", 1];
      time.textContent = this.ago.format(-Math.floor(seconds / size), unit);
    }
  }
});
