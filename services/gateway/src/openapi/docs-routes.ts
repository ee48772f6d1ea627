import { brotliCompressSync, gzipSync } from "node:zlib";
import { type ConsoleFile, storedFile } from "../console-files.js";
import { type ConsoleOptions, send } from "../console-routes.js";
import { httpError } from "../problem.js";
import type { Routes } from "../router.js";
import { openApiDocument } from "./document.js";
import { routesOf, serve } from "./operation.js";
import { getDocs, getOpenApi } from "./own-api.js";

/** As the console's, but that Swagger UI's style has its icons in itself, and that it sets HTML, which it cleans first. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `/openapi.json`, and `/docs`, where Swagger UI shows it. */
export function docsRoutes({ files, stallTimeoutMs }: ConsoleOptions): Routes {
  let document: ConsoleFile | undefined;
  return {
    ...routesOf(
      serve(getOpenApi, async (exchange) => {
        document ??= documentFile();
        exchange.res.setHeader("vary", "accept-encoding");
        await send(exchange, document, "no-cache", stallTimeoutMs, contentSecurityPolicy);
      }),
      serve(getDocs, async (exchange) => {
        if (files === undefined) {
          throw httpError(404, "path", '"/docs" was not built (npm run build, or node tools/build-docs.mjs)');
        }
        exchange.res.setHeader("vary", "accept-encoding");
        await send(exchange, files.page, "no-cache", stallTimeoutMs, contentSecurityPolicy);
      }),
    ),
    "/docs/{name}": {
      async GET(exchange, { name }) {
        const file = files?.assets.get(name);
        if (file === undefined) throw httpError(404, "path", `there is no file "${name}"; reload the page`);
        exchange.res.setHeader("vary", "accept-encoding");
        await send(exchange, file, "public, max-age=31536000, immutable", stallTimeoutMs, contentSecurityPolicy);
      },
    },
  };
}

function documentFile(): ConsoleFile {
  const identity = Buffer.from(`${JSON.stringify(openApiDocument())}\n`);
  return storedFile("application/json; charset=utf-8", {
    identity,
    gzip: gzipSync(identity),
    br: brotliCompressSync(identity),
  });
}
