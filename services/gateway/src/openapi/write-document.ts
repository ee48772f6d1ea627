import { writeFileSync } from "node:fs";
import { openApiDocument } from "./document.js";

/** `npm run generate:openapi`: writes docs/openapi.json from the definitions that serve and check. */
writeFileSync(
  new URL("../../../../docs/openapi.json", import.meta.url),
  `${JSON.stringify(openApiDocument(), undefined, 2)}\n`,
);
