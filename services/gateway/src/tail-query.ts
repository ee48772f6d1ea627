import { create } from "@bufbuild/protobuf";
import { AckMode, FetchUnreadRequestSchema } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type FieldProblem, invalidArgument } from "@apispool/common/errors.js";
import type { DataQuery } from "./data-query.js";

/** The forms that `/data` answers in, by their media types. */
export const forms = {
  "application/json": "json",
  "application/x-ndjson": "lines",
  "text/event-stream": "events",
} as const;
export type Form = (typeof forms)[keyof typeof forms];

/** Where an EventSource that comes back says what it had last (WHATWG HTML, section 9.2.4). */
export const lastEventIdHeader = "last-event-id";

/**
 * The fetch as the form of its answer has it: events follow the log, a JSON document cannot. `lastEventId`, of a client that
 * comes back for further events, says that it has everything up to there: that is acknowledged, and the tail goes on
 * from the reader's position. Where the client acknowledges by itself, or does not move the reader at all, the tail
 * goes on from there. Throws INVALID_ARGUMENT.
 */
export function inForm(query: DataQuery, form: Form, lastEventId: string | undefined): DataQuery {
  const problems: FieldProblem[] = [];
  const follow = form === "events" || query.follow === true;
  if (form === "events" && query.follow === false) {
    problems.push({
      field: "follow",
      problem: "is false; an event stream always follows, application/x-ndjson need not",
    });
  }
  if (form === "json" && follow) {
    const problem = "is true; that needs Accept: application/x-ndjson or text/event-stream, for JSON has to end";
    problems.push({ field: "follow", problem });
  }
  if (follow && query.request.wait !== undefined) {
    problems.push({ field: "wait", problem: "does not go with a live tail, which always waits; leave it out" });
  }
  if (problems.length > 0) throw invalidArgument(problems);
  const request = create(FetchUnreadRequestSchema, { ...query.request, follow });
  if (form === "events" && lastEventId !== undefined && lastEventId !== "") {
    if (request.since !== "" || request.ack === AckMode.MANUAL) request.since = lastEventId;
    else request.ackCursor = lastEventId;
  }
  return { ...query, request, follow };
}

/** What a field of the request upstream is called in the JSON API. */
export function dataFieldName(
  field: string,
  { request }: DataQuery,
  { lastEventId, inBody }: { readonly lastEventId: string | undefined; readonly inBody: boolean },
): string {
  const resumed = lastEventId !== undefined && lastEventId !== "";
  if (field === "since") return resumed && request.since === lastEventId ? "Last-Event-ID" : field;
  if (field === "ack_cursor") return resumed && request.ackCursor === lastEventId ? "Last-Event-ID" : "ack";
  if (field === "start.timestamp") return "start";
  return inBody ? field : field.replace(/^(source|key|header)s\b/, "$1");
}
