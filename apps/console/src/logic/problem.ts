import { Code, ConnectError } from "@connectrpc/connect";

/** Something that went wrong, for people: what it is, and what to do about it. */
export interface Problem {
  /** The connection to the gateway failed: nothing is known of what the call did. */
  readonly unreachable: boolean;
  readonly text: string;
  readonly advice: string;
}

/** Total: whatever is thrown can be shown. */
export function problemOf(thrown: unknown): Problem {
  if (isConnectionLost(thrown)) {
    return {
      unreachable: true,
      text: "The gateway cannot be reached.",
      advice: "Is it running? The console goes on by itself when it is back.",
    };
  }
  const error = ConnectError.from(thrown);
  return { unreachable: false, text: sentence(error.rawMessage), advice: adviceFor(error) };
}

/** Whether the connection itself failed: a browser's fetch says so by TypeError, a stream by its missing end. */
export function isConnectionLost(thrown: unknown): boolean {
  if (thrown === undefined) return true;
  if (thrown instanceof TypeError) return true;
  if (!(thrown instanceof ConnectError)) return false;
  return thrown.cause instanceof TypeError || thrown.rawMessage.includes("missing EndStreamResponse");
}

/** Whether somebody cancelled it, which is no error. */
export function isCancelled(thrown: unknown): boolean {
  return thrown instanceof ConnectError && thrown.code === Code.Canceled;
}

function adviceFor(error: ConnectError): string {
  switch (error.code) {
    case Code.Unavailable:
      return /kafka/i.test(error.rawMessage)
        ? "Is Kafka running? It is tried again by itself."
        : "Is that service running? It is tried again by itself.";
    case Code.DeadlineExceeded:
      return "It may still be done; look again, then try again.";
    case Code.Aborted:
      return "Another client is reading with this name. Stop it, or wait until it is done, and try again.";
    case Code.FailedPrecondition:
      return "Stop whoever uses this reader's consumer group, and try again.";
    case Code.NotFound:
      return "It may have been removed meanwhile.";
    case Code.Unimplemented:
      return "The services are of different versions: bring them to the same one.";
    case Code.Unauthenticated:
      return "Sign in above with a key or token.";
    case Code.ResourceExhausted:
      return "Wait a little, then try again.";
    case Code.PermissionDenied:
      return "Ask whoever runs Apispool for access.";
    case Code.Internal:
    case Code.Unknown:
      return "The service's log tells more.";
    default:
      return "";
  }
}

/** Errors begin in lower case and have no full stop, because they are put together. */
export function sentence(text: string): string {
  if (text === "") return "It failed without saying why.";
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
