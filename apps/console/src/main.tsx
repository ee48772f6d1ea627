import { render } from "preact";
import { App } from "./app.js";
import { startClock } from "./state/clock.js";
import { watchDeadLetters } from "./state/dead-letters.js";
import { watchLink } from "./state/link.js";
import { watchReaders } from "./state/readers.js";
import { watchRoute } from "./state/route.js";
import { watchSources } from "./state/sources.js";
import { watchStore } from "./state/store.js";
import { watchTail } from "./state/tail.js";

startClock();
watchRoute();
watchSources();
watchTail();
watchReaders();
watchDeadLetters();
watchStore();
void watchLink();

const root = document.querySelector("#app");
if (root !== null) render(<App />, root);
