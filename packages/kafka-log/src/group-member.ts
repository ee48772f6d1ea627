import type { Logger } from "@apispool/common/logger.js";
import { ClusterHandle } from "./cluster-handle.js";
import type { Broker, GroupMemberInfo } from "./kafkajs-internals.js";
import { type KafkaSettings, kafkaConfig } from "./settings.js";

export interface GroupOptions {
  readonly settings: KafkaSettings;
  readonly group: string;
  /** A member that is not heard of for so long is out, in milliseconds; brokers take 6 seconds at least. */
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  /** How long the others are waited for when the group forms anew, in milliseconds. */
  readonly rebalanceMs: number;
  /** What this member tells of itself; asked for at every join. */
  readonly describe: () => Buffer;
  /** Divides the work; only the leader is asked. */
  readonly assign: (members: readonly GroupMemberInfo[]) => ReadonlyMap<string, Buffer>;
  /** Whether a member is certainly dead, so that nobody has to wait for its session to end. */
  readonly isDead: (metadata: Buffer) => boolean;
  readonly onAssigned: (assignment: Buffer) => void;
  /** The group has dropped this member, or may have: it was not heard of for longer than a session. */
  readonly onLost: () => void;
}

/** Refusals by which a group says that it forms anew, or that the member is no longer one. */
const refusals = new Set(["REBALANCE_IN_PROGRESS", "UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "MEMBER_ID_REQUIRED"]);
const PROTOCOL_TYPE = "apispool";
const PROTOCOL = "shares-v1";
const RETRY_FOR_MS = 1500;
const RETRY_PAUSE_MS = 200;

/**
 * Membership of a Kafka group, without a consumer: join, sync, heartbeat, leave. kafkajs's consumer would do the same
 * with a topic to fetch from, and gives its work up for the second or two that a rebalance takes; this one keeps what it
 * has until the group says otherwise.
 */
export class GroupMember {
  readonly #options: GroupOptions;
  readonly #log: Logger;
  readonly #handle: ClusterHandle;
  readonly #stop = new AbortController();
  #memberId = "";
  #generation = -1;
  /** Monotonic; when the request was sent that the coordinator answered last with success. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #assigned = false;
  #again = false;
  #wake: (() => void) | undefined;
  #ended: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<{ readonly since: number; readonly settle: (held: boolean) => void }>();

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#log = options.settings.log;
    this.#handle = new ClusterHandle(kafkaConfig(options.settings), options.settings.brokers, RETRY_FOR_MS);
  }

  /** Joins, and stays for as long as it can. */
  start(): void {
    const { heartbeatMs } = this.#options;
    this.#watch = setInterval(() => this.#checkSession(), heartbeatMs / 2);
    this.#ended = this.#live();
  }

  /**
   * Notices at once what is noticed within half a heartbeat anyway: that a whole session has gone by unheard. For who acts on the
   * membership, and may have been frozen.
   */
  check(): void {
    this.#checkSession();
  }

  /** Has the group form anew, because what {@link GroupOptions.describe} tells has changed. */
  rejoin(): void {
    this.#again = true;
    this.#wake?.();
  }

  /** Whether this is a member still, by an answer of the coordinator to a question asked after this call. */
  async confirm(signal: AbortSignal): Promise<boolean> {
    return await new Promise<boolean>((resolve) => {
      const settle = (held: boolean): void => {
        this.#waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        resolve(held);
      };
      const onAbort = (): void => settle(false);
      const waiter = { since: performance.now(), settle };
      this.#waiting.add(waiter);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted || this.#stop.signal.aborted) settle(false);
      this.#wake?.();
    });
  }

  /** Leaves in order, so that the others need not wait for the session to end. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    clearInterval(this.#watch);
    await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, 1000))]);
    if (this.#memberId !== "") {
      const leaving = this.#ask(async (broker) => {
        await broker.leaveGroup({ groupId: this.#options.group, memberId: this.#memberId });
      });
      await Promise.race([leaving.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 1000))]);
    }
    for (const { settle } of this.#waiting) settle(false);
    await this.#handle.close();
  }

  async #live(): Promise<void> {
    const stop = this.#stop.signal;
    let first = true;
    while (!stop.aborted) {
      try {
        if (first) await this.#evictTheDead();
        first = false;
        await this.#join();
        await this.#beat();
      } catch (error) {
        if (stop.aborted) return;
        const { type } = error as { type?: string };
        if (type === "UNKNOWN_MEMBER_ID" || type === "ILLEGAL_GENERATION") this.#lost();
        if (type !== undefined && refusals.has(type)) continue;
        this.#log.debug({ err: error }, "the group cannot be reached");
        await this.#pause(RETRY_PAUSE_MS);
      }
    }
  }

  async #join(): Promise<void> {
    const { group, sessionMs, rebalanceMs, describe, assign, onAssigned } = this.#options;
    this.#again = false;
    const since = performance.now();
    const joined = await this.#ask(async (broker) =>
      broker.joinGroup({
        groupId: group,
        memberId: this.#memberId,
        sessionTimeout: sessionMs,
        rebalanceTimeout: rebalanceMs,
        protocolType: PROTOCOL_TYPE,
        groupProtocols: [{ name: PROTOCOL, metadata: describe() }],
      }),
    );
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const leads = joined.leaderId === joined.memberId;
    const shares = leads ? [...assign(joined.members)] : [];
    const { memberAssignment } = await this.#ask(async (broker) =>
      broker.syncGroup({
        groupId: group,
        generationId: this.#generation,
        memberId: this.#memberId,
        groupAssignment: shares.map(([memberId, share]) => ({ memberId, memberAssignment: share })),
      }),
    );
    if (this.#stop.signal.aborted) return;
    this.#assigned = true;
    this.#heard(since);
    onAssigned(memberAssignment);
  }

  /** Keeps the membership alive until the group forms anew. */
  async #beat(): Promise<void> {
    const { group, heartbeatMs } = this.#options;
    while (!this.#stop.signal.aborted && !this.#again) {
      if (this.#waiting.size === 0) await this.#pause(heartbeatMs);
      if (this.#stop.signal.aborted || this.#again) return;
      const since = performance.now();
      await this.#ask(async (broker) => {
        await broker.heartbeat({ groupId: group, groupGenerationId: this.#generation, memberId: this.#memberId });
      });
      this.#heard(since);
    }
  }

  /** A process of this host that died without leaving would hold the group up for a session. */
  async #evictTheDead(): Promise<void> {
    const { group, isDead } = this.#options;
    await this.#ask(async (broker) => {
      const { groups } = await broker.describeGroups({ groupIds: [group] });
      for (const { memberId, memberMetadata } of groups[0]?.members ?? []) {
        if (memberMetadata.length > 0 && isDead(memberMetadata)) await broker.leaveGroup({ groupId: group, memberId });
      }
    });
  }

  /** Refusals come out as they are, everything else as ClusterHandle has it. */
  async #ask<T>(call: (coordinator: Broker) => Promise<T>): Promise<T> {
    const answer = await this.#handle.attempt(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId: this.#options.group });
      try {
        return { value: await call(coordinator) };
      } catch (error) {
        if (refusals.has((error as { type?: string }).type ?? "")) return { refused: error as Error };
        throw error;
      }
    });
    if ("refused" in answer) throw answer.refused;
    return answer.value;
  }

  #heard(since: number): void {
    this.#heardAt = since;
    for (const waiter of this.#waiting) if (waiter.since <= since) waiter.settle(true);
  }

  #lost(): void {
    this.#memberId = "";
    this.#generation = -1;
    for (const { settle } of this.#waiting) settle(false);
    if (!this.#assigned) return;
    this.#assigned = false;
    this.#options.onLost();
  }

  #checkSession(): void {
    if (!this.#assigned || performance.now() - this.#heardAt <= this.#options.sessionMs) return;
    // The id is kept: where the coordinator still knows it, the membership goes on.
    this.#assigned = false;
    this.#again = true;
    for (const { settle } of this.#waiting) settle(false);
    this.#options.onLost();
    this.#wake?.();
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
