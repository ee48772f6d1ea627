import type { Event } from "./history.js";
import { ControlRule } from "./rules/control-rule.js";
import { LogRule } from "./rules/log-rule.js";
import { ProgressRule } from "./rules/progress-rule.js";
import { ReadingRule } from "./rules/reading-rule.js";
import type { Finding, Rule } from "./rules/rule.js";

/** One fault of the product may break a rule a thousand times. */
const MOST_FINDINGS = 50;

/** Holds a history against everything that is promised, event by event; it may go on while the history comes to be. */
export class Checker {
  readonly findings: Finding[] = [];
  readonly log: LogRule;
  readonly reading: ReadingRule;
  readonly control: ControlRule;
  readonly progress: ProgressRule;
  readonly #rules: readonly Rule[];
  #last = 0;

  constructor() {
    const report = (t: number, broken: Finding["broken"], text: string): void => {
      if (this.findings.length < MOST_FINDINGS) this.findings.push({ t, broken, text });
    };
    this.log = new LogRule(report);
    this.reading = new ReadingRule(report);
    this.control = new ControlRule(report);
    this.progress = new ProgressRule(report);
    this.#rules = [this.log, this.reading, this.control, this.progress];
  }

  see(event: Event): void {
    this.#last = event.t;
    for (const rule of this.#rules) rule.see(event);
  }

  /** Everything has come to rest: what is missing now is lost. */
  finish(): readonly Finding[] {
    for (const rule of this.#rules) rule.finish(this.#last);
    return this.findings;
  }
}
