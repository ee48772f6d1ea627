import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TrySourceResponseSchema } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { oneLine } from "@apispool/gateway/record-text.js";
import { printable } from "./printable.js";
import type { Surroundings } from "./surroundings.js";

export type Tried = MessageInitShape<typeof TrySourceResponseSchema>;

/** The records of a try to the output, the rest to the errors; whether it went well. */
export function tell(tried: Tried, { out, err }: Pick<Surroundings, "out" | "err">): boolean {
  const { records = [], deadLetters = [], requests = [], recordsTotal = 0n, deadLettersTotal = 0n } = tried;
  const { duplicates = 0n, nextCursor = "", error = "" } = tried;
  for (const { json } of records) out(oneLine(json ?? ""));
  for (const { method, url, status } of requests) err(`${method} ${url} → ${status === 0 ? "no answer" : status}`);
  err(
    `${recordsTotal} ${recordsTotal === 1n ? "record" : "records"} would be written${Number(recordsTotal) > records.length ? `, ${records.length} are shown` : ""}`,
  );
  if (deadLettersTotal > 0n) err(`${deadLettersTotal} items would go to the dead letters:`);
  for (const { place, reason } of deadLetters) err(`  ${printable(place ?? "")}: ${printable(reason ?? "")}`);
  if (duplicates > 0n) err(`${duplicates} records come twice and would be written once`);
  if (nextCursor !== "") err(`next cursor: ${printable(nextCursor)}`);
  if (tried.more === true) err("there is more to be had: see --pages");
  if (error !== "") err(`it failed: ${printable(error)}`);
  return error === "";
}
