import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../harness/paths.js";
import { metricsTables } from "./metrics-catalogue.js";

// npm run generate:metrics: the tables of docs/operations.md, from the metrics as they are defined.
const file = join(root, "docs", "operations.md");
const text = readFileSync(file, "utf8");
const begin = "<!-- metrics: npm run generate:metrics -->\n";
const end = "<!-- end of metrics -->";
const from = text.indexOf(begin) + begin.length;
writeFileSync(file, `${text.slice(0, from)}\n${metricsTables()}\n${text.slice(text.indexOf(end))}`);
