// Program autoscaler calls an expander over gRPC as Cluster Autoscaler does: with TLS, the certificate of the
// server as the only one that it trusts, and 5 seconds of patience. Pods and Nodes are marshaled by
// k8s.io/api.
//
//	autoscaler ask ADDRESS CERTIFICATE < request.json > answer.json
//	autoscaler marshal < objects.jsonl > messages.jsonl
//	autoscaler fields > fields.json
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "autoscaler:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "ask":
		return ask(args[1], args[2], os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == "marshal":
		return marshalLines()
	case len(args) == 1 && args[0] == "fields":
		return describe(os.Stdout)
	}
	return fmt.Errorf("usage: autoscaler ask ADDRESS CERTIFICATE | marshal | fields")
}

// marshalLines writes the bytes of each Pod or Node on stdin, as a JSON string in base64.
func marshalLines() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	encoder := json.NewEncoder(os.Stdout)
	for in.Scan() {
		data, err := marshal(in.Bytes())
		if err != nil {
			return err
		}
		if err := encoder.Encode(data); err != nil {
			return err
		}
	}
	return in.Err()
}

// marshal returns the bytes of a Pod or Node in JSON.
func marshal(raw []byte) ([]byte, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	if head.Kind == "Node" {
		var node corev1.Node
		if err := json.Unmarshal(raw, &node); err != nil {
			return nil, err
		}
		return node.Marshal()
	}
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		return nil, err
	}
	return pod.Marshal()
}
