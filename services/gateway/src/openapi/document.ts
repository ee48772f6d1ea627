import { readFileSync } from "node:fs";
import type { TObject } from "typebox";
import * as dataApi from "./data-api.js";
import type { Answer, Content, Operation } from "./operation.js";
import * as ownApi from "./own-api.js";
import { type ProblemStatus, commonProblems, problem, problemStatuses, retriable } from "./problems.js";
import * as recordsApi from "./records-api.js";
import { allowedKeyword, componentKeyword } from "./schema.js";
import * as workerApi from "./worker-api.js";

type Json = Record<string, unknown>;

/** The package's own. */
export const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

/** Every operation, in the order in which people want to read of them. */
export const operations: readonly Operation[] = [
  workerApi.getWorker,
  workerApi.postWorker,
  workerApi.getWorkerEvents,
  workerApi.headWorkerEvents,
  workerApi.getDeadLetters,
  dataApi.getData,
  dataApi.headData,
  dataApi.postData,
  dataApi.postAck,
  dataApi.postSeek,
  dataApi.getReaders,
  dataApi.getReader,
  dataApi.deleteReader,
  recordsApi.getRecords,
  recordsApi.headRecords,
  recordsApi.postRecords,
  recordsApi.getRecord,
  recordsApi.getRecordCount,
  recordsApi.getStoreStatus,
  recordsApi.postRebuild,
  ownApi.getRoot,
  ownApi.getOpenApi,
  ownApi.getDocs,
  ownApi.getLivez,
  ownApi.getReadyz,
];

const tags = [
  { name: "Sources", description: "What is polled: status, start, stop, try, and what could not become a record." },
  { name: "Reading", description: "Each named reader is handed what it has not read yet." },
  { name: "Readers", description: "Where readers stand, and moving them." },
  { name: "Records", description: "All records there ever were, queried; where a store is switched on." },
  { name: "Gateway", description: "The gateway itself." },
];

/** What can be done at each path, in a line. */
export function summaries(): Readonly<Record<string, string>> {
  const lines: Record<string, string> = {};
  for (const { path, method, summary } of operations) {
    lines[path] = `${lines[path] === undefined ? "" : `${lines[path]}; `}${method}: ${summary}`;
  }
  return lines;
}

/** The OpenAPI 3.1 document of everything that is JSON over HTTP. */
export function openApiDocument(): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = operationObject(operation, schemas);
  }
  const problemContent = { "application/problem+json": { schema: published(problem, schemas) } };
  const responses = Object.entries(problemStatuses).map(([status, { name, description }]) => [
    name,
    { description, headers: headersOf(Number(status) as ProblemStatus), content: problemContent },
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Apispool",
      version,
      summary: "Any API that can only be polled, as a durable stream that everyone reads from where they left off.",
      description: [
        "Errors are `application/problem+json`. Every answer has the header `x-request-id`, which a request may choose.",
        "Every path tells by `OPTIONS` what it can, and answers `HEAD` where it answers `GET`.",
        "Answers are compressed with zstd, br or gzip, as `Accept-Encoding` likes it.",
        "The same is to be had over gRPC, gRPC-Web and Connect on the same port.",
      ].join("\n\n"),
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "This gateway." }],
    tags,
    paths,
    // Credentials are needed only where the gateway was given keys; without any it asks for none.
    security: [{}, { bearer: [] }, { apiKey: [] }],
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      responses: Object.fromEntries(responses) as Json,
      headers: {
        RetryAfter: {
          description: "Seconds after which it is worth trying again.",
          schema: { type: "string", pattern: "^\\d+$" },
        },
        Allow: { description: "The methods that the path knows.", schema: { type: "string" } },
      },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An API key, or a JWT. Only where the gateway was told to ask for one.",
        },
        apiKey: {
          type: "apiKey",
          in: "header",
          name: "X-API-Key",
          description: "The same API key for clients that cannot set `Authorization`.",
        },
      },
    },
  };
}

function headersOf(status: ProblemStatus): Json {
  return {
    ...(retriable.includes(status) ? { "Retry-After": { $ref: "#/components/headers/RetryAfter" } } : {}),
    ...(status === 405 ? { Allow: { $ref: "#/components/headers/Allow" } } : {}),
  };
}

function operationObject(operation: Operation, schemas: Json): Json {
  const { id, tag, summary, description, params, query, requestHeaders = {}, body, examples } = operation;
  const parameters = [
    ...parametersOf(params, "path", schemas),
    ...parametersOf(query, "query", schemas),
    ...Object.entries(requestHeaders).map(([name, about]) => ({
      name,
      in: "header",
      ...about,
      schema: { type: "string" },
    })),
  ];
  const problems = [
    ...new Set([...commonProblems, ...operation.problems, ...(body === undefined ? [] : bodyProblems)]),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              "application/json": { schema: published(body, schemas), ...(examples === undefined ? {} : { examples }) },
            },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, answer]) => [status, answerObject(answer, schemas)]),
      ),
      ...Object.fromEntries(
        problems
          .toSorted((a, b) => a - b)
          .map((status) => [status, { $ref: `#/components/responses/${problemStatuses[status].name}` }]),
      ),
    },
  };
}

const bodyProblems: readonly ProblemStatus[] = [400, 413, 415];

function parametersOf(schema: TObject | undefined, where: "path" | "query", schemas: Json): Json[] {
  return Object.entries(schema?.properties ?? {}).map(([name, one]) => {
    const { description, ...rest } = published(one, schemas) as Json;
    const isList = rest["type"] === "array";
    return {
      name,
      in: where,
      ...(description === undefined ? {} : { description }),
      ...(where === "path" || schema?.required?.includes(name) === true ? { required: true } : {}),
      ...(isList ? { style: "form", explode: true } : {}),
      schema: rest,
    };
  });
}

function answerObject({ description, headers, content }: Answer, schemas: Json): Json {
  return {
    description,
    ...(headers === undefined
      ? {}
      : {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, about]) => [name, { ...about, schema: { type: "string" } }]),
          ),
        }),
    ...(content === undefined
      ? {}
      : {
          content: Object.fromEntries(
            Object.entries(content).map(([type, { schema, ...rest }]: [string, Content]) => [
              type,
              schema === undefined ? rest : { schema: published(schema, schemas), ...rest },
            ]),
          ),
        }),
  };
}

/** A schema as others see it: without our own keywords, and by reference where it has a name. */
function published(schema: unknown, schemas: Json): unknown {
  if (Array.isArray(schema)) return schema.map((one) => published(one, schemas));
  if (typeof schema !== "object" || schema === null) return schema;
  const {
    [componentKeyword]: name,
    [allowedKeyword]: _,
    ...rest
  } = schema as { readonly [componentKeyword]?: string; readonly [allowedKeyword]?: string };
  const plain = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, published(value, schemas)]));
  if (name === undefined) return plain;
  schemas[name] ??= plain;
  return { $ref: `#/components/schemas/${name}` };
}
