package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const patience = 5 * time.Second

// request is what Cluster Autoscaler would ask. Messages: send Pods and Nodes in the fields of the versions
// before 1.35.
type request struct {
	Options  []option                   `json:"options"`
	Nodes    map[string]json.RawMessage `json:"nodes"`
	Messages bool                       `json:"messages"`
}

type option struct {
	NodeGroupID string            `json:"nodeGroupId"`
	NodeCount   int32             `json:"nodeCount"`
	Debug       string            `json:"debug"`
	Pods        []json.RawMessage `json:"pods,omitempty"`
}

// answer has the options, or how the call failed.
type answer struct {
	Options []option `json:"options"`
	Code    string   `json:"code"`
	Message string   `json:"message"`
}

func ask(address, certificate string, in io.Reader, out io.Writer) error {
	var question request
	if err := json.NewDecoder(in).Decode(&question); err != nil {
		return err
	}
	messages, err := protocol()
	if err != nil {
		return err
	}
	body, err := encode(messages, question)
	if err != nil {
		return err
	}
	trusted, err := credentials.NewClientTLSFromFile(certificate, "")
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(trusted))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response := dynamicpb.NewMessage(messages.ByName("BestOptionsResponse"))
	if err := connection.Invoke(ctx, method, body, response); err != nil {
		failed := status.Convert(err)
		return json.NewEncoder(out).Encode(answer{Code: failed.Code().String(), Message: failed.Message()})
	}
	return json.NewEncoder(out).Encode(answer{Options: decode(response), Code: "OK"})
}

func encode(messages protoreflect.MessageDescriptors, question request) (proto.Message, error) {
	made := dynamicpb.NewMessage(messages.ByName("BestOptionsRequest"))
	podField, nodeField := protoreflect.Name("podBytes"), protoreflect.Name("nodeBytesMap")
	if question.Messages {
		podField, nodeField = "pod", "nodeMap"
	}
	options := made.Mutable(made.Descriptor().Fields().ByName("options")).List()
	for _, item := range question.Options {
		one := options.AppendMutable().Message()
		fields := one.Descriptor().Fields()
		one.Set(fields.ByName("nodeGroupId"), protoreflect.ValueOfString(item.NodeGroupID))
		one.Set(fields.ByName("nodeCount"), protoreflect.ValueOfInt32(item.NodeCount))
		one.Set(fields.ByName("debug"), protoreflect.ValueOfString(item.Debug))
		pods := one.Mutable(fields.ByName(podField)).List()
		for _, raw := range item.Pods {
			bytes, err := marshal(raw)
			if err != nil {
				return nil, err
			}
			pods.Append(protoreflect.ValueOfBytes(bytes))
		}
	}
	nodes := made.Mutable(made.Descriptor().Fields().ByName(nodeField)).Map()
	for group, raw := range question.Nodes {
		bytes, err := marshal(raw)
		if err != nil {
			return nil, err
		}
		nodes.Set(protoreflect.ValueOfString(group).MapKey(), protoreflect.ValueOfBytes(bytes))
	}
	return made, nil
}

func decode(response *dynamicpb.Message) []option {
	found := []option{}
	options := response.Get(response.Descriptor().Fields().ByName("options")).List()
	for at := range options.Len() {
		one := options.Get(at).Message()
		fields := one.Descriptor().Fields()
		found = append(found, option{
			NodeGroupID: one.Get(fields.ByName("nodeGroupId")).String(),
			NodeCount:   int32(one.Get(fields.ByName("nodeCount")).Int()),
			Debug:       one.Get(fields.ByName("debug")).String(),
		})
	}
	return found
}
