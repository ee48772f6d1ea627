/** What could not become a record. */
export function DeadLettersView() {
  return <h1>Dead letters</h1>;
}
