import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { type Names, complete } from "../completion/complete.js";
import type { Context } from "../context.js";
import { type Gateway, withGateway } from "../gateway.js";

/** A shell that completes should not hang for longer, in milliseconds. */
const answerMs = 1000;

/** What the scripts of `apispool completion` ask. */
export function completeCommand({ around }: Context, program: () => CommandUnknownOpts) {
  const ask = async (url: string | undefined, names: (gateway: Gateway) => Promise<readonly string[]>) => {
    let found: readonly string[] = [];
    await withGateway({ url }, around, async (gateway) => {
      found = await names(gateway);
    });
    return found;
  };
  const names: Names = {
    sources: async (url) =>
      ask(url, async ({ worker }) =>
        (await worker.getStatus({}, { timeoutMs: answerMs })).sources.map(({ source }) => source),
      ),
    readers: async (url) =>
      ask(url, async ({ data }) =>
        (await data.listReaders({}, { timeoutMs: answerMs })).readers.map(({ name }) => name),
      ),
  };
  return new Command("complete").argument("[word...]").action(async (words) => {
    for (const { value, meaning } of await complete(program(), words, names)) {
      around.out(meaning === "" ? value : `${value}\t${meaning}`);
    }
  });
}
