"""librdkafka by its Python client (confluent-kafka): python librdkafka_consumer.py BROKERS TOPIC RECORDS GROUP.

Reads a topic from its beginning, 10,000 records a call, and prints the records, the seconds from when partitions were
assigned, and the most memory in MB.
"""

import resource
import sys
import time

from confluent_kafka import Consumer

brokers, topic, records, group = sys.argv[1:]
started = time.monotonic()


def assigned(_consumer, _partitions):
    global started
    started = time.monotonic()


consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
    }
)
consumer.subscribe([topic], on_assign=assigned)
count = 0
give_up = time.monotonic() + 120
while count < int(records) and time.monotonic() < give_up:
    for message in consumer.consume(10_000, timeout=1):
        if message.error() is None:
            count += 1
seconds = time.monotonic() - started
print(count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, flush=True)
consumer.close()
