import type { Static, TObject, TSchema } from "typebox";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import { negotiate } from "../accept.js";
import type { Exchange } from "../exchange.js";
import { readJsonObject } from "../json-body.js";
import { httpError } from "../problem.js";
import type { Route, Routes } from "../router.js";
import { Check } from "./check.js";
import type { ProblemStatus } from "./problems.js";
import { queryValues } from "./query-values.js";
import { fields } from "./schema.js";

export interface Content {
  /** None for HEAD, which has no body. */
  readonly schema?: TSchema;
  readonly example?: unknown;
}

/** An answer that is no error. */
export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string }>>;
  /** By media type, the one that is taken where the client likes all as much first. */
  readonly content?: Readonly<Record<string, Content>>;
}

/**
 * One method of one path: what it takes, which is checked by these schemas, and what it answers. The OpenAPI document is made
 * of the same.
 */
export interface Operation<Q extends TObject = TObject, B extends TObject = TObject, P extends TObject = TObject> {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST";
  readonly path: string;
  /** Stable: generated clients call their functions so. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The parts of the path in braces. */
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Bodies to try, by a name. */
  readonly examples?: Readonly<Record<string, { readonly summary: string; readonly value: Static<B> }>>;
  /** Headers that change the answer, beside those of HTTP itself. */
  readonly requestHeaders?: Readonly<Record<string, { readonly description: string }>>;
  readonly answers: Readonly<Record<number, Answer>>;
  /** The errors that are its own; those that any path may have are not named. */
  readonly problems: readonly ProblemStatus[];
  /** Takes any parameter: those who ask whether a process lives may add what keeps caches away. */
  readonly anyQuery?: boolean;
}

/** Keeps the types of the schemas. */
export function operation<
  const Q extends TObject = TObject<{}>,
  const B extends TObject = TObject<{}>,
  const P extends TObject = TObject<{}>,
>(init: Operation<Q, B, P>): Operation<Q, B, P> {
  return init;
}

/** The HEAD of a GET: its parameters are checked, and nothing is done. */
export function headOf<Q extends TObject, B extends TObject, P extends TObject>(
  get: Operation<Q, B, P>,
  { id, summary }: { readonly id: string; readonly summary: string },
): Operation<Q, B, P> {
  const types = Object.keys(get.answers[200]?.content ?? {});
  return {
    ...get,
    method: "HEAD",
    id,
    summary,
    description: "The parameters are checked as for GET.",
    requestHeaders: {},
    answers: {
      200: {
        description: "What GET would answer; without a body.",
        content: Object.fromEntries(types.map((type) => [type, {}])),
      },
    },
    problems: [400],
  };
}

/** What a request brought, checked. */
export interface Input<Q extends TObject, B extends TObject, P extends TObject> {
  readonly query: Static<Q>;
  readonly body: Static<B>;
  readonly params: Static<P>;
  /** The media type to answer with. */
  readonly type: string;
}

export interface ServeOptions<Q, B> {
  /** The largest body, in bytes; for those that take one. */
  readonly maxBodyBytes?: number;
  /** What no schema says of the fields, told of values that may be wrong themselves. */
  readonly rules?: (given: { readonly query: Partial<Q>; readonly body: Partial<B> }) => readonly FieldProblem[];
}

/** An operation and what serves it. */
export interface Served {
  readonly operation: Operation;
  readonly route: Route;
}

/** Checks each request against the operation before its handler sees it; all that is wrong is told at once. */
export function serve<Q extends TObject, B extends TObject, P extends TObject>(
  operation: Operation<Q, B, P>,
  handler: (exchange: Exchange, input: Input<Q, B, P>) => Promise<void> | void,
  { maxBodyBytes = 0, rules }: ServeOptions<Static<Q>, Static<B>> = {},
): Served {
  const { anyQuery = false, body: bodySchema } = operation;
  const querySchema: TObject = operation.query ?? fields({});
  const known = bodySchema === undefined ? "there are no parameters" : "what is asked for is said in the body";
  const query = new Check(querySchema, known);
  const body = bodySchema === undefined ? undefined : new Check(bodySchema);
  const params = operation.params === undefined ? undefined : new Check(operation.params);
  const types = mediaTypes(operation);
  return {
    operation,
    async route(exchange, { query: parameters, params: segments }) {
      const type = negotiated(exchange, types);
      const problems: FieldProblem[] = [];
      const asked = queryValues(querySchema, anyQuery ? new URLSearchParams() : parameters);
      problems.push(...asked.problems);
      for (const { field, problem } of query.problems(asked.values)) {
        const named = asked.nameOf(field);
        if (!problems.some((one) => one.field === named)) problems.push({ field: named, problem });
      }
      const inPath = params === undefined ? {} : segments;
      if (params !== undefined) problems.push(...params.problems(inPath));
      const sent = body === undefined ? {} : await readJsonObject(exchange, maxBodyBytes);
      if (body !== undefined) problems.push(...body.problems(sent));
      const given = { query: asked.values, body: sent } as { query: Static<Q>; body: Static<B> };
      if (rules !== undefined) problems.push(...rules(given));
      if (problems.length > 0) throw invalidArgument(problems);
      await handler(exchange, { ...given, params: inPath as Static<P>, type });
    },
  };
}

/** What is served, by path and method. */
export function routesOf(...served: readonly Served[]): Routes {
  const routes: Record<string, Record<string, Route>> = {};
  for (const { operation, route } of served) (routes[operation.path] ??= {})[operation.method] = route;
  return routes;
}

/** The media types of an operation's answer. */
export function mediaTypes({ answers }: Pick<Operation, "answers">): readonly string[] {
  return Object.keys(answers[200]?.content ?? {});
}

/** What has one form and that one JSON is answered in it, whatever is asked for: it has always been so. */
function negotiated(exchange: Exchange, types: readonly string[]): string {
  const [first = ""] = types;
  if (types.length < 2 && first !== "text/event-stream") return first;
  const { accept } = exchange.req.headers;
  const type = negotiate(accept, types);
  if (type !== undefined) return type;
  throw httpError(406, "accept", `"${accept}" cannot be had; ${types.join(", ")} can`);
}
