"""Calls the gateway with grpcio: client.py <url> <reader> [<file of the authority>]

The folder of the stubs is in PYTHONPATH. Every message that comes is a line on stdout, and so is an error:
{"call": ..., "message": ...} or {"call": ..., "error": <code>}.
"""

import json
import sys
from urllib.parse import urlsplit

import grpc
from google.protobuf.json_format import MessageToDict

from apispool.v1 import data_reader_pb2, data_reader_pb2_grpc, worker_control_pb2, worker_control_pb2_grpc

TIMEOUT = 60


def tell(call, message):
    print(json.dumps({"call": call, "message": MessageToDict(message)}))


def open_channel(url, authority):
    parts = urlsplit(url)
    if parts.scheme != "https":
        return grpc.insecure_channel(parts.netloc)
    with open(authority, "rb") as file:
        return grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(root_certificates=file.read()))


def main(url, reader, authority=None):
    with open_channel(url, authority) as channel:
        worker = worker_control_pb2_grpc.WorkerControlStub(channel)
        data = data_reader_pb2_grpc.DataReaderStub(channel)
        tell("start", worker.Start(worker_control_pb2.StartRequest(), timeout=TIMEOUT))
        tell("status", worker.GetStatus(worker_control_pb2.GetStatusRequest(), timeout=TIMEOUT))
        try:
            worker.Start(worker_control_pb2.StartRequest(sources=["nope"]), timeout=TIMEOUT)
        except grpc.RpcError as error:
            print(json.dumps({"call": "unknown", "error": error.code().name.lower()}))
        for call in ("first", "second"):
            for batch in data.FetchUnread(data_reader_pb2.FetchUnreadRequest(reader=reader), timeout=TIMEOUT):
                tell(call, batch)


main(*sys.argv[1:])
