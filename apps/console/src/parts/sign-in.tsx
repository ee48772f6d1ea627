import { useState } from "preact/hooks";
import { sentence } from "../logic/problem.js";
import { credential, locked, setCredential } from "../state/credential.js";
import { startOver } from "../state/link.js";

/** Asks for a key where the gateway does. */
export function SignIn() {
  const [key, setKey] = useState("");
  if (locked.value === undefined) return null;
  const submit = (event: Event): void => {
    event.preventDefault();
    const shown = key.trim();
    if (shown === "") return;
    setKey("");
    setCredential(shown);
    startOver();
  };
  return (
    <section class="banner warn" aria-label="Sign in">
      <p role="alert">
        <strong>The gateway wants to know who you are.</strong> {sentence(locked.value)}
      </p>
      <form class="sign-in" onSubmit={submit}>
        <label for="key">Key or token</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={key}
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <button type="submit" class="small">
          Sign in
        </button>
      </form>
      <p>It is kept until this tab is closed, and sent to this gateway only.</p>
    </section>
  );
}

/** Forgets the key. */
export function SignOut() {
  if (credential.value === "") return null;
  const forget = (): void => {
    setCredential("");
    // What is on the page was shown to somebody who is gone.
    location.reload();
  };
  return (
    <button type="button" class="small quiet" onClick={forget}>
      Sign out
    </button>
  );
}
