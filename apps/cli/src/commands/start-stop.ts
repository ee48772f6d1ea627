import { Command } from "@commander-js/extra-typings";
import { ActualState, type SourceStatus } from "@apispool/contracts/apispool/v1/worker_control_pb.js";
import { workerSource } from "@apispool/gateway/worker-json.js";
import type { Context } from "../context.js";
import { Ended } from "../failure.js";
import { withGateway } from "../gateway.js";
import { jsonOption, keyFileOption, urlOption } from "../options.js";
import { printable } from "../printable.js";
import { Progress } from "../progress.js";

interface Change {
  readonly name: "start" | "stop";
  readonly summary: string;
  readonly description: string;
  readonly done: string;
  readonly already: string;
  /** What is waited for where it takes long. */
  readonly waiting: string;
}

const start: Change = {
  name: "start",
  summary: "start polling sources",
  description:
    "Starts polling the sources named, or all of them. They stay started, also over restarts, until they are stopped.",
  done: "started",
  already: "was started already",
  waiting: "waiting for the sources to begin …",
};

const stop: Change = {
  name: "stop",
  summary: "stop polling sources",
  description:
    "Stops polling the sources named, or all of them. It ends once a poll under way has been written or given up: after it, no " +
    "further record of them comes.",
  done: "stopped",
  already: "was stopped already",
  waiting: "waiting for the polls under way to end …",
};

export const startCommand = (context: Context) => changeCommand(context, start);
export const stopCommand = (context: Context) => changeCommand(context, stop);

function changeCommand(context: Context, change: Change) {
  const { around } = context;
  return new Command(change.name)
    .summary(change.summary)
    .description(change.description)
    .argument("[source...]", "names of sources; all of them where none is given")
    .addOption(jsonOption("the sources as `POST /worker` gives them"))
    .addOption(urlOption())
    .addOption(keyFileOption())
    .action(async (sources, options) =>
      withGateway(options, around, async ({ worker, signal }) => {
        const statuses = await waitFor(
          context,
          change,
          change.name === "start" ? worker.start({ sources }, { signal }) : worker.stop({ sources }, { signal }),
        );
        if (options.json === true) around.out(JSON.stringify({ sources: statuses.map(workerSource) }));
        else for (const status of statuses) around.out(changed(status, change, context));
        if (statuses.some(failed)) throw new Ended(1);
      }),
    );
}

async function waitFor(
  { around }: Context,
  { waiting }: Change,
  answer: Promise<{ readonly sources: readonly SourceStatus[] }>,
): Promise<readonly SourceStatus[]> {
  using _ = new Progress(around, () => waiting);
  return (await answer).sources;
}

const failed = ({ actualState }: SourceStatus): boolean => actualState === ActualState.FAILED;

function changed(status: SourceStatus, { done, already }: Change, { paint }: Context): string {
  const say = paint();
  const source = say("bold", printable(status.source));
  if (failed(status)) return `${source}: ${say("red", "failed")}: ${printable(status.lastError)}`;
  const what = status.changed ? say("green", done) : already;
  // A source that is started and cannot be polled is better said now than found out later.
  const trouble =
    status.lastError === "" ? "" : `; ${say("yellow", "its last poll failed")}: ${printable(status.lastError)}`;
  return `${source}: ${what}${trouble}`;
}
