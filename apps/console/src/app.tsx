import { useEffect } from "preact/hooks";
import { ago, ahead } from "./logic/format.js";
import { type ViewName, routeHash, views } from "./logic/route.js";
import { now } from "./state/clock.js";
import { SignIn, SignOut } from "./parts/sign-in.js";
import { checkLink, link } from "./state/link.js";
import { message } from "./state/messages.js";
import { route } from "./state/route.js";
import { storeOn } from "./state/store.js";
import { DeadLettersView } from "./views/dead-letters-view.js";
import { HistoryView } from "./views/history-view.js";
import { ReadersView } from "./views/readers-view.js";
import { RecordsView } from "./views/records-view.js";
import { SourcesView } from "./views/sources-view.js";

const titles: Readonly<Record<ViewName, string>> = {
  sources: "Sources",
  records: "Records",
  history: "History",
  readers: "Readers",
  "dead-letters": "Dead letters",
};

const contents: Readonly<Record<ViewName, () => preact.JSX.Element>> = {
  sources: SourcesView,
  records: RecordsView,
  history: HistoryView,
  readers: ReadersView,
  "dead-letters": DeadLettersView,
};

export function App() {
  const { view } = route.value;
  const View = contents[view];
  useEffect(() => {
    document.title = `${titles[view]} – Apispool`;
  }, [view]);
  return (
    <>
      <a class="skip" href="#content" onClick={toContent}>
        Skip to the content
      </a>
      <header class="top">
        <span class="brand">Apispool</span>
        <nav aria-label="Views">
          {views.filter(isThere).map((name) => (
            <a
              key={name}
              href={routeHash({ view: name, source: "" })}
              aria-current={name === view ? "page" : undefined}
            >
              {titles[name]}
            </a>
          ))}
          <a href="/docs">API</a>
        </nav>
        <SignOut />
        <LinkState />
      </header>
      <LinkBanner />
      <SignIn />
      <main id="content" tabIndex={-1}>
        <View key={view} />
      </main>
      <Messages />
    </>
  );
}

/** The history is there where a store is switched on; whoever came to it by its address is told that there is none. */
function isThere(name: ViewName): boolean {
  return name !== "history" || storeOn.value || route.value.view === "history";
}

/** A link to #content would be taken for a view. */
function toContent(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector("main")?.focus();
}

function LinkState() {
  const { value } = link;
  const [tone, text] =
    value.kind === "connecting"
      ? ["busy", "Connecting"]
      : value.kind === "down"
        ? ["bad", "Disconnected"]
        : value.serving
          ? ["good", "Connected"]
          : ["bad", "Not ready"];
  return (
    <p class={`link-state ${tone}`} role="status">
      {text}
    </p>
  );
}

/** Says what is wrong with the connection, above everything: what is below is as it was then. */
function LinkBanner() {
  const { value } = link;
  if (value.kind === "down") {
    return (
      <section class="banner bad" aria-label="Connection">
        <p role="alert">
          <strong>The gateway at {location.host} does not answer.</strong> What is shown is as it was. Is it running?
          The console goes on by itself when it is back.
        </p>
        <p class="retry">
          {`Gone ${ago(value.since, now.value)}, next try ${ahead(value.retryAt, now.value)}. `}
          <button type="button" class="small" onClick={checkLink}>
            Try now
          </button>
        </p>
      </section>
    );
  }
  if (value.kind === "up" && !value.serving) {
    return (
      <section class="banner warn" aria-label="Connection">
        <p role="status">
          <strong>The gateway answers, but is not ready:</strong> a service behind it, or Kafka, is away. What each part
          lacks is said below; <a href="/readyz">/readyz</a> tells as much.
        </p>
      </section>
    );
  }
  return null;
}

/** What the last action came to; it stays until the next one, or until it is put away. */
function Messages() {
  const { value } = message;
  return (
    <div class="messages" role="status" aria-live="polite">
      {value !== undefined && (
        <div key={value.number} class={`message ${value.tone}`}>
          <p>{value.text}</p>
          <button
            type="button"
            class="small quiet"
            onClick={() => (message.value = undefined)}
            aria-label="Put the message away"
          >
            Close
          </button>
        </div>
      )}
    </div>
  );
}
