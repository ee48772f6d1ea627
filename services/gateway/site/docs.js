// The page at /docs: Swagger UI on /openapi.json, light or dark as the system is.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

/** How long a stream that does not end is listened to, in milliseconds. */
const LISTEN_MS = 5000;

/** As fetch, but of a live tail what comes within a few seconds: Swagger UI shows an answer only when it is whole. */
async function fetchForAWhile(url, options) {
  const stop = new AbortController();
  const answer = await fetch(url, { ...options, signal: stop.signal });
  const type = answer.headers.get("content-type") ?? "";
  if (answer.body === null || !/event-stream|ndjson/.test(type)) return answer;
  const timer = setTimeout(() => stop.abort(), LISTEN_MS);
  const pieces = [];
  try {
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  const { status, statusText, headers } = answer;
  return new Response(new Blob(pieces), { status, statusText, headers });
}

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // Otherwise it would have a server of somebody else check the document.
  validatorUrl: null,
  requestInterceptor: (request) => Object.assign(request, { userFetch: fetchForAWhile }),
  layout: "BaseLayout",
});
