import { gunzipSync, gzipSync } from "node:zlib";
import { GroupMember } from "@apispool/kafka-log/group-member.js";
import type { KafkaSettings } from "@apispool/kafka-log/settings.js";
import type { Owner } from "../state/source-state.js";
import { type Candidate, share } from "./shares.js";

/** Brokers take no shorter one by default (group.min.session.timeout.ms). */
const SESSION_MS = 6000;
const HEARTBEAT_MS = 1000;
const REBALANCE_MS = 3000;

/** What the group says. */
export interface Assignment {
  /** The sources that this process is to poll. */
  readonly sources: ReadonlySet<string>;
  /** The ids of all live ingestors, this one included. */
  readonly members: ReadonlySet<string>;
}

/** The ingestors of this very process; there is more than one in tests. */
const inThisProcess = new Set<string>();

interface Described {
  readonly owner: Owner;
  readonly sources: readonly string[];
  readonly holds: readonly string[];
}

export interface LeaseOptions {
  readonly settings: KafkaSettings;
  readonly group: string;
  readonly owner: Owner;
  readonly sources: () => readonly string[];
  readonly holds: () => readonly string[];
  readonly onAssigned: (assignment: Assignment) => void;
  readonly onLost: () => void;
}

/**
 * Who polls which source, agreed upon by all ingestors through a Kafka group and nothing else. It is a hint that keeps
 * two from polling the same; that nothing is written twice is the transactional id's doing.
 */
export class Lease {
  readonly #member: GroupMember;
  readonly #ownerId: string;

  constructor({ settings, group, owner, sources, holds, onAssigned, onLost }: LeaseOptions) {
    this.#ownerId = owner.id;
    this.#member = new GroupMember({
      settings,
      group,
      sessionMs: SESSION_MS,
      heartbeatMs: HEARTBEAT_MS,
      rebalanceMs: REBALANCE_MS,
      describe: () => pack({ owner, sources: sources(), holds: holds() } satisfies Described),
      assign: (members) => {
        const described = members.map(({ memberId, memberMetadata }) => ({
          memberId,
          ...readDescribed(memberMetadata),
        }));
        const shares = share(described satisfies Candidate[]);
        const ids = described.map(({ owner: { id } }) => id);
        return new Map([...shares].map(([memberId, list]) => [memberId, pack({ sources: list, members: ids })]));
      },
      isDead: (metadata) => isDead(readDescribed(metadata).owner, owner),
      onAssigned: (assignment) => {
        const { sources: list = [], members = [] } = assignment.length === 0 ? {} : readAssigned(assignment);
        onAssigned({ sources: new Set(list), members: new Set(members) });
      },
      onLost,
    });
  }

  start(): void {
    inThisProcess.add(this.#ownerId);
    this.#member.start();
  }

  /** The sources known here are others now. */
  sourcesChanged(): void {
    this.#member.rejoin();
  }

  /** Where the group has not been heard of for a session, everything is given up at once: this process may have been frozen. */
  check(): void {
    this.#member.check();
  }

  /** Whether this process is in the group still, by an answer that is newer than this question. */
  async confirm(signal: AbortSignal): Promise<boolean> {
    return await this.#member.confirm(signal);
  }

  async close(): Promise<void> {
    await this.#member.close();
    inThisProcess.delete(this.#ownerId);
  }
}

function pack(value: unknown): Buffer {
  return gzipSync(JSON.stringify(value), { level: 1 });
}

function unpack(bytes: Buffer): Record<string, unknown> {
  return JSON.parse(gunzipSync(bytes).toString("utf8")) as Record<string, unknown>;
}

function readDescribed(bytes: Buffer): Described {
  const { owner, sources, holds } = unpack(bytes) as unknown as Partial<Described>;
  return { owner: owner ?? { id: "", host: "", pid: 0 }, sources: sources ?? [], holds: holds ?? [] };
}

function readAssigned(bytes: Buffer): { sources?: readonly string[]; members?: readonly string[] } {
  return unpack(bytes);
}

/** Whether a member is an earlier process of this very host that is gone. Where it cannot be known, it is alive. */
function isDead(member: Owner, self: Owner): boolean {
  if (member.host !== self.host || inThisProcess.has(member.id)) return false;
  // Two processes of one host never have the same number, so it was this one's before a restart of its container.
  if (member.pid === self.pid) return true;
  try {
    process.kill(member.pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH";
  }
}
