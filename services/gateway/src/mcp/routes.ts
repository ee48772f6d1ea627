import { createMcpHandler } from "@modelcontextprotocol/server";
import { describeError } from "@apispool/common/errors.js";
import type { Fetching } from "../delivery.js";
import type { Exchange } from "../exchange.js";
import { assertDepth, readBody } from "../json-body.js";
import type { Routes } from "../router.js";
import type { Upstreams } from "../upstream.js";
import { end, write } from "../write.js";
import { mcpServer, mcpTools } from "./server.js";

export interface McpOptions {
  readonly upstreams: Upstreams;
  readonly delivery: Fetching;
  readonly maxBodyBytes: number;
  /** How long a client may take no byte of an answer, in milliseconds. */
  readonly stallTimeoutMs: number;
}

/**
 * `/mcp`: the Model Context Protocol's streamable HTTP, its revisions of 2025 and 2026-07-28. Stateless: there are no sessions to be
 * ended (DELETE) and nothing to be told without being asked (GET), so both are answered 405, as the protocol has it.
 * Foreign pages, and names that were made to mean this machine (DNS rebinding), are refused before anything is served (`access/origins.ts`).
 */
export function mcpRoutes({ upstreams, delivery, maxBodyBytes, stallTimeoutMs }: McpOptions): Routes {
  const tools = mcpTools(upstreams, delivery);
  return {
    "/mcp": {
      async POST(exchange) {
        const body = await readBody(exchange, maxBodyBytes);
        assertDepth(body, exchange.jsonDepth);
        const handler = createMcpHandler(() => mcpServer(tools, exchange), {
          onerror: (error) => exchange.log.debug({ err: describeError(error) }, "MCP request not served"),
          // Nothing is ever told to who subscribes.
          maxSubscriptions: 0,
          maxRequestBodySize: Math.max(maxBodyBytes, 1),
        });
        try {
          await send(exchange, await handler.fetch(requestOf(exchange, body)), stallTimeoutMs);
        } finally {
          await handler.close();
        }
      },
    },
  };
}

function requestOf({ req, signal }: Exchange, body: Buffer): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    if (!name.startsWith(":") && typeof value === "string") headers.set(name, value);
  }
  return new Request("http://apispool/mcp", { method: "POST", headers, body: new Uint8Array(body), signal });
}

async function send(exchange: Exchange, response: Response, stallTimeoutMs: number): Promise<void> {
  const headers = Object.fromEntries(response.headers);
  delete headers["connection"];
  if (!exchange.closed) exchange.res.writeHead(response.status, { ...headers, "cache-control": "no-store" });
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const part of body ?? []) await write(exchange, part, stallTimeoutMs);
  end(exchange, "", stallTimeoutMs);
}
