import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** One reader process, from its start to its end. */
export interface ProcessId {
  /** New with every start. */
  readonly id: string;
  /** The host's name, for people. */
  readonly host: string;
  readonly pid: number;
  /** Where process numbers mean the same: this boot of this machine, and within it this container; empty where that is not known. */
  readonly space: string;
}

/** The ids that were given in this process: tests have several readers in one. */
const ours = new Set<string>();

export function newProcessId(): ProcessId {
  const id = randomBytes(6).toString("base64url");
  ours.add(id);
  return { id, host: hostname(), pid: process.pid, space: processSpace() };
}

/** Whether a process is certainly no longer there; where it cannot be known it is taken to be alive. */
export function isDead(other: ProcessId, self: ProcessId): boolean {
  if (other.space === "" || other.space !== self.space || ours.has(other.id)) return false;
  try {
    process.kill(other.pid, 0);
    // Its number, after it.
    return other.pid === self.pid;
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH";
  }
}

function processSpace(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}/${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}
