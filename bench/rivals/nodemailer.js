// Sends so many mails through nodemailer's pool; prints the CPU seconds that this took.
const { createTransport } = require("nodemailer");
const { port, mails, tls } = JSON.parse(process.argv[2]);

const pool = createTransport({
  host: "localhost", port, pool: true, maxConnections: 5, maxMessages: Infinity,
  requireTLS: tls, ignoreTLS: !tls, tls: { rejectUnauthorized: false },
});
const row = "<tr><td style=\"padding:12px 0;font-family:Roboto,Arial,sans-serif;font-size:15px\">What a sky!</td></tr>\n";
const mail = (number) => ({
  from: "Acme <news@acme.example>", to: `user${number}@app.example`, subject: "Comments on Sunset",
  text: "Ana commented on your post: Sunset\n\n> What a sky! Where was that?\n", html: `<table>${row.repeat(35)}</table>`,
  list: { unsubscribe: "https://app.example/u/abcdefghijklmnopqrstuvw" },
});

(async () => {
  await Promise.all(Array.from({ length: 20 }, (_, number) => pool.sendMail(mail(number))));
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: mails }, (_, number) => pool.sendMail(mail(number))));
  const { user, system } = process.cpuUsage(before);
  console.log((user + system) / 1e6);
  pool.close();
})();
