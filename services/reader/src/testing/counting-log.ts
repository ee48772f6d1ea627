import type { FetchedPartition, LogReader } from "@apispool/kafka-log/log-reader.js";
import { createLogReader } from "@apispool/kafka-log/kafkajs-log-reader.js";
import type { KafkaSettings } from "@apispool/kafka-log/settings.js";

/** What a reader service asked Kafka for. */
export class KafkaCount {
  /** Fetches for a single client, which Kafka answers at once. */
  fetches = 0;
  /** Fetches for all live tails together, which Kafka holds back until there is something, and which brought something. */
  polls = 0;
  /** Questions for offsets. */
  offsets = 0;
  /** Commits of positions. */
  commits = 0;
  /** Bytes of values that came. */
  bytes = 0;

  reset(): void {
    Object.assign(this, { fetches: 0, polls: 0, offsets: 0, commits: 0, bytes: 0 });
  }

  /** For startReader: the real thing, counted. */
  readonly createLog = (settings: KafkaSettings): LogReader => {
    const log = createLogReader(settings);
    // Nobody else has Kafka hold an answer back. Beside what a store has got first, nor does it.
    let isTail = false;
    const answered = (answers: readonly FetchedPartition[], poll: boolean): void => {
      const records = answers.flatMap((answer) => answer.records);
      this.bytes += records.reduce((sum, { valueLength }) => sum + Math.max(0, valueLength), 0);
      if (!poll) this.fetches += 1;
      else if (records.length > 0) this.polls += 1;
    };
    return {
      topics: (...args) => log.topics(...args),
      leadersOf: (...args) => log.leadersOf(...args),
      async fetch(positions, options) {
        const answers = await log.fetch(positions, options);
        isTail ||= options.maxWaitMs > 0;
        answered(answers, isTail);
        return answers;
      },
      offsetsAt: (...args) => {
        this.offsets += 1;
        return log.offsetsAt(...args);
      },
      committed: (...args) => log.committed(...args),
      commit: (...args) => {
        this.commits += 1;
        return log.commit(...args);
      },
      groups: (...args) => log.groups(...args),
      deleteGroup: (...args) => log.deleteGroup(...args),
      ping: (...args) => log.ping(...args),
      close: () => log.close(),
    };
  };
}
