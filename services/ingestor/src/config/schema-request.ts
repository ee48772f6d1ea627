import Type, { type Static } from "typebox";
import { duration, flag, keys, mapOf, oneOf, scalar, size, text, whole } from "./schema-parts.js";

const token = { pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", title: "the name of an HTTP header" };
const anyName = { pattern: "^[^\\r\\n]+$", title: "a name" };

const scalarOrList = Type.Union([scalar(), Type.Array(scalar())], {
  title: "text, a number, true or false, or a list of them",
});

export const body = Type.Union(
  [
    keys({ json: Type.Unknown({ description: "Any value; its texts are templates. GraphQL: query and variables." }) }),
    keys({
      form: mapOf(scalar(), anyName, {
        title: "a map of fields",
        description: "Sent as a form; values are templates.",
      }),
    }),
    keys({
      text: Type.String({ description: "A template.", title: "text" }),
      content_type: Type.Optional(text({ description: "Its media type.", default: "text/plain; charset=utf-8" })),
    }),
  ],
  { title: "one of {json: value}, {form: fields}, {text: text}", description: "What is sent along." },
);

export type BodyFile = Static<typeof body>;

/** What is asked. */
export const requestKeys = {
  url: Type.Optional(
    text({
      title: "an http:// or https:// address",
      description: "The address to poll; a template. Required.",
      examples: ["https://api.example.com/v1/orders"],
    }),
  ),
  method: Type.Optional(
    oneOf(["GET", "POST", "PUT", "PATCH"], { description: "GET, or POST where there is a body, unless given." }),
  ),
  headers: Type.Optional(
    mapOf(scalar(), token, {
      title: "a map of headers",
      description: "Sent with every request; values are templates.",
      default: {},
    }),
  ),
  query: Type.Optional(
    mapOf(scalarOrList, anyName, {
      title: "a map of query parameters",
      description: "Added to the address, percent-encoded; values are templates. A list repeats the parameter.",
      default: {},
    }),
  ),
  body: Type.Optional(body),
};

export const tls = keys(
  {
    ca: Type.Optional(text({ description: "Path of the authorities' certificates, PEM, in place of the system's." })),
    cert: Type.Optional(text({ description: "Path of the client's certificate, PEM; needs `key`." })),
    key: Type.Optional(text({ description: "Path of its private key, PEM; needs `cert`." })),
    server_name: Type.Optional(text({ description: "The name that the server's certificate must bear." })),
  },
  { title: "a map of ca, cert, key, server_name", description: "For https.", default: {} },
);

/** How it is reached. */
export const networkKeys = {
  timeout: Type.Optional(
    duration({ description: "The longest a whole request may take, its body included.", default: "30s" }),
  ),
  connect_timeout: Type.Optional(duration({ description: "The longest that connecting may take.", default: "10s" })),
  max_bytes: Type.Optional(
    size({
      description:
        "The largest answer that is taken, decompressed. At most 512MiB for json and xml, 1024GiB for ndjson and csv.",
      default: "64MiB",
    }),
  ),
  redirects: Type.Optional(whole(0, 20, { description: "The most redirects that are followed.", default: 5 })),
  proxy: Type.Optional(
    text({
      title: 'the http:// or https:// address of a proxy, or "environment"',
      description: "Proxy; `environment` takes HTTPS_PROXY, HTTP_PROXY and NO_PROXY. None unless given.",
    }),
  ),
  tls: Type.Optional(tls),
  allow_hosts: Type.Optional(
    Type.Array(
      Type.String({
        pattern: String.raw`^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$|^\[[0-9A-Fa-f:.]+\]$`,
        title: "a host such as cdn.example.com, or *.example.com",
      }),
      {
        title: "a list of hosts",
        description: "Hosts beside the one in `url` that addresses out of answers may name.",
        default: [],
      },
    ),
  ),
};

/** When. */
export const scheduleKeys = {
  interval: Type.Optional(
    duration({ description: "From the beginning of a poll to the beginning of the next.", default: "30s" }),
  ),
  cron: Type.Optional(
    text({
      title: 'five or six fields of cron, such as "*/5 * * * *"',
      description: "In place of `interval`: at these times.",
      examples: ["*/5 * * * *"],
    }),
  ),
  time_zone: Type.Optional(
    text({ title: "an IANA time zone such as Europe/Berlin", description: "Of `cron`.", default: "UTC" }),
  ),
  jitter: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      title: "a number from 0 to 1",
      description: "Share of the interval by which each poll is moved at random.",
      default: 0,
    }),
  ),
  adaptive: Type.Optional(
    flag({
      description: "At once after a full page, and slower while there is nothing new, up to the interval.",
      default: false,
    }),
  ),
};
