import { apispool } from "../apispool.js";
import { Interrupted, type Surroundings } from "../surroundings.js";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Everything outside of a command, in memory. `now` is noon of the 25th of November 2026. */
export class TestSurroundings implements Surroundings {
  env: Record<string, string | undefined> = {};
  readonly files = new Map<string, string>();
  outText = "";
  errText = "";
  output = { isTerminal: false, columns: undefined as number | undefined };
  errors = { isTerminal: false, columns: undefined as number | undefined };
  ask: Surroundings["ask"] = undefined;
  readonly self = ["node", "it's/main.js"];
  /** Called with everything that is to be written to the output; may throw, as a pipe does. */
  onWrite: (text: string) => Promise<void> | void = () => undefined;
  upCode = 0;
  readonly #controller = new AbortController();

  readonly now = (): number => Date.UTC(2026, 10, 25, 12);
  readonly interruption = (): AbortSignal => this.#controller.signal;
  readonly up = async (): Promise<number> => Promise.resolve(this.upCode);

  readonly read = (file: string): string => {
    const text = this.files.get(file);
    if (text === undefined) throw new Error(`ENOENT: ${file}`);
    return text;
  };
  readonly out = (text: string): void => void (this.outText += `${text}\n`);
  readonly err = (text: string): void => void (this.errText += `${text}\n`);
  readonly errRaw = (text: string): void => void (this.errText += text);
  readonly write = async (text: string): Promise<void> => {
    await this.onWrite(text);
    this.outText += text;
  };

  interrupt(): void {
    this.#controller.abort(new Interrupted("SIGINT", 2));
  }

  /** Runs the program; what it wrote is what it wrote from now on. */
  async run(...args: string[]): Promise<Ran> {
    this.outText = "";
    this.errText = "";
    const code = await apispool(args, this);
    return { code, out: this.outText, err: this.errText };
  }
}

/** Waits until something is so; fails after a time that is far longer than it should take. */
export async function until(check: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!check()) {
    if (performance.now() > end) throw new Error(`it did not come to be so within ${ms} ms: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
