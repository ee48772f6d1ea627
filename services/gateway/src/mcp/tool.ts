import type { CallOptions } from "@connectrpc/connect";
import type { Static, TObject } from "typebox";
import type { FieldProblem } from "@apispool/common/errors.js";
import type { Exchange } from "../exchange.js";
import { Check } from "../openapi/check.js";

/** What a tool may do, said to the agent's user (MCP's ToolAnnotations). */
export interface Effects {
  /** It changes nothing. */
  readonly readOnlyHint: boolean;
  /** It may undo something, or lose it. */
  readonly destructiveHint: boolean;
  /** The same again changes nothing more. */
  readonly idempotentHint: boolean;
}

export const looksOnly: Effects = { readOnlyHint: true, destructiveHint: false, idempotentHint: true };
export const repeatable: Effects = { readOnlyHint: false, destructiveHint: false, idempotentHint: true };

/** On whose behalf a tool is called. */
export interface ToolCall {
  readonly exchange: Exchange;
  /** Fires when the client goes away, or says that it wants no answer any more. */
  readonly signal: AbortSignal;
  /** For calls of the services. */
  readonly upstream: CallOptions;
}

/** One tool: what it takes, which is checked by this schema, and what it does. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly effects: Effects;
  readonly input: TObject;
  /** Everything that is wrong with the arguments. */
  problems(given: unknown): FieldProblem[];
  /** The answer, as text that is mostly JSON; the arguments have no problems. */
  call(given: unknown, call: ToolCall): Promise<string>;
}

export interface ToolInit<I extends TObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly effects: Effects;
  readonly input: I;
  /** What no schema says of the arguments. */
  readonly rules?: (given: Partial<Static<I>>) => FieldProblem[];
  readonly call: (given: Static<I>, call: ToolCall) => Promise<string>;
}

/** Keeps the types of the schema. */
export function tool<const I extends TObject>({ input, rules, call, ...rest }: ToolInit<I>): Tool {
  const check = new Check(input, "it takes no arguments");
  return {
    ...rest,
    input,
    problems(given) {
      const problems = check.problems(given);
      // Only what is an object has fields.
      return problems.some(({ field }) => field === "")
        ? problems
        : [...problems, ...(rules?.(given as Static<I>) ?? [])];
    },
    call: (given, context) => call(given as Static<I>, context),
  };
}
