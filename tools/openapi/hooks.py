"""What schemathesis cannot know from a document: which cursors there are, what a JMESPath is, and which fields of a request
go together. Without it most of what it takes for valid would be refused, rightly, and everything behind the refusal would stay
untested. Values that are wrong in form are left as they are."""

import datetime
import json
import os
import re
import urllib.parse
import urllib.request
import zlib

import schemathesis
from hypothesis import strategies as st

GATEWAY = os.environ["APISPOOL_TEST_URL"]
READER = "cursors"


def fetch(query):
    with urllib.request.urlopen(f"{GATEWAY}/data?{urllib.parse.urlencode(query)}") as answer:
        return json.load(answer)


# Cursors belong to a reader, which exists from its first fetch.
fetch({"reader": READER, "ack": "auto", "limit": 1})
CURSORS = [fetch({"reader": READER, "since": "earliest", "limit": n})["cursor"] for n in (1, 2, 5, 9)]

# The log has no time before 1970.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2100, 1, 1)).map(lambda at: f"{at.isoformat()}Z"),
)
schemathesis.openapi.format("cursor", st.sampled_from(CURSORS))
schemathesis.openapi.format(
    "jmespath",
    st.sampled_from(["n > `2`", "name == 'Zo\u00eb'", "!missing", "length(name) == `3` || tags[?@ == 'a']", "`true`", "@"]),
)


TIME = re.compile(r"\d{4}-\d\d-\d\dT")
FORM = os.environ["APISPOOL_TEST_FORM"]


def cursors_in(value):
    if isinstance(value, dict):
        return any(cursors_in(one) for one in value.values())
    return isinstance(value, str) and value in CURSORS


def a_wait(value):
    try:
        return not isinstance(value, bool) and 0.01 < float(value) <= 300
    except (TypeError, ValueError):
        return False


def often(value):
    """The same for the same value, so that a case that failed can be repeated."""
    return zlib.crc32(repr(value).encode()) % 3 > 0


def together(fields):
    """Makes fields go together that are each right by themselves, and mean something that is there."""
    if "cursor" in fields and fields["cursor"] not in CURSORS:
        fields["cursor"] = CURSORS[0]
    to = fields.get("to")
    if isinstance(to, dict):
        fields.pop("sources", None)
        if "offsets" in to:
            # Within what there is: the log has 40 records at least.
            to["offsets"] = [{"source": "quakes", "partition": 0, "offset": to["offsets"][0]["offset"] % 40}]
        elif to["cursor"] not in CURSORS:
            to["cursor"] = CURSORS[0]
    for name, words in [("since", ["earliest", "latest"]), ("ack", ["auto", "manual"])]:
        value = fields.get(name)
        if value is not None and value not in [*words, *CURSORS] and not (name == "since" and TIME.match(value)):
            fields[name] = CURSORS[1]
    if cursors_in(fields):
        fields["reader"] = READER
    if "since" in fields and "ack" in fields:
        fields["ack"] = "manual"
    if FORM != "application/x-ndjson":
        fields.pop("follow", None)
    if fields.get("follow") in [True, "true"] or FORM == "text/event-stream":
        fields.pop("wait", None)
    if isinstance(fields.get("header"), list):
        fields["header"] = list({one.split(":")[0]: one for one in fields["header"]}.values())
    for name in ["source", "sources"]:
        if isinstance(fields.get(name), list) and often(fields[name]):
            fields[name] = ["quakes" for _ in fields[name]]


@schemathesis.hook
def before_call(context, case, kwargs):
    both = [fields for fields in [case.query, case.body] if isinstance(fields, dict)]
    for fields in both:
        if a_wait(fields.get("wait")):
            fields["wait"] = 0.01
    # Looked up behind that: a case that is changed is judged anew, and may turn out to be right.
    positive = case.meta is None or case.meta.generation.mode.is_positive
    if positive:
        for fields in both:
            together(fields)
    path = case.path_parameters
    if positive and case.method != "DELETE" and path and often(path):
        path["name"] = READER
    # What an event stream begins behind; a cursor, too.
    if case.headers is not None and case.headers.get("Last-Event-ID") and FORM == "text/event-stream":
        del case.headers["Last-Event-ID"]


@schemathesis.deserializer("application/x-ndjson")
def lines(context, response):
    """The document says of it that it is text, and what each line is; that the unit tests look at."""
    text = response.content.decode()
    for line in text.splitlines():
        json.loads(line)
    return text
