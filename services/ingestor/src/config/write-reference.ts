import { readFileSync, writeFileSync } from "node:fs";
import { editorSchema, withTables } from "./reference.js";

/** `npm run generate:config`: writes what docs/ says of the configuration from the schema that checks it. */
const docs = new URL("../../../../docs/", import.meta.url);
const schema = new URL("apispool.schema.json", docs);
const sources = new URL("sources.md", docs);

writeFileSync(schema, `${JSON.stringify(editorSchema(), undefined, 2)}\n`);
writeFileSync(sources, withTables(readFileSync(sources, "utf8")));
