import { negotiateCoding } from "./accept-encoding.js";
import { type ConsoleFile, type ConsoleFiles, storedCodings } from "./console-files.js";
import type { Exchange } from "./exchange.js";
import { summaries } from "./openapi/document.js";
import { routesOf, serve } from "./openapi/operation.js";
import { getRoot } from "./openapi/own-api.js";
import { httpError } from "./problem.js";
import { type Routes, answerJson } from "./router.js";
import { end, write } from "./write.js";

/** Only what comes from here, nothing inline, nothing framed: markup in a record can never become code. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const hardening: Readonly<Record<string, string>> = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** What a program is told that asks for `/`; people get the console there. */
const overview = {
  name: "apispool",
  console: "open this address in a browser",
  docs: "/docs, and /openapi.json for programs",
  paths: {
    ...summaries(),
    "/apispool.v1.WorkerControl/GetStatus": "POST: Connect, gRPC and gRPC-Web; reflection lists all methods",
  },
};

export interface ConsoleOptions {
  /** Undefined where the console was not built. */
  readonly files: ConsoleFiles | undefined;
  /** How long a client may take no byte of an answer, in milliseconds. */
  readonly stallTimeoutMs: number;
}

/**
 * The console: `/` for whoever takes HTML, an overview in JSON for everybody else, and the files that the page names.
 * Their names hold their content's hash, so they never change.
 */
export function consoleRoutes({ files, stallTimeoutMs }: ConsoleOptions): Routes {
  return {
    ...routesOf(
      serve(getRoot, async (exchange, { type }) => {
        exchange.res.setHeader("vary", "accept, accept-encoding");
        // What takes anything is a program: browsers name HTML.
        if (type !== "text/html") {
          await answerJson(exchange, overview);
          return;
        }
        if (files === undefined) {
          throw httpError(
            404,
            "path",
            '"/" has no console: it was not built (npm run build, or node tools/build-console.mjs)',
          );
        }
        await send(exchange, files.page, "no-cache", stallTimeoutMs);
      }),
    ),
    "/assets/{name}": {
      async GET(exchange, { name }) {
        const file = files?.assets.get(name);
        if (file === undefined) throw httpError(404, "path", `there is no asset "${name}"; reload the page`);
        exchange.res.setHeader("vary", "accept-encoding");
        await send(exchange, file, "public, max-age=31536000, immutable", stallTimeoutMs);
      },
    },
  };
}

/** Answers with a stored file, or that the client has it. `policy`: the content-security policy, where it is not the console's. */
export async function send(
  exchange: Exchange,
  file: ConsoleFile,
  caching: string,
  stallTimeoutMs: number,
  policy = contentSecurityPolicy,
): Promise<void> {
  const { req, res } = exchange;
  // A body that nobody asked for.
  if (!req.complete) req.resume();
  // The router has refused what nobody can send.
  const coding = negotiateCoding(req.headers["accept-encoding"], storedCodings)?.coding;
  const encoding = coding === "br" || coding === "gzip" ? coding : "identity";
  const etag = `"${file.tag}-${encoding}"`;
  const headers = { ...hardening, "content-security-policy": policy, "cache-control": caching, etag };
  if (matches(req.headers["if-none-match"], etag)) {
    res.writeHead(304, headers);
    end(exchange, "", stallTimeoutMs);
    return;
  }
  const body = file.bytes[encoding];
  res.writeHead(200, {
    ...headers,
    "content-type": file.type,
    "content-length": String(body.length),
    ...(encoding === "identity" ? {} : { "content-encoding": encoding }),
  });
  if (req.method !== "HEAD") await write(exchange, body, stallTimeoutMs);
  end(exchange, "", stallTimeoutMs);
}

/** RFC 9110, section 13.1.2: weak comparison. */
function matches(header: string | string[] | undefined, etag: string): boolean {
  const tags = new Set(
    String(header ?? "")
      .split(",")
      .map((tag) => tag.trim().replace(/^W\//, "")),
  );
  return tags.has(etag) || tags.has("*");
}
