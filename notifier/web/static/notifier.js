// Notifier in an app's page: a person's feed, live; Web Push for this browser; and <notifier-bell>, from a file of its own.
const PATIENCE = 10_000; // ms, for a push service that may never answer
const SILENCE = 40_000; // ms; a stream gives a sign of life every 15 s
const STATE = "/notifier-state"; // in Cache Storage: what the service worker knows of this page
const sleep = (ms, signal) => new Promise((done) => {
  setTimeout(done, ms);
  for (const [on, name] of [[window, "online"], [signal, "abort"]]) on.addEventListener(name, done, { once: true });
});

// `code`: unsupported, install, click, denied, unreachable, or the HTTP status of a refusal.
export class NotifierError extends Error {
  constructor(code, message) { super(message); this.code = code; }
}

// `getToken` gives a fresh token whenever one has run out; `token` alone lasts as long as it lasts. With `base`, an
// address that is itself the permission, none is needed. `home` is the page that a push without a link opens.
export class Notifier {
  constructor({ url, user, token, getToken, base, worker = "/notifier-sw.js", scope = "/", home }) {
    Object.assign(this, { url: url.replace(/\/$/, ""), user, token, getToken, worker, scope, home });
    this.base = base ?? `${this.url}/v1/users/${encodeURIComponent(user)}`;
  }

  async request(method, path, body, more) {
    for (let again = true; ; again = false) {
      this.token ||= await this.getToken?.();
      const headers = { ...(this.token && { Authorization: `Bearer ${this.token}` }), "Content-Type": "application/json" };
      const sent = { method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store", ...more };
      const answer = await fetch(this.base + path, sent);
      if (answer.ok) return answer;
      if (answer.status === 401 && this.getToken && again) { this.token = ""; continue; }
      throw new NotifierError(answer.status, (await answer.json().catch(() => ({}))).detail ?? answer.statusText);
    }
  }

  async feed(cursor) {
    const page = await (await this.request("GET", `/feed?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`)).json();
    if (!cursor) this.mark = page.last_event_id;
    return page;
  }

  // `how` is "read" or "seen"; `which` is {ids: […]} or {before: "…"}. All tabs hear of it at once.
  async note(how, which) {
    const told = await (await this.request("POST", `/feed/${how}`, which, { keepalive: true })).json();
    this.tell?.({ name: how, data: { ...which, unread: told.unread } });
  }

  // `hear({name, data})` for item, gone, unread, reload, read, seen, refused. One stream serves all tabs. Gives its end.
  listen(hear) {
    const stop = new AbortController(), tabs = new BroadcastChannel(`notifier ${this.base}`);
    const take = (said) => { this.heard = Date.now(); if (said.mark) this.mark = said.mark; if (said.name) hear(said); };
    tabs.onmessage = ({ data }) => take(data);
    this.tell = (said) => { if (!stop.signal.aborted) { tabs.postMessage(said); take(said); } };
    const lead = () => this.#lead(stop.signal);
    const ended = (error) => { if (error.name !== "AbortError") throw error; };
    if (navigator.locks) navigator.locks.request(tabs.name, { signal: stop.signal }, lead).catch(ended);
    else lead(); // not a secure page: each tab has its own
    return () => { stop.abort(); tabs.close(); };
  }

  async #lead(signal) {
    for (let failed = 0; !signal.aborted; failed++) {
      try {
        await this.#stream(signal, () => { failed = -1; });
      } catch (error) {
        if ([401, 403, 404].includes(error.code)) return this.tell({ name: "refused" });
      }
      if (signal.aborted) return undefined;
      await sleep(Math.min(1000 * 2 ** Math.max(failed, 0), 60_000) * (0.75 + Math.random() / 2), signal);
      if (failed > 0) this.tell({ name: "reload" }); // no stream here: ask from time to time
    }
  }

  async #stream(signal, alive) {
    const over = new AbortController(), end = () => over.abort();
    signal.addEventListener("abort", end);
    let watch = setTimeout(end, SILENCE), text = "";
    try {
      const answer = await this.request("GET", `/feed/stream?last_event_id=${this.mark ?? ""}`, undefined, { signal: over.signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let got; !(got = await reader.read()).done; ) {
        clearTimeout(watch);
        watch = setTimeout(end, SILENCE);
        alive();
        const blocks = (text + got.value).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const said = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
          this.tell({ name: said.event, mark: said.id, data: said.data && JSON.parse(said.data) });
        }
      }
    } finally { clearTimeout(watch); signal.removeEventListener("abort", end); }
  }

  // "unsupported", "install" (iOS: only once it is on the home screen), "denied", "off" or "on".
  async pushState() {
    if (!("PushManager" in window && navigator.serviceWorker)) {
      return /iP(hone|ad)/.test(navigator.userAgent) && !navigator.standalone ? "install" : "unsupported";
    }
    if (Notification.permission === "denied") return "denied";
    return (await this.#subscription()) && (await recall()).user === this.user ? "on" : "off";
  }

  // The id of this browser's subscription, if it is this person's.
  async device() {
    const { user, id } = window.caches ? await recall() : {};
    return user === this.user ? id : undefined;
  }

  // To be called in a click: only there may a page ask.
  async subscribe() {
    const state = await this.pushState();
    if (SAYS[state]) throw new NotifierError(state, SAYS[state]);
    if (Notification.permission !== "granted") {
      if (navigator.userActivation?.isActive === false) throw new NotifierError("click", SAYS.click);
      if (await Notification.requestPermission() !== "granted") throw new NotifierError("denied", SAYS.denied);
    }
    await navigator.serviceWorker.register(this.worker, { scope: this.scope });
    await this.#renew();
    return "on";
  }

  async unsubscribe() {
    const { user, id } = await recall();
    await (await this.#subscription())?.unsubscribe(); // first: nothing more comes, even where we are offline
    await remember({});
    if (user === this.user && id) await this.request("DELETE", `/push-subscriptions/${id}`);
    return "off";
  }

  // At each visit: a new key of ours or a new address of the browser's is told, and what was read meanwhile.
  async heal() {
    const state = window.caches ? await recall() : {};
    if (state.user !== this.user || Notification.permission !== "granted") return;
    if (state.read?.length) await this.note("read", { ids: state.read });
    await this.#renew();
  }

  async #renew() {
    const { key } = await (await fetch(`${this.url}/v1/push/vapid-key`)).json();
    const { pushManager } = await soon(navigator.serviceWorker.ready);
    let found = await pushManager.getSubscription();
    if (found && encoded(found.options.applicationServerKey) !== key) { await found.unsubscribe(); found = null; }
    found ??= await soon(pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    const { id } = await (await this.request("POST", "/push-subscriptions", found.toJSON())).json();
    await remember({ base: this.base, user: this.user, token: this.token, key, id, home: this.home });
  }

  async #subscription() {
    return (await navigator.serviceWorker.getRegistration(this.scope))?.pushManager.getSubscription();
  }
}

const SAYS = {
  unsupported: "This browser has no Web Push here. It needs https, and no private window.",
  install: "On iPhone and iPad, add this page to the home screen first, and open it from there.",
  denied: "Notifications are blocked for this site. Allow them in the browser's settings.",
  click: "Ask for notifications in a click: browsers refuse otherwise.",
  unreachable: "The browser's push service cannot be reached. Try again later, or in another network.",
};
const soon = (promise) => Promise.race([promise, new Promise((_, fail) => setTimeout(fail, PATIENCE))])
  .catch((error) => { throw new NotifierError("unreachable", SAYS.unreachable, { cause: error }); });
const encoded = (octets) => btoa(String.fromCharCode(...new Uint8Array(octets ?? []))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const recall = async () => (await (await caches.open("notifier")).match(STATE))?.json() ?? {};
const remember = async (state) => (await caches.open("notifier")).put(STATE, new Response(JSON.stringify(state)));

import("./notifier-bell.js").then(({ define }) => define(Notifier));
