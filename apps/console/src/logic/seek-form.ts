import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Position, SeekRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";

export type SeekTarget = "earliest" | "latest" | "time" | "offsets";

/** What the seek dialog holds. */
export interface SeekForm {
  readonly target: SeekTarget;
  /** As `<input type="datetime-local">` has it, in the person's own time zone. */
  readonly time: string;
  /** By `source/partition`. */
  readonly offsets: Readonly<Record<string, string>>;
}

export type SeekInit = MessageInitShape<typeof SeekRequestSchema> & { readonly reader: string };

export const offsetKey = ({ source, partition }: Pick<Position, "source" | "partition">): string =>
  `${source}/${partition}`;

/** The request that the form asks for, or what is wrong with it. */
export function seekRequest(
  reader: string,
  positions: readonly Position[],
  form: SeekForm,
): { readonly request: SeekInit } | { readonly problem: string } {
  switch (form.target) {
    case "earliest":
      return { request: { reader, to: { case: "earliest", value: {} } } };
    case "latest":
      return { request: { reader, to: { case: "latest", value: {} } } };
    case "time": {
      const ms = Date.parse(form.time);
      if (Number.isNaN(ms)) return { problem: "Choose a day and a time." };
      return { request: { reader, to: { case: "timestamp", value: timestampFromMs(ms) } } };
    }
    case "offsets": {
      const wanted: { source: string; partition: number; offset: bigint }[] = [];
      for (const position of positions) {
        const text = (form.offsets[offsetKey(position)] ?? "").trim();
        if (!/^\d{1,18}$/.test(text)) {
          return {
            problem: `The offset of ${position.source}, partition ${position.partition}, must be a whole number, 0 or more.`,
          };
        }
        const offset = BigInt(text);
        if (offset !== position.offset) wanted.push({ source: position.source, partition: position.partition, offset });
      }
      if (wanted.length === 0) return { problem: "Every offset is where the reader stands already; change one." };
      return { request: { reader, to: { case: "offsets", value: { positions: wanted } } } };
    }
  }
}

/** A time as `<input type="datetime-local">` wants it. */
export function localTime(ms: number): string {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 19);
}
