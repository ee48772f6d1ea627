import Type from "typebox";
import { operation } from "./operation.js";
import { anyText, named, oneOf } from "./schema.js";

const overview = named(
  "Overview",
  Type.Object({
    name: oneOf(["apispool"]),
    console: anyText(),
    docs: anyText(),
    paths: Type.Unsafe<Record<string, string>>({ type: "object", additionalProperties: { type: "string" } }),
  }),
);

export const getRoot = operation({
  method: "GET",
  path: "/",
  id: "getOverview",
  tag: "Gateway",
  summary: "The console for browsers, an overview of the paths for everybody else",
  anyQuery: true,
  answers: {
    200: {
      description: "HTML for whoever names it in `Accept`.",
      content: { "application/json": { schema: overview }, "text/html": { schema: Type.String() } },
    },
  },
  problems: [404],
});

const cacheable = { ETag: { description: "For `If-None-Match`, which is then answered 304." } };
const notModified = { description: "It has not changed." };

export const getOpenApi = operation({
  method: "GET",
  path: "/openapi.json",
  id: "getOpenApi",
  tag: "Gateway",
  summary: "This document",
  anyQuery: true,
  answers: {
    200: {
      description: "OpenAPI 3.1.",
      headers: cacheable,
      content: {
        "application/json": {
          schema: Type.Object(
            { openapi: anyText(), info: Type.Object({}), paths: Type.Object({}) },
            { additionalProperties: true },
          ),
        },
      },
    },
    304: notModified,
  },
  problems: [],
});

export const getDocs = operation({
  method: "GET",
  path: "/docs",
  id: "getDocs",
  tag: "Gateway",
  summary: "This document to read and to try out",
  anyQuery: true,
  answers: {
    200: { description: "Swagger UI.", headers: cacheable, content: { "text/html": { schema: Type.String() } } },
    304: notModified,
  },
  problems: [404],
});

const probe = { method: "GET", tag: "Gateway", anyQuery: true } as const;

export const getLivez = operation({
  ...probe,
  path: "/livez",
  id: "isAlive",
  summary: "Whether the gateway lives",
  answers: {
    200: {
      description: "It does.",
      content: {
        "application/json": { schema: Type.Object({ status: oneOf(["alive"]) }), example: { status: "alive" } },
      },
    },
  },
  problems: [],
});

export const getReadyz = operation({
  ...probe,
  path: "/readyz",
  id: "isReady",
  summary: "Whether it can serve: the ingestor and a reader are there, and Kafka for them",
  answers: {
    200: {
      description: "It can; otherwise 503, which says what is away.",
      content: {
        "application/json": { schema: Type.Object({ status: oneOf(["ready"]) }), example: { status: "ready" } },
      },
    },
  },
  problems: [],
});
