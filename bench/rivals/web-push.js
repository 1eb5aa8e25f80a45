// Sends so many pushes over kept connections, 50 under way; prints the CPU seconds that this took.
const { readFileSync } = require("fs");
const { Agent } = require("https");
const push = require("web-push");
const { pushes, browsers, ca, subject } = JSON.parse(process.argv[2]);

const { publicKey, privateKey } = push.generateVAPIDKeys();
const agent = new Agent({ keepAlive: true, maxSockets: 50, ca: readFileSync(ca) });
const options = { vapidDetails: { subject, publicKey, privateKey }, agent, TTL: 86400 };
const text = JSON.stringify({ title: "Ana commented on your post: Sunset", body: "What a sky! ".repeat(15) });

async function send(count) {
  let next = 0;
  const worker = async () => {
    while (next < count) await push.sendNotification(browsers[next++ % browsers.length], text, options);
  };
  await Promise.all(Array.from({ length: 50 }, worker));
}

(async () => {
  await send(50);
  const before = process.cpuUsage();
  await send(pushes);
  const { user, system } = process.cpuUsage(before);
  console.log((user + system) / 1e6);
  agent.destroy();
})();
