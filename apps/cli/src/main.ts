import { readFileSync } from "node:fs";
import { apispool } from "./apispool.js";

process.exitCode = await apispool(process.argv.slice(2), {
  env: process.env,
  read: (file) => readFileSync(file, "utf8"),
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
});
