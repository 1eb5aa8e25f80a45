// Notifier's part of a service worker: shows pushes, opens what they tell of, and stays subscribed.
// An app serves it from its own origin: as a copy, or by importScripts("https://notifier.example/static/notifier-sw.js").
"use strict";

(() => {
  const STATE = "/notifier-state"; // what notifier.js left for us: {base, user, token, key, id, home}
  const worker = self.registration;

  const recall = async () => (await (await caches.open("notifier")).match(STATE))?.json() ?? {};
  const remember = async (state) => (await caches.open("notifier")).put(STATE, new Response(JSON.stringify(state)));
  const isLink = (text) => typeof text === "string" && /^https?:/i.test(text);

  self.addEventListener("push", (event) => event.waitUntil(inTurn(() => show(told(event.data)))));
  self.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(Promise.all([open(event.notification.data?.url), read(event.notification.data?.notification)]));
  });
  self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

  // One after the other: whoever asks what is shown while another is being shown lets Chromium forget the other.
  let last = Promise.resolve();
  function inTurn(act) {
    const done = last.then(act);
    last = done.catch(() => {}); // it fails by itself
    return done;
  }

  // What the push says. A browser that is shown nothing takes the subscription away: so there is always something.
  function told(data) {
    try {
      const { notification } = data.json();
      if (notification.title) return notification;
    } catch { /* empty, or not ours */ }
    return { title: "New notification" };
  }

  async function show({ title, navigate, data, tag, ...rest }) {
    const { home } = await recall();
    const kept = { ...data, url: [navigate, home].find(isLink) ?? worker.scope };
    const before = tag ? (await worker.getNotifications({ tag }))[0] : undefined;
    // The same delivery again replaces itself without a sound.
    const renotify = Boolean(tag) && !(before && before.data?.delivery === kept.delivery);
    const { body, lang, dir, icon, image, badge, timestamp } = rest;
    try {
      await worker.showNotification(String(title), { body, lang, dir, icon, image, badge: badge ?? icon, timestamp, tag, renotify, data: kept });
    } catch {
      await worker.showNotification(String(title), { data: kept }); // without what this browser does not take
    }
    await self.navigator.setAppBadge?.((await worker.getNotifications()).length);
  }

  async function open(link) {
    const url = isLink(link) ? link : worker.scope;
    const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = tabs.find((tab) => tab.url.split("#")[0] === url.split("#")[0]);
    await (there ? there.focus() : self.clients.openWindow(url));
    const left = await inTurn(() => worker.getNotifications());
    if (!left.length) await self.navigator.clearAppBadge?.();
  }

  // What cannot be told now, because the token has run out or we are offline, the page tells at its next visit.
  async function read(id) {
    const state = await recall();
    if (!id || !state.base) return;
    if (!(await post(state, "/feed/read", { ids: [id] }))) await remember({ ...state, read: [...(state.read ?? []), id].slice(-100) });
  }

  async function renew(event) {
    const state = await recall();
    if (!state.base) return;
    const asked = { userVisibleOnly: true, applicationServerKey: state.key };
    const found = event.newSubscription ?? (await worker.pushManager.subscribe(asked));
    const answer = await post(state, "/push-subscriptions", found.toJSON());
    if (answer) await remember({ ...state, id: (await answer.json()).id });
  }

  async function post({ base, token }, path, body) {
    const headers = { ...(token && { Authorization: `Bearer ${token}` }), "Content-Type": "application/json" };
    const answer = await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
    return answer?.ok ? answer : null;
  }
})();
