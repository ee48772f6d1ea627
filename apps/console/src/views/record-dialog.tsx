import type { Record as DataRecord } from "@apispool/contracts/apispool/v1/record_pb.js";
import { ago, bytes, moment, msOf } from "../logic/format.js";
import { CopyButton } from "../parts/copy-button.js";
import { Dialog } from "../parts/dialog.js";
import { JsonView } from "../parts/json-view.js";
import { now } from "../state/clock.js";

export interface RecordDialogProps {
  readonly record: DataRecord;
  readonly text: string;
  readonly onClose: () => void;
  /** What else there is to say of it. */
  readonly children?: preact.ComponentChildren;
}

/** A record in full. */
export function RecordDialog({ record, text, onClose, children }: RecordDialogProps) {
  const headers = Object.entries(record.headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <Dialog title={<>Record {record.id}</>} onClose={onClose} wide>
      <dl class="facts">
        <Fact name="Source">{record.source}</Fact>
        <Fact name="Id">
          {record.id} <CopyButton text={record.id} what="the id" />
        </Fact>
        <Fact name="Place">
          partition {record.partition}, offset {String(record.offset)}
        </Fact>
        <Fact name="Written">
          <Time ms={msOf(record.ingestedAt)} />
        </Fact>
        <Fact name="Happened">
          <Time ms={msOf(record.eventTime)} />
        </Fact>
        <Fact name="Size">{bytes(new TextEncoder().encode(text).length)}</Fact>
      </dl>
      {children}
      <JsonView text={text} what="the content" />
      <details>
        <summary>Headers ({headers.length})</summary>
        <dl class="facts">
          {headers.map(([name, value]) => (
            <Fact key={name} name={name}>
              <code>{value}</code>
            </Fact>
          ))}
        </dl>
      </details>
    </Dialog>
  );
}

function Time({ ms }: { readonly ms: number | undefined }) {
  if (ms === undefined) return <>not told</>;
  return (
    <>
      <time dateTime={new Date(ms).toISOString()}>{moment(ms, now.peek())}</time>, {ago(ms, now.value)}
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
