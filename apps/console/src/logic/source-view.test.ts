import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ActualState, DesiredState, SourceStatusSchema } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { describe, expect, it } from "@jest/globals";
import { adviceOnSource, describeSource } from "./source-view.js";

const now = 1_800_000_000_000;
const at = (ms: number) => timestampFromMs(now + ms);

type Init = MessageInitShape<typeof SourceStatusSchema>;

function view(actualState: ActualState, init: Init = {}, desiredState: DesiredState = DesiredState.STARTED) {
  const { label, detail, tone, canStart, canStop } = describeSource(
    create(SourceStatusSchema, { actualState, desiredState, ...init }),
    now,
  );
  return [`${label} ${detail}`.trim(), tone, canStart ? "start" : "", canStop ? "stop" : ""].filter(Boolean).join("|");
}

describe("how a source stands", () => {
  it.each<[string, ActualState, Init, DesiredState]>([
    ["Running next poll in 3 s|good|stop", ActualState.IDLE, { nextPollAt: at(3000) }, DesiredState.STARTED],
    ["Running next poll now|good|stop", ActualState.IDLE, { nextPollAt: at(-10) }, DesiredState.STARTED],
    ["Waiting for an ingestor to take it|busy|stop", ActualState.IDLE, {}, DesiredState.STARTED],
    ["Running polling now|good|stop", ActualState.POLLING, { currentPage: 1 }, DesiredState.STARTED],
    ["Running polling now, page 1,200|good|stop", ActualState.POLLING, { currentPage: 1200 }, DesiredState.STARTED],
    ["Stopping finishes the poll under way|busy|start", ActualState.POLLING, {}, DesiredState.STOPPED],
    [
      "Failing failed once; tries again in 9 s|bad|stop",
      ActualState.BACKING_OFF,
      { consecutiveFailures: 1, nextPollAt: at(9000) },
      DesiredState.STARTED,
    ],
    [
      "Failing failed 12 times in a row|bad|stop",
      ActualState.BACKING_OFF,
      { consecutiveFailures: 12 },
      DesiredState.STARTED,
    ],
    ["Gave up start it to try again|bad|start|stop", ActualState.FAILED, {}, DesiredState.STARTED],
    ["Stopped for 2 min|off|start", ActualState.STOPPED, { since: at(-120_000) }, DesiredState.STOPPED],
    ["Starting|busy|stop", ActualState.STOPPED, {}, DesiredState.STARTED],
    ["Stopping|busy|start", ActualState.IDLE, { nextPollAt: at(1) }, DesiredState.STOPPED],
  ])("says %p", (text, actual, init, desired) => expect(view(actual, init, desired)).toBe(text));

  it.each([
    ["", 0, /^$/],
    ["connect ECONNREFUSED 127.0.0.1:1", 0, /address/],
    ["the request timed out after 30 s", 0, /slow/],
    ["401 Unauthorized", 401, /credentials/],
    ["404 Not Found", 404, /address/],
    ["429 Too Many Requests", 429, /limit/],
    ["503 Service Unavailable", 503, /API itself/],
    ["the answer is no JSON", 200, /apispool try/],
  ])("advises on %p", (lastError, lastHttpStatus, advice) => {
    expect(adviceOnSource(create(SourceStatusSchema, { lastError, lastHttpStatus }))).toMatch(advice);
  });
});
