import { ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import { Code } from "@connectrpc/connect";
import { invalidArgument, toConnectError } from "@apispool/common/errors.js";
import type { Fetching } from "../delivery.js";
import type { Exchange } from "../exchange.js";
import { version } from "../openapi/document.js";
import { problemOf } from "../problem.js";
import type { Upstreams } from "../upstream.js";
import { mostAnswerBytes } from "./bounded.js";
import { readerTools } from "./reader-tools.js";
import { readingTools } from "./reading-tools.js";
import { recordTools } from "./record-tools.js";
import { sourceTools } from "./source-tools.js";
import type { Tool, ToolCall } from "./tool.js";

/** How long a service may take over what a tool asks, in milliseconds; MCP's own clients wait for a minute. */
const timeoutMs = 50_000;

const instructions =
  "Apispool polls remote HTTP APIs and keeps every record once. To work through what is new: read_records with a reader name of your " +
  "own, do what has to be done, then acknowledge with the answer's cursor; what was not acknowledged comes again. To look without " +
  "moving anybody: peek. Answers are JSON texts of at most 512 KiB; take numbers in `data` as they are written there.";

/** Every tool. */
export function mcpTools(upstreams: Upstreams, delivery: Fetching): readonly Tool[] {
  return [...sourceTools(upstreams), ...readingTools(delivery), ...readerTools(upstreams), ...recordTools(upstreams)];
}

/** The server for one request: nothing is kept between requests, so that any gateway may answer the next one. */
export function mcpServer(tools: readonly Tool[], exchange: Exchange): Server {
  const server = new Server(
    { name: "apispool", title: "Apispool", version },
    { capabilities: { tools: {} }, instructions },
  );
  server.setRequestHandler("tools/list", () => ({
    tools: tools.map(({ name, title, description, effects, input }) => ({
      name,
      title,
      description,
      inputSchema: schemaOf(input),
      annotations: { ...effects, openWorldHint: name === "try_source" },
    })),
  }));
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) {
      const known = tools.map(({ name }) => name).join(", ");
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `there is no tool "${params.name.slice(0, 100)}"; there are ${known}`,
      );
    }
    const signal = AbortSignal.any([mcpReq.signal, exchange.signal]);
    const upstream = { signal, headers: { "x-request-id": exchange.requestId }, timeoutMs };
    return answerOf(tool, params.arguments ?? {}, { exchange, signal, upstream });
  });
  return server;
}

async function answerOf(tool: Tool, given: unknown, call: ToolCall) {
  try {
    const problems = tool.problems(given);
    if (problems.length > 0) throw invalidArgument(problems);
    const text = await tool.call(given, call);
    if (Buffer.byteLength(text) <= mostAnswerBytes) return { content: [{ type: "text" as const, text }] };
    return failure(`the answer would be larger than ${mostAnswerBytes} bytes; ask for less`);
  } catch (thrown) {
    const error = toConnectError(thrown);
    if (error.code === Code.Internal)
      call.exchange.log.error({ err: error.cause ?? error, tool: tool.name }, "tool failed");
    const { problem } = problemOf(error, call.exchange.requestId);
    const why = problem.reason === undefined ? problem.code : `${problem.code}, ${problem.reason}`;
    return failure(`${problem.detail.slice(0, 8000)} (${why})`);
  }
}

/** An error that the agent is to read, and may mend. */
function failure(text: string) {
  return { content: [{ type: "text" as const, text }], isError: true };
}

/** Without what only we read. */
function schemaOf(schema: Tool["input"]): { type: "object"; [key: string]: unknown } {
  const text = JSON.stringify(schema, (name, value: unknown) =>
    /^x-(allowed|component)$/.test(name) ? undefined : value,
  );
  return JSON.parse(text) as { type: "object" };
}
