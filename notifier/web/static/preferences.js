// Web Push for the browser that looks at a person's settings: asked for by a click, and allowed by the page's own link.
// Without it the page does all the rest.
import { Notifier } from "./notifier.js";

const place = document.getElementById("this-browser");
const { root, worker, who } = place.dataset;
const here = new URL(location.pathname, location.origin).href;
const notifier = new Notifier({
  url: new URL(root, location.origin).href,
  base: here,
  home: here, // there is no page at the scope
  user: who, // names nobody: only this browser compares it
  worker,
  scope: new URL(".", here).pathname,
});

const button = place.querySelector("button");
const status = place.querySelector("[role=status]");

function say(code) {
  const known = place.querySelector(`[data-says="${code}"]`) ?? place.querySelector("[data-says=other]");
  status.textContent = known.content.textContent;
}

// Not `reload`: the page may be the answer to a form.
const anew = () => location.replace(here);

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    await notifier.subscribe();
    anew();
  } catch (error) {
    say(error.code);
    button.disabled = false;
  }
});

// What is listed here is removed in the browser as well: first, so that nothing more comes even if we are not reached.
function mark(row) {
  row.querySelector(".own").hidden = false;
  const form = row.closest("form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await notifier.unsubscribe();
    } finally {
      const act = document.createElement("input");
      Object.assign(act, { type: "hidden", name: "act", value: "forget" });
      form.append(act);
      form.submit();
    }
  });
}

const state = await notifier.pushState();
const row = state === "on" && document.getElementById(await notifier.device());
if (row) {
  mark(row);
  await notifier.heal();
} else if (state === "on" || state === "off" || state === "denied") {
  place.hidden = false;
  if (state === "denied") say("denied");
}
