// The page /demo: it sends what its server signed, asks what became of it, and draws that as it goes.
import { Notifier } from "/static/notifier.js";

const STATES = {
  sent: ["✔", "good"], waiting: ["◷", "warn"], queued: ["◷", "warn"], sending: ["◷", "warn"], skipped: ["⊘", "calm"],
  cancelled: ["⊘", "calm"], failed: ["✖", "bad"], bounced: ["✖", "bad"],
};
const QUICK = 400, SLOW = 3000; // ms between two looks
const csrf = document.querySelector("meta[name=csrf-token]").content;
const chain = document.getElementById("chain");
const trouble = document.getElementById("trouble");

function make(tag, given = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) name in made ? (made[name] = value) : made.setAttribute(name, value);
  made.append(...inside.filter((one) => one !== null && one !== undefined));
  return made;
}

async function ask(path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrf };
  return read(await fetch(path, body === undefined ? {} : { method: "POST", headers, body: JSON.stringify(body) }));
}

async function read(answer) {
  if (answer.ok) return answer.json();
  const { detail } = await answer.json().catch(() => ({}));
  throw new Error(detail ?? `The service answered ${answer.status}. Reload the page and try again.`);
}

async function trying(what) {
  trouble.hidden = true;
  try { return await what(); } catch (error) {
    trouble.textContent = error.message;
    trouble.hidden = false;
    return null;
  }
}

// One act: sign, send, and follow what becomes of it.
async function act(card, wanted, says) {
  const sent = await ask("/demo/acts", { who: card.dataset.user, ...wanted });
  const answer = await fetch(sent.path, { method: "POST", headers: sent.headers, body: sent.body });
  const told = await answer.json();
  const item = entry(`${card.dataset.name} ${says}`, sent, `${answer.status} ${JSON.stringify(told, null, 2)}`);
  document.getElementById("nothing").hidden = true;
  chain.prepend(item.row);
  if (answer.ok) follow(told.id, item);
  return item;
}

// A photo: uploaded, posted, and its versions shown as they are made. The post waits for none of them.
async function post(card, form) {
  const file = form.elements.file.files[0];
  const { asset } = await read(await fetch("/demo/photos", { method: "POST", headers: { "X-CSRFToken": csrf }, body: new FormData(form) }));
  const wanted = { act: "post", key: asset, text: form.elements.says.value.trim() || file.name };
  const item = await act(card, wanted, `posts ${wanted.text}`);
  form.reset();
  watch(asset, item);
  return wanted;
}

async function watch(asset, { live }) {
  const says = make("p", {}, "Versions, as they are made"), tiles = make("ul", { className: "versions" }), drawn = new Map();
  live.made.append(says, tiles, make("a", { href: `/admin/media/${asset}` }, "The photo in the admin pages"));
  for (let looks = 0; looks < 600; looks++) {
    const found = await trying(() => ask(`/demo/photos/${asset}`));
    if (!found) return;
    const wanted = found.versions.filter((one) => one.state !== "skipped"), done = wanted.filter((one) => one.url);
    says.textContent = `Versions, as they are made: ${done.length} of ${wanted.length}${found.state === "failed" ? ", and some could not be" : ""}`;
    for (const one of found.versions) version(one, tiles, drawn);
    if (found.state === "ready" || found.state === "failed") return;
    do await new Promise((done) => setTimeout(done, QUICK)); while (document.hidden);
  }
}

// Each version has its place from the start, and is drawn anew only where something happened to it.
function version(one, tiles, drawn) {
  const { tile, state } = drawn.get(one.spec) ?? { tile: tiles.appendChild(make("li")) };
  const now = `${one.state} ${one.progress}`;
  if (now === state) return;
  drawn.set(one.spec, { tile, state: now });
  const is_film = one.spec.endsWith(".mp4"), progress = one.progress ? ` ${one.progress} %` : "…";
  const says = one.url ? `${one.width} × ${one.height}, ${Math.ceil(one.octets / 1000)} kB` : one.said || { waiting: "to be made", working: `being made${progress}` }[one.state] || one.state;
  const shown = one.url && !is_film ? make("img", { src: one.url, alt: "" }) : make("span", { className: "blank", ariaHidden: "true" }, one.url ? "▶" : one.state === "working" ? "◷" : "–");
  tile.className = one.state;
  tile.replaceChildren(shown, make("span", {}, one.url ? make("a", { href: one.url }, one.spec) : make("b", {}, one.spec), " ", says));
}

function entry(says, sent, answered) {
  const now = new Date(), live = { told: make("div"), made: make("div"), came: make("div", { className: "came" }), links: make("p", { className: "links" }), drawn: new Set() };
  const head = make("h3", {}, says, make("time", { dateTime: now.toISOString() }, now.toLocaleTimeString()));
  const lines = [`POST ${sent.path}`, ...Object.entries(sent.headers).map(([name, value]) => `${name}: ${value}`), "", sent.body];
  const request = make("details", {}, make("summary", {}, "The signed request, and the answer"), make("pre", { tabIndex: 0 }, lines.join("\n")), make("pre", { tabIndex: 0 }, answered));
  return { row: make("li", {}, head, request, live.made, live.told, live.came, live.links), live };
}

async function follow(id, item) {
  for (let looks = 0, drawn = ""; looks < 300; looks++) {
    const found = await trying(() => ask(`/demo/events/${id}`));
    const text = JSON.stringify(found);
    if (found && text !== drawn) draw(found, id, item);
    drawn = text;
    if (found && isOver(found)) return;
    do await new Promise((done) => setTimeout(done, looks < 50 ? QUICK : SLOW)); while (document.hidden);
  }
}

// Over when nothing changes by itself any more, and every mail and push that was sent has been seen.
function isOver({ event, lines, mails, pushes }) {
  const came = new Set([...mails, ...pushes].map((one) => one.delivery));
  const settled = (line) => line.reason === "digest" || !["waiting", "queued", "sending"].includes(line.state);
  const seen = (line) => line.state !== "sent" || line.channel === "feed" || came.has(line.delivery);
  return event.state === "planned" && lines.every((line) => settled(line) && seen(line));
}

function draw({ event, lines, mails, pushes }, id, { live }) {
  const caption = event.state === "planned" ? "Who is told, and why" : "Accepted, and being planned…";
  const head = make("thead", {}, make("tr", {}, ...["Person", "Channel", "State", "Because"].map((word) => make("th", { scope: "col" }, word))));
  const table = make("table", { className: "why" }, make("caption", {}, caption), head, make("tbody", {}, ...lines.map(why)));
  live.told.replaceChildren(table);
  // What came stays where it is: a frame that is moved loads again.
  for (const [one, drawOne] of [...mails.map((one) => [one, mail]), ...pushes.map((one) => [one, push])]) {
    if (!live.drawn.has(one.page)) live.came.append(drawOne(one));
    live.drawn.add(one.page);
  }
  const gathering = lines.some((line) => line.state === "waiting" && line.reason === "gathering");
  const hurry = () => trying(() => ask(`/demo/events/${id}/hurry`, {}));
  live.links.replaceChildren(
    gathering ? make("button", { type: "button", className: "quiet", onclick: hurry }, "Do not wait: send it now") : "",
    make("a", { href: `/admin/events/${id}` }, "This event in the admin pages"),
  );
}

function why(line) {
  const [icon, tone] = STATES[line.state] ?? ["•", "calm"];
  const state = make("td", { className: "state" }, make("span", { className: `mark ${tone}`, ariaHidden: "true" }, icon), line.state ?? "no delivery");
  const due = line.due_at && line.state === "waiting" ? ` Due ${new Date(line.due_at).toLocaleString()}.` : "";
  return make("tr", {}, make("th", { scope: "row" }, line.user), make("td", {}, line.channel ?? "–"), state, make("td", {}, `${line.sentence ?? ""}${line.value ? ` (${line.value})` : ""}${due}`));
}

function mail(one) {
  const caption = make("figcaption", {}, `Mail to ${one.to}: `, make("a", { href: one.page }, one.subject));
  return make("figure", {}, caption, make("iframe", { src: one.html, title: `Mail to ${one.to}: ${one.subject}` }));
}

function push(one) {
  const image = one.image ? make("img", { className: "wide", src: one.image, alt: "" }) : null;
  const text = make("div", {}, make("p", { className: "title" }, one.title), one.body ? make("p", { className: "body" }, one.body) : null, image);
  const card = make("a", { className: "card", href: one.page }, make("div", { className: "notification" }, make("span", { className: "app", ariaHidden: "true" }, one.title.slice(0, 1)), text));
  return make("figure", {}, make("figcaption", {}, `Push to ${one.user}, decrypted`), card);
}

function play(card) {
  const undo = card.querySelector("[data-undo]"), done = [];
  const act_ = async (wanted, says, back) => {
    await act(card, wanted, says);
    if (back) done.push(back);
    undo.disabled = !done.length;
  };
  for (const button of card.querySelectorAll("button[data-act]")) {
    const { act: name, says } = button.dataset;
    button.addEventListener("click", () => trying(() => act_({ act: name }, says, { act: `un${name}`, says: `takes back: ${says}` })));
  }
  card.querySelector("form[data-photo]").addEventListener("submit", (event) => {
    event.preventDefault();
    trying(async () => {
      const { text, key } = await post(card, event.target);
      done.push({ act: "unpost", key, text, says: `takes back the post: ${text}` });
      undo.disabled = false;
    });
  });
  card.querySelector("form[data-act]").addEventListener("submit", (event) => {
    event.preventDefault();
    const { says } = event.target.dataset, text = event.target.elements.text.value;
    const key = [...crypto.getRandomValues(new Uint8Array(8))].map((octet) => octet.toString(16).padStart(2, "0")).join("");
    trying(() => act_({ act: "comment", key, text }, `${says}: ${text}`, { act: "uncomment", key, says: `takes back the comment: ${text}` }));
  });
  undo.addEventListener("click", () => trying(() => { const { says, ...wanted } = done.pop(); return act_(wanted, says); }));
}

// What a browser or its push service refuses is said beside the button.
async function subscribing(card) {
  const button = card.querySelector("[data-push]"), says = card.querySelector("[role=status]");
  const getToken = async () => (await ask(`/demo/people/${card.dataset.user}/token`)).token;
  const notifier = new Notifier({ url: location.origin, user: card.dataset.user, getToken, worker: "/static/notifier-sw.js", scope: "/demo" });
  const show = (state) => {
    button.textContent = state === "on" ? "No more push to this browser" : "Push to this browser as well";
    button.dataset.state = state;
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    says.textContent = "…";
    try {
      show(button.dataset.state === "on" ? await notifier.unsubscribe() : await notifier.subscribe());
      says.textContent = button.dataset.state === "on" ? "On: the next push comes here too." : "Off.";
    } catch (error) {
      says.textContent = error.message;
    }
    button.disabled = false;
  });
  show(await notifier.pushState());
}

await trying(() => ask("/demo/people", {}));
for (const card of document.querySelectorAll(".person")) { play(card); subscribing(card); }
document.documentElement.dataset.ready = "";
