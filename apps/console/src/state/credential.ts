import { signal } from "@preact/signals";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

const name = "apispool-key";

/** The key or token that the gateway is shown; "" for none. The browser forgets it with the tab. */
export const credential = signal(sessionStorage.getItem(name) ?? "");

/** Why the gateway wants to know who calls; undefined while it is content. */
export const locked = signal<string | undefined>(undefined);

export function setCredential(key: string): void {
  credential.value = key;
  locked.value = undefined;
  if (key === "") sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, key);
}

/** Sends it as a header, never in an address, and hears when it does not do. */
export const showCredential: Interceptor = (next) => async (request) => {
  const shown = credential.peek();
  if (shown !== "") request.header.set("authorization", `Bearer ${shown}`);
  const hear = (error: unknown): void => {
    // An answer to what was shown before somebody signed in says nothing of what is shown now.
    if (shown !== credential.peek() || !(error instanceof ConnectError)) return;
    if (error.code === Code.Unauthenticated) locked.value = error.rawMessage;
  };
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: heard(response.message, hear) } : response;
  } catch (error) {
    hear(error);
    throw error;
  }
};

async function* heard<T>(messages: AsyncIterable<T>, hear: (error: unknown) => void): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    hear(error);
    throw error;
  }
}
