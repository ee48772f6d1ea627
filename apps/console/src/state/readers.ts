import { effect, signal } from "@preact/signals";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Reader, SeekRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { Alarm } from "../logic/alarm.js";
import { counted } from "../logic/format.js";
import { type Problem, problemOf } from "../logic/problem.js";
import { reader } from "./clients.js";
import { visible } from "./clock.js";
import { link, onLink } from "./link.js";
import { say, sayProblem } from "./messages.js";

/** Every reader, as ListReaders told it last; undefined before its first answer. */
export const readers = signal<readonly Reader[] | undefined>(undefined);
export const readersProblem = signal<Problem | undefined>(undefined);

/** How often they are asked for while they are looked at, in milliseconds; less often where the answer takes long. */
const everyMs = 2000;

const alarm = new Alarm();
let looking: AbortController | undefined;

/** Whether anybody looks at the readers. */
export const wanted = signal(false);

export function watchReaders(): void {
  onLink({ found: () => alarm.ring() });
  effect(() => {
    const look = wanted.value && visible.value;
    if (look && looking === undefined) {
      looking = new AbortController();
      void poll(looking.signal);
    } else if (!look) {
      looking?.abort();
      looking = undefined;
    }
  });
}

async function poll(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const began = Date.now();
    if (link.peek().kind !== "down") {
      try {
        const answer = await reader.listReaders({}, { signal, timeoutMs: 30_000 });
        readers.value = answer.readers;
        readersProblem.value = undefined;
      } catch (error) {
        if (!signal.aborted) readersProblem.value = problemOf(error);
      }
    }
    await alarm.sleep(Math.max(everyMs, 3 * (Date.now() - began)), signal);
  }
}

/** Moves a reader; whether it worked. */
export async function seek(request: MessageInitShape<typeof SeekRequestSchema> & { reader: string }): Promise<boolean> {
  try {
    const { positions } = await reader.seek(request, { timeoutMs: 30_000 });
    say("good", `${request.reader} was moved in ${counted(positions.length, "partition")}.`);
    alarm.ring();
    return true;
  } catch (error) {
    sayProblem(`${request.reader} was not moved`, error);
    return false;
  }
}

/** Forgets a reader; whether it worked. */
export async function remove(name: string): Promise<boolean> {
  try {
    await reader.deleteReader({ reader: name }, { timeoutMs: 30_000 });
    readers.value = readers.value?.filter((one) => one.name !== name);
    say("good", `${name} is deleted.`);
    alarm.ring();
    return true;
  } catch (error) {
    sayProblem(`${name} was not deleted`, error);
    return false;
  }
}
