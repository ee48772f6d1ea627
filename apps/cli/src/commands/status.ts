import { Command } from "@commander-js/extra-typings";
import type { SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { workerSource } from "@apispool/gateway/worker-json.js";
import type { Context } from "../context.js";
import { type Gateway, withGateway } from "../gateway.js";
import { lasting } from "../lasting.js";
import { jsonOption, keyFileOption, urlOption } from "../options.js";
import { statusText } from "../status-text.js";
import { OutputClosed } from "../surroundings.js";

export function statusCommand(context: Context) {
  const { around } = context;
  return new Command("status")
    .summary("how the polling of sources goes")
    .description("Tells how the polling of the sources named, or of all of them, goes.")
    .argument("[source...]", "names of sources; all of them where none is given")
    .option("-w, --watch", "go on telling what changes, until Ctrl-C")
    .addOption(jsonOption("the sources as `GET /worker` gives them; with --watch a source a line"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (sources, options) =>
      withGateway(options, around, async (gateway) => {
        const json = options.json === true;
        if (options.watch === true) {
          await watch(gateway, sources, json, context);
          return;
        }
        const answer = await gateway.worker.getStatus({ sources }, { signal: gateway.signal });
        if (json) around.out(JSON.stringify({ sources: answer.sources.map(workerSource) }));
        else for (const line of lines(answer.sources, context)) around.out(line);
      }),
    );
}

function lines(sources: readonly SourceStatus[], { around, paint }: Context): string[] {
  const { isTerminal, columns } = around.output;
  return statusText(sources, { paint: paint(), now: around.now(), columns: isTerminal ? columns : undefined });
}

/** On a terminal one picture that is drawn again; elsewhere what changes, as it changes. */
async function watch(gateway: Gateway, sources: string[], json: boolean, context: Context): Promise<void> {
  const { around } = context;
  const { signal } = gateway;
  const screen = around.output.isTerminal && !json ? new Picture(context) : undefined;
  const say = (text: string): void => (screen === undefined ? around.err(text) : screen.note(text));
  let told = false;
  const changes = lasting(gateway, () => gateway.worker.watchStatus({ sources }, { signal }), { say });
  try {
    for await (const { sources: changed } of changes) {
      if (screen !== undefined) screen.update(changed);
      else if (json) await around.write(changed.map((s) => `${JSON.stringify(workerSource(s))}\n`).join(""), signal);
      else if (changed.length > 0) {
        // One head is enough.
        const text = lines(changed, context).slice(told ? 1 : 0);
        told = true;
        await around.write(`${text.join("\n")}\n`, signal);
      }
    }
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  } finally {
    screen?.end();
  }
}

/** The table on the terminal, over the one that was there before. */
class Picture {
  readonly #context: Context;
  readonly #sources = new Map<string, SourceStatus>();
  readonly #timer: NodeJS.Timeout;
  #height = 0;
  #note = "";

  constructor(context: Context) {
    this.#context = context;
    // "3 s ago" grows old although nothing changes.
    this.#timer = setInterval(() => this.#draw(), 1000);
  }

  update(changed: readonly SourceStatus[]): void {
    for (const source of changed) this.#sources.set(source.source, source);
    this.#note = "";
    this.#draw();
  }

  note(text: string): void {
    this.#note = text;
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #draw(): void {
    const { around } = this.#context;
    const sources = [...this.#sources.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
    const text = [...lines(sources, this.#context), ...(this.#note === "" ? [] : [this.#note])];
    const up = this.#height === 0 ? "" : `\u001B[${this.#height}A`;
    around.out(`${up}\u001B[J${text.join("\n")}`);
    const { columns = Number.POSITIVE_INFINITY } = around.output;
    // A note may be wider than the terminal, which then breaks it.
    this.#height = text.length + Math.max(0, Math.ceil(this.#note.length / columns) - 1);
  }
}
