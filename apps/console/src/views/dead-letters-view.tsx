import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { DeadLetter } from "@apispool/contracts/apispool/v1/dead_letter_pb.js";
import { DataReader } from "@apispool/contracts/apispool/v1/data_reader_pb.js";
import { type Command, curlGet, curlPost, grpcurl } from "../logic/commands.js";
import { ago, bytes, moment, msOf } from "../logic/format.js";
import { hexDump } from "../logic/hex.js";
import { sentence } from "../logic/problem.js";
import { routeHash } from "../logic/route.js";
import { asText } from "../logic/tail.js";
import { Commands } from "../parts/commands.js";
import { CopyButton } from "../parts/copy-button.js";
import { SourceSelect } from "../parts/source-select.js";
import { address } from "../state/clients.js";
import { now } from "../state/clock.js";
import { letters, lettersProblem, lookAtLetters, mostLetters } from "../state/dead-letters.js";
import { link } from "../state/link.js";
import { route } from "../state/route.js";

/** What could not become a record. */
export function DeadLettersView() {
  const { source } = route.value;
  useEffect(() => lookAtLetters(source), [source]);
  useEffect(() => () => lookAtLetters(undefined), []);
  const problem = lettersProblem.value;
  const answer = letters.value;
  return (
    <>
      <div class="heading">
        <h1>Dead letters</h1>
      </div>
      <div class="toolbar filters">
        <SourceSelect
          source={source}
          onSelect={(next) => {
            location.hash = routeHash({ view: "dead-letters", source: next });
          }}
        />
        <p class="hint">
          Items that an API sent and that could not become records, kept with the reason.
          {answer?.more === true && ` The newest ${mostLetters}; there are more.`}
        </p>
      </div>
      {problem !== undefined && link.value.kind !== "down" && (
        <p class="problem" role="status">
          The dead letters cannot be listed: {problem.text} <span class="advice">{problem.advice}</span>
        </p>
      )}
      {answer === undefined ? (
        problem === undefined && <p class="empty">Asking for the dead letters …</p>
      ) : answer.deadLetters.length === 0 ? (
        <p class="empty">None. Everything that came became a record.</p>
      ) : (
        <ul class="cards">
          {answer.deadLetters.map((letter) => (
            <LetterCard key={`${letter.source}/${letter.partition}/${letter.offset}`} letter={letter} />
          ))}
        </ul>
      )}
      <Commands commands={commandsFor(source)} />
    </>
  );
}

function LetterCard({ letter }: { readonly letter: DeadLetter }) {
  const opened = useSignal(false);
  const written = msOf(letter.writtenAt);
  return (
    <li class="card letter">
      <div class="who">
        <h2>{letter.source}</h2>
        <span class="url">{letter.place === "" ? `offset ${letter.offset}` : letter.place}</span>
      </div>
      <p class="reason">{sentence(letter.reason)}</p>
      <p class="when">
        {written !== undefined && (
          <time dateTime={new Date(written).toISOString()} title={moment(written, now.peek())}>
            {ago(written, now.value)}
          </time>
        )}
        <span>{bytes(Number(letter.fullBytes))}</span>
      </p>
      <details class="raw" onToggle={(event) => (opened.value = event.currentTarget.open)}>
        <summary>Raw bytes</summary>
        {opened.value && <Raw letter={letter} />}
      </details>
    </li>
  );
}

function Raw({ letter: { raw, fullBytes, source, offset } }: { readonly letter: DeadLetter }) {
  const text = asText(raw);
  const shown = text ?? hexDump(raw);
  const what = `raw bytes of ${source}, offset ${offset}`;
  const cut = fullBytes > BigInt(raw.length) ? `, the first ${bytes(raw.length)} of ${bytes(Number(fullBytes))}` : "";
  return (
    <div class="json-view">
      <div class="toolbar">
        <span class="hint">{(text === undefined ? "No text, in hexadecimal" : "As it came") + cut}</span>
        <CopyButton text={shown} what={what} />
      </div>
      <pre class="json" tabIndex={0} role="region" aria-label={what}>
        {shown}
      </pre>
    </div>
  );
}

function commandsFor(source: string): readonly Command[] {
  const sources = source === "" ? [] : [source];
  return [
    {
      title: "The newest dead letters",
      text: curlGet(address, "/worker/dead-letters", [
        ["source", source],
        ["limit", "20"],
      ]),
    },
    {
      title: "The same by gRPC",
      text: grpcurl(address, `${DataReader.typeName}/ListDeadLetters`, {
        limit: 20,
        ...(source === "" ? {} : { sources }),
      }),
    },
    {
      title: "One poll, without writing: what would become of each item",
      text: curlPost(address, "/worker", { command: "test", ...(source === "" ? {} : { sources }) }),
    },
  ];
}
