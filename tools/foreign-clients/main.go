// Calls the gateway with connect-go: go-client <connect|grpc|grpcweb> <url> <reader> [<file of the authority>]
// Every message that comes is a line on stdout, and so is an error: {"call": …, "message": …} or {"call": …, "error": <code>}.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	apispool "foreign/gen/apispool/v1"
	"foreign/gen/apispool/v1/apispoolv1connect"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tell(call string, key string, value any) {
	if message, ok := value.(proto.Message); ok {
		text, err := protojson.Marshal(message)
		must(err)
		value = json.RawMessage(text)
	}
	line, err := json.Marshal(map[string]any{"call": call, key: value})
	must(err)
	fmt.Println(string(line))
}

// httpClient speaks what the protocol asks for: HTTP/2 for gRPC, in cleartext by prior knowledge, and otherwise what
// Go itself chooses, HTTP/1.1 in cleartext and what ALPN gives over TLS.
func httpClient(protocol string, url string, authority string) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	if strings.HasPrefix(url, "https:") {
		pem, err := os.ReadFile(authority)
		must(err)
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			must(fmt.Errorf("%s holds no certificate", authority))
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		transport.Protocols.SetHTTP1(protocol != "grpc")
		transport.Protocols.SetHTTP2(true)
	} else {
		transport.Protocols.SetHTTP1(protocol != "grpc")
		transport.Protocols.SetUnencryptedHTTP2(protocol == "grpc")
	}
	return &http.Client{Transport: transport}
}

func main() {
	protocol, url, reader, authority := os.Args[1], os.Args[2], os.Args[3], ""
	if len(os.Args) > 4 {
		authority = os.Args[4]
	}
	options := map[string][]connect.ClientOption{
		"connect": {},
		"grpc":    {connect.WithGRPC()},
		"grpcweb": {connect.WithGRPCWeb()},
	}[protocol]
	client := httpClient(protocol, url, authority)
	worker := apispoolv1connect.NewWorkerControlClient(client, url, options...)
	data := apispoolv1connect.NewDataReaderClient(client, url, options...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	started, err := worker.Start(ctx, connect.NewRequest(&apispool.StartRequest{}))
	must(err)
	tell("start", "message", started.Msg)
	status, err := worker.GetStatus(ctx, connect.NewRequest(&apispool.GetStatusRequest{}))
	must(err)
	tell("status", "message", status.Msg)
	_, err = worker.Start(ctx, connect.NewRequest(&apispool.StartRequest{Sources: []string{"nope"}}))
	tell("unknown", "error", connect.CodeOf(err).String())
	for _, call := range []string{"first", "second"} {
		stream, err := data.FetchUnread(ctx, connect.NewRequest(&apispool.FetchUnreadRequest{Reader: reader}))
		must(err)
		for stream.Receive() {
			tell(call, "message", stream.Msg())
		}
		must(stream.Err())
		must(stream.Close())
	}
}
