import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { reasonOf } from "@apispool/common/errors.js";
import { ConnectError } from "@connectrpc/connect";
import type { CommittedOffset } from "@apispool/kafka-log/log-reader.js";
import { namesFor } from "@apispool/kafka-log/topics.js";
import { Claims, type ClaimsLog } from "../claims.js";
import type { Clock } from "../clock.js";
import { Sessions } from "../sessions.js";
import { type Tenure, Tenures } from "../tenure.js";

const names = namesFor("t");
/** How far time passes while a process is frozen, in milliseconds: beyond its trust, or beyond somebody's wait. */
const FREEZES_MS = [850, 1200];
/** More steps than this are a fault of the world, not a schedule. */
const MOST_STEPS = 400;

/** What may happen, and how often. */
export interface Scope {
  readonly processes: number;
  /** How many partitions the topic of the claims has. */
  readonly partitions: number;
  /** When it is over, in milliseconds. */
  readonly horizonMs: number;
  /** How often time passes while somebody has a request that was not sent yet. */
  readonly freezes?: number;
  /** How many processes are killed. */
  readonly kills?: number;
  /** The first process deletes the reader, as DeleteReader does, instead of delivering from it. */
  readonly deletes?: boolean;
  /** Whoever holds the reader at the beginning is dead. */
  readonly isWidowed?: boolean;
  /** Processes acknowledge what they deliver, end, and come again, so many times. */
  readonly visits?: number;
}

/** What has become of a process. */
export interface Ending {
  readonly id: string;
  /** How often it has delivered. */
  delivered: number;
  /** Why it no longer wants the reader; empty where it does, or is not asked. */
  outcome: string;
}

interface Player extends Ending {
  tenure: Tenure | undefined;
  dead: boolean;
  /** All that it has been told, and when: two states in which that is the same go on alike. */
  readonly seen: string[];
}

interface Request {
  readonly player: Player;
  readonly serve: () => void;
}

interface Timer {
  readonly player: Player;
  readonly at: number;
  readonly fire: () => void;
}

/** Reader processes that want the same reader, on a Kafka and in a time of which every step is chosen. */
class World {
  now = 0;
  readonly players: readonly Player[];
  readonly #scope: Scope;
  #requests: Request[] = [];
  #timers: Timer[] = [];
  readonly #group = new Map<number, CommittedOffset>();
  #freezes: number;
  #kills: number;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#freezes = scope.freezes ?? 0;
    this.#kills = scope.kills ?? 0;
    if (scope.isWidowed === true) {
      const metadata = JSON.stringify({ id: "gone", host: "h", pid: 9, space: "s", at: -60_000 });
      this.#group.set(0, { topic: names.readers, partition: 0, offset: 0, metadata });
    }
    this.players = Array.from({ length: scope.processes }, (_, i) => {
      const id = String.fromCodePoint(97 + i);
      const player = { id, tenure: undefined, delivered: 0, outcome: "", dead: false, seen: [] };
      void this.#play(player);
      return player;
    });
  }

  /** What may happen next. */
  actions(): (() => void)[] {
    const actions = this.#requests.map((request) => () => {
      this.#requests = this.#requests.filter((other) => other !== request);
      request.serve();
    });
    const next = Math.min(...this.#timers.map(({ at }) => at));
    if (this.#requests.length === 0 && next <= this.#scope.horizonMs) actions.push(() => this.#passTo(next));
    if (this.#requests.length === 0) return actions;
    if (this.#freezes > 0)
      for (const ms of FREEZES_MS) {
        actions.push(() => {
          this.#freezes -= 1;
          this.#passTo(this.now + ms);
        });
      }
    if (this.#kills > 0)
      for (const player of this.players)
        if (!player.dead && player.outcome === "") {
          actions.push(() => {
            this.#kills -= 1;
            player.dead = true;
            this.#requests = this.#requests.filter((request) => request.player !== player);
            this.#timers = this.#timers.filter((timer) => timer.player !== player);
          });
        }
    return actions;
  }

  /** Those who may deliver now. */
  holders(): readonly Player[] {
    return this.players.filter(
      ({ tenure, dead }) => !dead && tenure !== undefined && !tenure.signal.aborted && this.now < tenure.sendBy,
    );
  }

  /** Whatever decides how it goes on, in short. */
  key(): string {
    const state = JSON.stringify([
      this.now,
      this.#freezes,
      this.#kills,
      [...this.#group].toSorted(([a], [b]) => a - b).map(([partition, { metadata }]) => [partition, metadata]),
      this.players.map(({ seen, dead }) => [seen, dead]),
    ]);
    return createHash("sha1").update(state).digest("base64url");
  }

  #passTo(at: number): void {
    this.now = at;
    const due = this.#timers.filter((timer) => timer.at <= at);
    this.#timers = this.#timers.filter((timer) => timer.at > at);
    for (const { fire } of due) fire();
  }

  async #play(player: Player): Promise<void> {
    const self = { id: player.id, host: "h", pid: 1, space: "s" };
    const claims = new Claims(this.#logOf(player), names, self, {
      clock: this.#clockOf(player),
      isDead: ({ id }) => id === "gone" || this.players.some((other) => other.id === id && other.dead),
    });
    claims.enable(this.#scope.partitions);
    const tenures = new Tenures(claims);
    const sessions = new Sessions();
    const never = new AbortController().signal;
    const place = { source: "s", topic: "r", topicId: "", partition: 0, offset: 0 };
    for (let visits = this.#scope.visits ?? 1; visits > 0; visits -= 1) {
      const session = await sessions.hold("r", { requestId: "x", follow: false }, 0, never);
      try {
        const entry = { session, follow: false, busyWaitMs: 2500, signal: never };
        const { tenure } = await tenures.enter("r", entry, async () => claims.look("r", []));
        player.tenure = tenure;
        if (this.#scope.deletes === true && player.id === "a") {
          await tenure.sure();
          await this.#request(player, () => {
            if (this.now <= tenure.sendBy) this.#group.clear();
          });
          player.tenure = undefined;
          break;
        }
        await tenure.delivering([place]);
        player.delivered += 1;
        // What is not acknowledged stays under way for good.
        if (this.#scope.visits === undefined) await new Promise<never>(() => undefined);
        session.acknowledged([place]);
        player.tenure = undefined;
      } catch (error) {
        player.tenure = undefined;
        player.outcome = reasonOf(ConnectError.from(error)) ?? String(error);
      } finally {
        session.release();
      }
    }
    player.outcome ||= "done";
  }

  #logOf(player: Player): ClaimsLog {
    return {
      committed: async (_group, partitions) =>
        this.#request(player, () => partitions.flatMap(({ partition }) => this.#group.get(partition) ?? [])),
      commit: async (_group, offsets, _signal, sendBy = Number.POSITIVE_INFINITY) => {
        if (offsets.length === 0) return true;
        return await this.#request(player, () => {
          if (this.now > sendBy) return false;
          for (const offset of offsets) this.#group.set(offset.partition, offset);
          return true;
        });
      },
    };
  }

  /** Something that is asked of Kafka: it has its effect, and its answer, in one step. */
  async #request<T>(player: Player, answer: () => T): Promise<T> {
    return await new Promise((resolve) => {
      const serve = (): void => {
        const answered = answer();
        player.seen.push(`${this.now} ${JSON.stringify(answered)}`);
        resolve(answered);
      };
      this.#requests.push({ player, serve });
    });
  }

  #clockOf(player: Player): Clock {
    return {
      now: () => this.now,
      sharedMs: () => this.now,
      pause: async (ms, signal) =>
        new Promise<void>((resolve) => {
          const fire = (): void => {
            player.seen.push(`${this.now}`);
            resolve();
          };
          if (signal.aborted) return resolve();
          const timer = { player, at: this.now + ms, fire };
          this.#timers.push(timer);
          signal.addEventListener("abort", () => {
            this.#timers = this.#timers.filter((other) => other !== timer);
            resolve();
          });
        }),
    };
  }
}

/** What was found: how many states there are, and a schedule in which something is wrong. */
export interface Findings {
  readonly states: number;
  readonly schedules: number;
  readonly wrong: string | undefined;
}

/**
 * Runs the processes in every order of their steps in which something else comes of it, and looks after each step whether more
 * than one of them may deliver. `atEnd` says what is wrong with how a schedule has ended.
 */
export async function explore(
  scope: Scope,
  atEnd: (players: readonly Ending[]) => string | undefined = () => undefined,
): Promise<Findings> {
  const visited = new Set<string>();
  const begun: number[][] = [[]];
  let schedules = 0;
  for (let prefix = begun.pop(); prefix !== undefined; prefix = begun.pop()) {
    schedules += 1;
    const world = new World(scope);
    const chosen: number[] = [];
    for (;;) {
      // Whoever was answered goes on until it waits again.
      await turn();
      const holders = world.holders();
      const where = `after the steps ${chosen.join(" ")}, at ${world.now} ms`;
      if (holders.length > 1) {
        return {
          states: visited.size,
          schedules,
          wrong: `${holders.map(({ id }) => id).join(" and ")} deliver ${where}`,
        };
      }
      const actions = world.actions();
      if (chosen.length > MOST_STEPS) throw new Error(`no end ${where}`);
      let choice = prefix[chosen.length];
      if (choice === undefined) {
        const key = world.key();
        if (visited.has(key)) break;
        visited.add(key);
        if (actions.length === 0) {
          const wrong = atEnd(world.players);
          if (wrong !== undefined) return { states: visited.size, schedules, wrong: `${wrong} ${where}` };
          break;
        }
        for (let other = 1; other < actions.length; other += 1) begun.push([...chosen, other]);
        choice = 0;
      }
      actions[choice]?.();
      chosen.push(choice);
    }
  }
  return { states: visited.size, schedules, wrong: undefined };
}
