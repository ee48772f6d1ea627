/** A response of any of the calls, in protobuf's JSON. */
export interface Message {
  readonly sources?: readonly { source: string; desiredState: string; recordsTotal?: string }[];
  readonly records?: readonly { id: string; offset?: string; json: string }[];
  readonly complete?: boolean;
  readonly cursor?: string;
}

/** What a client tells of one message or error that came, whatever language it is written in. */
export interface Told {
  /** Start; GetStatus; Start of a source that there is not; FetchUnread; FetchUnread again. */
  readonly call: "start" | "status" | "unknown" | "first" | "second";
  readonly message?: Message | undefined;
  /** Its code, in snake_case. */
  readonly error?: string | undefined;
}

/** The messages that a program wrote one after the other, JSON each, whether on lines of their own or indented. */
export function messagesIn(text: string): Message[] {
  // Inside of an indented text no line begins with a brace but the first and the last.
  const texts = text.split(/\n(?=\{)/).filter((one) => one.trim() !== "");
  return texts.map((one) => JSON.parse(one) as Message);
}
